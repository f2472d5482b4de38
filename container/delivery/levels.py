"""How full the store is, and each lane's part of it: counted along in memory, so that no hit has to ask the disk."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

from container.delivery.store import Limits

ADMITTED_BELOW = (1.0, 0.9, 0.8)
"""By priority: how full the store may be for a hit to be taken."""

NEARLY_FULL = min(ADMITTED_BELOW)


class Levels:
    """Written by the writer's thread only. What it says is what the table `lanes` says, whose triggers count.

    With PostgreSQL it is written in the event loop, and says what the table `counts` said a moment ago.

    `forget`: a transaction was taken back, or counted elsewhere; the table is asked before the next count.
    """

    def __init__(self, limits: Limits, connection: sqlite3.Connection | None = None) -> None:
        self._limits = limits
        self._lane_rows = max(int(limits.most_rows * limits.lane_share), 1)
        self._lane_bytes = max(int(limits.most_bytes * limits.lane_share), 1)
        self._lanes: dict[int, list[int]] = {}
        self._rows = self._bytes = 0
        self._stale = True
        if connection is not None:
            self.read(connection)

    @property
    def fill(self) -> float:
        """From 0 to 1, by rows or by bytes, whichever is nearer to the limit."""
        return max(min(self._rows / self._limits.most_rows, 1.0), min(self._bytes / self._limits.most_bytes, 1.0))

    def share(self, lane: int) -> float:
        """How much of its part of the store a lane has, from 0 to 1."""
        rows, size = self._lanes.get(lane, (0, 0))
        return min(max(rows / self._lane_rows, size / self._lane_bytes), 1.0)

    def admits(self, priorities: Iterable[int]) -> bool:
        """Whether a hit with rows of these priorities may come in; it counts as the most important of them."""
        fill = self.fill
        return fill < NEARLY_FULL or fill < ADMITTED_BELOW[min(priorities)]

    def read(self, connection: sqlite3.Connection, lane: int | None = None) -> None:
        """Asks the table how it stands, or only how this lane does, if no other can have changed."""
        if lane is not None and not self._stale:
            self._read_lane(connection, lane)
            return
        self.load(connection.execute("select number, rows, bytes from lanes where rows!=0").fetchall())

    def load(self, found: Sequence[tuple[int, int, int]]) -> None:
        """How it stands: the number of each lane that is not empty, its rows, and their bytes."""
        self._lanes = {number: [rows, size] for number, rows, size in found}
        self._rows, self._bytes = sum(rows for _, rows, _ in found), sum(size for *_, size in found)
        self._stale = False

    def lose(self, lane: int, rows: int, size: int) -> None:
        """So many rows and bytes are no longer in a lane."""
        held = self._lanes.setdefault(lane, [0, 0])
        held[0] -= rows
        held[1] -= size
        self._rows -= rows
        self._bytes -= size

    def forget(self) -> None:
        self._stale = True

    def refresh(self, connection: sqlite3.Connection) -> None:
        """Asks the table if need be."""
        if self._stale:
            self.read(connection)

    def take(self, lane: int, size: int) -> bool:
        """Counts a row that is to be written, if its lane has room for it."""
        held = self._lanes.get(lane)
        if held is None:
            held = self._lanes[lane] = [0, 0]
        if held[0] >= self._lane_rows or held[1] + size > self._lane_bytes:
            return False
        held[0] += 1
        held[1] += size
        self._rows += 1
        self._bytes += size
        return True

    def _read_lane(self, connection: sqlite3.Connection, lane: int) -> None:
        rows, size = connection.execute("select rows, bytes from lanes where number=?", (lane,)).fetchone() or (0, 0)
        rows_before, size_before = self._lanes.pop(lane, (0, 0))
        if rows:
            self._lanes[lane] = [rows, size]
        self._rows += rows - rows_before
        self._bytes += size - size_before
