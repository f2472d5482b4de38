"""What was left out is said of every tag that it concerns, whoever asked for the value first."""

from __future__ import annotations

from container.api import Dynamic, Event, Settings, variable
from container.config.model import OncePer
from container.template import Reference, Template
from tests.engine.parts import a_container, a_tag, a_trigger, a_variable, condition, echo, hit_of, tags_of

NOTE = '"limit" of variable "V" is left out: its value is of the wrong kind'


class Limited(Settings):
    limit: Dynamic[int] | None = None


@variable("limited")
def limited(settings: Limited, event: Event) -> int:
    return 1 if settings.limit is None else settings.limit


V = a_variable("V", limited, limit="{{ event.limit }}")
BODY = {"json_body": {"v": "{{ V }}"}}


def test_every_tag_that_uses_the_value_has_the_note() -> None:
    container = a_container(V, a_tag("A", echo, BODY), a_tag("B", echo, BODY), a_tag("C", echo))
    found = tags_of(container, hit_of(limit="x"))
    assert {name: NOTE in each["why"] for name, each in found.items()} == {"A": True, "B": True, "C": False}
    assert found["A"]["why"].count(NOTE) == 1


def test_a_value_that_a_trigger_has_asked_for_keeps_its_note() -> None:
    trigger = a_trigger("T", condition("V", variable=True, greater_than=0))
    container = a_container(V, trigger, a_tag("Tag", echo, BODY, triggers=("T",)))
    assert NOTE in tags_of(container, hit_of(limit="x"))["Tag"]["why"]


def test_the_key_of_once_per_has_its_notes() -> None:
    key = OncePer(Template((Reference("V"),)), 1000)
    container = a_container(V, a_tag("Tag", echo, once_per=key))
    assert NOTE in tags_of(container, hit_of(limit="x"))["Tag"]["why"]
