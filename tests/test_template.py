"""Text with references: what is one, what only looks like one, and that writing a template gives it back."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from container.secret import Secret, SecretText, digest
from container.template import Reference, Template, parse

WHOLE = ("{{ Name }}", "{{a}}", "{{  }}", "${secret:TOKEN}", "{{{{", "$${")
PIECES = ("{", "{{", "}", "}}", "$", "${", "secret:", "TOKEN", " ", "a", "\u00e9", "\n", ".", "\ud800")
SOURCES = st.lists(st.sampled_from(WHOLE + PIECES), max_size=12).map("".join) | st.text(
    st.characters(exclude_categories=())
)
VALUE, NAME, TOKEN = Reference("Order Value"), Reference("Name"), Secret("TOKEN")


@pytest.mark.parametrize(
    "source",
    [
        *("", "plain", "{ not } one", "}} backwards {{", "{{}}", "{{ never ends", "{{ a { b }}", "{{ a } }", "100 $"),
        *(
            "${NAME}",
            "${NAME:-x}",
            "${secret:}",
            "${secret:1A}",
            "${secret:A B}",
            "${secret:A",
            "${ secret:A}",
            "$secret:A",
        ),
    ],
)
def test_text_without_a_well_formed_sign_stays_text(source: str) -> None:
    assert parse(source) == source


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{{{", "{{"),
        ("$${", "${"),
        ("$${NAME}", "${NAME}"),
        ("$${secret:TOKEN}", "${secret:TOKEN}"),
        ("{{{{ Name }}", "{{ Name }}"),
        ("{{{{{{{{", "{{{{"),
        ("a {{{{ b $${ c", "a {{ b ${ c"),
        ("{{{{{", "{{{"),
    ],
)
def test_doubled_signs_stand_for_the_signs_themselves(source: str, expected: str) -> None:
    assert parse(source) == expected


@pytest.mark.parametrize(
    ("source", "parts"),
    [
        ("{{ Order Value }}", (VALUE,)),
        ("{{Order Value}}", (VALUE,)),
        ("{{\n  Order Value\t}}", (VALUE,)),
        (" {{ Order Value }}", (" ", VALUE)),
        ("{{ Name }}{{ Order Value }}", (NAME, VALUE)),
        ("a {{ Name }} b {{ Name }} c", ("a ", NAME, " b ", NAME, " c")),
        ("{{{ Name }}}", ("{", NAME, "}")),
        ("{{{{{{ Name }}", ("{{", NAME)),
        ("{{ {{ Name }} }}", ("{{ ", NAME, " }}")),
        ("{{ event.items.0.id }}", (Reference("event.items.0.id"),)),
        ("{{ a: b }}", (Reference("a: b"),)),
        ("{{ Name }} ${secret:TOKEN}", (NAME, " ", TOKEN)),
        ("{{ Name }} ${NAME}", (NAME, " ${NAME}")),
        ("{{ }}", (Reference(""),)),
        ("{{ Prénom }}", (Reference("Prénom"),)),
    ],
)
def test_what_stands_between_the_braces_is_a_reference(source: str, parts: tuple[object, ...]) -> None:
    found = parse(source)
    assert isinstance(found, Template)
    assert found.parts == parts


def test_the_references_of_a_template_are_in_order_with_repetitions() -> None:
    found = parse("{{ Name }}, {{ Order Value }}, {{ Name }}")
    assert isinstance(found, Template)
    assert found.references == (NAME, VALUE, NAME)


@pytest.mark.parametrize(
    ("source", "whole"), [("{{ Name }}", NAME), ("{{ Name }} ", None), ("{{ Name }}{{ Name }}", None)]
)
def test_only_a_text_that_is_one_reference_is_whole(source: str, whole: Reference | None) -> None:
    found = parse(source)
    assert isinstance(found, Template)
    assert found.whole == whole


def test_a_template_that_starts_with_text_or_a_secret_is_not_whole() -> None:
    assert Template(("text",)).whole is None
    assert Template((TOKEN,)).whole is None


def test_a_secret_alone_is_a_secret() -> None:
    assert parse("${secret:TOKEN}") == TOKEN


@pytest.mark.parametrize(
    ("source", "parts"),
    [
        ("Bearer ${secret:TOKEN}", ("Bearer ", TOKEN)),
        ("${secret:TOKEN}${secret:_other2}", (TOKEN, Secret("_other2"))),
        ("${secret:TOKEN} $${x}", (TOKEN, " ${x}")),
        ("{${secret:TOKEN}}", ("{", TOKEN, "}")),
    ],
)
def test_text_with_secrets_keeps_them_apart(source: str, parts: tuple[object, ...]) -> None:
    assert parse(source) == SecretText(parts)  # type: ignore[arg-type]  # the table's parts are of several kinds


def test_secrets_are_made_by_whoever_knows_them() -> None:
    found = parse("${secret:TOKEN}", lambda name: Secret(name, digest("value of " + name)))
    assert isinstance(found, Secret)
    assert found.matches("value of TOKEN")


@given(SOURCES)
def test_any_text_is_parsed_into_parts_without_empty_or_neighbouring_texts(source: str) -> None:
    found = parse(source)
    parts = found.parts if isinstance(found, (Template, SecretText)) else (found,)
    texts = [isinstance(part, str) for part in parts]
    assert "" not in parts or source == ""
    assert not any(first and second for first, second in pairwise(texts))
    assert isinstance(found, Template) == any(isinstance(part, Reference) for part in parts)


@pytest.mark.parametrize("source", ["{{{{ {{ Name }}", "$${x} {{ Name }} ${NAME}", "{{{ Name }}}", "{{{{{{{ Name }}"])
def test_a_written_template_doubles_the_signs_that_are_text(source: str) -> None:
    found = parse(source)
    assert isinstance(found, Template)
    assert parse(str(found)) == found


@given(SOURCES, SOURCES)
def test_a_template_that_is_written_and_parsed_again_is_the_same(before: str, after: str) -> None:
    found = parse(before + " {{ Name }} " + after)
    assert isinstance(found, Template)
    assert parse(str(found)) == found


@given(SOURCES)
def test_text_without_braces_and_dollars_is_itself(source: str) -> None:
    plain = source.replace("{", "").replace("$", "")
    assert parse(plain) is plain
