"""Visitors: hits at a rate that waits for nobody, each with an event id of its own, and a ledger of what was answered.

A hit counts as acknowledged when the whole head of a 2xx was read. One whose connection broke may have been taken.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO
from urllib.parse import quote

from benchmarks.hits import MARK, purchases
from benchmarks.wire import request

VISITORS = 64
ANSWER_SECONDS = 30.0
_CONNECT_SECONDS = 5.0
Content = Callable[[str], bytes]
"""The request of a hit with this event id."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of a hit. `status` 0: nothing that is an answer. `at`: when the answer came, Unix milliseconds.

    `late`: milliseconds from when it was due until then. `begun`: when it was sent, Unix milliseconds.
    """

    id: str
    status: int
    at: float
    late: float
    begun: float = 0.0

    @property
    def acknowledged(self) -> bool:
        """Whether it was answered with 2xx."""
        return 200 <= self.status < 300


@dataclass(slots=True)
class Client:
    """Sends hits to a port from `run` until `stop`.

    `patience`: seconds that an answer is waited for. `ledger`: where each answer is written down, for whoever looks
    into a failure. `unsent`: due while there was nobody to connect to.
    """

    port: int
    rate: float
    content: Content
    chance: random.Random
    prefix: str = "h"
    patience: float = ANSWER_SECONDS
    ledger: Path | None = None
    sent: list[Sent] = field(default_factory=list)
    unsent: int = 0
    _written: IO[str] | None = None
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _due: asyncio.Queue[tuple[str, float] | None] = field(default_factory=asyncio.Queue)

    async def run(self) -> None:
        """Hits at random moments, as from many visitors (Poisson), until `stop`, and then until all are answered."""
        with self.ledger.open("a") if self.ledger else nullcontext() as self._written:
            await self._run()

    async def _run(self) -> None:
        visitors = [asyncio.create_task(self._visitor()) for _ in range(VISITORS)]
        number, due = 0, time.perf_counter()
        while not self._stopping.is_set():
            due += self.chance.expovariate(self.rate)
            wait = due - time.perf_counter()
            if wait > 0:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), wait)
                    break
            self._due.put_nowait((f"{self.prefix}{number:011d}", due))
            number += 1
        for _ in visitors:
            self._due.put_nowait(None)
        await asyncio.gather(*visitors)

    def stop(self) -> None:
        """No further hit is due."""
        self._stopping.set()

    @property
    def acknowledged(self) -> frozenset[str]:
        """Event ids of the hits that were answered with 2xx."""
        return frozenset(each.id for each in self.sent if each.acknowledged)

    @property
    def known(self) -> frozenset[str]:
        """Event ids of all hits that may have arrived."""
        return frozenset(each.id for each in self.sent)

    def _note(self, sent: Sent) -> None:
        self.sent.append(sent)
        if self._written is not None:
            self._written.write(f"{sent.id} {sent.status} {sent.at:.3f} {sent.late:.1f}\n")

    async def _visitor(self) -> None:
        line: Connection | None = None
        while (hit := await self._due.get()) is not None:
            name, due = hit
            if line is not None and line.broken:
                await line.close()
                line = None
            line = line or await connected(self.port, self.patience)
            if line is None:
                self.unsent += 1
                continue
            begun = time.time() * 1000
            status = await line.asked(self.content(name))
            if not status:
                await line.close()
                line = None
            self._note(Sent(name, status, time.time() * 1000, (time.perf_counter() - due) * 1000, begun))
        if line is not None:
            await line.close()


class Connection:
    """One connection, with a request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, patience: float) -> None:
        self._reader, self._writer, self._patience = reader, writer, patience

    async def asked(self, content: bytes) -> int:
        """The status of the answer, 0 when none came whole."""
        try:
            async with asyncio.timeout(self._patience):
                self._writer.write(content)
                head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.partition(b"\r\ncontent-length: ")[2].partition(b"\r\n")[0] or 0)
                await self._reader.readexactly(length)
                return int(head.split(b" ", 2)[1])
        except (asyncio.IncompleteReadError, OSError, TimeoutError, IndexError, ValueError):
            return 0

    @property
    def broken(self) -> bool:
        """Whether the other side has gone, as it is known before anything is sent."""
        return self._reader.at_eof() or self._reader.exception() is not None or self._writer.is_closing()

    async def close(self) -> None:
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()


async def connected(port: int, patience: float = ANSWER_SECONDS) -> Connection | None:
    """A connection to this machine, `None` when nobody is there."""
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            return Connection(*await asyncio.open_connection("127.0.0.1", port), patience)
    except (OSError, TimeoutError):
        return None


def purchase() -> Content:
    """A sale as a shop's page sends it, with the id in its place."""
    parts = request(purchases(1)[0]).split(MARK.encode())
    return lambda name: name.encode().join(parts)


def measurement(name: str, event: str = "purchase") -> bytes:
    """A short hit."""
    query = f"v=2&tid=G-TEST&cid=1.2&gcs=G111&en={quote(event)}&cu=EUR&epn.value=20&ep.event_id={quote(name)}"
    return f"GET /g/collect?{query} HTTP/1.1\r\nHost: t.shop.example\r\n\r\n".encode()
