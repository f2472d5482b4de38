"""Problems as people, programs and GitHub read them."""

from __future__ import annotations

import json

from container.config.problem import (
    CODES,
    Place,
    as_github,
    as_json,
    as_text,
    did_you_mean,
    in_order,
    problem,
)

TEXT = "\n" * 79 + "    triggers: [All Pages, Real Purchases]\n"
FOUND = problem(
    "unknown-trigger",
    Place(80, 27, 14),
    'tag "Meta - events" fires on "Real Purchases", which does not exist',
    hint='did you mean "Real Purchase" (line 59)?',
)


def test_a_problem_is_shown_with_line_caret_and_hint() -> None:
    assert as_text([FOUND], filename="container.yaml", text=TEXT) == (
        'container.yaml:80:27: error[unknown-trigger] tag "Meta - events" fires on "Real Purchases", '
        "which does not exist\n"
        "   80 |     triggers: [All Pages, Real Purchases]\n"
        "      |                           ^^^^^^^^^^^^^^\n"
        '   hint: did you mean "Real Purchase" (line 59)?'
    )


def test_a_tab_before_the_caret_stays_a_tab() -> None:
    shown = as_text([problem("yaml-syntax", Place(1, 4), "x")], filename="f", text="\tab\tc")
    assert shown.splitlines()[1:] == ["    1 | \tab\tc", "      | \t  ^"]


def test_a_caret_may_stand_behind_the_end_of_the_line() -> None:
    shown = as_text([problem("yaml-syntax", Place(1, 4), "x")], filename="f", text="ab")
    assert shown.splitlines()[1:] == ["    1 | ab", "      |    ^"]


def test_a_place_behind_the_last_line_is_shown_without_source() -> None:
    shown = as_text([problem("yaml-syntax", Place(9, 1), "x")], filename="f", text="ab")
    assert shown.splitlines()[1:] == ["    9 |", "      | ^"]


def test_an_endless_line_is_cut_around_the_caret() -> None:
    text = "x" * 5000 + "HERE" + "y" * 5000
    lines = as_text([problem("yaml-syntax", Place(1, 5001, 4), "x")], filename="f", text=text).splitlines()
    assert max(map(len, lines[1:])) < 200
    assert lines[1][lines[2].index("^") :].startswith("HERE")
    assert lines[2].count("^") == 4


def test_nothing_that_a_terminal_obeys_is_printed() -> None:
    found = problem("yaml-syntax", Place(1, 1), "a\x1b[31m\u202eb\ud800", hint="c\nd")
    shown = as_text([found], filename="f", text="\x1b[2J")
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert shown.encode()
    assert "c\ufffdd" in shown


def test_json_has_every_field() -> None:
    (found,) = json.loads(as_json([FOUND], filename="container.yaml"))
    assert found["file"] == "container.yaml"
    assert (found["line"], found["column"], found["length"]) == (80, 27, 14)
    assert (found["code"], found["level"], found["sentence"]) == ("unknown-trigger", "error", FOUND.sentence)
    assert found["hint"] == FOUND.hint


def test_github_gets_one_escaped_line_per_problem() -> None:
    found = problem("unused-trigger", Place(2, 3, 4), "100% unused")
    file = "a%2Cb%3Ac.yaml"
    assert as_github([found, FOUND], filename="a,b:c.yaml").splitlines() == [
        f"::warning file={file},line=2,col=3,endColumn=7::[unused-trigger] 100%25 unused",
        f"::error file={file},line=80,col=27,endColumn=41::[unknown-trigger] {FOUND.sentence} Hint: {FOUND.hint}",
    ]


def test_problems_are_in_order_and_none_is_twice() -> None:
    late, early = problem("yaml-syntax", Place(2, 1), "late"), problem("yaml-syntax", Place(1, 9), "early")
    warning, error = problem("unused-trigger", Place(1, 1), "w"), problem("no-triggers", Place(1, 1), "e")
    again = problem("yaml-syntax", Place(2, 1), "again")
    assert in_order([late, again, warning, early, error]) == (error, warning, early, late)


def test_the_nearest_name_is_suggested_with_its_line() -> None:
    assert did_you_mean("Order Valu", {"Order Value": 12, "Other": 3}) == 'did you mean "Order Value" (line 12)?'
    assert did_you_mean("pathes", ["paths"]) == 'did you mean "paths"?'
    assert did_you_mean("x", ["paths"]) == ""
    assert did_you_mean("x" * 10_000, ["x" * 9_999]) == ""


def test_every_code_says_what_it_means_and_what_to_do() -> None:
    for about in CODES.values():
        assert about.meaning.endswith(".")
        assert about.remedy.endswith(".")
