"""Connections to PostgreSQL: how they are opened and checked, and what its errors mean for whoever wanted to write.

A transaction whose commit was asked for and not answered may have been written or not: that counts as not written.
What failed before is done once more on another connection, since a database that was restarted leaves dead ones; but
not after a silence, which the next one would only meet again.
"""

from __future__ import annotations

import logging
import time
from collections import Counter as Tally
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import inf
from typing import Any, TypeVar

import psycopg
from psycopg import errors
from psycopg_pool import PoolClosed, PoolTimeout

from container.delivery.counters import Operation
from container.delivery.postgres_patience import STATEMENT_SECONDS, PatientConnection, SilentError, connect
from container.delivery.postgres_pool import Pool
from container.delivery.postgres_tables import Connection, refusal, version_of
from container.delivery.remedies import NO_SPACE, ONLY_READS, REFUSES, SILENT, UNUSABLE, remedy
from container.delivery.store import (
    StoreAwayError,
    StoreError,
    StoreFullError,
    StoreRefusedError,
    StoreUnavailableError,
)
from container.delivery.told import quoted

log = logging.getLogger("container.delivery")

T = TypeVar("T")
Work = Callable[[Connection], Awaitable[T]]
_Work = Callable[[PatientConnection], Awaitable[T]]

TRIES = 3
VERSION_SECONDS = 3.0
"""So often it is asked, at most, whether `migrate` has been run since."""

SETTINGS: Mapping[str, str] = {
    "statement_timeout": f"{STATEMENT_SECONDS}s",
    "lock_timeout": "1s",
    "idle_in_transaction_session_timeout": "30s",
    # The plans must not depend on when the tables were looked at last: they are empty now and full in an hour.
    "jit": "off",
    "enable_seqscan": "off",
    "plan_cache_mode": "force_generic_plan",
}
_SET = "select set_config(name, value, false) from unnest(%s::text[], %s::text[]) as wanted(name, value)"
_NOW = "select (extract(epoch from clock_timestamp())*1000)::bigint"
_ONLY_READS = "select pg_is_in_recovery() or current_setting('default_transaction_read_only')::bool"
_AGAIN = (errors.DeadlockDetected, errors.SerializationFailure, errors.LockNotAvailable)


class CommitUnknownError(StoreUnavailableError):
    """It may have been written. Whoever writes it once more has to find out first, or has it twice."""


@dataclass(slots=True)
class Database:
    """A database of ours. `serves`: without it, for somebody who looks, it may be one that only reads.

    `version`: of its tables, as they were found last. `trouble`: why it is away.
    `ahead`: milliseconds by which its clock is ahead of this machine's. `server`: what it is.
    `errors`: what could not be done, by what was asked.
    """

    url: str
    serves: bool = True
    version: int = 0
    trouble: str = ""
    ahead: float = 0.0
    server: str = ""
    errors: Tally[Operation] = field(default_factory=Tally)
    _away_since: float = 0.0
    _back_at: float = -inf
    _version_read_at: float = -inf
    _told: set[str] = field(default_factory=set)
    _pool: Pool | None = None
    _closed: bool = field(default=False)

    async def open(self) -> None:
        """Raises `StoreRefusedError` with what to do about it, `StoreAwayError` if that is to wait."""
        try:
            async with await connect(self.url) as connection:
                await self._check(connection)
        except psycopg.Error as problem:
            raise StoreAwayError(unreachable(problem)) from None
        self._pool = Pool(self.url, self._prepare)
        await self._pool.open()
        await self.measure()

    def clock(self) -> int:
        """The database's time in Unix milliseconds, by this machine's clock."""
        return round(time.time_ns() / 1_000_000 + self.ahead)

    def calm_for(self, seconds: float) -> bool:
        """Whether it has been there for so long, as far as this process knows."""
        return not self.trouble and time.monotonic() - self._back_at >= seconds

    async def measure(self) -> None:
        """Compares the clocks; half of the time that it took belongs to the way there."""
        begun, sent = time.time_ns(), time.perf_counter_ns()
        [(theirs,)] = await self.ask(_NOW, asked=None)
        took = time.perf_counter_ns() - sent
        self.ahead = theirs - (begun + took / 2) / 1_000_000

    async def read_version(self) -> None:
        """Finds out, every few seconds at most, whether the tables are of a later version by now."""
        now = time.monotonic()
        if now - self._version_read_at >= VERSION_SECONDS:
            self._version_read_at = now
            found = await self.run(version_of, asked=None)
            self.version = found or self.version

    async def ask(
        self, query: str, values: Any = (), *, asked: Operation | None = "write", done: str = "", unsure: bool = False
    ) -> list[tuple[Any, ...]]:
        """What one statement finds, committed by itself. Raises `StoreUnavailableError`, `StoreFullError`.

        `done`: finds what it found if it was done and nobody heard of it, else nothing. Asked first where that may be:
        when it is sent once more, and if its caller is `unsure`.
        """

        async def work(connection: Connection) -> list[tuple[Any, ...]]:
            nonlocal unsure
            if done and unsure and (found := await fetch(connection, done, values)):
                return found
            unsure = True
            return await fetch(connection, query, values)

        return await self._counted(work, asked, together=False)

    async def run(self, work: Work[T], *, asked: Operation | None = "write", patience: float = STATEMENT_SECONDS) -> T:
        """What `work` returns, once its transaction is committed. It may be called again if it failed.

        `asked`: as what it is counted if it fails, `None` for not at all. `patience`: seconds for each statement.
        Raises `StoreUnavailableError`, `StoreFullError`.
        """
        return await self._counted(partial(_patiently, work, patience), asked, together=True)

    async def close(self) -> None:
        """Afterwards everything raises `StoreUnavailableError`."""
        self._closed = True
        if self._pool is not None:
            await self._pool.close()

    async def _counted(self, work: _Work[T], asked: Operation | None, *, together: bool) -> T:
        try:
            return await self._run(work, together=together)
        except StoreError:
            if asked is not None and not self._closed:
                self.errors[asked] += 1
            raise

    async def _run(self, work: _Work[T], *, together: bool) -> T:
        for left in reversed(range(TRIES)):
            progress = _Progress()
            try:
                return await self._once(work, progress, together=together)
            except (PoolTimeout, PoolClosed) as problem:
                raise self._stumbled(problem) from None
            except psycopg.Error as problem:
                if progress.committing:
                    raise CommitUnknownError(str(self._stumbled(problem))) from None
                if not left or isinstance(problem, SilentError) or not _is_passing(problem):
                    raise self._stumbled(problem) from None
        raise StoreUnavailableError(SILENT)

    async def _once(self, work: _Work[T], progress: _Progress, *, together: bool) -> T:
        if self._closed or self._pool is None:
            raise StoreUnavailableError("the store is closed")
        async with self._pool.connection() as connection:
            try:
                result = await self._done(connection, work, progress, together=together)
            except errors.ReadOnlySqlTransaction:
                # It was our primary, and another one is now.
                await connection.close()
                raise
        self._worked()
        return result

    async def _done(self, connection: PatientConnection, work: _Work[T], progress: _Progress, *, together: bool) -> T:
        if not together:
            return await work(connection)
        await connection.execute("begin")
        result = await work(connection)
        progress.committing = True
        await connection.execute("commit")
        return result

    def _worked(self) -> None:
        if self.trouble:
            self._back_at = time.monotonic()
            log.warning("store.database_back seconds=%.0f", self._back_at - self._away_since)
        self.trouble = ""
        self._told.clear()

    def _stumbled(self, problem: Exception) -> StoreError:
        if self._closed:
            return StoreUnavailableError("the store is closed")
        error = stated(problem)
        if isinstance(problem, PoolTimeout) and self._pool is not None and self._pool.reason:
            error = StoreUnavailableError(f"{UNUSABLE} ({self._pool.reason})")
        if isinstance(problem, PoolTimeout) or _is_away(problem):
            if not self.trouble:
                self._away_since = time.monotonic()
            self.trouble = str(error)
            if self.trouble not in self._told:
                # What is found first, such as a connection that broke, is seldom why no other can be opened.
                self._told.add(self.trouble)
                log.error("store.database_away reason=%s", quoted(f"{error}. {remedy(self.trouble)}"))
        return error

    async def _prepare(self, connection: Connection) -> None:
        if await self._is_of_no_use(connection):
            raise errors.ReadOnlySqlTransaction(ONLY_READS)
        await connection.execute(_SET, ([*SETTINGS], [*SETTINGS.values()]))
        self.version = await version_of(connection) or self.version

    async def _is_of_no_use(self, connection: Connection) -> bool:
        return self.serves and bool((await fetch(connection, _ONLY_READS))[0][0])

    async def _check(self, connection: Connection) -> None:
        if await self._is_of_no_use(connection):
            raise StoreAwayError(f"{ONLY_READS}. {remedy(ONLY_READS)}")
        version = await version_of(connection)
        if reason := refusal(version):
            raise StoreRefusedError(reason)
        [(kept, server)] = await fetch(connection, "select current_setting('synchronous_commit'), version()")
        if kept in ("off", "local"):
            raise StoreRefusedError(
                f"the database answers before a commit is safe (synchronous_commit={kept}). "
                "Set it to on for this role: alter role NAME set synchronous_commit=on"
            )
        self.version = version or 0
        self.server = " ".join(server.split()[:2])


@dataclass(slots=True)
class _Progress:
    committing: bool = False


async def fetch(connection: Connection, query: str, values: Any = ()) -> list[tuple[Any, ...]]:
    """All rows of a statement; none of one that finds nothing. Bodies come as they are, and not as twice their text."""
    cursor = await connection.execute(query, values, binary=True)
    return await cursor.fetchall() if cursor.description else []


async def changed(connection: Connection, query: str, values: Any = ()) -> int:
    """How many rows a statement changed."""
    return (await connection.execute(query, values)).rowcount


def stated(problem: Exception) -> StoreError:
    """What an error of the database means."""
    if isinstance(problem, errors.DiskFull):
        return StoreFullError(NO_SPACE)
    if isinstance(problem, errors.ReadOnlySqlTransaction):
        return StoreUnavailableError(ONLY_READS)
    if isinstance(problem, PoolTimeout):
        return StoreUnavailableError(SILENT)
    if isinstance(problem, PoolClosed):
        return StoreUnavailableError("the store is closed")
    if not isinstance(problem, psycopg.Error) or problem.sqlstate is None:
        return StoreUnavailableError(SILENT)
    code = problem.sqlstate
    words = " ".join((problem.diag.message_primary or "").split()) if code[:2] in _SPEAKS_OF_ITSELF else ""
    return StoreUnavailableError(f"{REFUSES}: {code}, {words or type(problem).__name__}")


def unreachable(problem: psycopg.Error) -> str:
    """Why the database cannot be used at the start. What a driver says may hold the address, and never the password."""
    reason = " ".join(str(problem).split())
    return f"{UNUSABLE} ({reason}). {remedy(reason)}"


def array(numbers: Sequence[int | None]) -> str:
    """Numbers as an array of PostgreSQL, which is quicker than having the driver look at each."""
    return f"{{{','.join('NULL' if each is None else str(each) for each in numbers)}}}"


def storable(text: str) -> str:
    """Text that PostgreSQL can hold: no zeros, and nothing that is no Unicode."""
    return text.encode(errors="replace").decode().replace("\0", "\ufffd")


async def _patiently(work: Work[T], seconds: float, connection: PatientConnection) -> T:
    """Work whose statements may take longer than those for hits, within its transaction."""
    if seconds == STATEMENT_SECONDS:
        return await work(connection)
    await connection.execute(f"set local statement_timeout='{seconds * 1000:.0f}ms'")
    connection.patience = seconds
    try:
        return await work(connection)
    finally:
        connection.patience = STATEMENT_SECONDS


def _is_passing(problem: psycopg.Error) -> bool:
    """Whether it may well work on another connection, or in a moment."""
    return isinstance(problem, _AGAIN) or _is_away(problem)


def _is_away(problem: Exception) -> bool:
    """Whether the connection broke, or the server stops, starts, or is no longer the one that writes."""
    if not isinstance(problem, psycopg.Error):
        return False
    code = problem.sqlstate
    if code is None:
        return isinstance(problem, psycopg.OperationalError)
    return code[:2] == "08" or code in _AWAY


_AWAY = frozenset({"57P01", "57P02", "57P03", "57P05", "25006", "53300"})
"""Of PostgreSQL: it stops, has crashed, starts, cut an idle connection, reads only, has no connection left."""

_SPEAKS_OF_ITSELF = frozenset({"08", "25", "28", "3D", "40", "42", "53", "54", "55", "57", "58"})
"""Classes of errors whose words name tables, roles and limits. Those of others may repeat what a row holds."""
