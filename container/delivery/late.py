"""A database that may be away when the process starts: it is opened as soon as it can be, and until then it is away.

Without a spool a process waits for its database before it starts; with one it takes hits meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any

from container.delivery.counters import StoreCounters, StoreFigures
from container.delivery.known_ids import KnownIds
from container.delivery.preview_table import PreviewTable
from container.delivery.queue_protocol import Left
from container.delivery.row import Acceptance, FailedHit, Reason, Unpacked
from container.delivery.selection import (
    AT_ONCE,
    Exported,
    Gone,
    Imported,
    Pair,
    Place,
    RowDetail,
    RowReport,
    Searched,
    Selection,
    Standing,
)
from container.delivery.served import ServedStore
from container.delivery.store import (
    Accepted,
    Answer,
    Claimed,
    ClaimedRow,
    LaneReport,
    LaneState,
    Part,
    StoreAwayError,
    StoreError,
    StoreUnavailableError,
    Tended,
    WaitingLane,
)
from container.delivery.told import quoted

PAUSE_SECONDS = 1.0
REST_MS = 1000

log = logging.getLogger("container.delivery")


Opening = Callable[[], Awaitable[ServedStore]]
"""Opens the database. Raises `StoreAwayError` while that is away, and `StoreRefusedError`."""


class LateStore:
    """`Store` over one that is opened later. Made by `open_late`, in the loop that uses it."""

    def __init__(
        self,
        opening: Opening,
        store: ServedStore | None,
        reason: str = "",
        *,
        patient: bool = False,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._patient = patient
        self._opening = opening
        self._store = store
        self._reason = reason
        self._sleep = sleep
        self._callbacks: list[Callable[[Mapping[str, int]], None]] = []
        self._closed = False
        self._task = asyncio.create_task(self._open())

    @property
    def _found(self) -> ServedStore:
        if self._store is None or self._closed:
            raise StoreUnavailableError("the store is closed" if self._closed else self._reason)
        return self._store

    @property
    def fill(self) -> float:
        return 0.0 if self._store is None else self._store.fill

    @property
    def longest_rest(self) -> int:
        return REST_MS if self._store is None else self._store.longest_rest

    @property
    def trouble(self) -> str:
        if self._patient:
            return ""
        return self._reason if self._store is None else self._store.trouble

    @property
    def given_up(self) -> bool:
        return False if self._store is None else self._store.given_up

    @property
    def notices(self) -> Sequence[str]:
        return () if self._store is None else self._store.notices

    def figures(self) -> StoreFigures:
        return _NOTHING if self._store is None else self._store.figures()

    def clock(self) -> int:
        return time.time_ns() // 1_000_000 if self._store is None else self._store.clock()

    def share(self, lane: int) -> float:
        return 0.0 if self._store is None else self._store.share(lane)

    def previews(self) -> PreviewTable | None:
        return self._found.previews()

    def listen(self, callback: Callable[[Mapping[str, int]], None]) -> None:
        self._callbacks.append(callback)
        if self._store is not None:
            self._store.listen(callback)

    async def accept(self, acceptance: Acceptance) -> Accepted:
        return await self._found.accept(acceptance)

    async def waiting(self) -> Sequence[WaitingLane]:
        try:
            return await self._found.waiting()
        except StoreUnavailableError:
            if self._closed or not self._patient:
                raise
            return ()

    async def claim(self, lane: int, *, now: int, most_items: int, ahead: int, alone: int = 1) -> Claimed | None:
        return await self._found.claim(lane, now=now, most_items=most_items, ahead=ahead, alone=alone)

    async def settle(self, claimed: Claimed, rows: Sequence[ClaimedRow]) -> int:
        return await self._found.settle(claimed, rows)

    async def postpone(
        self,
        claimed: Claimed,
        rows: Sequence[ClaimedRow],
        *,
        until: int,
        counted: bool,
        fault: bool = False,
        tried: Answer | None = None,
    ) -> int:
        return await self._found.postpone(claimed, rows, until=until, counted=counted, fault=fault, tried=tried)

    async def give_back(self, claimed: Claimed) -> int:
        return await self._found.give_back(claimed)

    async def split(self, claimed: Claimed, *, now: int, later: int | None = None, tried: Answer | None = None) -> int:
        return await self._found.split(claimed, now=now, later=later, tried=tried)

    async def regroup(self, parts: Sequence[Part], *, held: int) -> int:
        return await self._found.regroup(parts, held=held)

    async def bury(
        self,
        claimed: Claimed,
        rows: Sequence[ClaimedRow],
        reason: Reason,
        *,
        note: str,
        now: int,
        tried: Answer | None = None,
    ) -> int:
        return await self._found.bury(claimed, rows, reason, note=note, now=now, tried=tried)

    async def mark(self, lane: int, state: LaneState, answer: Answer | None = None) -> None:
        await self._found.mark(lane, state, answer)

    async def probe(self, *, now: int) -> int:
        return await self._found.probe(now=now)

    async def pause(self, lane: int, *, paused: bool) -> bool:
        return await self._found.pause(lane, paused=paused)

    async def hasten(self, lane: int, *, now: int) -> None:
        await self._found.hasten(lane, now=now)

    async def lanes(self) -> Sequence[LaneReport]:
        return await self._found.lanes()

    async def tend(self, *, now: int, begun: bool) -> Tended:
        return await self._found.tend(now=now, begun=begun)

    async def rows(self, selection: Selection, *, most: int, before: int | None = None) -> Sequence[RowReport]:
        return await self._found.rows(selection, most=most, before=before)

    async def row(self, place: Place, number: int, *, whole: bool = False) -> RowDetail | None:
        return await self._found.row(place, number, whole=whole)

    async def count(self, selection: Selection) -> int:
        return await self._found.count(selection)

    async def stored(self, ids: Sequence[str]) -> frozenset[str]:
        return await self._found.stored(ids)

    async def reasons(self, lane: int) -> Mapping[str, int]:
        return await self._found.reasons(lane)

    async def standing(self, selection: Selection, *, after: int, most: int = AT_ONCE) -> Sequence[Standing]:
        return await self._found.standing(selection, after=after, most=most)

    async def export(self, selection: Selection, *, after: int, most: int = AT_ONCE) -> Sequence[Exported]:
        return await self._found.export(selection, after=after, most=most)

    async def replay(self, selection: Selection, *, now: int, most: int = AT_ONCE) -> int:
        return await self._found.replay(selection, now=now, most=most)

    async def hit_of(self, letter: Standing) -> FailedHit | None:
        return await self._found.hit_of(letter)

    async def replay_hit(self, letter: Standing, acceptance: Acceptance) -> bool:
        return await self._found.replay_hit(letter, acceptance)

    async def drop(self, selection: Selection, *, after: int = 0, most: int = AT_ONCE) -> Gone:
        return await self._found.drop(selection, after=after, most=most)

    async def known_ids(self) -> KnownIds:
        return await self._found.known_ids()

    async def import_rows(
        self, lines: Sequence[Mapping[str, Any]], *, now: int, known: KnownIds | None = None
    ) -> Imported:
        return await self._found.import_rows(lines, now=now, known=known)

    async def search(
        self, place: Place, holds: Callable[[Unpacked | FailedHit], bool], *, after: int, most: int = AT_ONCE
    ) -> Searched:
        return await self._found.search(place, holds, after=after, most=most)

    async def erase(self, place: Place, rows: Sequence[Pair]) -> int:
        return await self._found.erase(place, rows)

    async def forget_guards(self, keys: Sequence[bytes], rows: Collection[str], *, dry_run: bool = False) -> int:
        return await self._found.forget_guards(keys, rows, dry_run=dry_run)

    async def forget_previews(self, *, dry_run: bool = False) -> int:
        return await self._found.forget_previews(dry_run=dry_run)

    async def tidy(self) -> Left:
        return await self._found.tidy()

    async def close(self) -> None:
        self._closed = True
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        if self._store is not None:
            await self._store.close()

    async def _open(self) -> None:
        """Tries until it is open. What is wrong with it is said once, and whenever it is something else."""
        while self._store is None:
            await self._sleep(PAUSE_SECONDS)
            try:
                self._store = await self._opening()
            except StoreError as problem:
                if str(problem) != self._reason and not isinstance(problem, StoreAwayError):
                    log.error("database.refused reason=%s", quoted(str(problem)))  # noqa: TRY400 - the reason says it all
                self._reason = str(problem)
            else:
                log.info("database.opened engine=%s", quoted(self._store.figures().engine))
                for callback in self._callbacks:
                    self._store.listen(callback)


async def open_late(
    opening: Opening, *, patient: bool = False, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> LateStore:
    """The database, which is away at first if need be. Raises `StoreRefusedError` when it is there and not fit.

    `patient`: for a process without a spool beside others that have one. That the database is away is no trouble.
    """
    try:
        return LateStore(opening, await opening(), patient=patient, sleep=sleep)
    except StoreAwayError as problem:
        log.warning("database.away reason=%s", quoted(str(problem)))
        return LateStore(opening, None, str(problem), patient=patient, sleep=sleep)


_NOTHING = StoreFigures(
    engine="none",
    counters=StoreCounters(),
    fill=0.0,
    file_bytes=0,
    log_bytes=0,
    queued=0,
    queued_bytes=0,
    recovered=0,
    poisoned=0,
)
"""Of a database that was not seen yet."""
