"""What a PostgreSQL store does by the time that passes: duties, each in its own interval."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

from container.delivery.store import StoreError

STEP_SECONDS = 1.0
CLOSING_SECONDS = 5.0
"""A duty that is under way when the store closes may take so long."""

Duty = tuple[float, Callable[[], Awaitable[object]]]


class Keeping:
    """Does each duty every so many seconds, from `begin` until `close`. One that fails is tried again at the next step.

    The first of them asks the database each second also while it is away, and so finds out that it is back.
    """

    def __init__(self, duties: Mapping[str, Duty]) -> None:
        self._duties = duties
        self._next_at = dict.fromkeys(duties, 0.0)
        self._over = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    def begin(self) -> None:
        self._running = asyncio.create_task(self._run())

    async def close(self) -> None:
        self._over.set()
        if self._running is not None:
            await asyncio.wait((self._running,), timeout=CLOSING_SECONDS)
            self._running.cancel()

    async def _run(self) -> None:
        while not self._over.is_set():
            with suppress(StoreError):
                await self._step()
            with suppress(TimeoutError):
                async with asyncio.timeout(STEP_SECONDS):
                    await self._over.wait()

    async def _step(self) -> None:
        for name, (seconds, duty) in self._duties.items():
            if time.monotonic() >= self._next_at[name] and not self._over.is_set():
                await duty()
                self._next_at[name] = time.monotonic() + seconds
