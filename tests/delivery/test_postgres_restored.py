"""A backup that is put back sends nothing by itself that vendors may have and would no longer know."""

from __future__ import annotations

from pathlib import Path

import pytest

from container.delivery.postgres_restored import NOTE, WINDOW_HOURS, restored
from container.delivery.selection import Selection
from container.delivery.store import StoreRefusedError
from tests.delivery.engines import Engine
from tests.delivery.harness import HOURS, NOW, accepted, dead_letters, ids, must_claim, planned, run
from tests.delivery.postgres import running

URL = "here"


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return Engine("postgres", tmp_path)


def test_what_came_before_the_vendors_window_is_a_letter_and_the_rest_waits(engine: Engine) -> None:
    async def scenario() -> None:
        store = await engine.open()
        for number, age in ((1, WINDOW_HOURS * HOURS + 1), (2, WINDOW_HOURS * HOURS), (3, 0)):
            await store.accept(accepted(planned(number), now=NOW - age))
        await store.close()
        assert await restored(engine.databases[URL], now=NOW) == [
            "2 deliveries wait and are sent: vendors drop what they got within 48 hours.",
            "1 that came earlier are dead letters now (gave_up). Send those that were not delivered: queue replay.",
        ]
        store = await engine.open()
        [letter] = await dead_letters(store)
        assert (int(letter.id, 16), letter.reason, letter.note, letter.died) == (1, "gave_up", NOTE, NOW)
        # Of each day by itself.
        assert [ids(await must_claim(store)) for _ in range(2)] == [[2], [3]]
        # Whoever asks has it sent all the same.
        assert await store.replay(Selection("dead", reason="gave_up"), now=NOW) == 1
        assert ids(await must_claim(store)) == [1]
        await store.close()

    run(scenario())


def test_what_was_claimed_when_the_backup_was_made_waits_as_before(engine: Engine) -> None:
    async def scenario() -> None:
        store = await engine.open()
        await store.accept(accepted(planned(1)))
        await must_claim(store)
        await store.close()
        await restored(engine.databases[URL], now=NOW)
        store = await engine.open()
        [row] = (await must_claim(store)).rows
        assert (row.attempts, row.crashes) == (1, 0)
        await store.close()

    run(scenario())


def test_many_rows_are_looked_after_in_slices(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("container.delivery.postgres_restored.AT_ONCE", 2)

    async def scenario() -> None:
        store = await engine.open()
        await store.accept(accepted(*map(planned, range(1, 6)), now=NOW - 49 * HOURS))
        await store.close()
        _, told = await restored(engine.databases[URL], now=NOW)
        assert told.startswith("5 that came earlier")
        # Once more there is nothing left to do.
        _, told = await restored(engine.databases[URL], now=NOW)
        assert told.startswith("0 that came earlier")

    run(scenario())


def test_a_database_without_tables_or_that_is_not_there_is_refused() -> None:
    empty = running().database(0)
    for url, reason in ((empty, "no tables yet"), (f"{empty}_not", "cannot be used")):
        with pytest.raises(StoreRefusedError, match=reason):
            run(restored(url))


def test_the_time_is_the_databases(engine: Engine) -> None:
    async def scenario() -> None:
        store = await engine.open()
        await store.accept(accepted(planned(1), now=1))
        await store.close()
        _, told = await restored(engine.databases[URL])
        assert told.startswith("1 that came earlier")

    run(scenario())
