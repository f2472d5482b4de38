"""Conditions and operators: what compares how, and how often."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from container.api import Dynamic, Event, Settings, operator, trigger, variable
from container.config.model import Check, Condition, Group, TriggerModel
from container.engine.run import run
from container.template import Reference, Template
from tests.engine.parts import (
    a_container,
    a_hit,
    a_tag,
    a_trigger,
    a_variable,
    all_of,
    an_event,
    any_of,
    component,
    condition,
    hit_of,
    none_of,
)
from variables.constant import constant
from variables.lookup_table import lookup_table

YES, NO = condition("a", equals="a"), condition("a", equals="b")


def holds(*when: Condition | Group, **data: Any) -> bool:
    container = a_container(a_trigger("Checked", *when), a_tag("Tag", triggers=("Checked",)))
    outcome = run(container, hit_of(**data))
    assert not outcome.failures
    return outcome.fired == ("Tag",)


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        (any_of(NO, YES), True),
        (any_of(NO, NO), False),
        (all_of(YES, YES), True),
        (all_of(YES, NO), False),
        (none_of(NO), True),
        (none_of(YES), False),
        (none_of(YES, NO), True),
        (any_of(NO, all_of(YES, none_of(NO))), True),
        (all_of(YES, any_of(NO, none_of(any_of(NO, YES)))), False),
    ],
)
def test_groups_combine_to_any_depth(group: Group, expected: bool) -> None:
    assert holds(group) is expected


def test_a_trigger_without_conditions_holds() -> None:
    assert holds()


def test_all_conditions_of_a_trigger_have_to_hold() -> None:
    assert holds(YES, YES)
    assert not holds(YES, NO)


def test_several_operators_on_one_line_all_have_to_hold() -> None:
    between = condition("{{ event.value }}", greater_than=1, less_than=10)
    assert holds(between, value=5)
    assert not holds(between, value=10)
    assert not holds(between, value=1)


@pytest.mark.parametrize(
    ("checks", "value", "expected"),
    [
        ({"equals": "20"}, 20.0, True),
        ({"equals": "true"}, True, True),
        ({"equals": ""}, None, True),
        ({"equals": '{"a":[1]}'}, {"a": [1]}, True),
        ({"does_not_equal": "x"}, None, True),
        ({"greater_than": 5}, "7", True),
        ({"greater_than": 5}, "seven", False),
        ({"greater_than": 5}, True, False),
        ({"greater_or_equal": 5}, 5, True),
        ({"less_or_equal": 5}, None, False),
        ({"between": [1, 3]}, 3, True),
        ({"between": [1, 3]}, "x", False),
        ({"is_one_of": ["EUR", "USD"]}, "USD", True),
        ({"is_one_of": "EUR"}, "EUR", True),
        ({"is_not_one_of": ["EUR"]}, "EUR", False),
        ({"is_set": True}, "", True),
        ({"is_set": True}, None, False),
        ({"is_set": False}, None, True),
        ({"is_empty": True}, [], True),
        ({"is_empty": False}, 0, True),
        ({"matches_regex": "^a.c$"}, "abc", True),
        ({"does_not_match_regex": "b"}, "abc", False),
        ({"is_in_network": "203.0.113.0/24"}, "203.0.113.9", True),
        ({"is_not_in_network": ["203.0.113.0/24", "::1"]}, "::1", False),
    ],
)
def test_an_operator_compares_what_its_annotation_says(checks: dict[str, Any], value: Any, expected: bool) -> None:
    assert holds(condition("{{ event.value }}", **checks), value=value) is expected


@pytest.mark.parametrize(
    ("checks", "value", "expected"),
    [
        ({"equals": "PAID"}, "paid", True),
        ({"contains": "Straße"}, "HAUPTSTRASSE", True),
        ({"is_one_of": ["Eur", "Usd"]}, "EUR", True),
        ({"matches_regex": "^PAID$"}, "paid", True),
        ({"matches_regex": "straße"}, "Straße", True),
        ({"does_not_match_regex": "straße"}, "Straße", False),
    ],
)
def test_case_is_ignored_where_the_line_says_so(checks: dict[str, Any], value: str, expected: bool) -> None:
    assert holds(condition("{{ event.value }}", ignore_case=True, **checks), value=value) is expected


def test_case_counts_otherwise() -> None:
    assert not holds(condition("{{ event.value }}", equals="PAID"), value="paid")
    assert not holds(condition("{{ event.value }}", matches_regex="PAID"), value="paid")


def test_the_right_side_may_be_a_reference() -> None:
    same = condition("{{ event.left }}", equals="{{ event.right }}")
    assert holds(same, left=1, right="1")
    assert not holds(same, left=1, right=2)


def test_a_number_on_the_right_that_is_none_compares_as_false() -> None:
    assert not holds(condition("{{ event.value }}", greater_than="{{ event.limit }}"), value=5, limit="much")
    assert holds(condition("{{ event.value }}", greater_than="{{ event.limit }}"), value=5, limit="4")


def test_a_list_on_the_right_takes_in_the_members_of_a_reference() -> None:
    one_of = condition("{{ event.value }}", is_one_of=["x", "{{ event.allowed }}"])
    assert holds(one_of, value="a", allowed=["a", "b"])
    assert holds(one_of, value="x", allowed=None)
    assert not holds(one_of, value="c", allowed=["a", "b"])


PAIRS = [
    ("equals", "does_not_equal"),
    ("contains", "does_not_contain"),
    ("starts_with", "does_not_start_with"),
    ("ends_with", "does_not_end_with"),
    ("is_one_of", "is_not_one_of"),
]
JSON_VALUES = st.none() | st.booleans() | st.integers(-9, 9) | st.text("aA1", max_size=3) | st.lists(st.text("a"))


@settings(deadline=None)
@given(pair=st.sampled_from(PAIRS), value=JSON_VALUES, expected=st.text("aA1", max_size=2), fold=st.booleans())
def test_a_negation_is_exactly_the_opposite(pair: tuple[str, str], value: Any, expected: str, fold: bool) -> None:
    operator, negated = pair
    checks: list[dict[str, Any]] = [{operator: expected}, {negated: expected}]
    plain, opposite = (holds(condition("{{ event.value }}", ignore_case=fold, **each), value=value) for each in checks)
    assert opposite is not plain


def test_an_operator_of_a_plug_in_may_give_anything_that_is_true_or_false() -> None:
    @operator("is_falsy")
    def is_falsy(actual: Any, expected: bool) -> Any:
        return None if actual else "yes"

    check = Check("is_falsy", component(is_falsy), True)
    line = Condition(Template((Reference("event.value"),)), (check,))
    assert holds(line, value=0)
    assert not holds(line, value=1)


def test_a_negation_holds_where_its_operator_cannot_compare() -> None:
    @operator("above", negated="not_above")
    def above(actual: float, expected: Dynamic[float]) -> bool:
        return actual > expected

    left = Template((Reference("event.value"),))
    positive, negative = (Condition(left, (Check("above", component(above), 5.0, each),)) for each in (False, True))
    for value, expected in ((6, True), (4, False), ("much", False), (None, False)):
        assert holds(positive, value=value) is expected
        assert holds(negative, value=value) is not expected


class Counted(Settings):
    label: str


class Loud(Settings):
    minimum: int = 5


class Needs(Settings):
    value: Dynamic[str]


def counting(calls: list[str]) -> Any:
    @variable("counted")
    def counted(settings: Counted, event: Event) -> str:
        calls.append(settings.label)
        return settings.label

    return counted


def test_a_variable_is_computed_once_per_event() -> None:
    calls: list[str] = []
    container = a_container(
        a_variable("V", counting(calls), label="v"),
        a_trigger("One", condition("{{ V }}", equals="v")),
        a_trigger("Two", condition("V", variable=True, contains="v")),
        a_tag("A", values={"json_body": ["{{ V }}", "{{ V }} twice"]}, triggers=("One",)),
        a_tag("B", values={"json_body": "{{ V }}"}, triggers=("Two",)),
    )
    assert run(container, a_hit(an_event(), an_event())).fired == ("A", "B", "A", "B")
    assert calls == ["v", "v"]


def test_a_variable_that_nobody_asks_for_is_not_computed() -> None:
    calls: list[str] = []
    container = a_container(
        a_variable("Behind", counting(calls), label="behind a condition that fails"),
        a_variable("Any", counting(calls), label="behind a member of any that holds"),
        a_variable("Table", lookup_table, input="x", table={"x": "{{ Behind }}"}),
        a_trigger("Never", NO, condition("{{ Behind }}", equals="v")),
        a_trigger("Early", any_of(YES, condition("{{ Any }}", equals="v"))),
        a_tag("A", values={"json_body": "{{ Behind }}"}, triggers=("Never",)),
        a_tag("B", triggers=("Early",)),
    )
    assert run(container, a_hit()).fired == ("B",)
    assert calls == []


def counting_operator(calls: list[Any]) -> Any:
    @operator("recorded", negated="not_recorded")
    def recorded(actual: Any, expected: bool) -> bool:
        calls.append(actual)
        return expected

    return component(recorded)


def test_a_condition_that_several_triggers_share_is_tested_once_per_event() -> None:
    calls: list[Any] = []
    check = Check("recorded", counting_operator(calls), True)

    def line() -> Condition:
        return Condition("x", (check,))

    container = a_container(
        a_trigger("One", line()),
        a_trigger("Two", line(), any_of(NO, line()), none_of(all_of(line(), NO))),
        *(a_tag(name, triggers=("One", "Two"), exceptions=("Three",)) for name in "AB"),
        *(a_tag(name, triggers=("Two",)) for name in "CD"),
        a_trigger("Three", line(), NO),
    )
    assert run(container, a_hit(an_event(), an_event())).fired == tuple("ABCD") * 2
    assert len(calls) == 2


def test_conditions_that_differ_are_each_tested() -> None:
    calls: list[Any] = []
    operator_ = counting_operator(calls)
    lines = [
        Condition("x", (Check("recorded", operator_, True),)),
        Condition("x", (Check("r", operator_, True, True),)),
    ]
    assert not holds(*lines)
    assert len(calls) == 2


def test_a_triggers_own_function_decides_too() -> None:
    calls: list[Event] = []

    @trigger("loud")
    def loud(settings: Loud, event: Event) -> bool:
        calls.append(event)
        return bool(event.data["volume"] >= settings.minimum)

    container = a_container(
        TriggerModel("Loud", component(loud), Loud()),
        a_tag("A", triggers=("Loud",)),
        a_tag("B", triggers=("Loud",)),
        consent="denied",
    )
    assert run(container, hit_of(volume=7)).fired == ("A", "B")
    assert run(container, hit_of(volume=3)).fired == ()
    assert len(calls) == 2
    assert calls[0].consent.state("ad_storage") == "denied"


def test_a_triggers_own_function_is_not_asked_when_its_settings_lack_a_value() -> None:
    @trigger("needs")
    def needs(settings: Needs, event: Event) -> bool:
        raise AssertionError("it was asked")

    model = TriggerModel("Needs", component(needs), Needs.model_validate({"value": Template((Reference("event.no"),))}))
    outcome = run(a_container(model, a_tag("A", triggers=("Needs",))), a_hit())
    assert (outcome.fired, outcome.failures) == ((), ())


def test_a_member_of_a_variable_is_read_by_the_longest_name() -> None:
    container = a_container(
        a_variable("Market", constant, value={"eu": {"pixel": "short"}}),
        a_variable("Market.eu", constant, value={"pixel": "long"}),
        a_trigger("Checked", condition("{{ Market.eu.pixel }}", equals="long")),
        a_tag("Tag", triggers=("Checked",)),
    )
    assert run(container, a_hit()).fired == ("Tag",)
