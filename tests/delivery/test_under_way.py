"""A write that nobody waits for any more may still be under way: whoever asks what is stored waits for it."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import psycopg
import pytest

from container.delivery.late import open_late
from container.delivery.postgres import PostgresStore, open_postgres
from container.delivery.spool import open_spool
from container.delivery.sqlite import open_store
from container.delivery.store import Limits
from tests.delivery.harness import NOW, accepted, planned, run
from tests.delivery.postgres import KEY, execute, play
from tests.delivery.test_postgres_hanging import emptied

ONE, TWO, THREE = (f"{number:032x}" for number in (1, 2, 3))
LOCK = "lock table delivery in exclusive mode"
"""Others may read it, and not write."""

COPY = (
    "insert into delivery(id, lane, batch, size, most_items, most_bytes, due, first, give_up, expire, format, crc, "
    "kid, body, priority, slot) select %s, lane, batch, size, most_items, most_bytes, due, first, give_up, expire, "
    "format, crc, kid, body, priority, slot from delivery where id=%s"
)


def test_a_write_that_the_process_gave_up_is_waited_for(own_url: str) -> None:
    async def scenario(store: PostgresStore) -> None:
        async with await psycopg.AsyncConnection.connect(own_url) as other:
            await other.execute(LOCK)
            writing = [asyncio.create_task(store.accept(accepted(planned(number)))) for number in (1, 2, 3)]
            await asyncio.sleep(0.2)
            for each in writing:
                each.cancel()
            asking = asyncio.create_task(store.stored([ONE, TWO, "f" * 32]))
            assert not (await asyncio.wait((asking,), timeout=0.2))[0]
            await other.rollback()
            assert await asking == {ONE, TWO}

    play(own_url, scenario)


def test_one_that_was_not_begun_is_waited_for(own_url: str) -> None:
    async def scenario(store: PostgresStore) -> None:
        writing = asyncio.create_task(store.accept(accepted(planned(1))))
        await asyncio.sleep(0)
        writing.cancel()
        assert await store.stored([ONE]) == {ONE}

    play(own_url, scenario)


def test_a_transaction_that_nobody_hears_of_is_waited_for(own_url: str) -> None:
    async def scenario(store: PostgresStore) -> None:
        await store.accept(accepted(planned(1)))
        async with await psycopg.AsyncConnection.connect(own_url) as lost:
            await lost.execute(COPY, (TWO, ONE))
            asking = asyncio.create_task(store.stored([TWO, THREE]))
            assert not (await asyncio.wait((asking,), timeout=0.2))[0]
            await lost.commit()
            assert await asking == {TWO}

    play(own_url, scenario)


def test_the_embedded_store_knows_what_it_was_asked_for(tmp_path: Path) -> None:
    async def scenario() -> None:
        store = open_store(tmp_path, now=NOW)
        writing = [asyncio.create_task(store.accept(accepted(planned(number)))) for number in (1, 2)]
        await asyncio.sleep(0)
        assert await store.stored([ONE, TWO, THREE]) == {ONE, TWO}
        await asyncio.gather(*writing)
        await store.close()

    run(scenario())


def test_the_spool_forwards_nothing_that_the_database_takes_late(
    own_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("container.delivery.spool.ANSWERS_WITHIN_SECONDS", 0.1)

    async def scenario() -> None:
        database = await open_late(partial(open_postgres, own_url, key=KEY))
        store = await open_spool(database, tmp_path / "spool", now=NOW, key=KEY, limits=Limits())
        try:
            async with await psycopg.AsyncConnection.connect(own_url) as other:
                await other.execute(LOCK)
                await store.accept(accepted(planned(1)))
                assert store.holds
                await store.accept(accepted(planned(2)))
                await asyncio.sleep(0.3)
                await other.rollback()
            await emptied(store)
        finally:
            await store.close()

    asyncio.run(scenario())
    assert [row for (row,) in execute(own_url, "select id from delivery order by number")] == [ONE, TWO]
