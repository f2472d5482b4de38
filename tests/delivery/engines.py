"""The engines under test: stores of each are opened, and altered behind their back, in one way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal

from container.delivery.postgres import PostgresStore, open_postgres
from container.delivery.sqlite import SqliteStore, open_store
from container.delivery.store import Limits, Store
from tests.delivery.harness import NOW
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

    async def open(self, at: str = "here", *, limits: Limits = USUAL_LIMITS) -> Store:
        if self.name == "sqlite":
            return open_store(self.folder / at, now=NOW, key=KEY, limits=limits)
        if at not in self.databases:
            self.databases[at] = running().database()
        return await open_postgres(self.databases[at], key=KEY, limits=limits)

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
            await store.tend(now=NOW, begun=True)
            await store.close()


def emptied() -> str:
    """The address of a database that is as good as new, and quicker to have. There is one only."""
    execute(_again(), _EMPTYING)
    return _again()


@cache
def _again() -> str:
    return running().database()


_EMPTYING = (
    "delete from delivery; delete from dead; delete from guards; delete from counts; delete from lanes; "
    "delete from meta where name<>'schema_version'; alter sequence delivery_number restart; "
    "alter sequence lanes_number_seq restart; alter sequence dead_number_seq restart"
)
