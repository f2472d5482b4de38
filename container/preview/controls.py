"""What an operator has said of deliveries, which holds for what a preview sends: that none leave, and paused lanes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from container.delivery.lane import Lane
from container.delivery.store import LaneReport, StoreError

FRESH_SECONDS = 1.0
"""So often it is asked anew which lanes are paused."""

PATIENCE_SECONDS = 5.0
"""A store that takes longer does not say it."""

NO_DELIVERIES = "this server delivers nothing (--no-deliver)"
PAUSED = "the lane is paused"
UNKNOWN = "the store cannot say whether the lane is paused"


async def _no_lanes() -> Sequence[LaneReport]:
    return ()


class Controls:
    """`delivers`: whether this process does. `lanes`: as `Store.lanes`. `monotonic`: seconds."""

    def __init__(
        self,
        lanes: Callable[[], Awaitable[Sequence[LaneReport]]] = _no_lanes,
        *,
        delivers: bool = True,
        patience: float = PATIENCE_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.delivers = delivers
        self._lanes, self._patience, self._monotonic = lanes, patience, monotonic
        self._turn = asyncio.Lock()
        self._asked_at = float("-inf")
        self._paused: frozenset[Lane] | None = frozenset()

    async def why_not(self, lane: Lane) -> str:
        """Why nothing is sent to this lane, empty where it may be."""
        if not self.delivers:
            return NO_DELIVERIES
        async with self._turn:
            if not 0 <= self._monotonic() - self._asked_at < FRESH_SECONDS:
                self._paused = await self._ask()
                self._asked_at = self._monotonic()
        if self._paused is None:
            return UNKNOWN
        # With a test code it is a lane of its own, of the same account.
        return "" if self._paused.isdisjoint((lane, replace(lane, test_code=""))) else PAUSED

    async def _ask(self) -> frozenset[Lane] | None:
        try:
            async with asyncio.timeout(self._patience):
                return frozenset(each.lane for each in await self._lanes() if each.paused)
        except (StoreError, TimeoutError):
            return None
