"""`serve`, `deliver` and `migrate` on a database, as an operator meets them."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from benchmarks.cluster import OWNER, program
from container.delivery.schema import FILE as STORE_FILE
from tests.cli.database import TOKEN, environment, on_database, rows, soon
from tests.cli.processes import FILE, PURCHASE, ROOT, run, serving, surroundings
from tests.delivery.postgres import KEY, by, cluster, execute, running

pytestmark = pytest.mark.slow
NOWHERE = "postgresql://shop:hidden-word@127.0.0.1:1/shop"


def said(text: str) -> str:
    """Without the frame around it."""
    return " ".join(text.replace("\u2502", " ").split())


def hit(address: str, event: str = "k1") -> httpx.Response:
    with httpx.Client(trust_env=False, timeout=60) as caller:
        return caller.get(f"{address}/g/collect?{PURCHASE}&ep.event_id={event}")


def ready(address: str) -> httpx.Response:
    with httpx.Client(trust_env=False) as caller:
        return caller.get(f"{address}/ready", headers={"authorization": f"Bearer {TOKEN}"})


@contextmanager
def vendor() -> Iterator[tuple[str, list[bytes]]]:
    """Somebody who takes every delivery: a container file that sends there, and what came."""
    came: list[bytes] = []

    class Taking(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            came.append(self.rfile.read(int(self.headers["content-length"])))
            body = b'{"code": 0, "message": "OK"}'
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *values: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Taking) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield FILE.replace("127.0.0.1:9", f"127.0.0.1:{server.server_port}"), came
        server.shutdown()


@pytest.mark.parametrize(
    "asked", [["serve", "--workers", "2"], ["serve", "--no-deliver"], ["deliver"], ["deliver", "--workers", "2"]]
)
def test_what_several_processes_do_needs_a_database_and_says_so(tmp_path: Path, asked: list[str]) -> None:
    (tmp_path / "container.yaml").write_text(FILE, encoding="utf-8")
    found = run(*asked, folder=tmp_path, environment={"SERVED_TOKEN": "t"})
    assert found.returncode == 2
    assert "needs PostgreSQL" in said(found.stderr)
    assert "--store postgresql://" in said(found.stderr)
    assert not (tmp_path / "data").exists()


def test_without_the_key_that_all_of_them_share_nothing_starts(tmp_path: Path) -> None:
    (tmp_path / "container.yaml").write_text(FILE, encoding="utf-8")
    found = run("serve", "--store", NOWHERE, folder=tmp_path, environment={"SERVED_TOKEN": "t"})
    assert found.returncode == 2
    assert "TAG_CONTAINER_KEY has to be set" in said(found.stderr)


@pytest.mark.parametrize(("holds", "level"), [(False, "INFO"), (True, "WARNING")])
def test_a_folder_that_is_named_beside_a_database_is_told_of(tmp_path: Path, holds: bool, level: str) -> None:
    (tmp_path / "container.yaml").write_text(FILE, encoding="utf-8")
    if holds:
        (tmp_path / "old").mkdir()
        (tmp_path / "old" / STORE_FILE).write_bytes(b"something")
    found = run("serve", "--data", "old", folder=tmp_path, environment=environment(NOWHERE))
    [line] = [each for each in found.stderr.splitlines() if "serve.data_unused" in each]
    assert level in line
    assert 'folder="old"' in line
    unsaid = run("serve", folder=tmp_path, environment=environment(NOWHERE))
    assert "serve.data_unused" not in unsaid.stderr


def test_a_demonstration_does_not_go_to_a_database(tmp_path: Path) -> None:
    (tmp_path / "container.yaml").write_text(FILE, encoding="utf-8")
    found = run("serve", "--demo", folder=tmp_path, environment=environment(NOWHERE))
    assert found.returncode == 2
    assert "--demo keeps its deliveries in the folder of --data" in said(found.stderr)


@pytest.mark.parametrize("address", ["mysql://shop:hidden-word@db/shop", "hidden-word", "postgresql//hidden-word"])
def test_another_address_than_of_a_database_is_refused_and_not_repeated(tmp_path: Path, address: str) -> None:
    (tmp_path / "container.yaml").write_text(FILE, encoding="utf-8")
    found = run("serve", folder=tmp_path, environment=environment(address))
    assert found.returncode == 2
    assert "--store (TAG_CONTAINER_STORE) takes the address of a PostgreSQL database" in said(found.stderr)
    assert "hidden-word" not in found.stderr


@pytest.mark.parametrize("asked", [["serve", "--port", "0"], ["deliver"], ["serve", "--port", "0", "--workers", "2"]])
def test_a_database_that_is_away_stops_the_start_and_shows_no_password(tmp_path: Path, asked: list[str]) -> None:
    (tmp_path / "container.yaml").write_text(FILE, encoding="utf-8")
    found = run(*asked, "--admin-port", "0", folder=tmp_path, environment=environment(NOWHERE))
    assert found.returncode == 1
    assert found.stderr.startswith("tag-container did not start: ")
    assert found.stderr.count("the database cannot be used") == 1
    assert "hidden-word" not in found.stderr


def test_without_the_extra_a_start_says_how_to_install_it(tmp_path: Path) -> None:
    (tmp_path / "container.yaml").write_text(FILE, encoding="utf-8")
    missing = 'raise ModuleNotFoundError("No module named \'psycopg\'", name="psycopg")'
    (tmp_path / "psycopg.py").write_text(missing, encoding="utf-8")
    around = {**environment(NOWHERE), "PYTHONPATH": f"{tmp_path}:{ROOT}"}
    for asked in (["serve", "--port", "0", "--admin-port", "0"], ["migrate"]):
        found = run(*asked, folder=tmp_path, environment=around)
        assert found.returncode == 1
        assert 'pip install "tag-container[postgres]"' in found.stderr


def test_nobody_loads_the_driver_who_has_no_database() -> None:
    look = "import sys, container.cli.main; sys.exit('psycopg' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", look], env=surroundings(), check=False).returncode == 0


def test_a_database_without_tables_stops_the_start_with_the_command_that_makes_them(tmp_path: Path) -> None:
    (tmp_path / "container.yaml").write_text(FILE, encoding="utf-8")
    url = running().database(0)
    ports = ["--port", "0", "--admin-port", "0"]
    refused = run("serve", *ports, folder=tmp_path, environment=environment(url))
    assert refused.returncode == 1
    assert "the database has no tables yet. Run: tag-container migrate --store URL" in refused.stderr
    made = run("migrate", folder=tmp_path, environment={"TAG_CONTAINER_STORE": url})
    assert (made.returncode, made.stderr) == (0, "")
    assert "Made version 1 of the tables." in made.stdout
    again = run("migrate", "--store", url, folder=tmp_path)
    assert (again.returncode, again.stdout) == (0, "The tables are of version 3 already.\n")
    with on_database(tmp_path, url) as served:
        assert hit(served.public).status_code == 204


def test_a_dry_run_prints_the_sql_that_makes_the_same_tables_and_changes_nothing(tmp_path: Path) -> None:
    url = running().database(0)
    found = run("migrate", "--store", url, "--dry-run", folder=tmp_path)
    assert found.returncode == 0
    assert execute(url, "select count(*) from pg_tables where schemaname='public'") == [(0,)]
    psql = [program("psql"), "--no-psqlrc", "--quiet", "--single-transaction", "-v", "ON_ERROR_STOP=1"]
    subprocess.run([*psql, url], input=found.stdout, text=True, check=True)
    again = run("migrate", "--store", url, folder=tmp_path)
    assert again.stdout == "The tables are of version 3 already.\n"
    assert run("migrate", "--store", url, "--dry-run", folder=tmp_path).stdout == f"-- {again.stdout}"


def test_a_role_that_may_not_make_tables_is_told_so(tmp_path: Path) -> None:
    url = running().database(0)
    execute(url, "create role reader login")
    reading = by("reader", url)
    found = run("migrate", "--store", reading, folder=tmp_path)
    execute(url, "drop role reader")
    assert found.returncode == 1
    assert (
        "tag-container cannot migrate: the database refuses to have its tables made (permission denied" in found.stderr
    )
    assert "--dry-run" in found.stderr


@pytest.mark.parametrize("command", ["serve", "deliver"])
@pytest.mark.parametrize("stated", ["0", "65"])
def test_a_number_of_processes_that_cannot_be_is_told_with_those_that_can(
    tmp_path: Path, command: str, stated: str
) -> None:
    (tmp_path / "container.yaml").write_text(FILE, encoding="utf-8")
    found = run(command, "--workers", stated, folder=tmp_path, environment=environment(NOWHERE))
    assert found.returncode == 2
    assert f"{stated} processes cannot be: 1 to 64 can" in said(found.stderr)


@pytest.mark.parametrize("command", ["migrate", "deliver"])
def test_what_works_on_a_database_only_speaks_of_no_folder(tmp_path: Path, command: str) -> None:
    assert "--data" not in run(command, "--help", folder=tmp_path).stdout


def test_migrate_needs_a_database(tmp_path: Path) -> None:
    found = run("migrate", folder=tmp_path)
    assert found.returncode == 2
    assert "name the database with --store" in said(found.stderr)


def test_one_process_takes_hits_and_another_delivers(tmp_path: Path) -> None:
    url = running().database()
    local = ["--allow-egress", "127.0.0.1/32"]
    with vendor() as (text, came), on_database(tmp_path, url, "--no-deliver", text=text) as served:
        assert [hit(served.public, f"k{number}").status_code for number in range(5)] == [204] * 5
        assert (rows(url), came) == (5, [])
        with on_database(tmp_path / "other", url, *local, command="deliver", text=text) as delivering:
            soon(lambda: rows(url), 0)
            assert sum(body.count(b'"event_id"') for body in came) == 5
            assert ready(delivering.admin).status_code == 200
            delivering.wait_for(r"serve\.started .* store=postgresql delivers=true spool=false public=none")
            names = "select distinct application_name from pg_stat_activity where datname=current_database()"
            shown = {name for (name,) in execute(url, f"{names} and pid<>pg_backend_pid()")}
            assert shown == {"tag-container serve", "tag-container deliver"}
            served.wait_for(r"serve\.started .* store=postgresql delivers=false spool=false public=http")
            with httpx.Client(trust_env=False) as caller:
                assert "deliveries_total{" in caller.get(f"{delivering.admin}/metrics").text
            assert delivering.stop() == 0
        assert served.stop() == 0
    assert not (tmp_path / "data").exists()


def test_two_servers_share_what_happens_once(tmp_path: Path) -> None:
    url = running().database()
    with (
        on_database(tmp_path / "a", url, "--no-deliver") as one,
        on_database(tmp_path / "b", url, "--no-deliver") as two,
    ):
        for served in (one, two, one):
            assert hit(served.public, "the same").status_code == 204
        assert rows(url) == 1


def test_the_address_may_be_a_file_and_its_password_is_in_no_line(tmp_path: Path) -> None:
    url = by(f"{OWNER}:hidden-word", running().database())
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    for name, value in {"TAG_CONTAINER_STORE": url, "TAG_CONTAINER_KEY": KEY, "SERVED_TOKEN": "t"}.items():
        (secrets / name).write_text(value, encoding="utf-8")
    with serving(tmp_path, "--secrets-dir", str(secrets), environment={}) as served:
        assert hit(served.public).status_code == 204
        assert served.stop() == 0
    assert not any("hidden-word" in line for line in served.lines)


def test_while_the_database_hangs_hits_are_refused_and_a_probe_is_answered(tmp_path: Path) -> None:
    with cluster() as own:
        url = own.database()
        with on_database(tmp_path, url) as served:
            assert hit(served.public).status_code == 204
            with own.hanging():
                refused = hit(served.public, "k2")
                assert refused.status_code == 503
                assert int(refused.headers["retry-after"]) > 0
                begun = time.monotonic()
                said = ready(served.admin)
                took = time.monotonic() - begun
                assert (said.status_code, took < 5) == (503, True)
                stores = [each for each in said.json()["reasons"] if each.startswith("The store")]
                assert len(stores) == 1
            soon(lambda: hit(served.public, "k3").status_code, 204)
            soon(lambda: ready(served.admin).status_code, 200)
            assert served.stop(signal.SIGTERM) == 0


def test_while_the_database_is_away_hits_are_refused_and_afterwards_taken_again(tmp_path: Path) -> None:
    with cluster() as own:
        url = own.database()
        with on_database(tmp_path, url, "--no-deliver") as served:
            assert hit(served.public).status_code == 204
            assert ready(served.admin).status_code == 200
            own.kill()
            refused = hit(served.public, "k2")
            assert refused.status_code == 503
            assert int(refused.headers["retry-after"]) > 0
            soon(lambda: ready(served.admin).status_code, 503)
            assert "The store does not take deliveries (the database" in " ".join(ready(served.admin).json()["reasons"])
            own.start()
            soon(lambda: hit(served.public, "k3").status_code, 204)
            soon(lambda: ready(served.admin).status_code, 200)
            assert rows(url) == 2
            assert served.stop(signal.SIGTERM) == 0


def test_a_backup_that_was_put_back_is_said_and_its_old_deliveries_stay(tmp_path: Path) -> None:
    url = running().database()
    found = run("migrate", "--restored", "--store", url, folder=tmp_path)
    assert found.returncode == 0
    assert [line.split(" ", 1)[0] for line in found.stdout.splitlines()] == ["The", "0", "0"]
    assert "are dead letters now (gave_up)" in found.stdout
    assert run("migrate", "--restored", "--dry-run", "--store", url, folder=tmp_path).returncode == 2
