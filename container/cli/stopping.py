"""The ways in which a process that was told to stop may wait, or not."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress

MOST_DRAIN_SECONDS = 10

logger = logging.getLogger("container.cli")


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
