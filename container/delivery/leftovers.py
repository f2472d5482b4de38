"""Spools that no process has any more, because there were more processes once: another one forwards what is in them.

Of the processes that have their spools in one folder one looks after these, so that what is wrong is said once. One
that cannot be opened, or emptied, holds up nobody: it stays as it is, and is tried again.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import sqlite3
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from container.delivery.forwarding import MOST_FAILURES, Forwarded, Forwarding
from container.delivery.schema import FILE, unusable
from container.delivery.selection import Place
from container.delivery.sqlite import SqliteStore, open_store
from container.delivery.store import (
    Store,
    StoreBusyError,
    StoreError,
    StoreFullError,
    StoreRefusedError,
    StoreTakenError,
)
from container.delivery.told import quoted

LOOK_SECONDS = 30.0
"""Between two looks, and before the first: processes that start together have each found a spool by then."""

PAUSE_SECONDS = 1.0

log = logging.getLogger("container.delivery")

Sleep = Callable[[float], Awaitable[None]]
State = tuple[int, ...]


class Leftovers:
    """Those in a folder, apart from the process's own. To be used in one event loop.

    `done`: what became of what was in them.
    """

    def __init__(self, folder: Path, own: Path, database: Store, *, key: str | None, sleep: Sleep) -> None:
        self.done = Forwarded()
        self._folder, self._own = folder, own
        self._database = database
        self._key = key
        self._sleep = sleep
        self._seen: dict[Path, State] = {}
        self._left: dict[Path, set[tuple[Place, int]]] = {}
        self._troubles: dict[Path, str] = {}
        self._under_way: Path | None = None
        self._held: int | None = None

    @property
    def unusable(self) -> int:
        """How many cannot be opened or emptied."""
        return len(self._troubles)

    @property
    def waiting(self) -> int:
        """How many others hold hits that are being forwarded."""
        return int(self._under_way is not None and self._under_way not in self._troubles)

    @property
    def notices(self) -> Sequence[str]:
        """What somebody should look after, as sentences."""
        waiting = [f'Hits wait in the spool "{self._under_way}", which no process has: they are forwarded.']
        return (waiting if self.waiting else []) + [
            f'Hits wait in the spool "{folder}", which no process has, and cannot be forwarded ({reason.rstrip(".")}).'
            for folder, reason in self._troubles.items()
        ]

    def passed_over(self, refused: Mapping[Path, StoreRefusedError]) -> None:
        """Those that the process would have taken for its own if they could be opened."""
        if refused and self._alone():
            for folder, problem in refused.items():
                self._tell(folder, str(problem))

    async def run(self) -> None:
        """Looks for them again and again, until it is cancelled."""
        while True:
            await self._sleep(LOOK_SECONDS)
            if self._alone():
                await self._look()

    def close(self) -> None:
        """Lets another process look after them."""
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def _alone(self) -> bool:
        """Whether no other process looks after them. It stays so until this one ends."""
        if self._held is None:
            with suppress(OSError):
                self._held = _locked(self._folder)
        return self._held is not None

    async def _look(self) -> None:
        try:
            found = sorted(self._folder.iterdir())
        except OSError as problem:
            self._tell(self._folder, unusable(self._folder, problem))
            return
        for gone in self._troubles.keys() - found:
            del self._troubles[gone]
        for each in found:
            if each != self._own:
                await self._try(each)

    async def _try(self, folder: Path) -> None:
        try:
            if self._changed(folder):
                await self._forward(folder)
                self._seen[folder] = _state(folder)
        except StoreTakenError:
            # Whoever has it says what is wrong with it.
            self._well(folder)
        except StoreError as problem:
            self._tell(folder, str(problem))
        except (OSError, sqlite3.Error) as problem:
            self._tell(folder, unusable(folder, problem))
        except Exception as problem:  # noqa: BLE001 - a mistake of ours: the hits are kept, and the others go on
            self._tell(folder, type(problem).__name__, problem)
        else:
            self._well(folder)

    def _changed(self, folder: Path) -> bool:
        try:
            return _state(folder) != self._seen.get(folder, ())
        except OSError:
            # Opening it says why.
            return True

    async def _forward(self, folder: Path) -> None:
        """Empties it. Raises `StoreError`, `OSError`, `sqlite3.Error`."""
        spool = await self._opened(folder)
        try:
            await self._empty(folder, spool)
        finally:
            closing = asyncio.ensure_future(spool.close())
            try:
                await asyncio.shield(closing)
            except asyncio.CancelledError:
                # Whoever comes next wants to have it.
                await closing
                raise

    async def _opened(self, folder: Path) -> SqliteStore:
        """Its store. That may take a while, if it is damaged: hits do not wait for it."""
        now = time.time_ns() // 1_000_000
        opening = asyncio.ensure_future(asyncio.to_thread(open_store, folder, now=now, key=self._key))
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            with suppress(StoreError):
                await (await opening).close()
            raise

    async def _empty(self, folder: Path, spool: SqliteStore) -> None:
        left = self._left.setdefault(folder, set())
        forwarding = Forwarding(folder, spool, self._database, left=left)
        try:
            if await forwarding.holds():
                self._under_way = folder
                await self._emptied(forwarding, spool)
        finally:
            self._under_way = None
            await forwarding.close()
            done = forwarding.done
            self.done.add(done)
            if done.stored or done.duplicates:
                line = "spool.adopted folder=%s forwarded=%d duplicates=%d left=%d"
                log.warning(line, quoted(str(folder)), done.stored, done.duplicates, done.left)

    async def _emptied(self, forwarding: Forwarding, spool: SqliteStore) -> None:
        """Waits for a database that takes nothing, and not for a spool that gives nothing."""
        failures, more = 0, True
        while more:
            try:
                more = await forwarding.step()
                failures = 0
            except StoreError as problem:
                failures = 0 if await self._takes_nothing(problem, spool) else failures + 1
                if failures == MOST_FAILURES:
                    raise
                await self._sleep(PAUSE_SECONDS)

    async def _takes_nothing(self, problem: StoreError, spool: SqliteStore) -> bool:
        """Whether it is for the database that something was not forwarded: then nothing of any spool would be."""
        if spool.trouble:
            return False
        if isinstance(problem, (StoreFullError, StoreBusyError)):
            return True
        try:
            await self._database.waiting()
        except StoreError:
            return True
        return False

    def _tell(self, folder: Path, reason: str, mistake: Exception | None = None) -> None:
        """Once, and whenever it is something else."""
        if self._troubles.get(folder) == reason:
            return
        self._troubles[folder] = reason
        line = 'spool.unusable folder=%s reason=%s "Its hits stay there, and are forwarded once that is mended."'
        log.error(line, quoted(str(folder)), quoted(reason), exc_info=mistake)

    def _well(self, folder: Path) -> None:
        self._troubles.pop(folder, None)


def holds_file(folder: Path) -> bool:
    """Whether a process worked with it: there is a file, or nobody can tell."""
    try:
        return any(size for size in _state(folder)[1::2])
    except OSError:
        return True


def _locked(folder: Path) -> int:
    """The folder, held as long as it is open. Raises `OSError` when another process holds it."""
    held = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(held)
        raise
    return held


def _state(folder: Path) -> State:
    """When its file and the log beside it were written last, and their sizes; empty where there is nothing.

    A process that is killed leaves hits that only the log has. Raises `OSError`.
    """
    found: list[int] = []
    for end in ("", "-wal"):
        with suppress(FileNotFoundError, NotADirectoryError):
            about = (folder / f"{FILE}{end}").stat()
            found += (about.st_mtime_ns, about.st_size)
    return tuple(found)
