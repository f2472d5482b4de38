"""The worker: claims a lane, sends a batch, has the answer judged, and does what the policy says.

Lanes are served in turn, the one that is due first at the head; each fails alone.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from container.delivery.awaited import Awaited
from container.delivery.counters import Counters
from container.delivery.flight import Flight
from container.delivery.handling import Handling
from container.delivery.judging import Judges
from container.delivery.pace import NEVER, USUAL, Course, Paces
from container.delivery.policy import PROBE_MS
from container.delivery.releases import Releases
from container.delivery.row import LINGER_MS, Reason
from container.delivery.sender import Sender
from container.delivery.store import Claimed, Store, StoreError, WaitingLane
from container.delivery.told import quoted
from container.delivery.train import Train
from container.delivery.transport import TOTAL_SECONDS
from container.delivery.upkeep import Upkeep

log = logging.getLogger("container.delivery")

MOST_IN_FLIGHT, MOST_LANES_IN_FLIGHT = 64, 256
"""Requests under way. Past the first number only lanes that have none get one, so that slow lanes leave room."""

CLAIMS_AT_ONCE = 8
"""So many lanes are claimed in one commit: hits wait for it too."""

MOST_COURSES = 10_000
SHUTDOWN_SECONDS = 30.0
_GIVING_BACK_SECONDS = 3.0
"""Of the time that stopping may take, so much is kept for writing down what is given back."""

STORE_PAUSE_MS = 1000


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is not the worker's own: `clock` in Unix milliseconds, `random` between 0 and 1, `sleep` in seconds.

    Without a clock the store's is used. `monotonic`: in seconds, by which claims are held.
    """

    clock: Callable[[], int] | None = None
    random: Callable[[], float] = random.random
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    monotonic: Callable[[], float] = time.monotonic


class Worker:
    """Delivers what a store holds, from `run` until `stop`. To be used in one event loop."""

    def __init__(
        self,
        store: Store,
        transport: Sender,
        judges: Judges,
        *,
        paces: Paces = lambda _: USUAL,
        counters: Counters | None = None,
        surroundings: Surroundings | None = None,
    ) -> None:
        self.counters = counters or Counters()
        self._store = store
        self._paces = paces
        self._around = surroundings or Surroundings()
        self._clock = self._around.clock or store.clock
        self.awaited = Awaited(self._clock)
        self._handling = Handling(
            store,
            transport,
            judges,
            self.counters,
            self._clock,
            self._around.random,
            self._around.sleep,
            self.awaited,
        )
        self.outcomes, self.repeats = self._handling.outcomes, self._handling.repeats
        self._upkeep = Upkeep(store, self.counters, self._handling.repeats)
        self._releases = Releases(store)
        self._flights: dict[asyncio.Task[None], Flight] = {}
        self._trains: dict[asyncio.Task[None], Train] = {}
        self._courses: dict[int, Course] = {}
        self._most_courses = MOST_COURSES
        self._turns = 0
        self._awake = asyncio.Event()
        self._ended = asyncio.Event()
        self._ended.set()
        self._hurried = asyncio.Event()
        self._running: asyncio.Task[None] | None = None
        self._stopping = self._overdue = False
        self._rests_until = NEVER
        self._holds: dict[str, int] = {}
        store.listen(self._heard)

    async def run(self) -> None:
        """Delivers until `stop` is called. A store that fails is asked again each second."""
        self._ended.clear()
        self._running = asyncio.current_task()
        try:
            while not self._stopping:
                await self._rest(await self.turn())
        except asyncio.CancelledError:
            if not self._overdue:
                raise
        finally:
            self._ended.set()

    async def turn(self) -> int:
        """Starts a request for every lane that may have one, as far as the limits reach; when to look again (ms)."""
        self._awake.clear()
        self._rests_until = NEVER
        now = self._clock()
        try:
            await self._releases.step()
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

    def in_flight(self) -> Mapping[tuple[int, str], int]:
        """Requests that are under way, by the number and the name of their lane."""
        return {
            (number, str(course.lane)): course.flights for number, course in self._courses.items() if course.flights
        }

    async def settled(self) -> None:
        """Returns when no request is under way, and what none of them saw through waits again."""
        while self._flights:
            await asyncio.wait(tuple(self._flights))
        with suppress(StoreError):
            await self._releases.step()

    def wake(self) -> None:
        """Looks at the lanes again now."""
        self._awake.set()

    async def resume_probes(self) -> int:
        """After a reload: lanes that hold still are tried at once; how many there were."""
        found = await self._store.probe(now=self._clock())
        self.wake()
        return found

    def hurry(self) -> None:
        """Whoever has asked twice does not want to wait: what is under way is given back now."""
        self._hurried.set()
        self.awaited.hurry()

    async def stop(self, within: float = SHUTDOWN_SECONDS) -> None:
        """Claims no more, lets requests finish, and gives back what has not finished when `within` seconds are over."""
        over = time.monotonic() + within - _GIVING_BACK_SECONDS
        self._stopping = True
        self.wake()
        await self._end(max(within, _GIVING_BACK_SECONDS))
        flights = tuple(self._flights)
        if flights:
            await self._landing(flights, max(over - time.monotonic(), 0))
        for flight in self._flights:
            flight.cancel()
        if self._flights:
            await asyncio.wait(tuple(self._flights), timeout=_GIVING_BACK_SECONDS)
        # Should this fail, they stay claimed, and wait again at the next start.
        with suppress(StoreError, TimeoutError):
            async with asyncio.timeout(_GIVING_BACK_SECONDS):
                await self._releases.step()
        self._handling.repeats.tell_rest()

    async def _end(self, within: float) -> None:
        """`run` has ended afterwards: a store that does not answer holds up nobody who stops."""
        try:
            async with asyncio.timeout(within):
                await self._ended.wait()
        except TimeoutError:
            self._overdue = True
            if self._running is not None:
                self._running.cancel()
                await asyncio.wait((self._running,), timeout=_GIVING_BACK_SECONDS)

    async def _landing(self, flights: Sequence[asyncio.Task[None]], within: float) -> None:
        """Returns when all of them have finished, the time is over, or it is to be quick."""
        finished = asyncio.create_task(asyncio.wait(flights))
        hurried = asyncio.create_task(self._hurried.wait())
        try:
            await asyncio.wait({finished, hurried}, timeout=within, return_when=asyncio.FIRST_COMPLETED)
        finally:
            finished.cancel()
            hurried.cancel()

    async def _start(self, waiting: Sequence[WaitingLane], now: int) -> int:
        """When to look again: at once if a lane was served that has room for more."""
        again = now + self._store.longest_rest
        self._turns += 1
        self._holds = {}
        troubled: dict[str, int] = {}
        self._forget(waiting)
        ready: list[tuple[WaitingLane, Course]] = []
        for lane in waiting:
            course = self._course(lane)
            opens = NEVER if lane.paused else course.opens(now)
            if opens > now:
                self._holds[lane.lane.key] = opens
                # Others are busy only.
                if lane.paused or course.troubled:
                    troubled[lane.lane.key] = NEVER if lane.paused else course.state.not_before
            due = max(opens, lane.due)
            if due <= now:
                ready.append((lane, course))
            else:
                again = min(again, due)
        self.awaited.held(troubled)
        # Those that have nothing under way first, and of these the one whose last turn is longest ago.
        ready.sort(key=lambda each: (each[1].flights, each[1].turn))
        return min(again, await self._take_all(ready, now))

    async def _take_all(self, ready: Sequence[tuple[WaitingLane, Course]], now: int) -> int:
        """When one of them may have another request. What the store gave is sent, also when it failed beside it."""
        again = NEVER
        for begin in range(0, len(ready), CLAIMS_AT_ONCE):
            together = [
                (lane, course)
                for place, (lane, course) in enumerate(ready[begin : begin + CLAIMS_AT_ONCE])
                if self._has_room(course, place)
            ]
            if not together or self._stopping:
                break
            found = await asyncio.gather(
                *(self._claim(lane, course, now) for lane, course in together), return_exceptions=True
            )
            problems = [each for each in found if isinstance(each, BaseException)]
            if problems:
                raise problems[0]
            served = [course for (_, course), claimed in zip(together, found, strict=True) if claimed]
            again = min([again, *(max(course.opens(now), now) for course in served)])
        return again

    def _has_room(self, course: Course, others: int) -> bool:
        """`others`: requests that may begin in the same moment."""
        return len(self._flights) + others < (MOST_IN_FLIGHT if course.flights else MOST_LANES_IN_FLIGHT)

    def _course(self, lane: WaitingLane) -> Course:
        course = self._courses.get(lane.number)
        if course is None:
            course = self._courses[lane.number] = Course(lane.lane, self._paces(lane.lane.type))
        if not course.flights:
            course.state = lane.state
        return course

    def _forget(self, waiting: Sequence[WaitingLane]) -> None:
        """Of very many lanes those begin anew in which nothing waits and nothing is under way.

        They are looked through when there are twice as many as were left the last time, so that it costs each lane
        once, however many wait.
        """
        if len(self._courses) > self._most_courses:
            kept = {lane.number for lane in waiting}
            self._courses = {
                number: course for number, course in self._courses.items() if course.flights or number in kept
            }
            self._most_courses = max(MOST_COURSES, 2 * len(self._courses))

    async def _claim(self, lane: WaitingLane, course: Course, now: int) -> bool:
        most = course.most_items(now)
        claimed = await self._store.claim(
            lane.number, now=now, most_items=most, ahead=LINGER_MS, alone=course.alone(now)
        )
        if claimed is None:
            return False
        for reason, rows in claimed.buried.items():
            self._buried(lane, reason, rows)
        # By what the time is now: requests that began meanwhile count towards the rate.
        now = self._clock()
        if claimed.rows and course.opens(now) > now:
            # An answer came while the rows were fetched: the vendor asked to be left alone.
            self._releases.add(claimed)
            await self._releases.step()
        elif claimed.rows:
            first = claimed.rows[0]
            batched = first.frame.most_items > 1
            course.claimed(batched=batched, waited=now - first.first)
            self._send(claimed, course, apart=not batched and len(claimed.rows) > 1)
        return True

    def _send(self, claimed: Claimed, course: Course, *, apart: bool) -> None:
        course.flights += 1
        course.turn = self._turns
        number = course.begin(self._clock())
        flight = Flight(claimed, course, number)
        train = Train(self._handling, flight, self._goes_on(flight), self._left_over) if apart else None
        task = asyncio.create_task(self._deliver(flight, train))
        self._flights[task] = flight
        if train is not None:
            self._trains[task] = train
        task.add_done_callback(self._landed)

    async def _deliver(self, flight: Flight, train: Train | None) -> None:
        if not self._holds_on(flight):
            self._left_over(flight.claimed)
        elif train is None:
            await self._handling.deliver(flight)
        else:
            await train.run()

    def _holds_on(self, flight: Flight) -> bool:
        """Whether a request is over before another process may have its rows."""
        return flight.claimed.held_until - self._around.monotonic() > TOTAL_SECONDS

    def _goes_on(self, flight: Flight) -> Callable[[], bool]:
        return lambda: not self._stopping and self._holds_on(flight) and flight.course.goes_on(self._clock())

    def _left_over(self, claimed: Claimed) -> None:
        self._releases.add(claimed)
        self.wake()

    def _buried(self, lane: WaitingLane, reason: Reason, rows: int) -> None:
        """Rows that died unread: whose they were is not known."""
        label = str(lane.lane)
        self.counters.add("buried", lane.lane.type, reason, by=rows)
        self.counters.buried(label, {"": rows}, reason)

        def line(number: int, since: str) -> None:
            stated = "delivery.buried lane=%s rows=%d reason=%s since=%s"
            log.error(stated, quoted(label), number, reason, quoted(since))

        now = self._clock()
        self._handling.repeats.happened(f"buried {lane.number}", reason, line, now=now, number=rows)

    def _landed(self, task: asyncio.Task[None]) -> None:
        flight, train = self._flights.pop(task), self._trains.pop(task, None)
        claimed = flight.claimed if train is None else train.under_way
        flight.course.flights -= 1
        self.wake()
        if task.cancelled():
            self._releases.add(claimed)
        elif (problem := task.exception()) is not None:
            # A mistake of ours: the rows are kept, and not tried in a hot loop.
            self._releases.add(claimed, self._clock() + PROBE_MS)
            log.error("delivery.failed problem=%s", type(problem).__name__, exc_info=problem)

    def _heard(self, first: Mapping[str, int]) -> None:
        """New rows: they matter when they can be sent before the worker would look again."""
        for lane, due in first.items():
            if max(due, self._holds.get(lane, 0)) < self._rests_until:
                self.wake()

    async def _rest(self, until: int) -> None:
        wait = (until - self._clock()) / 1000
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
