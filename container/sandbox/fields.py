"""Rules for the fields of a vendor's payload, as tables, and what they find wrong, with its path.

The reasons are worded as vendors word them, since people paste them into search engines.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

MOST_UNKNOWN = 50
"""Of one object no more unknown keys than this are remarked on."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """Why a value is refused or remarked on. `code`: the vendor's own for it, `None` for its usual one."""

    reason: str
    code: int | None = None


_PLACE = re.compile(r"(?<![^. ])[0-9]+(?![^.:])", re.ASCII)
"""Where in a list something is, in a path."""

Rule = Callable[[Any], Flaw | None]


@dataclass(frozen=True, slots=True)
class Field:
    """One field: a `rule` it has to keep, a `form` that is only remarked on.

    `members`: the fields of an object. `each`: what holds for every item, when the value is a list.
    """

    rule: Rule
    form: Rule | None = None
    required: bool = False
    members: Mapping[str, Field] | None = None
    each: Field | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong at a path: `refused`, or only worth a remark."""

    path: str
    flaw: Flaw
    refused: bool

    def __str__(self) -> str:
        return f"{self.path}: {self.flaw.reason}" if self.path else self.flaw.reason


def findings(value: Any, field: Field, path: str) -> Iterator[Finding]:
    """Everything wrong with the value, in the order of the table; the tables bound the depth."""
    if value is None:
        yield refused(path, "Field may not be null.")
    elif field.each is not None and isinstance(value, list):
        yield from _items(value, field.each, path)
    elif flaw := field.rule(value):
        yield Finding(path, flaw, refused=True)
    elif field.members is not None:
        yield from _members(value, field.members, path)
    elif value == "":
        yield remark(path, "An empty text says nothing. Leave the field out.")
    elif field.form is not None and (flaw := field.form(value)):
        yield Finding(path, flaw, refused=False)


def refused(path: str, reason: str, code: int | None = None) -> Finding:
    return Finding(path, Flaw(reason, code), refused=True)


def remark(path: str, reason: str) -> Finding:
    return Finding(path, Flaw(reason), refused=False)


class Sorted:
    """Findings as the page has them: of each kind `most` at most, and equal remarks of one batch as one."""

    def __init__(self, found: Iterable[Finding], most: int) -> None:
        self.refusals: list[Finding] = []
        first: dict[tuple[str, str], Finding] = {}
        again: Counter[tuple[str, str]] = Counter()
        for finding in found:
            alike = _PLACE.sub("", finding.path), finding.flaw.reason
            if finding.refused and len(self.refusals) < most:
                self.refusals.append(finding)
            elif not finding.refused and alike in first:
                again[alike] += 1
            elif not finding.refused and len(first) < most:
                first[alike] = finding
        self.reasons = tuple(map(str, self.refusals))
        self.remarks = tuple(f"{each}{_more(again[alike])}" for alike, each in first.items())


def _more(number: int) -> str:
    return f" (and {number} more like it)" if number else ""


def text(value: Any) -> Flaw | None:
    return None if isinstance(value, str) else Flaw("Not a valid string.")


def filled_text(value: Any) -> Flaw | None:
    return text(value) or (None if value.strip() else Flaw("Field may not be empty."))


def integer(value: Any) -> Flaw | None:
    return None if isinstance(value, int) and not isinstance(value, bool) else Flaw("Not a valid integer.")


def number(value: Any) -> Flaw | None:
    return None if isinstance(value, (int, float)) and not isinstance(value, bool) else Flaw("Not a valid number.")


def boolean(value: Any) -> Flaw | None:
    return None if isinstance(value, bool) else Flaw("Not a valid boolean.")


def an_object(value: Any) -> Flaw | None:
    return None if isinstance(value, dict) else Flaw("Not a valid object.")


def a_list(value: Any) -> Flaw | None:
    return None if isinstance(value, list) else Flaw("Not a valid list.")


def one_of(*choices: str) -> Rule:
    def rule(value: Any) -> Flaw | None:
        return text(value) or (None if value in choices else Flaw(f"Must be one of: {', '.join(choices)}."))

    return rule


def _items(value: list[Any], each: Field, path: str) -> Iterator[Finding]:
    if not value:
        yield remark(path, "An empty list says nothing. Leave the field out.")
    for index, item in enumerate(value):
        yield from findings(item, each, f"{path}.{index}")


def _members(value: dict[str, Any], members: Mapping[str, Field], path: str) -> Iterator[Finding]:
    before = f"{path}." if path else ""
    for name, member in members.items():
        if name in value:
            yield from findings(value[name], member, before + name)
        elif member.required:
            yield refused(before + name, "Missing data for required field.")
    for name in islice((name for name in value if name not in members), MOST_UNKNOWN):
        yield remark(before + name[:100], "Not in the vendor's reference here. It is accepted, and probably ignored.")
