"""How the log tells things: a value stays within its quotes, and what goes on is told now and then.

What the log knows already is told when it begins, when it changes, and each quarter of an hour.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import orjson

from container.secret import CUT

AGAIN_MS = 15 * 60 * 1000
"""What goes on unchanged is told again after so long."""

MOST_SUBJECTS = 1000

LONGEST_VALUE = 1000
"""Bytes of a value in a line of the log, once it is escaped."""

_NUMBER = re.compile(r"\d+")


def without_numbers(text: str) -> str:
    """What a vendor says of one event after the other differs in positions and ids: that is no change."""
    return _NUMBER.sub("#", text)


def quoted(text: str) -> str:
    """A value of a log line: in quotes, which nothing in it ends; printable, and cut when it is long."""
    escaped = _escaped(text[: LONGEST_VALUE + 1])
    if len(escaped) > LONGEST_VALUE or len(escaped.encode()) > LONGEST_VALUE:
        escaped = f"{_beginning(text)}{CUT}"
    return f'"{escaped}"'


def one_line(text: str) -> str:
    """The text as one line of printable characters: what is none is escaped."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else _code(sign) for sign in text)


def _escaped(text: str) -> str:
    return one_line(orjson.dumps(text.encode(errors="replace").decode()).decode()[1:-1])


def _beginning(text: str) -> str:
    parts: list[str] = []
    size = 0
    for sign in text:
        part = _escaped(sign)
        size += len(part.encode())
        if size > LONGEST_VALUE:
            break
        parts.append(part)
    return "".join(parts)


def _code(sign: str) -> str:
    """As JSON escapes it, in two halves beyond the first plane."""
    units = sign.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


@dataclass(slots=True)
class _Entry:
    state: str
    at: int
    untold: int = 0


@dataclass(frozen=True, slots=True)
class Told:
    """By subject, such as a lane, what was told of it last, and how much has happened since."""

    _entries: dict[str, _Entry] = field(default_factory=dict)

    def news(self, subject: str, state: str, *, now: int, number: int = 1) -> int:
        """How many there are to tell of, with those not told of before; 0 while nothing has changed."""
        seen = self._entries.get(subject)
        if seen is not None and seen.state == state and 0 <= now - seen.at < AGAIN_MS:
            seen.untold += number
            return 0
        while len(self._entries) >= MOST_SUBJECTS:
            del self._entries[next(iter(self._entries))]
        self._entries.pop(subject, None)
        self._entries[subject] = _Entry(state, now)
        return number + (seen.untold if seen is not None else 0)

    def over(self, subject: str) -> bool:
        """It is over, so that it would be news again. Whether it was told of."""
        return self._entries.pop(subject, None) is not None
