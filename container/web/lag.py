"""How late the event loop is: while one piece of work goes on, hits, answers and timers wait for it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

LOOKED_EVERY_SECONDS = 0.1
KEPT_SECONDS = 30.0
"""The longest wait is told for so long, so that who asks every now and then sees it."""


@dataclass(slots=True)
class Lag:
    """The longest waits of late. `clock` is monotonic, in seconds."""

    clock: Callable[[], float] = monotonic
    _kept: deque[tuple[float, float]] = field(default_factory=deque)
    """Moments and what was seen at them, the longest wait first: who is both older and shorter is never asked for."""

    def saw(self, seconds: float) -> None:
        """Something waited so long for the loop."""
        while self._kept and self._kept[-1][1] <= seconds:
            self._kept.pop()
        self._kept.append((self.clock(), seconds))
        self._forget()

    def longest(self) -> float:
        """The longest wait of the last half minute, in seconds."""
        self._forget()
        return self._kept[0][1] if self._kept else 0.0

    async def keep(self) -> None:
        """Looks until it is cancelled."""
        while True:
            due = self.clock() + LOOKED_EVERY_SECONDS
            await asyncio.sleep(LOOKED_EVERY_SECONDS)
            self.saw(max(0.0, self.clock() - due))

    def _forget(self) -> None:
        oldest = self.clock() - KEPT_SECONDS
        while self._kept and self._kept[0][0] < oldest:
            self._kept.popleft()
