"""What the SQLite store does within one transaction: plain functions over its connection."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from container.delivery.history import history_line
from container.delivery.origin import OF_ROW
from container.delivery.row import Reason
from container.delivery.store import MOST_CRASHES, Answer, Part

_WAITING_COLUMNS = "number, batch, part, size, most_items, most_bytes, due, attempts, crashes, expire"
_CLAIMED_COLUMNS = "number, id, attempts, crashes, faults, first, give_up, format, crc, kid, body"
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


@dataclass(frozen=True, slots=True)
class Waiting:
    """A row's columns that decide what it can be sent with, named as in the table."""

    number: int
    batch: bytes
    part: int
    size: int
    most_items: int
    most_bytes: int
    due: int
    attempts: int
    crashes: int
    expire: int | None


@dataclass(frozen=True, slots=True)
class Found:
    """A claimed row as it rests."""

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


def claim(
    connection: sqlite3.Connection, lane: int, token: bytes, *, now: int, most_items: int, ahead: int
) -> tuple[list[Found], int]:
    """The rows that were claimed, and how many were too old instead."""
    first = _candidates(connection, lane, now, 1)
    too_old = 0
    if first and _is_old(first[0], now):
        old = [row.number for row in _candidates(connection, lane, now, most_items) if _is_old(row, now)]
        too_old = bury(connection, old, None, reason="too_old", note="", now=now)
        first = _candidates(connection, lane, now, 1)
    if not first or _is_old(first[0], now):
        return [], too_old
    chosen = [row.number for row in _mates(connection, lane, first[0], now, most_items, ahead)]
    update = "update delivery set claim=?, attempts=attempts+1 where number in (select value from json_each(?))"
    connection.execute(update, (token, json.dumps(chosen)))
    query = (
        f"select {_CLAIMED_COLUMNS} from delivery "  # noqa: S608 - a constant
        "where number in (select value from json_each(?)) order by number"
    )
    return [Found(*found) for found in connection.execute(query, (json.dumps(chosen),))], too_old


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


def _candidates(connection: sqlite3.Connection, lane: int, until: int, most: int) -> list[Waiting]:
    query = (
        f"select {_WAITING_COLUMNS} from delivery where lane=? and claim is null and due<=? "  # noqa: S608 - a constant
        "order by due, first, number limit ?"
    )
    return [Waiting(*found) for found in connection.execute(query, (lane, until, most))]


def _mates(
    connection: sqlite3.Connection, lane: int, first: Waiting, now: int, most_items: int, ahead: int
) -> Iterable[Waiting]:
    """The first row and those that can go with it, as far as the limits reach."""
    most = min(most_items, first.most_items)
    if most <= 1 or first.crashes:
        return [first]
    found = _candidates(connection, lane, now + ahead, most * _OVERTAKE)
    fitting = (row for row in found if row.number != first.number and _goes_with(first, row, now))
    chosen, size = [first], first.size
    for row in fitting:
        size += row.size
        if len(chosen) == most or size > first.most_bytes:
            break
        chosen.append(row)
    return chosen


def _goes_with(first: Waiting, row: Waiting, now: int) -> bool:
    # What is not due yet and was never tried is only waiting for company.
    ready = row.due <= now or row.attempts == 0
    return (row.batch, row.part) == (first.batch, first.part) and ready and not row.crashes and not _is_old(row, now)


def _is_old(row: Waiting, now: int) -> bool:
    return row.expire is not None and row.expire < now
