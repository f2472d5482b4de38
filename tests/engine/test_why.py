"""The sentence that says why a tag fired or did not: it names what decided, with the real values."""

from __future__ import annotations

from typing import Any

import pytest

from container.api import Event, Pattern, Settings, trigger
from container.config.model import Condition, Format, Group, TriggerModel
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
    tags_of,
)
from variables.constant import constant
from variables.event_data import event_data

A_IS_1 = condition("{{ event.a }}", equals=1)
B_IS_1 = condition("{{ event.b }}", equals=1)


def why(*when: Condition | Group, name: str = "purchase", **data: Any) -> str:
    container = a_container(a_trigger("Real Purchase", *when), a_tag("Tag", triggers=("Real Purchase",)))
    return str(tags_of(container, hit_of(name, **data))["Tag"]["why"])


def test_a_tag_that_fired_names_the_trigger_the_event_and_each_condition() -> None:
    lines = condition("{{ event.value }}", greater_than=5), condition("Page Path", variable=True, starts_with="/c")
    sentence = why(*lines, value=20, page_location="https://a.example/checkout")
    for part in (
        '"Real Purchase"',
        '"purchase"',
        "{{ event.value }} is 20",
        "greater than 5",
        'Page Path is "/checkout"',
    ):
        assert part in sentence
    assert " not " not in sentence


def test_a_condition_that_failed_is_named_with_the_value_it_met() -> None:
    sentence = why(condition("{{ event.value }}", greater_than=5), value=3)
    for part in ('"Real Purchase"', "does not hold", "{{ event.value }} is 3", "not greater than 5"):
        assert part in sentence


def test_only_the_first_condition_that_failed_is_named() -> None:
    sentence = why(condition("{{ event.a }}", equals="x"), A_IS_1, B_IS_1, a="x", b="y")
    assert "{{ event.a }}" in sentence
    assert "{{ event.b }}" not in sentence


def test_only_the_check_that_failed_is_named() -> None:
    sentence = why(condition("{{ event.value }}", greater_than=1, less_than=4), value=5)
    assert "not less than 4" in sentence
    assert "greater" not in sentence


def test_a_value_that_is_not_there_is_called_not_set() -> None:
    assert "{{ event.value }} is not set" in why(condition("{{ event.value }}", equals="x"))
    assert '{{ event.value }} is ""' in why(condition("{{ event.value }}", equals="x"), value="")


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        ("integer", 20.7, "Number is not set (20.7 is no integer)"),
        ("number", "many", 'Number is not set ("many" is no number)'),
        ("boolean", [1], "Number is not set ([1] is no boolean)"),
        ("number", "x" * 500, f'Number is not set ("{"x" * 80}" is no number)'),
        ("number", "", "Number is not set"),
        ("number", None, "Number is not set"),
    ],
)
def test_a_value_of_the_wrong_kind_says_so_where_it_is_compared(kind: Any, value: Any, words: str) -> None:
    formatted = a_variable("Number", event_data, Format(as_type=kind), key="value")
    lines = condition("Number", variable=True, is_set=True), condition("Number", variable=True, is_set=False)
    missed = a_container(
        formatted,
        a_trigger("T", lines[0]),
        a_trigger("U", lines[1]),
        a_tag("No", triggers=("T",)),
        a_tag("Yes", triggers=("U",)),
    )
    found = tags_of(missed, hit_of(value=value))
    assert found["No"]["why"] == f'trigger "T" does not hold: {words}'
    assert f"{words} (not set)" in found["Yes"]["why"]


def test_a_tag_that_uses_a_value_of_the_wrong_kind_says_so() -> None:
    formatted = a_variable("Number", event_data, Format(as_type="integer"), key="value")
    container = a_container(formatted, a_tag("Tag", values={"note": "{{ Number }}"}))
    assert 'variable "Number" is not set: 20.7 is no integer' in tags_of(container, hit_of(value=20.7))["Tag"]["why"]


def test_an_event_that_is_not_heard_is_told_with_those_that_are() -> None:
    container = a_container(
        TriggerModel("T", events=("b", "a"), events_matching=(Pattern("^video_"),)), a_tag("Tag", triggers=("T",))
    )
    sentence = tags_of(container, hit_of("purchase"))["Tag"]["why"]
    for part in ('"T"', 'does not hear "purchase"', '"a", "b" or "/^video_/"'):
        assert part in sentence


def test_every_trigger_of_a_tag_says_why_it_did_not_fire_those_first_that_hear_the_event() -> None:
    container = a_container(
        a_trigger("One", events=("other",)), a_trigger("Two", A_IS_1), a_tag("Tag", triggers=("One", "Two"))
    )
    sentence = tags_of(container, hit_of(a=2))["Tag"]["why"]
    assert sentence.index('"Two"') < sentence.index('"One"')
    assert "; " in sentence


def test_the_trigger_that_held_is_named_not_the_others() -> None:
    container = a_container(a_trigger("No", A_IS_1), a_trigger("Yes", B_IS_1), a_tag("Tag", triggers=("No", "Yes")))
    sentence = tags_of(container, hit_of(b=1))["Tag"]["why"]
    assert '"Yes"' in sentence
    assert '"No"' not in sentence


@pytest.mark.parametrize(
    ("group", "data", "parts", "absent"),
    [
        (any_of(A_IS_1, B_IS_1), {"b": 1}, ["{{ event.b }} is 1", "equals"], ["event.a"]),
        (
            any_of(A_IS_1, B_IS_1),
            {"a": 2, "b": 3},
            ["event.a }} is 2, which does not equal", "event.b }} is 3, which does not equal"],
            [],
        ),
        (all_of(A_IS_1, B_IS_1), {"a": 1, "b": 1}, ["event.a }} is 1 (equals", "event.b }} is 1 (equals"], ["not"]),
        (all_of(A_IS_1, B_IS_1), {"a": 1, "b": 3}, ["event.b }} is 3, which does not equal"], ["event.a"]),
        (none_of(A_IS_1), {"a": 2}, ["event.a }} is 2, which does not equal"], ["not {{", "not ("]),
        (none_of(A_IS_1), {"a": 1}, ["under `not` holds: {{ event.a }} is 1 (equals"], []),
        (none_of(A_IS_1, B_IS_1), {"a": 1, "b": 1}, ["under `not` holds: ({{ event.a }} is 1", "event.b }} is 1"], []),
        (
            any_of(all_of(A_IS_1, B_IS_1), none_of(B_IS_1)),
            {"b": 2},
            ["event.b }} is 2, which does not equal"],
            ["event.a"],
        ),
    ],
)
def test_a_group_names_the_members_that_decided(group: Group, data: Any, parts: list[str], absent: list[str]) -> None:
    sentence = why(group, **data)
    assert [part for part in parts if part not in sentence] == []
    assert [part for part in absent if part in sentence] == []


@pytest.mark.parametrize(
    ("checks", "value", "part"),
    [
        ({"matches_regex": "^T-"}, "T-1", 'matches regex "^T-"'),
        ({"is_one_of": ["EUR", "USD"]}, "EUR", 'is one of "EUR" or "USD"'),
        ({"between": [1, 2.5]}, 2, "between 1 and 2.5"),
        ({"is_set": True}, "x", 'is "x" (set)'),
        ({"is_set": False}, None, "is not set (not set)"),
        ({"is_empty": False}, "x", 'is "x" (not empty)'),
        ({"is_in_network": "203.0.113.0/24"}, "203.0.113.1", 'is in network "203.0.113.0/24"'),
        ({"equals": "{{ event.other }}"}, "x", 'equals "x"'),
        ({"contains": "b"}, ["a", "b"], 'is ["a","b"] (contains "b")'),
        ({"equals": "true"}, True, "is true (equals"),
        ({"does_not_equal": "y"}, "x", 'does not equal "y"'),
    ],
)
def test_the_right_side_is_named_as_it_counted(checks: dict[str, Any], value: Any, part: str) -> None:
    assert part in why(condition("{{ event.value }}", **checks), value=value, other="x")


@pytest.mark.parametrize(
    ("checks", "value", "part"),
    [
        ({"does_not_equal": "x"}, "x", 'is "x", which equals "x"'),
        ({"equals": "y"}, "x", 'is "x", which does not equal "y"'),
        ({"is_not_one_of": ["x", "y"]}, "x", 'which is one of "x" or "y"'),
        ({"is_one_of": ["y"]}, "x", 'which is not one of "y"'),
        ({"is_set": True}, None, "{{ event.value }} is not set"),
        ({"is_set": False}, "x", 'is "x", which is set'),
        ({"is_empty": True}, "x", 'is "x", which is not empty'),
        ({"between": [1, 2]}, 3, "is 3, which is not between 1 and 2"),
        ({"does_not_match_regex": "^x"}, "x", 'is "x", which matches regex "^x"'),
        ({"greater_than": 11}, "59,80", 'is "59,80" (text, and no number), which is not greater than 11'),
        ({"between": [1, 2]}, "abc", 'is "abc" (text, and no number), which is not between 1 and 2'),
        ({"greater_than": 11}, "7", 'is "7", which is not greater than 11'),
        ({"greater_than": 11}, " ", 'is " ", which is not greater than 11'),
        ({"equals": "y"}, "abc", 'is "abc", which does not equal "y"'),
    ],
)
def test_what_did_not_hold_is_said_as_what_is_true_instead(checks: dict[str, Any], value: Any, part: str) -> None:
    assert part in why(condition("{{ event.value }}", **checks), value=value)


def test_a_left_side_without_references_is_quoted() -> None:
    assert '"fixed" is "fixed" (equals "fixed")' in why(condition("fixed", equals="fixed"))


def test_a_long_value_is_cut() -> None:
    sentence = why(condition("{{ event.value }}", equals="y" * 5000), value="x" * 5000)
    assert "x" * 80 + "…" in sentence
    assert len(sentence) < 500


def test_a_long_list_is_cut() -> None:
    sentence = why(condition("{{ event.value }}", is_one_of=[f"choice {number}" for number in range(500)]), value="x")
    assert '"choice 9" or 490 more' in sentence
    assert len(sentence) < 500


def test_an_exception_that_blocked_is_named_with_what_made_it_hold() -> None:
    container = a_container(
        a_trigger("Staff", condition("IP Address", variable=True, is_in_network="203.0.113.0/24")),
        a_tag("Tag", exceptions=("Staff",)),
    )
    sentence = tags_of(container, hit_of(ip_override="203.0.113.7"))["Tag"]["why"]
    for part in ("exception", '"Staff"', 'IP Address is "203.0.113.7"'):
        assert part in sentence


def test_sampling_says_what_it_samples() -> None:
    container = a_container(a_trigger("Few", A_IS_1, sample_percent=0.0), a_tag("Tag", triggers=("Few",)))
    found = tags_of(container, hit_of(a=1))["Tag"]
    assert found["status"] == "not_triggered"
    assert '"Few"' in found["why"]
    assert "samples 0 %" in found["why"]


class Nothing(Settings):
    pass


def test_a_trigger_whose_own_function_says_no_does_not_hold() -> None:
    @trigger("never")
    def never(settings: Nothing, event: Event) -> bool:
        return False

    container = a_container(
        TriggerModel("Never", component(never), Nothing(), sample_percent=100.0), a_tag("Tag", triggers=("Never",))
    )
    assert tags_of(container, hit_of())["Tag"]["why"] == 'trigger "Never" does not hold'


def test_a_paused_tag_says_so() -> None:
    assert "paused" in tags_of(a_container(a_tag("Tag", paused=True)), hit_of())["Tag"]["why"]


def test_a_secret_shows_as_its_reference() -> None:
    from_secret = a_variable("Key", constant, value="${secret:TOKEN}")
    container = a_container(
        from_secret, a_trigger("T", condition("Key", variable=True, is_set=True)), a_tag("Tag", triggers=("T",))
    )
    assert 'Key is "${secret:TOKEN}"' in tags_of(container, hit_of())["Tag"]["why"]


def test_explaining_computes_nothing_that_deciding_did_not() -> None:
    behind = [a_variable(name, constant, value=name) for name in ("V", "W")]
    calls = condition("V", variable=True, equals="V")
    container = a_container(
        *behind, a_trigger("T", any_of(calls, condition("W", variable=True, equals="W"))), a_tag("Tag", triggers=("T",))
    )
    assert "W" not in tags_of(container, hit_of())["Tag"]["why"].replace("Tag", "")
