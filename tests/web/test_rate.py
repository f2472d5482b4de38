"""How many hits one address may send, and what that costs."""

from __future__ import annotations

import sys

import pytest

from container.web.rate import BURST_SECONDS, MOST_ADDRESSES, OwnBuckets, RateLimit

SECOND = 1_000_000_000
VISITOR, OTHER = "203.0.113.9", "198.51.100.7"


class Clock:
    """A clock that a test sets, in nanoseconds."""

    now = 5 * SECOND

    def __call__(self) -> int:
        return self.now


def taken(limit: RateLimit, address: str | None, hits: int) -> int:
    return sum(limit.wait(address) == 0 for _ in range(hits))


def test_a_burst_is_taken_and_then_so_many_a_second() -> None:
    clock = Clock()
    limit = RateLimit(50, clock)
    assert taken(limit, VISITOR, 1000) == 50 * BURST_SECONDS
    clock.now += SECOND
    assert taken(limit, VISITOR, 1000) == 50
    clock.now += 2 * SECOND
    assert taken(limit, VISITOR, 1000) == 100
    clock.now += 3600 * SECOND
    assert taken(limit, VISITOR, 1000) == 50 * BURST_SECONDS


def test_whoever_keeps_to_the_rate_never_waits() -> None:
    clock = Clock()
    limit = RateLimit(50, clock)
    for _ in range(1000):
        assert limit.wait(VISITOR) == 0
        clock.now += SECOND // 50


def test_the_wait_is_until_the_next_hit_is_taken() -> None:
    clock = Clock()
    limit = RateLimit(2, clock)
    taken(limit, VISITOR, 8)
    wait = limit.wait(VISITOR)
    assert wait == 0.5
    clock.now += int(wait * SECOND) - 1
    assert limit.wait(VISITOR) > 0
    clock.now += 1
    assert limit.wait(VISITOR) == 0


def test_of_a_hundred_addresses_only_the_one_that_floods_waits() -> None:
    clock = Clock()
    limit = RateLimit(50, clock)
    visitors = [f"203.0.113.{number}" for number in range(100)]
    refused = dict.fromkeys(visitors, 0)
    for _ in range(20):
        for visitor in visitors:
            hits = 200 if visitor == visitors[0] else 5
            refused[visitor] += hits - taken(limit, visitor, hits)
        clock.now += SECOND // 10
    assert refused.pop(visitors[0]) == 4000 - 200 - 95
    assert not any(refused.values())


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        (VISITOR, "203.0.113.10", False),
        (VISITOR, VISITOR, True),
    ],
)
def test_addresses_of_one_line_are_counted_together(first: str, second: str, together: bool) -> None:
    limit = RateLimit(1, Clock())
    taken(limit, first, 10)
    assert (limit.wait(second) > 0) == together


@pytest.mark.parametrize("address", [None, "127.0.0.1", "10.0.0.1", "192.168.0.1", "::1", "fd00::1"])
def test_a_near_or_unset_address_never_waits(address: str | None) -> None:
    assert taken(RateLimit(1, Clock()), address, 1000) == 1000


def test_without_a_limit_nobody_waits() -> None:
    buckets = OwnBuckets()
    assert taken(RateLimit(0, Clock(), buckets), VISITOR, 1000) == 1000
    assert buckets.remembered == 0


@pytest.mark.long
def test_a_million_addresses_take_no_more_room_than_the_most_that_are_remembered() -> None:
    buckets = OwnBuckets()
    limit = RateLimit(50, Clock(), buckets)

    def flood(first: int, last: int) -> None:
        for number in range(first, last):
            limit.wait(f"9.{number >> 16}.{number >> 8 & 255}.{number & 255}")

    flood(0, 3 * MOST_ADDRESSES)
    room = sys.getsizeof(buckets._full_at)
    flood(3 * MOST_ADDRESSES, 10 * MOST_ADDRESSES)
    assert buckets.remembered == MOST_ADDRESSES
    assert sys.getsizeof(buckets._full_at) <= room


def test_whoever_floods_is_not_forgotten_for_others() -> None:
    limit = RateLimit(1, Clock())
    taken(limit, VISITOR, 4)
    for number in range(MOST_ADDRESSES + 10):
        limit.wait(f"9.{number >> 16}.{number >> 8 & 255}.{number & 255}")
        if number % 1000 == 0:
            assert limit.wait(VISITOR) > 0
    assert limit.wait(OTHER) == 0
