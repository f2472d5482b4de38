"""Quotes that go wrong: a backslash that double quotes do not take, and a quote that is not closed in its line."""

from __future__ import annotations

import re
from collections.abc import Iterator

from container.config.problem import Place, Problem, problem
from container.config.unquoted import TYPOGRAPHIC, Repair, ends, line_from, line_start, quoted

_ESCAPE = re.compile(r"\\(?:x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.)", re.DOTALL)
_TAKEN = frozenset('0abtnvfre \t"/\\N_LP\r\n\x85\u2028\u2029')
_CLOSED = {
    '"': re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL),
    "'": re.compile(r"'((?:[^']|'')*)'", re.DOTALL),
}
_KEY_ENDS = re.compile(r":(?=[ \t]|$)")
_TYPOGRAPHIC = frozenset(TYPOGRAPHIC)
_LINE = re.compile(r"[\r\n\x85\u2028\u2029]")
_LONGEST_TEXT = 2000

BACKSLASH = "double quotes read a backslash as the beginning of a special sign, and this is none"
USE_SINGLE = "in single quotes a backslash is a backslash"
NEVER_CLOSED = "the quote that opens here is not closed"
ENDS_EARLY = "the text in quotes ends early, and more text follows"


def backslash_repair(text: str, *, opened: int) -> Repair | None:
    """The text in double quotes that opens there, as it is meant: each backslash stands for itself."""
    closed = _CLOSED['"'].match(text, opened, opened + _LONGEST_TEXT)
    if closed is None:
        return None
    first = next((found.start() for found in _ESCAPE.finditer(closed[0]) if not _is_taken(found[0])), 0)
    meant = _meant(closed[1])
    stand_in = _ESCAPE.sub(lambda found: found[0] if _is_taken(found[0]) else "xx", closed[0])
    hint = USE_SINGLE if _LINE.search(meant) else f"write {quoted(meant)} ({USE_SINGLE})"
    return Repair(
        opened, closed.end(), meant, "yaml-syntax", BACKSLASH, hint, at=opened + first, length=2, stand_in=stand_in
    )


def quote_repairs(text: str, stand_in: str, *, opened: int) -> Iterator[Repair]:
    """How far the text may be meant to go whose quote opens there, likeliest first; whoever asks tries them out."""
    sign, start = text[opened], line_start(text, opened)
    line = line_from(stand_in, start, opened)
    begin = opened - start
    if begin >= len(line):
        return
    keys = [found.start() for found in _KEY_ENDS.finditer(line, begin)]
    for stop in [*ends(line, begin), *keys]:
        stretch = text[opened : start + stop]
        if stretch.endswith(sign):
            meant, sentence = stretch[1:-1], ENDS_EARLY
        elif stretch.count(sign) % 2:
            meant, sentence = stretch[1:].rstrip(), NEVER_CLOSED
        else:
            meant, sentence = stretch.replace(sign, ""), ENDS_EARLY
        if meant.strip() and not _CLOSED[sign].fullmatch(stretch):
            quotes = "'" + "x" * (len(stretch) - 2) + "'"
            hint = f"write {quoted(meant)}"
            yield Repair(
                opened, start + stop, meant, "yaml-syntax", sentence, hint, length=len(stretch), stand_in=quotes
            )


def typographic(place: Place, text: str) -> Iterator[Problem]:
    """Quotes of a word processor around a text, which nobody means to be in it."""
    if text[0:1] in _TYPOGRAPHIC and text[-1:] in _TYPOGRAPHIC:
        hint = f"write {quoted(text.strip(TYPOGRAPHIC))}"
        yield problem("yaml-syntax", place, "to YAML these quotes are letters", hint=hint, level="warning")


def backspace(place: Place, text: str, raw: str) -> Problem | None:
    """The backspace that double quotes make of the `\\b` of a pattern."""
    if "\b" not in text or raw[:1] != '"':
        return None
    before = raw[: next((each.start() for each in _ESCAPE.finditer(raw) if each[0] == "\\b"), 0)]
    at = place if _LINE.search(before) else Place(place.line, place.column + len(before), 2)
    hint = USE_SINGLE if _LINE.search(raw) else f"write {quoted(_meant(raw[1:-1]))} ({USE_SINGLE})"
    return problem("unquoted-pattern", at, "in double quotes this is a backspace", hint=hint)


def _meant(inside: str) -> str:
    """What is between double quotes, when a backslash is meant to be one."""
    return _ESCAPE.sub(lambda found: found[0][1] if found[0][1] in '"\\' else found[0], inside)


def _is_taken(escape: str) -> bool:
    return len(escape) > 2 or escape[1] in _TAKEN
