"""Somebody opens the link of a preview with a real browser, and presses the button; another site's page cannot."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvicorn

from container.web.app import Application
from tests.browser.tabs import CHROMIUM, Tab, chromium
from tests.web.test_previewing import Place, place

pytestmark = [
    pytest.mark.chromium,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]

ELSEWHERE = '<!doctype html><form method="post" action="%s"><button>Win a prize</button></form>'


@asynccontextmanager
async def listening(application: Application) -> AsyncIterator[int]:
    """The port on which it answers."""
    server = uvicorn.Server(uvicorn.Config(application, log_level="warning", lifespan="off"))
    # It listens already, so that whoever comes before the server waits.
    bound = socket.create_server(("127.0.0.1", 0))
    running = asyncio.create_task(server.serve(sockets=[bound]))
    try:
        yield bound.getsockname()[1]
    finally:
        server.should_exit = True
        await running
        bound.close()


def looking(folder: Path, work: Callable[[Place, Tab, str], Awaitable[None]]) -> None:
    async def look() -> None:
        async with (
            place(folder / "data") as here,
            listening(here.app) as port,
            chromium() as tab,
        ):
            await work(here, tab, f"http://127.0.0.1:{port}")

    asyncio.run(look())


async def heading(tab: Tab) -> str:
    return str(await tab.value("document.querySelector('h1').textContent"))


def test_the_button_switches_preview_on_for_what_this_browser_sends(tmp_path: Path) -> None:
    async def work(here: Place, tab: Tab, address: str) -> None:
        await tab.open(address + here.link())
        assert await heading(tab) == "Preview"
        await tab.click("button")
        await tab.until("document.querySelector('h1')?.textContent === 'Preview is on in this browser'")
        await tab.page.reload()
        assert await heading(tab) == "Preview is on in this browser"
        # No script of the page sees the mark.
        assert await tab.value("document.cookie") == ""
        assert tab.said == []
        await tab.open(f"{address}/collect?name=purchase&status=200")
        records = await here.stage.records(here.session)
        # A browser asks for an icon besides.
        assert [each["source"] for each in records if each["hit"]["path"] == "/collect"] == ["marked"]
        assert [each for each in records if "/_preview" in each["hit"]["path"]] == []
        assert here.session.mark not in str(records)

    looking(tmp_path, work)


def test_another_sites_page_cannot_press_it(tmp_path: Path) -> None:
    async def work(here: Place, tab: Tab, address: str) -> None:
        link = here.link()

        async def other(scope: object, _receive: object, send: Callable[[dict[str, object]], Awaitable[None]]) -> None:
            headers = [(b"content-type", b"text/html")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": (ELSEWHERE % f"{address}{link}").encode()})

        async with listening(other) as port:
            # Another port is another origin of the same site, another name is another site.
            for host in ("127.0.0.1", "localhost"):
                await tab.open(f"http://{host}:{port}/")
                await tab.click("button")
                await tab.until("document.querySelector('h1')?.textContent === 'Preview is not on in this browser'")
        await tab.open(f"{address}/collect?name=purchase&status=200")
        assert await here.stage.records(here.session) == []
        assert (await here.press(link)).status == 303

    looking(tmp_path, work)
