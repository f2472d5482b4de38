"""References to members: what a table has, lacks, and what cannot be told."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from container.config.load import Loaded

Load = Callable[..., Loaded]

HEAD = "version: 1\nclients: {GA4: {type: ga4}}\ntags: {Hook: {type: plain_tag, triggers: Pages}}\n"


def problems(load_text: Load, reference: str, variables: str) -> list[tuple[str, str]]:
    text = f'{HEAD}triggers: {{Pages: {{when: {{value: "{{{{ {reference} }}}}", equals: a}}}}}}\n'
    loaded = load_text(f"{text}variables:\n{variables}")
    return [(each.code, each.hint) for each in loaded.problems if each.code != "unused-variable"]


MARKET = '  Market: {type: lookup_table, input: "{{ Page Path }}", table: {a: %s, b: %s}, default: %s}\n'


@pytest.mark.parametrize(
    ("reference", "rows"),
    [
        ("Market.x", ("{x: 1}", "{x: 2}", "null")),
        ("Market.x", ("{x: 1}", "{x: 2}", "{y: 3}")),
        ("Market.x", ("{x: 1}", "{}", "null")),
        ("Market.x.y", ("{x: {y: 1}}", "{x.y: 2}", "null")),
        ("Market.x.0", ("{x: [1]}", "{x: [2, 3]}", "null")),
        ("Market.x", ("{{ event.market }}", "{y: 1}", "null")),
        ("Market.y", ('"{{ Nobody }}"', "{y: 1}", "null")),
    ],
)
def test_members_that_are_there_or_may_be_are_no_problem(
    load_text: Load, reference: str, rows: tuple[str, str, str]
) -> None:
    found = problems(load_text, reference, MARKET % rows)
    assert [code for code, _ in found if code != "unknown-variable" or "Nobody" not in str(rows)] == []


@pytest.mark.parametrize(
    ("reference", "rows", "hint"),
    [
        ("Market.pixle", ("{pixel: 1}", "{pixel: 2}", "null"), 'did you mean "Market.pixel"?'),
        ("Market.a.bb", ("{a: {bbb: 1}}", "{a: {bbb: 1}}", "null"), 'did you mean "Market.a.bbb"?'),
        ("Market.x.2", ("{x: [1]}", "{x: [2]}", "null"), 'did you mean "Market.x"?'),
        ("Market.x", ("a", "b", "null"), "write {{ Market }}"),
        ("Market.x", ('"at {{ Page URL }}"', "b", "null"), "write {{ Market }}"),
        ("Market.x", ('"{{ Page URL }}"', "b", "null"), "write {{ Market }}"),
    ],
)
def test_a_member_that_nothing_has_is_unknown(
    load_text: Load, reference: str, rows: tuple[str, str, str], hint: str
) -> None:
    assert problems(load_text, reference, MARKET % rows) == [("unknown-variable", hint)]


@pytest.mark.parametrize(
    "rows", [("{x: 1}", "{y: 1}", "null"), ("{x: 1}", "text", "null"), ("{x: {z: 1}}", "[x]", "1")]
)
def test_a_row_that_lacks_a_member_is_named(load_text: Load, rows: tuple[str, str, str]) -> None:
    assert [code for code, _ in problems(load_text, "Market.x", MARKET % rows)] == ["missing-field"]


def test_a_member_is_followed_through_other_variables(load_text: Load) -> None:
    other = '  Other: {type: first_of, values: ["{{ Market }}"]}\n' + MARKET % ("{x: 1}", "{x: 1}", "null")
    assert problems(load_text, "Other.x", other) == []
    assert [code for code, _ in problems(load_text, "Other.y", other)] == ["unknown-variable"]


@pytest.mark.parametrize(
    "variable",
    [
        "  Market: {type: event_data, key: market}\n",
        "  Market: {type: constant, value: x, format: {null_to: {x: 1}}}\n",
    ],
)
def test_what_cannot_be_told_is_no_problem(load_text: Load, variable: str) -> None:
    assert problems(load_text, "Market.x", variable) == []


def test_a_variable_that_is_broken_is_not_judged_further(load_text: Load) -> None:
    found = problems(load_text, "Market.x", "  Market: {type: constant, valeu: {y: 1}}\n")
    assert {code for code, _ in found} == {"unknown-key", "missing-field"}


@pytest.mark.parametrize(("reference", "hint"), [("Page URL.host", "write {{ Page URL }}"), ("Id.x", "write {{ Id }}")])
def test_text_has_no_members(load_text: Load, reference: str, hint: str) -> None:
    found = problems(load_text, reference, "  Id: {type: cookie_value, cookie: _ttp}\n")
    assert found == [("unknown-variable", hint)]


def test_there_is_an_end_to_looking_for_members(load_text: Load) -> None:
    rows = ", ".join(f"r{n}: [x]" for n in range(500))
    text = " ".join(f"{{{{ Market.{n} }}}}" for n in range(500))
    variables = f'  Market: {{type: lookup_table, input: "{{{{ Page Path }}}}", table: {{{rows}}}}}\n'
    found = problems(load_text, "Text", f"{variables}  Text: {{type: template, text: '{text}'}}\n")
    assert 350 < sum(code == "unknown-variable" for code, _ in found) < 450
