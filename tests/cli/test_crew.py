"""`--workers N`, when its processes die, and what they share: the totals, the latest requests, the rate of hits."""

from __future__ import annotations

import errno
import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from container.cli.build import build
from container.cli.crew import LONGEST_PAUSE_SECONDS, _Crew, pause_after
from container.cli.options import Options
from container.cli.sources import Sources
from container.config.registry import discover
from tests.cli.database import TOKEN, environment, on_database, rows, soon
from tests.cli.processes import FILE, PATIENCE_SECONDS, PURCHASE, Serving, command, following, surroundings
from tests.cli.test_database import hit, ready, vendor
from tests.cli.test_workers import BOTH, BROKEN, OTHER, accepted, joined, metric
from tests.delivery.postgres import execute, running

MEMBERS = ("admin", "worker-1", "worker-2")
LOCAL = ["--allow-egress", "127.0.0.1/32"]
NO_DELIVERY = "--no-deliver"


def page(served: Serving, path: str = "/") -> str:
    with httpx.Client(trust_env=False) as caller:
        return caller.get(f"{served.admin}{path}", auth=("", TOKEN)).text


def killed(served: Serving, name: str, *, times: int = 1) -> None:
    """The process that has this place, which is another one when this returns."""
    os.kill(joined(served, name, times=times), signal.SIGKILL)
    joined(served, name, times=times + 1)


@contextmanager
def watched(served: Serving) -> Iterator[list[float]]:
    """What `/metrics` says of accepted hits again and again, whenever it is answered."""
    found: list[float] = []
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            # Nobody answers while the process with the admin listener starts.
            with suppress(httpx.HTTPError):
                found.append(accepted(served))
            over.wait(0.05)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield found
    finally:
        over.set()
        looking.join()


def until(look: Callable[[], bool]) -> None:
    soon(look, True)


def test_whoever_ends_early_again_and_again_waits_longer_each_time_and_never_for_ever() -> None:
    assert [pause_after(times) for times in range(1, 8)] == [1, 2, 4, 8, 16, 30, 30]
    assert pause_after(1_000_000) == LONGEST_PAUSE_SECONDS


@pytest.fixture
def crew(tmp_path: Path) -> Iterator[_Crew]:
    """A leader that has told that all work, and whose members have all ended."""
    sources = Sources(tmp_path / "container.yaml", discover(), {}, lambda _: None)
    sources.path.write_text("version: 1\n", encoding="utf-8")
    with socket.socket() as admin:
        found = _Crew(Options("", 0, "", 0, tmp_path, workers=2), sources, build(sources), admin, None)
        found._announced = True
        yield found
        for descriptor in (found._leader, found._alive, found._woken, found._waking):
            os.close(descriptor)


@pytest.mark.parametrize(
    ("call", "number", "reason"),
    [("fork", errno.EAGAIN, "Resource temporarily unavailable"), ("pipe", errno.EMFILE, "Too many open files")],
)
def test_a_machine_without_room_for_a_process_ends_none_of_them(
    crew: _Crew,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    call: str,
    number: int,
    reason: str,
) -> None:
    def full() -> Any:
        raise OSError(number, os.strerror(number))

    descriptors = sum(1 for _ in Path("/proc/self/fd").iterdir())
    with monkeypatch.context() as patched:
        patched.setattr(os, call, full)
        for _ in range(2):
            assert crew._start("worker-1") is None
        crew._announced = False
        # At the start it is told and over: nothing was promised yet.
        with pytest.raises(OSError, match=reason):
            crew._start("worker-1")
    assert [line.getMessage() for line in caplog.records] == [
        f'serve.not_forked name=worker-1 reason="{reason}" again_in={pause}s' for pause in (1, 2)
    ]
    assert crew._due["worker-1"] > time.monotonic()
    assert sum(1 for _ in Path("/proc/self/fd").iterdir()) == descriptors
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, ()) & {signal.SIGTERM, signal.SIGINT}


@pytest.mark.long
@pytest.mark.slow
def test_no_total_falls_whichever_of_them_is_killed(tmp_path: Path) -> None:
    url = running().database()
    with on_database(tmp_path, url, *BOTH, NO_DELIVERY) as served, watched(served) as seen:
        for times, name in enumerate(("worker-1", "admin", "worker-2", "admin")):
            assert all(hit(served.public, f"{times}-{number}").status_code == 204 for number in range(10))
            # What was counted within the last second is lost with its process.
            soon(lambda wanted=10 * (times + 1): accepted(served) == wanted, True)  # type: ignore[misc]
            killed(served, name, times=2 if times == 3 else 1)
        # The worker and whoever knew what it had counted, together.
        for name in ("worker-1", "admin"):
            os.kill(joined(served, name, times=3 if name == "admin" else 2), signal.SIGKILL)
        joined(served, "worker-1", times=3)
        joined(served, "admin", times=4)
        until(lambda: len(seen) > 0 and ready(served.admin).status_code == 200)
        assert accepted(served) == rows(url) == 40
        assert hit(served.public, "last").status_code == 204
        soon(lambda: accepted(served), 41)
        assert served.stop() == 0
    assert all(before <= after for before, after in pairwise(seen))


@pytest.mark.slow
def test_the_admin_page_shows_the_latest_requests_of_all_workers_also_of_those_that_are_gone(tmp_path: Path) -> None:
    url = running().database()
    with vendor() as (text, _), on_database(tmp_path, url, *BOTH, *LOCAL, text=text) as served:
        for number in range(3):
            assert hit(served.public, f"k{number}").status_code == 204
            soon(lambda: rows(url), 0)
        soon(lambda: metric(served, "tag_container_delivery_requests_total"), 3)
        three = "The latest 3 requests, the newest first: delivered, delivered, delivered"
        until(lambda: three in page(served))
        assert page(served, "/lanes/1").count('data-name="Verdict"') == 3
        for name in MEMBERS:
            killed(served, name)
        until(lambda: three in page(served))
        assert served.stop() == 0


@pytest.mark.long
@pytest.mark.slow
def test_one_that_cannot_start_is_tried_less_and_less_often_and_the_others_go_on(tmp_path: Path) -> None:
    url = running().database()
    with on_database(tmp_path, url, *BOTH, NO_DELIVERY) as served:
        execute(url, "alter table meta rename to hidden")
        os.kill(joined(served, "worker-1"), signal.SIGKILL)
        # The first end is that of the one that was killed.
        pauses = [
            int(served.wait_for(r"serve\.ended name=worker-1 code=(?:-9|1) again_in=(\d+)s", times=n)[1])
            for n in (1, 2, 3)
        ]
        # A machine that is slow may have let it work for long enough to begin anew.
        assert pauses[1:] == [2, 4] if pauses[0] else pauses[1:] == [1, 2]
        assert served.wait_for(r"did not start: worker-1: .*")
        assert hit(served.public).status_code == 204
        assert ready(served.admin).status_code == 200
        execute(url, "alter table hidden rename to meta")
        joined(served, "worker-1", times=2)
        assert served.stop() == 0


@pytest.mark.slow
def test_while_one_waits_to_be_started_again_a_stop_ends_all_at_once(tmp_path: Path) -> None:
    url = running().database()
    with on_database(tmp_path, url, *BOTH, NO_DELIVERY) as served:
        execute(url, "alter table meta rename to hidden")
        os.kill(joined(served, "worker-2"), signal.SIGKILL)
        served.wait_for(r"serve\.ended name=worker-2 code=1 ", times=1)
        assert served.stop() == 0
        assert sum("serve.joined name=worker-2" in line for line in served.lines) == 1


@pytest.mark.slow
def test_a_stop_that_comes_while_they_start_ends_all_of_them(tmp_path: Path) -> None:
    (tmp_path / "container.yaml").write_text(FILE, encoding="utf-8")
    ports = ["--port", "0", "--admin-port", "0"]
    process = subprocess.Popen(
        command("serve", *ports, *BOTH, NO_DELIVERY),
        cwd=tmp_path,
        env=surroundings(environment(running().database())),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with following(process) as served:
        # Only the process with the admin listener works, and the workers have just begun.
        joined(served, "admin")
        assert served.stop() == 0
    assert not any("serve.started" in line for line in served.lines)


@pytest.mark.slow
def test_one_that_is_killed_while_all_of_them_stop_is_told_by_the_exit_code(tmp_path: Path) -> None:
    with on_database(tmp_path, running().database(), *BOTH, NO_DELIVERY, "--drain", "10") as served:
        served.process.send_signal(signal.SIGTERM)
        served.wait_for(r"serve\.draining", times=2)
        os.kill(joined(served, "worker-1"), signal.SIGKILL)
        assert served.stop() == 1


@pytest.mark.slow
def test_each_line_says_which_process_it_is_of(tmp_path: Path) -> None:
    with on_database(tmp_path, running().database(), *BOTH, NO_DELIVERY) as served:
        (tmp_path / "container.yaml").write_text(OTHER, encoding="utf-8")
        served.process.send_signal(signal.SIGHUP)
        for name in MEMBERS:
            served.wait_for(rf"config\.reloaded .* process={name}$")
        assert served.stop() == 0
    with on_database(tmp_path / "b", running().database(), *BOTH, NO_DELIVERY, "--log-format", "json") as served:
        served.wait_for(r"serve\.joined", times=3)
        assert served.stop() == 0
        for name in MEMBERS:
            served.wait_for(rf'"event":"serve\.stopped","process":"{name}"')


@pytest.mark.slow
def test_a_file_that_is_watched_and_has_a_mistake_keeps_all_of_them_on_the_old_one(tmp_path: Path) -> None:
    with on_database(tmp_path, running().database(), *BOTH, NO_DELIVERY, "--watch") as served:
        version = served.wait_for(r"serve\.started version=(\w+)")[1]
        (tmp_path / "container.yaml").write_text(BROKEN, encoding="utf-8")
        for name in MEMBERS:
            served.wait_for(rf"config\.refused .* kept={version} process={name}$")
        assert all(hit(served.public, f"k{number}").status_code == 204 for number in range(5))
        until(lambda: metric(served, "tag_container_config_last_reload_successful") == 0)
        with httpx.Client(trust_env=False) as caller:
            told = re.findall(r'config_info\{version="(\w+)"', caller.get(f"{served.admin}/metrics").text)
            assert told == [version]
            for address in (served.public, served.admin):
                assert caller.get(f"{address}/healthy").status_code == 200
        assert ready(served.admin).status_code == 200
        (tmp_path / "container.yaml").write_text(OTHER, encoding="utf-8")
        for name in MEMBERS:
            served.wait_for(rf"config\.reloaded .* process={name}$")
        until(lambda: metric(served, "tag_container_config_last_reload_successful") == 1)
        assert ready(served.admin).json()["reasons"] == []
        assert served.stop() == 0


@pytest.mark.slow
def test_an_address_may_send_so_many_hits_to_all_workers_together(tmp_path: Path) -> None:
    url, visitor = running().database(), {"x-forwarded-for": "203.0.113.9"}
    limits = ["--rate-limit", "2", "--trusted-proxy", "127.0.0.1/32"]
    with on_database(tmp_path, url, *BOTH, NO_DELIVERY, *limits) as served:
        begun = time.monotonic()
        # A connection of its own for each, so that both workers get some.
        found = [hit_of(served, visitor, f"k{number}") for number in range(60)]
        seconds = time.monotonic() - begun
        assert seconds < PATIENCE_SECONDS
        # A bucket holds the hits of four seconds. Two of them would hold twice as many.
        assert 8 <= found.count(204) <= 8 + 2 * seconds + 1
        assert set(found) == {204, 429}
        killed(served, "worker-1")
        killed(served, "worker-2")
        # What is remembered outlives them: a burst would be taken anew.
        spent = sum(hit_of(served, visitor, f"m{number}") == 204 for number in range(30))
        since = time.monotonic() - begun
        assert found.count(204) + spent <= 8 + 2 * since + 1
        assert served.stop() == 0


def hit_of(served: Serving, headers: dict[str, str], event: str) -> int:
    with httpx.Client(trust_env=False) as caller:
        return caller.get(f"{served.public}/g/collect?{PURCHASE}&ep.event_id={event}", headers=headers).status_code
