"""Where quotes are missing: values that an analyst means as text and YAML reads as something else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from container.config.problem import LINE_BREAK

UnquotedCode = Literal["unquoted-reference", "unquoted-environment", "unquoted-pattern"]

PATTERN_KEYS = ("pattern", "matches_regex", "does_not_match_regex", "events_matching")

_TOKEN = re.compile(r"(?P<reference>\{\{[^{}\r\n]*\}\})|(?P<environment>\$\{[^{}\r\n]*\})")
_PATTERN_KEY = re.compile(r"(?<![\w-])(?:" + "|".join(PATTERN_KEYS) + r")[\"']?\s*:[ \t]+(?:\[[ \t]*(?=[\"']))?")
_QUOTED = re.compile(r"""(?<![^\s,\[{:(-])(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*')""")
_VALUE_BEGINS = re.compile(r"(?:[:-][ \t]+|[\[{,][ \t]*)(?=[^ \t])")
_COMMENT = re.compile(r"[ \t]#.*$")
_MOST_ENDS, _MOST_PLACES = 12, 12
_LONGEST_LINE = 2000

_SENTENCES: dict[UnquotedCode, str] = {
    "unquoted-reference": "YAML cannot read a reference inside text without quotes",
    "unquoted-environment": "YAML cannot read `${…}` here without quotes",
    "unquoted-pattern": "YAML cannot read this pattern without quotes",
}


@dataclass(frozen=True, slots=True)
class Repair:
    """The stretch of the text from `start` to `end` is meant as one text, and needs quotes to be read so."""

    start: int
    end: int
    text: str
    code: UnquotedCode

    @property
    def sentence(self) -> str:
        return _SENTENCES[self.code]

    @property
    def quoted(self) -> str:
        return quoted(self.text)


def quoted(text: str) -> str:
    """The text as YAML takes it: in single quotes if it holds what double quotes would read as an escape."""
    return "'" + text.replace("'", "''") + "'" if "\\" in text or '"' in text else f'"{text}"'


def with_placeholder(text: str, repair: Repair) -> str:
    """The text with harmless letters in place of the stretch, so that no other place moves."""
    return text[: repair.start] + "x" * (repair.end - repair.start) + text[repair.end :]


def repaired(text: str, stand_in: str, *, index: int, opened: int | None) -> Iterator[Repair]:
    """Stretches near a broken place that may lack quotes, likeliest first; whoever asks tries them out."""
    starts: list[int] = []
    for near in (index, opened, _line_before(text, index)):
        start = None if near is None else _line_start(text, near)
        if start is not None and start not in starts:
            starts.append(start)
    for start in starts:
        ending = LINE_BREAK.search(text, start)
        yield from _on_line(text, stand_in, start, ending.start() if ending else len(text))


def _on_line(text: str, stand_in: str, start: int, end: int) -> Iterator[Repair]:
    if end - start > _LONGEST_LINE:
        return
    # In the stand-in, earlier repairs and quoted texts are plain letters, so that no bracket in them counts.
    line = _QUOTED.sub(lambda found: "x" * len(found[0]), stand_in[start:end])
    comment = _COMMENT.search(_TOKEN.sub(lambda found: "x" * len(found[0]), line))
    line = line[: comment.start()].rstrip() if comment else line.rstrip()
    places: list[tuple[int, UnquotedCode]] = [
        (found.end(), "unquoted-pattern") for found in _PATTERN_KEY.finditer(line)
    ]
    for found in _TOKEN.finditer(line):
        code: UnquotedCode = "unquoted-reference" if found["reference"] else "unquoted-environment"
        places += [(begin, code) for begin in _begins(line, found.start())]
    for begin, code in places[:_MOST_PLACES]:
        for stop in _ends(line, begin):
            if set(line[begin:stop]) <= {"x"}:
                continue
            yield Repair(start + begin, start + stop, text[start + begin : start + stop], code)


def _begins(line: str, token: int) -> list[int]:
    """Where the value that holds the token may begin, the nearest place first."""
    before = [found.end() for found in _VALUE_BEGINS.finditer(line, 0, token + 1) if found.end() <= token]
    # The braces of an earlier reference in the same value are no border of it.
    outside = [begin for begin in before if line[begin - 1 : begin + 1] != "{{" and line[begin - 2 : begin] != "{{"]
    if outside and _open_brackets(line[: outside[-1]]) > 0 and line[: outside[-1]].rstrip()[-1] in ",[{":
        # Inside of brackets a value does not reach over a comma.
        return outside[-1:]
    return list(dict.fromkeys([*reversed(outside), *([token] if not line[:token].strip() else [])]))[:2]


def _ends(line: str, begin: int) -> Iterator[int]:
    """Where the value may end: in a flow collection before a separator, else with the line. Balanced ones first."""
    stops = [at for at in range(begin + 1, len(line)) if line[at] in ",]}" and not line[at - 1].isspace()][:_MOST_ENDS]
    inside_flow = _open_brackets(line[:begin]) > 0
    ends = [*stops, len(line)] if inside_flow else [len(line), *stops]
    ends = [end for end in ends if end > begin]
    yield from sorted(ends, key=lambda end: _open_brackets(line[begin:end]) != 0)


def _open_brackets(text: str) -> int:
    return sum(text.count(sign) for sign in "[{(") - sum(text.count(sign) for sign in "]})")


def _line_start(text: str, index: int) -> int:
    last = 0
    for found in LINE_BREAK.finditer(text, max(0, index - _LONGEST_LINE - 2), index):
        last = found.end()
    return last


def _line_before(text: str, index: int) -> int | None:
    before = text[: _line_start(text, index)].rstrip()
    return len(before) if before else None
