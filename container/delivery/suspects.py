"""The search for a bad row in a batch that was refused as a whole: which half is sent next, and which one waits.

The first half goes, the second one waits for its answer. If the first is taken whole, the bad row is in the second,
which is halved in turn and not sent whole. If it is refused it is halved, and of the second half nothing is known any
more. All of which nothing is known goes in one request when the bad row is found: it may hold others. So a bad row
among 500 costs eleven requests and not nineteen.

Nothing is concluded of a row but by an answer to it: what is wrong here costs requests, and no delivery. It is in
memory only, and what waits does so until a time that the store knows: without a memory both halves are sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from container.delivery.store import Claimed, Part

HELD_MS = 60_000
"""A search may take so long, then what it holds back is sent as it is."""

FEW_REFUSED = 2
"""Of a lane's last hundred rows. Where more are refused both halves are sent: most of them hold a bad row anyway."""

MOST_SEARCHES = 1000

Numbers = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Regroup:
    """What is to become of rows that wait until `held`."""

    held: int
    parts: Sequence[Part]


@dataclass(frozen=True, slots=True)
class _Search:
    """`probe` is sent; if it is taken whole, there is a bad row in `rest`. Of `unknown` nothing is known."""

    probe: Numbers
    rest: Numbers
    unknown: Numbers
    until: int


@dataclass(frozen=True, slots=True)
class Suspects:
    """The searches of one process. To be used in one event loop."""

    _searches: dict[int, _Search] = field(default_factory=dict)

    def refused(self, claimed: Claimed, *, now: int) -> int:
        """The batch is refused, and nobody said because of which row. Until when the second half is to wait."""
        numbers = _numbers(claimed)
        found = self._searches.pop(numbers[0], None)
        known = found is not None and found.until > now
        unknown, until = (found.rest + found.unknown, found.until) if found and known else ((), now + HELD_MS)
        if found and known:
            # It may have been cut short while the lane was in trouble.
            unknown += tuple(number for number in found.probe if number not in set(numbers))
        self._add(_searching(numbers, unknown, until), now)
        return until

    def answered(self, claimed: Claimed, *, taken: bool, due: int) -> Regroup | None:
        """What follows for the rows that wait for this answer. `taken`: all of them. `due`: when the next ones are."""
        if not self._searches:
            return None
        numbers = _numbers(claimed)
        found = self._searches.pop(numbers[0], None)
        if found is None:
            return None
        if not taken or not found.rest or found.probe != numbers:
            left = tuple(sorted(found.rest + found.unknown))
            return Regroup(found.until, [Part(left, due)]) if left else None
        following = _searching(found.rest, found.unknown, found.until)
        self._searches[following.probe[0]] = following
        parts = [Part(following.probe, due), Part(following.rest, following.until)]
        return Regroup(found.until, [part for part in parts if part.numbers])

    def _add(self, search: _Search, now: int) -> None:
        if len(self._searches) >= MOST_SEARCHES:
            for number in [number for number, each in self._searches.items() if each.until <= now]:
                del self._searches[number]
        if len(self._searches) < MOST_SEARCHES:
            self._searches[search.probe[0]] = search


def _searching(suspects: Numbers, unknown: Numbers, until: int) -> _Search:
    """One of the suspects is bad. The halves are those of `Store.split`."""
    middle = (len(suspects) + 1) // 2
    return _Search(suspects[:middle], suspects[middle:], unknown, until)


def _numbers(claimed: Claimed) -> Numbers:
    return tuple(row.number for row in claimed.rows)
