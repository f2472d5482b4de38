"""The checksums in SQLite's log: https://www.sqlite.org/fileformat2.html#checksum_algorithm.

Each is two sums over pairs of words, begun with those of the frame before. That beginning and the words add up, so that
the words of many frames are summed together: one long number holds a word of each, and one addition adds all of them.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

Checksum = tuple[int, int]
Order = Literal["<", ">"]

NOTHING: Checksum = (0, 0)
WORD_BYTES = 4

_MASK = 0xFFFFFFFF
_LANE = WORD_BYTES * 2
"""Bytes of the long number for a sum: between two words there is room for what carries over."""


def summed(words: Sequence[int], before: Checksum) -> Checksum:
    """What a checksum becomes with these words, an even number of them."""
    first, second = before
    pairs = iter(words)
    for one, other in zip(pairs, pairs, strict=True):
        first = (first + one + second) & _MASK
        second = (second + other + first) & _MASK
    return first, second


def sums_of(records: bytes, *, size: int, skipped: int, order: Order) -> list[Checksum]:
    """For each record of so many bytes what its words add to a checksum, without those that are skipped at its head.

    `records`: whole ones, each of whole pairs of words.
    """
    words = array("I", records)
    if order == ">":
        words.byteswap()
    step = size // WORD_BYTES
    many = len(words) // step
    lanes = (many + 1) // 2
    mask = int.from_bytes((b"\xff" * WORD_BYTES).ljust(_LANE, b"\0") * lanes, "little")
    # Of records 0, 2, 4, …, and of those between.
    first = second = first_between = second_between = 0
    for place in range(skipped // WORD_BYTES, step, 2):
        one = int.from_bytes(words[place::step].tobytes(), "little")
        other = int.from_bytes(words[place + 1 :: step].tobytes(), "little")
        first = (first + (one & mask) + second) & mask
        second = (second + (other & mask) + first) & mask
        first_between = (first_between + (one >> 32 & mask) + second_between) & mask
        second_between = (second_between + (other >> 32 & mask) + first_between) & mask
    found = [NOTHING] * (2 * lanes)
    found[::2] = zip(_each(first, lanes), _each(second, lanes), strict=True)
    found[1::2] = zip(_each(first_between, lanes), _each(second_between, lanes), strict=True)
    return found[:many]


def continued(before: Checksum, added: Checksum, words: int) -> Checksum:
    """What a checksum becomes with so many words that add this to it."""
    (first, second), (of_first, of_second) = before, _carried(words)
    return (
        (added[0] + first * of_first[0] + second * of_second[0]) & _MASK,
        (added[1] + first * of_first[1] + second * of_second[1]) & _MASK,
    )


@lru_cache(maxsize=8)
def _carried(words: int) -> tuple[Checksum, Checksum]:
    """What is left of a one in the first sum, and in the second, after so many words."""
    zeros = (0,) * words
    return summed(zeros, (1, 0)), summed(zeros, (0, 1))


def _each(sums: int, lanes: int) -> tuple[int, ...]:
    return struct.unpack(f"<{lanes}Q", sums.to_bytes(lanes * _LANE, "little"))
