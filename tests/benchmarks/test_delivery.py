"""The benchmark of deliveries measures what it says: its rows, its container, its arithmetic. Nothing is timed here."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from itertools import islice
from pathlib import Path

import orjson
import pytest

from benchmarks import delivery, machine
from benchmarks.delivery import Drained, fill, report, row_costs, rows_of, text_of
from benchmarks.example import compiled
from benchmarks.in_process import NOWHERE
from container.delivery.sqlite import open_store

DUE = 4_000_000_000_000


@pytest.mark.parametrize(("kind", "most"), [("batched", 500), ("alone", 1)])
def test_the_rows_are_those_of_the_container_and_each_has_an_id(tmp_path: Path, kind: str, most: int) -> None:
    rows = list(rows_of(compiled(text_of(kind, NOWHERE), tmp_path), 1200))
    assert len({row.id for row in rows}) == 1200
    assert {row.frame.most_items for row in rows} == {most}
    assert len({row.lane.key for row in rows}) == 1
    assert all(orjson.loads(row.item.data)["event_id"] for row in rows)


def test_a_store_is_filled_with_rows_that_wait_for_their_moment(tmp_path: Path) -> None:
    rows = rows_of(compiled(text_of("batched", NOWHERE), tmp_path), 600)

    async def filled() -> tuple[int, int]:
        await fill(tmp_path / "store", islice(rows, 600), DUE)
        store = open_store(tmp_path / "store", now=0)
        [lane] = await store.lanes()
        [waiting] = await store.waiting()
        await store.close()
        return lane.waiting, waiting.due

    assert asyncio.run(filled()) == (600, DUE)


def test_the_cost_of_the_hits_is_taken_off() -> None:
    found = Drained(events=1000, seconds=10, cpu=3.0, calm_share=0.1, memory_mb=60, loop_cpu=1.0)
    assert found.gross == pytest.approx(1000 / 3)
    assert found.net == pytest.approx(1000 / 2)
    assert found.loop_us == pytest.approx(1000)
    assert found.others_us == pytest.approx(2000)


def test_the_report_has_the_goal_of_each_kind() -> None:
    found = Drained(events=1000, seconds=10, cpu=3.0, calm_share=0.1, memory_mb=60, loop_cpu=1.0)
    lines = report({key: [found] for key in delivery.GOALS}).splitlines()
    assert lines[2].startswith("| 500 a request | 1,000 | 500 | 60,000 |")
    assert lines[3].startswith("| one a request | 1,000 | 500 | 3,500 |")


def test_every_step_of_a_row_is_costed(tmp_path: Path) -> None:
    costs: Mapping[object, object] = dict(row_costs(600, tmp_path))  # type: ignore[arg-type]  # pairs, as a table has them
    assert list(costs) == ["accept", "claim", "splice", "settle"]
    assert all(isinstance(cost, float) and cost > 0 for cost in costs.values())


def test_the_loops_thread_is_a_part_of_its_process() -> None:
    sum(range(3_000_000))
    assert 0 < machine.loop_seconds(os.getpid()) <= machine.processor_seconds(os.getpid())
