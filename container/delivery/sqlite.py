"""The embedded store: one SQLite file in a data folder, one process, one thread that writes."""

from __future__ import annotations

import asyncio
import secrets
import sqlite3
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import IO

from container.delivery import accepting, statements
from container.delivery.claimed import read_claimed
from container.delivery.counters import StoreFigures
from container.delivery.filling import Filling
from container.delivery.former_keys import keys_for, tell_missing
from container.delivery.levels import NEARLY_FULL, Levels
from container.delivery.opening import Opened, open_folder
from container.delivery.queue import Take
from container.delivery.reading import Reading
from container.delivery.reports import lane_reports, waiting_lanes
from container.delivery.row import Acceptance, Reason, Row
from container.delivery.schema import FILE, lock, open_reader, unusable
from container.delivery.seal import Keyring, KeyringError, keys_here
from container.delivery.sqlite_queue import Changing, SqliteQueue
from container.delivery.statements import Found
from container.delivery.store import (
    Accepted,
    Answer,
    Claimed,
    ClaimedRow,
    LaneReport,
    LaneState,
    Limits,
    Part,
    StoreError,
    StoreFilledError,
    StoreRefusedError,
    Tended,
    WaitingLane,
)
from container.delivery.tending import tend
from container.delivery.writer import T, Writer

FEW_ROWS = 16
LONGEST_REST_MS = 60_000
USUAL_LIMITS = Limits()

_MARK = "update lanes set mode=?, not_before=?, failures=? where number=?"
_Held = tuple[bytes, tuple[int, ...]]
_ANSWER = "update lanes set answered=?, status=?, verdict=?, excerpt=? where number=?"


def open_store(
    folder: Path, *, now: int, key: str | None = None, limits: Limits = USUAL_LIMITS, recover: bool = True
) -> SqliteStore:
    """Opens, or makes, the store of a data folder. `key`: what `TAG_CONTAINER_KEY` holds.

    What a process that died had claimed waits again. Without `recover` it stays claimed, for a server that tells of it.
    Raises `StoreRefusedError` with what to do about it.
    """
    with ExitStack() as opened:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            held = opened.enter_context(lock(folder))
            here = keys_here(folder, key)
            found = open_folder(folder, now=now)
            opened.callback(found.abandon)
            keys = keys_for(found.connection, folder, here)
            recovered, poisoned = statements.recover(found.connection, now=now) if recover else (0, 0)
            store = SqliteStore(found, keys, held, limits=limits, recovered=recovered, poisoned=poisoned)
            if recover:
                tell_missing(found.connection, keys)
                store.tell_fill()
        except KeyringError as problem:
            raise StoreRefusedError(str(problem)) from None
        except (OSError, sqlite3.Error) as problem:
            raise StoreRefusedError(unusable(folder, problem)) from None
        opened.pop_all()
    return store


class SqliteStore:
    """`Store` over SQLite. `recovered`, `poisoned`: rows that the last process left claimed, found while opening."""

    def __init__(
        self,
        opened: Opened,
        keys: Keyring,
        held: IO[bytes],
        *,
        limits: Limits = USUAL_LIMITS,
        recovered: int = 0,
        poisoned: int = 0,
    ) -> None:
        self.recovered, self.poisoned = recovered, poisoned
        self._file = opened.folder / FILE
        self._limits = limits
        self._keys = keys
        self._held = held
        self._lanes: dict[str, int] = {}
        self._folder = opened
        self._levels = Levels(limits, opened.connection)
        self._filling = Filling()
        self._writer = Writer(opened.connection, self._accept, self._taken_back, opened.disk)
        self._reading = Reading(open_reader(opened.folder), "deliveries-read", self._stumbled)
        self._listeners: list[Callable[[Mapping[str, int]], None]] = []
        self._unreleased: set[_Held] = set()
        self._closed = False
        self._queue = found = SqliteQueue(
            Reading(open_reader(opened.folder), "deliveries-look", self._stumbled),
            self._writer,
            keys,
            Changing(self._change, self._lane, self._room, self._announce),
        )
        self.rows, self.row, self.count, self.reasons = found.rows, found.row, found.count, found.reasons
        self.replay, self.replay_hit, self.drop = found.replay, found.replay_hit, found.drop
        self.standing, self.hit_of, self.export, self.stored = found.standing, found.hit_of, found.export, found.stored
        self.known_ids, self.import_rows = found.known_ids, found.import_rows
        self.search, self.erase, self.tidy = found.search, found.erase, found.tidy
        self.forget_guards, self.forget_previews = found.forget_guards, found.forget_previews

    @property
    def fill(self) -> float:
        return self._levels.fill

    @property
    def longest_rest(self) -> int:
        return LONGEST_REST_MS

    def previews(self) -> None:
        """One process has a store: its sessions of preview are in its memory."""

    def clock(self) -> int:
        return time.time_ns() // 1_000_000

    def tell_fill(self) -> None:
        """Has the log say how full it is, where it does not know. Called by the writer, or before it works."""
        self._filling.look(self.fill)

    def share(self, lane: int) -> float:
        return self._levels.share(lane)

    @property
    def trouble(self) -> str:
        """Why no hits are taken, empty while they are."""
        found = self._folder.disk.trouble
        return "" if found is None else found.reason

    @property
    def given_up(self) -> bool:
        """Whether the disk has failed for so long that the process should end."""
        return self._folder.disk.given_up

    @property
    def notices(self) -> Sequence[str]:
        """What somebody should look after in the data folder, as sentences."""
        return self._folder.notices

    async def accept(self, acceptance: Acceptance) -> Accepted:
        if acceptance.empty:
            return Accepted()
        if acceptance.rows and not self._levels.admits(row.priority for row in acceptance.rows):
            raise StoreFilledError(f"the store is {self.fill:.0%} full")
        size = sum(len(row.body) for row in acceptance.rows) + sum(len(letter.body) for letter in acceptance.letters)
        stored = True
        try:
            accepted = await self._writer.accept(acceptance, size=size)
            stored = accepted.stored > 0
        except StoreError:
            stored = False
            raise
        finally:
            # Also when whoever asked has left meanwhile: what was asked for is written all the same.
            if stored and acceptance.rows:
                self._tell(acceptance.rows)
        return accepted

    def listen(self, callback: Callable[[Mapping[str, int]], None]) -> None:
        self._listeners.append(callback)

    def figures(self) -> StoreFigures:
        """How it stands at this moment. Asks no disk but for the size of files."""
        queued, size = self._writer.queued
        return StoreFigures(
            engine=f"SQLite {sqlite3.sqlite_version}",
            counters=self._writer.counters,
            fill=self.fill,
            file_bytes=_size(self._file),
            log_bytes=_size(self._file.with_name(f"{FILE}-wal")),
            queued=queued,
            queued_bytes=size,
            recovered=self.recovered,
            poisoned=self.poisoned,
        )

    async def waiting(self) -> Sequence[WaitingLane]:
        unreleased = frozenset(self._unreleased)
        found = await self._writer.run(partial(self._waiting, unreleased=unreleased))
        self._unreleased -= unreleased
        return found

    async def claim(self, lane: int, *, now: int, most_items: int, ahead: int, alone: int = 1) -> Claimed | None:
        token = secrets.token_bytes(16)
        most_items, alone = self._folder.disk.at_once(most_items), self._folder.disk.at_once(alone)

        def work(connection: sqlite3.Connection) -> tuple[list[Found], int]:
            claimed = statements.claim(
                connection, lane, token, now=now, most_items=most_items, ahead=ahead, alone=alone
            )
            if claimed[1]:
                self._levels.read(connection, lane)
            return claimed

        found, too_old = await self._writer.run(work)
        # Opening a batch takes milliseconds, which the loop should not wait for; a few rows are not worth a thread.
        opened = partial(read_claimed, self._keys, found)
        rows, unread = await self._reading.run(lambda _: opened()) if len(found) > FEW_ROWS else opened()
        buried: dict[Reason, int] = {"too_old": too_old} if too_old else {}
        for reason, numbers in unread.items():
            bury = partial(statements.bury, numbers=numbers, token=token, reason=reason, note="", now=now)
            try:
                buried[reason] = await self._change(bury, lane)
            except StoreError:
                # They wait again as soon as the store can write, and the next claim finds them.
                self._unreleased.add((token, tuple(numbers)))
        return Claimed(token, lane, tuple(rows), buried) if rows or buried else None

    async def settle(self, claimed: Claimed, rows: Sequence[ClaimedRow]) -> int:
        return await self._change(partial(statements.settle, numbers=_numbers(rows), token=claimed.token), claimed.lane)

    async def postpone(
        self,
        claimed: Claimed,
        rows: Sequence[ClaimedRow],
        *,
        until: int,
        counted: bool,
        fault: bool = False,
        tried: Answer | None = None,
    ) -> int:
        work = partial(statements.postpone, numbers=_numbers(rows), token=claimed.token)
        return await self._writer.run(partial(work, until=until, counted=counted, fault=fault, tried=tried))

    async def give_back(self, claimed: Claimed) -> int:
        work = partial(statements.postpone, numbers=_numbers(claimed.rows), token=claimed.token)
        return await self._writer.run(partial(work, until=None, counted=False))

    async def split(self, claimed: Claimed, *, now: int, later: int | None = None, tried: Answer | None = None) -> int:
        work = partial(statements.split, numbers=_numbers(claimed.rows), token=claimed.token)
        return await self._writer.run(partial(work, now=now, later=later, tried=tried))

    async def regroup(self, parts: Sequence[Part], *, held: int) -> int:
        return await self._writer.run(partial(statements.regroup, parts=parts, held=held))

    async def bury(
        self,
        claimed: Claimed,
        rows: Sequence[ClaimedRow],
        reason: Reason,
        *,
        note: str,
        now: int,
        tried: Answer | None = None,
    ) -> int:
        work = partial(statements.bury, numbers=_numbers(rows), token=claimed.token)
        return await self._change(partial(work, reason=reason, note=note, now=now, tried=tried), claimed.lane)

    async def mark(self, lane: int, state: LaneState, answer: Answer | None = None) -> None:
        def work(connection: sqlite3.Connection) -> None:
            connection.execute(_MARK, (state.mode, state.not_before, state.failures, lane))
            if answer is not None:
                connection.execute(_ANSWER, (answer.at, answer.status, answer.verdict, answer.excerpt, lane))

        await self._writer.run(work)

    async def probe(self, *, now: int) -> int:
        query = "update lanes set not_before=? where mode!='open' and not_before>?"
        return await self._writer.run(lambda connection: connection.execute(query, (now, now)).rowcount)

    async def pause(self, lane: int, *, paused: bool) -> bool:
        query = "update lanes set paused=? where number=?"
        return await self._writer.run(lambda connection: connection.execute(query, (paused, lane)).rowcount == 1)

    async def hasten(self, lane: int, *, now: int) -> None:
        def work(connection: sqlite3.Connection) -> None:
            connection.execute("update lanes set not_before=? where number=? and not_before>?", (now, lane, now))
            query = "update delivery set due=? where lane=? and due>? and attempts+length(history)>0 and claim is null"
            connection.execute(query, (now, lane, now))

        await self._writer.run(work)

    async def lanes(self) -> Sequence[LaneReport]:
        return await self._reading.run(lane_reports)

    async def tend(self, *, now: int, begun: bool) -> Tended:
        return await self._change(partial(tend, now=now, limits=self._limits, begun=begun))

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        # The reader first: the last connection to leave, if it may write, tidies the log away.
        await self._reading.close()
        await self._queue.close()
        await asyncio.to_thread(self._folder.stop_checking)
        await self._writer.close()
        self._held.close()

    def _tell(self, rows: Sequence[Row]) -> None:
        first: dict[str, int] = {}
        for row in rows:
            first[row.lane.key] = min(row.due, first.get(row.lane.key, row.due))
        self._announce(first)

    def _announce(self, first: Mapping[str, int]) -> None:
        """When the first row is due, by the key of its lane."""
        for callback in self._listeners if first else ():
            callback(first)

    def _stumbled(self, problem: sqlite3.Error) -> None:
        """Somebody who only wanted to look found what cannot be read."""
        self._writer.counters.errors["read"] += 1
        self._folder.could_not_read(problem)

    def _waiting(self, connection: sqlite3.Connection, unreleased: Collection[_Held]) -> list[WaitingLane]:
        for token, numbers in unreleased:
            statements.postpone(connection, numbers, token, until=None, counted=False)
        # Asked for all the time: whoever was refused because of a count that was taken back is let in soon.
        self._levels.refresh(connection)
        return waiting_lanes(connection)

    async def _change(self, work: Callable[[sqlite3.Connection], T], lane: int | None = None) -> T:
        """Work that may change how many rows there are, in one lane or in any."""

        def changed(connection: sqlite3.Connection) -> T:
            result = work(connection)
            self._levels.read(connection, lane)
            self.tell_fill()
            return result

        return await self._writer.run(changed)

    def _accept(self, connection: sqlite3.Connection, acceptances: Sequence[Acceptance]) -> list[Accepted]:
        self._levels.refresh(connection)
        lane, take = partial(self._lane, connection), self._levels.take
        accepted = accepting.accept(connection, acceptances, keys=self._keys, lane=lane, take=take)
        self.tell_fill()
        return accepted

    def _room(self, connection: sqlite3.Connection) -> Take:
        """Takes rows that come back as long as hits are not refused for them."""
        self._levels.refresh(connection)
        return lambda lane, size: self._levels.fill < NEARLY_FULL and self._levels.take(lane, size)

    def _taken_back(self) -> None:
        self._lanes.clear()
        self._levels.forget()

    def _lane(self, connection: sqlite3.Connection, key: str) -> int:
        """The number of a lane; a new one is written. Called by the writer only."""
        number = self._lanes.get(key)
        if number is None:
            connection.execute("insert into lanes(key) values(?) on conflict do nothing", (key,))
            number = int(connection.execute("select number from lanes where key=?", (key,)).fetchone()[0])
            self._lanes[key] = number
        return number


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0


def _numbers(rows: Sequence[ClaimedRow]) -> list[int]:
    return [row.number for row in rows]
