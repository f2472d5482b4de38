"""How full the database is: its counts, read each second, and what this process has done since.

So a limit holds exactly for one process, and for several to what all of them take within a second.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from container.delivery import postgres_reports as reports
from container.delivery.filling import Filling as Marks
from container.delivery.levels import Levels
from container.delivery.postgres_claims import Went
from container.delivery.postgres_connecting import Database
from container.delivery.postgres_tables import Connection
from container.delivery.store import Limits

MOST_PASSED_OVER = 5


class Filling:
    """To be used in one event loop. `marks`: has the log say when it passes one; `None` where nothing is said."""

    def __init__(self, limits: Limits, marks: Marks | None = None) -> None:
        self.levels = Levels(limits)
        self._marks = marks
        self._changes = self._under_way = self._passed_over = 0
        self._stale = True

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Around what changes how many rows there are, until it is counted here as well."""
        self._under_way += 1
        try:
            yield
        except BaseException:
            # What was counted meanwhile may not be written.
            self._stale = True
            raise
        finally:
            self._under_way -= 1
            self._changes += 1
            # While others are under way it may count what is not written, and never will be.
            if not self._under_way:
                self._look()

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
        found = await database.run(reports.levels, asked=None)
        if (self._under_way or before != self._changes) and self._passed_over < MOST_PASSED_OVER:
            self._passed_over += 1
            return
        self._passed_over, self._stale = 0, False
        self.levels.load(found)
        self._look()

    def _look(self) -> None:
        if self._marks is not None and not self._stale:
            self._marks.look(self.levels.fill)
