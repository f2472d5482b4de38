"""A board in memory on which each of several processes writes how it stands, for the others to read.

The leader makes it and its members inherit it, so what is written there outlives whoever wrote it. A place has one
writer at a time, since a process is started again only after the one before it in its place has ended.
"""

from __future__ import annotations

import mmap
import zlib
from dataclasses import dataclass
from struct import Struct

MOST_BYTES = 512 << 10
"""What fits into a place. Memory is taken for what is written only."""

_HEAD = Struct("<QII")
"""The number of the writing, the length of what was written, and a sum over both."""

_HALF = _HEAD.size + MOST_BYTES

_TRIES = 20
"""Both halves are broken only while they are looked at for so long that both are written to meanwhile."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where one process writes. It has two halves, which are written to in turn: one of them is always whole."""

    _memory: mmap.mmap
    _begin: int

    def write(self, content: bytes) -> bool:
        """Puts this in the place of what is there; not if it is too long. Whoever is killed meanwhile changes nothing.

        Who reads at the same moment gets what was there before.
        """
        if len(content) > MOST_BYTES:
            return False
        newest, number, _ = max(self._halves(), key=lambda half: half[1])
        begin, number = self._begin + (1 - newest) * _HALF, number + 1
        self._memory[begin + _HEAD.size : begin + _HEAD.size + len(content)] = content
        self._memory[begin : begin + _HEAD.size] = _HEAD.pack(number, len(content), _sum(number, content))
        return True

    def read(self) -> bytes:
        """What was written last, empty before anything was."""
        for _ in range(_TRIES):
            _, number, content = max(self._halves(), key=lambda half: half[1])
            if number:
                return content
        return b""

    def _halves(self) -> list[tuple[int, int, bytes]]:
        """Which half, the number of its writing, and what is in it; 0 and nothing in one that is not whole."""
        found = []
        for half in (0, 1):
            begin = self._begin + half * _HALF
            number, length, stated = _HEAD.unpack_from(self._memory, begin)
            content = self._memory[begin + _HEAD.size : begin + _HEAD.size + min(length, MOST_BYTES)]
            whole = number and stated == _sum(number, content)
            found.append((half, number, content) if whole else (half, 0, b""))
        return found


def board(places: int) -> list[Place]:
    """So many places that nobody has written to. To be made before there is another process."""
    memory = mmap.mmap(-1, places * 2 * _HALF)
    return [Place(memory, place * 2 * _HALF) for place in range(places)]


def _sum(number: int, content: bytes) -> int:
    return zlib.crc32(content, number & 0xFFFFFFFF)
