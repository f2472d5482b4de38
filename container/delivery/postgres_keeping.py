"""What a PostgreSQL store does by the time that passes: duties, each in its own interval."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

from container.delivery.remedies import ONLY_READS, SILENT, UNUSABLE, remedy
from container.delivery.store import StoreError
from container.delivery.told import quoted

STEP_SECONDS = 1.0
CLOSING_SECONDS = 5.0
"""A duty that is under way when the store closes may take so long."""

log = logging.getLogger("container.delivery")

Duty = tuple[float, Callable[[], Awaitable[object]]]


class Keeping:
    """Does each duty every so many seconds, from `begin` until `close`. One that fails is tried again at the next step,
    and holds up none of the others.

    The first of them asks the database each second also while it is away, and so finds out that it is back.
    """

    def __init__(self, duties: Mapping[str, Duty]) -> None:
        self._duties = duties
        self._next_at = dict.fromkeys(duties, 0.0)
        self._troubles: dict[str, str] = {}
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
            await self._step()
            with suppress(TimeoutError):
                async with asyncio.timeout(STEP_SECONDS):
                    await self._over.wait()

    async def _step(self) -> None:
        for name, (seconds, duty) in self._duties.items():
            if time.monotonic() >= self._next_at[name] and not self._over.is_set():
                try:
                    await duty()
                except StoreError as problem:
                    self._tell(name, str(problem))
                else:
                    self._troubles.pop(name, None)
                    self._next_at[name] = time.monotonic() + seconds

    def _tell(self, name: str, reason: str) -> None:
        """Once. That the database is away is told where it is noticed."""
        if self._troubles.get(name) != reason and not reason.startswith((SILENT, UNUSABLE, ONLY_READS)):
            log.warning("store.duty_failed name=%s reason=%s", name, quoted(f"{reason}. {remedy(reason)}"))
        self._troubles[name] = reason
