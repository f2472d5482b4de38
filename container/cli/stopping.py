"""The ways in which a process that was told to stop may wait, or not."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic

MOST_DRAIN_SECONDS = 10

STOP_SECONDS = 22.0
"""From the signal until deliveries are given back. The listeners of operators and the last spans come after it, and the
whole has to fit into 30."""

MOST_DELIVERY_SECONDS, LEAST_DELIVERY_SECONDS = 17.0, 3.0
"""What deliveries may take of it, and what they get even if everything before them took too long."""

logger = logging.getLogger("container.cli")


@dataclass(slots=True)
class Remaining:
    """What is left of the time for a stop. `began`: when that was asked for, on the monotonic clock."""

    clock: Callable[[], float] = monotonic
    began: float | None = None

    def begin(self) -> None:
        """The stop was asked for."""
        self.began = self.clock()

    def for_deliveries(self) -> float:
        """Seconds that deliveries may take: what draining and open requests have left of it."""
        spent = 0.0 if self.began is None else self.clock() - self.began
        return max(min(STOP_SECONDS - spent, MOST_DELIVERY_SECONDS), LEAST_DELIVERY_SECONDS)


async def drain(seconds: int, hurry: asyncio.Event) -> None:
    """Goes on for so long, while whatever stands in front looks for another process."""
    if seconds:
        logger.info("serve.draining seconds=%d", seconds)
        with suppress(TimeoutError):
            await asyncio.wait_for(hurry.wait(), seconds)


async def when_hurried(hurry: asyncio.Event, to_hurry: Sequence[Callable[[], None]]) -> None:
    """Somebody asked a second time."""
    await hurry.wait()
    logger.info("serve.hurrying")
    for each in to_hurry:
        each()
