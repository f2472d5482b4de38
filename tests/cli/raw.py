"""A listener on a socket, and callers that write bytes to it as they are."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from container.cli.crowd import Crowd
from container.cli.listeners import Listener, bind
from container.web.app import public_app
from container.web.metrics import Refusal
from tests.cli.processes import PATIENCE_SECONDS
from tests.web.parts import Site, site

HOST = b"host: shop.example\r\n"
TARGET = b"/collect?name=purchase"
GET = b"GET " + TARGET + b" HTTP/1.1\r\n" + HOST
POST = b"POST " + TARGET + b" HTTP/1.1\r\n" + HOST
QUIET = b"GET /collect?name=quiet HTTP/1.1\r\n" + HOST + b"\r\n"

_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) [^\r\n]*\r\n")


@dataclass(frozen=True, slots=True)
class Said:
    """What came back until the connection ended. `cut`: it was reset rather than closed."""

    text: bytes
    cut: bool = False

    @property
    def statuses(self) -> list[int]:
        return [int(found) for found in _STATUS.findall(self.text)]


@dataclass(frozen=True, slots=True)
class Door:
    """A listener that runs. `refused`: what it was told of."""

    port: int
    site: Site
    crowd: Crowd
    refused: list[Refusal] = field(default_factory=list)

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def say(self, *pieces: bytes, pause: float = 0.0) -> Said:
        """Writes the pieces and reads until the other side ends the connection."""
        reader, writer = await self.open()
        return await talk(reader, writer, pieces, pause=pause)

    async def say_and_stay(self, *pieces: bytes, answers: int) -> Said:
        """Writes the pieces, reads so many answers without a body, and hangs up."""
        reader, writer = await self.open()
        async with hung_up(writer), asyncio.timeout(PATIENCE_SECONDS):
            for piece in pieces:
                writer.write(piece)
                await asyncio.sleep(0)
            text = b""
            while len(_STATUS.findall(text)) < answers or not text.endswith(b"\r\n\r\n"):
                piece = await reader.read(65_536)
                if not piece:
                    break
                text += piece
            return Said(text)


async def talk(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pieces: Sequence[bytes], *, pause: float = 0.0
) -> Said:
    """Writes the pieces while it reads, until the other side ends the connection."""

    async def write() -> None:
        with suppress(ConnectionError):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(pause)

    writing = asyncio.create_task(write())
    text, cut = b"", False
    async with hung_up(writer), asyncio.timeout(PATIENCE_SECONDS):
        try:
            while piece := await reader.read(65_536):
                text += piece
        except ConnectionError:
            cut = True
        writing.cancel()
        with suppress(asyncio.CancelledError):
            await writing
    return Said(text, cut)


@asynccontextmanager
async def hung_up(writer: asyncio.StreamWriter) -> AsyncIterator[None]:
    """The connection is closed with the block."""
    try:
        yield
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


@asynccontextmanager
async def door(folder: Path, *, application: Any = None, **rules: Any) -> AsyncIterator[Door]:
    """A public listener with a real store behind it. `rules`: what its crowd holds to."""
    refused: list[Refusal] = []
    async with site(folder, limits=rules.get("limits")) as here:
        bound = bind("127.0.0.1", 0)
        crowd = Crowd(refused=refused.append, **rules)
        listener = Listener(application or public_app(here.ingest), bound, crowd=crowd)
        port = bound.getsockname()[1]
        await listener.start()
        try:
            yield Door(port, here, crowd, refused)
        finally:
            await listener.stop()


async def until(holds: Callable[[], Any]) -> None:
    """Returns once it holds, and fails when that takes too long."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not holds():  # noqa: ASYNC110  # nobody tells of what is looked at from outside
            await asyncio.sleep(0.002)
