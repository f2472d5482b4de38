"""The one thread that writes to SQLite: whatever was asked for during a commit goes into the next one together."""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any, NamedTuple, TypeVar

from container.delivery.row import Acceptance
from container.delivery.schema import PAGE_BYTES, WAL_BYTES
from container.delivery.store import Accepted, StoreBusyError, StoreError, StoreFullError, StoreUnavailableError

MOST_JOINED = 512
"""So many pieces of work share one commit."""

MOST_WAITING, MOST_WAITING_BYTES = 2000, 16 << 20
"""Hits that wait for their commit; past it the next one is refused at once."""

CHECKPOINT_BYTES = 16 << 20
"""After about so much written the log is copied into the file, between two commits."""

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]


AcceptAll = Callable[[sqlite3.Connection, Sequence[Acceptance]], Sequence[Accepted]]
"""Writes hits that came after each other."""


class _Job(NamedTuple):
    """`size`: bytes it brings along. `done` gets the result, or the error, in the loop that asked."""

    work: Work[Any] | Acceptance
    size: int
    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[Any]


class Writer:
    """Owns the connection until it is closed. `forget` is called when a transaction was taken back."""

    def __init__(self, connection: sqlite3.Connection, accept: AcceptAll, forget: Callable[[], None]) -> None:
        self._connection = connection
        self._accept = accept
        self._forget = forget
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._gathered: list[_Job] = []
        self._waiting = self._waiting_bytes = 0
        self._written = 0
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="deliveries", daemon=True)
        self._thread.start()

    async def accept(self, acceptance: Acceptance, *, size: int) -> Accepted:
        """Writes a hit together with those that wait beside it.

        Raises `StoreBusyError` when too much waits, `StoreFullError`, `StoreUnavailableError`.
        """
        if self._waiting >= MOST_WAITING or self._waiting_bytes + size > MOST_WAITING_BYTES:
            raise StoreBusyError("too many hits wait to be written")
        accepted: Accepted = await self._done(acceptance, size)
        return accepted

    async def run(self, work: Work[T]) -> T:
        """What `work` returns, once it is on disk. It may be called twice, if another's work failed beside it.

        Raises `StoreFullError`, `StoreUnavailableError`.
        """
        result: T = await self._done(work, 0)
        return result

    async def _done(self, work: Work[Any] | Acceptance, size: int) -> Any:
        if self._closed:
            raise StoreUnavailableError("the store is closed")
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Any] = loop.create_future()
        self._waiting += 1
        self._waiting_bytes += size
        if not self._gathered:
            loop.call_soon(self._hand_over)
        self._gathered.append(_Job(work, size, loop, done))
        try:
            return await done
        finally:
            self._waiting -= 1
            self._waiting_bytes -= size

    def _hand_over(self) -> None:
        """Gives the thread all that came in one turn of the loop: working beside the loop, it slows both down."""
        gathered, self._gathered = self._gathered, []
        for job in gathered:
            self._jobs.put(job)

    async def close(self) -> None:
        """Commits what was asked for before, empties the log into the file and closes it."""
        if not self._closed:
            self._closed = True
            self._hand_over()
            self._jobs.put(None)
        await asyncio.get_running_loop().run_in_executor(None, self._thread.join)

    def _run(self) -> None:
        ended = False
        while not ended:
            first = self._jobs.get()
            jobs, ended = self._joined(first) if first else ([], True)
            if jobs:
                self._finish(jobs, self._commit(jobs))
                self._checkpoint(sum(job.size for job in jobs))
        _truncate(self._connection)
        self._connection.close()

    def _joined(self, first: _Job) -> tuple[list[_Job], bool]:
        jobs = [first]
        while len(jobs) < MOST_JOINED:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                break
            if job is None:
                return jobs, True
            jobs.append(job)
        return jobs, False

    def _commit(self, jobs: Sequence[_Job]) -> list[Any]:
        """The results, or errors in their place. One that fails takes nobody along: each is then committed alone."""
        try:
            self._connection.execute("begin immediate")
            results = self._results([job.work for job in jobs])
            self._connection.execute("commit")
        except Exception as problem:  # noqa: BLE001 - whoever asked gets it; the thread has to live
            self._roll_back()
            if len(jobs) > 1:
                return [self._commit([job])[0] for job in jobs]
            return [stated(problem, "written") if isinstance(problem, sqlite3.Error) else problem]
        return results

    def _results(self, works: Sequence[Work[Any] | Acceptance]) -> list[Any]:
        results: list[Any] = []
        for is_hit, group in groupby(works, lambda work: isinstance(work, Acceptance)):
            together: list[Any] = list(group)
            connection = self._connection
            results += self._accept(connection, together) if is_hit else [work(connection) for work in together]
        return results

    def _roll_back(self) -> None:
        self._forget()
        try:
            if self._connection.in_transaction:
                self._connection.execute("rollback")
        except sqlite3.Error:
            # A full disk can end the transaction by itself; there is nothing left to take back.
            return

    def _finish(self, jobs: Sequence[_Job], results: Sequence[Any]) -> None:
        by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], Any]]] = {}
        for job, result in zip(jobs, results, strict=True):
            by_loop.setdefault(job.loop, []).append((job.done, result))
        for loop, pairs in by_loop.items():
            try:
                loop.call_soon_threadsafe(_resolve, pairs)
            except RuntimeError:
                # The loop is closed: nobody waits any more. What was committed stands.
                continue

    def _checkpoint(self, size: int) -> None:
        # Each commit rewrites a handful of pages, whatever it brings.
        self._written += 2 * size + 4 * PAGE_BYTES
        if self._written < CHECKPOINT_BYTES:
            return
        self._written = 0
        try:
            _, pages, _ = self._connection.execute("pragma wal_checkpoint(passive)").fetchone()
            if pages * PAGE_BYTES > WAL_BYTES:
                self._connection.execute("pragma wal_checkpoint(restart)").fetchone()
        except sqlite3.Error:
            # The log keeps everything; the next commit tells whoever waits for it.
            return


def _resolve(pairs: Sequence[tuple[asyncio.Future[Any], Any]]) -> None:
    for done, result in pairs:
        if done.cancelled():
            continue
        if isinstance(result, Exception):
            done.set_exception(result)
        else:
            done.set_result(result)


def stated(problem: sqlite3.Error, done: str) -> StoreError:
    """What SQLite says, in our words. `done`: "written" or "read"."""
    code = getattr(problem, "sqlite_errorcode", 0)
    if code & 0xFF == sqlite3.SQLITE_FULL:
        return StoreFullError("no space is left for deliveries")
    return StoreUnavailableError(f"the deliveries cannot be {done}: {getattr(problem, 'sqlite_errorname', 'error')}")


def _truncate(connection: sqlite3.Connection) -> None:
    try:
        connection.execute("pragma wal_checkpoint(truncate)").fetchone()
    except sqlite3.Error:
        # The log stays beside the file and is read at the next start.
        return
