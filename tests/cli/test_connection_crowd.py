"""How many connections there may be, and who makes room."""

from __future__ import annotations

import asyncio
import resource
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import httpx
import pytest

from container.cli.crowd import MOST_CONNECTIONS, Crowd, Times, shares, spare_of
from tests.cli.processes import PURCHASE, ROOT, serving, surroundings
from tests.cli.raw import GET, POST, QUIET, Door, door, hung_up, until
from tests.web.parts import run

AT_ONCE = Times(settled=0.0)
HEALTHY = b"GET /healthy HTTP/1.1\r\nhost: a\r\n\r\n"


@dataclass(eq=False)
class Waiting:
    """A connection on which nothing is asked, for so long."""

    since: float
    yields: bool = True
    gone: bool = False

    def leave(self) -> None:
        self.gone = True

    def look(self, now: float) -> None:
        """Nothing takes too long here."""


def test_those_that_wait_longest_make_room() -> None:
    crowd = Crowd(most=40)
    members = [Waiting(since=float(number)) for number in range(40)]
    assert {crowd.join(member) for member in members} == {"inside"}
    assert crowd.join(Waiting(since=100.0)) == "inside"
    assert [member.since for member in members if member.gone] == [0.0, 1.0]
    # What is closing already counts no longer, and is not closed again.
    assert crowd.join(Waiting(since=101.0)) == "inside"
    assert sum(member.gone for member in members) == 2


def test_who_is_being_answered_makes_no_room() -> None:
    crowd = Crowd(most=2, spare=1)
    for _ in range(2):
        crowd.join(Waiting(since=0.0, yields=False))
    late = [Waiting(since=1.0, yields=False) for _ in range(2)]
    assert [crowd.join(member) for member in late] == ["spare", "outside"]
    crowd.leave(late[1])
    crowd.leave(late[0])
    assert crowd.join(Waiting(since=2.0)) == "spare"


@pytest.mark.parametrize(
    ("descriptors", "most", "admin"), [(4096, 1000, 100), (1024, 732, 100), (256, 80, 16), (64, 20, 4), (20, 4, 4)]
)
def test_descriptors_are_left_for_everybody_else(descriptors: int, most: int, admin: int) -> None:
    assert shares(descriptors) == (most, admin)
    held = most + spare_of(most) + admin + spare_of(admin)
    assert descriptors < 64 or held <= descriptors - min(64, descriptors // 2 - 1)
    assert most <= MOST_CONNECTIONS


def test_a_soft_limit_is_raised_as_far_as_it_is_allowed() -> None:
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (64, 300));"
        "from container.cli.crowd import most_connections;"
        "print(most_connections(), resource.getrlimit(resource.RLIMIT_NOFILE)[0])"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=surroundings(), capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == f"{shares(300)} 300"


@asynccontextmanager
async def crowded(folder: Path, held: bytes, number: int, **rules: Any) -> AsyncIterator[Door]:
    """A door with so many connections on which this was sent and nothing came back."""
    async with door(folder, **rules) as here:
        streams = [await here.open() for _ in range(number)]
        for _, writer in streams:
            writer.write(held)
        members: Any = here.crowd.members
        await until(lambda: len(members) == number and all(each._place for each in members if held))
        yield here
        for _, writer in streams:
            async with hung_up(writer):
                pass


@pytest.mark.parametrize("held", [b"", GET + b"x: ", POST + b"content-length: 10\r\n\r\nhalf"])
def test_a_hit_comes_in_while_every_connection_is_held_by_somebody_who_asks_nothing(
    tmp_path: Path, held: bytes
) -> None:
    async def work() -> list[list[int]]:
        async with crowded(tmp_path, held, 20, most=20, times=AT_ONCE) as here:
            return [(await here.say_and_stay(QUIET, answers=1)).statuses for _ in range(10)]

    assert run(work()) == [[204]] * 10


def test_while_all_are_busy_one_more_is_told_so_and_healthy_answers(tmp_path: Path) -> None:
    async def work() -> tuple[Any, ...]:
        half = POST + b"content-length: 10\r\n\r\nhalf"
        async with crowded(tmp_path, half, 4, most=4, spare=1, times=Times(settled=60.0)) as here:
            refused, healthy = await here.say(QUIET), await here.say(HEALTHY)
            kept = await here.open()
            beyond = await here.say(HEALTHY)
            async with hung_up(kept[1]):
                return refused, healthy, beyond, list(here.refused)

    refused, healthy, beyond, counted = run(work())
    assert refused.statuses == [503]
    assert b"\r\nretry-after: 5\r\n" in refused.text
    assert healthy.statuses == [200]
    assert b"connection: close" in healthy.text
    assert beyond.statuses == [503]
    assert counted == ["no_room", "no_room"]


def test_a_proxy_of_ours_is_not_asked_to_make_room(tmp_path: Path) -> None:
    async def work() -> list[int]:
        async with crowded(tmp_path, b"", 2, most=2, times=AT_ONCE, trusts=lambda _: True) as here:
            return (await here.say(QUIET)).statuses

    assert run(work()) == [503]


def test_a_connection_that_is_new_is_not_closed_before_it_could_ask(tmp_path: Path) -> None:
    async def work() -> list[int]:
        async with crowded(tmp_path, b"", 2, most=2, times=Times(settled=60.0)) as here:
            return (await here.say(QUIET)).statuses

    assert run(work()) == [503]


def test_a_thousand_idle_connections_hold_nobody_up(tmp_path: Path) -> None:
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < 4000:
        resource.setrlimit(resource.RLIMIT_NOFILE, (4000, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))

    async def work() -> list[float]:
        async with crowded(tmp_path, b"", 1000, times=Times(waiting=60.0, settled=0.0)) as here:
            took = []
            for _ in range(200):
                begun = monotonic()
                assert (await here.say_and_stay(QUIET, answers=1)).statuses == [204]
                took.append(monotonic() - begun)
            return sorted(took)

    # Most take a millisecond or two; a machine under load may take its time now and then.
    assert run(work())[180] < 0.1


@pytest.mark.slow
def test_a_process_without_descriptors_lives_on(tmp_path: Path) -> None:
    with serving(tmp_path) as served, httpx.Client(trust_env=False) as caller:
        public, admin, number = served.public, served.admin, served.process.pid
        assert caller.get(f"{public}/healthy").status_code == 200
        assert caller.get(f"{admin}/ready").status_code == 200
        limits = resource.prlimit(number, resource.RLIMIT_NOFILE)
        open_now = len(list(Path(f"/proc/{number}/fd").iterdir()))
        resource.prlimit(number, resource.RLIMIT_NOFILE, (open_now + 2, limits[1]))
        host, _, port = public.removeprefix("http://").partition(":")
        run(_many(host, int(port)))
        # What was open is answered all the while.
        assert caller.get(f"{admin}/ready").status_code == 200
        resource.prlimit(number, resource.RLIMIT_NOFILE, limits)
        with httpx.Client(trust_env=False) as another:
            assert another.get(f"{public}/g/collect?{PURCHASE}").status_code == 204
        assert served.stop() == 0
    assert not any("Traceback" in line for line in served.lines)
    assert len(served.lines) < 100


async def _many(host: str, port: int) -> None:
    """Opens more connections than there are descriptors, asks on each, and hangs up."""

    async def one() -> None:
        try:
            async with asyncio.timeout(1):
                reader, writer = await asyncio.open_connection(host, port)
                async with hung_up(writer):
                    writer.write(HEALTHY)
                    await reader.read(100)
        except (OSError, TimeoutError):
            pass

    await asyncio.gather(*(one() for _ in range(50)))
