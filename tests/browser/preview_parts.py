"""The preview screen on a real port, and a Chromium that looks at it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn

from container.preview.api import PreviewApi
from container.preview.sessions import Session
from tests.browser.tabs import WIDE, Tab, chromium
from tests.preview.page_parts import TOKEN, Workbench, listener
from tests.web.parts import NOW, site


class Desk:
    """A browser that shows a session, and the bench behind it."""

    def __init__(self, bench: Workbench, session: Session, tab: Tab, address: str, api: PreviewApi) -> None:
        self.bench, self.session, self.tab, self.address, self.api = bench, session, tab, address, api

    async def open(self, path: str = "") -> None:
        await self.tab.open(f"{self.address}/preview{path or '/' + self.session.id}")

    async def choose(self, tab: str) -> None:
        await self.tab.click(f'[data-tab="{tab}"]')
        await self.tab.first(f'[data-tab="{tab}"][aria-selected=true]').wait_for()

    async def panel(self, name: str) -> None:
        await self.tab.click(f'[data-panel="{name}"]')
        await self.tab.first(f'[data-panel="{name}"][aria-current=true]').wait_for()

    async def look(self, number: int, event: int = 0) -> None:
        await self.tab.click(f'[data-number="{number}"][data-event="{event}"]')
        await self.tab.first("[role=tabpanel]").wait_for()


@asynccontextmanager
async def desk(folder: Path, *, size: tuple[int, int] = WIDE) -> AsyncIterator[Desk]:
    bench = Workbench()
    api = PreviewApi(bench, TOKEN, lambda: NOW, beat=1.0)
    async with site(folder / "data") as here:
        application = listener(here, api)
        server = uvicorn.Server(uvicorn.Config(application, log_level="warning", lifespan="off"))
        # It listens already, so that whoever comes before the server waits.
        bound = socket.create_server(("127.0.0.1", 0))
        running = asyncio.create_task(server.serve(sockets=[bound]))
        try:
            port = bound.getsockname()[1]
            session = bench.sessions.start(NOW)
            async with chromium() as tab:
                found = Desk(bench, session, tab, f"http://127.0.0.1:{port}", api)
                await tab.size(size)
                # As an operator does: let in at the overview, after which the browser sends the password by itself.
                await tab.open(f"http://ada:{TOKEN}@127.0.0.1:{port}/")
                yield found
        finally:
            api.streams.close()
            server.should_exit = True
            await running


def looking(folder: Path, work: Callable[[Desk], Awaitable[None]], *, size: tuple[int, int] = WIDE) -> None:
    """Looks, and sees that the console had nothing to complain of, such as something that the policy forbade."""

    async def look() -> None:
        async with desk(folder, size=size) as here:
            await here.open()
            await work(here)
            assert here.tab.said == []

    asyncio.run(look())
