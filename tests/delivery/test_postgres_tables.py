"""The tables in PostgreSQL: their versions, who may work on them, and what is checked at the start."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from container.delivery.postgres import PostgresStore, open_postgres
from container.delivery.postgres_tables import (
    BASE_VERSION,
    SCHEMA_VERSION,
    STEPS,
    missing_steps,
)
from container.delivery.postgres_tables import (
    planned as planned_sql,
)
from container.delivery.store import (
    StoreRefusedError,
)
from container.engine.outcome import Guard
from tests.delivery.harness import (
    LATER,
    NOW,
    accepted,
    ids,
    must_claim,
    planned,
    run,
)
from tests.delivery.postgres import KEY, by, execute, migrate_now, play, running


@pytest.mark.parametrize("version", [BASE_VERSION, SCHEMA_VERSION])
def test_a_release_runs_on_its_tables_and_on_those_before(version: int) -> None:
    url = running().database(version)

    async def scenario(store: PostgresStore) -> None:
        assert store.database.version == version
        await store.accept(accepted(*map(planned, range(1, 5))))
        claimed = await must_claim(store, most_items=3)
        await store.settle(claimed, claimed.rows[:1])
        await store.bury(claimed, claimed.rows[1:2], "refused", note="", now=NOW)
        await store.postpone(claimed, claimed.rows[2:], until=NOW, counted=True)
        [report] = await store.lanes()
        assert (report.waiting, report.claimed, report.dead) == (2, 0, 1)

    play(url, scenario)


def test_two_releases_work_on_one_database_at_a_time() -> None:
    url = running().database(BASE_VERSION)

    async def scenario(old: PostgresStore) -> None:
        await old.accept(accepted(*map(planned, range(1, 5))))
        await asyncio.to_thread(migrate_now, url)
        newer = await open_postgres(url, key=KEY)
        assert newer.database.version == SCHEMA_VERSION
        # A release of before knows nothing of what was added.
        old.database.version = BASE_VERSION
        await newer.accept(accepted(*map(planned, range(5, 9))))
        by_old, by_new = await must_claim(old, most_items=4), await must_claim(newer, most_items=4)
        assert sorted([*ids(by_old), *ids(by_new)]) == [*range(1, 9)]
        assert await newer.settle(by_new, by_new.rows) == 4
        assert await old.settle(by_old, by_old.rows) == 4
        await newer.close()

    play(url, scenario)


def test_a_claim_says_which_process_has_it(url: str) -> None:
    async def scenario(store: PostgresStore) -> None:
        await store.accept(accepted(planned(1)))
        await must_claim(store)
        [(worker,)] = await store.database.ask("select worker from delivery")
        assert worker == store._name

    play(url, scenario)


def test_making_the_tables_twice_does_nothing_twice() -> None:
    url = running().database(0)
    assert migrate_now(url) == [f"Made version {number} of the tables." for number, _ in STEPS]
    assert migrate_now(url) == [f"The tables are of version {SCHEMA_VERSION} already."]


def test_what_would_be_done_makes_the_same_tables() -> None:
    url, other = running().database(0), running().database()
    execute(url, planned_sql(None))
    columns = (
        "select table_name, column_name, data_type, column_default from information_schema.columns "
        "where table_schema='public' order by 1, 2"
    )
    assert execute(url, columns) == execute(other, columns)
    assert planned_sql(SCHEMA_VERSION) == f"-- The tables are of version {SCHEMA_VERSION} already.\n"


@pytest.mark.parametrize(("version", "step"), STEPS[1:])
def test_a_step_only_adds(version: int, step: str) -> None:
    for statement in filter(None, (each.strip().lower() for each in step.split(";"))):
        adds = statement.startswith(("create table", "create index", "create function", "comment on"))
        column = statement.startswith("alter table") and " add column " in statement
        assert adds or column, statement
        assert not column or "not null" not in statement or "default" in statement, statement
    assert next(number for number, _ in missing_steps(version - 1)) == version


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (None, "has no tables yet"),
        (SCHEMA_VERSION - 2, "tag-container migrate --store"),
        (SCHEMA_VERSION + 2, "Start a newer tag-container"),
    ],
)
def test_tables_that_are_missing_or_too_far_away_are_refused(found: int | None, said: str) -> None:
    url = running().database(0 if found is None else SCHEMA_VERSION)
    if found is not None:
        execute(url, "update meta set value=%s where name='schema_version'", (str(found),))
    with pytest.raises(StoreRefusedError, match=said):
        run(open_postgres(url, key=KEY))


def test_the_next_release_may_make_its_tables_first(own_url: str) -> None:
    execute(own_url, "update meta set value=%s where name='schema_version'", (str(SCHEMA_VERSION + 1),))
    execute(own_url, "alter table delivery add column of_the_next text not null default ''")

    async def scenario(store: PostgresStore) -> None:
        await store.accept(accepted(planned(1)))
        claimed = await must_claim(store)
        assert await store.bury(claimed, claimed.rows, "refused", note="", now=NOW) == 1

    play(own_url, scenario)


def test_a_store_needs_no_right_to_make_tables(own_url: str) -> None:
    name = own_url.rpartition("/")[2]
    execute(own_url, f"create role worker_{name} login")
    execute(own_url, f"grant select, insert, update, delete, truncate on all tables in schema public to worker_{name}")
    execute(own_url, f"grant usage on all sequences in schema public to worker_{name}")

    async def scenario(store: PostgresStore) -> None:
        await store.accept(accepted(planned(1), guards=[Guard(b"k", "once_per", LATER, (planned(1).id,))]))
        claimed = await must_claim(store)
        await store.settle(claimed, claimed.rows)
        await store.tend(now=NOW, begun=True)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            execute(other, "create table mine(number int)")

    other = by(f"worker_{name}", own_url)
    try:
        play(other, scenario)
    finally:
        execute(own_url, f"drop owned by worker_{name}; drop role worker_{name}")


def test_without_a_shared_key_nothing_starts(url: str) -> None:
    with pytest.raises(StoreRefusedError, match="openssl rand"):
        run(open_postgres(url, key=None))


def test_another_key_than_the_waiting_rows_have_is_refused(url: str) -> None:
    async def scenario(store: PostgresStore) -> None:
        await store.accept(accepted(planned(1)))

    play(url, scenario)
    with pytest.raises(StoreRefusedError, match="which is not here"):
        run(open_postgres(url, key="b3RoZXIga2V5IG9mIDMyIGJ5dGVzLCBmb3IgdGVzdHM="))


@pytest.mark.parametrize("kept", ["off", "local"])
def test_a_database_that_answers_before_a_commit_is_safe_is_refused(own_url: str, kept: str) -> None:
    execute(own_url, f"alter database {own_url.rpartition('/')[2]} set synchronous_commit={kept}")
    with pytest.raises(StoreRefusedError, match=f"synchronous_commit={kept}"):
        run(open_postgres(own_url, key=KEY))


def test_a_database_that_is_not_there_is_refused_without_its_password() -> None:
    with pytest.raises(StoreRefusedError, match="--store") as refused:
        run(open_postgres("postgresql://tests:hidden@127.0.0.1:1/nothing", key=KEY))
    assert "hidden" not in str(refused.value)
