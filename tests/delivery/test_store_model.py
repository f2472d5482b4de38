"""The store against a model of a few dictionaries: whatever is asked in whatever order, nothing is lost or doubled.

PostgreSQL has several stores on one database, each a process: any of them is asked for anything, one is started anew
or dies, and claims run out of which nothing is heard.
"""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import tempfile
from collections.abc import Coroutine, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from container.delivery.history import attempts_of
from container.delivery.levels import ADMITTED_BELOW, NEARLY_FULL
from container.delivery.postgres import PostgresStore, open_postgres
from container.delivery.postgres_claims import TOKEN_BYTES
from container.delivery.schema import FILE
from container.delivery.selection import Selection
from container.delivery.served import ServedStore
from container.delivery.sqlite import open_store
from container.delivery.store import MOST_CRASHES, Answer, Claimed, Limits, Part, StoreFilledError
from container.delivery.tending import AGEING_MS, AHEAD_MS
from container.engine.outcome import Guard
from tests.delivery.engines import emptied
from tests.delivery.harness import NOW, accepted, dead_letters, item_request, planned, single_request
from tests.delivery.postgres import KEY

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
BY = st.integers(0, 5)
"""Which of the processes does it."""


@dataclass
class Model:
    """What is known of one row. `at`: its number in the store, once it was claimed. `part`: of its batch, by number."""

    lane: str
    due: int
    first: int = 0
    attempts: int = 0
    crashes: int = 0
    tried: int = 0
    at: int = 0
    part: int = 0


class InSqlite:
    """A file in a folder of its own, which one process has: what it had claimed is over when it starts anew."""

    processes = 1

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="deliveries-"))

    async def open(self, now: int) -> ServedStore:
        return open_store(self.folder, now=now, limits=LIMITS)

    async def hear(self, _: ServedStore) -> None:
        """A store knows how full it is."""

    async def find(self, _: ServedStore, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.folder / FILE)) as connection:
            return connection.execute(query).fetchall()

    async def wrongly_counted(self, store: ServedStore) -> list[tuple[Any, ...]]:
        return await self.find(store, _WRONGLY_COUNTED_IN_SQLITE)

    def end(self) -> None:
        shutil.rmtree(self.folder)


class InPostgres:
    """A database, emptied. What goes by the time that passes is done when it is asked for."""

    processes = 2

    def __init__(self) -> None:
        self.url = emptied("model")

    async def open(self, _: int) -> ServedStore:
        store = await open_postgres(self.url, key=KEY, limits=LIMITS)
        await store._keeping.close()
        return store

    async def hear(self, store: ServedStore) -> None:
        """A second passes, in which it hears of what the others did."""
        assert isinstance(store, PostgresStore)
        await store._filling.read(store.database)

    async def lapse(self, store: ServedStore, claims: Sequence[Claimed], now: int) -> tuple[int, int]:
        """The time of these claims is over, and the store finds that; rows that wait again, and that are dead."""
        assert isinstance(store, PostgresStore)
        before = store.recovered, store.poisoned
        tokens = [claimed.token[:TOKEN_BYTES] for claimed in claims]
        await store.database.ask("update delivery set lease=0 where claim=any(%s)", (tokens,))
        await store.recover(now=now, grace=0)
        return store.recovered - before[0], store.poisoned - before[1]

    async def find(self, store: ServedStore, query: str) -> list[tuple[Any, ...]]:
        assert isinstance(store, PostgresStore)
        return await store.database.ask(query)

    async def wrongly_counted(self, store: ServedStore) -> list[tuple[Any, ...]]:
        return await self.find(store, _WRONGLY_COUNTED_IN_POSTGRES)

    def end(self) -> None:
        """The database is used again."""


class StoreMachine(RuleBasedStateMachine):
    """Rows wait, are claimed, and end; the model says what may be where."""

    where: type[InSqlite | InPostgres] = InSqlite

    def __init__(self) -> None:
        super().__init__()
        self.place = self.where()
        self.loop = asyncio.new_event_loop()
        self.now = NOW
        self.stores = [self.wait(self.place.open(self.now)) for _ in range(self.place.processes)]
        self.number = 0
        self.refused = 0
        self.dropped = 0
        self.aged: int | None = None
        self.waiting: dict[int, Model] = {}
        self.claims: list[tuple[Claimed, dict[int, Model]]] = []
        self.claimed_by: dict[bytes, int] = {}
        self.stale: list[Claimed] = []
        self.held_back: list[tuple[int, dict[int, int]]] = []
        self.done: set[int] = set()
        self.dead: dict[int, tuple[int, Model]] = {}
        self.guards: dict[bytes, int] = {}

    def teardown(self) -> None:
        for store in self.stores:
            self.wait(store.close())
        self.loop.close()
        self.place.end()

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    def store(self, by: int) -> ServedStore:
        return self.stores[by % len(self.stores)]

    def held(self, lane: str) -> int:
        """Rows of a lane that wait or are claimed."""
        places = (self.waiting, *(rows for _, rows in self.claims))
        return sum(row.lane == lane for rows in places for row in rows.values())

    @property
    def fill(self) -> float:
        return min(sum(map(self.held, LANES)) / LIMITS.most_rows, 1.0)

    @rule(
        by=BY,
        lane=st.sampled_from(LANES),
        count=st.integers(1, 6),
        linger=st.sampled_from([0, 700]),
        key=st.none() | st.sampled_from([b"a", b"b"]),
        event=st.sampled_from([*EVENTS]),
    )
    def accept(self, by: int, lane: str, count: int, linger: int, key: bytes | None, event: str) -> None:
        numbers = range(self.number + 1, self.number + 1 + count)
        self.number += count
        requests = [single_request(n) if lane == "single" else item_request(n, account=lane) for n in numbers]
        rows = [planned(n, request, event_name=event) for n, request in zip(numbers, requests, strict=True)]
        guards = [] if key is None else [Guard(key, "once_per", self.now + 5000, (rows[0].id,))]
        written = accepted(*rows, now=self.now, linger=linger, guards=guards)
        self.wait(self.place.hear(self.store(by)))
        if self.fill >= ADMITTED_BELOW[EVENTS[event]]:
            with pytest.raises(StoreFilledError):
                self.wait(self.store(by).accept(written))
            self.refused += count
            return
        room = max(MOST_IN_LANE - self.held(lane), 0)
        found = self.wait(self.store(by).accept(written))
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

    @rule(by=BY, most=st.integers(1, 8), ahead=st.sampled_from([0, 1000]), choice=st.integers(0, 5))
    def claim(self, by: int, most: int, ahead: int, choice: int) -> None:
        lanes = self.wait(self.store(by).waiting())
        if not lanes:
            return
        lane = lanes[choice % len(lanes)]
        name = lane.lane.account or "single"
        claimed = self.wait(self.store(by).claim(lane.number, now=self.now, most_items=most, ahead=ahead))
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
        assert len({row.part for row in taken.values()}) == 1
        for row in claimed.rows:
            taken[int(row.id, 16)].attempts += 1
            taken[int(row.id, 16)].at = row.number
            assert (row.attempts, row.crashes) == (taken[int(row.id, 16)].attempts, taken[int(row.id, 16)].crashes)
        self.claims.append((claimed, taken))
        self.claimed_by[claimed.token] = by % len(self.stores)

    def take_claim(self, choice: int) -> tuple[Claimed, dict[int, Model]]:
        claimed, rows = self.claims.pop(choice % len(self.claims))
        self.stale.append(claimed)
        return claimed, rows

    @precondition(lambda self: self.claims)
    @rule(by=BY, choice=st.integers(0, 9))
    def settle(self, by: int, choice: int) -> None:
        claimed, rows = self.take_claim(choice)
        assert self.wait(self.store(by).settle(claimed, claimed.rows)) == len(rows)
        self.done |= rows.keys()

    @precondition(lambda self: self.claims)
    @rule(by=BY, choice=st.integers(0, 9), wait=st.integers(0, 3000), counted=st.booleans())
    def postpone(self, by: int, choice: int, wait: int, counted: bool) -> None:
        claimed, rows = self.take_claim(choice)
        until, tried = self.now + wait, Answer(self.now, 500, "retry", "busy\there\n")
        work = self.store(by).postpone(claimed, claimed.rows, until=until, counted=counted, tried=tried)
        assert self.wait(work) == len(rows)
        for row in rows.values():
            row.due, row.attempts, row.tried = until, row.attempts - (0 if counted else 1), row.tried + 1
        self.waiting |= rows

    @precondition(lambda self: self.claims)
    @rule(by=BY, choice=st.integers(0, 9))
    def give_back(self, by: int, choice: int) -> None:
        claimed, rows = self.take_claim(choice)
        assert self.wait(self.store(by).give_back(claimed)) == len(rows)
        for row in rows.values():
            row.attempts -= 1
        self.waiting |= rows

    @precondition(lambda self: self.claims)
    @rule(by=BY, choice=st.integers(0, 2), held=st.sampled_from([None, 700, 5000]))
    def split(self, by: int, choice: int, held: int | None) -> None:
        # Of a batch there is more to be seen.
        self.claims.sort(key=lambda each: len(each[1]), reverse=True)
        claimed, rows = self.take_claim(choice)
        tried, later = Answer(self.now, 400, "refused"), None if held is None else self.now + held
        assert self.wait(self.store(by).split(claimed, now=self.now, later=later, tried=tried)) == len(rows)
        middle = (len(rows) + 1) // 2
        second = {int(row.id, 16) for row in claimed.rows[middle:]}
        for number, row in rows.items():
            row.due = self.now if later is None or number not in second else later
            row.part = claimed.rows[middle if number in second else 0].number
            row.tried += 1
        self.waiting |= rows
        if later is not None and second:
            self.held_back.append((later, {row.number: int(row.id, 16) for row in claimed.rows}))

    @precondition(lambda self: self.held_back)
    @rule(by=BY, choice=st.integers(0, 9), cut=st.integers(0, 6), waits=st.tuples(*[st.integers(0, 3000)] * 2))
    def regroup(self, by: int, choice: int, cut: int, waits: tuple[int, int]) -> None:
        until, numbers = self.held_back.pop(choice % len(self.held_back))
        ordered = tuple(sorted(numbers))
        cuts = zip((ordered[:cut], ordered[cut:]), waits, strict=True)
        parts = [Part(those, self.now + wait) for those, wait in cuts if those]
        still = []
        for part in parts:
            for at in part.numbers:
                row = self.waiting.get(numbers[at])
                # A part may be due just then as well, and is no other one's.
                if row is not None and (row.at, row.due) == (at, until):
                    still.append((row, part))
        assert self.wait(self.store(by).regroup(parts, held=until)) == len(still)
        for row, part in still:
            row.due, row.part = part.due, part.numbers[0]

    @precondition(lambda self: self.claims)
    @rule(by=BY, choice=st.integers(0, 9))
    def bury_first(self, by: int, choice: int) -> None:
        claimed, rows = self.take_claim(choice)
        first, *others = claimed.rows
        assert self.wait(self.store(by).bury(claimed, [first], "refused", note="", now=self.now)) == 1
        assert self.wait(self.store(by).postpone(claimed, others, until=self.now, counted=True)) == len(others)
        self.dead[int(first.id, 16)] = (self.now, rows.pop(int(first.id, 16)))
        for row in rows.values():
            row.due = self.now
        self.waiting |= rows

    @precondition(lambda self: self.stale)
    @rule(by=BY, choice=st.integers(0, 9))
    def report_late(self, by: int, choice: int) -> None:
        claimed = self.stale[choice % len(self.stale)]
        assert self.wait(self.store(by).settle(claimed, claimed.rows)) == 0
        assert self.wait(self.store(by).postpone(claimed, claimed.rows, until=0, counted=False)) == 0
        assert self.wait(self.store(by).bury(claimed, claimed.rows, "refused", note="", now=self.now)) == 0
        assert self.wait(self.store(by).split(claimed, now=self.now, later=self.now + 700)) == 0
        assert self.wait(self.store(by).give_back(claimed)) == 0

    def lapsed(self, over: Sequence[Claimed]) -> tuple[int, int]:
        """Nothing more is heard of those claims; how many of their rows wait again, and are dead."""
        tokens = {claimed.token for claimed in over}
        recovered = poisoned = 0
        for claimed, rows in [each for each in self.claims if each[0].token in tokens]:
            self.claims.remove((claimed, rows))
            self.stale.append(claimed)
            for number, row in rows.items():
                row.crashes += 1
                if row.crashes >= MOST_CRASHES:
                    self.dead[number] = (self.now, row)
                    poisoned += 1
                else:
                    self.waiting[number] = row
                    recovered += 1
        return recovered, poisoned

    @rule(by=BY)
    def starts_anew(self, by: int) -> None:
        """In a file what it had claimed is over; in a database it is held until its time is over."""
        at = by % len(self.stores)
        self.wait(self.stores[at].close())
        self.stores[at] = self.wait(self.place.open(self.now))
        if isinstance(self.place, InSqlite):
            figures = self.stores[at].figures()
            found = self.lapsed([claimed for claimed, _ in self.claims])
            assert (figures.recovered, figures.poisoned) == found

    @precondition(lambda self: self.claims and isinstance(self.place, InPostgres))
    @rule(by=BY, dead=BY)
    def dies(self, by: int, dead: int) -> None:
        """One process is gone, with all that it had claimed: any of them finds that."""
        assert isinstance(self.place, InPostgres)
        at = dead % len(self.stores)
        self.wait(self.stores[at].close())
        self.stores[at] = self.wait(self.place.open(self.now))
        over = [claimed for claimed, _ in self.claims if self.claimed_by[claimed.token] == at]
        assert self.wait(self.place.lapse(self.store(by), over, self.now)) == self.lapsed(over)

    @precondition(lambda self: self.claims and isinstance(self.place, InPostgres))
    @rule(by=BY, choice=st.integers(0, 9))
    def time_of_a_claim_is_over(self, by: int, choice: int) -> None:
        """A process is too slow, or stands still; it reports later, in vain."""
        assert isinstance(self.place, InPostgres)
        over = [self.claims[choice % len(self.claims)][0]]
        assert self.wait(self.place.lapse(self.store(by), over, self.now)) == self.lapsed(over)

    @rule(passed=st.integers(1, 6000))
    def time_passes(self, passed: int) -> None:
        self.now += passed

    @rule(by=st.sampled_from([-DAY_MS, -3_600_000, 3_600_000, DAY_MS, 3650 * DAY_MS]))
    def clock_jumps(self, by: int) -> None:
        self.now += by

    @rule(by=BY)
    def tend(self, by: int) -> None:
        over = [
            key for key, until in self.guards.items() if until <= self.now or until > self.now + 400 * DAY_MS * 1.01
        ]
        far = {number: row for number, row in self.waiting.items() if row.due > self.now + AHEAD_MS}
        self.aged = self.now if self.aged is None else min(self.now, self.aged + AGEING_MS)
        old = [number for number, (died, _) in self.dead.items() if died <= self.aged - LIMITS.dead_kept]
        tended = self.wait(self.store(by).tend(now=self.now, begun=True))
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
    @rule(by=BY, choice=st.integers(0, 9))
    def replay(self, by: int, choice: int) -> None:
        numbers = sorted(self.dead)
        number = numbers[choice % len(numbers)]
        [letter] = [each for each in self.wait(dead_letters(self.store(by), most=10_000)) if int(each.id, 16) == number]
        # Hits are not refused for what comes back.
        room = self.held(self.dead[number][1].lane) < MOST_IN_LANE and self.fill < NEARLY_FULL
        selection = Selection("dead", numbers=(letter.number,))
        assert self.wait(self.store(by).replay(selection, now=self.now)) == room
        if room:
            _, row = self.dead.pop(number)
            row.due, row.attempts, row.crashes, row.at = self.now, 0, 0, 0
            self.waiting[number] = row

    @precondition(lambda self: self.dead)
    @rule(by=BY)
    def drop(self, by: int) -> None:
        gone = self.wait(self.store(by).drop(Selection("dead"))).rows
        assert gone == len(self.dead)
        self.dropped += gone
        self.dead.clear()

    @invariant()
    def every_row_is_in_exactly_one_place(self) -> None:
        reports = self.wait(self.stores[0].lanes())
        claimed = sum(len(rows) for _, rows in self.claims)
        assert sum(report.waiting for report in reports) == len(self.waiting)
        assert sum(report.claimed for report in reports) == claimed
        assert {
            int(letter.id, 16) for letter in self.wait(dead_letters(self.stores[0], most=10_000))
        } == self.dead.keys()
        first = {report.lane.account or "single": report for report in reports}
        for lane in self.wait(self.stores[0].waiting()):
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
        for store in self.stores:
            self.wait(self.place.hear(store))
            assert store.fill == self.fill
        assert self.wait(self.place.wrongly_counted(self.stores[0])) == []
        for row_id, history in self.wait(self.place.find(self.stores[0], "select id, history from delivery")):
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
