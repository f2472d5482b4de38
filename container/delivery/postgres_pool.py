"""The connections to PostgreSQL that a process has: opened when they are needed, and replaced when they break."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import psycopg
from psycopg_pool import AsyncConnectionPool

from container.delivery.postgres_patience import CONNECT_SECONDS, PatientConnection
from container.delivery.postgres_tables import Connection

MOST_CONNECTIONS = 8
PATIENCE_SECONDS = 2.0
"""Nobody waits longer for a connection."""


class Pool:
    """`reason`: why the latest connection could not be opened, in the database's words; empty since one could.

    `prepare`: makes a new connection ready, or raises.
    """

    def __init__(self, url: str, prepare: Callable[[Connection], Awaitable[None]]) -> None:
        self.reason = ""
        self._pool = AsyncConnectionPool(
            url,
            connection_class=_noting(self._note),
            kwargs={"autocommit": True, "prepare_threshold": 0, "connect_timeout": CONNECT_SECONDS},
            min_size=1,
            max_size=MOST_CONNECTIONS,
            timeout=PATIENCE_SECONDS,
            # After so long it begins anew with short pauses, whoever asks next.
            reconnect_timeout=3,
            open=False,
            configure=prepare,
        )
        self._warden: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Begins to connect."""
        await self._pool.open()
        self._warden = asyncio.create_task(self._guard())
        # One that was cancelled before it began would do nothing.
        await asyncio.sleep(0)

    def connection(self) -> AbstractAsyncContextManager[PatientConnection]:
        """One of them, for as long as it is wanted. Raises `PoolTimeout`, `PoolClosed`."""
        return self._pool.connection()

    async def close(self) -> None:
        """More than once is fine. Whoever is cancelled meanwhile leaves it to end by itself."""
        if self._warden is not None:
            self._warden.cancel()
            await asyncio.wait((self._warden,))

    async def _guard(self) -> None:
        """Closes it also where nobody does, when the loop ends and cancels every task.

        The tasks of the library swallow that while they connect: without this the program would never end.
        """
        try:
            await asyncio.Event().wait()
        finally:
            await self._pool.close()

    def _note(self, problem: psycopg.Error | None) -> None:
        self.reason = "" if problem is None else " ".join(str(problem).split())


def _noting(note: Callable[[psycopg.Error | None], None]) -> type[PatientConnection]:
    """Connections that say why one could not be opened: the library keeps that to its log."""

    class Noting(PatientConnection):
        @classmethod
        async def connect(cls, *arguments: Any, **more: Any) -> Any:
            try:
                found = await super().connect(*arguments, **more)
            except psycopg.Error as problem:
                note(problem)
                raise
            note(None)
            return found

    return Noting


def _keep_quiet() -> None:
    """The library tells of each connection that fails; here it is told once that the database is away."""
    for name in ("psycopg", "psycopg.pool"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


_keep_quiet()
