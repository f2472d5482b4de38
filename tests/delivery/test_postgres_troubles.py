"""What a database may say no with: each is told with what to do about it, loses nothing, and is over by itself."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress

import pytest

from benchmarks.cluster import OWNER
from container.delivery.postgres import PostgresStore, open_postgres
from container.delivery.postgres_space import PAUSE_SECONDS, RECENT_SECONDS, Space
from container.delivery.store import Limits, StoreAwayError, StoreFullError, StoreUnavailableError
from container.web.health import Health
from tests.delivery.harness import accepted, ids, item_request, must_claim, planned
from tests.delivery.postgres import KEY, Cluster, cluster, execute, play, running

FULL = """
create function full_up() returns trigger language plpgsql as
  $$ begin raise exception 'could not extend file: No space left on device' using errcode='disk_full'; end $$;
create trigger full_up before insert on delivery for each row execute function full_up();
"""
SEGMENT = 16 << 20
"""The size of a file of the log, which has to fit where a table no longer does."""


@pytest.fixture(scope="module")
def own() -> Iterator[Cluster]:
    """A server whose settings may be changed."""
    with cluster() as found:
        yield found


class Time:
    """Monotonic, and passes when it is told to."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def told(caplog: pytest.LogCaptureFixture, name: str) -> list[str]:
    found = [line.getMessage() for line in caplog.records if line.getMessage().startswith(name)]
    caplog.clear()
    return found


def role(name: str, more: str = "") -> None:
    running().execute(f"create role {name} login {more}")


def granted(url: str, name: str) -> str:
    """The address for a role that may do what one that serves has to."""
    execute(url, f"grant select, insert, update, delete, truncate on all tables in schema public to {name}")
    execute(url, f"grant usage, select on all sequences in schema public to {name}")
    return url.replace(f"{OWNER}@", f"{name}@")


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(50):
        while not holds():  # noqa: ASYNC110 - it is the time that passes that makes it so
            await asyncio.sleep(0.05)


def test_a_full_disk_refuses_hits_tells_of_it_once_and_is_over_by_itself(
    own_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(store: PostgresStore) -> None:
        store._accepting.space.clock = clock = Time()
        await store.accept(accepted(planned(1), planned(2)))
        execute(own_url, FULL)
        found = await asyncio.gather(
            *(store.accept(accepted(planned(number))) for number in range(3, 9)), return_exceptions=True
        )
        assert [(type(each), str(each)) for each in found] == [(StoreFullError, "the database has no space left")] * 6
        assert told(caplog, "store.full") == [
            'store.full reason="the database has no space left" hits=refused "Make room on the disk of the database."'
        ]
        assert store.trouble == "the database has no space left"
        # Deliveries go on.
        claimed = await must_claim(store, most_items=1)
        assert await store.settle(claimed, claimed.rows) == 1
        clock.now += RECENT_SECONDS
        assert store.trouble == ""
        with pytest.raises(StoreFullError):
            await store.accept(accepted(planned(9)))
        assert (store.trouble != "", told(caplog, "store.full")) == (True, [])
        execute(own_url, "drop trigger full_up on delivery")
        with pytest.raises(StoreFullError):
            await store.accept(accepted(planned(10)))
        clock.now += PAUSE_SECONDS
        await store.accept(accepted(planned(11)))
        assert told(caplog, "store.mended") == []
        clock.now += RECENT_SECONDS
        await store.accept(accepted(planned(12)))
        [mended] = told(caplog, "store.mended")
        assert mended.endswith("seconds=21 hits=taken")
        assert sorted(ids(await must_claim(store))) == [2, 11, 12]
        assert store.figures().counters.errors["accept"] == 7

    play(own_url, scenario)


def test_a_hit_that_fits_ends_nothing_while_others_do_not() -> None:
    clock = Time()
    space = Space(clock=clock)
    space.worked()
    space.refused()
    clock.now += PAUSE_SECONDS
    assert (space.pauses, bool(space.trouble)) == (False, True)
    space.worked()
    assert space.trouble


def test_a_disk_that_really_is_full_loses_nothing_that_was_answered(own: Cluster) -> None:
    url = own.database()

    def files_may_be(limit: str) -> None:
        postmaster = own.server.process
        assert postmaster is not None
        pids = [postmaster.pid, *(pid for (pid,) in execute(url, "select pid from pg_stat_activity"))]
        for pid in pids:
            command = ["prlimit", f"--pid={pid}", f"--fsize={limit}:"]
            # Whoever is gone by then does not mind.
            subprocess.run(command, capture_output=True, check=pid == pids[0], **own.server.as_other)

    async def scenario(store: PostgresStore) -> None:
        # No file may grow beyond this: the one that would has half a page, as on a full disk.
        files_may_be(str(SEGMENT + 4096))
        taken = 0
        with suppress(StoreFullError):
            while taken < 400:
                await store.accept(accepted(planned(taken, item_request(taken, pad="x" * 100_000))))
                taken += 1
        assert (50 < taken < 400, store.trouble) == (True, "the database has no space left")
        assert (await store.lanes())[0].waiting == taken
        files_may_be("unlimited")
        await asyncio.sleep(PAUSE_SECONDS)
        await store.accept(accepted(planned(taken)))
        sent: list[int] = []
        while len(sent) <= taken:
            claimed = await must_claim(store)
            sent += ids(claimed)
            await store.settle(claimed, claimed.rows)
        assert sent == [*range(taken + 1)]

    play(url, scenario, limits=Limits(lane_share=1.0))


def test_what_could_not_be_done_is_counted_by_what_was_asked(own_url: str) -> None:
    async def scenario(store: PostgresStore) -> None:
        await store.accept(accepted(planned(1)))
        claimed = await must_claim(store)
        await store.database.ask("alter table dead add constraint broken check (false)")
        with pytest.raises(StoreUnavailableError):
            await store.bury(claimed, claimed.rows, "refused", note="", now=0)
        await store._keeping.close()
        await store.database.ask("alter table counts rename to counts_then")
        with pytest.raises(StoreUnavailableError):
            await store.lanes()
        with pytest.raises(StoreUnavailableError):
            await store.accept(accepted(planned(2)))
        assert store.figures().counters.errors == {"write": 1, "read": 1, "accept": 1}

    play(own_url, scenario)


def test_a_right_that_is_taken_away_is_told_in_the_words_of_the_database(
    own_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    name = own_url.rpartition("/")[2]
    role(f"fewer_{name}")
    limited = granted(own_url, f"fewer_{name}")
    health = Health()

    async def scenario() -> None:
        store = await open_postgres(limited, key=KEY)
        await store.accept(accepted(planned(1)))
        execute(own_url, f"revoke insert on delivery from fewer_{name}")
        with pytest.raises(StoreUnavailableError) as found:
            await store.accept(accepted(planned(2)))
        assert str(found.value) == "the database refuses: 42501, permission denied for table delivery"
        health.store_failed(str(found.value))
        execute(own_url, f"revoke update on lanes from fewer_{name}")
        with pytest.raises(StoreUnavailableError, match="42501, permission denied for table lanes"):
            await store.pause(1, paused=True)
        execute(own_url, f"grant insert on delivery to fewer_{name}")
        await store.accept(accepted(planned(3)))
        await store.close()

    asyncio.run(scenario())
    execute(own_url, f"drop owned by fewer_{name}")
    running().execute(f"drop role fewer_{name}")
    rights = "Give the role of --store what it needs: docs/scale.md lists its rights."
    said = "the database refuses: 42501, permission denied for table delivery"
    assert told(caplog, "store.failed") == [f'store.failed reason="{said}. {rights}" hits=refused']
    assert health.reasons() == [f"The store does not take deliveries ({said}). {rights}"]


def test_of_what_a_row_holds_nothing_is_told(own_url: str) -> None:
    async def scenario(store: PostgresStore) -> None:
        with pytest.raises(StoreUnavailableError) as found:
            await store.database.ask("select 'ada@shop.example'::bigint")
        assert str(found.value) == "the database refuses: 22P02, InvalidTextRepresentation"

    play(own_url, scenario)


def test_too_many_connections_are_told_with_what_to_raise(url: str, caplog: pytest.LogCaptureFixture) -> None:
    name = url.rpartition("/")[2]
    role(f"few_{name}")
    limited = granted(url, f"few_{name}")
    lock = f"alter role few_{name} connection limit 0"

    async def scenario() -> None:
        store = await open_postgres(limited, key=KEY)
        await store.accept(accepted(planned(1)))
        execute(url, lock)
        running().execute(f"select pg_terminate_backend(pid) from pg_stat_activity where usename='few_{name}'")  # noqa: S608 - ours
        with pytest.raises(StoreUnavailableError):
            await store.accept(accepted(planned(2)))
        await until(lambda: "too many connections" in store.trouble)
        with pytest.raises(StoreAwayError, match=r"too many connections for role .*Raise max_connections"):
            await open_postgres(limited, key=KEY)
        execute(url, f"alter role few_{name} connection limit 10")
        await until(lambda: not store.trouble)
        await store.accept(accepted(planned(3)))
        assert ids(await must_claim(store)) == [1, 3]
        await store.close()

    try:
        asyncio.run(scenario())
    finally:
        execute(url, f"drop owned by few_{name}")
        running().execute(f"drop role few_{name}")
    away = [line for line in told(caplog, "store.database_away") if "too many connections for role" in line]
    assert len(away) == 1
    assert "Raise max_connections of the database" in away[0]


def test_a_wrong_password_is_told_at_the_start_and_while_it_runs(
    own: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    url = own.database()
    execute(url, "create role locked login password 'right-one'")
    rules = (own.data / "pg_hba.conf").read_text()
    (own.data / "pg_hba.conf").write_text(f"host all locked all scram-sha-256\n{rules}")
    own.execute("select pg_reload_conf()")
    right = granted(url, "locked").replace("locked@", "locked:right-one@")

    async def scenario() -> None:
        with pytest.raises(StoreAwayError, match=r"password authentication failed .*Correct the user and the") as found:
            await open_postgres(right.replace("right-one", "wrong-one"), key=KEY)
        assert "wrong-one" not in str(found.value)
        store = await open_postgres(right, key=KEY)
        execute(url, "alter role locked password 'another-one'")
        execute(url, "select pg_terminate_backend(pid) from pg_stat_activity where usename='locked'")
        with pytest.raises(StoreUnavailableError):
            await store.accept(accepted(planned(1)))
        await until(lambda: "password authentication failed" in store.trouble)
        execute(url, "alter role locked password 'right-one'")
        await until(lambda: not store.trouble)
        await store.accept(accepted(planned(2)))
        assert ids(await must_claim(store)) == [2]
        await store.close()

    asyncio.run(scenario())
    assert not any("right-one" in line.getMessage() for line in caplog.records)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda url: f"{url}_not", r"does not exist\)\. Correct the name of the database"),
        (lambda url: url.replace(f"{OWNER}@", "nobody_here@"), r"role .* does not exist\)\. Give the role of --store"),
        (
            lambda url: f"{url.partition('@')[0]}@127.0.0.1:1/none",
            r"refused.*Look at the address in --store, and whether",
        ),
    ],
)
def test_what_is_wrong_at_the_start_is_told_with_its_remedy(url: str, spoil: Callable[[str], str], said: str) -> None:
    with pytest.raises(StoreAwayError, match=said):
        asyncio.run(open_postgres(spoil(url), key=KEY))


def test_a_store_that_nobody_closed_lets_the_program_end(url: str) -> None:
    """The pool swallows that its tasks are cancelled while they connect."""

    opened = ExitStack()

    async def scenario(silent: socket.socket) -> None:
        store = await open_postgres(url, key=KEY)
        pool = store.database._pool
        assert pool is not None
        host, port = silent.getsockname()
        pool._pool.conninfo = f"postgresql://{OWNER}@{host}:{port}/none"
        asking = [asyncio.create_task(store.database.ask("select pg_sleep(30)")) for _ in range(3)]
        # One more connection is being opened, to somebody who says nothing.
        opened.callback((await asyncio.get_running_loop().sock_accept(silent))[0].close)
        assert not any(each.done() for each in asking)

    def whole() -> None:
        with opened, closing(socket.create_server(("127.0.0.1", 0))) as silent:
            silent.setblocking(False)
            asyncio.run(scenario(silent))

    program = threading.Thread(target=whole, daemon=True)
    program.start()
    program.join(50)
    assert not program.is_alive()


def test_an_opening_that_is_given_up_leaves_nothing_behind(url: str) -> None:
    async def scenario() -> None:
        before = asyncio.all_tasks()
        opening = asyncio.create_task(open_postgres(url, key=KEY))
        while not any("pool" in task.get_name() for task in asyncio.all_tasks()):
            assert not opening.done()
            await asyncio.sleep(0)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        assert asyncio.all_tasks() == before

    asyncio.run(asyncio.wait_for(scenario(), 50))
