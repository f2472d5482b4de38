"""How fast a lane goes: limits of its vendor, the way back after trouble, and batches that were too large."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from container.component import tag
from container.delivery.frame import MOST_ITEMS
from container.delivery.lane import Lane
from container.delivery.pace import NEVER, RAMP_MS, REGROWN_MS, Bucket, Course, Pace, paces_of
from container.delivery.policy import PROBE_ITEMS
from container.delivery.store import LaneState
from container.effects import Request
from container.event import Event
from container.fields import Settings
from tags.http_request import http_request
from tags.tiktok_events_api import tiktok_events_api
from tests.delivery.harness import NOW

FAILING = LaneState("open", NOW, 1)


def course(*, in_flight: int = 2, rate: float | None = None) -> Course:
    return Course(Lane("hook"), Pace(rate, in_flight))


def answered(found: Course, state: LaneState, now: int = NOW) -> None:
    """A request goes, and this is how the lane stands after it."""
    found.begin(now)
    found.stands(state, now)


def test_a_tag_says_what_its_vendor_takes() -> None:
    @tag("paced", consent=(), requests_per_second=0.5, in_flight=7)
    def paced(settings: Settings, event: Event) -> Request | None:
        return None

    @tag("plain", consent=())
    def plain(settings: Settings, event: Event) -> Request | None:
        return None

    marks = [each.__dict__["__component__"] for each in (paced, plain, tiktok_events_api, http_request)]
    paces = paces_of(marks)
    assert paces("paced") == Pace(0.5, 7)
    assert paces("plain") == paces("http_request") == paces("of nobody") == Pace(None, 2)
    assert paces("tiktok_events_api") == Pace(1000, 2)


@pytest.mark.parametrize(("rate", "spacing"), [(1, 1000), (2, 500), (10, 100), (0.1, 10_000), (1000, 1)])
def test_requests_of_a_rate_are_evenly_apart(rate: float, spacing: int) -> None:
    found = course(rate=rate, in_flight=99)
    at = NOW
    for number in range(20):
        assert found.opens(at) == at == NOW + number * spacing
        found.begin(at)
        at = found.opens(at)


def test_without_a_rate_nothing_is_spaced() -> None:
    found = course(in_flight=99)
    for _ in range(50):
        assert found.opens(NOW) == NOW
        found.begin(NOW)


@given(
    st.sampled_from([0.3, 1, 3, 7, 16, 33.3, 100, 999, 1000, 2500, 7777]),
    st.lists(st.sampled_from([0, 0, 0, 1, 5, 40, 400, 5000]), min_size=1, max_size=300),
)
def test_no_second_ever_holds_more_requests_than_the_rate(rate: float, waits: list[int]) -> None:
    found = Bucket(-int(-1_000_000 // rate))
    now, sent = NOW, []
    for wait in waits:
        now = found.opens(now + wait)
        found.take(now)
        sent.append(now)
    most = max(int(rate), 1)
    for first, later in zip(sent, sent[most:], strict=False):
        assert later - first >= (1000 if rate >= 1 else int(1000 / rate))


def test_a_clock_that_is_set_back_does_not_stop_a_lane() -> None:
    found = course(rate=2, in_flight=9)
    found.begin(NOW)
    past = NOW - 3_600_000
    assert found.opens(past) == past
    found.begin(past)
    assert found.opens(past) == past + 500


def test_a_request_that_goes_once_more_counts_towards_the_rate() -> None:
    found = course(rate=2, in_flight=9)
    found.begin(NOW)
    found.charge(NOW)
    assert found.opens(NOW) == NOW + 1000


def test_a_lane_that_works_again_takes_half_a_minute_to_its_most_requests() -> None:
    found = course(in_flight=4)
    answered(found, FAILING)
    found.flights = 1
    assert found.opens(NOW) == NEVER
    found.flights = 0
    answered(found, LaneState())
    grown = []
    for passed in range(0, RAMP_MS + 1000, 500):
        found.flights = 0
        while found.opens(NOW + passed) <= NOW + passed:
            found.flights += 1
        grown.append((passed, found.flights))
    assert grown[0] == (0, 1)
    assert {most: min(at for at, count in grown if count == most) for _, most in grown} == {
        1: 0,
        2: 10_000,
        3: 20_000,
        4: 30_000,
    }


@pytest.mark.parametrize("in_flight", [1, 2, 3, 7, 64])
def test_a_lane_on_its_way_back_knows_when_it_may_have_one_more(in_flight: int) -> None:
    found = course(in_flight=in_flight)
    answered(found, FAILING)
    answered(found, LaneState())
    now = NOW
    for flights in range(1, in_flight):
        found.flights = flights
        opens = found.opens(now)
        assert now <= opens <= NOW + RAMP_MS
        assert found.opens(opens - 1) == opens
        now = opens
    found.flights = in_flight
    assert found.opens(now) == NEVER
    assert now <= NOW + RAMP_MS


def test_a_clock_that_is_set_back_ends_the_way_back() -> None:
    found = course(in_flight=4)
    answered(found, FAILING)
    answered(found, LaneState())
    found.flights = 3
    assert found.opens(NOW - 5000) == NOW - 5000


def test_a_lane_that_never_failed_has_all_its_requests_at_once() -> None:
    found = course(in_flight=4)
    answered(found, LaneState())
    found.flights = 3
    assert found.opens(NOW) == NOW


def test_the_way_back_begins_anew_with_every_failure() -> None:
    found = course(in_flight=3)
    answered(found, FAILING)
    answered(found, LaneState())
    answered(found, FAILING, NOW + 29_000)
    answered(found, LaneState(), NOW + 40_000)
    found.flights = 1
    assert found.opens(NOW + 40_000) == NOW + 55_000


@pytest.mark.parametrize(
    ("state", "most"),
    [
        (LaneState(), MOST_ITEMS),
        (FAILING, PROBE_ITEMS),
        (LaneState("credential", NOW, 3), PROBE_ITEMS),
        (LaneState("missing", NOW, 1), PROBE_ITEMS),
        (LaneState("refusing", NOW, 1), 1),
    ],
)
def test_a_probe_is_small(state: LaneState, most: int) -> None:
    found = course()
    found.state = state
    assert found.most_items(NOW) == most


def test_the_limit_of_batches_halves_and_grows_back_by_and_by() -> None:
    found = course()
    found.too_large(500, NOW)
    assert found.most_items(NOW) == 250
    found.too_large(500, NOW + 5)
    assert found.most_items(NOW + 5) == 250
    found.too_large(250, NOW + 9)
    assert found.most_items(NOW + 9) == 125
    assert found.most_items(NOW + 9 + REGROWN_MS - 1) == 125
    assert found.most_items(NOW + 9 + REGROWN_MS) == 250
    assert found.most_items(NOW + 9 + 2 * REGROWN_MS) == 500
    assert found.most_items(NOW + 99 * REGROWN_MS) == MOST_ITEMS
    assert found.most_items(NOW - 9 * REGROWN_MS) == 125


def test_the_limit_of_batches_never_falls_below_a_probe() -> None:
    found = course()
    for _ in range(20):
        found.too_large(found.most_items(NOW), NOW)
    assert found.most_items(NOW) == PROBE_ITEMS


@pytest.mark.parametrize(
    ("refused", "delivered", "over"), [(50, 50, False), (51, 49, True), (50, 0, False), (51, 0, True)]
)
def test_more_than_half_of_a_hundred_is_too_many(refused: int, delivered: int, *, over: bool) -> None:
    found = course()
    found.ended(delivered=delivered, refused=0)
    found.ended(delivered=0, refused=refused)
    assert found.refuses is over


def test_only_the_last_hundred_count() -> None:
    found = course()
    found.ended(delivered=0, refused=60)
    assert found.refuses
    found.ended(delivered=49, refused=0)
    assert found.refuses
    found.ended(delivered=1, refused=0)
    assert not found.refuses


def test_what_was_refused_before_is_forgotten_when_the_lane_opens() -> None:
    found = course()
    found.ended(delivered=0, refused=60)
    answered(found, LaneState("refusing", NOW, 1))
    assert found.refuses
    answered(found, LaneState())
    assert not found.refuses


def test_an_answer_to_a_request_of_before_the_failure_is_known_as_such() -> None:
    found = course()
    first, second = found.begin(NOW), found.begin(NOW)
    found.stands(FAILING, NOW)
    assert found.is_stale(first)
    assert found.is_stale(second)
    assert not found.is_stale(found.begin(NOW))
