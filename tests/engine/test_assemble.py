"""Settings that are assembled are those that a validator would make of the same values."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import Field

from container.api import Dynamic, Event, Request, Settings, from_event, tag
from container.engine.resolve import settings_builder
from container.engine.scope import ConsentDefaults, Getter, Scope
from container.template import Reference
from tests.engine.parts import URL, a_container, a_tag, hit_of, tags_of


class Parcel(Settings):
    weight: Dynamic[float] = 2.0
    label: Dynamic[str] | None = from_event("label")


class Shipment(Settings):
    carrier: Dynamic[str] | None = from_event("carrier")
    parcel: Parcel = Field(default_factory=Parcel)


@tag("shipment", consent=[])
def shipment(settings: Shipment, event: Event) -> Request:
    return Request("POST", URL, json=settings.model_dump())


@pytest.mark.parametrize("weight", [{}, {"weight": "{{ event.kilos }}"}], ids=["fixed", "referred to"])
@pytest.mark.parametrize(
    ("data", "label", "notes"),
    [
        ({}, None, ""),
        ({"label": "a"}, "a", ""),
        ({"label": "ü", "kilos": ""}, "ü", ""),
        ({"label": 5}, "5", ""),
        ({"label": [1]}, None, '"parcel.label" is left out: its value is of the wrong kind'),
    ],
)
def test_settings_within_settings_are_the_same_with_and_without_validation(
    weight: dict[str, Any], data: dict[str, Any], label: str | None, notes: str
) -> None:
    container = a_container(a_tag("Tag", shipment, {"parcel": weight}))
    found = tags_of(container, hit_of(carrier="ups", **data))["Tag"]
    assert found["requests"][0]["json"] == {"carrier": "ups", "parcel": {"weight": 2, "label": label}}
    assert found["why"].partition("; ")[2] == notes


def test_what_is_noted_of_a_value_is_noted_once_when_another_is_of_the_wrong_kind() -> None:
    long = a_tag("Tag", shipment, {"carrier": "{{ event.long }}{{ event.long }}"})
    why = tags_of(a_container(long), hit_of(long="x" * 40_000, label=[1]))["Tag"]["why"]
    assert why.count("has no value") == 1
    assert why.count("is left out") == 1


def test_text_that_is_no_unicode_is_left_to_the_validator() -> None:
    def no_reference(_: Reference) -> Getter:
        raise AssertionError("there is none")

    event = Event("purchase", {"label": "\ud800"}, hit_of())
    scope = Scope(event, 0, ConsentDefaults({}, lambda _: "denied"))
    assert settings_builder(Shipment(), no_reference)(scope) == Shipment(carrier=None, parcel=Parcel(label="\ud800"))
