"""What the SQLite store does within one transaction: plain functions over its connection."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Sequence
from itertools import accumulate, takewhile
from typing import NamedTuple

from container.delivery.history import history_line
from container.delivery.origin import OF_ROW
from container.delivery.row import Reason
from container.delivery.store import MOST_CRASHES, Answer, Part

_CLAIMED_COLUMNS = "number, id, attempts+1, crashes, faults, first, give_up, format, crc, kid, body, size"
LANE_KEPT_MS = 90 * 24 * 3600 * 1000
"""A lane with nothing in it is remembered for so long after its last answer."""

_HISTORY = "case when ?='' then history else appended(history, ?) end"
_BURY = (
    "insert into dead"  # noqa: S608 - constants
    "(id, lane, reason, note, holds, attempts, crashes, first, died, format, crc, kid, body, size, history, origin) "
    "select id, lane, ?, ?, 'request', attempts, crashes, first, ?, format, crc, kid, body, length(body), "
    f"{_HISTORY}, {OF_ROW} from delivery where number in (select value from json_each(?)) and claim is ?"
)
_OVERTAKE = 2
"""So many rows per row of a batch are looked at, since other batches may stand between."""

_CANDIDATES = "select * from delivery where lane=? and claim is null and due<=? order by due, first, number limit ?"
_DUE_FIRST = (
    "select number, batch, part, most_items, most_bytes, crashes, expire from delivery "
    "where lane=? and claim is null and due<=? order by due, first, number limit 1"
)
_SENDABLE = "crashes=0 and (expire is null or expire>=?)"
_TOGETHER = (
    f"select {_CLAIMED_COLUMNS} from ({_CANDIDATES}) where batch=? and part=? and {_SENDABLE} "  # noqa: S608 - constants
    # What is not due yet and was never tried is only waiting for company.
    "and (due<=? or attempts=0) limit ?"
)
_APART = f"select {_CLAIMED_COLUMNS} from ({_CANDIDATES}) where most_items<=1 and {_SENDABLE} limit ?"  # noqa: S608


class First(NamedTuple):
    """The columns of the row that is due first, which decide what can be sent with it, named as in the table."""

    number: int
    batch: bytes
    part: int
    most_items: int
    most_bytes: int
    crashes: int
    expire: int | None


class Found(NamedTuple):
    """A claimed row as it rests. `size`: of its item."""

    number: int
    id: str
    attempts: int
    crashes: int
    faults: int
    first: int
    give_up: int
    format: int
    crc: int
    kid: str
    body: bytes
    size: int


def claim(
    connection: sqlite3.Connection, lane: int, token: bytes, *, now: int, most_items: int, ahead: int, alone: int = 1
) -> tuple[list[Found], int]:
    """The rows that were claimed, and how many were too old instead."""
    first = _first(connection, lane, now)
    too_old = 0
    if first is not None and _is_old(first, now):
        too_old = _bury_old(connection, lane, now, most_items)
        first = _first(connection, lane, now)
    if first is None or _is_old(first, now):
        return [], too_old
    chosen = _mates(connection, lane, first, now, most_items, ahead, alone)
    update = "update delivery set claim=?, attempts=attempts+1 where number in (select value from json_each(?))"
    connection.execute(update, (token, json.dumps([row.number for row in chosen])))
    return sorted(chosen), too_old


def settle(connection: sqlite3.Connection, numbers: Collection[int], token: bytes) -> int:
    """Delivered rows are gone at once."""
    query = "delete from delivery where number in (select value from json_each(?)) and claim=?"
    return connection.execute(query, (json.dumps([*numbers]), token)).rowcount


def postpone(
    connection: sqlite3.Connection,
    numbers: Collection[int],
    token: bytes,
    *,
    until: int | None,
    counted: bool,
    fault: bool = False,
    tried: Answer | None = None,
) -> int:
    """The rows wait again; without `until` they are due when they were."""
    query = (
        f"update delivery set claim=null, due=coalesce(?, due), attempts=attempts-?, faults=faults+?, "  # noqa: S608 - a constant
        f"history={_HISTORY} where number in (select value from json_each(?)) and claim=?"
    )
    line = history_line(tried)
    values = (until, 0 if counted else 1, 1 if fault else 0, line, line, json.dumps([*numbers]), token)
    return connection.execute(query, values).rowcount


def split(
    connection: sqlite3.Connection,
    numbers: Sequence[int],
    token: bytes,
    *,
    now: int,
    later: int | None = None,
    tried: Answer | None = None,
) -> int:
    """Two halves, each marked with the number of its first row, which no other part of its batch has."""
    middle = (len(numbers) + 1) // 2
    query = (
        f"update delivery set claim=null, due=?, part=?, history={_HISTORY} "  # noqa: S608 - a constant
        "where number in (select value from json_each(?)) and claim=?"
    )
    line = history_line(tried)
    halves = ((numbers[:middle], now), (numbers[middle:], now if later is None else later))
    return sum(
        connection.execute(query, (due, half[0], line, line, json.dumps(half), token)).rowcount
        for half, due in halves
        if half
    )


def regroup(connection: sqlite3.Connection, parts: Sequence[Part], *, held: int) -> int:
    """Rows that wait until then, in other parts of their batch."""
    query = (
        "update delivery set due=?, part=? where number in (select value from json_each(?)) and claim is null and due=?"
    )
    return sum(
        connection.execute(query, (part.due, part.numbers[0], json.dumps(part.numbers), held)).rowcount
        for part in parts
    )


def bury(
    connection: sqlite3.Connection,
    numbers: Collection[int],
    token: bytes | None,
    *,
    reason: Reason,
    note: str,
    now: int,
    tried: Answer | None = None,
) -> int:
    """The rows move to the dead letters; without a token they are ones that wait."""
    listed, line = json.dumps([*numbers]), history_line(tried)
    connection.execute(_BURY, (reason, note, now, line, line, listed, token))
    query = "delete from delivery where number in (select value from json_each(?)) and claim is ?"
    return connection.execute(query, (listed, token)).rowcount


def recover(connection: sqlite3.Connection, *, now: int) -> tuple[int, int]:
    """What a process that is dead had claimed waits again, or is dead; how many of each."""
    connection.execute("begin immediate")
    query = "select number, crashes from delivery where claim is not null"
    found = connection.execute(query).fetchall()
    connection.execute("update delivery set claim=null, crashes=crashes+1 where claim is not null")
    poison = [number for number, crashes in found if crashes + 1 >= MOST_CRASHES]
    bury(connection, poison, None, reason="poison", note=f"claimed in {MOST_CRASHES} crashes", now=now)
    connection.execute(_FORGOTTEN, (now - LANE_KEPT_MS,))
    connection.execute("commit")
    return len(found) - len(poison), len(poison)


# Numbers are for ever: figures and links go by them. The last one stays, so that the next lane gets a new one.
_FORGOTTEN = (
    "delete from lanes where paused=0 and mode='open' and coalesce(answered, 0)<=? "
    "and number<(select max(number) from lanes) and rows=0 and dead=0"
)


def _first(connection: sqlite3.Connection, lane: int, now: int) -> First | None:
    found = connection.execute(_DUE_FIRST, (lane, now)).fetchone()
    return None if found is None else First(*found)


def _bury_old(connection: sqlite3.Connection, lane: int, now: int, most: int) -> int:
    query = f"select number from ({_CANDIDATES}) where expire<?"  # noqa: S608 - constants
    old = [number for (number,) in connection.execute(query, (lane, now, most, now))]
    return bury(connection, old, None, reason="too_old", note="", now=now)


def _mates(
    connection: sqlite3.Connection, lane: int, first: First, now: int, most_items: int, ahead: int, alone: int
) -> list[Found]:
    """The first row and those that can go with it, as far as the limits reach, the attempt counted."""
    if first.crashes:
        query = f"select {_CLAIMED_COLUMNS} from delivery where number=?"  # noqa: S608 - a constant
        return [Found(*row) for row in connection.execute(query, (first.number,))]
    if first.most_items <= 1:
        return [Found(*row) for row in connection.execute(_APART, (lane, now, alone * _OVERTAKE, now, alone))]
    most = min(most_items, first.most_items)
    values = (lane, now + ahead, most * _OVERTAKE, first.batch, first.part, now, now, most)
    found = [Found(*row) for row in connection.execute(_TOGETHER, values)]
    sizes = accumulate(row.size for row in found)
    fitting = sum(1 for _ in takewhile(lambda size: size <= first.most_bytes, sizes))
    return found[: max(fitting, 1)]


def _is_old(row: First, now: int) -> bool:
    return row.expire is not None and row.expire < now
