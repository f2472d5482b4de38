"""What the pages ask of a store beside rows: dead letters by reason, and how much of its share a lane uses."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from container.delivery.schema import FILE
from container.delivery.sqlite import open_store
from container.delivery.store import Limits, StoreUnavailableError
from tests.delivery.engines import Engine
from tests.delivery.harness import NOW, accepted, item_request, must_claim, planned, run


def test_letters_are_counted_by_lane_and_reason(engine: Engine) -> None:
    async def work() -> list[dict[str, int]]:
        store = await engine.open()
        await store.accept(accepted(*(planned(number) for number in range(1, 6))))
        await store.accept(accepted(planned(9, item_request(9, account="C2"))))
        for lane, most, reason in ((1, 2, "refused"), (1, 3, "gave_up"), (2, 1, "refused")):
            claimed = await store.claim(lane, now=NOW, most_items=most, ahead=0)
            assert claimed is not None
            await store.bury(claimed, claimed.rows, "gave_up" if reason == "gave_up" else "refused", note="", now=NOW)
        found = [dict(await store.reasons(lane)) for lane in (1, 2, 3)]
        await store.close()
        return found

    assert run(work()) == [{"refused": 2, "gave_up": 3}, {"refused": 1}, {}]


def test_a_store_that_is_closed_counts_no_letters(engine: Engine) -> None:
    async def work() -> None:
        store = await engine.open()
        await store.close()
        with pytest.raises(StoreUnavailableError):
            await store.reasons(1)

    run(work())


def test_the_rare_reason_of_a_large_lane_is_found_without_reading_its_bodies(tmp_path: Path) -> None:
    run(open_store(tmp_path, now=NOW).close())
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        for query in (
            "select number from dead where number<9 and lane=1 and reason='refused' order by number desc limit 5",
            "select reason, count(*) from dead where lane=1 group by reason order by reason",
        ):
            [(*_, plan)] = connection.execute(f"explain query plan {query}").fetchall()
            assert plan.startswith("SEARCH dead USING COVERING INDEX dead_reason")


def test_a_lane_uses_its_share_by_rows_or_by_bytes_whichever_is_more(engine: Engine) -> None:
    async def work() -> list[float]:
        store = await engine.open(limits=Limits(most_rows=40, lane_share=0.5))
        await store.accept(accepted(*(planned(number) for number in range(1, 6))))
        used = [store.share(1), store.share(2)]
        claimed = await must_claim(store)
        await store.settle(claimed, claimed.rows)
        used.append(store.share(1))
        await store.close()
        narrow = await engine.open(limits=Limits(most_bytes=20_000, lane_share=0.5))
        await narrow.accept(accepted(planned(7)))
        used.append(narrow.share(1))
        [lane] = await narrow.lanes()
        sizes.append(lane.bytes)
        await narrow.close()
        return used

    sizes: list[int] = []
    used = run(work())
    assert sizes[0] > 100
    assert used == [0.25, 0.0, 0.0, sizes[0] / 10_000]
