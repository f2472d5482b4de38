"""The one thread that writes to SQLite: whatever was asked for during a commit goes into the next one together."""

from __future__ import annotations

import asyncio
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any, NamedTuple, TypeVar

from container.delivery.counters import StoreCounters
from container.delivery.disk import Disk, code_of, empty_log
from container.delivery.row import Acceptance
from container.delivery.schema import PAGE_BYTES, WAL_BYTES
from container.delivery.store import Accepted, StoreBusyError, StoreError, StoreFullError, StoreUnavailableError

MOST_JOINED = 512
"""So many pieces of work share one commit."""

MOST_WAITING, MOST_WAITING_BYTES = 2000, 16 << 20
"""Hits that wait for their commit; past it the next one is refused at once."""

log = logging.getLogger("container.delivery")

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

    def __init__(
        self, connection: sqlite3.Connection, accept: AcceptAll, forget: Callable[[], None], disk: Disk
    ) -> None:
        self.counters = StoreCounters()
        self._connection = connection
        self._disk = disk
        self._accept = accept
        self._forget = forget
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._gathered: list[_Job] = []
        self._under_way: list[_Job] = []
        self._last = False
        self._waiting = self._waiting_bytes = 0
        self._written = 0
        self._apart: list[Work[None]] = []
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="deliveries", daemon=True)
        self._thread.start()

    async def accept(self, acceptance: Acceptance, *, size: int) -> Accepted:
        """Writes a hit together with those that wait beside it.

        Raises `StoreBusyError` when too much waits, `StoreFullError`, `StoreUnavailableError`.
        """
        trouble = self._disk.trouble
        if trouble is not None:
            raise trouble.error
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

    async def between(self, work: Work[None]) -> None:
        """Has it done between two commits, outside of a transaction. It must not raise: that would end the writing."""
        self._apart.append(work)
        # It is done after the first of these, and before the second.
        await self.run(lambda _: None)
        await self.run(lambda _: None)

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

    @property
    def queued(self) -> tuple[int, int]:
        """Pieces of work that wait for their commit, and their bytes."""
        return self._waiting, self._waiting_bytes

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
        try:
            self._write()
        except Exception as problem:  # noqa: BLE001 - a mistake of ours: nobody may wait for ever for a thread that is gone
            self._refuse(problem)
        else:
            _truncate(self._connection)
        self._connection.close()

    def _write(self) -> None:
        while not self._last:
            self._under_way, self._last = self._joined()
            jobs = self._under_way
            if jobs:
                results = self._commit(jobs)
                self._count(jobs, results)
                self._finish(jobs, results)
                self._checkpoint(sum(job.size for job in jobs))
            while self._apart:
                self._apart.pop()(self._connection)
            self._disk.look(self._connection)

    def _refuse(self, problem: Exception) -> None:
        """Nothing can be written any more: whoever asks is told so, until the store is closed."""
        log.error("store.writer_failed hits=refused", exc_info=problem)
        error = self._disk.broken(f"the thread that writes deliveries has failed ({type(problem).__name__})")
        self._apart.clear()
        self._finish(self._under_way, [error] * len(self._under_way))
        while not self._last:
            job = self._jobs.get()
            self._last = job is None
            if job is not None:
                self._count([job], [error])
                self._finish([job], [error])

    def _joined(self) -> tuple[list[_Job], bool]:
        """What waits, and whether it is the last; nothing when it is time to look at the disk."""
        jobs: list[_Job] = []
        try:
            job = self._jobs.get(timeout=self._disk.patience)
            while job is not None:
                jobs.append(job)
                if len(jobs) == MOST_JOINED:
                    return jobs, False
                job = self._jobs.get_nowait()
        except queue.Empty:
            return jobs, False
        return jobs, True

    def _commit(self, jobs: Sequence[_Job]) -> list[Any]:
        """The results, or errors in their place. One that fails takes nobody along: each is then committed alone."""
        hits = [job.size for job in jobs if isinstance(job.work, Acceptance)]
        refusal = self._disk.refuses(self._connection, sum(hits)) if hits else None
        if refusal is not None:
            return self._without_hits(jobs, refusal)
        begun = time.perf_counter()
        try:
            self._connection.execute("begin immediate")
            results = self._results([job.work for job in jobs])
            self._connection.execute("commit")
        except sqlite3.Error as problem:
            self._roll_back()
            return self._failed(jobs, problem)
        except Exception as problem:  # noqa: BLE001 - whoever asked gets it; the thread has to live
            self._roll_back()
            return self._alone(jobs) if len(jobs) > 1 else [problem]
        self.counters.committed(len(jobs), time.perf_counter() - begun)
        return results

    def _failed(self, jobs: Sequence[_Job], problem: sqlite3.Error) -> list[Any]:
        """A disk that fails is not asked again at once: nobody could tell what of it is on the disk."""
        had = self._disk.reserve.held
        error = self._disk.judge(problem, self._connection)
        if error is None and code_of(problem) == sqlite3.SQLITE_BUSY:
            return [stated(problem, "written")] * len(jobs)
        if error is None:
            return self._alone(jobs) if len(jobs) > 1 else [stated(problem, "written")]
        if not isinstance(error, StoreFullError):
            return [error] * len(jobs)
        if any(isinstance(job.work, Acceptance) for job in jobs):
            return self._without_hits(jobs, error)
        if had:
            return self._commit(jobs)
        return self._alone(jobs) if len(jobs) > 1 else [error]

    def _without_hits(self, jobs: Sequence[_Job], refusal: StoreError) -> list[Any]:
        """Hits are refused; what was delivered is written down all the same."""
        others = [job for job in jobs if not isinstance(job.work, Acceptance)]
        results = iter(self._commit(others) if others else ())
        return [refusal if isinstance(job.work, Acceptance) else next(results) for job in jobs]

    def _alone(self, jobs: Sequence[_Job]) -> list[Any]:
        return [self._commit([job])[0] for job in jobs]

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

    def _count(self, jobs: Sequence[_Job], results: Sequence[Any]) -> None:
        for job, result in zip(jobs, results, strict=True):
            if isinstance(result, StoreError):
                self.counters.errors["accept" if isinstance(job.work, Acceptance) else "write"] += 1

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
        if self._written < self._disk.checkpoint_bytes:
            return
        self._written = 0
        try:
            _, pages, _ = self._connection.execute("pragma wal_checkpoint(passive)").fetchone()
            if pages * PAGE_BYTES > WAL_BYTES:
                empty_log(self._connection)
        except sqlite3.Error:
            # The log keeps everything; the next commit tells whoever waits for it.
            return


def _resolve(pairs: Sequence[tuple[asyncio.Future[Any], Any]]) -> None:
    for done, result in pairs:
        if done.done():
            # Whoever asked has left, or knows.
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
