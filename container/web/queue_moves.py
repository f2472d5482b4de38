"""Rows on their way out of a store and into one: in slices, counted, and told of in the log."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from container.delivery.known_ids import KnownIds
from container.delivery.selection import Imported, Selection
from container.delivery.store import Store

IDLE_SECONDS = 300.0
"""An import that sends nothing for so long is over: the ids that it knows take 40 MB for a million rows."""

logger = logging.getLogger("container.web")


class ImportOverError(Exception):
    """The import that a slice belongs to is none any more."""


async def exported(store: Store, selections: Sequence[Selection], *, by: str, end: bool) -> AsyncIterator[bytes]:
    """The selected rows as lines of JSON. With `end` the last line says how many they are, and how many not readable.

    It is logged, also of one that its caller broke off. `by`: how they came in.
    """
    rows = unreadable = 0
    try:
        for selection in selections:
            after = 0
            while found := await store.export(selection, after=after):
                after = found[-1].number
                lines = [orjson.dumps(each.line) + b"\n" for each in found if each.line]
                rows += len(lines)
                unreadable += sum(not each.line and not each.gone for each in found)
                yield b"".join(lines)
    finally:
        logger.warning("queue.exported by=%s rows=%d unreadable=%d", by, rows, unreadable)
    if end:
        yield orjson.dumps({"end": {"rows": rows, "unreadable": unreadable}}) + b"\n"


@dataclass(slots=True)
class _Import:
    """One that is under way. `slices`: how many of it are being stored at this moment. Mutable on purpose."""

    number: int
    known: KnownIds
    total: Imported = field(default_factory=Imported)
    slices: int = 0
    unreadable: int = 0
    over: bool = False
    idle: asyncio.TimerHandle | None = None


class Imports:
    """One import at a time, so that the ids that are here are read once. A new one ends the one before."""

    def __init__(self, *, by: str, idle_seconds: float = IDLE_SECONDS) -> None:
        self._by, self._idle_seconds = by, idle_seconds
        self._latest = 0
        self._running: _Import | None = None

    async def begin(self, store: Store) -> int:
        """Its number. Raises `ImportOverError` when yet another one began meanwhile."""
        self._end()
        self._latest += 1
        number = self._latest
        known = await store.known_ids()
        if number != self._latest:
            known.close()
            raise ImportOverError
        self._running = _Import(number, known)
        self._wait(self._running)
        return number

    async def slice(
        self,
        store: Store,
        number: object,
        lines: Sequence[Mapping[str, Any]],
        *,
        clock: Callable[[], int],
        last: bool,
        unreadable: int = 0,
    ) -> Imported:
        """What became of the rows of an import so far. `unreadable`: lines that were left out before they came here.

        Raises `ImportOverError`.
        """
        running = self._running
        if running is None or type(number) is not int or number != running.number:
            raise ImportOverError
        self._stop_waiting(running)
        running.slices += 1
        running.unreadable += unreadable
        try:
            running.total += await store.import_rows(lines, now=clock(), known=running.known)
        finally:
            running.slices -= 1
            if running.over:
                self._close(running)
            else:
                self._wait(running)
        if last and not running.over:
            self._end()
        return running.total

    def _end(self) -> None:
        running, self._running = self._running, None
        if running is None:
            return
        running.over = True
        self._stop_waiting(running)
        # The writer may still look at the ids.
        if not running.slices:
            self._close(running)

    def _close(self, running: _Import) -> None:
        if running.slices:
            return
        running.known.close()
        by, total = self._by, running.total
        line = "queue.imported by=%s rows=%d known=%d damaged=%d full=%d"
        logger.warning(line, by, total.taken, total.known, total.damaged + running.unreadable, total.full)

    def _wait(self, running: _Import) -> None:
        self._stop_waiting(running)
        running.idle = asyncio.get_running_loop().call_later(self._idle_seconds, self._given_up, running)

    def _given_up(self, running: _Import) -> None:
        if running is self._running and not running.slices:
            self._end()

    def _stop_waiting(self, running: _Import) -> None:
        if running.idle is not None:
            running.idle.cancel()
            running.idle = None
