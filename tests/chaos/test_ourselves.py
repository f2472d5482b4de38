"""What may become of the process itself: no descriptors left, no memory, a machine in another zone and language."""

from __future__ import annotations

import asyncio
import random
import resource
from collections.abc import Mapping
from pathlib import Path

import pytest
import uvloop

from tests.chaos import client
from tests.chaos.checker import Known, violations
from tests.chaos.ledger import lines_of
from tests.chaos.left import left_in
from tests.chaos.scene import LANES, Server, Vendors, container, leads_to, names_of, server, vendors

DRAINED_WITHIN_SECONDS = 120.0
RATE = 100.0
PATIENCE_SECONDS = 5.0
FEW_DESCRIPTORS = 64
MOST_MORE_BYTES = 100 << 20
ELSEWHERE = {"TZ": "America/St_Johns", "LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8", "PYTHONUTF8": "0"}
TWO = ("pixel", "hook")


async def visited(
    target: Server, seconds: float, content: client.Content | None = None, prefix: str = "h"
) -> client.Client:
    visitors = client.Client(
        target.port, RATE, content or client.purchase(), random.Random(1), prefix, PATIENCE_SECONDS
    )
    visiting = asyncio.create_task(visitors.run())
    await asyncio.sleep(seconds)
    visitors.stop()
    await visiting
    return visitors


async def stopped(target: Server) -> None:
    await target.drained(DRAINED_WITHIN_SECONDS)
    target.terminate()
    assert await target.ended() == 0, target.tail()


def known(visitors: client.Client, target: Server, sink: Vendors) -> Known:
    return Known(
        acknowledged=visitors.acknowledged,
        sent=visitors.known,
        lines=lines_of(sink.ledger),
        left=left_in(target.store, names_of(sink.ports)),
        lanes={lane: LANES[lane] for lane in sink.ports},
        leads_to=leads_to,
    )


@pytest.mark.slow
def test_without_descriptors_it_is_alive_delivers_and_takes_hits_again(tmp_path: Path) -> None:
    async def scenario() -> Known:
        async with (
            vendors(tmp_path, **{lane: [] for lane in TWO}) as sink,
            server(tmp_path, container(sink.ports)) as it,
        ):
            it.limits = {resource.RLIMIT_NOFILE: FEW_DESCRIPTORS}
            it.start()
            await it.ready()
            idle = [await client.connected(it.port) for _ in range(2 * FEW_DESCRIPTORS)]
            # More visitors than it has descriptors: whoever gets none is not answered, and was promised nothing.
            visitors = await visited(it, 2.0)
            assert b"tag_container_" in await asyncio.to_thread(it.admin, "/metrics")
            for each in idle:
                if each is not None:
                    await each.close()
            again = client.Client(it.port, RATE, client.purchase(), random.Random(2), "again", PATIENCE_SECONDS)
            task = asyncio.create_task(again.run())
            await asyncio.sleep(2.0)
            again.stop()
            await task
            assert len(again.acknowledged) > RATE / 2
            visitors.sent += again.sent
            await stopped(it)
            return known(visitors, it, sink)

    assert violations(uvloop.run(scenario())) == []


@pytest.mark.slow
def test_large_hits_take_no_more_memory_than_what_is_under_way(tmp_path: Path) -> None:
    async def scenario() -> Known:
        async with (
            vendors(tmp_path, **{lane: [] for lane in TWO}) as sink,
            server(tmp_path, container(sink.ports)) as it,
        ):
            it.start()
            await it.ready()
            first = await visited(it, 1.0)
            used = status_bytes(it.pid, "VmRSS")
            visitors = await visited(it, 4.0, large(), "large")
            assert len(visitors.acknowledged) > RATE
            assert status_bytes(it.pid, "VmHWM") <= used + MOST_MORE_BYTES
            await it.drained(DRAINED_WITHIN_SECONDS)
            it.terminate()
            assert await it.ended() == 0, it.tail()
            visitors.sent += first.sent
            return known(visitors, it, sink)

    assert violations(uvloop.run(scenario())) == []


def large() -> client.Content:
    """Hits whose body has 100 kB in a parameter that nobody maps."""
    shape = client.purchase()

    def content(name: str) -> bytes:
        head, _, _ = shape(name).partition(b"\r\n\r\n")
        body = b"ep.padding=" + b"x" * 100_000
        head = head.replace(b"GET ", b"POST ", 1)
        return head + b"\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % len(body) + body

    return content


def status_bytes(pid: int, name: str) -> int:
    """What the system says of a process, in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


@pytest.mark.slow
def test_in_another_zone_and_language_the_same_is_sent(tmp_path: Path) -> None:
    async def sent(folder: Path, environment: Mapping[str, str]) -> list[tuple[str, str]]:
        async with vendors(folder, hook=[]) as sink, server(folder, container(sink.ports)) as it:
            it.environment = environment
            it.start()
            await it.ready()
            line = await client.connected(it.port)
            assert line is not None
            assert [await line.asked(client.purchase()(f"hit{number}0")) for number in range(3)] == [204] * 3
            await line.close()
            await stopped(it)
        return sorted(event for line in lines_of(sink.ledger) for event in line.accepted())

    for name in ("here", "there"):
        (tmp_path / name).mkdir()

    async def both() -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        return await sent(tmp_path / "here", {"TZ": "UTC"}), await sent(tmp_path / "there", ELSEWHERE)

    here, there = uvloop.run(both())
    assert len(here) == 3
    assert here == there
