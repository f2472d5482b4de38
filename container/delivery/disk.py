"""How the disk stands, as the writer finds it: it works, it is full, it fails, or the file on it is damaged.

In each of these hits are refused, and what was delivered is still written down if that goes. Full: the room that was
kept is given up for it. Failing: a try each second shows whether it is over. Damaged: only a start mends it.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from container.delivery.reserve import NO_ROOM, Reserve, free_bytes, refused_by
from container.delivery.schema import FILE, PAGE_BYTES
from container.delivery.store import StoreError, StoreFullError, StoreUnavailableError
from container.delivery.told import quoted

LOOK_SECONDS = 1.0
"""While there is trouble the disk is looked at so often."""

GIVEN_UP_SECONDS = 30.0
"""A disk that fails for so long is somebody else's to mend: the process ends."""

PLENTY_BYTES = 256 << 20
"""With so much free nothing is counted before a commit."""

CHECKPOINT_BYTES = 16 << 20
"""After about so much written the log is copied into the file, if the reserve is large enough for that."""

MARK_FILE = f"{FILE}.damaged"
"""Says that the next start has to salvage, and why."""

_COMMIT_PAGES = 10
"""So many pages a commit rewrites, whatever it brings."""

_VACUUM_SECONDS = 0.1
SHORT_PATIENCE_MS, PATIENCE_MS = 200, 5000

_DISK = frozenset(
    {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_NOLFS}
)
_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})

NO_SPACE = "no space is left for deliveries"
NOT_WRITTEN = "the deliveries cannot be written"

log = logging.getLogger("container.delivery")


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with the disk, in words, since when on the monotonic clock."""

    kind: Literal["full", "failing", "damaged"]
    reason: str
    since: float

    @property
    def error(self) -> StoreError:
        """What whoever wants something written is told."""
        return (StoreFullError if self.kind == "full" else StoreUnavailableError)(self.reason)


@dataclass(slots=True)
class Disk:
    """The disk under a data folder. Changed by the writer's thread; `trouble` may be read by any."""

    folder: Path
    reserve: Reserve
    clock: Callable[[], float] = time.monotonic
    trouble: Trouble | None = None
    _looks_at: float = field(default=0.0)

    @property
    def patience(self) -> float | None:
        """For how long the writer may wait for work before it has to look at the disk; `None` for ever."""
        return None if self.trouble is None else max(self._looks_at - self.clock(), 0.01)

    @property
    def given_up(self) -> bool:
        """Whether it has failed for so long that the process should end."""
        found = self.trouble
        return found is not None and found.kind != "full" and self.clock() - found.since >= GIVEN_UP_SECONDS

    @property
    def checkpoint_bytes(self) -> int:
        """How much the log may hold: copying it into the file has to be possible with nothing but the reserve."""
        return min(CHECKPOINT_BYTES, self.reserve.size // (4 if self.trouble is None else 16))

    def at_once(self, rows: int) -> int:
        """Of so many rows, how many may be claimed together: on a full disk all their pages have to fit in the log."""
        found = self.trouble
        most = max(self.reserve.size // (2 * PAGE_BYTES), 1)
        return rows if found is None or found.kind != "full" else min(rows, most)

    def refuses(self, connection: sqlite3.Connection, size: int) -> StoreError | None:
        """Why hits of so many bytes cannot be written now, `None` when they can be tried."""
        if self.trouble is None and not self._has_room(connection, size):
            self._begin("full", NO_SPACE)
            empty_log(connection)
        return self.trouble.error if self.trouble is not None else None

    def judge(self, problem: sqlite3.Error, connection: sqlite3.Connection) -> StoreError | None:
        """What a commit that failed says of the disk; `None`: nothing, it was about what should be written."""
        code = code_of(problem)
        if code == sqlite3.SQLITE_FULL:
            return self.full(connection)
        if is_damage(problem):
            return self.damaged(f"the file of deliveries is damaged ({problem})")
        if code not in _DISK:
            return None
        # SQLite calls a full disk a failing one when it is its index of the log that does not fit, or a quota.
        said = refused_by(self.folder)
        if said is not None and said.errno in NO_ROOM:
            return self.full(connection)
        name = getattr(problem, "sqlite_errorname", "error")
        return self._begin("failing", f"{NOT_WRITTEN}: {problem} ({name})")

    def full(self, connection: sqlite3.Connection) -> StoreError:
        """Nothing more fits: the reserve is given up, and what the log holds moves into the file."""
        error = self._begin("full", NO_SPACE)
        if self.reserve.release():
            log.warning('store.reserve_used bytes=%d "Deliveries go on with it."', self.reserve.size)
            empty_log(connection)
        return error

    def damaged(self, reason: str) -> StoreError:
        """The file cannot be trusted. A mark has the next start salvage it."""
        mark_damaged(self.folder, reason)
        return self._begin("damaged", reason)

    def broken(self, reason: str) -> StoreError:
        """Nothing is written any more, whatever the disk may say."""
        return self._begin("failing", reason)

    def look(self, connection: sqlite3.Connection) -> None:
        """Once in a while, as long as there is trouble: whether it is over."""
        if self.trouble is None or self.clock() < self._looks_at:
            return
        self._looks_at = self.clock() + LOOK_SECONDS
        if self.trouble.kind == "full":
            self._make_room(connection)
            # On the way it may have been found that something else is wrong.
            if self.trouble.kind == "full" and self._is_roomy(connection):
                self._end()
        elif self.trouble.kind == "failing" and _takes_a_commit(connection):
            self._end()

    def _has_room(self, connection: sqlite3.Connection, size: int) -> bool:
        """Whether hits of so many bytes fit beside the reserve, in the log and later in the file."""
        try:
            if free_bytes(self.folder) >= PLENTY_BYTES:
                return True
        except OSError:
            # The commit will tell.
            return True
        return self._room(connection) >= 3 * size + _COMMIT_PAGES * PAGE_BYTES

    def _room(self, connection: sqlite3.Connection) -> int:
        """The bytes that are free once everything in the log is in the file."""
        try:
            pages = int(connection.execute("pragma page_count").fetchone()[0])
            return free_bytes(self.folder) - max(pages * PAGE_BYTES - (self.folder / FILE).stat().st_size, 0)
        except (OSError, sqlite3.Error):
            return 0

    def _is_roomy(self, connection: sqlite3.Connection) -> bool:
        """Whether hits can be taken again, beside a reserve that is there."""
        room = self._room(connection)
        wanted = self.reserve.size if self.reserve.held else 2 * self.reserve.size
        return room >= wanted and (self.reserve.held or self.reserve.make())

    def _make_room(self, connection: sqlite3.Connection) -> None:
        """Gives the disk what delivered rows have left empty, in steps that fit into the reserve."""
        until = self.clock() + _VACUUM_SECONDS
        pages = max(self.reserve.size // 8 // PAGE_BYTES, 1)
        try:
            while connection.execute("pragma freelist_count").fetchone()[0]:
                connection.execute(f"pragma incremental_vacuum({pages})").fetchall()
                empty_log(connection)
                if self.clock() >= until:
                    break
        except sqlite3.Error as problem:
            self.judge(problem, connection)
        empty_log(connection)

    def _begin(self, kind: Literal["full", "failing", "damaged"], reason: str) -> StoreError:
        before = self.trouble
        if before is None or before.kind not in (kind, "damaged"):
            since = before.since if before is not None and "full" not in (kind, before.kind) else self.clock()
            self.trouble = Trouble(kind, reason, since)
            self._looks_at = self.clock() + LOOK_SECONDS
            if kind == "full":
                log.error('store.full reason=%s hits=refused "Make room on the disk."', quoted(reason))
            else:
                log.error("store.broken reason=%s hits=refused", quoted(reason))
            return self.trouble.error
        return before.error

    def _end(self) -> None:
        over, self.trouble = self.trouble, None
        # Only now: whoever reads it may send a hit at once.
        if over is not None:
            seconds = self.clock() - over.since
            log.warning("store.mended after=%s seconds=%.0f hits=taken", quoted(over.reason), seconds)


def code_of(problem: sqlite3.Error) -> int:
    """What kind of error it is, 0 for one that SQLite did not make."""
    return int(getattr(problem, "sqlite_errorcode", 0)) & 0xFF


def is_damage(problem: sqlite3.Error) -> bool:
    """Whether SQLite cannot make sense of the file."""
    return code_of(problem) in _DAMAGE


def mark_damaged(folder: Path, reason: str) -> None:
    """Has the next start salvage the file. Where that cannot be written down, it will be found anew."""
    try:
        (folder / MARK_FILE).write_text(f"{reason}\n", encoding="utf-8")
        (folder / MARK_FILE).chmod(0o600)
    except OSError:
        return


def _takes_a_commit(connection: sqlite3.Connection) -> bool:
    moment = str(time.time_ns())
    try:
        connection.execute("begin immediate")
        try:
            connection.execute("insert or replace into meta values('tried', ?)", (moment,))
            connection.execute("commit")
        finally:
            if connection.in_transaction:
                connection.execute("rollback")
    except sqlite3.Error:
        return False
    return True


def empty_log(connection: sqlite3.Connection, *, wholly: bool = False) -> bool:
    """Copies it into the file, outside of a transaction. Whether that went: not while somebody reads.

    Its room stays its own: on a full disk somebody else would take it, and here it is written anew in place. `wholly`:
    that is given back, and what stood there is gone. Whoever reads for long, such as a check of the whole file, must
    not hold up hits.
    """
    try:
        connection.execute(f"pragma busy_timeout={SHORT_PATIENCE_MS}").fetchone()
        found = connection.execute(f"pragma wal_checkpoint({'truncate' if wholly else 'restart'})").fetchone()
        return found is not None and found[0] == 0
    except (sqlite3.Error, UnicodeDecodeError):
        # It keeps everything until there is more room; the next commit tells whoever waits for it.
        return False
    finally:
        with suppress(sqlite3.Error, UnicodeDecodeError):
            connection.execute(f"pragma busy_timeout={PATIENCE_MS}").fetchone()
