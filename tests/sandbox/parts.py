"""What the sandbox's tests are made of: a sandbox in memory, and bodies to send to it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette

from container.sandbox.app import sandbox_app
from container.sandbox.tiktok import TRACK

NOW = 1_767_261_700.25
EXAMPLES: dict[str, Any] = json.loads((Path(__file__).parent / "example_bodies.json").read_text(encoding="utf-8"))
PURCHASE = EXAMPLES["Full purchase"]
LEAD = EXAMPLES["Lead, national phone number"]
HEADERS = {"access-token": "a-very-secret-token", "content-type": "application/json"}


class Sandbox:
    """A sandbox in memory, with a clock that stands still and a sleep that only notes down."""

    def __init__(self, **settings: Any) -> None:
        self.slept: list[float] = []
        self.app: Starlette = sandbox_app(clock=lambda: NOW, sleep=self._sleep, **settings)

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def call(self, method: str, path: str, **rest: Any) -> httpx.Response:
        async def exchange() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://sandbox") as caller:
                return await caller.request(method, path, **rest)

        return asyncio.run(exchange())

    def track(self, body: Any = PURCHASE) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.call("POST", TRACK, content=content, headers=HEADERS)

    def post(self, path: str, body: Any, **rest: Any) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.call("POST", path, content=content, headers={"content-type": "application/json"}, **rest)

    def fault(self, written: Any) -> httpx.Response:
        return self.call("POST", "/faults", json=written)

    def received(self, query: str = "") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.call("GET", f"/received{query}").json()["received"]
        return found
