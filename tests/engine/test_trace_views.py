"""Transformations as preview shows them: what each changed, and the event data that the tag saw."""

from __future__ import annotations

from typing import Any

from container.config.model import Format
from container.engine.run import run
from container.transformations import augment_event, exclude_parameters
from tests.engine.parts import a_container, a_tag, a_transformation, a_trigger, a_variable, condition, hit_of, tags_of
from tests.engine.test_trace import raising, told_of
from tests.engine.test_views import breaks, needy
from variables.event_data import event_data


def tag_of(*parts: Any, **data: Any) -> dict[str, Any]:
    container = a_container(*parts, a_tag("Tag", values={"json_body": {"a": "{{ event.a }}"}}), debug=True)
    found: dict[str, Any] = told_of(container, hit_of(**data))["tags"][0]
    return found


def changes(found: dict[str, Any]) -> list[tuple[str, str, Any, Any]]:
    rows = found["view"]["transformations"][0]["changes"]
    return [(row["key"], row["change"], row["before"], row["after"]) for row in rows]


def test_a_tag_without_transformations_saw_the_event_as_it_came() -> None:
    assert tag_of(a=1)["view"] == {"transformations": [], "name": None, "data": None}


def test_what_was_taken_away_is_told_with_its_value() -> None:
    found = tag_of(a_transformation("No a", exclude_parameters, {"parameters": ["a", "b.c"]}), a=1, b={"c": 2, "d": 3})
    assert changes(found) == [("a", "removed", 1, None), ("b.c", "removed", 2, None)]
    assert found["view"]["data"] == {"b": {"d": 3}}
    assert found["view"]["name"] == "purchase"
    assert found["settings"][0]["value"] is None


def test_what_was_added_and_changed_is_told_with_before_and_after() -> None:
    added = a_transformation("More", augment_event, {"parameters": {"a": 2, "new": "{{ event.a }}", "same": 1}})
    assert changes(tag_of(added, a=1, same=1)) == [("a", "changed", 1, 2), ("new", "added", None, 1)]


def test_each_transformation_is_told_in_order_with_its_type() -> None:
    first = a_transformation("Add", augment_event, {"parameters": {"b": 1}})
    second = a_transformation("Drop", exclude_parameters, {"parameters": ["b"]})
    found = tag_of(second, first, a=1)["view"]
    assert [(each["name"], each["type"], each["applied"]) for each in found["transformations"]] == [
        ("Add", "augment_event", True),
        ("Drop", "exclude_parameters", True),
    ]
    assert [[row["key"] for row in each["changes"]] for each in found["transformations"]] == [["b"], ["b"]]
    assert found["data"] == {"a": 1}


def test_one_whose_condition_does_not_hold_is_told_with_the_condition() -> None:
    when = (condition("{{ event.a }}", equals=2),)
    found = tag_of(a_transformation("No a", exclude_parameters, {"parameters": ["a"]}, when=when), a=1)
    (told,) = found["view"]["transformations"]
    assert (told["applied"], told["changes"]) == (False, [])
    assert [(row["holds"], row["value"]) for row in told["conditions"]] == [(False, 1)]


def test_one_that_lacks_a_value_says_which() -> None:
    (told,) = tag_of(a_transformation("Sum", needy, {"amount": "{{ event.a }}"}))["view"]["transformations"]
    assert told["applied"] is False
    assert told["notes"] == ['transformation "Sum" changes nothing: no value for "amount"']


def test_one_that_raises_leaves_nothing_to_see() -> None:
    found = tag_of(a_transformation("Broken", breaks, {}), a=1)
    assert (found["status"], found["settings"]) == ("failed", [])
    assert (found["view"]["name"], found["view"]["data"]) == (None, None)
    (told,) = found["view"]["transformations"]
    assert told["applied"] is False
    assert told["notes"][0].startswith("raised KeyError in ")


def test_without_a_consent_that_can_be_computed_no_transformation_is_told() -> None:
    container = a_container(
        a_variable("Broken", raising),
        a_transformation("No a", exclude_parameters, {"parameters": ["a"]}),
        a_tag("Tag"),
        consent=condition("{{ Broken }}").left,  # type: ignore[arg-type]  # a template
        debug=True,
    )
    (found,) = told_of(container, hit_of(a=1))["tags"]
    assert found["view"] == {"transformations": [], "name": None, "data": None}


def test_a_variable_that_differs_for_a_tag_names_the_tag() -> None:
    container = a_container(
        a_variable("A", event_data, key="a"),
        a_transformation("Other a", augment_event, {"parameters": {"a": 2}}),
        a_trigger("T", condition("A", variable=True, is_set=True), condition("{{ event.b }}", equals=1)),
        a_tag("Tag", values={"json_body": "{{ A }}{{ event.b }}"}, triggers=("T",)),
        debug=True,
    )
    found = told_of(container, hit_of(a=1, b=1))["variables"]
    assert [(row["name"], row["value"], row["seen_by"]) for row in found] == [
        ("A", 1, []),
        ("event.b", 1, []),
        ("A", 2, ["Tag"]),
    ]


def test_what_a_condition_notes_is_no_note_of_a_tag_that_shares_a_view() -> None:
    container = a_container(
        a_variable("Number", event_data, Format(as_type="number"), key="x"),
        a_trigger("T", condition("Number", variable=True, is_set=False)),
        a_transformation("No a", exclude_parameters, {"parameters": ["a"]}, "First", "Second"),
        a_tag("First"),
        a_tag("Second", triggers=("T",)),
    )
    assert run(container, hit_of(x="much")).fired == ("First", "Second")
    assert "much" not in tags_of(container, hit_of(x="much"))["Second"]["why"].partition(";")[2]
