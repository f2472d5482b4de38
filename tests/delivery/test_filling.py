"""What the log says of a store that fills up."""

from __future__ import annotations

import asyncio

import pytest

from container.delivery.filling import Filling
from container.delivery.postgres import PostgresStore
from container.delivery.selection import Selection
from container.delivery.store import Limits, Store, StoreError, StoreFilledError
from tests.delivery.engines import Engine
from tests.delivery.harness import NOW, accepted, must_claim, planned, run
from tests.delivery.postgres import play

WIDE = Limits(most_rows=10, lane_share=1.0)


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    found = [record.getMessage().split(' "')[0] for record in caplog.records if "store." in record.getMessage()]
    caplog.clear()
    return found


async def hears(caplog: pytest.LogCaptureFixture, *lines: str) -> None:
    """What is told, at once, or in a moment where it has to be asked for."""
    found: list[str] = []
    async with asyncio.timeout(30):
        while len(found := [*found, *told(caplog)]) < len(lines):  # noqa: ASYNC110 - it is told while time passes
            await asyncio.sleep(0.02)
    assert found == [*lines]


def test_each_mark_is_told_of_once_and_again_only_when_it_was_over(caplog: pytest.LogCaptureFixture) -> None:
    filling = Filling()
    for fill in (0.5, 0.79, 0.8, 0.85, 0.79, 0.81, 0.92, 0.85, 0.91, 1.0, 0.99, 1.0):
        filling.look(fill)
    assert told(caplog) == ["store.filling percent=80", "store.filling percent=92", "store.filled"]
    for fill in (0.76, 0.74, 0.1, 0.8):
        filling.look(fill)
    assert told(caplog) == ["store.has_room percent=74", "store.filling percent=80"]


def test_a_store_tells_when_hits_and_deliveries_change_it_and_at_a_start(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    async def fill(store: Store) -> None:
        await store.accept(accepted(*map(planned, range(1, 9))))
        await hears(caplog, "store.filling percent=80")
        await store.accept(accepted(planned(9), planned(10)))
        await hears(caplog, "store.filled")
        with pytest.raises(StoreFilledError):
            await store.accept(accepted(planned(11)))
        assert told(caplog) == []

    async def look() -> None:
        store = await engine.open(limits=WIDE, recover=False)
        assert (await store.count(Selection("waiting")), store.fill) == (10, 1.0)
        await store.close()

    async def drain(store: Store) -> None:
        await hears(caplog, "store.filled")
        claimed = await must_claim(store)
        await store.settle(claimed, claimed.rows[:2])
        await store.bury(claimed, claimed.rows[2:3], "refused", note="", now=NOW)
        await hears(caplog, "store.has_room percent=70")
        await store.give_back(claimed)
        await store.accept(accepted(planned(12)))
        await hears(caplog, "store.filling percent=80")
        await store.drop(Selection("waiting"))
        await hears(caplog, "store.has_room percent=0")

    engine.play(fill, limits=WIDE)
    run(look())
    assert told(caplog) == []
    engine.play(drain, limits=WIDE)


def test_hits_that_are_not_written_are_not_told_of(url: str, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(store: PostgresStore) -> None:
        await store.database.ask("alter table delivery add constraint broken check (false)")
        with pytest.raises(StoreError):
            await store.accept(accepted(*map(planned, range(1, 10))))
        assert told(caplog) == []
        await store.database.ask("alter table delivery drop constraint broken")
        await store.accept(accepted(planned(1)))
        assert (told(caplog), store.fill) == ([], 0.1)

    play(url, scenario, limits=WIDE)


def test_every_process_tells_of_what_others_have_filled(url: str, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(one: PostgresStore, other: PostgresStore) -> None:
        await one.accept(accepted(*map(planned, range(1, 10))))
        await hears(caplog, "store.filling percent=90", "store.filling percent=90")
        assert other.fill == 0.9

    play(url, scenario, stores=2, limits=WIDE)
