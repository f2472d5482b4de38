"""A Chromium that does what it is told, over its own protocol: enough to look at a page and to click on it."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
PATIENCE_SECONDS = 60.0

_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--remote-debugging-port=0", "about:blank"),
)


class Tab:
    """One page. `said`: what it wrote into the console, faults and what its policy forbade included."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.said: list[str] = []
        self._socket = socket
        self._number = 0
        self._session = ""

    async def attach(self) -> None:
        made = await self.ask("Target.createTarget", url="about:blank")
        attached = await self.ask("Target.attachToTarget", targetId=made["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            await self.ask(f"{domain}.enable")

    async def ask(self, method: str, **parameters: Any) -> Mapping[str, Any]:
        """Sends a command and returns its result."""
        self._number += 1
        session = {"sessionId": self._session} if self._session else {}
        await self._socket.send_json({"id": self._number, "method": method, "params": parameters, **session})
        while True:
            message = json.loads(await self._socket.receive_str(timeout=PATIENCE_SECONDS))
            if message.get("id") == self._number:
                assert "error" not in message, message["error"]
                result: Mapping[str, Any] = message["result"]
                return result
            self._hear(message)

    async def open(self, address: str) -> None:
        await self.ask("Page.navigate", url=address)
        await self.until("document.readyState === 'complete' && location.href !== 'about:blank'")

    async def value(self, expression: str) -> Any:
        """What the expression is on the page."""
        found = await self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    async def until(self, expression: str) -> None:
        """Returns when the expression is true, also when the page is another one by then."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            found = await self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
            if found["result"].get("value") is True:
                return
            assert time.monotonic() < deadline, f"{expression} never became true: {self.said}"
            await asyncio.sleep(0.05)

    async def click(self, selector: str) -> None:
        """Presses and releases the mouse in the middle of the element, as a person does."""
        quoted = json.dumps(selector)
        await self.value(f"document.querySelector({quoted}).scrollIntoView({{block: 'center'}})")
        place = await self.value(
            f"(({{x, y, width, height}}) => width * height > 0 && [x + width / 2, y + height / 2])"
            f"(document.querySelector({quoted}).getBoundingClientRect())"
        )
        assert place, f"{selector} is not to be seen"
        for kind in ("mousePressed", "mouseReleased"):
            point = {"x": place[0], "y": place[1], "button": "left", "clickCount": 1}
            await self.ask("Input.dispatchMouseEvent", type=kind, **point)

    def _hear(self, message: Mapping[str, Any]) -> None:
        given = message.get("params", {})
        match message.get("method"):
            case "Log.entryAdded":
                self.said.append(given["entry"]["text"])
            case "Runtime.exceptionThrown":
                self.said.append(str(given["exceptionDetails"]))


@asynccontextmanager
async def chromium(profile: Path) -> AsyncIterator[Tab]:
    """A page in a Chromium of its own, which ends with the block."""
    assert CHROMIUM is not None
    process = await asyncio.create_subprocess_exec(
        CHROMIUM,
        *_FLAGS,
        f"--user-data-dir={profile}",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        port, path = await _address(profile / "DevToolsActivePort")
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"http://127.0.0.1:{port}{path}", max_msg_size=0) as socket,
        ):
            tab = Tab(socket)
            await tab.attach()
            yield tab
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _address(file: Path) -> tuple[str, str]:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(lines := _lines(file)) != 2:
        assert time.monotonic() < deadline, "Chromium did not start"
        await asyncio.sleep(0.05)
    return lines[0], lines[1]


def _lines(file: Path) -> list[str]:
    return file.read_text().split("\n") if file.exists() else []
