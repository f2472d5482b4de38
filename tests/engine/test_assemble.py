"""Settings that are assembled are those that a validator would make of the same values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import pytest
from pydantic import AfterValidator, ConfigDict, Field, PrivateAttr

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


def no_strangers(value: Parcel) -> Parcel:
    if value.label == "stranger":
        raise ValueError("no strangers")
    return value


class Short(Settings):
    model_config = ConfigDict(str_strip_whitespace=True, str_max_length=3)
    label: Dynamic[str] | None = from_event("label")


class Guarded(Settings):
    parcel: Annotated[Parcel, AfterValidator(no_strangers)] = Field(default_factory=Parcel)


class Counting(Settings):
    label: Dynamic[str] | None = from_event("label")
    _seen: list[str] = PrivateAttr(default_factory=list)


class Following(Settings):
    label: Dynamic[str] = "a"
    copy_of: str = Field(default_factory=lambda data: data["label"])


class Automatic(Settings):
    number: Dynamic[int] = Field(default="auto")  # type: ignore[assignment]  # as plug-ins may have it


def played(model: type[Settings], settings: dict[str, Any], **data: Any) -> tuple[Any, str]:
    """What a tag with these settings sees, and the notes."""

    def probe(settings: Settings, event: Event) -> Request:
        return Request(
            "POST", URL, json={**settings.model_dump(warnings=False), "private": settings.__pydantic_private__}
        )

    probe.__annotations__["settings"] = model
    mark: Callable[[Any], Any] = tag("probe", consent=[])
    found = tags_of(a_container(a_tag("Tag", mark(probe), settings)), hit_of(**data))["Tag"]
    return (found["requests"] or [{"json": None}])[0]["json"], found["why"].partition("; ")[2]


def test_a_model_with_rules_of_its_own_is_validated() -> None:
    assert played(Short, {}, label=" ab ")[0]["label"] == "ab"
    assert played(Short, {}, label="abcdef")[0]["label"] is None


def test_a_field_with_a_validator_of_its_own_is_validated() -> None:
    assert played(Guarded, {}, label="friend")[0]["parcel"]["label"] == "friend"
    assert played(Guarded, {}, label="stranger")[0] is None


def test_private_attributes_are_made() -> None:
    assert played(Counting, {}, label="a")[0]["private"] == {"_seen": []}


def test_a_default_that_is_made_of_others_is_made_of_them() -> None:
    assert played(Following, {"label": "{{ event.label }}"}, label="x")[0]["copy_of"] == "x"


def test_a_default_is_not_checked_like_a_value() -> None:
    sent, notes = played(Automatic, {"number": "{{ event.n }}"})
    assert (sent["number"], notes) == ("auto", "")
    sent, notes = played(Automatic, {"number": "{{ event.n }}"}, n=[1])
    assert sent["number"] == "auto"
    assert '"number" is left out' in notes


def test_text_that_is_no_unicode_is_left_to_the_validator() -> None:
    def no_reference(_: Reference) -> Getter:
        raise AssertionError("there is none")

    event = Event("purchase", {"label": "\ud800"}, hit_of())
    scope = Scope(event, 0, ConsentDefaults({}, lambda _: "denied"))
    assert settings_builder(Shipment(), no_reference)(scope) == Shipment(carrier=None, parcel=Parcel(label="\ud800"))
