"""A database that is away, stops, or only reads, and commits that fail."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import psycopg
import pytest

from container.delivery.postgres import PostgresStore, open_postgres
from container.delivery.store import (
    StoreAwayError,
    StoreError,
    StoreUnavailableError,
)
from tests.delivery.harness import (
    accepted,
    ids,
    must_claim,
    planned,
)
from tests.delivery.postgres import KEY, Cluster, cluster, execute, play, running


@pytest.fixture(scope="module")
def own() -> Iterator[Cluster]:
    """A server that may be killed."""
    with cluster() as found:
        yield found


def test_a_database_that_only_reads_is_away_until_it_writes_again(own_url: str) -> None:
    name = own_url.rpartition("/")[2]

    async def scenario(store: PostgresStore) -> None:
        await store.accept(accepted(planned(1)))
        running().execute(f"alter database {name} set default_transaction_read_only=on")
        running().execute(f"select pg_terminate_backend(pid) from pg_stat_activity where datname='{name}'")  # noqa: S608 - ours
        with pytest.raises(StoreUnavailableError):
            await store.accept(accepted(planned(2)))
        assert store.trouble
        with pytest.raises(StoreAwayError, match="only reads"):
            await open_postgres(own_url, key=KEY)
        running().execute(f"alter database {name} reset default_transaction_read_only")
        async with asyncio.timeout(50):
            while store.trouble:  # noqa: ASYNC110 - it is the time that passes that makes it so
                await asyncio.sleep(0.05)
        await store.accept(accepted(planned(3)))
        assert ids(await must_claim(store)) == [1, 3]

    play(own_url, scenario)


def test_connections_that_a_restart_cut_are_replaced_without_a_word(own: Cluster) -> None:
    async def scenario(store: PostgresStore) -> None:
        await store.accept(accepted(planned(1)))
        own.kill()
        own.start()
        async with asyncio.timeout(30):
            while True:
                try:
                    await store.accept(accepted(planned(2)))
                    break
                except StoreUnavailableError:
                    await asyncio.sleep(0.1)
        assert ids(await must_claim(store))[:1] == [1]

    play(own.database(), scenario)


def test_while_the_database_is_away_nothing_is_accepted_and_then_it_goes_on(own: Cluster) -> None:
    async def scenario(store: PostgresStore) -> None:
        heard: list[object] = []
        store.listen(heard.append)
        await store.accept(accepted(planned(1)))
        own.kill()
        with pytest.raises(StoreUnavailableError):
            await store.accept(accepted(planned(2)))
        assert store.trouble
        begun = time.monotonic()
        for number in range(50):
            with pytest.raises(StoreUnavailableError):
                await store.accept(accepted(planned(number)))
        assert time.monotonic() - begun < 5
        with pytest.raises(StoreError):
            await store.waiting()
        own.start()
        async with asyncio.timeout(60):
            while store.trouble:  # noqa: ASYNC110 - it is the time that passes that makes it so
                await asyncio.sleep(0.05)
        await store.accept(accepted(planned(3)))
        assert len(heard) == 2
        assert ids(await must_claim(store)) == [1, 3]

    play(own.database(), scenario)


def test_a_commit_that_was_not_answered_is_not_repeated(url: str) -> None:
    async def scenario(store: PostgresStore) -> None:
        calls = []

        async def work(connection: psycopg.AsyncConnection[tuple[object, ...]]) -> None:
            calls.append(connection)
            # The commit itself will find the connection cut.
            pid = connection.info.backend_pid
            async with await psycopg.AsyncConnection.connect(url, autocommit=True) as other:
                await other.execute("select pg_terminate_backend(%s)", (pid,))

        with pytest.raises(StoreUnavailableError):
            await store.database.run(work)
        assert len(calls) == 1

    play(url, scenario)


def test_what_failed_before_its_commit_is_done_once_more(url: str) -> None:
    async def scenario(store: PostgresStore) -> None:
        calls = []

        async def work(connection: psycopg.AsyncConnection[tuple[object, ...]]) -> str:
            calls.append(connection)
            if len(calls) == 1:
                await connection.execute("select pg_terminate_backend(pg_backend_pid())")
            return "done"

        assert await store.database.run(work) == "done"
        assert (len(calls), store.trouble) == (2, "")

    play(url, scenario)


def test_one_hit_that_cannot_be_written_takes_nobody_along(url: str) -> None:
    async def scenario(store: PostgresStore) -> None:
        bad = accepted(planned(2))
        row = bad.rows[0]._replace(id="no\0id")
        found = await asyncio.gather(
            store.accept(accepted(planned(1))),
            store.accept(bad._replace(rows=[row])),
            store.accept(accepted(planned(3))),
            store.accept(accepted(planned(4))),
            return_exceptions=True,
        )
        assert [isinstance(each, BaseException) for each in found] == [False, True, False, False]
        assert sorted(ids(await must_claim(store))) == [1, 3, 4]
        assert store.fill == 3 / 1_000_000

    play(url, scenario)


def test_a_closed_store_has_written_what_was_asked_for(url: str) -> None:
    async def scenario(store: PostgresStore) -> None:
        asked = [asyncio.create_task(store.accept(accepted(planned(number)))) for number in range(1500)]
        await asyncio.sleep(0)
        await store.close()
        assert sum([(await each).stored for each in asked]) == 1500

    play(url, scenario)
    assert execute(url, "select count(*) from delivery") == [(1500,)]
