"""Hits that are written to PostgreSQL together: what comes in while a commit is under way goes into the next one.

Two commits may be under way at a time. Guards are taken first, sorted by key, so that no two processes wait for each
other; whoever comes second waits for the first one's commit and finds the key taken.
"""

from __future__ import annotations

import asyncio
import time
from asyncio import FIRST_COMPLETED
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from container.delivery.accepting import LANE_FULL, sealed
from container.delivery.counters import StoreCounters
from container.delivery.origin import origin_of
from container.delivery.postgres_connecting import CommitUnknownError, Database, array, fetch, storable
from container.delivery.postgres_filling import Filling
from container.delivery.postgres_space import Space
from container.delivery.postgres_tables import Connection, slot_of
from container.delivery.queue import Take
from container.delivery.remedies import NO_SPACE
from container.delivery.row import FORMAT, Acceptance, Letter, Row
from container.delivery.seal import Keyring
from container.delivery.store import Accepted, StoreBusyError, StoreError, StoreFullError, StoreUnavailableError
from container.delivery.writer import MOST_JOINED, MOST_WAITING, MOST_WAITING_BYTES
from container.engine.guards import by_delivery
from container.engine.outcome import Guard

FLUSHES_AT_ONCE = 2

_TAKE = (
    "insert into guards(key, kind, until, row) "
    "select * from unnest(%b::bytea[], %s::text[], %s::bigint[], %s::text[]) as wanted(key, kind, until, row) "
    "order by key on conflict (key) do nothing returning key"
)
_HELD = "select key, until from guards where key=any(%b::bytea[]) order by key for update"
_TAKE_OVER = (
    "update guards set kind=wanted.kind, until=wanted.until, row=wanted.row "
    "from unnest(%b::bytea[], %s::text[], %s::bigint[], %s::text[]) as wanted(key, kind, until, row) "
    "where guards.key=wanted.key"
)
_GIVE_BACK = "delete from guards where key=any(%b::bytea[])"
_ROWS = (
    "insert into delivery(id, lane, batch, size, most_items, most_bytes, due, first, give_up, expire, "  # noqa: S608 - a constant
    "format, crc, kid, body, priority, slot) "
    "select id, lane, batch, size, most_items, most_bytes, due, first, give_up, expire, "
    f"{FORMAT}, crc, kid, body, priority, slot from unnest("
    "%s::text[], %s::bigint[], %b::bytea[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], "
    "%s::bigint[], %s::bigint[], %s::bigint[], %s::text[], %b::bytea[], %s::bigint[], %s::smallint[]) "
    "as wanted(id, lane, batch, size, most_items, most_bytes, due, first, give_up, expire, crc, kid, body, "
    "priority, slot)"
)
_LETTERS = (
    "insert into dead(id, lane, reason, note, holds, attempts, crashes, first, died, format, crc, kid, body, size, "  # noqa: S608 - a constant
    f"origin) select id, lane, reason, note, holds, 0, 0, first, died, {FORMAT}, crc, kid, body, length(body), origin "
    "from unnest(%s::text[], %s::bigint[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::bigint[], "
    "%s::bigint[], %s::text[], %b::bytea[], %s::text[]) "
    "as wanted(id, lane, reason, note, holds, first, died, crc, kid, body, origin)"
)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What accepting needs of its store. `lanes`: the numbers of keys, written where they are new."""

    database: Database
    keys: Keyring
    counters: StoreCounters
    lanes: Callable[[Collection[str]], Awaitable[Mapping[str, int]]]
    filling: Filling


@dataclass(frozen=True, slots=True)
class _Job:
    acceptance: Acceptance
    size: int
    done: asyncio.Future[Accepted]


class Accepting:
    """Gathers hits and writes them. To be used in one event loop. `stored`: called after a commit, hit by hit.

    `space`: whether the database has room for them.
    """

    def __init__(self, around: Surroundings, stored: Callable[[Sequence[Row]], None]) -> None:
        self.space = Space()
        self._around = around
        self._stored = stored
        self._gathered: list[_Job] = []
        self._flushes: set[asyncio.Task[None]] = set()
        self._waiting = self._waiting_bytes = 0
        self._closed = False

    @property
    def queued(self) -> tuple[int, int]:
        """Hits that wait for their commit, and their bytes."""
        return self._waiting, self._waiting_bytes

    async def accept(self, acceptance: Acceptance, *, size: int) -> Accepted:
        """Writes a hit together with those that wait beside it."""
        if self._closed:
            raise StoreUnavailableError("the store is closed")
        if self.space.pauses:
            raise StoreFullError(NO_SPACE)
        if self._waiting >= MOST_WAITING or self._waiting_bytes + size > MOST_WAITING_BYTES:
            raise StoreBusyError("too many hits wait to be written")
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Accepted] = loop.create_future()
        self._waiting += 1
        self._waiting_bytes += size
        if not self._gathered:
            loop.call_soon(self._begin)
        self._gathered.append(_Job(acceptance, size, done))
        try:
            return await done
        finally:
            self._waiting -= 1
            self._waiting_bytes -= size

    async def quiet(self) -> None:
        """Returns when all that was asked for before is written, or is not: also what nobody waits for any more."""
        last = self._gathered[-1] if self._gathered else None
        while any(job is last for job in self._gathered):
            await (asyncio.wait(self._flushes, return_when=FIRST_COMPLETED) if self._flushes else asyncio.sleep(0))
        if self._flushes:
            await asyncio.wait(tuple(self._flushes))

    async def close(self) -> None:
        """Writes what was asked for before."""
        self._closed = True
        self._begin()
        while self._flushes:
            await asyncio.wait(tuple(self._flushes))

    def _begin(self) -> None:
        while self._gathered and len(self._flushes) < FLUSHES_AT_ONCE:
            jobs, self._gathered = self._gathered[:MOST_JOINED], self._gathered[MOST_JOINED:]
            flush = asyncio.create_task(self._flush(jobs))
            self._flushes.add(flush)
            flush.add_done_callback(self._ended)

    def _ended(self, flush: asyncio.Task[None]) -> None:
        self._flushes.discard(flush)
        self._begin()

    async def _flush(self, jobs: Sequence[_Job]) -> None:
        """One that cannot be written takes nobody along: each is then written alone."""
        begun = time.perf_counter()
        try:
            acceptances = [job.acceptance for job in jobs]
            lanes = await self._around.lanes(lane_keys(acceptances))
            with self._around.filling.changing():
                work = partial(self._write, acceptances=acceptances, lanes=lanes)
                accepted = await self._around.database.run(work, asked=None)
        except Exception as problem:  # noqa: BLE001 - whoever asked gets it; nobody may wait for ever
            await self._failed(jobs, problem)
            return
        self._around.counters.committed(len(jobs), time.perf_counter() - begun)
        self.space.worked()
        for job, found in zip(jobs, accepted, strict=True):
            if not job.done.done():
                job.done.set_result(found)
            if found.stored:
                self._stored(job.acceptance.rows)

    async def _failed(self, jobs: Sequence[_Job], problem: Exception) -> None:
        self._around.filling.forget()
        full = isinstance(problem, StoreFullError)
        if full:
            self.space.refused()
        hopeless = full or isinstance(problem, CommitUnknownError) or bool(self._around.database.trouble)
        if len(jobs) > 1 and not hopeless:
            for job in jobs:
                await self._flush([job])
            return
        if isinstance(problem, StoreError):
            self._around.counters.errors["accept"] += len(jobs)
        for job in jobs:
            if not job.done.done():
                job.done.set_exception(problem)

    async def _write(
        self, connection: Connection, acceptances: Sequence[Acceptance], lanes: Mapping[str, int]
    ) -> list[Accepted]:
        filling = self._around.filling
        await filling.refresh(connection)
        return await accept(connection, acceptances, keys=self._around.keys, lanes=lanes, take=filling.levels.take)


async def accept(
    connection: Connection, acceptances: Sequence[Acceptance], *, keys: Keyring, lanes: Mapping[str, int], take: Take
) -> list[Accepted]:
    """Everything of these hits, in the order in which they came, in the transaction that has begun.

    `take`: counts a row of so many bytes in a lane, if that has room; else the row is a letter from the start.
    """
    taken = await take_guards(connection, acceptances)
    rows: list[tuple[Any, ...]] = []
    letters: list[tuple[Any, ...]] = []
    accepted: list[Accepted] = []
    for acceptance, guards in zip(acceptances, taken, strict=True):
        blocked = {name for guard in guards for name in guard.planned}
        stored, overflowed = 0, []
        for row in acceptance.rows:
            if row.id in blocked:
                continue
            number, resting = lanes[row.lane.key], sealed(keys, row.id, row.body)
            if take(number, len(resting.body)):
                rows.append(_values(row, number, *resting))
                stored += 1
            else:
                letters.append(_overflowing(row, number, acceptance.now, *resting))
                overflowed.append(Letter(row.id, row.lane, "lane_full", LANE_FULL, row.first, row.body, row.tag))
        letters += [
            _letter(each, lanes[each.lane.key], *sealed(keys, each.id, each.body))
            for each in acceptance.letters
            if each.id not in blocked
        ]
        accepted.append(Accepted(stored, guards, tuple(overflowed)))
    await insert_rows(connection, rows)
    await insert_letters(connection, letters)
    return accepted


def lane_keys(acceptances: Sequence[Acceptance]) -> set[str]:
    """The keys of their lanes."""
    rows = {row.lane.key for each in acceptances for row in each.rows}
    return rows | {letter.lane.key for each in acceptances for letter in each.letters}


async def take_guards(connection: Connection, acceptances: Sequence[Acceptance]) -> list[frozenset[Guard]]:
    """Takes the keys of the hits' guards; those that were taken before, hit by hit.

    A delivery's guards are taken all or none: one that is held back must not use up its other keys.
    """
    wanted = {guard.key: guard for each in acceptances for guard in each.guards}
    if not wanted:
        return [frozenset()] * len(acceptances)
    until, ours = await _ours_and_theirs(connection, wanted)
    new: dict[bytes, Guard] = {}
    found = []
    for acceptance in acceptances:
        taken: set[Guard] = set()
        for together in by_delivery(acceptance.guards).values():
            before = [guard for guard in together if until.get(guard.key, 0) > acceptance.now]
            taken.update(before)
            if not before:
                until |= {guard.key: guard.until for guard in together}
                new |= {guard.key: guard for guard in together}
        found.append(frozenset(taken))
    changed = [guard for key, guard in new.items() if key not in ours or guard != wanted[key]]
    if changed:
        await connection.execute(_TAKE_OVER, _guards(changed))
    if unused := [key for key in ours if key not in new]:
        await connection.execute(_GIVE_BACK, (unused,))
    return found


async def insert_rows(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """Rows as `_values` makes them."""
    if rows:
        row_id, lane, batch, *numbers, crc, kid, body, priority, slot = (list(each) for each in zip(*rows, strict=True))
        stated = (row_id, array(lane), batch, *map(array, numbers), array(crc), kid, body, array(priority), array(slot))
        await connection.execute(_ROWS, stated)


async def insert_letters(connection: Connection, letters: Sequence[tuple[Any, ...]]) -> None:
    """Letters as `_letter` makes them."""
    if letters:
        columns = (list(each) for each in zip(*letters, strict=True))
        row_id, lane, reason, note, holds, first, died, crc, kid, body, origin = columns
        texts = (reason, note, holds)
        numbers = (array(first), array(died), array(crc))
        await connection.execute(_LETTERS, (row_id, array(lane), *texts, *numbers, kid, body, origin))


async def _ours_and_theirs(
    connection: Connection, wanted: Mapping[bytes, Guard]
) -> tuple[dict[bytes, int], set[bytes]]:
    """Until when the keys that others have are held, and the keys that were free and are ours now."""
    ours: set[bytes] = set()
    until: dict[bytes, int] = {}
    # What somebody had may be swept between the two statements; then it is free, and asked for again.
    while left := [guard for key, guard in sorted(wanted.items()) if key not in ours and key not in until]:
        ours |= {key for (key,) in await fetch(connection, _TAKE, _guards(left))}
        theirs = [guard.key for guard in left if guard.key not in ours]
        until |= dict(await fetch(connection, _HELD, (theirs,))) if theirs else {}
    return until, ours


def _guards(guards: Sequence[Guard]) -> tuple[object, ...]:
    # Whichever of its deliveries is forgotten, the guard goes with it.
    rows = [" ".join(guard.planned) for guard in guards]
    keys, kinds = [guard.key for guard in guards], [guard.kind for guard in guards]
    return keys, kinds, array([guard.until for guard in guards]), rows


def _values(row: Row, lane: int, crc: int, kid: str, body: bytes) -> tuple[Any, ...]:
    frame = row.frame
    limits = (len(row.item.data) + 1, frame.most_items, frame.most_bytes)
    times = (row.due, row.first, row.give_up, row.expire)
    return (row.id, lane, frame.group, *limits, *times, crc, kid, body, row.priority, slot_of(row.first))


def _overflowing(row: Row, lane: int, now: int, crc: int, kid: str, body: bytes) -> tuple[Any, ...]:
    """The letter of a row for which its lane has no room, with all that it needs to wait after all."""
    origin = origin_of(row.frame, row.item, expire=row.expire, give_up=row.give_up, priority=row.priority)
    return (row.id, lane, "lane_full", LANE_FULL, "request", row.first, now, crc, kid, body, origin.encoded)


def _letter(letter: Letter, lane: int, crc: int, kid: str, body: bytes) -> tuple[Any, ...]:
    about = (letter.id, lane, letter.reason, storable(letter.note), "hit", letter.first, letter.first)
    return (*about, crc, kid, body, "")
