"""What people do with the rows of a PostgreSQL store: `Queue` over its connections. Any number of processes may."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, closing
from functools import partial
from typing import Any, NamedTuple

from psycopg import Rollback

from container.delivery import postgres_again, postgres_rows, postgres_traces
from container.delivery.known_ids import KnownIds
from container.delivery.postgres_rows import TABLES, Connection
from container.delivery.queue import Take
from container.delivery.row import Acceptance, FailedHit, Unpacked
from container.delivery.seal import Keyring
from container.delivery.selection import (
    AT_ONCE,
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
from container.delivery.store import Accepted

GUARDS_AT_ONCE = 1000
WAITING_TRIES, WAITING_PAUSE_SECONDS = 20, 0.25
"""Somebody may look just now; whoever looks for longer is not waited for."""

Write = Callable[[Connection, Acceptance, Take], Awaitable[Accepted]]


class Changing(NamedTuple):
    """How the store changes rows. `lane`: the number of a key, made if need be. `room`: for rows that come back.

    `write`: what a hit leads to, within a transaction. `changed`: there are more rows now, or fewer. `announce`: by
    lane key when rows of it are due.
    """

    lane: Callable[[Connection, str], Awaitable[int]]
    room: Callable[[Connection], Awaitable[Take]]
    write: Write
    changed: Callable[[], Awaitable[None]]
    announce: Callable[[Mapping[str, int]], None]


class PostgresQueue:
    """`connection`: one of the store's, without a transaction; it turns what goes wrong into a `StoreError`."""

    def __init__(
        self, connection: Callable[[], AbstractAsyncContextManager[Connection]], keys: Keyring, changing: Changing
    ) -> None:
        self._connection = connection
        self._keys = keys
        self._changing = changing

    async def rows(self, selection: Selection, *, most: int, before: int | None = None) -> Sequence[RowReport]:
        async with self._connection() as connection:
            return await postgres_rows.reports(connection, self._keys, selection, most=most, before=before)

    async def row(self, place: Place, number: int, *, whole: bool = False) -> RowDetail | None:
        async with self._connection() as connection:
            return await postgres_rows.row(connection, self._keys, place, number, whole=whole)

    async def count(self, selection: Selection) -> int:
        async with self._connection() as connection:
            return await postgres_rows.count(connection, selection)

    async def reasons(self, lane: int) -> Mapping[str, int]:
        async with self._connection() as connection:
            return await postgres_rows.reasons(connection, lane)

    async def standing(self, selection: Selection, *, after: int, most: int = AT_ONCE) -> Sequence[Standing]:
        async with self._connection() as connection:
            return await postgres_rows.standing(connection, selection, after=after, most=most)

    async def hit_of(self, letter: Standing) -> FailedHit | None:
        async with self._connection() as connection:
            return await postgres_rows.hit_of(connection, self._keys, letter)

    async def export(self, selection: Selection, *, after: int, most: int = AT_ONCE) -> Sequence[Exported]:
        async with self._connection() as connection:
            found = await postgres_rows.pairs(connection, selection, after=after, most=most)
            return await postgres_rows.export(connection, self._keys, selection.place, found)

    async def replay(self, selection: Selection, *, now: int, most: int = AT_ONCE) -> int:
        after = 0
        async with self._connection() as connection:
            while found := await postgres_rows.pairs(connection, selection, after=after, most=most, now=now):
                after = found[-1].number
                take = await self._changing.room(connection)
                async with connection.transaction():
                    returned = await postgres_again.replay(connection, self._keys, found, now=now, take=take)
                await self._changing.changed()
                self._changing.announce(dict.fromkeys(returned.lanes, now))
                if returned.rows:
                    return returned.rows
        return 0

    async def replay_hit(self, letter: Standing, acceptance: Acceptance) -> bool:
        async with self._connection() as connection:
            for row in acceptance.rows:
                await self._changing.lane(connection, row.lane.key)
            take = await self._changing.room(connection)
            whole = False
            async with connection.transaction():
                deleted = await postgres_again.drop(connection, "dead", [Pair(letter.number, letter.id)])
                accepted = await self._changing.write(connection, acceptance, take)
                whole = bool(deleted) and accepted.stored == len(acceptance.rows)
                if not whole:
                    raise Rollback
            await self._changing.changed()
        if whole:
            self._changing.announce({row.lane.key: row.due for row in acceptance.rows})
        return whole

    async def drop(self, selection: Selection, *, after: int = 0, most: int = AT_ONCE) -> Gone:
        async with self._connection() as connection:
            found = await postgres_rows.pairs(connection, selection, after=after, most=most)
            if not found:
                return Gone(0, None)
            rows = await postgres_again.drop(connection, selection.place, found)
            await self._changing.changed()
        return Gone(rows, found[-1].number)

    async def known_ids(self) -> KnownIds:
        known = KnownIds()
        for place in TABLES:
            after = 0
            async with self._connection() as connection:
                while found := await postgres_rows.ids(connection, place, after=after):
                    after = found[-1].number
                    await asyncio.to_thread(known.add, [pair.id for pair in found])
        return known

    async def import_rows(
        self, lines: Sequence[Mapping[str, Any]], *, now: int, known: KnownIds | None = None
    ) -> Imported:
        if known is None:
            with closing(await self.known_ids()) as own:
                return await self.import_rows(lines, now=now, known=own)
        imported, sealed = await asyncio.to_thread(partial(postgres_again.lines_of, self._keys, lines, known))
        async with self._connection() as connection:
            lanes = {key: await self._changing.lane(connection, key) for key in {line.lane for line in sealed}}
            take = await self._changing.room(connection)
            async with connection.transaction():
                taken, stored = await postgres_again.store(connection, sealed, lanes=lanes, take=take)
            await self._changing.changed()
        known.add(line.values["id"] for line in stored)
        self._changing.announce({line.lane: now for line in stored if line.place == "waiting"})
        return imported + taken

    async def search(
        self, place: Place, holds: Callable[[Unpacked | FailedHit], bool], *, after: int, most: int = AT_ONCE
    ) -> Searched:
        async with self._connection() as connection:
            return await postgres_rows.search(connection, self._keys, place, holds, after=after, most=most)

    async def erase(self, place: Place, rows: Sequence[Pair]) -> int:
        """Their versions are cleared away by `tidy`; until then nothing but the database's files knows of them."""
        if not rows:
            return 0
        async with self._connection() as connection:
            gone = await postgres_again.drop(connection, place, rows)
            await self._changing.changed()
        return gone

    async def forget_guards(self, keys: Sequence[bytes], rows: Collection[str], *, dry_run: bool = False) -> int:
        async with self._connection() as connection:
            found = {*await postgres_traces.guards_with(connection, keys)}
            after: bytes | None = b"" if rows else None
            while after is not None:
                taken, after = await postgres_traces.guards_of(connection, rows, after=after)
                found.update(taken)
            listed = [] if dry_run else sorted(found)
            for start in range(0, len(listed), GUARDS_AT_ONCE):
                await postgres_traces.drop_guards(connection, listed[start : start + GUARDS_AT_ONCE])
        return len(found)

    async def tidy(self) -> bool:
        async with self._connection() as connection:
            before = await postgres_traces.mark(connection)
            for _ in range(WAITING_TRIES):
                seen = await postgres_traces.is_seen(connection, before)
                if not seen:
                    break
                await asyncio.sleep(WAITING_PAUSE_SECONDS)
            return await postgres_traces.vacuum(connection) and not seen
