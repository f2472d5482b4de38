"""Whether this process should get traffic. A vendor that is down is no reason to say no: its rows wait on disk."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from container.delivery.store import Store, StoreError

RECENT_SECONDS = 10.0
"""A failed commit counts for so long. Then hits are let in again, since only a hit can find out whether it works."""

logger = logging.getLogger("container.web")


@dataclass(slots=True)
class Health:
    """What is known about the process. `clock` is monotonic, in seconds."""

    clock: Callable[[], float] = time.monotonic
    draining: bool = False
    _failure: str = ""
    _failed_at: float = 0.0

    def store_failed(self, reason: str) -> None:
        """A hit could not be written; logged once, until one can be again."""
        if not self._failure:
            logger.error("store.failed reason=%s hits=refused", reason)
        self._failure, self._failed_at = reason, self.clock()

    def store_worked(self) -> None:
        """A hit was written."""
        if self._failure:
            logger.info("store.recovered after=%s", self._failure)
            self._failure = ""

    def reasons(self) -> list[str]:
        """Why no traffic should come, as sentences; empty when it may."""
        found = []
        if self.draining:
            found.append("The process is shutting down.")
        if self._failure and self.clock() - self._failed_at < RECENT_SECONDS:
            found.append(f"The store does not take deliveries ({self._failure}).")
        return found


async def not_ready(health: Health, store: Store) -> list[str]:
    """`Health.reasons`, and whether the store answers at all."""
    found = health.reasons()
    try:
        await store.waiting()
    except StoreError as problem:
        found.append(f"The store does not answer ({type(problem).__name__}).")
    return found
