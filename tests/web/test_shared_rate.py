"""How many hits one address may send to several processes together."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import cast

import pytest

from container.web.rate import BURST_SECONDS, RateLimit
from container.web.shared_rate import WAYS, SharedBuckets
from tests.web.test_rate import OTHER, SECOND, VISITOR, Clock, taken


def test_a_burst_is_taken_and_then_so_many_a_second() -> None:
    clock = Clock()
    limit = RateLimit(50, clock, SharedBuckets())
    assert taken(limit, VISITOR, 1000) == 50 * BURST_SECONDS
    clock.now += SECOND
    assert taken(limit, VISITOR, 1000) == 50
    clock.now += 3600 * SECOND
    assert taken(limit, VISITOR, 1000) == 50 * BURST_SECONDS
    assert taken(limit, OTHER, 1) == 1


def test_processes_count_an_address_together() -> None:
    limit = RateLimit(50, Clock(), SharedBuckets())
    heard, said = os.pipe()
    process = os.fork()
    if not process:
        try:
            os.write(said, str(taken(limit, VISITOR, 150)).encode())
        finally:
            os._exit(0)
    os.close(said)
    with os.fdopen(heard) as hearing:
        theirs = int(hearing.read())
    os.waitpid(process, 0)
    assert (theirs, taken(limit, VISITOR, 1000)) == (150, 50)


def test_a_table_that_is_full_forgets_the_fullest_bucket_first() -> None:
    clock = Clock()
    limit = RateLimit(10, clock, SharedBuckets(sets=1))
    assert taken(limit, VISITOR, 1000) == 40
    for number in range(100):
        assert taken(limit, f"203.0.113.{number + 20}", 1) == 1
        assert limit.wait(VISITOR) > 0


@pytest.mark.parametrize("address", [None, "127.0.0.1", "10.0.0.1", "::1"])
def test_a_near_or_unset_address_never_waits(address: str | None) -> None:
    assert taken(RateLimit(1, Clock(), SharedBuckets()), address, 1000) == 1000


def test_a_million_addresses_find_room() -> None:
    limit = RateLimit(50, Clock(), SharedBuckets())
    assert all(
        limit.wait(f"9.{number >> 16}.{number >> 8 & 255}.{number & 255}") == 0 for number in range(0, 1_000_000, 7)
    )


def test_a_moment_that_cannot_be_keeps_nobody_out() -> None:
    clock, buckets = Clock(), SharedBuckets()
    buckets.keep(VISITOR, clock.now + 3600 * SECOND)
    assert taken(RateLimit(50, clock, buckets), VISITOR, 1000) == 50 * BURST_SECONDS


class Watched:
    """The words of a table, and whoever looks at them after each that is written."""

    def __init__(self, words: memoryview, look: Callable[[], None]) -> None:
        self._words, self._look = words, look

    def __getitem__(self, place: int) -> int:
        return int(self._words[place])

    def __setitem__(self, place: int, word: int) -> None:
        self._words[place] = word
        self._look()


def test_between_any_two_words_that_are_written_nobody_gets_the_bucket_of_another() -> None:
    clock, buckets = Clock(), SharedBuckets(sets=1)
    limit = RateLimit(10, clock, buckets)
    for number in range(WAYS):
        # All of them flood, and one of them has to make room.
        assert taken(limit, f"203.0.113.{number + 20}", 1000) == 40
    words, seen = buckets._words, []

    def look() -> None:
        buckets._words = words
        seen.append(buckets.full_at(OTHER, clock.now))
        buckets._words = cast(memoryview, watched)

    watched = Watched(words, look)
    buckets._words = cast(memoryview, watched)
    assert limit.wait(OTHER) == 0
    assert max(seen) == clock.now + SECOND // 10
    assert len(seen) >= 2
