"""More hits than a process takes, and no descriptors left: a whole process, and callers that do not wait for it."""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest

from benchmarks import overload, servers
from benchmarks.example import example
from benchmarks.figures import percentile
from tests.cli.processes import FILE, PURCHASE, Serving, command, following, surroundings
from tests.cli.raw import hung_up, until
from tests.delivery.raw_sink import OK, Sink, sink
from tests.web.parts import run

FIRING = 8
"""Tags that fire: a hit takes more than a millisecond, so that it needs few of them to be too many."""


@pytest.mark.long
@pytest.mark.slow
def test_several_times_more_than_are_taken_are_refused_at_once_and_then_all_is_well(tmp_path: Path) -> None:
    every_core = os.sched_getaffinity(0)
    with servers.product(example("http://127.0.0.1:9", firing=FIRING), every_core, tmp_path) as server:
        plan = overload.Plan(calm=50.0, flood=4000.0, calm_seconds=4.0, flood_seconds=4.0)
        found = overload.flooded(server, plan)
        taken = sum(sent.status == 204 for sent in found.hits)
        assert server.rows() >= taken * FIRING
        assert server.dead() == 0
        said = (server.folder / servers.SAID).read_text(encoding="utf-8")
    assert found.unanswered == 0
    assert {sent.status for sent in found.hits} == {204, 503}
    assert found.without_retry_after == 0
    assert taken > 200
    assert found.taken_of(views=False) > found.taken_of(views=True)
    # Generous, since others use this machine: `benchmarks.overload` prints what it finds beside what is promised.
    assert percentile(found.refused, 0.5) < 250
    assert percentile(found.taken, 0.5) < 2500
    assert found.peak < found.before + 100
    assert [sent.status for sent in found.hits][-50:].count(204) > 25
    # Once when it begins, not for each of thousands.
    assert 1 <= said.count("hits.overload ") <= 3


@contextmanager
def serving_with_few(folder: Path, vendor: int, descriptors: int) -> Iterator[Serving]:
    """A `serve` that may open so many descriptors, whose vendor is on this machine."""
    text = FILE.replace("http://127.0.0.1:9/", f"http://127.0.0.1:{vendor}/")
    (folder / "container.yaml").write_text(text, encoding="utf-8")
    process = subprocess.Popen(
        command("serve", "--port", "0", "--admin-port", "0", "--allow-egress", "127.0.0.0/8"),
        cwd=folder,
        env=surroundings({"SERVED_TOKEN": "token"}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=partial(resource.setrlimit, resource.RLIMIT_NOFILE, (descriptors, descriptors)),
    )
    with following(process) as found:
        found.wait_for(r"serve\.started")
        yield found


def test_with_few_descriptors_deliveries_go_on_and_the_admin_port_answers(tmp_path: Path) -> None:
    async def work() -> tuple[int, int, str]:
        async def answer(writer: asyncio.StreamWriter) -> None:
            writer.write(OK)

        async with sink(answer) as vendor:
            with serving_with_few(tmp_path, vendor.port, 64) as served:
                found = await asyncio.to_thread(served.wait_for, r"serve\.started .* public=\S+:(\d+) admin=(\S+)")
                statuses = await besieged(int(found[1]), found[2], vendor)
                assert await asyncio.to_thread(served.stop) == 0
                return *statuses, "\n".join(served.lines)

    healthy, ready, said = run(work())
    assert (healthy, ready) == (204, 200)
    assert "Traceback" not in said


async def besieged(port: int, admin: str, vendor: Sink) -> tuple[int, int]:
    """What a hit and the admin port are answered while more connections are open than there are descriptors."""
    held = []
    async with httpx.AsyncClient(trust_env=False) as caller:
        assert (await caller.get(f"http://127.0.0.1:{port}/g/collect?{PURCHASE}&ep.event_id=a")).status_code == 204
        for _ in range(150):
            held.append(await asyncio.open_connection("127.0.0.1", port))
            held[-1][1].write(b"GET /g/collect HTTP/1.1\r\nhost: a\r\n")
        hit = await caller.get(f"http://127.0.0.1:{port}/g/collect?{PURCHASE}&ep.event_id=b")
        ready = await caller.get(f"{admin}/ready")
        await until(lambda: sum(request.count(b'"event_id":') for request in vendor.requests) >= 2)
    for _, writer in held:
        async with hung_up(writer):
            pass
    return hit.status_code, ready.status_code
