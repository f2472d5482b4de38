"""The distributed store: one PostgreSQL database, any number of processes that accept and deliver."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial

from container.delivery import postgres_claims as claims
from container.delivery import postgres_keys
from container.delivery import postgres_lanes as lanes
from container.delivery import postgres_reports as reports
from container.delivery import postgres_tending as tending
from container.delivery.claimed import read_claimed
from container.delivery.counters import StoreCounters, StoreFigures
from container.delivery.filling import Filling as Marks
from container.delivery.levels import NEARLY_FULL
from container.delivery.postgres_accepting import Accepting, Surroundings, accept, lane_keys
from container.delivery.postgres_connecting import Database
from container.delivery.postgres_filling import Filling
from container.delivery.postgres_keeping import Duty, Keeping
from container.delivery.postgres_patience import PROGRAM, named
from container.delivery.postgres_previews import PostgresPreviews
from container.delivery.postgres_queue import Changing, PostgresQueue
from container.delivery.postgres_tables import Connection
from container.delivery.queue import Take
from container.delivery.remedies import remedy
from container.delivery.row import Acceptance, Reason, Row
from container.delivery.seal import Keyring, KeyringError, shared_keyring
from container.delivery.store import (
    Accepted,
    Answer,
    Claimed,
    ClaimedRow,
    LaneReport,
    LaneState,
    Limits,
    Part,
    StoreAwayError,
    StoreError,
    StoreFilledError,
    StoreRefusedError,
    StoreUnavailableError,
    Tended,
    WaitingLane,
)

FEW_ROWS = 16
USUAL_LIMITS = Limits()
LONGEST_REST_MS = 250
"""A process does not hear of the rows that others store: it looks so often."""

_SIZE = "select pg_database_size(current_database())"
log = logging.getLogger("container.delivery")

_Held = tuple[bytes, tuple[int, ...]]


async def open_postgres(
    url: str, *, key: str | None, limits: Limits = USUAL_LIMITS, recover: bool = True, name: str = PROGRAM
) -> PostgresStore:
    """Opens the store in a database whose tables `migrate` made. `key`: what `TAG_CONTAINER_KEY` holds.

    Without `recover` it is for somebody who looks, or changes a few rows: it writes and tells nothing by itself.
    `name`: what the database shows of who is connected.
    Raises `StoreRefusedError` with what to do about it, `StoreAwayError` if that is to wait.
    """
    try:
        keys = shared_keyring(key)
    except KeyringError as problem:
        raise StoreRefusedError(str(problem)) from None
    database = Database(named(url, name), recover)
    try:
        await database.open()
        await (postgres_keys.check if recover else postgres_keys.check_common)(database, keys)
        store = PostgresStore(database, keys, limits=limits, recover=recover)
        await store.begin()
    except StoreUnavailableError as problem:
        await database.close()
        raise StoreAwayError(f"{problem}. {remedy(str(problem))}") from None
    except BaseException:
        await database.close()
        raise
    return store


class PostgresStore:
    """`Store` over PostgreSQL. `recovered`, `poisoned`: rows whose claim was over, found since the start."""

    def __init__(
        self, database: Database, keys: Keyring, *, limits: Limits = USUAL_LIMITS, recover: bool = True
    ) -> None:
        self.recovered = self.poisoned = 0
        self.given_up = False
        self.notices: Sequence[str] = ()
        self.database = database
        self._keys = keys
        self._limits = limits
        self._name = f"{socket.gethostname()}:{os.getpid()}"
        self._filling = Filling(limits, Marks() if recover else None)
        self._counters = StoreCounters(errors=database.errors)
        self._listeners: list[Callable[[Mapping[str, int]], None]] = []
        self._unreleased: set[_Held] = set()
        self._unheard: set[bytes] = set()
        self._unsure = claims.Unsure()
        self._closed = False
        self._file_bytes = 0
        self._lanes = lanes.LaneNumbers(database)
        looking: dict[str, Duty] = {
            "levels": (1.0, lambda: self._filling.read(database)),
            "clock": (10.0, database.measure),
        }
        serving: dict[str, Duty] = {
            "lapsed": (5.0, lambda: self.recover(now=self.clock())),
            "size": (60.0, self._measure_size),
            "days": (600.0, lambda: tending.give_back_days(database)),
            "keys": (postgres_keys.NOTED_SECONDS, lambda: postgres_keys.note(database, keys)),
        }
        self._serves = self._key_noted = recover
        self._keeping = Keeping(looking | serving if recover else looking)
        around = Surroundings(database, keys, self._counters, self._lanes.of, self._filling)
        self._accepting = Accepting(around, self._tell)
        self._queue = found = PostgresQueue(
            database,
            keys,
            Changing(self._lanes_sealed, self._room, self._write, self._recount, self._announce, self._accepting.quiet),
        )
        self.rows, self.row, self.count, self.reasons = found.rows, found.row, found.count, found.reasons
        self.replay, self.replay_hit, self.drop = found.replay, found.replay_hit, found.drop
        self.standing, self.hit_of, self.export, self.stored = found.standing, found.hit_of, found.export, found.stored
        self.known_ids, self.import_rows = found.known_ids, found.import_rows
        self.search, self.erase, self.tidy = found.search, found.erase, found.tidy
        self.forget_guards, self.forget_previews = found.forget_guards, found.forget_previews

    async def begin(self) -> None:
        """Reads how full the store is, and begins to look after it."""
        await self._filling.read(self.database)
        if self._serves:
            await postgres_keys.note(self.database, self._keys)
            await postgres_keys.tell_missing(self.database, self._keys)
        elif foreign := await postgres_keys.foreign(self.database, self._keys):
            self.notices = [f"{foreign} They are shown as not readable, and left out of what needs to read them."]
        self._keeping.begin()

    @property
    def fill(self) -> float:
        return self._filling.levels.fill

    @property
    def longest_rest(self) -> int:
        return LONGEST_REST_MS

    def previews(self) -> PostgresPreviews:
        """Where processes share the sessions of preview."""
        return PostgresPreviews(self.database, self._keys)

    def clock(self) -> int:
        return self.database.clock()

    def share(self, lane: int) -> float:
        return self._filling.levels.share(lane)

    @property
    def trouble(self) -> str:
        """Why no hits are taken, empty while they are."""
        return self.database.trouble or self._accepting.space.trouble

    async def accept(self, acceptance: Acceptance) -> Accepted:
        if acceptance.empty:
            return Accepted()
        if self.database.trouble:
            # Asked again each second by itself: nobody has to wait to hear that it is away.
            raise StoreUnavailableError(self.database.trouble)
        if acceptance.rows and not self._filling.levels.admits(row.priority for row in acceptance.rows):
            raise StoreFilledError(f"the store is {self.fill:.0%} full")
        size = sum(len(row.body) for row in acceptance.rows) + sum(len(letter.body) for letter in acceptance.letters)
        return await self._accepting.accept(acceptance, size=size)

    def listen(self, callback: Callable[[Mapping[str, int]], None]) -> None:
        self._listeners.append(callback)

    def figures(self) -> StoreFigures:
        """How it stands at this moment. Asks nobody; how large the database is, it says itself."""
        queued, size = self._accepting.queued
        return StoreFigures(
            engine=self.database.server,
            counters=self._counters,
            fill=self.fill,
            file_bytes=self._file_bytes,
            log_bytes=0,
            queued=queued,
            queued_bytes=size,
            recovered=self.recovered,
            poisoned=self.poisoned,
        )

    async def waiting(self) -> Sequence[WaitingLane]:
        for held in frozenset(self._unreleased):
            token, numbers = held
            await claims.postpone(self.database, numbers, token, until=None, counted=False)
            self._unreleased.discard(held)
        if unheard := frozenset(self._unheard):
            await claims.release(self.database, unheard)
            self._unheard -= unheard
        return await reports.waiting_lanes(self.database)

    async def claim(self, lane: int, *, now: int, most_items: int, ahead: int, alone: int = 1) -> Claimed | None:
        # Before the database begins to count: so we stop first.
        held_until = time.monotonic() + claims.LEASE_MS / 1000
        new = claims.new_token()
        more = {"now": now, "most_items": most_items, "ahead": ahead, "alone": alone}
        try:
            with self._filling.changing():
                token, found, too_old = await claims.claim(self.database, lane, new, **more, worker=self._name)
                self._filling.lose(too_old)
        except StoreError:
            self._unheard.add(new)
            raise
        opened = partial(read_claimed, self._keys, found)
        rows, unread = await asyncio.to_thread(opened) if len(found) > FEW_ROWS else opened()
        buried: dict[Reason, int] = {"too_old": sum(went.rows for went in too_old)} if too_old else {}
        for reason, numbers in unread.items():
            try:
                buried[reason] = await self._bury(lane, numbers, token, reason, note="", now=now)
            except StoreError:
                # They wait again as soon as the store can write, and the next claim finds them.
                self._unreleased.add((token, tuple(numbers)))
        return Claimed(token, lane, tuple(rows), buried, held_until) if rows or buried else None

    async def settle(self, claimed: Claimed, rows: Sequence[ClaimedRow]) -> int:
        numbers = _row_numbers(rows)
        with self._filling.changing(), self._unsure.whether(claimed.token, numbers) as unsure:
            went = await claims.settle(self.database, claimed.lane, numbers, claimed.token, unsure=unsure)
            self._filling.lose(went)
        return sum(each.rows for each in went)

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
        work = partial(claims.postpone, self.database, _row_numbers(rows), claimed.token)
        return await work(until=until, counted=counted, fault=fault, tried=tried)

    async def give_back(self, claimed: Claimed) -> int:
        return await claims.postpone(
            self.database, _row_numbers(claimed.rows), claimed.token, until=None, counted=False
        )

    async def split(self, claimed: Claimed, *, now: int, later: int | None = None, tried: Answer | None = None) -> int:
        numbers = _row_numbers(claimed.rows)
        return await claims.split(self.database, numbers, claimed.token, now=now, later=later, tried=tried)

    async def regroup(self, parts: Sequence[Part], *, held: int) -> int:
        return await claims.regroup(self.database, parts, held=held)

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
        numbers = _row_numbers(rows)
        return await self._bury(claimed.lane, numbers, claimed.token, reason, note=note, now=now, tried=tried)

    async def mark(self, lane: int, state: LaneState, answer: Answer | None = None) -> None:
        await lanes.mark(self.database, lane, state, answer)

    async def probe(self, *, now: int) -> int:
        return await lanes.probe(self.database, now=now)

    async def pause(self, lane: int, *, paused: bool) -> bool:
        return await lanes.pause(self.database, lane, paused=paused)

    async def hasten(self, lane: int, *, now: int) -> None:
        await lanes.hasten(self.database, lane, now=now)

    async def lanes(self) -> Sequence[LaneReport]:
        return await reports.lane_reports(self.database)

    async def tend(self, *, now: int, begun: bool) -> Tended:
        with self._filling.changing():
            return await tending.tend(self.database, now=now, limits=self._limits, begun=begun)

    async def recover(self, *, now: int, grace: float = tending.GRACE_SECONDS) -> None:
        """Rows whose claim is over, by the database's clock, wait again, or are dead.

        `grace`: seconds after the database started, or came back, in which none is.
        """
        if not self.database.calm_for(grace):
            return
        with self._filling.changing():
            lapsed = await tending.recover(self.database, now=now, grace=grace)
            self._filling.lose(lapsed.poisoned)
        poisoned = sum(went.rows for went in lapsed.poisoned)
        self.recovered += lapsed.recovered
        self.poisoned += poisoned
        if lapsed.recovered or poisoned:
            # Whoever had them may have died minutes after its start, so somebody should know.
            level = logging.ERROR if poisoned else logging.WARNING
            log.log(level, "store.recovered rows=%d dead=%d", lapsed.recovered, poisoned)

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        await self._keeping.close()
        await self._accepting.close()
        await self.database.close()

    def _tell(self, rows: Sequence[Row]) -> None:
        first: dict[str, int] = {}
        for row in rows:
            first[row.lane.key] = min(row.due, first.get(row.lane.key, row.due))
        self._announce(first)

    def _announce(self, first: Mapping[str, int]) -> None:
        """When the first row is due, by the key of its lane."""
        for callback in self._listeners if first else ():
            callback(first)

    async def _bury(
        self,
        lane: int,
        numbers: Sequence[int],
        token: bytes,
        reason: Reason,
        *,
        note: str,
        now: int,
        tried: Answer | None = None,
    ) -> int:
        with self._filling.changing(), self._unsure.whether(token, numbers) as unsure:
            went = await claims.bury(
                self.database,
                lane,
                numbers,
                token,
                reason=reason,
                note=note,
                now=now,
                unsure=unsure,
                tried=tried,
            )
            self._filling.lose(went)
        return sum(each.rows for each in went)

    async def _room(self, connection: Connection) -> Take:
        """Takes rows that come back as long as hits are not refused for them."""
        levels = self._filling.levels
        await self._filling.refresh(connection)
        return lambda lane, size: levels.fill < NEARLY_FULL and levels.take(lane, size)

    async def _write(self, connection: Connection, acceptance: Acceptance, take: Take) -> Accepted:
        """What a hit leads to that is run again."""
        lanes = await self._lanes.of(lane_keys([acceptance]))
        [accepted] = await accept(connection, [acceptance], keys=self._keys, lanes=lanes, take=take)
        return accepted

    async def _lanes_sealed(self, keys: Collection[str]) -> Mapping[str, int]:
        """The lanes of rows that somebody is about to bring, and to seal."""
        if not self._key_noted:
            await postgres_keys.note(self.database, self._keys)
            self._key_noted = True
        return await self._lanes.of(keys)

    async def _recount(self) -> None:
        self._filling.forget()
        await self._filling.read(self.database)

    async def _measure_size(self) -> None:
        [(self._file_bytes,)] = await self.database.ask(_SIZE, asked=None)


def _row_numbers(rows: Sequence[ClaimedRow]) -> list[int]:
    return [row.number for row in rows]
