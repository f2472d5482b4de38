"""Rows that no vendor takes together: claimed at once, sent one after another, and settled together.

Only while the vendor is quicker than the disk: a crash repeats what was delivered and not yet written down. When an
answer takes longer, those before it are written down meanwhile; when it takes really long, those behind are given back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

from container.delivery.flight import Flight
from container.delivery.handling import Handling
from container.delivery.pace import QUICK_MS, SHORT_MS
from container.delivery.store import Claimed, ClaimedRow


class Train:
    """The rows of one claim. `goes_on`: whether the next one may follow. `give_back`: takes those that do not leave.

    `under_way`: the row that was sent last, which is all that is left to whoever ends it.
    """

    def __init__(
        self, handling: Handling, flight: Flight, goes_on: Callable[[], bool], give_back: Callable[[Claimed], None]
    ) -> None:
        self._handling = handling
        self._flight = flight
        self._goes_on = goes_on
        self._give_back = give_back
        self._left: Sequence[ClaimedRow] = flight.claimed.rows
        self._delivered: list[ClaimedRow] = []
        self._settling: set[asyncio.Task[None]] = set()
        self.under_way = flight.claimed

    async def run(self) -> None:
        """Sees the rows through. However it ends, what was delivered is settled, and what did not leave given back."""
        loop, number = asyncio.get_running_loop(), self._flight.number
        try:
            while self._left:
                self.under_way = replace(self._flight.claimed, rows=tuple(self._left[:1]))
                self._left = self._left[1:]
                flight = Flight(self.under_way, self._flight.course, number, self._delivered)
                slow = loop.call_later(QUICK_MS / 1000, self._write_down)
                hangs = loop.call_later(SHORT_MS / 1000, self._part)
                try:
                    await self._handling.deliver(flight)
                finally:
                    slow.cancel()
                    hangs.cancel()
                if not self._goes_on():
                    break
                number = self._flight.course.begin(self._handling.clock()) if self._left else number
        finally:
            self._part()
            await self._settle(self._delivered)
            if self._settling:
                await asyncio.wait(self._settling)

    def _write_down(self) -> None:
        """The vendor is not as quick as it was."""
        delivered, self._delivered[:] = list(self._delivered), ()
        task = asyncio.get_running_loop().create_task(self._settle(delivered))
        self._settling.add(task)

    def _part(self) -> None:
        """Those behind are anybody's."""
        if self._left:
            self._give_back(replace(self._flight.claimed, rows=tuple(self._left)))
            self._left = ()

    async def _settle(self, rows: Sequence[ClaimedRow]) -> None:
        if rows:
            await self._handling.settle(self._flight, rows)
