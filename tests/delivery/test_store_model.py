"""The store against a model of a few dictionaries: whatever is asked in whatever order, nothing is lost or doubled."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import tempfile
from collections.abc import Coroutine
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from container.delivery.history import attempts_of
from container.delivery.levels import ADMITTED_BELOW, NEARLY_FULL
from container.delivery.postgres import PostgresStore, open_postgres
from container.delivery.schema import FILE
from container.delivery.selection import Selection
from container.delivery.sqlite import open_store
from container.delivery.store import MOST_CRASHES, Answer, Claimed, Limits, Part, Store, StoreFilledError
from container.delivery.tending import AGEING_MS, AHEAD_MS
from container.engine.outcome import Guard
from tests.delivery.harness import NOW, accepted, dead_letters, item_request, planned, single_request
from tests.delivery.postgres import KEY, execute, running

T = TypeVar("T")
LANES = ("C1", "C2", "single")
EVENTS = {"purchase": 0, "page_view": 1, "video_start": 1}
DAY_MS = 24 * 3_600_000
LIMITS = Limits(most_rows=16, most_bytes=1 << 40, lane_share=0.5, dead_kept=2 * AGEING_MS)
MOST_IN_LANE = 8

_WRONGLY_COUNTED_IN_SQLITE = """
select number from lanes where
  rows!=(select count(*) from delivery where lane=lanes.number)
  or bytes!=(select coalesce(sum(length(body)), 0) from delivery where lane=lanes.number)
  or dead!=(select count(*) from dead where lane=lanes.number)
  or dead_bytes!=(select coalesce(sum(length(body)), 0) from dead where lane=lanes.number)
"""

_WRONGLY_COUNTED_IN_POSTGRES = """
select number from lanes left join (
  select lane, sum(rows) as rows, sum(bytes) as bytes, sum(dead) as dead, sum(dead_bytes) as dead_bytes
  from counts group by lane) as counted on lane=number where
  coalesce(rows, 0)<>(select count(*) from delivery where lane=lanes.number)
  or coalesce(bytes, 0)<>(select coalesce(sum(length(body)), 0) from delivery where lane=lanes.number)
  or coalesce(dead, 0)<>(select count(*) from dead where lane=lanes.number)
  or coalesce(dead_bytes, 0)<>(select coalesce(sum(length(body)), 0) from dead where lane=lanes.number)
"""
_EMPTIED = (
    "truncate delivery, dead, guards, counts, lanes restart identity; delete from meta where name<>'schema_version'"
)


@dataclass
class Model:
    """What is known of one row. `at`: its number in the store, once it was claimed."""

    lane: str
    due: int
    first: int = 0
    attempts: int = 0
    crashes: int = 0
    tried: int = 0
    at: int = 0


class InSqlite:
    """A file in a folder of its own."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="deliveries-"))

    async def open(self, now: int) -> Store:
        return open_store(self.folder, now=now, limits=LIMITS)

    async def reopen(self, store: Store, now: int) -> Store:
        await store.close()
        return await self.open(now)

    async def find(self, _: Store, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.folder / FILE)) as connection:
            return connection.execute(query).fetchall()

    async def wrongly_counted(self, store: Store) -> list[tuple[Any, ...]]:
        return await self.find(store, _WRONGLY_COUNTED_IN_SQLITE)

    def end(self) -> None:
        shutil.rmtree(self.folder)


class InPostgres:
    """A database, emptied. What goes by the time that passes is done when it is asked for."""

    def __init__(self) -> None:
        self.url = _database()
        execute(self.url, _EMPTIED)

    async def open(self, now: int) -> Store:
        store = await open_postgres(self.url, key=KEY, limits=LIMITS)
        await store._keeping.close()
        return store

    async def reopen(self, store: Store, now: int) -> Store:
        await store.close()
        opened = await self.open(now)
        assert isinstance(opened, PostgresStore)
        await opened.database.ask("update delivery set lease=0 where claim is not null")
        await opened.recover(now=now, grace=0)
        return opened

    async def find(self, store: Store, query: str) -> list[tuple[Any, ...]]:
        assert isinstance(store, PostgresStore)
        return await store.database.ask(query)

    async def wrongly_counted(self, store: Store) -> list[tuple[Any, ...]]:
        return await self.find(store, _WRONGLY_COUNTED_IN_POSTGRES)

    def end(self) -> None:
        """The database is used again."""


@cache
def _database() -> str:
    return running().database()


class StoreMachine(RuleBasedStateMachine):
    """Rows wait, are claimed, and end; the model says what may be where."""

    where: type[InSqlite | InPostgres] = InSqlite

    def __init__(self) -> None:
        super().__init__()
        self.place = self.where()
        self.loop = asyncio.new_event_loop()
        self.now = NOW
        self.store = self.wait(self.place.open(self.now))
        self.number = 0
        self.refused = 0
        self.dropped = 0
        self.aged: int | None = None
        self.waiting: dict[int, Model] = {}
        self.claims: list[tuple[Claimed, dict[int, Model]]] = []
        self.stale: list[Claimed] = []
        self.held_back: list[tuple[int, dict[int, int]]] = []
        self.done: set[int] = set()
        self.dead: dict[int, tuple[int, Model]] = {}
        self.guards: dict[bytes, int] = {}

    def teardown(self) -> None:
        self.wait(self.store.close())
        self.loop.close()
        self.place.end()

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    def held(self, lane: str) -> int:
        """Rows of a lane that wait or are claimed."""
        places = (self.waiting, *(rows for _, rows in self.claims))
        return sum(row.lane == lane for rows in places for row in rows.values())

    @property
    def fill(self) -> float:
        return min(sum(map(self.held, LANES)) / LIMITS.most_rows, 1.0)

    @rule(
        lane=st.sampled_from(LANES),
        count=st.integers(1, 6),
        linger=st.sampled_from([0, 700]),
        key=st.none() | st.sampled_from([b"a", b"b"]),
        event=st.sampled_from([*EVENTS]),
    )
    def accept(self, lane: str, count: int, linger: int, key: bytes | None, event: str) -> None:
        numbers = range(self.number + 1, self.number + 1 + count)
        self.number += count
        requests = [single_request(n) if lane == "single" else item_request(n, account=lane) for n in numbers]
        rows = [planned(n, request, event_name=event) for n, request in zip(numbers, requests, strict=True)]
        guards = [] if key is None else [Guard(key, "once_per", self.now + 5000, (rows[0].id,))]
        written = accepted(*rows, now=self.now, linger=linger, guards=guards)
        if self.fill >= ADMITTED_BELOW[EVENTS[event]]:
            with pytest.raises(StoreFilledError):
                self.wait(self.store.accept(written))
            self.refused += count
            return
        room = max(MOST_IN_LANE - self.held(lane), 0)
        found = self.wait(self.store.accept(written))
        taken = key is not None and self.guards.get(key, 0) > self.now
        assert found.taken == frozenset(guards if taken else ())
        if key is not None and not taken:
            self.guards[key] = self.now + 5000
        due = self.now if lane == "single" else self.now + linger
        wanted = numbers[1:] if taken else numbers
        self.refused += count - len(wanted)
        new = {number: Model(lane, due, self.now) for number in wanted}
        over = [*new][room:]
        self.dead.update({number: (self.now, new.pop(number)) for number in over})
        self.waiting.update(new)
        assert found.stored == len(new)
        assert [int(letter.id, 16) for letter in found.overflowed] == over

    @rule(most=st.integers(1, 8), ahead=st.sampled_from([0, 1000]), choice=st.integers(0, 5))
    def claim(self, most: int, ahead: int, choice: int) -> None:
        lanes = self.wait(self.store.waiting())
        if not lanes:
            return
        lane = lanes[choice % len(lanes)]
        name = lane.lane.account or "single"
        claimed = self.wait(self.store.claim(lane.number, now=self.now, most_items=most, ahead=ahead))
        due = sorted(number for number, row in self.waiting.items() if row.lane == name and row.due <= self.now)
        if not due:
            assert claimed is None
            return
        assert claimed is not None
        taken = {int(row.id, 16): self.waiting.pop(int(row.id, 16)) for row in claimed.rows}
        assert 1 <= len(taken) <= most
        assert taken.keys() & set(due)
        assert all(row.lane == name and row.due <= self.now + ahead for row in taken.values())
        assert all(row.due <= self.now or row.attempts == 0 for row in taken.values())
        assert len(taken) == 1 or not any(row.crashes for row in taken.values())
        assert name != "single" or len(taken) == 1
        for row in claimed.rows:
            taken[int(row.id, 16)].attempts += 1
            taken[int(row.id, 16)].at = row.number
            assert (row.attempts, row.crashes) == (taken[int(row.id, 16)].attempts, taken[int(row.id, 16)].crashes)
        self.claims.append((claimed, taken))

    def take_claim(self, choice: int) -> tuple[Claimed, dict[int, Model]]:
        claimed, rows = self.claims.pop(choice % len(self.claims))
        self.stale.append(claimed)
        return claimed, rows

    @precondition(lambda self: self.claims)
    @rule(choice=st.integers(0, 9))
    def settle(self, choice: int) -> None:
        claimed, rows = self.take_claim(choice)
        assert self.wait(self.store.settle(claimed, claimed.rows)) == len(rows)
        self.done |= rows.keys()

    @precondition(lambda self: self.claims)
    @rule(choice=st.integers(0, 9), wait=st.integers(0, 3000), counted=st.booleans())
    def postpone(self, choice: int, wait: int, counted: bool) -> None:
        claimed, rows = self.take_claim(choice)
        until, tried = self.now + wait, Answer(self.now, 500, "retry", "busy\there\n")
        work = self.store.postpone(claimed, claimed.rows, until=until, counted=counted, tried=tried)
        assert self.wait(work) == len(rows)
        for row in rows.values():
            row.due, row.attempts, row.tried = until, row.attempts - (0 if counted else 1), row.tried + 1
        self.waiting |= rows

    @precondition(lambda self: self.claims)
    @rule(choice=st.integers(0, 9))
    def give_back(self, choice: int) -> None:
        claimed, rows = self.take_claim(choice)
        assert self.wait(self.store.give_back(claimed)) == len(rows)
        for row in rows.values():
            row.attempts -= 1
        self.waiting |= rows

    @precondition(lambda self: self.claims)
    @rule(choice=st.integers(0, 9), held=st.sampled_from([None, 700, 5000]))
    def split(self, choice: int, held: int | None) -> None:
        claimed, rows = self.take_claim(choice)
        tried, later = Answer(self.now, 400, "refused"), None if held is None else self.now + held
        assert self.wait(self.store.split(claimed, now=self.now, later=later, tried=tried)) == len(rows)
        second = {int(row.id, 16) for row in claimed.rows[(len(rows) + 1) // 2 :]}
        for number, row in rows.items():
            row.due = self.now if later is None or number not in second else later
            row.tried += 1
        self.waiting |= rows
        if later is not None and second:
            self.held_back.append((later, {row.number: int(row.id, 16) for row in claimed.rows}))

    @precondition(lambda self: self.held_back)
    @rule(choice=st.integers(0, 9), wait=st.integers(0, 3000))
    def regroup(self, choice: int, wait: int) -> None:
        until, numbers = self.held_back.pop(choice % len(self.held_back))
        parts = [Part(tuple(sorted(numbers)), self.now + wait)]
        still = [
            self.waiting[number]
            for at, number in numbers.items()
            if number in self.waiting and (self.waiting[number].at, self.waiting[number].due) == (at, until)
        ]
        assert self.wait(self.store.regroup(parts, held=until)) == len(still)
        for row in still:
            row.due = self.now + wait

    @precondition(lambda self: self.claims)
    @rule(choice=st.integers(0, 9))
    def bury_first(self, choice: int) -> None:
        claimed, rows = self.take_claim(choice)
        first, *others = claimed.rows
        assert self.wait(self.store.bury(claimed, [first], "refused", note="", now=self.now)) == 1
        assert self.wait(self.store.postpone(claimed, others, until=self.now, counted=True)) == len(others)
        self.dead[int(first.id, 16)] = (self.now, rows.pop(int(first.id, 16)))
        for row in rows.values():
            row.due = self.now
        self.waiting |= rows

    @precondition(lambda self: self.stale)
    @rule(choice=st.integers(0, 9))
    def report_late(self, choice: int) -> None:
        claimed = self.stale[choice % len(self.stale)]
        assert self.wait(self.store.settle(claimed, claimed.rows)) == 0
        assert self.wait(self.store.postpone(claimed, claimed.rows, until=0, counted=False)) == 0
        assert self.wait(self.store.bury(claimed, claimed.rows, "refused", note="", now=self.now)) == 0

    @rule()
    def crash(self) -> None:
        self.store = self.wait(self.place.reopen(self.store, self.now))
        for claimed, rows in self.claims:
            self.stale.append(claimed)
            for number, row in rows.items():
                row.crashes += 1
                if row.crashes >= MOST_CRASHES:
                    self.dead[number] = (self.now, row)
                else:
                    self.waiting[number] = row
        self.claims.clear()

    @rule(passed=st.integers(1, 6000))
    def time_passes(self, passed: int) -> None:
        self.now += passed

    @rule(by=st.sampled_from([-DAY_MS, -3_600_000, 3_600_000, DAY_MS, 3650 * DAY_MS]))
    def clock_jumps(self, by: int) -> None:
        self.now += by

    @rule()
    def tend(self) -> None:
        over = [
            key for key, until in self.guards.items() if until <= self.now or until > self.now + 400 * DAY_MS * 1.01
        ]
        far = {number: row for number, row in self.waiting.items() if row.due > self.now + AHEAD_MS}
        self.aged = self.now if self.aged is None else min(self.now, self.aged + AGEING_MS)
        old = [number for number, (died, _) in self.dead.items() if died <= self.aged - LIMITS.dead_kept]
        tended = self.wait(self.store.tend(now=self.now, begun=True))
        assert (tended.guards, tended.pulled) == (len(over), len(far))
        assert sum(dropped.rows for dropped in tended.dropped) == len(old)
        for key in over:
            del self.guards[key]
        for row in far.values():
            row.due, row.first = self.now, min(row.first, self.now)
        for number in old:
            del self.dead[number]
        self.dropped += len(old)

    @precondition(lambda self: self.dead)
    @rule(choice=st.integers(0, 9))
    def replay(self, choice: int) -> None:
        numbers = sorted(self.dead)
        number = numbers[choice % len(numbers)]
        [letter] = [each for each in self.wait(dead_letters(self.store, most=10_000)) if int(each.id, 16) == number]
        # Hits are not refused for what comes back.
        room = self.held(self.dead[number][1].lane) < MOST_IN_LANE and self.fill < NEARLY_FULL
        selection = Selection("dead", numbers=(letter.number,))
        assert self.wait(self.store.replay(selection, now=self.now)) == room
        if room:
            _, row = self.dead.pop(number)
            row.due, row.attempts, row.crashes, row.at = self.now, 0, 0, 0
            self.waiting[number] = row

    @precondition(lambda self: self.dead)
    @rule()
    def drop(self) -> None:
        gone = self.wait(self.store.drop(Selection("dead"))).rows
        assert gone == len(self.dead)
        self.dropped += gone
        self.dead.clear()

    @invariant()
    def every_row_is_in_exactly_one_place(self) -> None:
        reports = self.wait(self.store.lanes())
        claimed = sum(len(rows) for _, rows in self.claims)
        assert sum(report.waiting for report in reports) == len(self.waiting)
        assert sum(report.claimed for report in reports) == claimed
        assert {int(letter.id, 16) for letter in self.wait(dead_letters(self.store, most=10_000))} == self.dead.keys()
        first = {report.lane.account or "single": report for report in reports}
        for lane in self.wait(self.store.waiting()):
            name = lane.lane.account or "single"
            assert lane.due == min(row.due for row in self.waiting.values() if row.lane == name)
            assert first[name].waiting
        for name, report in first.items():
            places = (self.waiting, *(rows for _, rows in self.claims))
            held = [row.first for rows in places for row in rows.values() if row.lane == name]
            assert report.oldest == min(held, default=None)

    @invariant()
    def nothing_is_lost(self) -> None:
        claimed = sum(len(rows) for _, rows in self.claims)
        kept = len(self.waiting) + claimed + len(self.done) + len(self.dead)
        assert kept + self.dropped + self.refused == self.number

    @invariant()
    def the_store_counts_right(self) -> None:
        assert self.store.fill == self.fill
        assert self.wait(self.place.wrongly_counted(self.store)) == []
        for row_id, history in self.wait(self.place.find(self.store, "select id, history from delivery")):
            number = int(row_id, 16)
            row = self.waiting.get(number) or next(rows[number] for _, rows in self.claims if number in rows)
            assert len(attempts_of(history)) == min(row.tried, 10)


class PostgresMachine(StoreMachine):
    """The same of the other engine."""

    where = InPostgres


TestStoreModel = StoreMachine.TestCase
TestStoreModel.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
TestPostgresModel = PostgresMachine.TestCase
TestPostgresModel.settings = settings(max_examples=10, stateful_step_count=40, deadline=None)
