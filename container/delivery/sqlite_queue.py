"""What people do with the rows of a SQLite store: `Queue` over its reader of their own and the store's writer."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing
from functools import partial
from typing import Any, NamedTuple, Protocol, TypeVar

from container.delivery import exporting, queue, traces
from container.delivery.disk import empty_log
from container.delivery.known_ids import KnownIds
from container.delivery.queue import TABLES, Returned, Take
from container.delivery.queue_protocol import Left
from container.delivery.reading import Reading
from container.delivery.row import Acceptance, FailedHit, Unpacked
from container.delivery.seal import Keyring
from container.delivery.selection import (
    AT_ONCE,
    PLACES,
    Exported,
    Gone,
    Imported,
    Pair,
    Place,
    RowDetail,
    RowReport,
    Searched,
    Selection,
    Standing,
)
from container.delivery.writer import Writer

T = TypeVar("T")

GUARDS_AT_ONCE = 1000
EMPTYING_TRIES, EMPTYING_PAUSE_SECONDS = 20, 0.25
"""Somebody may read just now; whoever reads for longer is not waited for."""


class Change(Protocol):
    """Work that may change how many rows there are."""

    async def __call__(self, work: Callable[[sqlite3.Connection], T]) -> T: ...


class Changing(NamedTuple):
    """How the store changes rows. `lane`: the number of a key. `room`: for rows that come back.

    `announce`: by lane key when rows of it are due.
    """

    change: Change
    lane: Callable[[sqlite3.Connection, str], int]
    room: Callable[[sqlite3.Connection], Take]
    announce: Callable[[Mapping[str, int]], None]


class SqliteQueue:
    """Looks with a connection and a thread of its own: what takes a while must not hold up the worker."""

    def __init__(self, reading: Reading, writer: Writer, keys: Keyring, changing: Changing) -> None:
        self._reading = reading
        self._writer = writer
        self._keys = keys
        self._changing = changing

    async def rows(self, selection: Selection, *, most: int, before: int | None = None) -> Sequence[RowReport]:
        return await self._reading.run(
            partial(queue.reports, keys=self._keys, selection=selection, most=most, before=before)
        )

    async def row(self, place: Place, number: int, *, whole: bool = False) -> RowDetail | None:
        return await self._reading.run(partial(queue.row, keys=self._keys, place=place, number=number, whole=whole))

    async def count(self, selection: Selection) -> int:
        return await self._reading.run(partial(queue.count, selection=selection))

    async def stored(self, ids: Sequence[str]) -> frozenset[str]:
        """All writes of this store are made one after the other, so this one is behind them."""
        await self._changing.change(lambda _connection: None)
        found = [await self.rows(Selection(place, ids=tuple(ids)), most=len(ids)) for place in PLACES]
        return frozenset(row.id for rows in found for row in rows)

    async def reasons(self, lane: int) -> Mapping[str, int]:
        return await self._reading.run(partial(queue.reasons, lane=lane))

    async def standing(self, selection: Selection, *, after: int, most: int = AT_ONCE) -> Sequence[Standing]:
        return await self._reading.run(
            partial(queue.standing, keys=self._keys, selection=selection, after=after, most=most)
        )

    async def hit_of(self, letter: Standing) -> FailedHit | None:
        return await self._reading.run(partial(queue.hit_of, keys=self._keys, letter=letter))

    async def export(self, selection: Selection, *, after: int, most: int = AT_ONCE) -> Sequence[Exported]:
        found = await self._reading.run(partial(queue.pairs, selection=selection, after=after, most=most))
        return await self._reading.run(partial(exporting.export, keys=self._keys, place=selection.place, rows=found))

    async def replay(self, selection: Selection, *, now: int, most: int = AT_ONCE) -> int:
        after = 0
        while found := await self._reading.run(
            partial(queue.pairs, selection=selection, after=after, most=most, now=now)
        ):
            after = found[-1].number

            def work(connection: sqlite3.Connection, letters: Sequence[Pair] = found) -> Returned:
                return queue.replay(connection, self._keys, letters, now=now, take=self._changing.room(connection))

            returned = await self._changing.change(work)
            self._changing.announce(dict.fromkeys(returned.lanes, now))
            if returned.rows:
                return returned.rows
        return 0

    async def replay_hit(self, letter: Standing, acceptance: Acceptance) -> bool:
        def work(connection: sqlite3.Connection) -> bool:
            lane, take = partial(self._changing.lane, connection), self._changing.room(connection)
            return queue.replay_hit(connection, self._keys, letter, acceptance, lane=lane, take=take)

        stored = await self._changing.change(work)
        if stored:
            self._changing.announce({row.lane.key: row.due for row in acceptance.rows})
        return stored

    async def drop(self, selection: Selection, *, after: int = 0, most: int = AT_ONCE) -> Gone:
        found = await self._reading.run(partial(queue.pairs, selection=selection, after=after, most=most))
        if not found:
            return Gone(0, None)
        rows = await self._changing.change(partial(queue.drop, place=selection.place, rows=found))
        return Gone(rows, found[-1].number)

    async def known_ids(self) -> KnownIds:
        known = KnownIds()
        for place in TABLES:
            after = 0
            while found := await self._reading.run(partial(exporting.ids, place=place, after=after)):
                after = found[-1].number
                await self._reading.run(partial(_remember, known, found))
        return known

    async def import_rows(
        self, lines: Sequence[Mapping[str, Any]], *, now: int, known: KnownIds | None = None
    ) -> Imported:
        if known is None:
            with closing(await self.known_ids()) as own:
                return await self.import_rows(lines, now=now, known=own)

        def work(connection: sqlite3.Connection) -> tuple[Imported, list[str], set[str]]:
            lane, take = partial(self._changing.lane, connection), self._changing.room(connection)
            return exporting.store(connection, self._keys, lines, known=known, lane=lane, take=take)

        imported, stored, lanes = await self._changing.change(work)
        known.add(stored)
        self._changing.announce(dict.fromkeys(lanes, now))
        return imported

    async def search(
        self, place: Place, holds: Callable[[Unpacked | FailedHit], bool], *, after: int, most: int = AT_ONCE
    ) -> Searched:
        return await self._reading.run(
            partial(queue.search, keys=self._keys, place=place, holds=holds, after=after, most=most)
        )

    async def erase(self, place: Place, rows: Sequence[Pair]) -> int:
        return await self._changing.change(partial(queue.drop, place=place, rows=rows, wholly=True)) if rows else 0

    async def forget_guards(self, keys: Sequence[bytes], rows: Collection[str], *, dry_run: bool = False) -> int:
        found = {*await self._reading.run(partial(traces.guards_with, keys=keys))}
        after: bytes | None = b"" if rows else None
        while after is not None:
            taken, after = await self._reading.run(partial(traces.guards_of, rows=rows, after=after))
            found.update(taken)
        listed = [] if dry_run else sorted(found)
        for start in range(0, len(listed), GUARDS_AT_ONCE):
            await self._writer.run(partial(traces.drop_guards, keys=listed[start : start + GUARDS_AT_ONCE]))
        return len(found)

    async def forget_previews(self, *, dry_run: bool = False) -> int:  # noqa: ARG002 - as the protocol has it
        """None: those of a process by itself are in its memory alone."""
        return 0

    async def tidy(self) -> Left:
        more = True
        while more:
            more = await self._writer.run(traces.free_pages)
        emptied: list[bool] = []

        def empty(connection: sqlite3.Connection) -> None:
            emptied.append(empty_log(connection, wholly=True))

        for _ in range(EMPTYING_TRIES):
            await self._writer.between(empty)
            if any(emptied):
                return "nothing"
            await asyncio.sleep(EMPTYING_PAUSE_SECONDS)
        return "seen"

    async def close(self) -> None:
        """Afterwards everything raises `StoreUnavailableError`."""
        await self._reading.close()


def _remember(known: KnownIds, found: Sequence[Pair], _connection: sqlite3.Connection) -> None:
    known.add(pair.id for pair in found)
