"""The worker: claims a lane, sends a batch, has the answer judged, and does what the policy says.

Lanes are served in turn, the one that is due first at the head; each fails alone.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from container.delivery.counters import Counters
from container.delivery.frame import MOST_ITEMS
from container.delivery.handling import Handling, Judges
from container.delivery.policy import PROBE_ITEMS
from container.delivery.row import LINGER_MS, Reason
from container.delivery.store import Store, StoreError, WaitingLane
from container.delivery.told import quoted
from container.delivery.transport import Transport
from container.delivery.upkeep import Upkeep

log = logging.getLogger("container.delivery")

MOST_IN_FLIGHT, MOST_IN_LANE = 64, 2
LONGEST_REST_MS = 60_000
SHUTDOWN_SECONDS = 30.0
_GIVING_BACK_SECONDS = 3.0
"""Of the time that stopping may take, so much is kept for writing down what is given back."""

STORE_PAUSE_MS = 1000
_UNKNOWN = 2**63 - 1
"""While lanes are looked at: whatever is stored meanwhile counts."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is not the worker's own: `clock` in Unix milliseconds, `random` between 0 and 1, `sleep` in seconds."""

    clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000
    random: Callable[[], float] = random.random
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


class Worker:
    """Delivers what a store holds, from `run` until `stop`. To be used in one event loop."""

    def __init__(
        self,
        store: Store,
        transport: Transport,
        judges: Judges,
        *,
        counters: Counters | None = None,
        surroundings: Surroundings | None = None,
    ) -> None:
        self.counters = counters or Counters()
        self._store = store
        self._around = surroundings or Surroundings()
        self._handling = Handling(
            store,
            transport,
            judges,
            self.counters,
            self._around.clock,
            self._around.random,
            self._around.sleep,
        )
        self._upkeep = Upkeep(store, self.counters, self._handling.told)
        self._flights: dict[asyncio.Task[None], int] = {}
        self._awake = asyncio.Event()
        self._ended = asyncio.Event()
        self._ended.set()
        self._stopping = False
        self._rests_until = _UNKNOWN
        self._holds: dict[str, int] = {}
        store.listen(self._heard)

    async def run(self) -> None:
        """Delivers until `stop` is called. A store that fails is asked again each second."""
        self._ended.clear()
        try:
            while not self._stopping:
                await self._rest(await self.turn())
        finally:
            self._ended.set()

    async def turn(self) -> int:
        """Starts a request for every lane that may have one, as far as the limits reach; when to look again (ms)."""
        self._awake.clear()
        self._rests_until = _UNKNOWN
        now = self._around.clock()
        try:
            tended = await self._upkeep.step(now)
            again = min(await self._start(await self._store.waiting(), now), tended)
        except StoreError as problem:
            self._handling.store_failed(problem)
            return now + STORE_PAUSE_MS
        self._handling.store_worked()
        return again

    @property
    def trouble(self) -> str:
        """Why the store cannot be written, empty while it can."""
        return "".join(self._handling.trouble)

    async def settled(self) -> None:
        """Returns when no request is under way."""
        while self._flights:
            await asyncio.wait(tuple(self._flights))

    def wake(self) -> None:
        """Looks at the lanes again now."""
        self._awake.set()

    async def resume_probes(self) -> int:
        """After a reload: lanes that hold still are tried at once; how many there were."""
        found = await self._store.probe(now=self._around.clock())
        self.wake()
        return found

    async def stop(self, within: float = SHUTDOWN_SECONDS) -> None:
        """Claims no more, lets requests finish, and gives back what has not finished when `within` seconds are over."""
        self._stopping = True
        self.wake()
        await self._ended.wait()
        flights = tuple(self._flights)
        if flights:
            await asyncio.wait(flights, timeout=max(within - _GIVING_BACK_SECONDS, 0))
        for flight in self._flights:
            flight.cancel()
        if self._flights:
            await asyncio.wait(tuple(self._flights), timeout=_GIVING_BACK_SECONDS)

    async def _start(self, waiting: Sequence[WaitingLane], now: int) -> int:
        """When to look again: at once if anything was started, since a lane may have room for more."""
        again = now + LONGEST_REST_MS
        self._holds = {
            lane.lane.key: _UNKNOWN if lane.paused else lane.state.not_before
            for lane in waiting
            if lane.paused or lane.state.not_before > now
        }
        for lane in waiting:
            due = max(lane.due, lane.state.not_before)
            if lane.paused or self._stopping:
                continue
            if due > now:
                again = min(again, due)
            elif await self._take(lane, now):
                again = now
        return again

    async def _take(self, lane: WaitingLane, now: int) -> bool:
        in_lane = sum(number == lane.number for number in self._flights.values())
        recovering = lane.state.failures > 0 or lane.state.mode != "open"
        if in_lane >= (1 if recovering else MOST_IN_LANE) or len(self._flights) >= MOST_IN_FLIGHT:
            return False
        if not in_lane:
            self._handling.states[lane.number] = lane.state
        self._handling.lanes[lane.number] = lane.lane
        most = PROBE_ITEMS if recovering else MOST_ITEMS
        claimed = await self._store.claim(lane.number, now=now, most_items=most, ahead=LINGER_MS)
        if claimed is None:
            return False
        for reason, rows in claimed.buried.items():
            self._buried(lane, reason, rows)
        if claimed.rows:
            flight = asyncio.create_task(self._handling.deliver(claimed))
            self._flights[flight] = lane.number
            flight.add_done_callback(self._landed)
        return True

    def _buried(self, lane: WaitingLane, reason: Reason, rows: int) -> None:
        """Rows that died unread: whose they were is not known."""
        label = str(lane.lane)
        self.counters.add("buried", lane.lane.type, reason, by=rows)
        self.counters.buried(label, {"": rows}, reason)
        number = self._handling.told.news(f"buried {lane.number} {reason}", "", now=self._around.clock(), number=rows)
        if number:
            log.error("delivery.buried lane=%s rows=%d reason=%s", quoted(label), number, reason)

    def _landed(self, flight: asyncio.Task[None]) -> None:
        del self._flights[flight]
        self.wake()
        if not flight.cancelled() and (problem := flight.exception()) is not None:
            log.error("delivery.failed problem=%s", type(problem).__name__, exc_info=problem)

    def _heard(self, first: Mapping[str, int]) -> None:
        """New rows: they matter when they can be sent before the worker would look again."""
        for lane, due in first.items():
            if max(due, self._holds.get(lane, 0)) < self._rests_until:
                self.wake()

    async def _rest(self, until: int) -> None:
        wait = (until - self._around.clock()) / 1000
        if wait <= 0 or self._awake.is_set() or self._stopping:
            # Others have their turn, however much there is to do.
            await asyncio.sleep(0)
            return
        self._rests_until = until
        sleeping = asyncio.ensure_future(self._around.sleep(wait))
        waking = asyncio.ensure_future(self._awake.wait())
        try:
            await asyncio.wait((sleeping, waking), return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            waking.cancel()
