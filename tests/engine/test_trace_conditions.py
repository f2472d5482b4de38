"""Triggers and exceptions as preview shows them: a check or a cross at each condition, and the real value beside it."""

from __future__ import annotations

from typing import Any

import pytest

from container.api import Event, Pattern, Settings, operator, trigger
from container.config.model import Check, Condition, Format, Group, TriggerModel
from container.template import parse
from tests.engine.parts import (
    a_container,
    a_tag,
    a_trigger,
    a_variable,
    all_of,
    any_of,
    component,
    condition,
    hit_of,
    none_of,
)
from tests.engine.test_trace import told_of
from variables.event_data import event_data

X = "{{ event.x }}"


def trigger_of(*when: Condition | Group, variables: Any = (), name: str = "purchase", **data: Any) -> dict[str, Any]:
    """The trigger with these conditions, as it is told."""
    container = a_container(*variables, a_trigger("T", *when), a_tag("Tag", triggers=("T",)), debug=True)
    found: dict[str, Any] = told_of(container, hit_of(name, **data))["tags"][0]["triggers"][0]
    return found


def rows(*when: Condition | Group, **details: Any) -> list[tuple[str, bool, Any]]:
    return [(row["text"], row["holds"], row["value"]) for row in trigger_of(*when, **details)["conditions"]]


@pytest.mark.parametrize(
    ("checks", "words", "holds"),
    [
        ({"greater_than": 5}, f"{X} greater than 5", True),
        ({"less_than": 5}, f"{X} less than 5", False),
        ({"equals": "7"}, f'{X} equals "7"', True),
        ({"is_set": True}, f"{X} is set", True),
        ({"is_set": False}, f"{X} is not set", False),
        ({"is_one_of": ["a", "b"]}, f'{X} is one of "a" or "b"', False),
        ({"does_not_match_regex": "^7$"}, f'{X} does not match regex "^7$"', False),
        ({"is_in_network": ["10.0.0.0/8"]}, f'{X} is in network "10.0.0.0/8"', False),
    ],
)
def test_a_check_says_what_was_written_and_whether_it_holds(checks: dict[str, Any], words: str, holds: bool) -> None:
    assert rows(condition(X, **checks), x=7) == [(words, holds, 7)]


def test_every_condition_is_answered_also_those_behind_the_one_that_failed() -> None:
    found = trigger_of(condition(X, equals=1, greater_than=0), condition("{{ event.y }}", equals="b"), x=2, y="b")
    assert [(row["holds"], row["value"]) for row in found["conditions"]] == [(False, 2), (True, 2), (True, "b")]
    assert found["holds"] is False


def test_a_right_side_with_a_reference_is_shown_with_its_value() -> None:
    (row,) = trigger_of(condition(X, greater_than="{{ event.limit }}"), x=7, limit=5)["conditions"]
    assert (row["text"], row["holds"], row["expected"]) == (f'{X} greater than "{{{{ event.limit }}}}"', True, 5)


def test_the_left_side_is_named_as_it_was_written() -> None:
    assert rows(condition("Page Path", variable=True, starts_with="/c"), page_location="https://a.example/c/1") == [
        ('Page Path starts with "/c"', True, "/c/1")
    ]


def test_a_group_has_its_members_beneath_it() -> None:
    one, two = condition(X, equals=1), condition(X, equals=2)
    found = trigger_of(any_of(one, none_of(two)), all_of(one, two), x=1)["conditions"]
    assert [(row["text"], row["holds"], row["value"]) for row in found] == [
        ("any of these", True, None),
        ("all of these", False, None),
    ]
    first, second = found[0]["members"]
    assert (first["holds"], first["value"]) == (True, 1)
    assert (second["text"], second["holds"]) == ("not all of these", True)
    assert [row["holds"] for row in second["members"]] == [False]


def test_a_value_of_the_wrong_kind_is_noted_at_its_condition() -> None:
    number = a_variable("Number", event_data, Format(as_type="number"), key="x")
    (row,) = trigger_of(condition("Number", variable=True, greater_than=1), variables=[number], x="much")["conditions"]
    assert (row["holds"], row["value"]) == (False, None)
    assert row["notes"] == ['variable "Number" is not set: "much" is no number']


def test_a_trigger_that_does_not_hear_the_event_says_what_it_hears() -> None:
    container = a_container(
        a_trigger("T", condition(X, equals=1), events=("b", "a"), events_matching=(Pattern("^c"),)),
        a_tag("Tag", triggers=("All", "T")),
        debug=True,
    )
    every, found = told_of(container, hit_of("purchase", x=1))["tags"][0]["triggers"]
    assert (every["hears"], every["events"], every["holds"], every["conditions"]) == (True, [], True, [])
    assert (found["hears"], found["events"], found["holds"]) == (False, ["a", "b", "/^c/"], False)
    assert [row["holds"] for row in found["conditions"]] == [True]


def test_exceptions_are_told_like_triggers() -> None:
    container = a_container(a_trigger("Staff", condition(X, equals=1)), a_tag("Tag", exceptions=("Staff",)), debug=True)
    (tag,) = told_of(container, hit_of(x=1))["tags"]
    assert tag["status"] == "blocked_by_exception"
    assert [(each["name"], each["holds"]) for each in tag["exceptions"]] == [("Staff", True)]
    assert [(each["name"], each["holds"]) for each in tag["triggers"]] == [("All", True)]


class Wanted(Settings):
    wanted: int


@trigger("own_kind")
def own_kind(settings: Wanted, event: Event) -> bool:
    """Holds for one value of x."""
    return bool(event.data["x"] == settings.wanted)


@pytest.mark.parametrize(("x", "holds"), [(1, True), (2, False)])
def test_what_the_type_of_a_trigger_looks_at_and_its_share_are_rows_too(x: int, holds: bool) -> None:
    own = TriggerModel("T", component(own_kind), Wanted(wanted=1), sample_percent=100.0)
    container = a_container(own, a_tag("Tag", triggers=("T",)), debug=True)
    (found,) = told_of(container, hit_of(x=x))["tags"][0]["triggers"]
    assert [(row["text"], row["holds"]) for row in found["conditions"]] == [
        ("what its type looks at", holds),
        ("this visitor is among 100 %", True),
    ]
    assert found["holds"] is holds


@operator("breaks", negated="does_not_break")
def breaks(actual: str, expected: str) -> bool:
    """Cannot be asked."""
    raise ValueError(actual)


def test_a_condition_that_raises_does_not_hold_and_says_so_without_the_value() -> None:
    left = parse(X)
    broken = Condition(left, (Check("breaks", component(breaks), "y"),))  # type: ignore[arg-type]  # a template
    (row,) = trigger_of(broken, x="ada@example.com")["conditions"]
    assert (row["holds"], row["value"]) == (False, "ada@example.com")
    assert [note.startswith("raised ValueError in ") for note in row["notes"]] == [True]
    assert "ada" not in row["notes"][0]
