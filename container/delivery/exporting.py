"""Rows as lines of JSON, complete enough for another folder and another key, and back.

A body stands in a line in clear, as base64. The checksum is of everything in the line, so that what was cut short or
changed by hand is not taken.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import orjson

from container.delivery.accepting import sealed
from container.delivery.detail import Resting, opened
from container.delivery.known_ids import KnownIds
from container.delivery.lane import lane_of
from container.delivery.origin import read_origin
from container.delivery.queue import TABLES, Take
from container.delivery.row import FORMAT, failed_hit, unpacked
from container.delivery.seal import Keyring, KeyringError
from container.delivery.selection import Exported, Imported, Pair, Place

VERSION = 1
"""Of the lines. A later version reads it."""

LOADED_AT_ONCE = 20_000
_LARGEST = 2**63 - 1

Kind = type | tuple[type, ...]
_NUMBER_OR_NONE: Kind = (int, type(None))

_WAITING: Mapping[str, Kind] = {
    "id": str,
    "batch": str,
    "part": int,
    "size": int,
    "most_items": int,
    "most_bytes": int,
    "due": int,
    "attempts": int,
    "crashes": int,
    "faults": int,
    "first": int,
    "give_up": int,
    "expire": _NUMBER_OR_NONE,
    "format": int,
    "priority": int,
    "history": str,
}
_DEAD: Mapping[str, Kind] = {
    "id": str,
    "reason": str,
    "note": str,
    "holds": str,
    "attempts": int,
    "crashes": int,
    "first": int,
    "died": int,
    "format": int,
    "history": str,
    "origin": str,
}
COLUMNS: Mapping[Place, Mapping[str, Kind]] = {"waiting": _WAITING, "dead": _DEAD}


class LineError(ValueError):
    """A line that is no row. The text says why."""


def ids(connection: sqlite3.Connection, place: Place, *, after: int) -> list[Pair]:
    """Numbers and ids above `after`."""
    query = f"select number, id from {TABLES[place]} where number>? order by number limit ?"  # noqa: S608 - constants
    return [Pair(*found) for found in connection.execute(query, (after, LOADED_AT_ONCE))]


def export(connection: sqlite3.Connection, keys: Keyring, place: Place, rows: Iterable[Pair]) -> list[Exported]:
    """These rows as lines. One that is gone or cannot be read has a line that is empty."""
    columns = ", ".join(f"lower(hex({name}))" if name == "batch" else name for name in COLUMNS[place] if name != "id")
    query = (
        f"select key, crc, kid, body, {columns} from {TABLES[place]} "  # noqa: S608 - constants
        f"join lanes on lanes.number=lane where {TABLES[place]}.number=? and id=?"
    )
    names = [name for name in COLUMNS[place] if name != "id"]
    found = []
    for pair in rows:
        values = connection.execute(query, pair).fetchone()
        line: Mapping[str, Any] = {}
        if values is not None:
            key, crc, kid, body, *rest = values
            about = {"id": pair.id, **dict(zip(names, rest, strict=True))}
            line = line_of(keys, place, key, about, Resting(pair.id, about.get("holds", "request"), crc, kid, body))
        found.append(Exported(pair.number, line, gone=values is None))
    return found


def line_of(keys: Keyring, place: Place, key: str, about: Mapping[str, Any], row: Resting) -> Mapping[str, Any]:
    """A row of this lane as a line: its columns and its body. Empty when the body cannot be read."""
    if place == "dead" and read_origin(about["origin"]) is None:
        # What is left of it helps nobody, and would not be taken elsewhere.
        about = {**about, "origin": ""}
    try:
        body = base64.b64encode(opened(keys, row)).decode()
    except (KeyringError, ValueError):
        return {}
    stated = {"version": VERSION, "place": place, "lane": key, "row": about, "body": body}
    return {**stated, "checksum": checksum(place, key, about, body)}


def store(
    connection: sqlite3.Connection,
    keys: Keyring,
    lines: Iterable[Mapping[str, Any]],
    *,
    known: KnownIds,
    lane: Callable[[str], int],
    take: Take,
) -> tuple[Imported, list[str], set[str]]:
    """Writes lines as rows: how many, the ids that are there now, and the keys of lanes in which rows wait."""
    total = Imported()
    stored: list[str] = []
    lanes: set[str] = set()
    for line in lines:
        try:
            place, key, about, body = read(line)
        except LineError:
            total += Imported(damaged=1)
            continue
        if about["id"] in known or about["id"] in stored:
            total += Imported(known=1)
            continue
        resting = sealed(keys, about["id"], body)
        number = lane(key)
        if place == "waiting" and not take(number, len(resting.body)):
            total += Imported(full=1)
            continue
        more = {"lane": number, "crc": resting.crc, "kid": resting.kid, "body": resting.body}
        _insert(connection, place, {**about, **more})
        stored.append(about["id"])
        total += Imported(taken=1)
        if place == "waiting":
            lanes.add(key)
    return total, stored, lanes


def read(line: Mapping[str, Any]) -> tuple[Place, str, dict[str, Any], bytes]:
    """Place, lane, columns and body of a line. Raises `LineError`."""
    if line.get("version") != VERSION:
        raise LineError(f"version {VERSION} of a row is wanted")
    place, key, about, body = (line.get(name) for name in ("place", "lane", "row", "body"))
    if place not in COLUMNS or not isinstance(about, dict) or not isinstance(key, str) or not isinstance(body, str):
        raise LineError("it is no row")
    if line.get("checksum") != checksum(str(place), key, about, body):
        raise LineError("the checksum does not fit")
    kinds = COLUMNS["dead" if place == "dead" else "waiting"]
    if about.keys() != kinds.keys() or not all(_is(about[name], kind) for name, kind in kinds.items()):
        raise LineError("its columns are others")
    if about["format"] > FORMAT:
        raise LineError("it is of a newer version")
    try:
        lane_of(key)
        content = base64.b64decode(body, validate=True)
        failed_hit(content) if about.get("holds") == "hit" else unpacked(content)
        bytes.fromhex(about.get("batch", ""))
    except (binascii.Error, ValueError, TypeError) as problem:
        raise LineError("it cannot be read") from problem
    if about.get("origin") and read_origin(about["origin"]) is None:
        raise LineError("what it was cannot be read")
    return ("dead" if place == "dead" else "waiting"), key, dict(about), content


def checksum(place: str, key: str, about: Mapping[str, Any], body: str) -> str:
    """Of everything in a line."""
    whole = orjson.dumps([VERSION, place, key, about, body], option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(whole).hexdigest()


def _is(value: object, kind: Kind) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool) and not (isinstance(value, int) and value > _LARGEST)


def _insert(connection: sqlite3.Connection, place: Place, values: dict[str, Any]) -> None:
    if place == "waiting":
        values["batch"] = bytes.fromhex(values["batch"])
    else:
        values["size"] = len(values["body"])
    names = ", ".join(values)
    query = f"insert into {TABLES[place]}({names}) values({', '.join('?' * len(values))})"
    connection.execute(query, tuple(values.values()))
