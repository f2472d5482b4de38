"""The engines under test: stores of each are opened, and altered behind their back, in one way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from container.delivery.postgres import PostgresStore, open_postgres
from container.delivery.sqlite import SqliteStore, open_store
from container.delivery.store import Limits, Store
from tests.delivery.harness import NOW
from tests.delivery.postgres import KEY, running

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
