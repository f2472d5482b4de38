"""What is wrong with a container file: code, place, sentence, hint. Rendered for people, programs and GitHub."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

import orjson

from container.config.words import means_otherwise

Level = Literal["error", "warning"]

LINE_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
"""What YAML calls the end of a line."""

_UNPRINTABLE = re.compile(r"[^\t\x20-\x7e\xa0-\ud7ff\ue000-\U0010ffff]|[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_WIDEST_LINE = 160
_LONGEST_NAME = 200
_MOST_NEAR = 5
LONGEST_SENTENCE = 1000


@dataclass(frozen=True, slots=True)
class Place:
    """A stretch of one line: line and column count from 1, columns and length in characters."""

    line: int
    column: int
    length: int = 1


@dataclass(frozen=True, slots=True)
class Code:
    """A kind of problem: how bad it is, what it means, and what to do about it."""

    level: Level
    meaning: str
    remedy: str


CODES: Mapping[str, Code] = {
    "yaml-syntax": Code("error", "The file is not YAML, or more of it than is allowed.", "Mend the text at the caret."),
    "duplicate-key": Code("error", "A mapping has the same key twice.", "Keep one of the two, or rename one."),
    "unknown-key": Code("error", "There is no such key here.", "Correct its spelling, or take the line out."),
    "unknown-type": Code("error", "There is no component of this type.", "Write one of the types that exist."),
    "missing-field": Code("error", "Something that is always needed is not there.", "Add the field."),
    "wrong-type": Code("error", "The value is of the wrong kind for its field.", "Write the kind it takes."),
    "unknown-trigger": Code("error", "A tag names a trigger that does not exist.", "Correct the name, or declare it."),
    "unknown-variable": Code("error", "A reference leads nowhere.", "Correct the name, or declare the variable."),
    "unknown-tag": Code("error", "A tag is named that does not exist.", "Correct the name, or declare the tag."),
    "variable-circle": Code(
        "error",
        "Variables lead back to themselves, or through more than 32 others.",
        "Let one of them take its value from somewhere else.",
    ),
    "not-dynamic": Code("error", "The field does not accept references to variables.", "Write the value itself."),
    "unquoted-reference": Code(
        "error", "YAML reads the braces of a reference as its own.", "Put the whole value in quotes."
    ),
    "unquoted-environment": Code(
        "error", "YAML reads the braces of `${…}` as its own.", "Put the whole value in quotes."
    ),
    "unquoted-pattern": Code("error", "YAML reads signs of a pattern as its own.", "Put the pattern in single quotes."),
    "bad-regex": Code(
        "error", "The pattern is not RE2, the dialect of GTM.", "Do without look-around and back-references."
    ),
    "missing-environment": Code(
        "error",
        "An environment variable or a secret is not set, or its reference is not well formed.",
        "Set it, or give it a default: `${NAME:-default}`.",
    ),
    "literal-secret": Code(
        "error", "A secret stands in the file itself.", "Write `${secret:NAME}` and keep the value outside the file."
    ),
    "secret-leak": Code(
        "error", "A secret stands where it could be seen.", "Use it only in secret fields, headers, query and body."
    ),
    "reserved-name": Code("error", "The name belongs to something built in.", "Choose another name."),
    "no-triggers": Code("error", "A tag has no trigger, so it could never fire.", "Name one under `triggers`."),
    "consent-missing": Code(
        "error",
        "Nothing says which consent the tag needs.",
        "Write `consent:` with a list of consent types, or `consent: not_needed`.",
    ),
    "open-endpoint": Code("warning", "Anybody can send hits to this client.", "Give it an `api_secret`."),
    "dedup-unknown": Code(
        "warning",
        "It is not said whether a browser pixel reports the same conversions.",
        "Say it: `browser: {pixel: true}` or `browser: {pixel: false}`.",
    ),
    "name-mismatch": Code(
        "warning", "Tags of one account name their events differently.", "Give both the same `browser`."
    ),
    "unused-variable": Code("warning", "Nothing refers to the variable.", "Use it, or take it out."),
    "unused-trigger": Code("warning", "No tag uses the trigger.", "Use it, or take it out."),
    "shadowed-client": Code(
        "warning",
        "A client that comes earlier claims everything this one could.",
        "Change `priority`, or tell their `paths` or `measurement_ids` apart.",
    ),
    "redeclared-built-in": Code(
        "warning", "The variable takes the place of a built-in one.", "Rename it, unless that is meant."
    ),
    "lookup-default-credential": Code(
        "warning",
        "Whatever a table does not list is sent with the credentials of its default.",
        "Take the secret out of `default`, so that unlisted input sends nothing.",
    ),
    "near-standard-event": Code(
        "warning", "The name is nearly one of the vendor's own.", "Write the vendor's name, letter by letter."
    ),
    "consent-never-met": Code(
        "warning",
        "No hit ever says anything about this consent type, and by default it is denied.",
        "Correct its spelling, or grant it under `consent: {default: …}`.",
    ),
}
"""All codes. Codes and places are stable and tested; the wording is not."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, at one place."""

    code: str
    level: Level
    line: int
    column: int
    length: int
    sentence: str
    hint: str = ""


def problem(code: str, place: Place, sentence: str, *, hint: str = "", level: Level | None = None) -> Problem:
    """A problem with the usual level of its code, unless another is given."""
    said, advised = printable(sentence[:LONGEST_SENTENCE]), printable(hint[:LONGEST_SENTENCE])
    return Problem(code, level or CODES[code].level, place.line, place.column, place.length, said, advised)


def in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """By position, errors before warnings; of several with one place and code the first error, else the first."""
    found: dict[tuple[int, int, str], Problem] = {}
    for each in sorted(problems, key=lambda each: each.level):
        found.setdefault((each.line, each.column, each.code), each)
    return tuple(sorted(found.values(), key=lambda each: (each.line, each.column, each.level, each.code)))


def without_outdone(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Without what has the wrong remedy: where no reference may stand, neither quotes nor a declaration would help."""
    found = tuple(problems)
    fixed = {(each.line, each.column) for each in found if each.code == "not-dynamic"}
    moot = ("unquoted-reference", "unknown-variable")
    return tuple(each for each in found if each.code not in moot or (each.line, each.column) not in fixed)


def did_you_mean(name: str, known: Mapping[str, int | None] | Iterable[str], *, cutoff: float = 0.6) -> str:
    """A hint with the nearest known name and its line, where `known` says one; empty when none is near.

    A name that means the opposite is never near.
    """
    lines = known if isinstance(known, Mapping) else dict.fromkeys(known)
    if len(name) > _LONGEST_NAME:
        return ""
    near = get_close_matches(name, [each for each in lines if len(each) <= _LONGEST_NAME], n=_MOST_NEAR, cutoff=cutoff)
    meant = next((each for each in near if not means_otherwise(name, each)), None)
    if meant is None:
        return ""
    line = lines[meant]
    return f'did you mean "{meant}"?' if line is None else f'did you mean "{meant}" (line {line})?'


def as_text(problems: Iterable[Problem], *, filename: str, text: str, hidden: Iterable[Place] = ()) -> str:
    """For people: every problem with its source line, a caret and a hint. What is hidden shows as asterisks."""
    lines = LINE_BREAK.split(text.removeprefix("\ufeff"))
    for place in hidden:
        if place.line <= len(lines):
            lines[place.line - 1] = _masked(lines[place.line - 1], place)
    return "\n\n".join(_rendered(each, filename, lines) for each in problems)


def as_json(problems: Iterable[Problem], *, filename: str) -> str:
    """For programs: a JSON list of objects with `file` and the fields of `Problem`."""
    found = [{"file": filename} | {name: getattr(each, name) for name in Problem.__slots__} for each in problems]
    return orjson.dumps(found, option=orjson.OPT_INDENT_2).decode()


def as_github(problems: Iterable[Problem], *, filename: str) -> str:
    """For GitHub Actions: one annotation per line."""
    return "\n".join(_annotation(each, filename) for each in problems)


def printable(text: str) -> str:
    """The text without control characters, line breaks and lone surrogates: nothing that a terminal would obey."""
    return _UNPRINTABLE.sub("\ufffd", text)


def _masked(line: str, place: Place) -> str:
    """The line with asterisks for what stands there, so that nothing moves."""
    begin = place.column - 1
    end = min(len(line), begin + place.length)
    return line[:begin] + "*" * (end - begin) + line[end:]


def _rendered(each: Problem, filename: str, lines: Sequence[str]) -> str:
    source = printable(lines[each.line - 1]) if each.line <= len(lines) else ""
    first = max(0, each.column - _WIDEST_LINE // 2) if len(source) > _WIDEST_LINE else 0
    shown = source[first : first + _WIDEST_LINE]
    before = shown[: each.column - 1 - first]
    # A tab in front of the caret has to stay one, else the caret stands beside the thing it means.
    padding = "".join("\t" if sign == "\t" else " " for sign in before)
    padding += " " * (each.column - 1 - first - len(before))
    caret = "^" * max(1, min(each.length, _WIDEST_LINE - (each.column - 1 - first)))
    text = f"{filename}:{each.line}:{each.column}: {each.level}[{each.code}] {each.sentence}\n"
    text += f"{each.line:>5} | {shown}".rstrip() + "\n"
    text += " " * max(5, len(str(each.line))) + f" | {padding}{caret}"
    return text + (f"\n   hint: {each.hint}" if each.hint else "")


def _annotation(each: Problem, filename: str) -> str:
    message = f"[{each.code}] {each.sentence}" + (f" Hint: {each.hint}" if each.hint else "")
    file = _escaped(filename).replace(":", "%3A").replace(",", "%2C")
    end = each.column + each.length
    return f"::{each.level} file={file},line={each.line},col={each.column},endColumn={end}::{_escaped(message)}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
