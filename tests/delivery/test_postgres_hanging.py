"""A server that hangs: it says nothing and closes nothing. Nobody waits for it without end, and then it all goes on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import psycopg
import pytest

from container.delivery.late import open_late
from container.delivery.postgres import PostgresStore, open_postgres
from container.delivery.postgres_connecting import CommitUnknownError
from container.delivery.postgres_migrating import migrated
from container.delivery.postgres_patience import (
    CONNECT_SECONDS,
    MARGIN_SECONDS,
    STATEMENT_SECONDS,
    PatientConnection,
    SilentError,
    attended,
    connect,
)
from container.delivery.postgres_pool import PATIENCE_SECONDS
from container.delivery.postgres_tables import Connection
from container.delivery.selection import Selection
from container.delivery.spool import SpoolStore, open_spool
from container.delivery.store import Limits, StoreAwayError, StoreRefusedError, StoreUnavailableError
from container.web.health import Health, not_ready
from tests.delivery.harness import NOW, accepted, ids, must_claim, planned
from tests.delivery.postgres import KEY, Cluster, cluster, execute, play

A_STATEMENT = STATEMENT_SECONDS + MARGIN_SECONDS
A_WHILE = PATIENCE_SECONDS + A_STATEMENT + CONNECT_SECONDS + 15
"""For a connection and a statement, on a machine that is busy."""


@pytest.fixture(scope="module")
def own() -> Iterator[Cluster]:
    """A server that may hang."""
    with cluster() as found:
        yield found


@asynccontextmanager
async def within(seconds: float) -> AsyncIterator[None]:
    """Fails where it takes longer, and does not cut it short."""
    begun = time.monotonic()
    yield
    assert time.monotonic() - begun < seconds


async def back(store: PostgresStore) -> None:
    async with asyncio.timeout(60):
        while store.trouble:  # noqa: ASYNC110 - it is the time that passes that makes it so
            await asyncio.sleep(0.05)


def test_a_hit_is_refused_within_seconds_and_all_is_well_once_it_goes_on(
    own: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(store: PostgresStore) -> None:
        await store.accept(accepted(planned(1)))
        with own.hanging():
            async with within(A_WHILE):
                with pytest.raises(StoreUnavailableError, match="does not answer"):
                    await store.accept(accepted(planned(2)))
            assert store.trouble == "the database does not answer"
            async with within(1):
                with pytest.raises(StoreUnavailableError):
                    await store.accept(accepted(planned(3)))
                assert len(await not_ready(Health(trouble=lambda: store.trouble), store)) == 1
        await back(store)
        await store.accept(accepted(planned(4)))
        # Of the second nothing was committed: it was cut off before.
        assert ids(await must_claim(store)) == [1, 4]

    play(own.database(), scenario)
    told = [line.getMessage() for line in caplog.records if "psycopg" in line.name]
    assert told == []


def test_of_a_commit_that_is_not_answered_nobody_knows_and_it_is_not_repeated(own: Cluster) -> None:
    calls = []

    async def scenario(store: PostgresStore) -> None:
        with ExitStack() as hanging:

            async def work(connection: Connection) -> None:
                calls.append(connection)
                await connection.execute("insert into meta values('key seen', '1')")
                hanging.enter_context(own.hanging())

            async with within(A_WHILE):
                with pytest.raises(CommitUnknownError, match="does not answer"):
                    await store.database.run(work)
            assert calls[0].closed
        await back(store)

    url = own.database()
    play(url, scenario)
    assert len(calls) == 1


def test_nothing_else_waits_without_end_either(own: Cluster) -> None:
    async def scenario(store: PostgresStore) -> None:
        await store.accept(accepted(planned(1), planned(2)))
        claimed = await must_claim(store)
        asked: dict[str, Callable[[], Awaitable[object]]] = {
            "waiting": store.waiting,
            "claim": partial(store.claim, claimed.lane, now=NOW, most_items=1, ahead=0),
            "settle": partial(store.settle, claimed, claimed.rows),
            "postpone": partial(store.postpone, claimed, claimed.rows, until=NOW, counted=True),
            "bury": partial(store.bury, claimed, claimed.rows, "refused", note="", now=NOW),
            "give_back": partial(store.give_back, claimed),
            "split": partial(store.split, claimed, now=NOW),
            "lanes": store.lanes,
            "pause": partial(store.pause, claimed.lane, paused=True),
            "tend": partial(store.tend, now=NOW, begun=True),
            "recover": partial(store.recover, now=NOW, grace=0),
            "rows": partial(store.rows, Selection("waiting"), most=5),
            "tidy": store.tidy,
        }
        with own.hanging():
            async with within(2 * A_WHILE):
                found = await asyncio.gather(*(work() for work in asked.values()), return_exceptions=True)
        assert {
            name: type(each) for name, each in zip(asked, found, strict=True) if name != "recover"
        } == dict.fromkeys([name for name in asked if name != "recover"], StoreUnavailableError)
        await back(store)
        await store.accept(accepted(planned(3)))

    play(own.database(), scenario)


def test_a_look_at_everything_has_more_time_and_no_more_than_that(own: Cluster) -> None:
    async def scenario(store: PostgresStore) -> None:
        async def slow(connection: Connection) -> str:
            assert isinstance(connection, PatientConnection)
            assert connection.patience == STATEMENT_SECONDS + 2
            await connection.execute(f"select pg_sleep({STATEMENT_SECONDS + 1})")
            return "done"

        assert await store.database.run(slow, patience=STATEMENT_SECONDS + 2) == "done"

    play(own.database(), scenario)


def test_a_store_closes_and_opens_within_seconds(own: Cluster) -> None:
    url = own.database()

    async def scenario() -> None:
        store = await open_postgres(url, key=KEY)
        with own.hanging():
            hit = asyncio.create_task(store.accept(accepted(planned(1))))
            await asyncio.sleep(0)
            async with within(2 * A_WHILE):
                await store.close()
            with pytest.raises(StoreUnavailableError):
                await hit
            async with within(A_WHILE):
                with pytest.raises(StoreAwayError, match="Look at the address in --store"):
                    await open_postgres(url, key=KEY)

    asyncio.run(scenario())


def test_whoever_is_cancelled_does_not_ask_the_server_to_stop(own: Cluster) -> None:
    async def scenario(store: PostgresStore) -> None:
        with own.hanging():
            asking = asyncio.create_task(store.lanes())
            await asyncio.sleep(0.2)
            asking.cancel()
            async with within(2):
                with pytest.raises(asyncio.CancelledError):
                    await asking
        await back(store)

    play(own.database(), scenario)


async def emptied(store: SpoolStore) -> None:
    """Returns when the spool has given everything to the database."""
    async with asyncio.timeout(60):
        while store.holds:  # noqa: ASYNC110 - it is the time that passes that makes it so
            await asyncio.sleep(0.05)


def test_with_a_spool_the_hit_is_taken_and_forwarded_once(own: Cluster, tmp_path: Path) -> None:
    url = own.database()

    async def scenario() -> None:
        database = await open_late(partial(open_postgres, url, key=KEY))
        store = await open_spool(database, tmp_path / "spool", now=NOW, key=KEY, limits=Limits())
        try:
            await store.accept(accepted(planned(1)))
            with own.hanging():
                async with within(A_WHILE):
                    assert (await store.accept(accepted(planned(2)))).stored == 1
                assert store.holds
                async with within(2):
                    await store.accept(accepted(planned(3)))
            await emptied(store)
        finally:
            await store.close()

    asyncio.run(scenario())
    assert [int(row, 16) for (row,) in execute(url, "select id from delivery order by number")] == [1, 2, 3]


def test_tables_are_not_waited_for_without_end(own: Cluster) -> None:
    url = own.database(0)

    async def scenario() -> None:
        with own.hanging():
            async with within(A_WHILE):
                with pytest.raises(StoreRefusedError, match="cannot be used"):
                    await migrated(url)
        await migrated(url)

    asyncio.run(scenario())


def test_work_that_takes_long_goes_on_as_long_as_the_database_answers_others(own: Cluster) -> None:
    url = own.database(0)

    async def scenario() -> None:
        async with await connect(url) as connection, attended(connection, url, every=0.1):
            await connection.execute(f"select pg_sleep({A_STATEMENT + 1})")
            # Somebody who is refused is answered.
            execute(url, f"alter database {url.rpartition('/')[2]} connection limit 0")
            await connection.execute("select pg_sleep(1)")
            with own.hanging():
                async with within(A_WHILE):
                    with pytest.raises(SilentError):
                        await connection.execute("select 1")
            with pytest.raises(psycopg.OperationalError):
                await connection.execute("select 1")

    asyncio.run(scenario())
