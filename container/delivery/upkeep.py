"""When a store is tended, and what is told of it."""

from __future__ import annotations

import logging

from container.delivery.counters import Counters
from container.delivery.store import Dropped, Store
from container.delivery.told import Repeats, quoted

log = logging.getLogger("container.delivery")

EVERY_MS = 60_000
SLICE_PAUSE_MS = 20
"""Between two slices others have their turn."""


class Upkeep:
    """Tends a store each minute, slice by slice. To be used in one event loop."""

    def __init__(self, store: Store, counters: Counters, repeats: Repeats) -> None:
        self._store = store
        self._counters = counters
        self._repeats = repeats
        self._ended: int | None = None
        self._under_way = False

    async def step(self, now: int) -> int:
        """One slice, if it is time; when to be called again (ms). Raises `StoreError`."""
        # Also when the clock went back: else nothing would be done until it is where it was.
        if self._ended is not None and not self._under_way and 0 <= now - self._ended < EVERY_MS:
            return self._ended + EVERY_MS
        tended = await self._store.tend(now=now, begun=not self._under_way)
        self._under_way = tended.more
        if tended.pulled:
            log.warning("store.clock_jumped rows=%d", tended.pulled)
        for dropped in tended.dropped:
            self._tell(dropped, now)
        if tended.more:
            return now + SLICE_PAUSE_MS
        self._repeats.tell_late(now=now)
        self._ended = now
        return now + EVERY_MS

    def _tell(self, dropped: Dropped, now: int) -> None:
        """Deliveries that are gone for good."""
        because = "age" if dropped.old else "room"
        self._counters.add("dropped", dropped.lane.type, because, by=dropped.rows)

        def line(rows: int, _since: str) -> None:
            stated = "delivery.dropped lane=%s rows=%d reason=%s because=%s"
            log.error(stated, quoted(str(dropped.lane)), rows, dropped.reason, because)

        subject = f"dropped {dropped.lane.key}"
        self._repeats.happened(subject, f"{dropped.reason} {because}", line, now=now, number=dropped.rows)
