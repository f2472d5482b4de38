"""What people do with the rows of a PostgreSQL store: `Queue` over its connections. Any number of processes may."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import closing
from functools import partial
from typing import Any, NamedTuple, TypeVar

from psycopg import Rollback

from container.delivery import postgres_again, postgres_previews, postgres_rows, postgres_traces
from container.delivery.known_ids import KnownIds
from container.delivery.postgres_again import Line
from container.delivery.postgres_connecting import Database, Work
from container.delivery.postgres_keys import named_lately
from container.delivery.postgres_tables import Connection
from container.delivery.queue import Returned, Take
from container.delivery.queue_protocol import Left
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
from container.delivery.store import Accepted

T = TypeVar("T")

GUARDS_AT_ONCE = 1000
WAITING_TRIES, WAITING_PAUSE_SECONDS = 20, 0.25
"""Somebody may look just now; whoever looks for longer is not waited for."""

LOOKING_SECONDS = 60
"""For a statement that may go through a whole table, which the limit for hits is too short for."""

Write = Callable[[Connection, Acceptance, Take], Awaitable[Accepted]]


class Changing(NamedTuple):
    """How the store changes rows. `lanes`: the numbers of keys, made if need be. `room`: for rows that come back.

    `quiet`: returns when the hits that came before are written, or are not.
    `write`: what a hit leads to, within a transaction. `changed`: there are more rows now, or fewer. `announce`: by
    lane key when rows of it are due.
    """

    lanes: Callable[[Collection[str]], Awaitable[Mapping[str, int]]]
    room: Callable[[Connection], Awaitable[Take]]
    write: Write
    changed: Callable[[], Awaitable[None]]
    announce: Callable[[Mapping[str, int]], None]
    quiet: Callable[[], Awaitable[None]]


class PostgresQueue:
    """Each slice of work is a transaction of its own, and may be begun again when the database was away."""

    def __init__(self, database: Database, keys: Keyring, changing: Changing) -> None:
        self._database = database
        self._keys = keys
        self._changing = changing

    async def rows(self, selection: Selection, *, most: int, before: int | None = None) -> Sequence[RowReport]:
        work = partial(postgres_rows.reports, keys=self._keys, selection=selection, most=most, before=before)
        return await self._look(work)

    async def row(self, place: Place, number: int, *, whole: bool = False) -> RowDetail | None:
        work = partial(postgres_rows.row, keys=self._keys, place=place, number=number, whole=whole)
        return await self._look(work)

    async def count(self, selection: Selection) -> int:
        return await self._look(partial(postgres_rows.count, selection=selection))

    async def stored(self, ids: Sequence[str]) -> frozenset[str]:
        """A commit that was sent, and whose answer was lost, may still be under way: it holds the tables until then."""
        await self._changing.quiet()
        await self._database.run(postgres_rows.wait_for_writers, asked="read")
        found = [await self.rows(Selection(place, ids=tuple(ids)), most=len(ids)) for place in PLACES]
        return frozenset(row.id for rows in found for row in rows)

    async def reasons(self, lane: int) -> Mapping[str, int]:
        return await self._look(partial(postgres_rows.reasons, lane=lane))

    async def standing(self, selection: Selection, *, after: int, most: int = AT_ONCE) -> Sequence[Standing]:
        work = partial(postgres_rows.standing, keys=self._keys, named=await named_lately(self._database))
        return await self._look(partial(work, selection=selection, after=after, most=most))

    async def hit_of(self, letter: Standing) -> FailedHit | None:
        return await self._look(partial(postgres_rows.hit_of, keys=self._keys, letter=letter))

    async def export(self, selection: Selection, *, after: int, most: int = AT_ONCE) -> Sequence[Exported]:
        found = await self._look(partial(postgres_rows.pairs, selection=selection, after=after, most=most))
        return await self._look(partial(postgres_rows.export, keys=self._keys, place=selection.place, rows=found))

    async def replay(self, selection: Selection, *, now: int, most: int = AT_ONCE) -> int:
        after = 0
        while found := await self._look(
            partial(postgres_rows.pairs, selection=selection, after=after, most=most, now=now)
        ):
            after = found[-1].number

            async def work(connection: Connection, letters: Sequence[Pair] = found) -> Returned:
                take = await self._changing.room(connection)
                return await postgres_again.replay(connection, self._keys, letters, now=now, take=take)

            returned = await self._change(work)
            self._changing.announce(dict.fromkeys(returned.lanes, now))
            if returned.rows:
                return returned.rows
        return 0

    async def replay_hit(self, letter: Standing, acceptance: Acceptance) -> bool:
        # Lanes that are made for it are remembered, so they are no part of what may be taken back.
        keys = {row.lane.key for row in acceptance.rows} | {letter.lane.key for letter in acceptance.letters}
        await self._changing.lanes(keys)

        async def work(connection: Connection) -> bool:
            whole = False
            async with connection.transaction():
                deleted = await postgres_again.drop(connection, "dead", [Pair(letter.number, letter.id)])
                accepted = await self._changing.write(connection, acceptance, await self._changing.room(connection))
                whole = bool(deleted) and accepted.stored == len(acceptance.rows)
                if not whole:
                    raise Rollback
            return whole

        stored = await self._change(work)
        if stored:
            self._changing.announce({row.lane.key: row.due for row in acceptance.rows})
        return stored

    async def drop(self, selection: Selection, *, after: int = 0, most: int = AT_ONCE) -> Gone:
        found = await self._look(partial(postgres_rows.pairs, selection=selection, after=after, most=most))
        if not found:
            return Gone(0, None)
        rows = await self._change(partial(postgres_again.drop, place=selection.place, rows=found))
        return Gone(rows, found[-1].number)

    async def known_ids(self) -> KnownIds:
        """None: the tables have an index over ids, which knows those of others, too."""
        return KnownIds()

    async def import_rows(
        self, lines: Sequence[Mapping[str, Any]], *, now: int, known: KnownIds | None = None
    ) -> Imported:
        if known is None:
            with closing(await self.known_ids()) as own:
                return await self.import_rows(lines, now=now, known=own)
        imported, sealed = await asyncio.to_thread(postgres_again.lines_of, self._keys, lines, known)
        lanes = await self._changing.lanes({line.lane for line in sealed})

        async def work(connection: Connection) -> tuple[Imported, list[Line]]:
            take = await self._changing.room(connection)
            return await postgres_again.store(connection, sealed, lanes=lanes, take=take)

        taken, stored = await self._change(work)
        known.add(line.values["id"] for line in stored)
        self._changing.announce({line.lane: now for line in stored if line.place == "waiting"})
        return imported + taken

    async def search(
        self, place: Place, holds: Callable[[Unpacked | FailedHit], bool], *, after: int, most: int = AT_ONCE
    ) -> Searched:
        return await self._look(
            partial(postgres_rows.search, keys=self._keys, place=place, holds=holds, after=after, most=most)
        )

    async def erase(self, place: Place, rows: Sequence[Pair]) -> int:
        """What the database keeps of them until nobody can see it is cleared away by `tidy`."""
        return await self._change(partial(postgres_again.drop, place=place, rows=rows)) if rows else 0

    async def forget_guards(self, keys: Sequence[bytes], rows: Collection[str], *, dry_run: bool = False) -> int:
        found = {*await self._look(partial(postgres_traces.guards_with, keys=keys))}
        after: bytes | None = b"" if rows else None
        while after is not None:
            taken, after = await self._look(partial(postgres_traces.guards_of, rows=rows, after=after))
            found.update(taken)
        listed = [] if dry_run else sorted(found)
        for start in range(0, len(listed), GUARDS_AT_ONCE):
            some = listed[start : start + GUARDS_AT_ONCE]
            await self._database.run(partial(postgres_traces.drop_guards, keys=some))
        return len(found)

    async def forget_previews(self, *, dry_run: bool = False) -> int:
        if self._database.version < postgres_previews.FIRST_VERSION:
            await self._database.read_version()
        if self._database.version < postgres_previews.FIRST_VERSION:
            return 0
        if dry_run:
            return await self._look(postgres_previews.held_records)
        return await self._database.run(postgres_previews.forget_records, patience=LOOKING_SECONDS)

    async def tidy(self) -> Left:
        if not await self._look(postgres_traces.is_owned):
            return "not_owned"
        before = await self._database.run(postgres_traces.mark)
        for _ in range(WAITING_TRIES):
            seen = await self._look(partial(postgres_traces.is_seen, before=before))
            if not seen:
                break
            await asyncio.sleep(WAITING_PAUSE_SECONDS)
        await postgres_traces.vacuum(self._database.url)
        return "seen" if seen else "nothing"

    async def _look(self, work: Work[T]) -> T:
        """Work that changes nothing."""
        return await self._database.run(work, asked="read", patience=LOOKING_SECONDS)

    async def _change(self, work: Work[T]) -> T:
        """Work that may change how many rows there are."""
        result = await self._database.run(work)
        await self._changing.changed()
        return result
