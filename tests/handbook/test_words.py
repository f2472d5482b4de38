"""Annotations in an analyst's words, and values as an analyst would write them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field
from pydantic.fields import FieldInfo

from container.api import AliasChoices, Confidential, Dynamic, Many, Network, Pattern, Range, Secret, Settings, Url
from container.config.flow import flow
from container.config.keys import States
from container.config.source import plain, read
from container.fields import Duration, Instant, from_event
from container.handbook.fields_table import fields_tables
from container.handbook.words import default, references, takes
from container.handbook.yaml_text import named

AWKWARD = """true null ~ 12 1.5 - -_a a:_b a_#b a: *x &x {{_Name_}} ${X} [x " ' \\ a|b ? ?_a
    https://shop.example/?a=b a_ _a %x @x key_$1 a,_b #x .5 ... --- ^x !x >x"""
TEXTS = st.text(max_size=8) | st.sampled_from(
    ["", *(word.replace("_", " ").replace("|", "\n") for word in AWKWARD.split())]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


class Inner(Settings):
    """What is inside."""

    name: Dynamic[str] | None = Field(default=None, description="A name. Default: the visitor's.")


class Outer(Settings):
    account: Dynamic[str] = Field(validation_alias=AliasChoices("account_id", "account"), description="The account.")
    other: str = Field(
        default="x", validation_alias=AliasChoices("other_id", "other"), description="Another, also written other."
    )
    inner: Inner = Field(default_factory=Inner, description="More.")
    bare: int = 0


@pytest.mark.parametrize(
    ("annotation", "words", "reference"),
    [
        (str, "text", "no"),
        (int, "whole number", "no"),
        (float | None, "number", "no"),
        (bool, "`true` or `false`", "no"),
        (Any, "any value", "no"),
        (complex, "value", "no"),
        (Dynamic[str] | None, "text", "yes"),
        (Dynamic[float], "number", "yes"),
        (Literal["a"], "`a`", "no"),
        (Literal["a", "b", "c"], "`a`, `b` or `c`", "no"),
        (States, "`granted` or `denied`, or mapping of `granted` or `denied`", "yes"),
        (Many[str], "text, or a list", "no"),
        (Many[Dynamic[str]], "text, or a list", "yes"),
        (Many[Secret] | None, "secret, or a list", "one that is a secret"),
        (list[int], "list of whole number", "no"),
        (tuple[str, int], "list of text", "no"),
        (dict[str, Confidential], "mapping", "yes, secrets too"),
        (dict[str, dict[str, str]], "mapping of mapping of text", "no"),
        (dict[str, Inner], "mapping", "no"),
        (Confidential, "any value", "yes, secrets too"),
        (Secret, "secret", "one that is a secret"),
        (Url, "http address", "in path and query"),
        (Pattern, "pattern (RE2)", "no"),
        (Many[Network], "network or address, or a list", "no"),
        (Range, "two numbers", "no"),
        (Duration, "length of time", "no"),
        (Annotated[Duration, "mark"] | None, "length of time", "no"),
        (Instant, "time with its zone", "no"),
        (Annotated[str, Field(min_length=1)], "text", "no"),
        (Inner, "mapping", "no"),
    ],
)
def test_an_annotation_is_said_in_words(annotation: Any, words: str, reference: str) -> None:
    assert (takes(annotation), references(annotation)) == (words, reference)


@pytest.mark.parametrize(
    ("info", "words"),
    [
        (Field(), "**needed**"),
        (Field(default=None), "–"),
        (Field(default=()), "–"),
        (Field(default=""), "–"),
        (Field(default_factory=dict), "–"),
        (Field(default=0), "`0`"),
        (Field(default=False), "`false`"),
        (Field(default=("a", "b")), "`[a, b]`"),
    ],
)
def test_a_default_is_said_in_words(info: FieldInfo, words: str) -> None:
    assert default(info) == words


def test_the_usual_places_in_the_event_are_the_default() -> None:
    class Places(Settings):
        email: Dynamic[str] | None = from_event("user_data.email", "email")
        order: Dynamic[str] = from_event("transaction_id")

    fields = Places.model_fields
    assert default(fields["email"]) == "`user_data.email`, then `email` of the event"
    assert default(fields["order"]) == "`transaction_id` of the event; **needed**"


def test_a_table_has_a_row_for_each_field_and_a_table_for_each_mapping() -> None:
    assert fields_tables(Outer) == (
        "| field | takes | default | `{{ }}` | what it is |\n|---|---|---|---|---|\n"
        "| `account_id` | text | **needed** | yes | The account. Also written `account`. |\n"
        "| `other_id` | text | `x` | no | Another, also written other. |\n"
        "| `inner` | mapping | – | below | More. |\n"
        "| `bare` | whole number | `0` | no |  |\n\n"
        "### `inner`\n\nWhat is inside.\n\n"
        "| field | takes | default | `{{ }}` | what it is |\n|---|---|---|---|---|\n"
        "| `inner.name` | text | the visitor's | yes | A name. |"
    )


@given(JSON)
def test_a_value_on_one_line_is_read_as_it_was(value: Any) -> None:
    source = read(f"x: {flow(value)}")
    assert not source.problems
    assert source.root is not None
    assert plain(source.root) == {"x": value}


def test_quotes_stand_where_they_are_needed_alone() -> None:
    value = {"a": "text", "b": "12", "c": "{{ Name }}", "d": ["EUR", "a: b"], "e": Pattern("^/p/"), "f": 1.5}
    assert flow(value) == '{a: text, b: "12", c: "{{ Name }}", d: [EUR, "a: b"], e: "^/p/", f: 1.5}'


def test_a_long_thing_has_a_line_for_each_key() -> None:
    assert named("tags", "Hook", {"type": "x"}) == "tags:\n  Hook: {type: x}"
    assert (
        named("tags", "Hook", {"type": "x", "url": "a" * 100}) == f"tags:\n  Hook:\n    type: x\n    url: {'a' * 100}"
    )
