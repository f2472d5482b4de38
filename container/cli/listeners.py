"""Sockets and servers: several applications in one process, on one event loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from container.cli.connection import half_sent
from container.cli.crowd import Crowd
from container.cli.faults import answering
from container.cli.turns import connections

BACKLOG = 2048
EVERYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104  # only compared
"""Hosts that stand for all addresses of the machine."""

DRAIN_SECONDS = 6
"""How long the hits that are open may take to finish once the listener is closed."""

LEFT_SECONDS = 2
"""And then, for answers that are being written."""


class Server(uvicorn.Server):
    """A server that leaves signals to the process, which has several of them, and says when it accepts."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.accepting = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.accepting.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


class Listener:
    """An application on a socket that listens already. It serves from `start` to `stop`.

    `drain_seconds`: how long `stop` waits for open requests. `crowd`: its connections, and what holds for them.
    """

    def __init__(
        self,
        application: Any,
        bound: socket.socket,
        *,
        drain_seconds: int = 1,
        crowd: Crowd | None = None,
    ) -> None:
        self._bound = bound
        self._crowd = Crowd() if crowd is None else crowd
        self._drain_seconds = drain_seconds
        self._hurried = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._order: asyncio.Task[None] | None = None
        self._server = Server(
            uvicorn.Config(
                answering(application),
                http=connections(self._crowd),
                ws="none",
                interface="asgi3",
                lifespan="off",
                backlog=BACKLOG,
                log_config=None,
                access_log=False,
                server_header=False,
                date_header=False,
                # Addresses are read by ingest, which knows whom to believe.
                proxy_headers=False,
                timeout_graceful_shutdown=drain_seconds + LEFT_SECONDS,
            )
        )

    async def start(self) -> None:
        """Begins to answer connections."""
        self._task = asyncio.create_task(self._server.serve(sockets=[self._bound]))
        accepting = asyncio.create_task(self._server.accepting.wait())
        await asyncio.wait({accepting, self._task}, return_when=asyncio.FIRST_COMPLETED)
        accepting.cancel()
        if self._task.done():
            # It can only have failed; its exception is ours.
            self._task.result()
        self._order = asyncio.create_task(self._crowd.keep_order())

    def close(self) -> None:
        """Takes no further connection, at once."""
        for server in self._server.servers if self._task is not None else ():
            server.close()
        self._bound.close()
        self._server.should_exit = True

    def hurry(self) -> None:
        """Whoever has asked twice does not want to wait for requests of which only half has come."""
        self._hurried.set()

    async def stop(self) -> None:
        """Closes the listener and returns when its open requests have been answered.

        A request of which the rest does not come within the time is no fault of ours: its connection is closed.
        """
        self.close()
        if self._task is None:
            return
        hurried = asyncio.create_task(self._hurried.wait())
        both = {self._task, hurried}
        await asyncio.wait(both, timeout=self._drain_seconds, return_when=asyncio.FIRST_COMPLETED)
        hurried.cancel()
        if not self._task.done():
            for each in half_sent(self._server.server_state.connections):
                each.transport.close()
        await self._task
        if self._order is not None:
            self._order.cancel()


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 takes a free one. Raises `OSError`."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    bound = socket.socket(family, kind, protocol)
    # Two sockets may be bound to one address, but only one of them can listen.
    with listening(bound, BACKLOG):
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    return bound


@contextmanager
def listening(bound: socket.socket, backlog: int) -> Iterator[None]:
    """Has a socket listen that is bound within. It is closed if it cannot."""
    try:
        yield
        bound.listen(backlog)
    except OSError:
        bound.close()
        raise
    bound.setblocking(False)


def address_of(bound: socket.socket) -> str:
    """`http://127.0.0.1:8080`. A socket on all addresses is shown by the one that reaches it from here."""
    host, port = bound.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # only compared
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"
