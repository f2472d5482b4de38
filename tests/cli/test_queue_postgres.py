"""`queue` and `forget` on a database: from any machine, whether servers run on it or not."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result

from benchmarks.cluster import OWNER
from container.cli import stores
from container.cli.main import app
from container.cli.starting import passwords_in
from container.delivery.forget import NOT_OWNED
from container.delivery.postgres import PostgresStore, open_postgres
from container.delivery.postgres_queue import PostgresQueue
from container.delivery.postgres_tables import SCHEMA_VERSION
from container.delivery.row import acceptance
from container.delivery.selection import Selection
from container.delivery.store import StoreAwayError, StoreRefusedError
from container.engine.run import run as run_hit
from container.event import Hit
from tests import canaries
from tests.cli.database import environment, on_database, rows, soon
from tests.cli.processes import FILE, PURCHASE
from tests.cli.processes import run as run_command
from tests.cli.test_queue import prepared
from tests.delivery.harness import NOW, accepted, must_claim, planned, run
from tests.delivery.postgres import KEY, execute, running
from tests.web.parts import container


@pytest.fixture
def url() -> str:
    return running().database()


def filled(url: str, *, dead: int = 0, waiting: int = 0, hits: int = 0) -> None:
    async def work(store: PostgresStore) -> None:
        if dead:
            await store.accept(accepted(*(planned(number) for number in range(1, dead + 1))))
            claimed = await must_claim(store)
            await store.bury(claimed, claimed.rows, "refused", note="no such pixel", now=NOW)
        await store.accept(accepted(*(planned(number) for number in range(101, 101 + waiting))))
        for number in range(hits):
            hit = Hit(bytes([number] * 16), NOW, path="/collect", query="name=raise_in_tag")
            await store.accept(acceptance(run_hit(container(), hit), now=NOW))

    with_store(url, work)


def with_store(url: str, work: Callable[[PostgresStore], Coroutine[Any, Any, None]]) -> None:
    async def whole() -> None:
        store = await open_postgres(url, key=KEY)
        try:
            await work(store)
        finally:
            await store.close()

    run(whole())


def said(*arguments: str, given: str = "", **surroundings: str) -> Result:
    return CliRunner().invoke(app, arguments, given, env={"TAG_CONTAINER_KEY": KEY, **surroundings})


def lane_of(url: str) -> tuple[int, int]:
    """How many wait and are dead."""
    [lane] = json.loads(said("queue", "list", "--format", "json", "--store", url).output)
    return lane["waiting"], lane["dead"]


def test_lanes_and_rows_are_listed_by_the_flag_or_the_variable(url: str) -> None:
    filled(url, dead=2, waiting=3)
    assert lane_of(url) == (3, 2)
    listed = json.loads(said("queue", "list", "--lane", "1", "--format", "json", TAG_CONTAINER_STORE=url).output)
    assert [row["place"] for row in listed] == ["waiting"] * 3
    assert "no such pixel" in said("queue", "list", "--dead", TAG_CONTAINER_STORE=url).output


def test_a_row_in_flight_says_at_which_process(url: str) -> None:
    async def work(store: PostgresStore) -> None:
        await store.accept(accepted(planned(1)))
        await must_claim(store)

    with_store(url, work)
    [row] = json.loads(said("queue", "list", "--waiting", "--format", "json", "--store", url).output)
    assert row["worker"]
    assert f"in flight at {row['worker']}" in said("queue", "list", "--waiting", "--store", url).output
    assert (
        f"in flight at {row['worker']}" in said("queue", "show", str(row["number"]), "--waiting", "--store", url).output
    )


def test_rows_are_shown_replayed_dropped_and_paused(url: str) -> None:
    filled(url, dead=5, waiting=1)
    shown = said("queue", "show", "1", "--store", url)
    assert "no such pixel" in shown.output
    assert not canaries.EVERYTHING.within(shown.output)
    assert "waiting again: 2" in said("queue", "replay", "1", "2", "--yes", "--store", url).output
    assert "dropped: 1" in said("queue", "drop", "3", "--yes", "--store", url).output
    assert lane_of(url) == (3, 2)
    assert "Lane 1 is paused." in said("queue", "pause", "1", "--store", url).output
    assert execute(url, "select paused from lanes") == [(True,)]
    assert "Lane 1 goes on." in said("queue", "resume", "1", "--store", url).output
    assert said("queue", "pause", "9", "--store", url).exit_code == 2


def test_a_letter_of_a_hit_needs_the_container_file(url: str, tmp_path: Path) -> None:
    filled(url, hits=1)
    found = said("queue", "replay", "--all", "--yes", "--store", url)
    assert (found.exit_code, "stay: 1, because no container is at hand" in found.output) == (1, True)
    file = tmp_path / "container.yaml"
    file.write_text("version: 1\ncontainer: {name: X, id: X-1}\n")
    found = said("queue", "replay", "--all", "--yes", "--config", str(file), "--store", url)
    assert (found.exit_code, "the tag is no longer there" in found.output) == (1, True)


@pytest.mark.parametrize(
    "command",
    [
        ("queue", "list"),
        ("queue", "drop", "--all", "--dead", "--yes"),
        ("queue", "pause", "1"),
        ("forget", "--email", canaries.EMAIL),
    ],
)
def test_a_folder_that_is_named_beside_a_database_is_refused_and_neither_is_touched(
    url: str, tmp_path: Path, command: tuple[str, ...]
) -> None:
    filled(url, dead=2, waiting=3)
    folder = str(prepared(tmp_path, dead=1, waiting=1))
    before = execute(url, "select count(*) from dead")
    found = said(*command, "--data", folder, TAG_CONTAINER_STORE=url)
    words = " ".join(found.output.replace("\u2502", " ").split())
    assert found.exit_code == 2
    assert all(each in words for each in ("--data names the folder", "TAG_CONTAINER_STORE a database", '--store ""'))
    both = said(*command, "--data", folder, "--store", url)
    assert (both.exit_code, "are two stores: name one" in " ".join(both.output.split())) == (2, True)
    assert (rows(url), execute(url, "select count(*) from dead")) == (3, before)
    listed = said("queue", "list", "--format", "json", "--data", folder, "--store", "", TAG_CONTAINER_STORE=url)
    [lane] = json.loads(listed.output)
    assert (lane["waiting"], lane["dead"]) == (1, 1)


def test_what_waits_again_though_no_server_has_its_key_is_told_of(url: str) -> None:
    filled(url, dead=1)
    execute(url, "update meta set name='key other' where name like 'key %'")
    execute(url, "insert into meta select 'key ' || kid, '0' from dead")
    found = said("queue", "replay", "1", "--yes", "--store", url)
    assert found.exit_code == 0
    assert "waiting again: 1" in found.output
    assert "of these: 1, but no server that runs says that it has the key" in found.output


def test_rows_that_a_stray_server_sealed_are_told_of(url: str) -> None:
    filled(url, waiting=1)
    execute(url, "insert into meta values('key stray', '0')")
    execute(url, "update delivery set kid='stray'")
    found = said("queue", "list", "--waiting", "--store", url)
    assert (found.exit_code, "(not readable)" in found.stdout) == (0, True)
    assert 'sealed with the key "stray", which is not here' in found.stderr


def test_a_person_is_forgotten(url: str) -> None:
    filled(url, dead=1, waiting=2)
    counted = said("forget", "--email", canaries.EMAIL, "--dry-run", "--store", url)
    assert "2 waiting deliveries, 1 dead letters, 0 guards would be deleted." in counted.output
    done = said("forget", "--email", canaries.EMAIL, "--store", url)
    assert (done.exit_code, "2 waiting deliveries, 1 dead letters, 0 guards were deleted." in done.output) == (0, True)
    assert all("Spools of servers were not searched" in each.output for each in (counted, done))
    assert rows(url) == 0


def test_what_previews_recorded_is_said_to_be_of_anybody(url: str) -> None:
    execute(url, "insert into preview_record values('s', 1, 1, 'k', ''), ('s', 2, 2, 'k', '')")
    done = said("forget", "--email", canaries.EMAIL, "--store", url)
    assert "0 guards, and all 2 records of previews, whoever they are of, were deleted." in done.output
    execute(url, "alter table preview_record rename to preview_away")
    failed = said("forget", "--email", canaries.EMAIL, "--store", url)
    execute(url, "alter table preview_away rename to preview_record")
    assert (failed.exit_code, "0 guards were deleted." in failed.output) == (1, True)
    assert "Records of previews were not deleted" in failed.stderr


def test_rows_move_from_a_folder_to_a_database_and_back(url: str, tmp_path: Path) -> None:
    folder, file, back = prepared(tmp_path / "a", dead=2, waiting=600), tmp_path / "rows.jsonl", tmp_path / "back.jsonl"
    # The folder is meant although the variable names a database.
    out = said("queue", "export", str(file), "--data", str(folder), "--store", "", TAG_CONTAINER_STORE=url)
    assert "602 rows were written." in out.output
    taken = said("queue", "import", str(file), "--store", url)
    assert (taken.exit_code, "602 rows were taken, 0 were here already." in taken.output) == (0, True)
    assert "0 rows were taken, 602 were here already." in said("queue", "import", str(file), "--store", url).output
    assert lane_of(url) == (600, 2)
    assert "602 rows were written." in said("queue", "export", str(back), "--store", url).output
    assert sorted(back.read_bytes().splitlines()) == sorted(file.read_bytes().splitlines())
    empty = prepared(tmp_path / "b")
    assert "602 rows were taken" in said("queue", "import", str(back), "--data", str(empty)).output


def test_what_is_done_while_a_server_runs_is_done(url: str, tmp_path: Path) -> None:
    filled(url, dead=3)
    with on_database(tmp_path, url, "--no-deliver") as served:
        assert httpx.get(f"{served.public}/g/collect?{PURCHASE}").status_code == 204
        soon(lambda: rows(url), 1)
        replayed = said("queue", "replay", "--all", "--yes", **environment(url))
        assert "waiting again: 3" in replayed.output
        assert rows(url) == 4
        dropped = said("queue", "drop", "--all", "--waiting", "--yes", **environment(url))
        assert "dropped: 4" in dropped.output
        assert httpx.get(f"{served.public}/g/collect?{PURCHASE}").status_code == 204
        soon(lambda: rows(url), 1)


def everything(url: str) -> list[list[tuple[Any, ...]]]:
    """All that the database holds, and which transaction wrote each of it."""
    tables = ("meta", "lanes", "counts", "delivery", "dead", "guards")
    return [execute(url, f"select xmin::text, xmax::text, t.* from {table} t order by 3, 4") for table in tables]  # noqa: S608 - constants


def claimed_by_two(url: str) -> None:
    """Rows that a process sends which runs, and rows of one that died."""

    async def work(store: PostgresStore) -> None:
        await store.accept(accepted(*map(planned, range(201, 205))))
        await must_claim(store, most_items=3)

    with_store(url, work)
    execute(url, "update delivery set lease=0 where claim is not null and number%2=0")


@pytest.mark.parametrize("more", ["", "alter role {} set default_transaction_read_only=on"])
def test_who_only_looks_writes_nothing_and_needs_no_right_to(url: str, tmp_path: Path, more: str) -> None:
    filled(url, dead=2, waiting=3)
    claimed_by_two(url)
    looker = f"looks_{url.rpartition('/')[2]}"
    execute(url, f"create role {looker} login; grant select on all tables in schema public to {looker}")
    execute(url, more.format(looker) or "select")
    address, before = url.replace(f"{OWNER}@", f"{looker}@"), everything(url)
    commands = [
        ("queue", "list"),
        ("queue", "list", "--waiting"),
        ("queue", "list", "--dead"),
        ("queue", "show", "1"),
        ("queue", "export", str(tmp_path / "rows.jsonl")),
        ("forget", "--email", canaries.EMAIL, "--dry-run"),
    ]
    try:
        for command in commands:
            found = said(*command, "--store", address)
            assert found.exit_code == 0, (command, found.output)
        assert everything(url) == before
        refused = said("queue", "drop", "--all", "--waiting", "--yes", "--store", address)
        assert (refused.exit_code, everything(url)) == (1, before)
        paused = said("queue", "pause", "1", "--store", address)
        assert paused.exit_code == 1
        if more:
            assert "The database only reads" in refused.output
        else:
            assert "permission denied for table lanes" in paused.stderr
            assert "Give the role of --store what it needs: docs/scale.md lists its rights." in paused.stderr
    finally:
        execute(url, f"drop owned by {looker}; drop role {looker}")


def test_whoever_does_not_own_the_tables_forgets_and_hears_who_has_to_do_the_rest(url: str) -> None:
    filled(url, waiting=2)
    worker = f"works_{url.rpartition('/')[2]}"
    rights = (
        f"create role {worker} login; grant select, insert, update, delete on all tables in schema public to {worker}"
    )
    execute(url, rights)
    command = ("forget", "--email", canaries.EMAIL, "--store", url.replace(f"{OWNER}@", f"{worker}@"))
    try:
        first, again = said(*command), said(*command)
    finally:
        execute(url, f"drop owned by {worker}; drop role {worker}")
    assert (first.exit_code, again.exit_code) == (0, 0), (first.output, again.output)
    assert "2 waiting deliveries" in first.stdout
    assert first.stderr.splitlines()[1:] == [NOT_OWNED]
    assert (again.stdout.startswith("0 waiting deliveries"), "Copies" in again.output) == (True, False)


def test_a_command_that_takes_long_does_nothing_that_is_for_servers(url: str) -> None:
    filled(url, dead=2)
    claimed_by_two(url)
    before = everything(url)

    async def work() -> None:
        store = await open_postgres(url, key=KEY, recover=False)
        for _, duty in store._keeping._duties.values():
            await duty()
        assert [len(each) for each in everything(url)] == [len(each) for each in before]
        await store.close()

    run(work())
    assert everything(url) == before
    assert execute(url, "select count(*) from delivery where claim is not null") == [(3,)]


@pytest.mark.parametrize(
    ("database", "surroundings", "reason", "code"),
    [
        (SCHEMA_VERSION, {"TAG_CONTAINER_KEY": ""}, "sealed with TAG_CONTAINER_KEY", 1),
        (SCHEMA_VERSION, {"TAG_CONTAINER_KEY": "no key"}, "openssl rand -base64 32", 1),
        (0, {}, "tag-container migrate --store", 1),
    ],
)
def test_what_is_missing_is_told(database: int, surroundings: dict[str, str], reason: str, code: int) -> None:
    found = said("queue", "list", "--store", running().database(version=database), **surroundings)
    assert (found.exit_code, reason in found.output) == (code, True), found.output


def test_an_address_that_is_none_or_answers_nobody_is_told_without_its_password() -> None:
    none = said("queue", "list", "--store", "mysql://somebody:s3cret-word@127.0.0.1/tags")
    away = said("queue", "list", "--store", "postgresql://somebody:s3cret-word@127.0.0.1:1/tags")
    assert (none.exit_code, away.exit_code) == (2, 1)
    assert "The store cannot be opened" in away.output
    assert "s3cret-word" not in none.output + away.output


UNREADABLE = [
    "postgresql://u:Secr%zzet99@127.0.0.1:1/tags",
    "postgresql://u@127.0.0.1:1/tags?password=Secret99%",
    "postgresql://u:Secr@et99x@127.0.0.1:1/tags",
    "postgresql://u:Secr/et99x@127.0.0.1:1/tags",
    "postgresql://u:4711/et99x@127.0.0.1:1/tags",
    "postgresql://u:Secr?@et99x@127.0.0.1:1/tags",
    "postgresql://u:Se cret99@127.0.0.1:1/tags",
]
"""With a sign in the password that has another meaning there."""


def repeated(text: str) -> list[str]:
    return [part for part in ("Secr", "et99", "4711", "cret") if part in text]


@pytest.mark.parametrize("address", UNREADABLE)
def test_an_address_that_cannot_be_read_is_not_repeated(address: str) -> None:
    found = said("queue", "list", "--store", address)
    assert (found.exit_code, "write @ as %40" in found.output) == (1, True), found.output
    assert repeated(found.output) == []
    # Somebody who waits for the database would wait for ever.
    with pytest.raises(StoreRefusedError) as refused:
        run(open_postgres(address, key=KEY))
    assert not isinstance(refused.value, StoreAwayError)


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://u@127.0.0.1:1,127.0.0.1:1/tags",
        "postgresql://u:S%40%2F%3F%25@127.0.0.1,127.0.0.1:1/tags?connect_timeout=1",
        "postgresql://u:#S:et@[::1]:1/tags",
        "postgresql:///tags?host=@nobody/listens",
    ],
)
def test_whatever_the_driver_reads_as_it_is_meant_is_tried(address: str) -> None:
    with pytest.raises(StoreAwayError, match="cannot be used"):
        run(open_postgres(address, key=KEY))


@pytest.mark.slow
@pytest.mark.parametrize("log_format", ["text", "json"])
@pytest.mark.parametrize("command", ["migrate", "serve"])
def test_no_start_repeats_an_address_that_cannot_be_read(tmp_path: Path, command: str, log_format: str) -> None:
    (tmp_path / "container.yaml").write_text(FILE, encoding="utf-8")
    surroundings = {"TAG_CONTAINER_KEY": KEY, "TAG_CONTAINER_LOG_FORMAT": log_format, "SERVED_TOKEN": "t"}
    found = run_command(command, "--store", UNREADABLE[2], folder=tmp_path, environment=surroundings)
    assert (found.returncode, "write @ as %40" in found.stderr) == (1, True), found.stderr
    assert repeated(found.stdout + found.stderr) == []


def test_all_that_may_be_a_password_in_an_address_is_known_as_one() -> None:
    found = [passwords_in(address) for address in UNREADABLE]
    assert found[0] == ["Secr%zzet99"]
    assert found[1] == ["", "Secret99%"]
    assert found[2] == ["Secr", "Secr@et99x"]
    assert passwords_in("postgresql://u:a%40b@h/d?sslpassword=c%20d&sslmode=require") == ["a@b", "c d"]
    assert passwords_in("postgresql://host:5432/tags") == passwords_in("") == []


def test_without_the_extra_it_is_named(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: str) -> Any:
        raise ImportError("no", name="psycopg_pool")

    monkeypatch.setattr("container.cli.stores.importlib.import_module", missing)
    found = said("queue", "list", "--store", url)
    assert (found.exit_code, stores.INSTALL in found.output) == (1, True)


def test_a_database_that_goes_away_meanwhile_is_told(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(url, waiting=1)
    before = PostgresQueue.count

    async def gone(queue: PostgresQueue, selection: Selection) -> int:
        running().drop(url)
        return await before(queue, selection)

    monkeypatch.setattr(PostgresQueue, "count", gone)
    found = said("queue", "drop", "--all", "--waiting", "--store", url)
    assert (found.exit_code, "the database" in found.output) == (1, True), found.output
