"""Hundreds of hostile requests to a `serve` of the example container, while a visitor goes on shopping."""

from __future__ import annotations

import asyncio
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic

import pytest

from tests.cli.hostile import hostile, request
from tests.cli.processes import PATIENCE_SECONDS, ROOT, Serving, serving

pytestmark = pytest.mark.slow

REQUESTS = hostile()
AT_ONCE = 40
PERMITTED = {501, 503, 505}
"""Of those that begin with 5: a method or coding that nobody knows, no room, a version that nobody speaks."""

TELLING = re.compile(
    rb"Traceback|\.py\b|line \d+, in|site-packages|uvicorn|httptools|starlette|python|\d+\.\d+\.\d+", re.IGNORECASE
)
LONGEST_P99_SECONDS = 0.1
LISTENING_SECONDS = 0.5
"""Then a caller hangs up: many wait for more than they will get."""


def test_they_are_many_and_no_two_are_alike() -> None:
    assert len(REQUESTS) >= 300
    assert len(set(REQUESTS.values())) == len(REQUESTS)
    assert hostile() == REQUESTS


def resident(served: Serving) -> int:
    statm = Path(f"/proc/{served.process.pid}/statm").read_text(encoding="ascii")
    return int(statm.split()[1]) * 4096


class Shopper(threading.Thread):
    """A visitor whose hits go on until the block ends; each answer is timed."""

    def __init__(self, where: tuple[str, int]) -> None:
        super().__init__()
        self.where = where
        self.took: list[float] = []
        self.wrong: list[bytes] = []
        self.done = threading.Event()

    def run(self) -> None:
        hit = request()
        with socket.create_connection(self.where, timeout=PATIENCE_SECONDS) as connection:
            while not self.done.wait(0.005):
                begun = monotonic()
                connection.sendall(hit)
                answer = connection.recv(65_536)
                self.took.append(monotonic() - begun)
                if not answer.startswith(b"HTTP/1.1 204 "):
                    self.wrong.append(answer)
                    return

    def p99(self) -> float:
        return sorted(self.took)[int(len(self.took) * 0.99)]


@contextmanager
def shopping(where: tuple[str, int]) -> Iterator[Shopper]:
    shopper = Shopper(where)
    shopper.start()
    try:
        yield shopper
    finally:
        shopper.done.set()
        shopper.join()


async def send_all(where: tuple[str, int]) -> dict[str, bytes]:
    """What came back for each. Whoever sent half of a request hangs up after a moment."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(name: str, sent: bytes) -> tuple[str, bytes]:
        async with gate:
            return name, await _ask(where, sent)

    return dict(await asyncio.gather(*(one(name, sent) for name, sent in REQUESTS.items())))


async def _ask(where: tuple[str, int], sent: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(*where)
    answer = b""
    with suppress(ConnectionError, TimeoutError):
        async with asyncio.timeout(LISTENING_SECONDS):
            writer.write(sent)
            await writer.drain()
            while piece := await reader.read(65_536):
                answer += piece
    writer.transport.abort()
    return answer


def test_a_visitor_notices_nothing_of_them(tmp_path: Path) -> None:
    example = (ROOT / "container.yaml").read_text(encoding="utf-8")
    with serving(tmp_path, "--demo", text=example, environment={}) as served:
        host, _, port = served.public.removeprefix("http://").partition(":")
        where = host, int(port)
        with shopping(where) as alone:
            threading.Event().wait(2.0)
        asyncio.run(send_all(where))
        before = resident(served)
        slowest = []
        for _ in range(2):
            with shopping(where) as shopper:
                answers = asyncio.run(send_all(where))
            assert not shopper.wrong
            assert sum(bool(answer) for answer in answers.values()) > 200
            assert len(shopper.took) > 50
            slowest.append(shopper.p99())
            for name, answer in answers.items():
                statuses = [int(found) for found in re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)]
                assert all(each < 500 or each in PERMITTED for each in statuses), name
                assert not TELLING.search(_without_echo(answer)), (name, answer)
        grown = resident(served) - before
        with shopping(where) as after:
            threading.Event().wait(0.5)
        assert after.took
        assert not after.wrong
        assert served.stop() == 0
    # A machine that does much else is slow without them too.
    assert min(slowest) < max(LONGEST_P99_SECONDS, 5 * alone.p99())
    assert grown < 40_000_000
    assert not any("Traceback" in line or ".failed" in line for line in served.lines)


def _without_echo(answer: bytes) -> bytes:
    """The version of HTTP is one that may be told."""
    return answer.replace(b"HTTP/1.1", b"").replace(b"HTTP/1.0", b"")
