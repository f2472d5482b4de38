"""PostgreSQL's own in looking after deliveries: others who do so at once, old tables, and what a vacuum leaves."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psycopg
import pytest

from container.delivery import postgres_queue, postgres_rows, postgres_traces
from container.delivery.forget import NOT_OWNED, RECORDED, SEEN, forget
from container.delivery.person import person
from container.delivery.postgres import open_postgres
from container.delivery.postgres_connecting import fetch
from container.delivery.postgres_queue import PostgresQueue
from container.delivery.postgres_tables import BASE_VERSION, Connection
from container.delivery.progress import Progress
from container.delivery.selection import Selection
from container.delivery.store import Store, StoreUnavailableError
from container.engine.outcome import Guard
from tests import canaries
from tests.delivery.engines import Engine
from tests.delivery.harness import LATER, NOW, accepted, must_claim, planned, run
from tests.delivery.postgres import KEY, by, execute, running

WAITING, DEAD = Selection("waiting"), Selection("dead")


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return Engine("postgres", tmp_path)


async def buried(store: Store, *numbers: int) -> None:
    await store.accept(accepted(*(planned(number) for number in numbers)))
    claimed = await must_claim(store)
    await store.bury(claimed, claimed.rows, "refused", note="", now=NOW)


def test_letters_that_two_send_again_at_once_wait_once(engine: Engine) -> None:
    async def scenario() -> None:
        one, other = await engine.open(), await engine.open()
        await buried(one, *range(1, 101))
        sent = await asyncio.gather(*(store.replay(DEAD, now=NOW, most=30) for store in (one, other) * 8))
        assert sum(sent) == 100
        assert (await one.count(WAITING), await one.count(DEAD)) == (100, 0)
        assert len({row.id for row in await one.rows(WAITING, most=200)}) == 100
        await one.close()
        await other.close()

    run(scenario())


def test_rows_that_two_drop_and_a_worker_settles_at_once_are_gone_once(engine: Engine) -> None:
    async def scenario() -> None:
        one, other = await engine.open(), await engine.open()
        await one.accept(accepted(*(planned(number) for number in range(1, 201))))
        claimed = await must_claim(one, most_items=100)
        gone = await asyncio.gather(one.drop(WAITING), other.drop(WAITING), one.settle(claimed, claimed.rows))
        assert sum(each if isinstance(each, int) else each.rows for each in gone) == 200
        assert await one.count(WAITING) == 0
        [lane] = await other.lanes()
        assert (lane.waiting, lane.claimed, lane.bytes) == (0, 0, 0)
        await one.close()
        await other.close()

    run(scenario())


def test_a_row_says_which_process_sends_it(engine: Engine) -> None:
    async def scenario() -> None:
        store = await engine.open()
        await store.accept(accepted(planned(1), planned(2)))
        await must_claim(store, most_items=1)
        workers = [row.worker for row in await store.rows(WAITING, most=9)]
        assert workers[0] == ""
        assert workers[1] != ""
        await store.close()

    run(scenario())


def test_tables_of_the_version_before_show_and_take_back_everything() -> None:
    async def scenario() -> None:
        store = await open_postgres(running().database(BASE_VERSION), key=KEY)
        await buried(store, 1)
        await store.accept(accepted(planned(2)))
        assert await store.replay(DEAD, now=NOW) == 1
        claimed = await must_claim(store)
        rows = await store.rows(WAITING, most=9)
        assert [(row.claimed, row.worker) for row in rows] == [(True, store._name), (True, store._name)]
        detail = await store.row("waiting", rows[0].number)
        assert detail is not None
        assert detail.report.tag == "TikTok - events"
        lines = [each.line for each in await store.export(WAITING, after=0)]
        assert await store.settle(claimed, claimed.rows) == 2
        assert (await store.import_rows(lines, now=NOW)).taken == 2
        assert await store.forget_previews() == 0
        assert await store.tidy() == "nothing"
        await store.close()

    run(scenario())


def test_letters_keep_the_part_of_the_day_on_which_their_hit_came(engine: Engine) -> None:
    async def scenario() -> None:
        store = await engine.open()
        await buried(store, 1)
        before = execute(engine.databases["here"], "select mod(first/86400000, 8) from dead")
        assert await store.replay(DEAD, now=NOW + 3 * 86_400_000) == 1
        assert execute(engine.databases["here"], "select slot from delivery") == before
        await store.close()

    run(scenario())


def test_what_was_forgotten_is_cleared_away(engine: Engine) -> None:
    async def scenario() -> None:
        store = await engine.open()
        await store.accept(accepted(planned(1)))
        query = "select pg_relation_filepath(('delivery_' || slot)::regclass) from delivery"
        [(file,)] = execute(engine.databases["here"], query)

        def items() -> bytes:
            execute(engine.databases["here"], "checkpoint")
            return _items((running().data / file).read_bytes())

        assert f"{1:032x}".encode() in items()
        progress = Progress()
        await forget(store, person(email=canaries.EMAIL), progress, tags={})
        assert (progress.changed["waiting"], progress.kept) == (1, {})
        assert items() == b""
        await store.close()

    run(scenario())


def _items(pages: bytes) -> bytes:
    """What the line pointers of heap pages lead to."""
    found = b""
    for start in range(0, len(pages), 8192):
        page = pages[start : start + 8192]
        lower = int.from_bytes(page[12:14], "little")
        for place in range(24, lower, 4):
            pointer = int.from_bytes(page[place : place + 4], "little")
            if pointer >> 15 & 3 == 1:
                found += page[pointer & 0x7FFF : (pointer & 0x7FFF) + (pointer >> 17)]
    return found


def test_somebody_who_still_sees_what_was_forgotten_is_told_of(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_queue, "WAITING_TRIES", 2)
    monkeypatch.setattr(postgres_queue, "WAITING_PAUSE_SECONDS", 0.01)

    async def scenario() -> None:
        store = await engine.open()
        await store.accept(accepted(planned(1)))
        progress = Progress()
        with psycopg.connect(engine.databases["here"]) as other:
            other.execute("set transaction isolation level repeatable read")
            other.execute("select count(*) from delivery")
            await forget(store, person(email=canaries.EMAIL), progress, tags={})
            assert other.execute("select count(*) from delivery").fetchone() == (1,)
        assert (progress.changed["waiting"], progress.kept, progress.left) == (1, {}, SEEN)
        assert await store.tidy() == "nothing"
        await store.close()

    run(scenario())


def test_a_role_that_does_not_own_the_tables_forgets_and_says_that_copies_are_left() -> None:
    async def scenario() -> None:
        url = running().database()
        name = url.rpartition("/")[2]
        execute(url, f"create role of_{name} login")
        execute(url, f"grant select, insert, update, delete, truncate on all tables in schema public to of_{name}")
        execute(url, f"grant usage on all sequences in schema public to of_{name}")
        store = await open_postgres(by(f"of_{name}", url), key=KEY)
        await store.accept(accepted(planned(1)))
        progress = Progress()
        await forget(store, person(email=canaries.EMAIL), progress, tags={})
        assert (progress.changed["waiting"], progress.kept, progress.left) == (1, {}, NOT_OWNED)
        again = Progress()
        await forget(store, person(email=canaries.EMAIL), again, tags={})
        assert (again.changed["waiting"], again.kept, again.left) == (0, {}, "")
        await store.close()

    run(scenario())


def test_a_role_without_rights_on_the_records_of_previews_forgets_the_rest_and_says_so() -> None:
    async def scenario() -> None:
        url = running().database()
        name = url.rpartition("/")[2]
        execute(url, f"create role poor_{name} login")
        execute(url, f"grant select, insert, update, delete, truncate on all tables in schema public to poor_{name}")
        execute(url, f"grant usage on all sequences in schema public to poor_{name}")
        execute(url, f"revoke all on preview_session, preview_record from poor_{name}")
        store = await open_postgres(by(f"poor_{name}", url), key=KEY)
        await store.accept(accepted(planned(1)))
        progress = Progress()
        await forget(store, person(email=canaries.EMAIL), progress, tags={})
        assert (progress.changed["waiting"], progress.kept) == (1, {})
        assert progress.left.startswith(f"{RECORDED}: the database refuses: 42501, permission denied for table preview")
        assert "docs/scale.md lists its rights. Then do this again." in progress.left
        assert progress.left.endswith(NOT_OWNED)
        await store.close()

    run(scenario())


def test_guards_are_looked_through_page_by_page(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_traces, "LOOKED_AT_ONCE", 2)

    async def scenario() -> None:
        store = await engine.open()
        guards = [Guard(bytes([number]), "once_per", LATER, (f"{number:032x}", "other")) for number in range(1, 8)]
        await store.accept(accepted(*(planned(number) for number in range(1, 8)), guards=guards))
        assert await store.forget_guards([], {f"{number:032x}" for number in (1, 4, 7)}) == 3
        assert await store.forget_guards([bytes([number]) for number in range(9)], (), dry_run=True) == 4
        await store.close()

    run(scenario())


def test_a_lane_that_an_import_brings_is_there_for_the_next_hit(engine: Engine) -> None:
    async def scenario() -> None:
        here, there = await engine.open(), await engine.open("there")
        await here.accept(accepted(planned(1)))
        lines = [each.line for each in await here.export(WAITING, after=0)]
        heard: list[dict[str, int]] = []
        there.listen(lambda lanes: heard.append(dict(lanes)))
        assert (await there.import_rows(lines, now=LATER)).taken == 1
        await there.accept(accepted(planned(2)))
        [lane] = await there.lanes()
        assert lane.waiting == 2
        assert heard[0] == {lane.lane.key: LATER}
        await here.close()
        await there.close()

    run(scenario())


def test_a_store_that_is_closed_does_nothing_for_anybody(engine: Engine) -> None:
    async def scenario() -> None:
        store = await engine.open()
        await store.accept(accepted(planned(1)))
        await store.close()
        for work in (store.count(WAITING), store.drop(WAITING), store.reasons(1), store.tidy()):
            with pytest.raises(StoreUnavailableError):
                await work

    run(scenario())


def test_a_database_that_goes_away_while_it_is_cleared_is_said_to_be_away(engine: Engine) -> None:
    async def scenario() -> None:
        store = await engine.open()
        with pytest.raises(StoreUnavailableError):
            await postgres_traces.vacuum(running().url("not_there"))
        await store.close()

    run(scenario())


def test_every_method_of_the_queue_is_the_stores() -> None:
    async def scenario() -> None:
        store = await open_postgres(running().database(), key=KEY)
        names = [name for name in vars(PostgresQueue) if not name.startswith("_")]
        assert all(hasattr(store, name) for name in names)
        await store.close()

    run(scenario())


def test_whoever_looks_may_take_longer_than_a_hit(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    async def patience(connection: Connection, **_: object) -> str:
        [(found,)] = await fetch(connection, "show statement_timeout")
        return str(found)

    async def scenario() -> None:
        store = await engine.open()
        monkeypatch.setattr(postgres_rows, "count", patience)
        assert str(await store.count(WAITING)) == "1min"
        await store.close()

    run(scenario())


def test_rows_that_two_import_at_once_are_here_once(engine: Engine) -> None:
    async def scenario() -> None:
        here, one, other = await engine.open(), await engine.open("there"), await engine.open("there")
        await buried(here, *range(1, 21))
        await here.accept(accepted(*(planned(number) for number in range(101, 121))))
        lines = [each.line for place in (WAITING, DEAD) for each in await here.export(place, after=0)]
        slices = [lines[start : start + 10] for start in range(0, 40, 10)]
        found = await asyncio.gather(*(store.import_rows(some, now=NOW) for some in slices for store in (one, other)))
        assert (sum(each.taken for each in found), sum(each.known for each in found)) == (40, 40)
        assert (await one.count(WAITING), await one.count(DEAD)) == (20, 20)
        for store in (here, one, other):
            await store.close()

    run(scenario())
