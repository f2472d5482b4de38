"""What people do with rows in SQLite: look at them, send them again, delete them. Plain functions over a connection.

Rows are looked for by a connection that only reads, and then changed by number and id together: what stands there may
be gone by then.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from container.delivery.accepting import accept
from container.delivery.detail import Resting, detail, held, history, labelled, opened
from container.delivery.lane import lane_at
from container.delivery.origin import Origin, in_origin, origin_of, read_origin
from container.delivery.row import GIVE_UP_MS, Acceptance, FailedHit, Unpacked, unpacked
from container.delivery.seal import Keyring, KeyringError
from container.delivery.selection import Pair, Place, RowDetail, RowReport, Searched, Selection, Standing

FEW_IN_LANE = 20_000
"""A lane with fewer rows is searched by its index, one with more by going through all rows: they are never far."""

TABLES: dict[Place, str] = {"waiting": "delivery", "dead": "dead"}
LAST = 2**63 - 1

Take = Callable[[int, int], bool]
"""Counts a row of so many bytes in a lane, if that has room."""

_REPORT: dict[Place, str] = {
    "waiting": (
        "select delivery.number, id, lane, key, 'request', attempts, first, length(body), "
        "null, '', null, due, claim is not null, kid, crc, body from delivery join lanes on lanes.number=lane "
        "where delivery.number=?"
    ),
    "dead": (
        "select dead.number, id, lane, key, holds, attempts, first, size, reason, note, died, null, 0, kid, crc, body "
        "from dead join lanes on lanes.number=lane where dead.number=?"
    ),
}
_TIMES: dict[Place, str] = {
    "waiting": "select give_up, expire, history from delivery where number=?",
    "dead": f"select {in_origin('give_up')}, {in_origin('expire')}, history from dead where number=?",  # noqa: S608 - constants
}
_STANDING = f"select number, id, holds, reason, {in_origin('expire')}, kid from dead where number=?"  # noqa: S608 - constants
_CAN_WAIT = f"holds='request' and reason!='damaged' and ifnull({in_origin('expire')}>=?, reason!='too_old')"
"""Of what is too old without saying since when, nobody knows that it is not."""

_LETTER = "select lane, first, format, crc, kid, body, history, origin from dead where number=? and id=?"
_WAIT_AGAIN = (
    "insert into delivery(id, lane, batch, part, size, most_items, most_bytes, due, first, give_up, expire, "
    "format, crc, kid, body, priority, history) values(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


class Returned(NamedTuple):
    """Letters that wait again: how many, and the keys of their lanes."""

    rows: int
    lanes: frozenset[str]


def pairs(
    connection: sqlite3.Connection, selection: Selection, *, after: int, most: int, now: int | None = None
) -> list[Pair]:
    """The selected rows numbered above `after`. `now`: only letters of requests that can wait again."""
    where, values = _where(selection)
    if now is not None:
        where, values = f"{where} and {_CAN_WAIT}", [*values, now]
    table = _indexed(connection, selection)
    query = f"select number, id from {table} where number>? and {where} order by number limit ?"  # noqa: S608 - constants
    return [Pair(*found) for found in connection.execute(query, (after, *values, most))]


def count(connection: sqlite3.Connection, selection: Selection) -> int:
    """How many are selected. Whole lanes are counted already."""
    plain = selection.numbers is None and selection.ids is None and selection.reason is None
    column = "rows" if selection.place == "waiting" else "dead"
    if plain and (selection.up_to is None or selection.up_to >= _last(connection, selection.place)):
        lanes, of_lane = ("", ()) if selection.lane is None else (" where number=?", (selection.lane,))
        query = f"select coalesce(sum({column}), 0) from lanes{lanes}"  # noqa: S608 - constants
        return int(connection.execute(query, of_lane).fetchone()[0])
    where, values = _where(selection)
    table = _indexed(connection, selection)
    query = f"select count(*) from {table} where {where}"  # noqa: S608 - constants
    return int(connection.execute(query, values).fetchone()[0])


def reasons(connection: sqlite3.Connection, lane: int) -> dict[str, int]:
    """How many letters of a lane are dead for each reason."""
    query = "select reason, count(*) from dead where lane=? group by reason order by reason"
    return dict(connection.execute(query, (lane,)).fetchall())


def reports(
    connection: sqlite3.Connection, keys: Keyring, selection: Selection, *, most: int, before: int | None
) -> list[RowReport]:
    """The selected rows below `before`, the latest first."""
    where, values = _where(selection)
    table = _indexed(connection, selection)
    query = f"select number from {table} where number<? and {where} order by number desc limit ?"  # noqa: S608 - constants
    numbers = connection.execute(query, (LAST if before is None else before, *values, most)).fetchall()
    found = (_found(connection, selection.place, number) for (number,) in numbers)
    return [labelled(keys, *each) for each in found if each is not None]


def row(connection: sqlite3.Connection, keys: Keyring, place: Place, number: int, *, whole: bool) -> RowDetail | None:
    """Everything of a row."""
    found = _found(connection, place, number)
    if found is None:
        return None
    report, resting = found
    times = connection.execute(_TIMES[place], (number,)).fetchone() or (None, None, "")
    give_up, expire, attempts = times
    shown = RowDetail(report, whole, give_up=give_up, expire=expire, history=history(attempts))
    return detail(keys, resting, shown)


def standing(
    connection: sqlite3.Connection, keys: Keyring, selection: Selection, *, after: int, most: int
) -> list[Standing]:
    """The selected letters, and what decides whether they can be sent again."""
    found = (
        connection.execute(_STANDING, (pair.number,)).fetchone()
        for pair in pairs(connection, selection, after=after, most=most)
    )
    return [
        Standing(number, row_id, holds, reason, expire, "" if kid in keys else kid)
        for number, row_id, holds, reason, expire, kid in filter(None, found)
    ]


def hit_of(connection: sqlite3.Connection, keys: Keyring, letter: Standing) -> FailedHit | None:
    """The hit that a letter holds."""
    query = "select id, holds, crc, kid, body from dead where number=? and id=? and holds='hit'"
    found = connection.execute(query, (letter.number, letter.id)).fetchone()
    if found is None:
        return None
    try:
        read = held(keys, Resting(*found))
    except (KeyringError, ValueError):
        return None
    return read if isinstance(read, FailedHit) else None


def search(
    connection: sqlite3.Connection,
    keys: Keyring,
    place: Place,
    holds: Callable[[Unpacked | FailedHit], bool],
    *,
    after: int,
    most: int,
) -> Searched:
    """Rows above `after` that hold something."""
    kind = "'request'" if place == "waiting" else "holds"
    query = f"select number, id, {kind}, crc, kid, body from {TABLES[place]} where number>? order by number limit ?"  # noqa: S608 - constants
    found: list[Pair] = []
    looked = unread = 0
    last = after
    for number, row_id, *rest in connection.execute(query, (after, most)):
        looked, last = looked + 1, number
        try:
            read = held(keys, Resting(row_id, *rest))
        except (KeyringError, ValueError):
            unread += 1
            continue
        if holds(read):
            found.append(Pair(number, row_id))
    return Searched(found, looked, unread, last)


def drop(connection: sqlite3.Connection, place: Place, rows: Iterable[Pair], *, wholly: bool = False) -> int:
    """The rows are gone. `wholly`: what they were is written over, also where they lay on pages of their own."""
    if wholly:
        connection.execute("pragma secure_delete=on")
    try:
        query = f"delete from {TABLES[place]} where number=? and id=?"  # noqa: S608 - constants
        return sum(connection.execute(query, pair).rowcount for pair in rows)
    finally:
        if wholly:
            connection.execute("pragma secure_delete=fast")


def replay(connection: sqlite3.Connection, keys: Keyring, letters: Iterable[Pair], *, now: int, take: Take) -> Returned:
    """The letters wait again as they were, due at once, with all attempts before them."""
    lanes: set[int] = set()
    rows = 0
    for pair in letters:
        found = connection.execute(_LETTER, pair).fetchone()
        values = None if found is None else _again(keys, pair.id, found, now)
        if values is None or not take(found[0], len(found[5])):
            continue
        connection.execute(_WAIT_AGAIN, values)
        connection.execute("delete from dead where number=?", (pair.number,))
        lanes.add(found[0])
        rows += 1
    query = "select key from lanes where number in (select value from json_each(?))"
    keys_of = connection.execute(query, (json.dumps([*lanes]),))
    return Returned(rows, frozenset(key for (key,) in keys_of))


def again(keys: Keyring, row: Resting, stated: str) -> Origin | None:
    """What a letter was besides its body. Where that is not stated whole, the body says what it can.

    `None`: nor does that. `row` is a letter that holds a request.
    """
    was = read_origin(stated)
    try:
        if was is None:
            read = unpacked(opened(keys, row))
            was = origin_of(read.frame, read.item)
    except (KeyringError, ValueError):
        return None
    return was


def replay_hit(
    connection: sqlite3.Connection,
    keys: Keyring,
    letter: Standing,
    acceptance: Acceptance,
    *,
    lane: Callable[[str], int],
    take: Take,
) -> bool:
    """Writes what the letter's hit leads to, and deletes the letter; or neither."""
    # Lanes that are made for it are remembered, so they are no part of what may be taken back.
    for row in acceptance.rows:
        lane(row.lane.key)
    connection.execute("savepoint again")
    deleted = drop(connection, "dead", [Pair(letter.number, letter.id)])
    [accepted] = accept(connection, [acceptance], keys=keys, lane=lane, take=take)
    whole = bool(deleted) and accepted.stored == len(acceptance.rows)
    if not whole:
        connection.execute("rollback to again")
    connection.execute("release again")
    return whole


def _again(keys: Keyring, row_id: str, letter: Sequence[Any], now: int) -> tuple[Any, ...] | None:
    """The row that a letter was."""
    lane, first, format_, crc, kid, body, attempts, stated = letter
    was = again(keys, Resting(row_id, "request", crc, kid, body), stated)
    if was is None:
        return None
    batch = (bytes.fromhex(was.batch), was.part, was.size, was.most_items, was.most_bytes)
    times = (now, first, max(was.give_up or 0, now + GIVE_UP_MS), was.expire)
    return (row_id, lane, *batch, *times, format_, crc, kid, body, was.priority, attempts)


def _where(selection: Selection) -> tuple[str, list[Any]]:
    clauses: list[str] = ["number<=?"]
    values: list[Any] = [LAST if selection.up_to is None else selection.up_to]
    if selection.lane is not None:
        clauses.append("lane=?")
        values.append(selection.lane)
    if selection.reason is not None:
        clauses.append("reason=?" if selection.place == "dead" else "0=?")
        values.append(selection.reason)
    if selection.numbers is not None:
        clauses.append("number in (select value from json_each(?))")
        values.append(json.dumps(selection.numbers))
    if selection.ids is not None:
        clauses.append("id in (select value from json_each(?))")
        values.append(json.dumps(selection.ids))
    return " and ".join(clauses), values


def _indexed(connection: sqlite3.Connection, selection: Selection) -> str:
    """The table, and by what it is searched where SQLite would choose badly."""
    if selection.place == "dead" or selection.lane is None or selection.numbers is not None:
        return TABLES[selection.place]
    found = connection.execute("select rows from lanes where number=?", (selection.lane,)).fetchone()
    if found is None or found[0] >= FEW_IN_LANE:
        return "delivery not indexed"
    # In two halves, since each index holds one of them.
    columns = "number, id, lane from delivery"
    return (
        f"(select {columns} indexed by delivery_waiting where claim is null and lane={int(selection.lane)} "
        f"union all select {columns} indexed by delivery_claimed where claim is not null)"
    )


def _last(connection: sqlite3.Connection, place: Place) -> int:
    return int(connection.execute(f"select coalesce(max(number), 0) from {TABLES[place]}").fetchone()[0])  # noqa: S608 - constants


def _found(connection: sqlite3.Connection, place: Place, number: int) -> tuple[RowReport, Resting] | None:
    found = connection.execute(_REPORT[place], (number,)).fetchone()
    if found is None:
        return None
    number, row_id, lane, key, holds, attempts, first, size, reason, note, died, due, claimed, kid, crc, body = found
    report = RowReport(
        place=place,
        number=number,
        id=row_id,
        lane=lane,
        account=lane_at(lane, key),
        holds=holds,
        tag="",
        event_name="",
        attempts=attempts,
        first=first,
        size=size,
        reason=reason,
        note=note,
        died=died,
        due=due,
        claimed=bool(claimed),
    )
    return report, Resting(row_id, holds, crc, kid, body)
