"""Hits as bytes on a connection, and connections that send them one after the other."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import cast

from benchmarks.hits import MARK, Shape

HEAD_ENDS = b"\r\n\r\n"
TAKEN = b"HTTP/1.1 204"
"""How the answer to every hit of the benchmarks begins."""

_numbers = count(1)


def fresh_numbers(most: int) -> int:
    """The first of so many numbers that no hit of this benchmark has used as its event id."""
    first = next(_numbers)
    for _ in range(most - 1):
        next(_numbers)
    return first


def request(shape: Shape) -> bytes:
    """The hit as it goes over the wire, its mark still in it."""
    headers = dict(shape.headers)
    if shape.body:
        headers |= {"Content-Type": "text/plain;charset=UTF-8", "Content-Length": str(len(shape.body.encode()))}
    lines = [f"{shape.method} {shape.target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", shape.body]).encode()


def requests(shapes: Sequence[Shape]) -> Iterator[bytes]:
    """Requests without end, each with an event id of its own."""
    parts = [request(shape).split(MARK.encode()) for shape in shapes]
    for number in count():
        own = b"%012d" % next(_numbers)
        yield own.join(parts[number % len(parts)])


@dataclass
class Answers:
    """What came back. `latencies`: seconds, of the hits that were taken."""

    latencies: list[float]
    refused: int = 0


class Connection(asyncio.Protocol):
    """One connection with at most one hit under way. `free` is told when the next one may be sent."""

    def __init__(self, answers: Answers, free: Callable[[Connection], None]) -> None:
        self._answers, self._free = answers, free
        self._transport: asyncio.Transport | None = None
        self._read = b""
        self._due = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # the name that asyncio calls
        """A server that hangs up while a hit is under way has not taken it."""
        if self._due:
            self._answers.refused += 1

    def send(self, content: bytes, due: float) -> None:
        """`due`: from when the hit's latency counts, in seconds of the monotonic clock."""
        assert self._transport is not None
        self._due = due
        self._transport.write(content)

    def data_received(self, data: bytes) -> None:
        self._read += data
        if not self._read.endswith(HEAD_ENDS):
            return
        if self._read.startswith(TAKEN):
            self._answers.latencies.append(time.perf_counter() - self._due)
        else:
            self._answers.refused += 1
        self._read, self._due = b"", 0.0
        self._free(self)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()


async def connected(port: int, many: int, answers: Answers, free: Callable[[Connection], None]) -> list[Connection]:
    """So many connections to a server on this machine."""
    loop = asyncio.get_running_loop()
    made = []
    for _ in range(many):
        _, connection = await loop.create_connection(lambda: Connection(answers, free), "127.0.0.1", port)
        made.append(connection)
    return made
