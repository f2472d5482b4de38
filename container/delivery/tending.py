"""What the SQLite file needs from time to time, in slices: what is over goes, what a wrong clock did is set right.

A retention that went by the clock alone would empty the dead letters when the clock jumps ahead. So their age goes by a
time that is kept in the file, follows the clock, and moves on by no more than two minutes each minute.
"""

from __future__ import annotations

import sqlite3
from collections import Counter as Tally

from container.delivery.lane import lane_at
from container.delivery.row import LONGEST_LINGER_MS
from container.delivery.store import Dropped, Limits, Tended
from container.effects import LONGEST_WAIT_SECONDS

ROWS_AT_ONCE, GUARDS_AT_ONCE, LETTERS_AT_ONCE, PAGES_AT_ONCE = 500, 1000, 500, 64

AHEAD_MS = max(LONGEST_LINGER_MS, round(LONGEST_WAIT_SECONDS * 1000)) * 11 // 10
"""Nothing waits for longer: not for company, not as a vendor asked. What is due later was written by a wrong clock."""

GUARD_AHEAD_MS = 366 * 24 * 3600 * 1000 * 11 // 10
"""No guard holds for longer."""

AGEING_MS = 2 * 60_000

SPARE_PAGES, SPARE_PART = 256, 4
"""So many free pages stay for what comes next, or a part of the file: giving back and taking again costs writes."""

_PULLED_ROWS = """
update delivery set due=?1, give_up=min(give_up, ?1+max(give_up-first, 0)), first=min(first, ?1)
where number in (
  select delivery.number from lanes cross join delivery indexed by delivery_waiting
  on delivery.lane=lanes.number and delivery.claim is null and delivery.due>?2 where lanes.rows>0 limit ?3)
"""
_PULLED_LANES = "update lanes set not_before=? where not_before>?"
_OVER_GUARDS = (
    "delete from guards where key in (select key from guards where until<=? limit ?) "
    "or key in (select key from guards where until>? limit ?)"
)
_OLDEST = (
    "select dead.number, lane, key, reason, died, size from dead join lanes on lanes.number=dead.lane "
    "order by died limit ?"
)
_AGED = "insert into meta values('aged_to', ?) on conflict do update set value=excluded.value"


def tend(connection: sqlite3.Connection, *, now: int, limits: Limits, begun: bool) -> Tended:
    """One slice of everything. `begun`: a minute has passed since the last time."""
    aged = _aged(connection, now, begun=begun)
    return Tended(
        pulled=_pulled(connection, now),
        guards=_guards_over(connection, now),
        dropped=_dropped(connection, aged, limits),
        pages=_given_back(connection),
    )


def _aged(connection: sqlite3.Connection, now: int, *, begun: bool) -> int:
    """The time by which dead letters age."""
    found = connection.execute("select value from meta where name='aged_to'").fetchone()
    aged = int(found[0]) if found else now
    later = min(now, aged + AGEING_MS if begun else aged)
    if later != aged or not found:
        connection.execute(_AGED, (str(later),))
    return later


def _pulled(connection: sqlite3.Connection, now: int) -> int:
    """What waits for longer than anything may is due now, also a lane that holds still."""
    lanes = connection.execute(_PULLED_LANES, (now, now + AHEAD_MS)).rowcount
    return lanes + connection.execute(_PULLED_ROWS, (now, now + AHEAD_MS, ROWS_AT_ONCE)).rowcount


def _guards_over(connection: sqlite3.Connection, now: int) -> int:
    values = (now, GUARDS_AT_ONCE, now + GUARD_AHEAD_MS, GUARDS_AT_ONCE)
    return connection.execute(_OVER_GUARDS, values).rowcount


def _dropped(connection: sqlite3.Connection, aged: int, limits: Limits) -> tuple[Dropped, ...]:
    """The oldest letters go when they are too old, or when all of them take too much room."""
    [(letters, size)] = connection.execute("select sum(dead), sum(dead_bytes) from lanes").fetchall()
    if not letters:
        return ()
    numbers: list[int] = []
    gone: Tally[tuple[int, str, str, bool]] = Tally()
    for number, lane, key, reason, died, held in connection.execute(_OLDEST, (LETTERS_AT_ONCE,)).fetchall():
        old, many = died <= aged - limits.dead_kept, size > limits.dead_bytes
        if old or many:
            numbers.append(number)
            gone[lane, key, reason, old] += 1
            size -= held
    connection.executemany("delete from dead where number=?", [(number,) for number in numbers])
    return tuple(
        Dropped(lane_at(lane, key), reason, rows, old=old)  # type: ignore[arg-type]
        for (lane, key, reason, old), rows in gone.items()
    )


def _given_back(connection: sqlite3.Connection) -> int:
    """Pages at the end of the file that nothing needs any more go back to the disk."""
    free, pages = _number(connection, "freelist_count"), _number(connection, "page_count")
    most = min(free - max(SPARE_PAGES, pages // SPARE_PART), PAGES_AT_ONCE)
    if most <= 0:
        return 0
    connection.execute(f"pragma incremental_vacuum({most})").fetchall()
    return pages - _number(connection, "page_count")


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    return int(connection.execute(f"pragma {pragma}").fetchone()[0])
