"""Spools that no process has any more, because there were more processes once: others forward what is in them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from container.delivery.forwarding import Forwarding
from container.delivery.schema import FILE
from container.delivery.sqlite import SqliteStore, open_store
from container.delivery.store import Store, StoreError, StoreRefusedError, StoreTakenError
from container.delivery.told import quoted

SETTLED_SECONDS = 30.0
"""Processes that start together have each found a spool by then."""

AGAIN_SECONDS = 300.0
PAUSE_SECONDS = 1.0

log = logging.getLogger("container.delivery")

Sleep = Callable[[float], Awaitable[None]]


async def forward_others(folder: Path, own: Path, database: Store, *, key: str | None, sleep: Sleep) -> None:
    """Looks for them again and again, until it is cancelled."""
    seen: dict[Path, int] = {}
    pause = SETTLED_SECONDS
    while True:
        await sleep(pause)
        pause = AGAIN_SECONDS
        for each in _spools(folder):
            if each != own and _changed(each) != seen.get(each, 0) and await _forward(each, database, key, sleep):
                seen[each] = _changed(each)


async def _forward(folder: Path, database: Store, key: str | None, sleep: Sleep) -> bool:
    """Whether it is empty now; not so where a process has it."""
    try:
        spool = open_store(folder, now=time.time_ns() // 1_000_000, key=key)
    except StoreTakenError:
        return False
    except StoreRefusedError as problem:
        _tell(folder, problem)
        return False
    try:
        await _empty(folder, spool, database, sleep)
    finally:
        closing = asyncio.ensure_future(spool.close())
        try:
            await asyncio.shield(closing)
        except asyncio.CancelledError:
            # Whoever comes next wants to have it.
            await closing
            raise
    return True


async def _empty(folder: Path, spool: SqliteStore, database: Store, sleep: Sleep) -> None:
    forwarding = Forwarding(folder, spool, database)
    more = True
    try:
        while more:
            try:
                more = await forwarding.step()
            except StoreError:
                await sleep(PAUSE_SECONDS)
    finally:
        await forwarding.close()
    done = forwarding.done
    if done.stored or done.duplicates:
        line = "spool.adopted folder=%s forwarded=%d duplicates=%d left=%d"
        log.warning(line, quoted(str(folder)), done.stored, done.duplicates, done.left)


def _spools(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


def _changed(folder: Path) -> int:
    """When its file was written last, 0 where there is none."""
    try:
        return (folder / FILE).stat().st_mtime_ns
    except OSError:
        return 0


def _tell(folder: Path, problem: StoreRefusedError) -> None:
    log.error("spool.unusable folder=%s reason=%s", quoted(str(folder)), quoted(str(problem)))
