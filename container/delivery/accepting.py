"""Hits that are written together: their guards, rows and letters in a few statements for all of them.

Each statement gives the interpreter's lock away and has to get it back from the loop, which is busy with the next hits.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

from container.delivery.origin import origin_of
from container.delivery.row import FORMAT, Acceptance, Letter, Row
from container.delivery.seal import Keyring
from container.delivery.store import Accepted
from container.engine.guards import by_delivery
from container.engine.outcome import Guard

LANE_FULL = "its lane had its share of the store"

SIZES = (64, 16, 4, 1)
"""So many rows a statement writes. Few different sizes, so that SQLite keeps all of them prepared."""

T = TypeVar("T")


class Sealed(NamedTuple):
    """A body as it goes to disk."""

    crc: int
    kid: str
    body: bytes


def sealed(keys: Keyring, row_id: str, body: bytes) -> Sealed:
    """The body encrypted, and the checksum of what goes to disk."""
    resting = keys.seal(row_id, body)
    return Sealed(zlib.crc32(resting), keys.kid, resting)


def accept(
    connection: sqlite3.Connection,
    acceptances: Sequence[Acceptance],
    *,
    keys: Keyring,
    lane: Callable[[str], int],
    take: Callable[[int, int], bool],
) -> list[Accepted]:
    """Everything of these hits, in the order in which they came.

    `take`: counts a row of so many bytes in a lane, if that has room; else the row is a letter from the start.
    """
    rows: list[tuple[object, ...]] = []
    letters: list[tuple[object, ...]] = []
    accepted: list[Accepted] = []
    for acceptance, taken in zip(acceptances, _guarded(connection, acceptances), strict=True):
        blocked = {name for guard in taken for name in guard.planned} if taken else frozenset()
        stored, overflowed = 0, []
        for row in acceptance.rows:
            if row.id in blocked:
                continue
            number, resting = lane(row.lane.key), sealed(keys, row.id, row.body)
            if take(number, len(resting.body)):
                rows.append(_values(row, resting, number))
                stored += 1
            else:
                letters.append(_overflowing(row, resting, number, acceptance.now))
                overflowed.append(Letter(row.id, row.lane, "lane_full", LANE_FULL, row.first, row.body, row.tag))
        letters += [
            _letter(letter, sealed(keys, letter.id, letter.body), lane(letter.lane.key))
            for letter in acceptance.letters
            if letter.id not in blocked
        ]
        accepted.append(Accepted(stored, taken, tuple(overflowed)))
    _insert(connection, "delivery", rows)
    _insert(connection, "dead", letters)
    return accepted


def _guarded(connection: sqlite3.Connection, acceptances: Sequence[Acceptance]) -> list[frozenset[Guard]]:
    """Takes the keys of the hits' guards. Those that were taken before are given back, hit by hit.

    A delivery's guards are taken all or none: one that is held back must not use up its other keys.
    """
    until = _held(connection, [guard.key for acceptance in acceptances for guard in acceptance.guards])
    new: dict[bytes, Guard] = {}
    found = []
    for acceptance in acceptances:
        taken: set[Guard] = set()
        for together in by_delivery(acceptance.guards).values() if acceptance.guards else ():
            before = [guard for guard in together if until.get(guard.key, 0) > acceptance.now]
            taken.update(before)
            if not before:
                until |= {guard.key: guard.until for guard in together}
                new |= {guard.key: guard for guard in together}
        found.append(frozenset(taken))
    _insert(connection, "guards", [_guard(guard) for guard in new.values()])
    return found


def _held(connection: sqlite3.Connection, keys: Sequence[bytes]) -> dict[bytes, int]:
    """The keys that somebody had or has, and until when."""
    return {key: until for some in _in_sizes(keys) for key, until in connection.execute(_asking(len(some)), some)}


def _insert(connection: sqlite3.Connection, table: str, rows: Sequence[tuple[object, ...]]) -> None:
    for some in _in_sizes(rows):
        connection.execute(_inserting(table, len(some)), [value for row in some for value in row])


def _in_sizes(values: Sequence[T]) -> Iterator[Sequence[T]]:
    start = 0
    for size in SIZES:
        while len(values) - start >= size:
            yield values[start : start + size]
            start += size


@lru_cache
def _asking(keys: int) -> str:
    return f"select key, until from guards where key in ({', '.join('?' * keys)})"  # noqa: S608 - a constant


@lru_cache
def _inserting(table: str, rows: int) -> str:
    columns, rest = _TABLES[table]
    row = f"({', '.join('?' * len(columns))})"
    return f"insert into {table}({', '.join(columns)}) values{', '.join([row] * rows)}{rest}"


_TABLES: Mapping[str, tuple[tuple[str, ...], str]] = {
    "delivery": (
        (
            *("id", "lane", "batch", "size", "most_items", "most_bytes", "due", "first", "give_up", "expire"),
            *("format", "crc", "kid", "body", "priority"),
        ),
        "",
    ),
    "dead": (
        (
            *("id", "lane", "reason", "note", "holds", "attempts", "crashes", "first", "died"),
            *("format", "crc", "kid", "body", "size", "origin"),
        ),
        "",
    ),
    "guards": (
        ("key", "kind", "until", "row"),
        " on conflict(key) do update set kind=excluded.kind, until=excluded.until, row=excluded.row",
    ),
}


def _values(row: Row, resting: Sealed, lane: int) -> tuple[Any, ...]:
    frame = row.frame
    limits = (len(row.item.data) + 1, frame.most_items, frame.most_bytes)
    times = (row.due, row.first, row.give_up, row.expire)
    resting_at = (FORMAT, resting.crc, resting.kid, resting.body)
    return (row.id, lane, frame.group, *limits, *times, *resting_at, row.priority)


def _overflowing(row: Row, resting: Sealed, lane: int, now: int) -> tuple[Any, ...]:
    """The letter of a row for which its lane has no room, with all that it needs to wait after all."""
    origin = origin_of(row.frame, row.item, expire=row.expire, give_up=row.give_up, priority=row.priority)
    about = (row.id, lane, "lane_full", LANE_FULL, "request", 0, 0, row.first, now)
    return (*about, FORMAT, *resting, len(resting.body), origin.encoded)


def _letter(letter: Letter, resting: Sealed, lane: int) -> tuple[Any, ...]:
    about = (letter.id, lane, letter.reason, letter.note, "hit", 0, 0, letter.first, letter.first)
    return (*about, FORMAT, *resting, len(resting.body), "")


def _guard(guard: Guard) -> tuple[object, ...]:
    # Whichever of its deliveries is forgotten, the guard goes with it.
    return (guard.key, guard.kind, guard.until, " ".join(guard.planned))
