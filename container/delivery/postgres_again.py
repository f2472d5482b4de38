"""What people change in PostgreSQL: letters that wait again, rows that are deleted, rows of an export.

Rows were looked for before, and are changed by number and id together: what stands there may be gone by then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from container.delivery.accepting import Sealed, sealed
from container.delivery.detail import Resting
from container.delivery.exporting import LineError, read
from container.delivery.known_ids import KnownIds
from container.delivery.origin import Origin, read_origin
from container.delivery.postgres_connecting import changed, fetch, storable
from container.delivery.postgres_rows import TABLES
from container.delivery.postgres_tables import Connection, slot_of
from container.delivery.queue import Returned, Take, again
from container.delivery.row import GIVE_UP_MS
from container.delivery.seal import Keyring
from container.delivery.selection import Imported, Pair, Place

# In the order of their numbers, as everybody does who holds several rows, so that nobody waits in a circle.
_HELD = (
    "select r.number from {table} r join unnest(%s::bigint[], %s::text[]) as wanted(number, id) "
    "on wanted.number=r.number and wanted.id=r.id order by r.number for update of r"
)
_LETTERS = (
    "select r.number, r.id, r.lane, r.first, r.size, r.origin from dead r "
    "join unnest(%s::bigint[], %s::text[]) as wanted(number, id) on wanted.number=r.number and wanted.id=r.id "
    "where r.holds='request' order by r.number for update of r skip locked"
)
_BODIES = "select number, id, crc, kid, body from dead where number=any(%s::bigint[])"
_PRESENT = (
    "select id from delivery where id=any(%(ids)s::text[]) union select id from dead where id=any(%(ids)s::text[])"
)
_IMPORT = 0x7461675F726F7773
"""The advisory lock of a slice of an import: of two that bring the same row, the second finds it."""

_AGAIN = {
    "number": "bigint",
    "slot": "bigint",
    "batch": "bytea",
    "part": "bigint",
    "size": "bigint",
    "most_items": "bigint",
    "most_bytes": "bigint",
    "give_up": "bigint",
    "expire": "bigint",
    "priority": "bigint",
}
_WAIT_AGAIN = (
    "insert into delivery(slot, id, lane, batch, part, size, most_items, most_bytes, due, first, give_up, expire, "
    "format, crc, kid, body, priority, history) "
    "select was.slot, r.id, r.lane, was.batch, was.part, was.size, was.most_items, was.most_bytes, %s, r.first, "
    "was.give_up, was.expire, r.format, r.crc, r.kid, r.body, was.priority, r.history "
    "from unnest({arrays}) as was({names}) join dead r on r.number=was.number order by r.number"
)


class Line(NamedTuple):
    """A row of an export, sealed for this store. `values`: its columns, but for the lane and the body."""

    place: Place
    lane: str
    values: Mapping[str, Any]
    resting: Sealed


async def drop(connection: Connection, place: Place, rows: Sequence[Pair]) -> int:
    """The rows are gone; how many there were."""
    table = TABLES[place]
    query = f"with held as ({_HELD.format(table=table)}) delete from {table} where number in (select number from held)"  # noqa: S608
    return await changed(connection, query, _columns(rows))


async def replay(connection: Connection, keys: Keyring, letters: Sequence[Pair], *, now: int, take: Take) -> Returned:
    """The letters wait again as they were, due at once, with all attempts before them."""
    found = await fetch(connection, _LETTERS, _columns(letters))
    bodies = await _bodies(connection, [number for number, *_, origin in found if read_origin(origin) is None])
    back: list[tuple[Any, ...]] = []
    lanes: set[int] = set()
    for number, row_id, lane, first, size, stated in found:
        was = again(keys, bodies.get(number, Resting(row_id, "request", 0, "", b"")), stated)
        if was is None or not take(lane, size):
            continue
        back.append(_waiting_again(number, first, was, now))
        lanes.add(lane)
    await _wait_again(connection, back, now)
    query = "select key from lanes where number=any(%s::bigint[])"
    return Returned(len(back), frozenset(key for (key,) in await fetch(connection, query, ([*lanes],))))


def lines_of(keys: Keyring, stated: Iterable[Mapping[str, Any]], known: KnownIds) -> tuple[Imported, list[Line]]:
    """The rows of an export that can be stored, sealed with the key of this store, and what the others are."""
    total = Imported()
    lines: list[Line] = []
    seen: set[str] = set()
    for line in stated:
        try:
            place, lane, values, body = read(line)
        except LineError:
            total += Imported(damaged=1)
            continue
        if values["id"] in known or values["id"] in seen:
            total += Imported(known=1)
            continue
        seen.add(values["id"])
        lines.append(Line(place, lane, _storable(values), sealed(keys, values["id"], body)))
    return total, lines


async def store(
    connection: Connection, lines: Sequence[Line], *, lanes: Mapping[str, int], take: Take
) -> tuple[Imported, list[Line]]:
    """Writes the rows that are not here and for which their lanes have room, and tells which those were."""
    await connection.execute("select pg_advisory_xact_lock(%s)", (_IMPORT,))
    present = {
        row_id for (row_id,) in await fetch(connection, _PRESENT, {"ids": [line.values["id"] for line in lines]})
    }
    total = Imported(known=len(present))
    stored: list[Line] = []
    for line in lines:
        if line.values["id"] in present:
            continue
        if line.place == "waiting" and not take(lanes[line.lane], len(line.resting.body)):
            total += Imported(full=1)
            continue
        stored.append(line)
    for place in TABLES:
        await _insert(connection, place, [_row(line, lanes[line.lane]) for line in stored if line.place == place])
    return total + Imported(taken=len(stored)), stored


async def _bodies(connection: Connection, numbers: Sequence[int]) -> dict[int, Resting]:
    found = await fetch(connection, _BODIES, ([*numbers],)) if numbers else []
    return {number: Resting(row_id, "request", crc, kid, body) for number, row_id, crc, kid, body in found}


def _waiting_again(number: int, first: int, was: Origin, now: int) -> tuple[Any, ...]:
    batch = (bytes.fromhex(was.batch), was.part, was.size, was.most_items, was.most_bytes)
    return (number, slot_of(first), *batch, max(was.give_up or 0, now + GIVE_UP_MS), was.expire, was.priority)


async def _wait_again(connection: Connection, back: Sequence[tuple[Any, ...]], now: int) -> None:
    if not back:
        return
    columns = [[*column] for column in zip(*back, strict=True)]
    arrays = ", ".join(f"%s::{kind}[]" for kind in _AGAIN.values())
    query = _WAIT_AGAIN.format(arrays=arrays, names=", ".join(_AGAIN))
    await connection.execute(query, (now, *columns))
    await connection.execute("delete from dead where number=any(%s::bigint[])", (columns[0],))


def _row(line: Line, lane: int) -> Mapping[str, Any]:
    resting = line.resting
    more = {"lane": lane, "crc": resting.crc, "kid": resting.kid, "body": resting.body}
    if line.place == "waiting":
        own = {"batch": bytes.fromhex(line.values["batch"]), "slot": slot_of(line.values["first"])}
        return {**line.values, **more, **own}
    return {**line.values, **more, "size": len(resting.body)}


async def _insert(connection: Connection, place: Place, rows: Sequence[Mapping[str, Any]]) -> None:
    if not rows:
        return
    names = [*rows[0]]
    arrays = ", ".join(f"%s::{_kind(rows[0][name], name)}[]" for name in names)
    listed = ", ".join(f"r.{name}" for name in names)
    query = (
        f"insert into {TABLES[place]}({', '.join(names)}) select {listed} "  # noqa: S608 - constants
        f"from unnest({arrays}) with ordinality as r({', '.join(names)}, place) order by r.place"
    )
    await connection.execute(query, [[row[name] for row in rows] for name in names])


def _kind(value: object, name: str) -> str:
    if name == "expire" or isinstance(value, int):
        return "bigint"
    return "bytea" if isinstance(value, bytes) else "text"


def _storable(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """An answer of a vendor's may have left in the history what no text of PostgreSQL's holds."""
    return {name: storable(value) if isinstance(value, str) else value for name, value in values.items()}


def _columns(rows: Sequence[Pair]) -> tuple[list[int], list[str]]:
    return [pair.number for pair in rows], [pair.id for pair in rows]
