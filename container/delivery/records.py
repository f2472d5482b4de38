"""The records in a page of a SQLite file. Whatever stands in it is no reason to stumble: it is counted instead."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from container.delivery.schema import PAGE_BYTES

Value = int | float | str | bytes | None
ReadPage = Callable[[int], bytes]

MOST_RECORD_BYTES = 64 << 20
_TABLE_LEAF, _INDEX_LEAF, _INDEX_INNER, _TABLE_INNER = 0x0D, 0x0A, 0x02, 0x05
_LEAST_LOCAL = (PAGE_BYTES - 12) * 32 // 255 - 23
_MOST_LOCAL = {_TABLE_LEAF: PAGE_BYTES - 35}
_MOST_LOCAL_OF_INDEX = (PAGE_BYTES - 12) * 64 // 255 - 23
_INTEGER_BYTES = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}


class Record(NamedTuple):
    """One row of a table, or an entry of an index, for which `number` is 0. `whole`: all of it could be read."""

    number: int
    values: Sequence[Value]
    whole: bool


class Found(NamedTuple):
    """What a page holds. `lost`: records of which nothing could be read. `readable`: it looks like a page of rows."""

    records: Sequence[Record]
    lost: int
    readable: bool


def records_in(page: bytes, read_page: ReadPage) -> Found:
    """The records of a page that is not the first of the file."""
    kind = page[0] if page else 0
    if kind == _TABLE_INNER:
        return Found((), 0, readable=True)
    if kind not in (_TABLE_LEAF, _INDEX_LEAF, _INDEX_INNER):
        return Found((), 0, readable=False)
    cells = int.from_bytes(page[3:5], "big")
    first = 12 if kind == _INDEX_INNER else 8
    if first + 2 * cells > PAGE_BYTES:
        return Found((), 0, readable=False)
    records, lost = [], 0
    for place in range(first, first + 2 * cells, 2):
        try:
            records.append(_record(page, int.from_bytes(page[place : place + 2], "big"), kind, read_page))
        except (ValueError, IndexError):
            lost += 1
    return Found(records, lost, readable=True)


def _record(page: bytes, place: int, kind: int, read_page: ReadPage) -> Record:
    if kind == _INDEX_INNER:
        place += 4
    size, place = _varint(page, place)
    number = 0
    if kind == _TABLE_LEAF:
        number, place = _varint(page, place)
    if size > MOST_RECORD_BYTES:
        raise ValueError("no record is so large")
    payload = b"".join(_payload(page, place, size, kind, read_page))
    values = tuple(_values(payload))
    return Record(_signed(number), values, whole=len(payload) == size)


def _payload(page: bytes, place: int, size: int, kind: int, read_page: ReadPage) -> Iterator[bytes]:
    """The bytes of a record: those in the page, and those in the pages that it spills over to, as far as they go."""
    most = _MOST_LOCAL.get(kind, _MOST_LOCAL_OF_INDEX)
    here = size
    if size > most:
        spilled = _LEAST_LOCAL + (size - _LEAST_LOCAL) % (PAGE_BYTES - 4)
        here = spilled if spilled <= most else _LEAST_LOCAL
    if place + here > PAGE_BYTES:
        raise ValueError("it ends beyond its page")
    yield page[place : place + here]
    left, link = size - here, page[place + here : place + here + 4]
    while left > 0:
        spill = read_page(int.from_bytes(link, "big")) if any(link) else b""
        if not spill:
            return
        yield spill[4 : 4 + left]
        left, link = left - (PAGE_BYTES - 4), spill[:4]


def _values(payload: bytes) -> Iterator[Value]:
    """The columns; of one that is cut off, what is there."""
    end, place = _varint(payload, 0)
    at = end
    while place < end:
        kind, place = _varint(payload, place)
        size = _INTEGER_BYTES.get(kind, 8 if kind == 7 else (kind - 12) // 2 if kind >= 12 else 0)
        yield _value(kind, payload[at : at + size])
        at += size


def _value(kind: int, found: bytes) -> Value:
    if kind in _INTEGER_BYTES:
        return int.from_bytes(found, "big", signed=True)
    if kind in (8, 9):
        return kind - 8
    if kind >= 12:
        return found.decode() if kind % 2 else found
    # A missing value; fractions are in none of our tables.
    return None


def _varint(page: bytes, place: int) -> tuple[int, int]:
    """A number of one to nine bytes, and where the next thing begins."""
    value = 0
    for step in range(8):
        sign = page[place + step]
        value = value << 7 | sign & 0x7F
        if sign < 0x80:
            return value, place + step + 1
    return value << 8 | page[place + 8], place + 9


def _signed(number: int) -> int:
    return number - (1 << 64) if number >= 1 << 63 else number
