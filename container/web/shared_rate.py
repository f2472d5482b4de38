"""What several processes remember together of the rate of hits: one table in memory, which all of them read and write.

Nobody waits for anybody. Two that take a hit of one address in the same instant may count one of the two, and a table
that is full forgets whose bucket is the fullest: both let in a hit more, and keep out none.
"""

from __future__ import annotations

import mmap

from container.web.rate import BURST_SECONDS

SETS, WAYS = 1 << 15, 4
"""An address has its place in one of so many sets, which hold so many each: 131,072 in all, in 2 MB."""

_WORDS = 2
"""Of a place: the name of the address, as a number, and when its bucket is full."""

_FARTHEST = (BURST_SECONDS + 1) * 1_000_000_000
"""No bucket is full later than so many nanoseconds from now, whatever a process left there that was killed."""


class SharedBuckets:
    """`Buckets` of several processes, made before there is a second one."""

    def __init__(self, sets: int = SETS) -> None:
        self._sets = sets
        self._words = memoryview(mmap.mmap(-1, sets * WAYS * _WORDS * 8)).cast("Q")

    def full_at(self, whose: str | bytes, now: int) -> int:
        name, places = self._looked_up(whose)
        for place in places:
            if self._words[place] == name:
                found = self._words[place + 1]
                return found if found <= now + _FARTHEST else now
        return now

    def keep(self, whose: str | bytes, full_at: int) -> None:
        name, places = self._looked_up(whose)
        words = self._words
        chosen = places[0]
        for place in places:
            if words[place] == name:
                chosen = place
                break
            if words[place + 1] < words[chosen + 1]:
                chosen = place
        if words[chosen] != name:
            # Nobody else's time is ever read as that of the new name.
            words[chosen], words[chosen + 1] = 0, 0
            words[chosen] = name
        words[chosen + 1] = full_at

    def _looked_up(self, whose: str | bytes) -> tuple[int, range]:
        """Its name, and where it may stand."""
        # Keyed, so that nobody can choose addresses that get in each other's way.
        name = hash(whose) & 0xFFFFFFFFFFFFFFFF or 1
        begin = name % self._sets * WAYS * _WORDS
        return name, range(begin, begin + WAYS * _WORDS, _WORDS)
