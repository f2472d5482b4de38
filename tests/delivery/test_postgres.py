"""What is the PostgreSQL store's own: versions of its tables, several processes, leases, a database that is away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator

import httpx
import psycopg
import pytest

from container.delivery.counters import Counters
from container.delivery.postgres import PostgresStore, open_postgres
from container.delivery.postgres_tables import (
    BASE_VERSION,
    DAY_MS,
    SCHEMA_VERSION,
    SLOTS,
    STEPS,
    missing_steps,
    slot_of,
)
from container.delivery.postgres_tables import (
    planned as planned_sql,
)
from container.delivery.postgres_tending import give_back_days
from container.delivery.store import (
    Answer,
    LaneState,
    Limits,
    StoreAwayError,
    StoreError,
    StoreRefusedError,
    StoreUnavailableError,
)
from container.delivery.transport import TOTAL_SECONDS, Transport
from container.delivery.worker import Surroundings, Worker
from container.effects import by_status
from container.engine.outcome import Guard
from tests.delivery.harness import (
    LATER,
    NOW,
    SECRETS,
    Clock,
    Vendor,
    accepted,
    claim_first,
    dead_letters,
    ids,
    item_request,
    items,
    must_claim,
    planned,
    run,
    single_request,
)
from tests.delivery.postgres import KEY, Cluster, cluster, execute, migrate_now, running

Scene = Callable[..., Awaitable[None]]


@pytest.fixture
def url() -> Iterator[str]:
    found = running().database()
    yield found
    running().drop(found)


@pytest.fixture(scope="module")
def own() -> Iterator[Cluster]:
    """A server that may be killed."""
    with cluster() as found:
        yield found


def play(url: str, scenario: Callable[..., Awaitable[None]], *, stores: int = 1, limits: Limits | None = None) -> None:
    """Runs a scenario on so many stores of one database."""

    async def whole() -> None:
        opened = [await open_postgres(url, key=KEY, limits=limits or Limits()) for _ in range(stores)]
        try:
            await scenario(*opened)
        finally:
            for store in opened:
                await store.close()

    run(whole())


async def lapse(store: PostgresStore) -> None:
    """As if nothing had been heard of any claim for long."""
    await store.database.ask("update delivery set lease=0 where claim is not null")
    await store.recover(now=NOW, grace=0)


_WRONGLY_COUNTED = """
select number from lanes where
  (select sum(rows) from counts where lane=number)<>(select count(*) from delivery where lane=lanes.number)
  or (select sum(dead) from counts where lane=number)<>(select count(*) from dead where lane=lanes.number)
"""


# The tables and their versions.


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
    assert planned_sql(SCHEMA_VERSION) == ""


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


def test_the_next_release_may_make_its_tables_first(url: str) -> None:
    execute(url, "update meta set value=%s where name='schema_version'", (str(SCHEMA_VERSION + 1),))
    execute(url, "alter table delivery add column of_the_next text not null default ''")

    async def scenario(store: PostgresStore) -> None:
        await store.accept(accepted(planned(1)))
        claimed = await must_claim(store)
        assert await store.bury(claimed, claimed.rows, "refused", note="", now=NOW) == 1

    play(url, scenario)


def test_a_store_needs_no_right_to_make_tables(url: str) -> None:
    name = url.rpartition("/")[2]
    execute(url, f"create role worker_{name} login")
    execute(url, f"grant select, insert, update, delete, truncate on all tables in schema public to worker_{name}")
    execute(url, f"grant usage on all sequences in schema public to worker_{name}")

    async def scenario(store: PostgresStore) -> None:
        await store.accept(accepted(planned(1), guards=[Guard(b"k", "once_per", LATER, (planned(1).id,))]))
        claimed = await must_claim(store)
        await store.settle(claimed, claimed.rows)
        await store.tend(now=NOW, begun=True)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            execute(other, "create table mine(number int)")

    other = url.replace("tests@", f"worker_{name}@")
    try:
        play(other, scenario)
    finally:
        execute(url, f"drop owned by worker_{name}; drop role worker_{name}")


# What is checked at the start.


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
def test_a_database_that_answers_before_a_commit_is_safe_is_refused(url: str, kept: str) -> None:
    execute(url, f"alter database {url.rpartition('/')[2]} set synchronous_commit={kept}")
    with pytest.raises(StoreRefusedError, match=f"synchronous_commit={kept}"):
        run(open_postgres(url, key=KEY))


def test_a_database_that_is_not_there_is_refused_without_its_password() -> None:
    with pytest.raises(StoreRefusedError, match="--store") as refused:
        run(open_postgres("postgresql://tests:hidden@127.0.0.1:1/nothing", key=KEY))
    assert "hidden" not in str(refused.value)


# Several processes.


def test_two_processes_never_claim_the_same_row(url: str) -> None:
    async def scenario(*stores: PostgresStore) -> None:
        await asyncio.gather(
            *(
                store.accept(accepted(planned(10 * part + number)))
                for part, store in enumerate(stores)
                for number in range(10)
            )
        )
        [lane] = await stores[0].waiting()
        claimed = await asyncio.gather(
            *(store.claim(lane.number, now=NOW, most_items=3, ahead=0) for store in stores for _ in range(8))
        )
        found = [number for claim in claimed for number in ids(claim)]
        assert len(found) == len(set(found)) == 20

    play(url, scenario, stores=2)


def test_a_guard_holds_for_all_processes(url: str) -> None:
    async def scenario(*stores: PostgresStore) -> None:
        hits = [
            accepted(planned(number), guards=[Guard(b"once", "once_per", LATER, (planned(number).id,))])
            for number in range(20)
        ]
        found = await asyncio.gather(*(stores[n % 2].accept(hit) for n, hit in enumerate(hits)))
        assert sum(each.stored for each in found) == 1
        assert sum(len(each.taken) for each in found) == 19

    play(url, scenario, stores=2)


def test_guards_in_any_order_hold_up_nobody_for_ever(url: str) -> None:
    async def scenario(*stores: PostgresStore) -> None:
        def hit(number: int) -> object:
            keys = [b"%d" % ((number * 7 + step) % 11) for step in range(5)]
            guards = [
                Guard(key, "duplicate", LATER, (f"{number:032x}-{key.hex()}",)) for key in keys[:: (-1) ** number]
            ]
            return accepted(planned(number), guards=guards)

        found = await asyncio.gather(*(stores[n % 2].accept(hit(n)) for n in range(60)))  # type: ignore[arg-type]
        assert sum(each.stored for each in found) == 60
        [(guards,)] = await stores[0].database.ask("select count(*) from guards")
        assert guards == 11

    play(url, scenario, stores=2)


def test_processes_that_do_everything_at_once_lose_nothing_and_count_right(url: str) -> None:
    hits = 600

    async def accepting(store: PostgresStore, part: int) -> None:
        async def hit(number: int) -> None:
            rows = [
                planned(2 * number + half, item_request(2 * number, account=f"C{(number + half) % 5}"))
                for half in (0, 1)
            ]
            guard = Guard(b"%d" % number, "duplicate", LATER, (rows[0].id,))
            await store.accept(accepted(*rows, guards=[guard]))

        await asyncio.gather(*(hit(number) for number in range(part * hits, (part + 1) * hits)))

    async def delivering(store: PostgresStore, gone: list[int], over: asyncio.Event) -> None:
        while lanes := await store.waiting() or not over.is_set():
            for lane in lanes if isinstance(lanes, list) else []:
                claimed = await store.claim(lane.number, now=NOW, most_items=40, ahead=0)
                if claimed is None:
                    continue
                third = len(claimed.rows) // 3
                gone += ids(claimed)[third:]
                await asyncio.gather(
                    store.postpone(claimed, claimed.rows[:third], until=NOW, counted=True),
                    store.settle(claimed, claimed.rows[third : 2 * third]),
                    store.bury(claimed, claimed.rows[2 * third :], "refused", note="", now=NOW),
                )

    async def scenario(*stores: PostgresStore) -> None:
        gone: list[int] = []
        over = asyncio.Event()
        workers = [asyncio.create_task(delivering(store, gone, over)) for store in stores]
        await asyncio.gather(*(accepting(store, part) for part, store in enumerate(stores)))
        over.set()
        await asyncio.gather(*workers)
        assert sorted(gone) == [*range(2 * hits * len(stores))]
        assert await stores[0].database.ask(_WRONGLY_COUNTED) == []
        assert sum(report.dead for report in await stores[0].lanes()) == len(await dead_letters(stores[0], most=10_000))

    play(url, scenario, stores=3)


def test_one_process_hears_within_a_second_how_full_others_have_made_it(url: str) -> None:
    async def scenario(one: PostgresStore, other: PostgresStore) -> None:
        await one.accept(accepted(*map(planned, range(5))))
        assert one.fill == 0.5
        async with asyncio.timeout(20):
            while other.fill != 0.5:  # noqa: ASYNC110 - it is the time that passes that makes it so
                await asyncio.sleep(0.05)

    play(url, scenario, stores=2, limits=Limits(most_rows=10, lane_share=1.0))


def test_a_worker_looks_often_since_it_does_not_hear_of_others(url: str) -> None:
    async def scenario(store: PostgresStore) -> None:
        clock = Clock()
        transport = Transport(httpx.MockTransport(Vendor(clock=clock)), SECRETS.get)
        around = Surroundings(clock=clock, sleep=clock.sleep)
        worker = Worker(store, transport, lambda *_: by_status, surroundings=around)
        assert await worker.turn() == NOW + store.longest_rest <= NOW + 250
        await transport.close()

    play(url, scenario)


# Leases.


def test_a_claim_of_which_nothing_is_heard_is_over(url: str) -> None:
    async def scenario(one: PostgresStore, other: PostgresStore) -> None:
        await one.accept(accepted(planned(1), planned(2)))
        stale = await must_claim(one)
        assert await other.waiting() == []
        await lapse(other)
        again = await must_claim(other)
        assert (ids(again), again.rows[0].crashes, again.rows[0].attempts) == ([1], 1, 2)
        # Each alone, in case one of them is to blame; and the one that was late changes nothing.
        assert await one.settle(stale, stale.rows) == 0
        assert await other.settle(again, again.rows) == 1
        assert other.recovered == 2

    play(url, scenario, stores=2)


def test_a_row_that_was_claimed_in_three_crashes_is_dead(url: str) -> None:
    async def scenario(store: PostgresStore) -> None:
        await store.accept(accepted(planned(1)))
        for _ in range(3):
            await must_claim(store)
            await lapse(store)
        [letter] = await dead_letters(store)
        assert (letter.reason, letter.attempts, store.poisoned, store.fill) == ("poison", 3, 1, 0.0)

    play(url, scenario)


def test_no_claim_is_over_just_after_the_database_started_or_came_back(url: str) -> None:
    async def scenario(store: PostgresStore) -> None:
        await store.accept(accepted(planned(1)))
        claimed = await must_claim(store)
        await store.database.ask("update delivery set lease=0 where claim is not null")
        await store.recover(now=NOW, grace=10**9)
        assert store.recovered == 0
        store.database._back_at = time.monotonic()
        assert not store.database.calm_for(600)
        await store.recover(now=NOW, grace=600)
        assert await store.settle(claimed, claimed.rows) == 1

    play(url, scenario)


def test_a_claim_is_held_for_less_time_here_than_in_the_database(url: str) -> None:
    async def scenario(store: PostgresStore) -> None:
        await store.accept(accepted(planned(1)))
        claimed = await must_claim(store)
        [(left,)] = await store.database.ask(
            "select lease-(extract(epoch from clock_timestamp())*1000)::bigint from delivery"
        )
        assert claimed.held_until - time.monotonic() <= left / 1000
        assert claimed.held_until - time.monotonic() > TOTAL_SECONDS

    play(url, scenario)


@pytest.mark.parametrize("request_", [item_request(1), single_request(1)])
def test_a_worker_sends_nothing_whose_claim_may_be_over_before_the_answer(url: str, request_: object) -> None:
    async def scenario(store: PostgresStore) -> None:
        clock, vendor = Clock(), Vendor()
        late = [True]

        def monotonic() -> float:
            return time.monotonic() + (60 - TOTAL_SECONDS if late[0] else 0)

        transport = Transport(httpx.MockTransport(vendor), SECRETS.get)
        around = Surroundings(clock=clock, sleep=clock.sleep, monotonic=monotonic)
        worker = Worker(store, transport, lambda *_: by_status, counters=Counters(), surroundings=around)
        await store.accept(accepted(*(planned(n, request_) for n in (1, 2))))  # type: ignore[arg-type]
        await worker.turn()
        await worker.settled()
        assert vendor.requests == []
        [(attempts,)] = await store.database.ask("select distinct attempts from delivery where claim is null")
        assert attempts == 0
        late[0] = False
        while await store.waiting():
            await worker.turn()
            await worker.settled()
        assert sum(len(items(each)) if each.url.host == "vendor.example" else 1 for each in vendor.requests) == 2
        await transport.close()

    play(url, scenario)


# Time and space.


def test_the_clock_is_the_databases(url: str) -> None:
    async def scenario(store: PostgresStore) -> None:
        [(theirs,)] = await store.database.ask("select (extract(epoch from clock_timestamp())*1000)::bigint")
        assert abs(store.clock() - theirs) < 5000
        store.database.ahead = 3_600_000.0
        assert store.clock() - time.time_ns() // 1_000_000 > 3_590_000
        await store.database.measure()
        assert abs(store.database.ahead) < 5000

    play(url, scenario)


def test_the_space_of_a_day_is_given_back_once_nothing_is_left_of_it(url: str) -> None:
    async def scenario(store: PostgresStore) -> None:
        await store._keeping.close()
        today = store.clock()
        days = [today - DAY_MS * back for back in range(SLOTS)]
        for number, day in enumerate(days):
            await store.accept(accepted(planned(number, item_request(number, account=str(number))), now=day))
        # Of the third day nothing is left, and of today; the others hold rows.
        for lane in await store.waiting():
            if lane.lane.account in ("0", "3"):
                claimed = await store.claim(lane.number, now=today, most_items=1, ahead=0)
                assert claimed is not None
                await store.settle(claimed, claimed.rows)
        assert await give_back_days(store.database) == 1
        sizes = {
            slot: (await store.database.ask(f"select pg_relation_size('delivery_{slot}')"))[0][0]
            for slot in range(SLOTS)
        }
        assert [slot for slot, size in sizes.items() if not size] == [slot_of(days[3])]
        assert await give_back_days(store.database) == 0

    play(url, scenario)


def test_a_part_in_which_somebody_works_is_left_alone(url: str) -> None:
    async def scenario(store: PostgresStore) -> None:
        await store._keeping.close()
        old = store.clock() - 3 * DAY_MS
        await store.accept(accepted(planned(1), now=old))
        claimed = await must_claim(store, now=old)
        await store.settle(claimed, claimed.rows)
        async with await psycopg.AsyncConnection.connect(url) as somebody:
            await somebody.execute("select count(*) from delivery")
            assert await give_back_days(store.database) == 0
            await somebody.rollback()
        assert await give_back_days(store.database) == 1

    play(url, scenario)


# Rows that are no use.


@pytest.mark.parametrize(
    ("spoil", "reason"), [("crc=crc+1", "damaged"), ("kid='gone'", "unknown_key"), ("body='', crc=0", "damaged")]
)
def test_rows_that_cannot_be_read_are_buried_on_the_way(url: str, spoil: str, reason: str) -> None:
    async def scenario(store: PostgresStore) -> None:
        await store.accept(accepted(planned(1), planned(2)))
        await store.database.ask(f"update delivery set {spoil} where number=1")  # noqa: S608 - ours
        claimed = await must_claim(store)
        assert (ids(claimed), dict(claimed.buried)) == ([2], {reason: 1})
        assert [(letter.reason, letter.tag) for letter in await dead_letters(store)] == [(reason, "")]
        assert store.fill == 1 / 1_000_000

    play(url, scenario)


def test_a_row_that_could_not_be_buried_waits_again(url: str) -> None:
    async def scenario(store: PostgresStore) -> None:
        await store.accept(accepted(planned(1)))
        await store.database.ask("update delivery set crc=crc+1")
        await store.database.ask("alter table dead add constraint broken check (false)")
        assert await claim_first(store) is None
        assert [report.claimed for report in await store.lanes()] == [1]
        assert len(await store.waiting()) == 1
        await store.database.ask("alter table dead drop constraint broken")
        claimed = await must_claim(store)
        assert dict(claimed.buried) == {"damaged": 1}

    play(url, scenario)


def test_a_whole_batch_of_the_largest_size_is_claimed_and_read(url: str) -> None:
    async def scenario(store: PostgresStore) -> None:
        for start in range(0, 700, 100):
            await store.accept(accepted(*map(planned, range(start, start + 100))))
        first, second = await must_claim(store), await must_claim(store)
        assert (ids(first), ids(second)) == ([*range(500)], [*range(500, 700)])

    play(url, scenario)


def test_text_that_the_database_cannot_hold_is_kept_as_far_as_it_can(url: str) -> None:
    async def scenario(store: PostgresStore) -> None:
        await store.accept(accepted(planned(1)))
        claimed = await must_claim(store)
        await store.mark(claimed.lane, LaneState(), Answer(NOW, 400, "refused", "a\0b"))
        await store.bury(claimed, claimed.rows, "refused", note="a\0b", now=NOW)
        [report], [letter] = await store.lanes(), await dead_letters(store)
        assert report.answer is not None
        assert report.answer.excerpt == letter.note == "a\ufffdb"

    play(url, scenario)


# A database that is away.


def test_a_database_that_only_reads_is_away_until_it_writes_again(url: str) -> None:
    name = url.rpartition("/")[2]

    async def scenario(store: PostgresStore) -> None:
        await store.accept(accepted(planned(1)))
        running().execute(f"alter database {name} set default_transaction_read_only=on")
        running().execute(f"select pg_terminate_backend(pid) from pg_stat_activity where datname='{name}'")  # noqa: S608 - ours
        with pytest.raises(StoreUnavailableError):
            await store.accept(accepted(planned(2)))
        assert store.trouble
        with pytest.raises(StoreAwayError, match="only reads"):
            await open_postgres(url, key=KEY)
        running().execute(f"alter database {name} reset default_transaction_read_only")
        async with asyncio.timeout(50):
            while store.trouble:  # noqa: ASYNC110 - it is the time that passes that makes it so
                await asyncio.sleep(0.05)
        await store.accept(accepted(planned(3)))
        assert ids(await must_claim(store)) == [1, 3]

    play(url, scenario)


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
