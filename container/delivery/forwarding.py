"""What the spool holds goes on to the database, oldest first: stored there, then deleted here.

A crash in between has it forwarded once more. Each delivery takes a guard along that says where it came from, so that
the second time nothing is stored.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from container.delivery.reading import Reading
from container.delivery.schema import open_reader
from container.delivery.selection import PLACES, Place, Selection
from container.delivery.spooled import Slice, Spooled, oldest
from container.delivery.sqlite import SqliteStore
from container.delivery.store import (
    Accepted,
    Store,
    StoreBusyError,
    StoreError,
    StoreFullError,
    StoreUnavailableError,
)

STORED_WITHIN_SECONDS = 30.0
"""A database that does not say within this time what became of a slice may have stored it, or not."""

MOST_FAILURES = 5
"""A delivery that the database refuses so often, while it takes others, is left in the spool."""

log = logging.getLogger("container.delivery")


@dataclass(slots=True)
class Forwarded:
    """Since the process started: rows and letters that were stored, those whose key was taken, and those left behind.

    `overflowed`: of those stored, what is a dead letter, since its lane had its share of the database.
    """

    stored: int = 0
    duplicates: int = 0
    overflowed: int = 0
    left: int = 0

    def add(self, more: Forwarded) -> None:
        """Counts that as well."""
        self.stored += more.stored
        self.duplicates += more.duplicates
        self.overflowed += more.overflowed
        self.left += more.left


class Forwarding:
    """Empties the spool of one folder into a store. To be used in one event loop.

    `left`: what is known to be left behind in it; what is found to be so is put there.
    """

    def __init__(
        self, folder: Path, spool: SqliteStore, store: Store, *, left: set[tuple[Place, int]] | None = None
    ) -> None:
        self.done = Forwarded()
        self._spool = spool
        self._store = store
        self._reading = Reading(open_reader(folder), "spool-read", _stumbled)
        self._left: set[tuple[Place, int]] = set() if left is None else left
        self._failures: dict[str, int] = {}

    async def holds(self) -> bool:
        """Whether there is anything to forward."""
        return (await self._next()) is not None

    async def step(self) -> bool:
        """Forwards a slice; whether there was anything. Raises `StoreError` while the database does not take it."""
        found = await self._next()
        if found is None:
            return False
        known = await self._known([each for each in found if each.tried])
        fresh = [each for each in found if not known.intersection(each.ids)]
        results = await self._offer(fresh)
        taken = [each for each, result in zip(fresh, results, strict=True) if isinstance(result, Accepted)]
        stored_before = [each for each in found if known.intersection(each.ids)]
        await self._forget([*taken, *stored_before])
        self._count(fresh, results)
        self._judge(fresh, results, among=taken)
        return True

    async def close(self) -> None:
        """Lets go of the file."""
        await self._reading.close()

    async def _next(self) -> Sequence[Spooled] | None:
        """The oldest that can be forwarded, `None` when there is none."""
        for place in PLACES:
            after: int | None = 0
            while after is not None:
                found = await oldest(self._spool, self._reading.run, place, after=after)
                self._leave_unread(place, found)
                fit = [each for each in found.found if not any(held[:2] in self._left for held in each.held)]
                if fit:
                    return fit
                after = found.last
        return None

    def _leave_unread(self, place: Place, found: Slice) -> None:
        for number in found.unread:
            if (place, number) not in self._left:
                self._left.add((place, number))
                self.done.left += 1
                log.error("spool.unreadable place=%s number=%d", place, number)

    async def _known(self, tried: Sequence[Spooled]) -> frozenset[str]:
        """Ids that the database has, of those that it was asked to store when they came."""
        ids = [name for each in tried for name in each.ids]
        return await self._store.stored(ids) if ids else frozenset()

    async def _offer(self, found: Sequence[Spooled]) -> list[Accepted | BaseException]:
        """What the database says to each, asked in the order of arrival."""
        offered = [each.acceptance._replace(guards=(*each.acceptance.guards, each.mark)) for each in found]
        try:
            async with asyncio.timeout(STORED_WITHIN_SECONDS):
                return await asyncio.gather(*map(self._store.accept, offered), return_exceptions=True)
        except TimeoutError:
            raise StoreUnavailableError("the database does not answer") from None

    async def _forget(self, done: Sequence[Spooled]) -> None:
        """They are the database's now."""
        for place in PLACES:
            numbers = [held.number for each in done for held in each.held if held.place == place]
            if numbers:
                await self._spool.drop(Selection(place, numbers=tuple(numbers)), most=len(numbers))
        keys = [key for each in done for key in each.keys]
        if keys:
            await self._spool.forget_guards(keys, ())

    def _count(self, found: Sequence[Spooled], results: Sequence[Accepted | BaseException]) -> None:
        for each, result in zip(found, results, strict=True):
            if not isinstance(result, Accepted):
                continue
            if not result.taken:
                self.done.stored += len(each.held)
                self.done.overflowed += len(result.overflowed)
            elif all(guard.key != each.mark.key for guard in result.taken):
                self.done.duplicates += len(each.held)

    def _judge(
        self,
        found: Sequence[Spooled],
        results: Sequence[Accepted | BaseException],
        *,
        among: Collection[Spooled],
    ) -> None:
        """Raises what went wrong. What fails by itself again and again holds up nobody else."""
        problems = [result for result in results if isinstance(result, BaseException)]
        for each, result in zip(found, results, strict=True):
            if isinstance(result, BaseException) and among and not isinstance(result, (StoreFullError, StoreBusyError)):
                self._failed(each, result)
        for problem in problems:
            if not isinstance(problem, StoreError):
                raise problem
        if problems:
            raise problems[0]

    def _failed(self, each: Spooled, problem: BaseException) -> None:
        name = each.held[0].delivery.id
        failures = self._failures[name] = self._failures.get(name, 0) + 1
        if failures < MOST_FAILURES:
            return
        del self._failures[name]
        self._left.update(held[:2] for held in each.held)
        self.done.left += len(each.held)
        log.error("spool.refused id=%s rows=%d problem=%s", name, len(each.held), type(problem).__name__)


def _stumbled(problem: sqlite3.Error) -> None:
    """The store says it to whoever asked."""
    log.error("spool.failed problem=%s", type(problem).__name__)
