"""Reading beside the work: a connection that only reads, with a thread of its own."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from container.delivery.store import StoreUnavailableError
from container.delivery.writer import stated

T = TypeVar("T")


class Reading:
    """Owns the connection until it is closed. `stumbled` is told what SQLite could not read."""

    def __init__(self, connection: sqlite3.Connection, name: str, stumbled: Callable[[sqlite3.Error], None]) -> None:
        self._connection = connection
        self._stumbled = stumbled
        self._thread = ThreadPoolExecutor(1, name)
        self._closed = False

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What `work` returns. Raises `StoreUnavailableError`."""
        if self._closed:
            raise StoreUnavailableError("the store is closed")
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work, self._connection)
        except sqlite3.Error as problem:
            self._stumbled(problem)
            raise stated(problem, "read") from None

    async def close(self) -> None:
        """Lets go of the connection. Afterwards everything raises `StoreUnavailableError`."""
        self._closed = True
        await asyncio.get_running_loop().run_in_executor(self._thread, self._connection.close)
        self._thread.shutdown()
