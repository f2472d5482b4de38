"""The store against a model of a few dictionaries: whatever is asked in whatever order, nothing is lost or doubled."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from container.delivery.sqlite import SqliteStore, open_store
from container.delivery.store import MOST_CRASHES, Claimed
from container.engine.outcome import Guard
from tests.delivery.harness import NOW, accepted, item_request, planned, single_request

T = TypeVar("T")
LANES = ("C1", "C2", "single")


@dataclass
class Model:
    """What is known of one row."""

    lane: str
    due: int
    attempts: int = 0
    crashes: int = 0


class StoreMachine(RuleBasedStateMachine):
    """Rows wait, are claimed, and end; the model says what may be where."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="deliveries-"))
        self.loop = asyncio.new_event_loop()
        self.now = NOW
        self.store: SqliteStore = open_store(self.folder, now=self.now)
        self.number = 0
        self.waiting: dict[int, Model] = {}
        self.claims: list[tuple[Claimed, dict[int, Model]]] = []
        self.stale: list[Claimed] = []
        self.done: set[int] = set()
        self.dead: set[int] = set()
        self.guards: dict[bytes, int] = {}

    def teardown(self) -> None:
        self.wait(self.store.close())
        self.loop.close()
        shutil.rmtree(self.folder)

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    @rule(
        lane=st.sampled_from(LANES),
        count=st.integers(1, 6),
        linger=st.sampled_from([0, 700]),
        key=st.none() | st.sampled_from([b"a", b"b"]),
    )
    def accept(self, lane: str, count: int, linger: int, key: bytes | None) -> None:
        numbers = range(self.number + 1, self.number + 1 + count)
        self.number += count
        requests = [single_request(n) if lane == "single" else item_request(n, account=lane) for n in numbers]
        rows = [planned(number, request) for number, request in zip(numbers, requests, strict=True)]
        guards = [] if key is None else [Guard(key, "once_per", self.now + 5000, (rows[0].id,))]
        found = self.wait(self.store.accept(accepted(*rows, now=self.now, linger=linger, guards=guards)))
        taken = key is not None and self.guards.get(key, 0) > self.now
        assert found.taken == frozenset(guards if taken else ())
        if key is not None and not taken:
            self.guards[key] = self.now + 5000
        due = self.now if lane == "single" else self.now + linger
        self.waiting.update({number: Model(lane, due) for number in (numbers[1:] if taken else numbers)})
        assert found.stored == (count - 1 if taken else count)

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
        until = self.now + wait
        assert self.wait(self.store.postpone(claimed, claimed.rows, until=until, counted=counted)) == len(rows)
        for row in rows.values():
            row.due, row.attempts = until, row.attempts - (0 if counted else 1)
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
    @rule(choice=st.integers(0, 9))
    def split(self, choice: int) -> None:
        claimed, rows = self.take_claim(choice)
        assert self.wait(self.store.split(claimed, now=self.now)) == len(rows)
        for row in rows.values():
            row.due = self.now
        self.waiting |= rows

    @precondition(lambda self: self.claims)
    @rule(choice=st.integers(0, 9))
    def bury_first(self, choice: int) -> None:
        claimed, rows = self.take_claim(choice)
        first, *others = claimed.rows
        assert self.wait(self.store.bury(claimed, [first], "refused", note="", now=self.now)) == 1
        assert self.wait(self.store.postpone(claimed, others, until=self.now, counted=True)) == len(others)
        del rows[int(first.id, 16)]
        self.dead.add(int(first.id, 16))
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
        self.wait(self.store.close())
        self.store = open_store(self.folder, now=self.now)
        for claimed, rows in self.claims:
            self.stale.append(claimed)
            for number, row in rows.items():
                row.crashes += 1
                if row.crashes >= MOST_CRASHES:
                    self.dead.add(number)
                else:
                    self.waiting[number] = row
        self.claims.clear()

    @rule(passed=st.integers(1, 6000))
    def time_passes(self, passed: int) -> None:
        self.now += passed

    @rule()
    def sweep(self) -> None:
        over = [key for key, until in self.guards.items() if until <= self.now]
        assert self.wait(self.store.tend(now=self.now, begun=True)).guards == len(over)
        for key in over:
            del self.guards[key]

    @invariant()
    def every_row_is_in_exactly_one_place(self) -> None:
        reports = self.wait(self.store.lanes())
        claimed = sum(len(rows) for _, rows in self.claims)
        assert sum(report.waiting for report in reports) == len(self.waiting)
        assert sum(report.claimed for report in reports) == claimed
        assert {int(letter.id, 16) for letter in self.wait(self.store.dead(most=10_000))} == self.dead
        first = {report.lane.account or "single": report for report in reports}
        for lane in self.wait(self.store.waiting()):
            name = lane.lane.account or "single"
            assert lane.due == min(row.due for row in self.waiting.values() if row.lane == name)
            assert first[name].waiting


TestStoreModel = StoreMachine.TestCase
TestStoreModel.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
