"""PyYAML's events, and its complaints as problems in plain words at the place that is to be mended."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import yaml
from yaml.parser import Parser
from yaml.reader import Reader, ReaderError
from yaml.scanner import Scanner

from container.config.problem import LINE_BREAK, Place, Problem, problem
from container.config.quotes import BACKSLASH, NEVER_CLOSED, USE_SINGLE

_NEAR = 200
"""So much white space, at most, stands between a text in quotes and what should not follow it."""

_KEY = re.compile(r"( *(?:- +)*)([\w.-]{1,100}):(?: +([^ #])|\s)?")
"""The beginning of a line with a key: what stands before it, the key, and the first sign of its value."""

_OF_INDENTATION = ("mapping values are not allowed", "expected <block end>")
"""What PyYAML says also of a key that is indented deeper than the one before it."""

_PLAIN_WORDS = (
    ("'\\t'", "a tab may not stand here", "indent with spaces, never with tabs"),
    ("mapping values are not allowed", "a second key cannot begin in this line", "put text with a colon in quotes"),
    (
        "expected ',' or '}', but got ':'",
        "a comma or a closing brace is missing before this colon, or quotes are",
        "put text with a colon in quotes",
    ),
    (
        "expected ',' or ']', but got ':'",
        "a comma or a closing bracket is missing before this colon, or quotes are",
        "put text with a colon in quotes",
    ),
    (
        "scanning an alias",
        "YAML takes a * at the beginning for the name of an anchor",
        "put the value in quotes; for every event leave `events` out",
    ),
    ("expected ',' or '}'", "a comma or a closing brace is missing before this", ""),
    ("expected ',' or ']'", "a comma or a closing bracket is missing before this", ""),
    ("a simple key, could not find expected ':'", "a key begins here, and no colon follows it", "write `key: value`"),
    ("but found '-'", "an item of a list cannot begin here", "indent it as the items above, or below its key"),
    ("but found ',", "this comma closes nothing", ""),
    ("expected <block end>", "this is indented otherwise than what it belongs to", "begin it below its neighbours"),
    ("that cannot start any token", "a value cannot begin with this sign", "put the value in quotes"),
)
"""What PyYAML says, and what we say instead: sentence and hint."""


class BrokenError(Exception):
    """The text cannot be read beyond `index`. `opened`: where the thing begins that is broken there.

    `backslash`: whether it is one that double quotes do not take. `quotes`: where quotes open that are in doubt.
    """

    def __init__(
        self,
        index: int,
        found: Problem,
        opened: int | None = None,
        *,
        backslash: bool = False,
        quotes: tuple[int, ...] = (),
    ) -> None:
        super().__init__(found.sentence)
        self.index = index
        self.problem = found
        self.opened = opened
        self.backslash = backslash
        self.quotes = quotes


class Events(Reader, Scanner, Parser):
    """PyYAML's events, without its constructors: nothing is ever built from a tag. `quoted`: texts in quotes so far."""

    def __init__(self, text: str) -> None:
        self.quoted: list[tuple[int, int]] = []
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)

    def scan_flow_scalar(self, style: str) -> Any:
        token = super().scan_flow_scalar(style)
        self.quoted.append((token.start_mark.index, token.end_mark.index))
        return token


def broken_at(mark: yaml.Mark | None, sentence: str, hint: str = "", opened: int | None = None) -> BrokenError:
    """What is found to be broken at a mark of PyYAML's."""
    return BrokenError(mark.index if mark else 0, problem("yaml-syntax", _place(mark), sentence, hint=hint), opened)


def explained(
    reason: yaml.MarkedYAMLError, text: str, stand_in: str, *, quoted: Sequence[tuple[int, int]]
) -> BrokenError:
    """PyYAML's complaint. `quoted`: the texts in quotes that it has read so far."""
    mark, opened = reason.problem_mark, reason.context_mark
    in_quotes = opened is not None and "quoted scalar" in (reason.context or "")
    if in_quotes and opened and mark and "escape" in (reason.problem or ""):
        return _backslash(mark, opened, text)
    at_end = mark is None or not text[mark.index :].strip("\0 \r\n")
    # What is never closed is broken where it begins, not at the end of the file.
    place = opened if opened and (at_end or in_quotes or reason.context == "while scanning a simple key") else mark
    begin = opened.index if opened else None
    sentence, hint = (NEVER_CLOSED, "") if in_quotes else _in_plain_words(reason, at_end=at_end)
    if opened and mark and opened.line != mark.line and "is missing" in sentence:
        sentence += f"; the bracket opens in line {opened.line + 1}"
    broken = broken_at(place, sentence, hint, begin)
    before = _quotes_before(broken, stand_in, quoted)
    deeper = None if in_quotes or mark is None else _too_deep(reason, mark, stand_in)
    if deeper:
        broken.problem = deeper
    elif before and not in_quotes:
        line = len(LINE_BREAK.split(text[: before[0]]))
        broken.problem = problem("yaml-syntax", _place(place), f"the text in quotes of line {line} ends before this")
    broken.quotes = before + ((begin,) if in_quotes and begin is not None else ())
    return broken


def refused(reason: ReaderError, text: str) -> BrokenError:
    """A sign that YAML does not take anywhere."""
    index = int(reason.position)
    lines = LINE_BREAK.split(text[:index])
    place = Place(len(lines), len(lines[-1]) + 1)
    sentence = f"the control character U+{ord(text[index]):04X} may not stand here"
    return BrokenError(index, problem("yaml-syntax", place, sentence))


def _backslash(mark: yaml.Mark, opened: yaml.Mark, text: str) -> BrokenError:
    # PyYAML complains behind the backslash, or some signs further when a code is cut short.
    index = text.rindex("\\", opened.index, mark.index + 1)
    place = Place(mark.line + 1, mark.column + 1 - (mark.index - index), 2)
    found = problem("yaml-syntax", place, BACKSLASH, hint=USE_SINGLE)
    return BrokenError(index, found, opened.index, backslash=True, quotes=(opened.index,))


def _in_plain_words(reason: yaml.MarkedYAMLError, *, at_end: bool) -> tuple[str, str]:
    """The sentence and the hint; PyYAML's own words for what hardly anybody writes."""
    stated = ", ".join(part for part in (reason.context, reason.problem) if part)
    if at_end and "flow" in stated:
        return "the bracket that opens here is not closed", ""
    return next(((sentence, hint) for words, sentence, hint in _PLAIN_WORDS if words in stated), (stated, ""))


def _too_deep(reason: yaml.MarkedYAMLError, mark: yaml.Mark, stand_in: str) -> Problem | None:
    """What is wrong with a key that is deeper than the one in the line before it, which has its value already."""
    if not any(words in (reason.problem or "") for words in _OF_INDENTATION):
        return None
    ending = LINE_BREAK.search(stand_in, mark.index)
    *lines, line = LINE_BREAK.split(stand_in[: ending.start() if ending else None])
    while lines and (not lines[-1].strip() or lines[-1].lstrip().startswith("#")):
        lines.pop()
    here, there = _KEY.match(line), _KEY.match(lines[-1]) if lines else None
    if not (here and there and there[3]) or mark.column > here.end(2) or here.end(1) <= there.end(1):
        return None
    begins = f"it begins in column {here.end(1) + 1}, and the key there in column {there.end(1) + 1}"
    hint = "begin both in the same column"
    if here.end(1) > there.end(1) + 1:
        hint += f", or leave out the value in line {len(lines)} if this belongs below it"
    place = Place(mark.line + 1, here.end(1) + 1, len(here[2]))
    return problem(
        "yaml-syntax", place, f"the indentation does not match that of line {len(lines)}: {begins}", hint=hint
    )


def _quotes_before(broken: BrokenError, stand_in: str, quoted: Sequence[tuple[int, int]]) -> tuple[int, ...]:
    """Where the text in quotes opens directly behind which the file is broken: it may have taken in too much."""
    for start, end in reversed(quoted):
        if end <= broken.index:
            near = [each for each in (broken.index, broken.opened) if each is not None and end <= each <= end + _NEAR]
            return (start,) if any(not stand_in[end:each].strip() for each in near) else ()
    return ()


def _place(mark: yaml.Mark | None) -> Place:
    return Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)
