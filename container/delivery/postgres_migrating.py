"""What `migrate` does: makes the tables in a database, or those of an earlier version ours."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import psycopg

from container.delivery.postgres_connecting import unreachable
from container.delivery.postgres_patience import PROGRAM, SilentError, attended, connect, named
from container.delivery.postgres_tables import Connection, migrate, planned, version_of
from container.delivery.store import StoreRefusedError

T = TypeVar("T")


async def migrated(url: str) -> list[str]:
    """What was done, as sentences. Raises `StoreRefusedError`, and then nothing was done."""
    return await _connected(url, migrate)


async def plan(url: str) -> str:
    """What `migrated` would have the database do, as SQL. Raises `StoreRefusedError`."""

    async def look(connection: Connection) -> str:
        return planned(await version_of(connection))

    return await _connected(url, look)


async def _connected(url: str, work: Callable[[Connection], Awaitable[T]]) -> T:
    url = named(url, f"{PROGRAM} migrate")
    try:
        connection = await connect(url)
    except psycopg.Error as problem:
        raise StoreRefusedError(unreachable(problem)) from None
    async with connection, attended(connection, url):
        try:
            return await work(connection)
        except SilentError as problem:
            raise StoreRefusedError(f"{unreachable(problem)} Then run it again: it goes on from where it is.") from None
        except psycopg.Error as problem:
            said = problem.diag.message_primary or type(problem).__name__
            raise StoreRefusedError(
                f"the database refuses to have its tables made ({said}). Nothing was changed. Let the role of --store "
                "create tables there, or run the SQL that --dry-run prints as one that may."
            ) from None
