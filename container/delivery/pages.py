"""The pages of a SQLite file and its log as they rest, read without SQLite: what it gives up on may still hold rows.

The format is SQLite's own: https://www.sqlite.org/fileformat2.html. A page counts as it was last committed. Of the log
more is found here than by SQLite, which stops at the first frame that is not what was written, however much was
committed behind it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, NamedTuple, Self

from container.delivery.checksums import NOTHING, WORD_BYTES, Checksum, Order, continued, summed, sums_of
from container.delivery.schema import PAGE_BYTES

LOG_HEADER_BYTES, FRAME_HEADER_BYTES = 32, 24
ROOT, FREE, BTREE = 1, 2, 5
"""What a page is for, of those kinds that matter here, as the map of pages says."""

_FRAME_BYTES = FRAME_HEADER_BYTES + PAGE_BYTES
_LITTLE, _BIG = 0x377F0682, 0x377F0683
_PAGE_WORDS = PAGE_BYTES // WORD_BYTES
_TOGETHER = 256
"""Frames that are read at once."""

_FRAME = struct.Struct(">6I")
_MAP_ENTRY_BYTES = 5
_MAPPED = PAGE_BYTES // _MAP_ENTRY_BYTES
_MOST_KINDS = 5


class _Frame(NamedTuple):
    """One page in the log. `pages`: of the whole file, where a commit ends, else 0. `good`: it is what was written."""

    page: int
    pages: int
    offset: int
    good: bool


@dataclass(frozen=True, slots=True)
class Log:
    """What was committed into the log: where each page is, and how many the file has.

    `damaged`: commits stand behind a frame that is not what was written, so that SQLite would lose them silently.
    """

    offsets: dict[int, int] = field(default_factory=dict)
    pages: int = 0
    damaged: bool = False


def read_log(path: Path) -> Log:
    """The log beside a file; empty where there is none. Raises `OSError`."""
    if not path.exists() or path.stat().st_size <= LOG_HEADER_BYTES:
        return Log()
    with path.open("rb") as file:
        frames = list(_frames(file))
    spoiled = next((place for place, frame in enumerate(frames) if not frame.good), None)
    damaged = spoiled is not None and _is_followed(frames[spoiled:])
    counted = frames if damaged or spoiled is None else frames[:spoiled]
    offsets: dict[int, int] = {}
    pending: dict[int, int] = {}
    pages = 0
    for frame in counted:
        if frame.good:
            pending[frame.page] = frame.offset
        if frame.good and frame.pages:
            offsets |= pending
            pending, pages = {}, frame.pages
    return Log(offsets, pages, damaged)


class Image:
    """The committed pages of a file and its log, by number from 1. To be closed."""

    def __init__(self, path: Path) -> None:
        self.log = read_log(path.with_name(f"{path.name}-wal"))
        self._file = path.open("rb")
        self._log_file = path.with_name(f"{path.name}-wal").open("rb") if self.log.offsets else None
        held = path.stat().st_size // PAGE_BYTES
        self.pages = self.log.pages or max(held, self._stated(most=4 * held + 1024))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if self._log_file is not None:
            self._log_file.close()

    def page(self, number: int) -> bytes:
        """Its bytes, none where it cannot be read or is cut off."""
        offset, file = self.log.offsets.get(number), self._log_file
        if offset is None or file is None:
            offset, file = (number - 1) * PAGE_BYTES, self._file
        try:
            file.seek(offset)
            found = file.read(PAGE_BYTES)
        except (OSError, ValueError, OverflowError):
            return b""
        return found if len(found) == PAGE_BYTES else b""

    def _stated(self, most: int) -> int:
        """How many pages the file says that it has, if it can be believed: it may have been cut off."""
        header = self.page(1)[:32]
        stated = int.from_bytes(header[28:], "big")
        return stated if header.startswith(b"SQLite format 3") and stated <= most else 0

    def in_use(self) -> Iterator[tuple[int, bool]]:
        """The pages that hold rows. Where the map of pages is damaged, all of them, and `False`."""
        for start in range(2, self.pages + 1, _MAPPED + 1):
            kinds = self.page(start)[: _MAPPED * _MAP_ENTRY_BYTES : _MAP_ENTRY_BYTES]
            trusted = bool(kinds) and max(kinds) <= _MOST_KINDS
            for number in range(start + 1, min(start + _MAPPED, self.pages) + 1):
                if not trusted or kinds[number - start - 1] in (ROOT, BTREE):
                    yield number, trusted


def _frames(file: IO[bytes]) -> Iterator[_Frame]:
    """Those of the log's last round, to its end. What each says of itself is checked against the one before."""
    header = file.read(LOG_HEADER_BYTES)
    magic = int.from_bytes(header[:4], "big")
    order: Order = ">" if magic == _BIG else "<"
    before: Checksum = struct.unpack(">2I", header[24:])
    words = struct.unpack(f"{order}6I", header[:24])
    whole = magic in (_LITTLE, _BIG) and summed(words, NOTHING) == before
    salts = header[16:24] if whole else b""
    offset = LOG_HEADER_BYTES
    while found := _whole(file.read(_FRAME_BYTES * _TOGETHER)):
        added = sums_of(found, size=_FRAME_BYTES, skipped=FRAME_HEADER_BYTES, order=order)
        for start, sums in zip(range(0, len(found), _FRAME_BYTES), added, strict=True):
            page, pages, *_, first, second = _FRAME.unpack_from(found, start)
            own = found[start + 8 : start + 16]
            salts = salts or own
            if own != salts:
                return
            begun = summed(struct.unpack_from(f"{order}2I", found, start), before)
            before = (first, second)
            good = page > 0 and continued(begun, sums, _PAGE_WORDS) == before
            yield _Frame(page, pages, offset + start + FRAME_HEADER_BYTES, good)
        offset += len(found)


def _whole(found: bytes) -> bytes:
    """The frames of it that are there to their end."""
    return found[: len(found) // _FRAME_BYTES * _FRAME_BYTES]


def _is_followed(frames: list[_Frame]) -> bool:
    """Whether a later commit stands behind the one that is spoiled: each is on disk before the next begins.

    Of the very last one nobody was told, so that half of it is no damage.
    """
    commits = sum(frame.pages > 0 for frame in frames[:1]) + sum(frame.good and frame.pages > 0 for frame in frames[1:])
    return commits > 1
