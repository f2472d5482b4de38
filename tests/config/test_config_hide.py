"""What may be a secret in plain text: found by the names of keys, hidden in lines and in what is said of them."""

from __future__ import annotations

import pytest

from container.config.hide import hidden_in, is_literal, without_secrets
from container.config.problem import Place, as_text, problem


def hidden(text: str) -> list[str]:
    lines = text.split("\n")
    return [lines[each.line - 1][each.column - 1 :][: each.length] for each in hidden_in(text, ["pass_phrase"])]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("access_token: abcdef", ["abcdef"]),
        ("access_token: abcdef # why", ["abcdef"]),
        ("a: {token: abcdef, b: c}", ["abcdef"]),
        ("a: {token: abc def}", ["abc def"]),
        ('api_secret: "abc, def"', ["abc, def"]),
        ("API-Key: 'abcdef'", ["abcdef"]),
        ('{"password":"abcdef"}', ["abcdef"]),
        ("pass_phrase: abcdef", ["abcdef"]),
        ("- pass_phrase: abcdef", ["abcdef"]),
        ("Authorization: Bearer abcdef", ["Bearer abcdef"]),
        ("tokens: [abc, def]", ["[abc, def"]),
        ("tokens:\n  - abc\n  - def\nother: ghi", ["- abc", "- def"]),
        ("tokens:\n- abc\nother: ghi", ["- abc"]),
        ("token: |\n  key: abc\n\n  def\nother: ghi", ["key: abc", "def"]),
        ("token:\n  abc\n  type: x", ["abc"]),
        ('token: "abc\n  def"', ["abc", 'def"']),
        ("token: ${X:-abc}", ["${X:-abc}"]),
    ],
)
def test_values_behind_telling_keys_are_found(text: str, found: list[str]) -> None:
    assert hidden(text) == found


@pytest.mark.parametrize(
    "text",
    [
        'access_token: "${secret:TOKEN}"',
        "access_token: ${TOKEN}",
        "access_token: ${TOKEN:-}",
        'access_token: "${secret:}"',
        "access_token: {{ Market.token }}",
        "Authorization: Bearer ${secret:TOKEN}",
        "Token Table: {type: lookup_table, input: x}",
        "TikTok Token:\n  type: constant\n  value: x",
        "access_token:",
        "access_token: null",
        "name: abcdef",
    ],
)
def test_references_and_what_is_no_value_are_shown(text: str) -> None:
    assert hidden(text) == []


def test_what_is_a_literal() -> None:
    assert is_literal("x${secret:TOKEN}")
    assert not is_literal("Bearer {{ Token }}")


def test_nothing_moves_when_a_stretch_is_hidden() -> None:
    found = problem("unknown-key", Place(1, 13, 3), "x")
    shown = as_text([found], filename="f", text="token: abc, key: 1", hidden=[Place(1, 8, 3), Place(9, 1, 3)])
    assert shown.splitlines()[1:] == ["    1 | token: ***, key: 1", "      |             ^^^"]


def test_no_word_of_a_hidden_stretch_is_said() -> None:
    found = problem("wrong-type", Place(1, 1), 'there is no "abcdef."', hint="write 'x abcdef'")
    (said,) = without_secrets([found], "token: abcdef", [Place(1, 8, 6), Place(9, 1, 3)])
    assert (said.sentence, said.hint) == ('there is no "***."', "write 'x ***'")


def test_a_sentence_that_was_cut_ends_before_the_cut_word() -> None:
    found = problem("wrong-type", Place(1, 1), "x " * 498 + "abcdefgh")
    (said,) = without_secrets([found], "token: abcdefgh", [Place(1, 8, 8)])
    assert said.sentence.endswith("x ***")
    assert "abcd" not in said.sentence


def test_short_words_are_no_secrets() -> None:
    found = problem("wrong-type", Place(1, 1), 'tag "A": there is no "abc"')
    assert without_secrets([found], "token: abc", [Place(1, 8, 3)]) == (found,)
