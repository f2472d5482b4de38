"""The ids of all rows of a store, for an import."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable


class KnownIds:
    """The ids of all rows that a store has, beside it in memory: looking each one up would read the whole store."""

    def __init__(self) -> None:
        self._ids = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self._ids.execute("create table ids(id text primary key) without rowid")

    def add(self, ids: Iterable[str]) -> None:
        self._ids.executemany("insert or ignore into ids values(?)", ((each,) for each in ids))

    def __contains__(self, row_id: str) -> bool:
        return self._ids.execute("select 1 from ids where id=?", (row_id,)).fetchone() is not None

    def close(self) -> None:
        self._ids.close()
