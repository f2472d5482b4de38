"""Vendors of raw sockets on loopback, and the transport of production in front of them."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import httpx
from aiohttp.abc import AbstractResolver

from container.delivery.egress import Network
from container.delivery.row import row_of
from container.delivery.store import ClaimedRow
from container.delivery.transport import ADDRESS_KEPT_SECONDS, NoAnswer, Transport, vendor_transport
from container.effects import Request, Response
from tests.delivery.harness import LOOPBACK, NOW, SECRETS, planned

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Sink:
    """A vendor of raw sockets: reads a request, then does as `answer` says."""

    answer: Answer
    port: int = 0
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if (task := asyncio.current_task()) is not None:
            self.tasks.append(task)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"\r\ncontent-length: ")[2].partition(b"\r\n")[0] or 0)
                self.requests.append(head + await reader.readexactly(length))
                await self.answer(writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            return
        finally:
            writer.close()


@asynccontextmanager
async def sink(
    answer: Answer, *, hosts: Sequence[str] = ("127.0.0.1",), tls: ssl.SSLContext | None = None
) -> AsyncIterator[Sink]:
    """The hosts are served on one port."""
    found = Sink(answer)
    servers = [await asyncio.start_server(found.serve, hosts[0], 0, ssl=tls)]
    found.port = servers[0].sockets[0].getsockname()[1]
    servers += [await asyncio.start_server(found.serve, host, found.port, ssl=tls) for host in hosts[1:]]
    try:
        yield found
    finally:
        for server in servers:
            server.close()
        for task in found.tasks:
            task.cancel()
        await asyncio.gather(*found.tasks, return_exceptions=True)
        await asyncio.sleep(0)


@asynccontextmanager
async def transport(
    *,
    exceptions: Sequence[Network] = LOOPBACK,
    total: float = 5.0,
    mock: httpx.AsyncBaseTransport | None = None,
    resolver: AbstractResolver | None = None,
    address_kept: float = ADDRESS_KEPT_SECONDS,
) -> AsyncIterator[Transport]:
    inner = mock or vendor_transport(exceptions, resolver=resolver, address_kept=address_kept)
    found = Transport(inner, SECRETS.get, total=total)
    try:
        yield found
    finally:
        await found.close()


def claimed(request: Request, number: int = 1) -> ClaimedRow:
    row = row_of(planned(number, request), now=NOW)
    return ClaimedRow(
        number, row.id, row.frame, row.item, row.tag, row.event_name, row.event_time, 1, 0, 0, row.first, row.give_up
    )


def post(port: int, path: str = "/", **more: object) -> ClaimedRow:
    return claimed(replace(Request("POST", f"http://127.0.0.1:{port}{path}", json={"a": 1}), **more))  # type: ignore[arg-type]  # the fields of a request


def sending(data: bytes) -> Answer:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(data)

    return answer


async def exchange(answer: Answer, *, total: float = 5.0) -> tuple[Response | NoAnswer, Sink]:
    async with sink(answer) as found, transport(total=total) as sender:
        return await sender.send([post(found.port)], now=NOW), found
