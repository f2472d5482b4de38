"""How full the database is: its counts, read each second, and what this process has done since.

So a limit holds exactly for one process, and for several to what all of them take within a second.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from container.delivery import filling
from container.delivery import postgres_reports as reports
from container.delivery.levels import Levels
from container.delivery.postgres_claims import Went
from container.delivery.postgres_connecting import Database
from container.delivery.postgres_tables import Connection
from container.delivery.store import Limits

MOST_PASSED_OVER = 5


class Filling:
    """To be used in one event loop. `tells`: whether the log hears of it when the store fills up."""

    def __init__(self, limits: Limits, *, tells: bool = True) -> None:
        self.levels = Levels(limits)
        self._told = filling.Filling() if tells else None
        self._changes = self._under_way = self._passed_over = 0
        self._stale = True

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Around what changes how many rows there are, until it is counted here as well."""
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1
            self._changes += 1

    def lose(self, went: Sequence[Went]) -> None:
        """Rows that are gone from where they waited."""
        for lane, rows, size in went:
            self.levels.lose(lane, rows, size)

    def forget(self) -> None:
        """What was counted here was not written, or other things were: the database is asked before the next hit."""
        self._stale = True

    async def refresh(self, connection: Connection) -> None:
        """Asks within a transaction, if need be."""
        if self._stale:
            self.levels.load(await reports.levels(connection))
            self._stale = False

    async def read(self, database: Database) -> None:
        """Asks the database. What it says is older than what happens here meanwhile: then it is asked later."""
        before = self._changes
        found = await database.run(reports.levels)
        if (self._under_way or before != self._changes) and self._passed_over < MOST_PASSED_OVER:
            self._passed_over += 1
            return
        self._passed_over, self._stale = 0, False
        self.levels.load(found)
        if self._told is not None:
            self._told.look(self.levels.fill)
