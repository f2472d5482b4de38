"""What a store that nobody runs still holds, read with the project's own code."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, LiteralString
from urllib.parse import parse_qs, urlsplit

import psycopg

from container.delivery.lane import Lane, lane_of
from container.delivery.row import failed_hit, unpacked
from container.delivery.schema import FILE, open_reader
from container.delivery.seal import Keyring, keyring

_WAITING = "select lanes.key, id, kid, body from delivery join lanes on lanes.number=delivery.lane"
_DEAD = "select lanes.key, id, kid, body, holds, reason from dead join lanes on lanes.number=dead.lane"

_MISCOUNTED = """
select coalesce(found.lane, counted.lane), found.rows, found.bytes, found.dead, found.dead_bytes,
       counted.rows, counted.bytes, counted.dead, counted.dead_bytes
from (select lane, sum(rows) as rows, sum(bytes) as bytes, sum(dead) as dead, sum(dead_bytes) as dead_bytes
      from (select lane, 1 as rows, length(body) as bytes, 0 as dead, 0 as dead_bytes from delivery
            union all select lane, 0, 0, 1, size from dead) as each group by lane) as found
full join (select lane, sum(rows) as rows, sum(bytes) as bytes, sum(dead) as dead, sum(dead_bytes) as dead_bytes
           from counts group by lane) as counted on counted.lane = found.lane
where (found.rows, found.bytes, found.dead, found.dead_bytes) is distinct from
      (counted.rows, counted.bytes, counted.dead, counted.dead_bytes)
  and (found.lane is not null or (counted.rows, counted.bytes, counted.dead, counted.dead_bytes) <> (0, 0, 0, 0))
"""


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter. `event_id`: empty when its body cannot be read."""

    lane: str
    event_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Left:
    """What is in a store. `waiting`: name of the lane and event id. `log_bytes`: of the write-ahead log."""

    waiting: frozenset[tuple[str, str]]
    dead: tuple[Letter, ...]
    log_bytes: int


def left_in(folder: Path, names: Mapping[int, str]) -> Left:
    """`names`: what the lanes are called, by the port that they send to."""
    keys = keyring(folder, None)
    with closing(open_reader(folder)) as connection:
        waiting = frozenset(
            (_name(key, names), event_id_of(keys, *rest)) for key, *rest in connection.execute(_WAITING)
        )
        dead = tuple(_letters(connection.execute(_DEAD), keys, names))
    log = folder / f"{FILE}-wal"
    return Left(waiting, dead, log.stat().st_size if log.exists() else 0)


def left_in_database(url: str, key: str, names: Mapping[int, str]) -> Left:
    """The same of a database. `key`: what `TAG_CONTAINER_KEY` holds."""
    with TemporaryDirectory() as empty, psycopg.connect(url) as connection:
        keys = keyring(Path(empty), key)
        waiting = connection.execute(_WAITING).fetchall()
        return Left(
            frozenset((_name(lane, names), event_id_of(keys, *rest)) for lane, *rest in waiting),
            tuple(_letters(connection.execute(_DEAD).fetchall(), keys, names)),
            0,
        )


def rows_in_database(url: str) -> int:
    """Rows that wait or are claimed."""
    with psycopg.connect(url) as connection:
        return _number(connection, "select count(*) from delivery")


def miscounted(url: str) -> list[str]:
    """Where what a database says of its lanes is not what is in them."""
    with psycopg.connect(url) as connection:
        return [str(row) for row in connection.execute(_MISCOUNTED).fetchall()]


def _number(connection: psycopg.Connection[Any], query: LiteralString) -> int:
    found = connection.execute(query).fetchone()
    assert found is not None
    return int(found[0])


def rows_left(folder: Path) -> int:
    """Rows that wait or are claimed, also while the store is open elsewhere."""
    with closing(open_reader(folder)) as connection:
        return int(connection.execute("select count(*) from delivery").fetchone()[0])


def spools_of(store: Path) -> list[Path]:
    """The folders of the spools in a data folder."""
    return sorted(each.parent for each in (store / "spool").glob(f"*/{FILE}"))


def ever_spooled(folder: Path) -> int:
    """Deliveries that were ever in a spool."""
    with closing(open_reader(folder)) as connection:
        found = connection.execute("select seq from sqlite_sequence where name='delivery'").fetchone()
        return int(found[0]) if found else 0


def _letters(rows: Iterable[Sequence[Any]], keys: Keyring, names: Mapping[int, str]) -> Iterator[Letter]:
    for key, name, kid, body, holds, reason in rows:
        read = event_id_of if holds == "request" else _event_id_of_hit
        yield Letter(_name(key, names), read(keys, name, kid, body), reason)


def _name(key: str, names: Mapping[int, str]) -> str:
    lane: Lane = lane_of(key)
    return names.get(urlsplit(lane.endpoint).port or 0, str(lane))


def event_id_of(keys: Keyring, name: str, kid: str, body: bytes) -> str:
    """Of a row's body, empty when it cannot be read."""
    try:
        event: Any = json.loads(unpacked(keys.open(kid, name, body)).item.data)
    except ValueError:
        return ""
    return str(event.get("event_id", "")) if isinstance(event, dict) else ""


def _event_id_of_hit(keys: Keyring, name: str, kid: str, body: bytes) -> str:
    try:
        hit = failed_hit(keys.open(kid, name, body)).hit
    except ValueError:
        return ""
    return parse_qs(hit.query).get("ep.event_id", [""])[0]
