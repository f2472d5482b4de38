"""Hits are taken while the database is away: a SQLite file of this process keeps them, and gives them to it later.

While the spool holds anything, new hits go behind it, so that the database gets all of them in the order of arrival.
Everything else is asked of the database alone.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import NamedTuple

from container.delivery.counters import SpoolFigures, StoreFigures
from container.delivery.forwarding import Forwarded, Forwarding
from container.delivery.leftovers import Leftovers, holds_file
from container.delivery.queue_protocol import Left
from container.delivery.row import Acceptance, FailedHit, Unpacked
from container.delivery.selection import AT_ONCE, Place, Searched
from container.delivery.served import ServedStore
from container.delivery.spooled import spooled
from container.delivery.sqlite import SqliteStore, open_store
from container.delivery.store import (
    Accepted,
    Limits,
    StoreError,
    StoreRefusedError,
    StoreTakenError,
    StoreUnavailableError,
    Tended,
    WaitingLane,
)
from container.delivery.told import quoted

ANSWERS_WITHIN_SECONDS = 5.0
"""A database that has not stored a hit after so long counts as away: a visitor waits."""

PAUSE_SECONDS = 1.0
"""Between two looks whether the database is back."""

CLOSING_SECONDS = 3.0
"""So long a slice that is under way may take when the process stops. What is left is forwarded after the next start."""

NO_SHARE = 2.0
"""A lane may fill the whole spool: what to do with it is for the database to say."""

log = logging.getLogger("container.delivery")


class Taken(NamedTuple):
    """The spool that a process took, and those that it passed over since they could not be opened."""

    folder: Path
    spool: SqliteStore
    refused: Mapping[Path, StoreRefusedError]


def open_spool_folder(folder: Path, *, now: int, key: str | None, limits: Limits) -> Taken:
    """The first of the folders in it that no other process has, and that can be opened.

    What another one left keeps nobody from taking hits. Raises `StoreRefusedError` when a new one cannot be made.
    """
    refused: dict[Path, StoreRefusedError] = {}
    for number in count(1):
        own = folder / str(number)
        held = holds_file(own)
        try:
            return Taken(own, open_store(own, now=now, key=key, limits=replace(limits, lane_share=NO_SHARE)), refused)
        except StoreTakenError:
            continue
        except StoreRefusedError as problem:
            if not held:
                raise
            refused[own] = problem
    raise AssertionError("there is no last number")


async def open_spool(
    database: ServedStore,
    folder: Path,
    *,
    now: int,
    key: str | None = None,
    limits: Limits,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> SpoolStore:
    """The database behind a spool in the folder. What the last process left in it is forwarded at once.

    Raises `StoreRefusedError`.
    """
    own, spool, refused = open_spool_folder(folder, now=now, key=key, limits=limits)
    forwarding = Forwarding(own, spool, database)
    leftovers = Leftovers(folder, own, database, key=key, sleep=sleep)
    store = SpoolStore(database, spool, forwarding, leftovers, sleep=sleep)
    if await forwarding.holds():
        store.begin("the last process left hits in it")
    leftovers.passed_over(refused)
    return store


class SpoolStore:
    """`Store` over a database that may be away, and a spool. To be used in one event loop, that it is made in."""

    def __init__(
        self,
        database: ServedStore,
        spool: SqliteStore,
        forwarding: Forwarding,
        leftovers: Leftovers,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._database = database
        self._spool = spool
        self._forwarding = forwarding
        self._leftovers = leftovers
        self._sleep = sleep
        self._away = ""
        self._arrived = self._under_way = 0
        self._holds = asyncio.Event()
        self._closed = self._resting = False
        self._task = asyncio.create_task(self._forward())
        self._beside = asyncio.create_task(leftovers.run())
        self.share, self.listen = database.share, database.listen
        self.claim, self.settle, self.postpone = database.claim, database.settle, database.postpone
        self.give_back, self.bury = database.give_back, database.bury
        self.split, self.regroup = database.split, database.regroup
        self.mark, self.probe, self.pause, self.hasten = database.mark, database.probe, database.pause, database.hasten
        self.lanes = database.lanes
        self.rows, self.row, self.count, self.reasons = database.rows, database.row, database.count, database.reasons
        self.replay, self.replay_hit, self.drop = database.replay, database.replay_hit, database.drop
        self.standing, self.hit_of, self.export, self.stored = (
            database.standing,
            database.hit_of,
            database.export,
            database.stored,
        )
        self.known_ids, self.import_rows = database.known_ids, database.import_rows
        self.erase, self.forget_guards = database.erase, database.forget_guards
        self.forget_previews, self.previews = database.forget_previews, database.previews

    @property
    def fill(self) -> float:
        return self._spool.fill if self.holds else self._database.fill

    @property
    def holds(self) -> bool:
        """Whether hits wait in the spool."""
        return self._holds.is_set()

    @property
    def forwarded(self) -> Forwarded:
        """What became of the hits that waited in it."""
        return self._forwarding.done

    @property
    def trouble(self) -> str:
        """Why no hits are taken, empty while they are."""
        return self._spool.trouble if self.holds else ""

    @property
    def given_up(self) -> bool:
        """Whether the spool's disk has failed for so long that the process should end, while it is needed."""
        return self.holds and self._spool.given_up

    @property
    def notices(self) -> Sequence[str]:
        """What somebody should look after, as sentences."""
        found = [*self._spool.notices]
        because = f" ({self._away})" if self._away else ""
        if self.holds:
            found.append(f"Hits wait in the spool until the database has taken those before them{because}.")
        elif because:
            found.append(f"The database is away{because}: hits would wait in the spool.")
        found += self._leftovers.notices
        left = self.forwarded.left + self._leftovers.done.left
        if left:
            found.append(f"Deliveries of the spool that cannot be forwarded: {left}. The log says which.")
        return found

    async def accept(self, acceptance: Acceptance) -> Accepted:
        if acceptance.empty:
            return Accepted()
        tried = not self.holds
        if tried:
            try:
                async with asyncio.timeout(ANSWERS_WITHIN_SECONDS):
                    return await self._database.accept(acceptance)
            except StoreUnavailableError as problem:
                reason = str(problem)
            except TimeoutError:
                reason = "it does not answer"
            self.begin(reason)
        keeping = asyncio.ensure_future(self._keep(spooled(acceptance, tried=tried)))
        # Whoever asked may leave meanwhile: what was asked for is written all the same.
        await asyncio.shield(keeping)
        return Accepted(stored=len(acceptance.rows))

    async def waiting(self) -> Sequence[WaitingLane]:
        """Of a database that is away nothing can be sent, which is no reason to refuse hits."""
        try:
            found = await self._database.waiting()
        except StoreUnavailableError as problem:
            if not self._takes_hits:
                raise
            self._away = str(problem)
            return ()
        if not self.holds:
            self._away = ""
        return found

    async def tend(self, *, now: int, begun: bool) -> Tended:
        try:
            return await self._database.tend(now=now, begun=begun)
        except StoreUnavailableError:
            if not self._takes_hits:
                raise
            return Tended()

    async def search(
        self, place: Place, holds: Callable[[Unpacked | FailedHit], bool], *, after: int, most: int = AT_ONCE
    ) -> Searched:
        """Raises `StoreUnavailableError` while a spool holds anything: nobody would find what is in there."""
        if self._leftovers.unusable:
            raise StoreUnavailableError("hits wait in a spool that cannot be forwarded; mend it, or take it away")
        if self.holds:
            raise StoreUnavailableError("hits wait in the spool; search again when the database has them")
        return await self._database.search(place, holds, after=after, most=most)

    async def tidy(self) -> Left:
        left = await self._spool.tidy()
        return left if left != "nothing" else await self._database.tidy()

    @property
    def longest_rest(self) -> int:
        return self._database.longest_rest

    def clock(self) -> int:
        return self._database.clock()

    def figures(self) -> StoreFigures:
        """Those of the database, and of the spool."""
        done = Forwarded()
        for each in (self.forwarded, self._leftovers.done):
            done.add(each)
        unusable = self._leftovers.unusable
        leftover = self._leftovers.waiting + unusable
        spool = SpoolFigures(self.holds, done.stored, done.duplicates, done.left, leftover, unusable)
        return replace(self._database.figures(), spool=spool)

    def begin(self, reason: str) -> None:
        """From now on hits go into the spool."""
        self._away = reason
        if not self.holds and not self._closed:
            self._holds.set()
            log.warning("spool.began reason=%s", quoted(reason))

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._beside.cancel()
        await asyncio.gather(self._beside, return_exceptions=True)
        self._leftovers.close()
        self._holds.set()
        if not self._resting:
            await asyncio.wait((self._task,), timeout=CLOSING_SECONDS)
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        await self._forwarding.close()
        await self._spool.close()
        await self._database.close()

    async def _keep(self, acceptance: Acceptance) -> None:
        self._under_way += 1
        try:
            await self._spool.accept(acceptance)
        finally:
            self._under_way -= 1
            self._arrived += 1

    @property
    def _takes_hits(self) -> bool:
        return not self._closed and not self._spool.trouble

    async def _forward(self) -> None:
        """Empties the spool whenever it holds anything."""
        await self._tend()
        reached = True
        while await self._holds.wait() and not self._closed:
            try:
                if not reached:
                    await self._database.waiting()
                await self._step()
                reached = True
            except StoreError as problem:
                reached, self._away = False, str(problem)
                await self._rest()
            except Exception as problem:  # noqa: BLE001 - a mistake of ours: the hits are kept, and not tried in a hot loop
                reached = False
                self._mistaken(problem)
                await self._rest()

    def _mistaken(self, problem: Exception) -> None:
        self._away = type(problem).__name__
        log.error("spool.failed problem=%s", type(problem).__name__, exc_info=problem)

    async def _step(self) -> None:
        arrived = self._arrived
        if await self._forwarding.step():
            self._away = ""
        elif not self._under_way and arrived == self._arrived:
            self._holds.clear()
            self._away = ""
            done = self.forwarded
            line = "spool.ended forwarded=%d duplicates=%d overflowed=%d left=%d"
            log.warning(line, done.stored, done.duplicates, done.overflowed, done.left)
            await self._tend()

    async def _tend(self) -> None:
        """Guards of deliveries that are gone are over at some time, and free pages go back to the disk."""
        with suppress(StoreError):
            begun = True
            while (await self._spool.tend(now=time.time_ns() // 1_000_000, begun=begun)).more and not self.holds:
                begun = False

    async def _rest(self) -> None:
        self._resting = True
        await self._sleep(PAUSE_SECONDS)
        self._resting = False
