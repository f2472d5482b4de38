"""The records of a session: a ring of JSON with a cap in bytes. The oldest go first.

`number` is a record's place in the order of arrival. `version` counts what happened to the ring, so that whoever waits
for news hears of records that were added, replaced and cleared. A ring belongs to one event loop.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any

import orjson

from container.preview.cut import written

MOST_BYTES = 8 * 1024 * 1024
MOST_OF_ONE = 256 * 1024

OVERHEAD = 256
"""Bytes that each record takes beside its JSON, so that small ones do not add up to more than the cap."""


_LARGEST_NUMBER = 2**53


class _Kept:
    """A record as JSON, and the version of the ring that it came with."""

    __slots__ = ("json", "version")

    def __init__(self, json: bytes, version: int) -> None:
        self.json = json
        self.version = version

    @property
    def size(self) -> int:
        return len(self.json) + OVERHEAD


class Ring:
    """`bytes`: what all records take. `dropped`: how many had to go for later ones. `version`: as above.

    `cleared`: how often it was. `kept`: called with the number and the JSON of each record that is added or replaced.
    """

    def __init__(self, most_bytes: int = MOST_BYTES, most_of_one: int = MOST_OF_ONE) -> None:
        self.bytes = 0
        self.dropped = 0
        self.version = 0
        self.cleared = 0
        self.kept: Callable[[int, bytes], None] = lambda _number, _json: None
        self._most_bytes = most_bytes
        self._most_of_one = min(most_of_one, most_bytes - OVERHEAD)
        self._kept: deque[_Kept] = deque()
        self._first = 1
        self._waiting: list[asyncio.Future[None]] = []

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def watched(self) -> bool:
        """Whether somebody waits for news."""
        return bool(self._waiting)

    @property
    def first_number(self) -> int:
        """The number of the oldest record, or of the next one where there is none."""
        return self._first

    @property
    def next_number(self) -> int:
        """The number that the next record gets."""
        return self._first + len(self._kept)

    def add(self, record: Mapping[str, Any]) -> int:
        """Keeps the record under the next number, which it gives. The record says its own `number`."""
        number = self.adopt(record)
        self.kept(number, self._kept[-1].json)
        return number

    def fitting(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """The record, with as much in it as is kept. May run in any thread: to add it takes no time then."""
        found: dict[str, Any] = orjson.loads(written({**record, "number": _LARGEST_NUMBER}, self._most_of_one))
        return found

    def replace(self, number: int, record: Mapping[str, Any]) -> None:
        """Puts this record in place of an earlier one. Nothing happens when that one is gone."""
        self.adopt_again(number, record)
        if (place := self._place(number)) is not None:
            self.kept(number, self._kept[place].json)

    def adopt(self, record: Mapping[str, Any]) -> int:
        """The same as `add` for a record of another process: nobody is told."""
        number = self.next_number
        kept = self._written(record, number)
        self._kept.append(kept)
        self.bytes += kept.size
        self._drop()
        self._tell()
        return number

    def adopt_again(self, number: int, record: Mapping[str, Any]) -> None:
        """The same as `replace` for a record of another process."""
        place = self._place(number)
        if place is None:
            return
        kept = self._written(record, number)
        self.bytes += kept.size - self._kept[place].size
        self._kept[place] = kept
        self._drop()
        self._tell()

    def get(self, number: int) -> dict[str, Any] | None:
        """The record of this number, `None` when it is gone or not there yet."""
        place = self._place(number)
        return None if place is None else _read(self._kept[place])

    def since(self, number: int) -> list[tuple[int, dict[str, Any]]]:
        """The records behind this number with theirs, oldest first; all for 0."""
        return [(each, _read(kept)) for each, kept in self._numbered() if each > number]

    def changed(self, version: int) -> list[tuple[int, dict[str, Any]]]:
        """The records that were added or replaced behind this version, oldest first; all for 0."""
        return [(each, _read(kept)) for each, kept in self._numbered() if kept.version > version]

    async def each(self, version: int = 0) -> AsyncIterator[dict[str, Any]]:
        """As `changed`, and whoever else waits has a turn before each. A record that is gone by then is left out."""
        for number in [each for each, kept in self._numbered() if kept.version > version]:
            await asyncio.sleep(0)
            record = self.get(number)
            if record is not None:
                yield record

    async def wait(self, version: int) -> int:
        """The ring's version, once it is another than this."""
        while self.version == version:
            waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(waiting)
            try:
                await waiting
            finally:
                if waiting in self._waiting:
                    self._waiting.remove(waiting)
        return self.version

    def clear(self) -> None:
        """Forgets all records. Numbers go on, so that an answer to an earlier one is not taken for a later one's."""
        self.cleared += 1
        self._first = self.next_number
        self._kept.clear()
        self.bytes = 0
        self._tell()

    def _written(self, record: Mapping[str, Any], number: int) -> _Kept:
        json = written({**record, "number": number}, self._most_of_one)
        # A copy, because what orjson gives keeps the whole buffer that it was written into, several times as large.
        return _Kept(bytes(memoryview(json)), self.version + 1)

    def _place(self, number: int) -> int | None:
        place = number - self._first
        return place if 0 <= place < len(self._kept) else None

    def _numbered(self) -> Iterable[tuple[int, _Kept]]:
        return enumerate(self._kept, self._first)

    def _drop(self) -> None:
        while self.bytes > self._most_bytes:
            self.bytes -= self._kept.popleft().size
            self._first += 1
            self.dropped += 1

    def _tell(self) -> None:
        self.version += 1
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if not each.done():
                each.set_result(None)


def _read(kept: _Kept) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(kept.json)
    return found
