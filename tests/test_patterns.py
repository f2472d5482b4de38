"""Patterns that have stopped other programs: each is quick on a long text, or refused when the file is read."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import re2
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from container.config.load import load
from container.config.registry import discover
from container.fields import LONGEST_SUBJECT, MOST_STEPS, Pattern
from tests.bad_patterns import LONGEST, PATTERNS, SUBJECTS

PATTERN: TypeAdapter[Pattern] = TypeAdapter(Pattern)
MOST_SECONDS = 0.05
PIECES = st.sampled_from(
    [
        *"ab.*+?|()[]^$-{}\\,019:<>!=QEpPxNLi\u00e9\u2603\n/ ",
        *("(?:", "(?i)", "(?P<a>", "{2}", "{0,3}", "{1000}", "\\Q", "\\E", "\\x{20AC}", "\\x{0041}", "\\x{41}", "\\pL"),
        *("\\p{Greek}", "[[:word:]]", "[^]]", "\\b", "\\C", "\\1", "*?", "+?", "??", "{2}?", "[\\x{0041}-z]"),
    ]
)


def accepted(source: str) -> Pattern | None:
    """The pattern as settings hold it; `None` for one that they refuse."""
    try:
        return PATTERN.validate_python(source)
    except ValidationError:
        return None


def refused(source: str) -> str:
    with pytest.raises(ValidationError) as caught:
        PATTERN.validate_python(source)
    return caught.value.errors()[0]["msg"]


def seconds(search: Callable[[str], Sequence[str] | None], subject: str) -> float:
    started = time.process_time()
    search(subject)
    return time.process_time() - started


def test_there_are_two_hundred_patterns_and_texts_as_long_as_are_read() -> None:
    assert len(PATTERNS) >= 200
    assert LONGEST == LONGEST_SUBJECT
    assert {len(subject) for subject in SUBJECTS} == {LONGEST_SUBJECT}
    assert sum(accepted(source) is not None for source in PATTERNS) > 150


@pytest.mark.parametrize("source", PATTERNS, ids=range(len(PATTERNS)))
def test_a_pattern_is_quick_or_refused(source: str) -> None:
    if accepted(source) is None:
        return
    for subject in SUBJECTS:
        for way in ("search", "fullmatch"):
            # What RE2 learns of a text makes the next one quicker, so each gets a pattern of its own.
            took = min(seconds(getattr(Pattern(source), way), subject) for _ in range(2))
            assert took < MOST_SECONDS, f"{way} {source} on {subject[:20]}: {took:.3f} s"


@pytest.mark.parametrize("source", PATTERNS, ids=range(len(PATTERNS)))
def test_a_file_with_such_a_pattern_is_read_or_refused_in_our_words(source: str) -> None:
    quoted = source.replace("'", "''").replace("\n", "")
    text = f"""
version: 1
container: {{name: Example Shop, id: SHOP-1}}
consent: {{default: granted}}
clients: {{GA4: {{type: ga4}}}}
triggers:
  Some: {{when: {{variable: Page Path, matches_regex: '{quoted}'}}}}
tags:
  Hook: {{type: http_request, triggers: Some, consent: not_needed, url: https://a.example/}}
"""
    loaded = load(
        text, filename="a.yaml", registry=REGISTRY, environment={}, secrets=lambda name: None, strict_environment=True
    )
    errors = [found for found in loaded.problems if found.level == "error"]
    if accepted(source) is not None:
        assert not errors
        return
    [error] = errors
    assert (error.code, error.line) == ("bad-regex", 7)
    assert error.sentence.startswith('trigger "Some": the pattern in "matches_regex" ')


REGISTRY = discover()


@pytest.mark.parametrize(
    ("source", "taken"),
    [
        (f"a{{{1000}}}", True),
        ("a{0,800}", True),
        ("a{0,1000}", False),
        (".{1,500}", True),
        (".{0,255}/.{0,255}", True),
        ("[^/]{0,255}", True),
        ("(a{0,30}){0,30}", False),
        ("(a{0,20}){0,20}", True),
        ("a?" * (MOST_STEPS - 1), True),
        ("a?" * (MOST_STEPS + 2), False),
        ("[*+?]{9}" * 50, True),
        ("\\*\\+\\?" * 2000, True),
        ("\\Q" + "*+?{9}[" * 2000 + "\\E", True),
        ("\\Q" + "*+?[" * 2000, True),
        ("|".join(f"spider{number}" for number in range(2000)), True),
        ("\\p{L}{1,90}", True),
        ("\\p{L}{1,300}", False),
        ("\\x{20AC}{1,300}", True),
        ("\\x{20AC}{1,900}", False),
        ("\\\\x{300}", True),
        ("[\\x{0041}-z]{9}", True),
        ("[\\x{0041}-z]{1,900}", False),
        ("[]{9}]{9}", True),
        ("[[:word:]*]{9}", True),
    ],
)
def test_quantifiers_add_so_many_steps_and_no_more(source: str, *, taken: bool) -> None:
    assert (accepted(source) is not None) == taken


def test_a_pattern_with_too_many_steps_is_told_what_to_do() -> None:
    assert refused("(a|b){0,1000}") == "its numbers in braces come to too many steps: take * or +, or smaller numbers"


def test_a_pattern_is_quick_or_refused_where_case_is_ignored_too() -> None:
    assert accepted("k?" * 1590 + "x") is None
    patient = accepted("k?" * 500 + "x")
    assert patient is not None
    assert seconds(patient.ignoring_case.search, "k" * LONGEST_SUBJECT) < MOST_SECONDS


def test_counting_steps_takes_no_time() -> None:
    for source in ("\\Q" + "[" * 40_000 + "\\E", "[" * 40_000 + "]", "\\x{" + "0" * 40_000 + "41}", "[[:word:]" * 4000):
        started = time.process_time()
        accepted(source)
        assert time.process_time() - started < 5


@settings(max_examples=500)
@given(st.lists(PIECES, max_size=14).map("".join))
@example("\\x{20AC}\\pL{0,3}")
def test_short_patterns_are_refused_by_re2_alone(source: str) -> None:
    if source.count("{1000}") > 1:
        return
    taken = accepted(source) is not None
    try:
        Pattern(source)
    except re2.error:
        assert not taken
    else:
        assert taken or "{1000}" in source


def test_nothing_is_printed_about_a_pattern_that_is_refused(capfd: pytest.CaptureFixture[str]) -> None:
    for source in PATTERNS:
        accepted(source)
    Pattern("(a|b){0,1000}z").search("ab" * 4000)
    out, err = capfd.readouterr()
    assert not out + err


def test_what_comes_after_the_longest_text_is_not_looked_at() -> None:
    pattern = Pattern("z")
    assert pattern.search("a" * (LONGEST_SUBJECT - 1) + "z") == ("z",)
    assert pattern.search("a" * LONGEST_SUBJECT + "z") is None


def test_a_pattern_takes_eight_megabytes_at_most() -> None:
    assert refused("(\\p{L}{100}){10}") == "pattern too large - compile failed"


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("a{1000}", "a{1001}"),
        ("(a{25}){40}", "(a{26}){40}"),
        ("a{0,800}", "a{0,801}"),
        (".{0,534}", ".{0,535}"),
        (r"\w{0,400}", r"\w{0,401}"),
    ],
)
def test_the_limits_are_those_that_the_page_names(right: str, wrong: str) -> None:
    page = (Path(__file__).parent.parent / "docs" / "problems" / "bad-regex.md").read_text(encoding="utf-8")
    assert f"`{right}`" in page
    assert f"`{wrong}`" in page
    assert PATTERN.validate_python(right)
    with pytest.raises(ValidationError):
        PATTERN.validate_python(wrong)
