"""Values that are made of other values: they may double a few times, and no more."""

from __future__ import annotations

import time
from typing import Any

import pytest

from container.config.model import VariableModel
from container.engine.outcome import Outcome
from container.engine.run import run
from container.engine.size import LARGEST_VALUE, LONGEST_TEXT, too_large
from container.secret import Secret
from tests.engine.parts import a_container, a_tag, a_variable, echo, hit_of, tags_of, value_of
from variables.constant import constant
from variables.event_data import event_data
from variables.first_of import first_of
from variables.lookup_table import lookup_table
from variables.template import template

DOUBLINGS = 31


def doubled_text(times: int = DOUBLINGS) -> list[VariableModel]:
    """Each variable is twice the one before."""
    first = a_variable("V0", event_data, key="word")
    return [
        first,
        *(a_variable(f"V{n}", template, text=f"{{{{ V{n - 1} }}}}{{{{ V{n - 1} }}}}") for n in range(1, times + 1)),
    ]


def doubled_list(times: int = DOUBLINGS, **hold: Any) -> list[VariableModel]:
    def of(name: str) -> list[str]:
        return [f"{{{{ {name} }}}}"] * 2

    first = a_variable("V0", event_data, key="word")
    more = (
        a_variable(f"V{n}", lookup_table, input="x", table={"x": of(f"V{n - 1}")} | hold) for n in range(1, times + 1)
    )
    return [first, *more]


def noted(reference: str, *variables: VariableModel, **data: Any) -> list[str]:
    """What is said besides which trigger holds."""
    container = a_container(*variables, a_tag("Tag", echo, {"json_body": {"value": f"{{{{ {reference} }}}}"}}))
    why: str = tags_of(container, hit_of(**data))["Tag"]["why"]
    return why.split("; ")[1:]


def outcome_of(reference: str, *variables: VariableModel, **data: Any) -> Outcome:
    return run(
        a_container(*variables, a_tag("Tag", echo, {"json_body": {"value": f"{{{{ {reference} }}}}"}})), hit_of(**data)
    )


@pytest.mark.parametrize(("length", "whole"), [(LONGEST_TEXT // 2, True), (LONGEST_TEXT // 2 + 1, False)])
def test_a_text_has_sixty_four_thousand_characters_at_most(length: int, *, whole: bool) -> None:
    made = value_of("{{ V1 }}", hit_of(word="x" * length), *doubled_text(1))
    assert made == ("x" * length * 2 if whole else None)


def test_text_that_doubles_thirty_times_ends_soon() -> None:
    started = time.process_time()
    assert outcome_of(f"V{DOUBLINGS}", *doubled_text(), word="x" * 1000).fired == ("Tag",)
    assert time.process_time() - started < 5


def test_what_is_noted_does_not_double_with_the_text() -> None:
    texts = doubled_text()
    wide = [a_variable(f"W{n}", template, text=f"{{{{ W{n - 1} }}}}" * 9) for n in range(1, 9)]
    variables = [*texts, a_variable("W0", template, text=f"{{{{ V{DOUBLINGS} }}}}!"), *wide]
    started = time.process_time()
    assert len(noted("W8", *variables, word="x" * LONGEST_TEXT)) == 2
    assert time.process_time() - started < 5


def test_a_text_that_is_too_long_is_told() -> None:
    [note] = noted("V1", *doubled_text(1), word="x" * LONGEST_TEXT)
    assert note == '"{{ V0 }}{{ V0 }}" has no value: it would hold more than 65536 characters'


def test_a_long_template_is_told_by_its_beginning() -> None:
    many = a_variable("Many", template, text="{{ event.word }}-" * 9)
    [note] = noted("Many", many, word="x" * LONGEST_TEXT)
    assert note.startswith('"{{ event.word }}-{{ event.word }}-')
    assert "…" in note
    assert len(note) < 150


def test_secrets_do_not_hide_how_long_a_text_is() -> None:
    token = a_variable("Token", constant, value=Secret("TOKEN"))
    joined = a_variable("Joined", template, text="{{ Token }}{{ event.word }}")
    first = a_variable("First", first_of, values=["{{ Token }}{{ event.word }}"])
    assert value_of("{{ First }}", hit_of(word="x"), token, first) == "${secret:TOKEN}x"
    assert value_of("{{ First }}", hit_of(word="x" * (LONGEST_TEXT + 1)), token, first) is None
    assert noted("Joined", token, joined, word="x" * (LONGEST_TEXT + 1))


def test_lists_that_double_thirty_times_end_soon() -> None:
    started = time.process_time()
    assert outcome_of(f"V{DOUBLINGS}", *doubled_list(), word="x" * 1000).fired == ("Tag",)
    assert time.process_time() - started < 20
    notes = noted(f"V{DOUBLINGS}", *doubled_list(), word="x" * 1000)
    assert 'variable "V10" has no value: it would be too large' in notes


def test_what_came_with_the_hit_may_be_as_large_as_it_came() -> None:
    items = [{"item_name": "x" * 1000}] * 2000
    assert value_of("{{ Items }}", hit_of(items=items), a_variable("Items", event_data, key="items")) == items


@pytest.mark.parametrize(
    ("value", "most", "expected"),
    [
        ("abc", 19, False),
        ("abcd", 19, True),
        (7, 16, False),
        (None, 15, True),
        (["abc", "d"], 52, False),
        (["abc", "d"], 51, True),
        ({"abc": "d"}, 36, False),
        ({"abc": "d"}, 35, True),
        ({1: ("d",)}, 50, False),
        ([], 15, True),
    ],
)
def test_a_size_is_counted_in_characters_and_values(value: Any, most: int, *, expected: bool) -> None:
    assert too_large(value, most) == expected


def test_a_size_is_not_counted_to_its_end() -> None:
    value: list[Any] = ["x"]
    for _ in range(100):
        value = [value, value]
    assert too_large(value)
    assert not too_large(["x" * (LARGEST_VALUE // 2)])


@pytest.mark.parametrize(("length", "sent"), [(LONGEST_TEXT // 2, True), (LONGEST_TEXT // 2 + 1, False)])
def test_a_text_that_is_too_long_is_left_out_of_a_body(length: int, *, sent: bool) -> None:
    body = {"value": "{{ V1 }}", "list": ["{{ V1 }}", "a"], "inside": {"value": "{{ V1 }}"}}
    container = a_container(*doubled_text(1), a_tag("Tag", echo, {"json_body": body}))
    [planned] = run(container, hit_of(word="x" * length)).planned
    made = "x" * length * 2
    whole = {"value": made, "list": [made, "a"], "inside": {"value": made}}
    assert planned.request.json["said"] == (whole if sent else {"list": ["a"]})


def test_a_text_of_references_without_a_value_is_no_long_one() -> None:
    assert value_of("{{ V1 }}", hit_of(), *doubled_text(1)) == ""
