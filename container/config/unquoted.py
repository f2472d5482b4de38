"""Where quotes are missing: values that an analyst means as text and YAML reads as something else."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from container.config.problem import LINE_BREAK

RepairCode = Literal["unquoted-reference", "unquoted-environment", "unquoted-pattern", "yaml-syntax"]

PATTERN_KEYS = ("pattern", "matches_regex", "does_not_match_regex", "events_matching")

_TOKEN = re.compile(r"(?P<reference>\{\{[^{}\r\n]*\}\})|(?P<environment>\$\{[^{}\r\n]*\})")
_PATTERN_KEY = re.compile(r"(?<![\w-])(?:" + "|".join(PATTERN_KEYS) + r")[\"']?\s*:[ \t]+(?:\[[ \t]*(?=[\"']))?")
_QUOTED = re.compile(r"""(?<![^\s,\[{:(-])(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*')""")
_VALUE_BEGINS = re.compile(r"(?:[:-][ \t]+|[\[{,][ \t]*)(?=[^ \t])")
_COMMENT = re.compile(r"[ \t]#.*$")
_MOST_ENDS, _MOST_PLACES = 12, 12
_LONGEST_LINE = 2000

TYPOGRAPHIC = "\u201c\u201d\u201e\u201f\u00ab\u00bb"
"""Quotes that word processors make, and YAML takes for letters."""

_SENTENCES: Mapping[RepairCode, str] = {
    "unquoted-reference": "YAML cannot read a reference inside text without quotes",
    "unquoted-environment": "YAML cannot read `${…}` here without quotes",
    "unquoted-pattern": "YAML cannot read this pattern without quotes",
}


@dataclass(frozen=True, slots=True)
class Repair:
    """The stretch of the file from `start` to `end` is meant as this one text, and not written so.

    `at` and `length`: what the problem is shown at, else all of it. `stand_in`: what is read in its place.
    """

    start: int
    end: int
    text: str
    code: RepairCode
    sentence: str
    hint: str
    at: int | None = None
    length: int | None = None
    stand_in: str = ""


def quoted(text: str) -> str:
    """The text as YAML takes it: in single quotes if it holds what double quotes would read as an escape."""
    return "'" + text.replace("'", "''") + "'" if "\\" in text or '"' in text else f'"{text}"'


def with_placeholder(text: str, repair: Repair) -> str:
    """The text with harmless letters in place of the stretch, so that no other place moves."""
    return text[: repair.start] + (repair.stand_in or "x" * (repair.end - repair.start)) + text[repair.end :]


def repaired(text: str, stand_in: str, *, index: int, opened: int | None) -> Iterator[Repair]:
    """Stretches near a broken place that may lack quotes, likeliest first; whoever asks tries them out."""
    starts: list[int] = []
    for near in (index, opened, _line_before(text, index)):
        start = None if near is None else line_start(text, near)
        if start is not None and start not in starts:
            starts.append(start)
    for start in starts:
        yield from _on_line(text, line_from(stand_in, start), start)


def line_from(stand_in: str, start: int, quoted_until: int | None = None) -> str:
    """What counts of the line: quoted texts are plain letters, and its comment is gone. Empty when it is endless.

    `quoted_until`: where quoted texts end to be letters, because the one that opens there is in doubt.
    """
    ending = LINE_BREAK.search(stand_in, start, start + _LONGEST_LINE + 1)
    end = ending.start() if ending else len(stand_in)
    if end - start > _LONGEST_LINE:
        return ""
    # In the stand-in, earlier repairs and quoted texts are plain letters, so that no bracket in them counts.
    doubt = end if quoted_until is None else quoted_until
    line = _QUOTED.sub(lambda found: "x" * len(found[0]), stand_in[start:doubt]) + stand_in[doubt:end]
    comment = _COMMENT.search(_TOKEN.sub(lambda found: "x" * len(found[0]), line), doubt - start if doubt < end else 0)
    return line[: comment.start()].rstrip() if comment else line.rstrip()


def _on_line(text: str, line: str, start: int) -> Iterator[Repair]:
    places: list[tuple[int, RepairCode]] = [(found.end(), "unquoted-pattern") for found in _PATTERN_KEY.finditer(line)]
    for found in _TOKEN.finditer(line):
        code: RepairCode = "unquoted-reference" if found["reference"] else "unquoted-environment"
        places += [(begin, code) for begin in _begins(line, found.start())]
    for begin, code in places[:_MOST_PLACES]:
        if text[start + begin : start + begin + 1] in ('"', "'"):
            continue
        for stop in ends(line, begin):
            if set(line[begin:stop]) <= {"x"}:
                continue
            meant = text[start + begin : start + stop].strip(TYPOGRAPHIC)
            yield Repair(start + begin, start + stop, meant, code, _SENTENCES[code], f"write {quoted(meant)}")


def _begins(line: str, token: int) -> list[int]:
    """Where the value that holds the token may begin, the nearest place first."""
    before = [found.end() for found in _VALUE_BEGINS.finditer(line, 0, token + 1) if found.end() <= token]
    # The braces of an earlier reference in the same value are no border of it.
    outside = [begin for begin in before if line[begin - 1 : begin + 1] != "{{" and line[begin - 2 : begin] != "{{"]
    if outside and _open_brackets(line[: outside[-1]]) > 0 and line[: outside[-1]].rstrip()[-1] in ",[{":
        # Inside of brackets a value does not reach over a comma.
        return outside[-1:]
    return list(dict.fromkeys([*reversed(outside), *([token] if not line[:token].strip() else [])]))[:2]


def ends(line: str, begin: int) -> Iterator[int]:
    """Where the value may end: in a flow collection before a separator, else with the line. Balanced ones first."""
    stops = [at for at in range(begin + 1, len(line)) if line[at] in ",]}" and not line[at - 1].isspace()][:_MOST_ENDS]
    inside_flow = _open_brackets(line[:begin]) > 0
    found = [*stops, len(line)] if inside_flow else [len(line), *stops]
    found = [end for end in found if end > begin]
    yield from sorted(found, key=lambda end: _open_brackets(line[begin:end]) != 0)


def _open_brackets(text: str) -> int:
    return sum(text.count(sign) for sign in "[{(") - sum(text.count(sign) for sign in "]})")


def line_start(text: str, index: int) -> int:
    last = 0
    for found in LINE_BREAK.finditer(text, max(0, index - _LONGEST_LINE - 2), index):
        last = found.end()
    return last


def _line_before(text: str, index: int) -> int | None:
    before = text[: line_start(text, index)].rstrip()
    return len(before) if before else None
