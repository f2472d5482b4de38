"""The lock against guesses: a sender of many wrong codes is refused for a while, whatever it sends then."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

MOST_WRONG, WRONG_SECONDS = 10, 60
"""So many wrong codes in so many seconds, and their sender's codes are refused for as long again."""

MOST_SENDERS = 1000
"""Senders of wrong codes that are remembered; of more, the one that was silent for longest is forgotten."""


@dataclass
class _Failures:
    """Wrong codes of one sender: how many since when, and until when codes are refused."""

    since: float
    number: int = 0
    refused_until: float = 0.0


class Lock:
    """Of all senders by their address. Whoever has none is never locked out: it may be everybody.

    Nobody guesses a code of 256 bits. The lock only keeps those who try from being looked up each time.
    """

    def __init__(self) -> None:
        self._failures: OrderedDict[str, _Failures] = OrderedDict()

    def __len__(self) -> int:
        return len(self._failures)

    def holds(self, sender: str, now: float) -> bool:
        """Whether codes of this sender are refused."""
        failures = self._failures.get(sender)
        return failures is not None and now < failures.refused_until

    def wrong(self, sender: str, now: float) -> None:
        """The sender has sent a wrong code."""
        if not sender:
            return
        failures = self._failures.get(sender)
        if failures is None or now >= failures.since + WRONG_SECONDS:
            failures = self._failures[sender] = _Failures(now)
        self._failures.move_to_end(sender)
        failures.number += 1
        if failures.number >= MOST_WRONG:
            failures.refused_until = now + WRONG_SECONDS
        if len(self._failures) > MOST_SENDERS:
            self._failures.popitem(last=False)
