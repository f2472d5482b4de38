"""What people see of rows in PostgreSQL: `delivery.queue` for the other engine. Functions over a connection.

Bodies are opened in a thread: what takes a while must hold up neither the hits nor the worker.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from container.delivery import exporting
from container.delivery.detail import Resting, detail, held, history, labelled
from container.delivery.lane import lane_at
from container.delivery.postgres_connecting import fetch
from container.delivery.postgres_tables import Connection
from container.delivery.row import FailedHit, Unpacked
from container.delivery.seal import Keyring, KeyringError
from container.delivery.selection import Exported, Pair, Place, RowDetail, RowReport, Searched, Selection, Standing

TABLES: dict[Place, str] = {"waiting": "delivery", "dead": "dead"}

BODIES_AT_ONCE = 50
"""So many are in memory together while rows are searched."""

_REPORT: dict[Place, str] = {
    "waiting": (
        "select r.number, r.id, r.lane, lanes.key, 'request', r.attempts, r.first, length(r.body), null, '', null, "
        "r.due, r.claim is not null, case when r.claim is null then '' else r.worker end, r.kid, r.crc, r.body, "
        "r.give_up, r.expire, r.history from delivery r join lanes on lanes.number=r.lane"
    ),
    "dead": (
        "select r.number, r.id, r.lane, lanes.key, r.holds, r.attempts, r.first, r.size, r.reason, r.note, r.died, "
        "null, false, '', r.kid, r.crc, r.body, {give_up}, {expire}, r.history "
        "from dead r join lanes on lanes.number=r.lane"
    ),
}


def in_origin(name: str) -> str:
    """A number of a letter's origin in SQL, null where it is not there, whatever stands there."""
    return f"""substring(r.origin from '"{name}" *: *(-?[0-9]{{1,18}}) *[,}}]')::bigint"""


_DEAD_REPORT = _REPORT["dead"].format(give_up=in_origin("give_up"), expire=in_origin("expire"))
_CAN_WAIT = f"r.holds='request' and r.reason!='damaged' and coalesce({in_origin('expire')}>=%s, r.reason!='too_old')"
"""Of what is too old without saying since when, nobody knows that it is not."""


class Seen(NamedTuple):
    """A row, and what is needed to see more of it."""

    report: RowReport
    resting: Resting
    give_up: int | None
    expire: int | None
    history: str


def where(selection: Selection) -> tuple[str, list[Any]]:
    """What rows `r` have to fulfil, and the values for it."""
    clauses: list[str] = ["true"]
    values: list[Any] = []

    def needs(clause: str, value: object) -> None:
        clauses.append(clause)
        values.append(value)

    if selection.up_to is not None:
        needs("r.number<=%s", selection.up_to)
    if selection.lane is not None:
        needs("r.lane=%s", selection.lane)
    if selection.reason is not None:
        # What waits has none.
        needs("r.reason=%s" if selection.place == "dead" else "%s::text is null", selection.reason)
    if selection.numbers is not None:
        needs("r.number=any(%s::bigint[])", [*selection.numbers])
    if selection.ids is not None:
        needs("r.id=any(%s::text[])", [*selection.ids])
    return " and ".join(clauses), values


async def pairs(
    connection: Connection, selection: Selection, *, after: int, most: int, now: int | None = None
) -> list[Pair]:
    """The selected rows numbered above `after`. `now`: only letters of requests that can wait again."""
    clause, values = where(selection)
    if now is not None:
        clause, values = f"{clause} and {_CAN_WAIT}", [*values, now]
    query = (
        f"select r.number, r.id from {TABLES[selection.place]} r where r.number>%s and {clause} "  # noqa: S608 - constants
        "order by r.number limit %s"
    )
    return [Pair(*found) for found in await fetch(connection, query, (after, *values, most))]


async def wait_for_writers(connection: Connection) -> None:
    """Whoever writes a row in a transaction has its table until that is over. Given back when this one ends."""
    await connection.execute("lock table delivery, dead in share mode")


async def count(connection: Connection, selection: Selection) -> int:
    """How many are selected. Whole lanes are counted already."""
    table = TABLES[selection.place]
    column = "rows" if selection.place == "waiting" else "dead"
    if await _is_whole(connection, selection):
        of_lane, lanes = ("", ()) if selection.lane is None else (" where lane=%s", (selection.lane,))
        query = f"select coalesce(sum({column}), 0)::bigint from counts{of_lane}"  # noqa: S608 - constants
        return int((await fetch(connection, query, lanes))[0][0])
    clause, values = where(selection)
    query = f"select count(*) from {table} r where {clause}"  # noqa: S608 - constants
    return int((await fetch(connection, query, values))[0][0])


async def reasons(connection: Connection, lane: int) -> dict[str, int]:
    """How many letters of a lane are dead for each reason."""
    query = "select reason, count(*) from dead where lane=%s group by reason order by reason"
    return {str(reason): int(rows) for reason, rows in await fetch(connection, query, (lane,))}


async def reports(
    connection: Connection, keys: Keyring, selection: Selection, *, most: int, before: int | None
) -> list[RowReport]:
    """The selected rows below `before`, the latest first."""
    clause, values = where(selection)
    if before is not None:
        clause, values = f"{clause} and r.number<%s", [*values, before]
    query = f"{_report(selection.place)} where {clause} order by r.number desc limit %s"
    found = [_seen(selection.place, *values) for values in await fetch(connection, query, (*values, most))]
    return await asyncio.to_thread(lambda: [labelled(keys, each.report, each.resting) for each in found])


async def row(connection: Connection, keys: Keyring, place: Place, number: int, *, whole: bool) -> RowDetail | None:
    """Everything of a row."""
    found = await fetch(connection, f"{_report(place)} where r.number=%s", (number,))
    if not found:
        return None
    seen = _seen(place, *found[0])
    shown = RowDetail(seen.report, whole, give_up=seen.give_up, expire=seen.expire, history=history(seen.history))
    return detail(keys, seen.resting, shown)


async def standing(
    connection: Connection, keys: Keyring, selection: Selection, *, named: Collection[str], after: int, most: int
) -> list[Standing]:
    """The selected letters, and what decides whether they can be sent again. `named`: keys of processes that run."""
    clause, values = where(selection)
    query = (
        f"select r.number, r.id, r.holds, r.reason, {in_origin('expire')}, r.kid from dead r "  # noqa: S608 - constants
        f"where r.number>%s and {clause} order by r.number limit %s"
    )
    return [
        Standing(
            number,
            row_id,
            holds,
            reason,
            expire,
            missing_key="" if kid in keys else kid,
            unshared_key=kid if kid in keys and named and kid not in named else "",
        )
        for number, row_id, holds, reason, expire, kid in await fetch(connection, query, (after, *values, most))
    ]


async def hit_of(connection: Connection, keys: Keyring, letter: Standing) -> FailedHit | None:
    """The hit that a letter holds."""
    query = "select id, holds, crc, kid, body from dead where number=%s and id=%s and holds='hit'"
    found = await fetch(connection, query, (letter.number, letter.id))
    if not found:
        return None
    try:
        read = held(keys, Resting(*found[0]))
    except (KeyringError, ValueError):
        return None
    return read if isinstance(read, FailedHit) else None


async def search(
    connection: Connection,
    keys: Keyring,
    place: Place,
    holds: Callable[[Unpacked | FailedHit], bool],
    *,
    after: int,
    most: int,
) -> Searched:
    """Rows above `after` that hold something."""
    listed = await pairs(connection, Selection(place), after=after, most=most)
    kind = "'request'" if place == "waiting" else "r.holds"
    query = (
        f"select r.number, r.id, {kind}, r.crc, r.kid, r.body from {TABLES[place]} r "  # noqa: S608 - constants
        "where r.number=any(%s::bigint[]) order by r.number"
    )
    found: list[Pair] = []
    unread = 0
    for start in range(0, len(listed), BODIES_AT_ONCE):
        numbers = [pair.number for pair in listed[start : start + BODIES_AT_ONCE]]
        bodies = await fetch(connection, query, (numbers,))
        holding, unreadable = await asyncio.to_thread(partial(_holding, keys, bodies, holds))
        found += holding
        unread += unreadable
    return Searched(found, len(listed), unread, listed[-1].number if listed else after)


async def export(connection: Connection, keys: Keyring, place: Place, rows: Sequence[Pair]) -> list[Exported]:
    """These rows as lines. One that is gone or cannot be read has a line that is empty."""
    names = [name for name in exporting.COLUMNS[place] if name != "id"]
    columns = ", ".join("encode(r.batch, 'hex')" if name == "batch" else f"r.{name}" for name in names)
    query = (
        f"select r.number, r.id, lanes.key, r.crc, r.kid, r.body, {columns} from {TABLES[place]} r "  # noqa: S608 - constants
        "join lanes on lanes.number=r.lane where r.number=any(%s::bigint[])"
    )
    found = {
        Pair(number, row_id): values
        for number, row_id, *values in await fetch(connection, query, ([pair.number for pair in rows],))
    }

    def exported(pair: Pair) -> Exported:
        if pair not in found:
            return Exported(pair.number, {}, gone=True)
        key, crc, kid, body, *rest = found[pair]
        about = {"id": pair.id, **dict(zip(names, rest, strict=True))}
        resting = Resting(pair.id, about.get("holds", "request"), crc, kid, body)
        return Exported(pair.number, exporting.line_of(keys, place, key, about, resting))

    return await asyncio.to_thread(lambda: [exported(pair) for pair in rows])


async def _is_whole(connection: Connection, selection: Selection) -> bool:
    """Whether all rows of a lane, or of all lanes, are selected."""
    if replace(selection, up_to=None) != Selection(selection.place, selection.lane):
        return False
    if selection.up_to is None:
        return True
    query = f"select coalesce(max(number), 0) from {TABLES[selection.place]}"  # noqa: S608 - constants
    return selection.up_to >= int((await fetch(connection, query))[0][0])


def _holding(
    keys: Keyring, bodies: Sequence[tuple[Any, ...]], holds: Callable[[Unpacked | FailedHit], bool]
) -> tuple[list[Pair], int]:
    """The rows in which it is found, and how many could not be read."""
    found: list[Pair] = []
    unread = 0
    for number, row_id, *rest in bodies:
        try:
            read = held(keys, Resting(row_id, *rest))
        except (KeyringError, ValueError):
            unread += 1
            continue
        if holds(read):
            found.append(Pair(number, row_id))
    return found, unread


def _report(place: Place) -> str:
    return _DEAD_REPORT if place == "dead" else _REPORT[place]


def _seen(place: Place, *found: Any) -> Seen:
    *about, kid, crc, body, give_up, expire, tried = found
    number, row_id, lane, key, holds, attempts, first, size, reason, note, died, due, claimed, worker = about
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
        claimed=claimed,
        worker=worker,
    )
    return Seen(report, Resting(row_id, holds, crc, kid, body), give_up, expire, tried)
