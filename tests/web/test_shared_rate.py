"""How many hits one address may send to several processes together."""

from __future__ import annotations

import os

import pytest

from container.web.rate import BURST_SECONDS, RateLimit
from container.web.shared_rate import SharedBuckets
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
