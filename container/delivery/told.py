"""How the log tells things: a value stays within its quotes, and what goes on is told now and then.

What the log knows already is told when it begins, when it changes, and each quarter of an hour; what is only counted in
between is told of as well.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import orjson

from container.secret import CUT

AGAIN_MS = 15 * 60 * 1000
"""What goes on unchanged is told again after so long."""

QUIET_MS = 60_000
"""What goes well in between two of a kind does not end the matter: else each single one would be told of."""

MOST_SUBJECTS = 1000
MOST_KINDS = 20

LONGEST_VALUE = 1000
"""Bytes of a value in a line of the log, once it is escaped."""

_NUMBER = re.compile(r"\d+")


def without_numbers(text: str) -> str:
    """What a vendor says of one event after the other differs in positions and ids: that is no change."""
    return _NUMBER.sub("#", text)


def moment(milliseconds: int) -> str:
    """A time as lines state it: `2026-01-01T10:00:00Z`."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(milliseconds / 1000)) if milliseconds else "unknown"


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


@dataclass(frozen=True, slots=True)
class Told:
    """By subject, such as a lane, in what state it was told of last."""

    _entries: dict[str, _Entry] = field(default_factory=dict)

    def news(self, subject: str, state: str, *, now: int) -> bool:
        """Whether this is to be told: it began, changed, or has gone on for long."""
        seen = self._entries.get(subject)
        if seen is not None and seen.state == state and 0 <= now - seen.at < AGAIN_MS:
            return False
        while len(self._entries) >= MOST_SUBJECTS:
            del self._entries[next(iter(self._entries))]
        self._entries.pop(subject, None)
        self._entries[subject] = _Entry(state, now)
        return True

    def over(self, subject: str) -> bool:
        """It is over, so that it would be news again. Whether it was told of."""
        return self._entries.pop(subject, None) is not None


Line = Callable[[int, str], None]
"""Writes the line of so many, since a `moment`: what is told late did not happen just now."""


@dataclass(slots=True)
class _Repeated:
    line: Line
    at: int
    last: int
    untold: int = 0
    since: int = 0


@dataclass(frozen=True, slots=True)
class Repeats:
    """What happens one by one, such as dead letters of a lane: told of when it begins, then counted.

    What was counted is told of when a quarter of an hour has passed, when it is over, and when the process ends.
    A subject is over when nothing has come of it for a minute and somebody says that it went well since.
    """

    _subjects: dict[str, dict[str, _Repeated]] = field(default_factory=dict)

    def happened(self, subject: str, kind: str, line: Line, *, now: int, number: int = 1) -> None:
        """So many more of this kind. `line`: may be called later."""
        kinds = self._subjects.get(subject)
        if kinds is None:
            if len(self._subjects) >= MOST_SUBJECTS:
                self._forget(next(iter(self._subjects)))
            kinds = self._subjects[subject] = {}
        seen = kinds.get(kind)
        if seen is not None and 0 <= now - seen.at < AGAIN_MS:
            seen.line, seen.last = line, now
            seen.since = seen.since if seen.untold else now
            seen.untold += number
            return
        if seen is None and len(kinds) >= MOST_KINDS:
            _tell(kinds.pop(next(iter(kinds))))
        kinds[kind] = _Repeated(line, now, now)
        untold, since = (seen.untold, seen.since) if seen is not None and seen.untold else (0, now)
        line(number + untold, moment(since))

    def went_well(self, subject: str, *, now: int) -> None:
        """What was told of this subject is over, if it was some time ago."""
        kinds = self._subjects.get(subject)
        if kinds is not None and not any(0 <= now - each.last < QUIET_MS for each in kinds.values()):
            self._forget(subject)

    def tell_late(self, *, now: int) -> None:
        """Tells of what has waited for long enough. To be called now and then."""
        for kinds in self._subjects.values():
            for seen in kinds.values():
                if not 0 <= now - seen.at < AGAIN_MS and _tell(seen):
                    seen.at = now

    def tell_rest(self) -> None:
        """Tells of all that was counted: the process ends."""
        for kinds in self._subjects.values():
            for seen in kinds.values():
                _tell(seen)

    def _forget(self, subject: str) -> None:
        for seen in self._subjects.pop(subject).values():
            _tell(seen)


def _tell(seen: _Repeated) -> bool:
    """Whether there was something to tell of."""
    number, seen.untold = seen.untold, 0
    if number:
        seen.line(number, moment(seen.since))
    return number > 0
