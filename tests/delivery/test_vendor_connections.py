"""Connections that break under a request: what had been idle is tried once more at once, everything else later."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from container.delivery.store import ClaimedRow
from container.delivery.transport import NoAnswer, Transport
from container.effects import Request, Response
from tests.delivery.harness import NOW, run
from tests.delivery.raw_sink import OK, claimed, transport

POINTS = ("connect", "headers", "body", "before_reply", "mid_reply")
METHODS = ("POST", "PUT", "GET", "DELETE")
BODY = "x" * 300_000
BROKEN = "the connection broke, or the answer is no HTTP"


@dataclass
class Breaking:
    """A vendor that resets connections. `plan`: from the connection and its request, both from 1, to where it does."""

    plan: Callable[[int, int], str]
    port: int = 0
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)
    open: list[asyncio.StreamWriter] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open.append(writer)
        connection, request = self.connections, 0
        try:
            while True:
                request += 1
                point = self.plan(connection, request)
                if point == "connect":
                    return
                head = await reader.readexactly(10)
                if point == "headers":
                    return
                head += await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"\r\ncontent-length: ")[2].partition(b"\r\n")[0] or 0)
                if point == "body":
                    await reader.readexactly(min(length, 1000))
                    return
                self.requests.append(head + await reader.readexactly(length))
                if point == "mid_reply":
                    writer.write(b"HTTP/1.1 200 O")
                    await writer.drain()
                    await asyncio.sleep(0.1)
                if point in ("before_reply", "mid_reply"):
                    return
                if point == "close":
                    writer.close()
                    return
                writer.write(OK)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            reset(writer)


def reset(writer: asyncio.StreamWriter) -> None:
    """Ends the connection with a reset, whatever is on its way."""
    raw: socket.socket = writer.get_extra_info("socket")
    if not writer.transport.is_closing():
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()


@asynccontextmanager
async def breaking(plan: Callable[[int, int], str]) -> AsyncIterator[Breaking]:
    found = Breaking(plan)
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0)
    found.port = server.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        server.close()
        for writer in found.open:
            reset(writer)
        await asyncio.sleep(0)


def row(port: int, method: str = "POST") -> ClaimedRow:
    body = None if method == "GET" else BODY
    return claimed(Request(method, f"http://127.0.0.1:{port}/", body=body))


async def sent(sender: Transport, port: int, method: str = "POST") -> tuple[Response | NoAnswer, int]:
    """The answer, and how often the request left once more."""
    resent: list[None] = []
    answer = await sender.send([row(port, method)], now=NOW, resent=lambda: resent.append(None))
    return answer, len(resent)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("point", POINTS)
def test_a_new_connection_that_is_reset_is_not_tried_again_at_once(point: str, method: str) -> None:
    async def scenario() -> None:
        async with breaking(lambda *_: point) as vendor, transport() as sender:
            answer, resent = await sent(sender, vendor.port, method)
            assert isinstance(answer, NoAnswer)
            assert answer.cause == "no_answer"
            assert (vendor.connections, resent) == (1, 0)

    run(scenario())


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("point", POINTS)
def test_an_idle_connection_that_is_reset_is_replaced_by_a_new_one(point: str, method: str) -> None:
    async def scenario() -> None:
        async with breaking(lambda at, nth: point if (at, nth) == (1, 2) else "") as vendor, transport() as sender:
            first, _ = await sent(sender, vendor.port)
            assert isinstance(first, Response)
            answer, resent = await sent(sender, vendor.port, method)
            if point == "mid_reply":
                assert answer == NoAnswer("no_answer", BROKEN)
                assert (vendor.connections, resent) == (1, 0)
                return
            assert isinstance(answer, Response)
            assert answer.body == b"ok"
            # Where the reset is seen before the request leaves, it leaves once.
            assert vendor.connections == 2
            assert resent == 1 or point == "connect"
            assert vendor.requests[-1].endswith(b"\r\n\r\n" if method == "GET" else BODY.encode())

    run(scenario())


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("point", ["headers", "body", "before_reply", "close"])
def test_nothing_is_sent_three_times(point: str, method: str) -> None:
    async def scenario() -> None:
        async with breaking(lambda at, nth: "" if (at, nth) == (1, 1) else point) as vendor, transport() as sender:
            await sent(sender, vendor.port)
            answer, resent = await sent(sender, vendor.port, method)
            assert answer == NoAnswer("no_answer", BROKEN)
            assert (vendor.connections, resent) == (2, 1)

    run(scenario())


def test_an_idle_connection_that_is_closed_without_a_word_is_replaced() -> None:
    async def scenario() -> None:
        async with breaking(lambda at, nth: "close" if (at, nth) == (1, 2) else "") as vendor, transport() as sender:
            await sent(sender, vendor.port)
            answer, resent = await sent(sender, vendor.port)
            assert isinstance(answer, Response)
            assert (vendor.connections, resent) == (2, 1)

    run(scenario())


def test_it_is_not_tried_on_another_idle_connection() -> None:
    async def scenario() -> None:
        together = asyncio.Barrier(12)

        async def filled(sender: Transport, port: int) -> None:
            await together.wait()
            await sent(sender, port)

        def plan(at: int, nth: int) -> str:
            return "before_reply" if at <= 12 and nth == 2 else ""

        async with breaking(plan) as vendor, transport() as sender:
            await asyncio.gather(*(filled(sender, vendor.port) for _ in range(12)))
            assert vendor.connections == 12
            answer, resent = await sent(sender, vendor.port)
            assert isinstance(answer, Response)
            assert (vendor.connections, resent) == (13, 1)

    run(scenario())


def test_an_answer_that_does_not_come_is_no_reason_to_send_again() -> None:
    async def scenario() -> None:
        silent = asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            for nth in range(2):
                head = await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(int(head.lower().partition(b"\r\ncontent-length: ")[2].partition(b"\r\n")[0]))
                if nth:
                    await silent.wait()
                writer.write(OK)
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with transport(total=0.5) as sender:
            assert isinstance((await sent(sender, port))[0], Response)
            answer, resent = await sent(sender, port)
        assert answer == NoAnswer("no_answer", "no answer in time")
        assert resent == 0
        silent.set()
        server.close()

    run(scenario())


def test_the_same_bytes_go_both_times() -> None:
    async def scenario() -> None:
        async with breaking(lambda at, nth: "before_reply" if (at, nth) == (1, 2) else "") as vendor:
            async with transport() as sender:
                await sent(sender, vendor.port)
                await sent(sender, vendor.port)
            assert len(vendor.requests) == 3
            assert len(set(vendor.requests)) == 1

    run(scenario())
