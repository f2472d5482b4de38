"""A damaged file is moved aside, and what can be read of it begins a new one. Nothing is ever thrown away.

Every page is looked at for itself, since the trees that lead to the rows may be what is damaged. The new file is
complete before anything is moved; a crash between leaves what the next start goes on with.
"""

from __future__ import annotations

import logging
import shutil
import sqlite3
import time
import zlib
from collections import Counter as Tally
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Literal

from container.delivery.disk import MARK_FILE
from container.delivery.lane import lane_at, unknown_lane
from container.delivery.origin import read_origin
from container.delivery.pages import Image
from container.delivery.records import Record, Value, records_in
from container.delivery.schema import FILE, open_writer
from container.delivery.seal import sync_folder
from container.delivery.store import StoreRefusedError
from container.delivery.tables import SCHEMA_VERSION, recount
from container.delivery.told import quoted

ENDS = ("", "-wal", "-shm")
"""The files of a database, beside each other."""

WORK_FOLDER, DONE_FOLDER = "salvaging", "salvaged-"
ROWS_A_COMMIT = 2000

Table = Literal["meta", "lanes", "delivery", "dead", "guards", "sqlite_sequence"]
STARTS: Mapping[Table, Sequence[type]] = {
    "meta": (str, str),
    "sqlite_sequence": (str, int),
    "guards": (bytes, str, int),
    "lanes": (str, int, str, int),
    "dead": (str, int, str, str),
    "delivery": (str, int, bytes, int),
}
"""A row is known by its columns behind the number, in any version of the tables: no page says whose it is."""

NUMBERED: tuple[Table, ...] = ("lanes", "dead", "delivery")
PAIRS: tuple[Table, ...] = ("meta", "sqlite_sequence")
LARGEST_NUMBER = 1 << 53
"""A number above it was never given: it is what the damage left."""

_BODY = ("id", "lane", "attempts", "crashes", "first", "format", "crc", "kid", "body")

log = logging.getLogger("container.delivery")


@dataclass(frozen=True, slots=True)
class Salvaged:
    """What became of a damaged file. `damaged`: deliveries of which only a dead letter is left.

    `unreadable`: records, and whole pages of them, of which nothing could be read.
    """

    aside: str
    waiting: int
    dead: int
    damaged: int
    unreadable: int
    pages: int


def salvage(folder: Path, reason: str, *, now: int) -> Salvaged:
    """Puts a new file in the place of the damaged one, which stays beside it.

    Raises `StoreRefusedError` when it is of a newer version, `OSError` and `sqlite3.Error` when there is no room; then
    everything is as it was.
    """
    stamp = _stamp(folder, now)
    log.error("store.damaged file=%s reason=%s", quoted(FILE), quoted(reason))
    (folder / FILE).touch(mode=0o600)
    work = folder / WORK_FOLDER
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(mode=0o700)
    try:
        with Image(folder / FILE) as image, closing(open_writer(work)) as connection:
            counted = _Copy(image, connection, now).made()
            connection.execute("pragma synchronous=full")
            connection.execute("pragma wal_checkpoint(truncate)").fetchone()
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
    work.rename(folder / f"{DONE_FOLDER}{stamp}")
    put_in_place(folder)
    found = Salvaged(
        f"{FILE}.corrupt-{stamp}",
        counted["delivery"],
        counted["dead"],
        counted["damaged"],
        counted["unreadable"],
        counted["pages"],
    )
    line = "store.salvaged waiting=%d dead=%d damaged=%d unreadable=%d pages=%d aside=%s"
    log.error(line, found.waiting, found.dead, found.damaged, found.unreadable, found.pages, quoted(found.aside))
    return found


def put_in_place(folder: Path) -> None:
    """Moves the damaged files aside and the salvaged one to where they were; also what a crash left half done."""
    for done in sorted(folder.glob(f"{DONE_FOLDER}*")):
        stamp = done.name.removeprefix(DONE_FOLDER)
        made = done / FILE
        # With the new file in its place, what stands there is that one.
        for end in ENDS if made.exists() else ():
            there = folder / f"{FILE}{end}"
            if there.exists():
                there.chmod(0o600)
                there.rename(folder / f"{FILE}.corrupt-{stamp}{end}")
        if made.exists():
            sync_folder(folder)
            made.rename(folder / FILE)
        with suppress(OSError):
            shutil.rmtree(done)
        (folder / MARK_FILE).unlink(missing_ok=True)
        sync_folder(folder)


def kept_aside(folder: Path) -> list[str]:
    """The damaged files that are still there."""
    return sorted(path.name for path in folder.glob(f"{FILE}.corrupt-*Z"))


def _stamp(folder: Path, now: int) -> str:
    """The moment, with a number where files of that second are there already: none is written over."""
    moment = time.strftime("%Y%m%dT%H%M%S", time.gmtime(now / 1000))
    stamps = (f"{moment}Z" if number == 1 else f"{moment}-{number}Z" for number in count(1))
    return next(each for each in stamps if not _is_taken(folder, each))


def _is_taken(folder: Path, stamp: str) -> bool:
    return any(folder.glob(f"{FILE}.corrupt-{stamp}*")) or (folder / f"{DONE_FOLDER}{stamp}").exists()


class _Copy:
    """What can be read of an image, on its way into a new file."""

    def __init__(self, image: Image, connection: sqlite3.Connection, now: int) -> None:
        self._image = image
        self._connection = connection
        self._now = now
        self._counted: Tally[str] = Tally()
        self._names = {table: _names(connection, table) for table in STARTS}
        self._given: dict[str, int] = {}

    def made(self) -> Mapping[str, int]:
        """How many of each table were taken over, and what was not."""
        connection = self._connection
        connection.execute("pragma synchronous=off")
        connection.execute("begin immediate")
        for place, (table, record) in enumerate(self._found()):
            self._take(table, record)
            if place % ROWS_A_COMMIT == ROWS_A_COMMIT - 1:
                connection.execute("commit")
                connection.execute("pragma wal_checkpoint(passive)").fetchone()
                connection.execute("begin immediate")
        self._name_lanes()
        self._go_on()
        recount(connection)
        connection.execute("commit")
        return self._counted

    def _found(self) -> Iterator[tuple[Table, Record]]:
        for number, trusted in self._image.in_use():
            found = records_in(self._image.page(number), self._image.page)
            self._counted["unreadable"] += found.lost
            self._counted["pages"] += trusted and not found.readable
            for record in found.records:
                table = _table_of(record)
                if table is not None:
                    yield table, record

    def _named(self, table: Table, record: Record) -> dict[str, Value]:
        """The record by our names of the columns: those of an earlier version are the first of ours, and what the
        damaged file says of itself may be what is damaged."""
        values: Sequence[Value] = record.values
        if table in NUMBERED:
            values = [record.number if 0 < record.number <= LARGEST_NUMBER else None, *values[1:]]
        return dict(zip(self._names[table], values, strict=False))

    def _take(self, table: Table, record: Record) -> None:
        row = self._named(table, record)
        if table == "meta" and row["name"] == "schema_version":
            _check_version(row["value"])
            return
        if table == "sqlite_sequence":
            self._remember(row["name"], row["seq"])
            return
        taken: str = table
        try:
            if table == "delivery" and not (record.whole and zlib.crc32(_bytes(row["body"])) == row["crc"]):
                taken = "damaged"
                changed = self._bury(row)
            else:
                changed = self._insert(table, row | _mended(table, row))
        except (sqlite3.IntegrityError, sqlite3.InterfaceError, KeyError, OverflowError):
            changed = 0
        self._counted[taken if changed else "unreadable"] += 1

    def _insert(self, table: str, row: Mapping[str, Value]) -> int:
        places = ", ".join("?" * len(row))
        query = f"insert or ignore into {table}({', '.join(row)}) values({places})"
        return self._connection.execute(query, [*row.values()]).rowcount

    def _bury(self, row: Mapping[str, Value]) -> int:
        """A delivery whose body is damaged: that it was there is not forgotten."""
        body = _bytes(row["body"])
        letter: dict[str, Value] = {name: row[name] for name in _BODY} | {"body": body, "size": len(body)}
        note = "found while the file was salvaged"
        letter |= {"reason": "damaged", "note": note, "holds": "request", "died": self._now}
        return self._insert("dead", letter)

    def _remember(self, table: Value, number: Value) -> None:
        if isinstance(table, str) and isinstance(number, int) and 0 < number <= LARGEST_NUMBER:
            self._given[table] = max(number, self._given.get(table, 0))

    def _go_on(self) -> None:
        """Numbers that were given to rows that are gone do not come again."""
        for table, number in self._given.items():
            query = "update sqlite_sequence set seq=max(seq, ?) where name=?"
            if table in NUMBERED and not self._connection.execute(query, (number, table)).rowcount:
                self._connection.execute("insert into sqlite_sequence values(?, ?)", (table, number))

    def _name_lanes(self) -> None:
        """A lane that could not be read still has its rows, which say for themselves where they go."""
        query = "select lane from delivery union select lane from dead except select number from lanes"
        for (number,) in self._connection.execute(query).fetchall():
            values = (number, unknown_lane(number).key)
            self._connection.execute("insert into lanes(number, key) values(?, ?)", values)


def _names(connection: sqlite3.Connection, table: Table) -> list[str]:
    return [str(row[1]) for row in connection.execute(f"pragma table_info({table})")]


def _table_of(record: Record) -> Table | None:
    """Whose row it is; `None` for what is no row, such as an entry of an index."""
    kinds = [*map(type, record.values)]
    if not record.number:
        return "guards" if tuple(kinds[:3]) == STARTS["guards"] else None
    for table in PAIRS:
        if tuple(kinds) == STARTS[table]:
            return table
    return next((table for table in NUMBERED if tuple(kinds[1:5]) == STARTS[table]), None)


def _mended(table: Table, row: Mapping[str, Value]) -> dict[str, Value]:
    """What a row cannot be without, and an earlier version or the damage left out."""
    number, key = row.get("number"), row.get("key")
    if table == "lanes" and isinstance(number, int):
        return {"key": lane_at(number, str(key)).key}
    if table != "dead":
        return {}
    origin = str(row.get("origin", ""))
    return {"size": len(_bytes(row["body"])), "origin": "" if read_origin(origin) is None else origin}


def _check_version(stated: Value) -> None:
    version = int(stated) if isinstance(stated, str) and stated.isdigit() else 0
    if version > SCHEMA_VERSION:
        raise StoreRefusedError(
            f'"{FILE}" is damaged, and has version {version} of the tables, which this program does not know. '
            "Start the version of tag-container that wrote it."
        )


def _bytes(value: Value) -> bytes:
    return value if isinstance(value, bytes) else b""
