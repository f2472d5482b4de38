"""The engines under test: stores of each are opened, and altered behind their back, in one way."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

from container.delivery.postgres import PostgresStore, open_postgres
from container.delivery.schema import FILE
from container.delivery.sqlite import SqliteStore, open_store
from container.delivery.store import Limits, Store
from tests.delivery.harness import NOW, run
from tests.delivery.postgres import KEY, execute, running

USUAL_LIMITS = Limits()
EngineName = Literal["sqlite", "postgres"]
ENGINES: Sequence[EngineName] = ("sqlite", "postgres")


@dataclass
class Engine:
    """`open` at the same place finds what was stored there before."""

    name: EngineName
    folder: Path
    databases: dict[str, str] = field(default_factory=dict)

    async def open(
        self, at: str = "here", *, limits: Limits = USUAL_LIMITS, key: str = KEY, recover: bool = True
    ) -> Store:
        if self.name == "sqlite":
            return open_store(self.folder / at, now=NOW, key=key, limits=limits, recover=recover)
        if at not in self.databases:
            self.databases[at] = emptied(at)
        return await open_postgres(self.databases[at], key=key, limits=limits, recover=recover)

    def play(self, scenario: Callable[[Store], Awaitable[None]], *, limits: Limits = USUAL_LIMITS) -> None:
        """Runs a scenario on the store here, and closes it."""

        async def whole() -> None:
            store = await self.open(limits=limits)
            try:
                await scenario(store)
            finally:
                await store.close()

        run(whole())

    def find(self, query: str, at: str = "here") -> list[tuple[Any, ...]]:
        """What a query that both engines understand finds, from outside of any store."""
        if self.name == "postgres":
            return execute(self.databases[at], query)
        with closing(sqlite3.connect(self.folder / at / FILE)) as connection:
            return connection.execute(query).fetchall()

    def spoil(self, statement: str, at: str = "here") -> None:
        """Executes a statement that both engines understand, from outside of any store, while one is at work."""
        if self.name == "postgres":
            execute(self.databases[at], statement)
            return
        with closing(sqlite3.connect(self.folder / at / FILE)) as connection, connection:
            connection.create_function("appended", 2, lambda before, _: before, deterministic=True)
            connection.execute(statement)

    async def alter(self, store: Store, statement: str, *values: object) -> None:
        """Executes a statement that both engines understand, `?` for its values."""
        if isinstance(store, SqliteStore):
            await store._writer.run(lambda connection: connection.execute(statement, values).rowcount)
        else:
            assert isinstance(store, PostgresStore)
            await store.database.ask(statement.replace("?", "%s"), values)

    async def lapse(self, at: str = "here") -> None:
        """Claims whose process is gone are over, as they are by themselves after a minute or at the next start."""
        if self.name == "postgres":
            execute(self.databases[at], "update delivery set lease=0 where claim is not null")
            store = await self.open(at)
            assert isinstance(store, PostgresStore)
            # The database may have started just now, which would leave them some time.
            await store.recover(now=NOW, grace=0)
            await store.close()


def emptied(at: str = "here") -> str:
    """The address of a database that is as good as new, and quicker to have. There is one for each place."""
    execute(_again(at), _EMPTYING)
    return _again(at)


@cache
def _again(_at: str) -> str:
    return running().database()


_EMPTYING = (
    "delete from delivery; delete from dead; delete from guards; delete from counts; delete from lanes; "
    "delete from preview_session; delete from preview_code; delete from preview_record; "
    "delete from meta where name<>'schema_version'; alter sequence delivery_number restart; "
    "alter sequence lanes_number_seq restart; alter sequence dead_number_seq restart"
)
