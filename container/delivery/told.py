"""What the log knows already: a thing that goes on is told when it begins, when it changes, and now and then."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

AGAIN_MS = 15 * 60 * 1000
"""What goes on unchanged is told again after so long."""

MOST_SUBJECTS = 1000

_NUMBER = re.compile(r"\d+")


def without_numbers(text: str) -> str:
    """What a vendor says of one event after the other differs in positions and ids: that is no change."""
    return _NUMBER.sub("#", text)


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
        if seen is not None and seen.state == state and now < seen.at + AGAIN_MS:
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
