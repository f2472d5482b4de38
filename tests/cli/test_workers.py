"""`--workers N`: several processes that appear as one."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import httpx
import pytest

from tests.cli.database import TOKEN, environment, on_database, rows, soon
from tests.cli.processes import FILE, PATIENCE_SECONDS, Serving, run
from tests.cli.test_database import hit, ready, vendor
from tests.delivery.postgres import running

pytestmark = pytest.mark.slow
OTHER = FILE.replace("name: Served", "name: Other")
BROKEN = FILE.replace("triggers: [Purchase]", "triggers: [Purchases]")
BOTH = ["--workers", "2"]


def joined(served: Serving, name: str, *, times: int = 1) -> int:
    """The process that has this place."""
    return int(served.wait_for(rf"serve\.joined name={name} pid=(\d+)", times=times)[1])


def metric(served: Serving, name: str) -> float:
    with httpx.Client(trust_env=False) as caller:
        lines = caller.get(f"{served.admin}/metrics").text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith((f"{name}{{", f"{name} ")))


def accepted(served: Serving) -> float:
    return metric(served, "tag_container_hits_accepted_total")


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def until_gone(process: int) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while alive(process):
        assert time.monotonic() < until
        time.sleep(0.05)


def test_they_share_a_port_deliver_and_are_counted_together(tmp_path: Path) -> None:
    url = running().database()
    local = ["--allow-egress", "127.0.0.1/32"]
    with vendor() as (text, came), on_database(tmp_path, url, *BOTH, *local, text=text) as served:
        assert [hit(served.public, f"k{number}").status_code for number in range(20)] == [204] * 20
        soon(lambda: rows(url), 0)
        assert sum(body.count(b'"event_id"') for body in came) == 20
        soon(lambda: accepted(served), 20)
        soon(lambda: metric(served, "tag_container_delivery_delivered_total"), 20)
        assert metric(served, "tag_container_ready") == 1
        assert metric(served, "tag_container_build_info") == 1
        assert ready(served.admin).json() == {"ready": True, "reasons": []}
        assert served.stop() == 0
    assert not any(" ERROR " in line for line in served.lines)


def test_one_that_is_killed_is_started_again_and_what_it_counted_still_counts(tmp_path: Path) -> None:
    url = running().database()
    with on_database(tmp_path, url, *BOTH, "--no-deliver") as served:
        assert all(hit(served.public, f"a{number}").status_code == 204 for number in range(20))
        soon(lambda: accepted(served), 20)
        for more, name in enumerate(("worker-1", "worker-2")):
            # What it has not told of yet when it is killed, nobody knows.
            soon(lambda: accepted(served), 20 + more)
            os.kill(joined(served, name), signal.SIGKILL)
            served.wait_for(rf"WARNING serve\.ended name={name} code=-9")
            joined(served, name, times=2)
            before = accepted(served)
            assert hit(served.public, f"b-{name}").status_code == 204
            soon(lambda wanted=before + 1: accepted(served) == wanted, True)  # type: ignore[misc]
        assert accepted(served) == rows(url) == 22
        assert served.stop() == 0


def test_the_one_with_the_admin_listener_is_started_again_too(tmp_path: Path) -> None:
    with on_database(tmp_path, running().database(), *BOTH, "--no-deliver") as served:
        os.kill(joined(served, "admin"), signal.SIGKILL)
        joined(served, "admin", times=2)
        soon(lambda: ready(served.admin).status_code, 200)
        assert hit(served.public).status_code == 204
        assert served.stop() == 0


def test_a_reload_reaches_all_of_them_and_whoever_is_started_later(tmp_path: Path) -> None:
    with on_database(tmp_path, running().database(), *BOTH, "--no-deliver") as served:
        (tmp_path / "container.yaml").write_text(OTHER, encoding="utf-8")
        served.process.send_signal(signal.SIGHUP)
        version = served.wait_for(r"config\.reloaded version=(\w+)", times=3)[1]
        (tmp_path / "container.yaml").write_text(BROKEN, encoding="utf-8")
        served.process.send_signal(signal.SIGHUP)
        served.wait_for(r"config\.refused .* kept=" + version, times=3)
        os.kill(joined(served, "worker-1"), signal.SIGKILL)
        joined(served, "worker-1", times=2)
        with httpx.Client(trust_env=False) as caller:
            soon(lambda: caller.get(f"{served.admin}/metrics").text.count("config_info{"), 1)
        [said] = ready(served.admin).json()["reasons"]
        assert f"Version {version} goes on." in said
        assert metric(served, "tag_container_config_last_reload_successful") == 0
        assert served.stop() == 0


def test_a_changed_file_is_noticed_once_for_all_of_them(tmp_path: Path) -> None:
    with on_database(tmp_path, running().database(), *BOTH, "--no-deliver", "--watch") as served:
        (tmp_path / "container.yaml").write_text(OTHER, encoding="utf-8")
        served.wait_for(r"config\.reloaded", times=3)
        assert served.stop() == 0
    assert sum("config.reloaded" in line for line in served.lines) == 3


def test_a_second_signal_hurries_all_of_them(tmp_path: Path) -> None:
    with on_database(tmp_path, running().database(), *BOTH, "--no-deliver", "--drain", "10") as served:
        assert hit(served.public).status_code == 204
        served.process.send_signal(signal.SIGINT)
        served.wait_for(r"serve\.draining", times=2)
        assert hit(served.public, "k2").status_code == 204
        begun = time.monotonic()
        assert served.stop(signal.SIGINT) == 0
        assert time.monotonic() - begun < 9


def test_when_the_one_that_leads_is_killed_the_others_stop(tmp_path: Path) -> None:
    with on_database(tmp_path, running().database(), *BOTH, "--no-deliver") as served:
        assert hit(served.public).status_code == 204
        members = [joined(served, name) for name in ("admin", "worker-1", "worker-2")]
        served.process.kill()
        for process in members:
            until_gone(process)
        served.wait_for(r"serve\.stopped", times=3)


def test_deliver_may_be_several_too(tmp_path: Path) -> None:
    url = running().database()
    local = ["--allow-egress", "127.0.0.1/32"]
    with vendor() as (text, came), on_database(tmp_path, url, "--no-deliver", text=text) as served:
        assert [hit(served.public, f"k{number}").status_code for number in range(5)] == [204] * 5
        with on_database(tmp_path / "b", url, *BOTH, *local, command="deliver", text=text) as delivering:
            soon(lambda: rows(url), 0)
            soon(lambda: metric(delivering, "tag_container_delivery_delivered_total"), 5)
            assert sum(body.count(b'"event_id"') for body in came) == 5
            assert delivering.stop() == 0


def test_a_start_that_fails_for_one_fails_for_all_and_says_so_once(tmp_path: Path) -> None:
    (tmp_path / "container.yaml").write_text(FILE, encoding="utf-8")
    ports = ["--port", "0", "--admin-port", "0"]
    found = run("serve", *BOTH, *ports, folder=tmp_path, environment=environment(running().database(0)))
    assert found.returncode == 1
    assert found.stderr.count("the database has no tables yet") == 1
    assert TOKEN not in found.stderr
