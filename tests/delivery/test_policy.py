"""The policy as a table: from a verdict and what is known to what happens."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from container.delivery.policy import (
    FIRST_DELAY_MS,
    LONGEST_DELAY_MS,
    PROBE_MS,
    SOON_FAILURES,
    Attempt,
    Bisect,
    Bury,
    Decision,
    Postpone,
    Settle,
    decide,
    delay,
    gives_up,
    hold,
    lane_delay,
)
from container.delivery.store import LaneState
from container.effects import Verdict

NOW = 1_000_000_000
HOURS = 3_600_000
OPEN = LaneState()
FAILED_TWICE = LaneState("open", NOW - 5, 2)
HELD = LaneState("credential", NOW - 5, 4)


def attempt(
    lane: LaneState = OPEN, *, items: int = 1, attempts: int = 1, lane_alone: bool = False, fault: bool = False
) -> Attempt:
    return Attempt(NOW, items, attempts, lane, lambda: 1.0, lane_alone, fault)


@pytest.mark.parametrize(
    ("verdict", "known", "decision", "lane"),
    [
        (Verdict("delivered"), attempt(), Settle(), OPEN),
        (Verdict("delivered"), attempt(HELD), Settle(), OPEN),
        (Verdict("delivered", refused=(0, 2)), attempt(items=3), Settle((0, 2)), OPEN),
        (Verdict("refused"), attempt(), Bury(0), OPEN),
        (Verdict("refused", index=7), attempt(), Bury(0), OPEN),
        (Verdict("refused", index=2), attempt(items=3), Bury(2), OPEN),
        (Verdict("refused", index=3), attempt(items=3), Bisect(), OPEN),
        (Verdict("refused", index=-1), attempt(items=3), Bisect(), OPEN),
        (Verdict("refused"), attempt(FAILED_TWICE, items=3), Bisect(), OPEN),
        # A first failure counts; what follows without an answer in between is the lane's.
        (Verdict("retry"), attempt(), Postpone(NOW + 5000, True), LaneState("open", NOW + 5000, 1)),
        (Verdict("retry"), attempt(attempts=4), Postpone(NOW + 40_000, True), LaneState("open", NOW + 5000, 1)),
        (Verdict("retry"), attempt(FAILED_TWICE), Postpone(NOW + 20_000, False), LaneState("open", NOW + 20_000, 3)),
        (Verdict("retry"), attempt(lane_alone=True), Postpone(NOW + 5000, False), LaneState("open", NOW + 5000, 1)),
        (Verdict("retry"), attempt(HELD), Postpone(NOW + 60_000, False), LaneState("credential", NOW + 60_000, 5)),
        # A batch that fails while others get through is taken apart after three attempts, in an outage it is not.
        (
            Verdict("retry"),
            attempt(items=9, attempts=2),
            Postpone(NOW + 10_000, True),
            LaneState("open", NOW + 5000, 1),
        ),
        (Verdict("retry"), attempt(items=9, attempts=3), Bisect(), LaneState("open", NOW + 5000, 1)),
        (
            Verdict("retry"),
            attempt(FAILED_TWICE, items=9, attempts=9),
            Postpone(NOW + 20_000, False),
            LaneState("open", NOW + 20_000, 3),
        ),
        (
            Verdict("retry"),
            attempt(items=9, attempts=3, lane_alone=True),
            Postpone(NOW + 5000, False),
            LaneState("open", NOW + 5000, 1),
        ),
        # Retry-After wins for the lane, within a second and an hour; a first failure counts as any other.
        (Verdict("retry", after=7), attempt(), Postpone(NOW + 7000, True), LaneState("open", NOW + 7000, 1)),
        (Verdict("retry", after=0), attempt(), Postpone(NOW + 1000, True), LaneState("open", NOW + 1000, 1)),
        (Verdict("retry", after=1e9), attempt(), Postpone(NOW + HOURS, True), LaneState("open", NOW + HOURS, 1)),
        (
            Verdict("retry", after=7),
            attempt(attempts=4),
            Postpone(NOW + 40_000, True),
            LaneState("open", NOW + 7000, 1),
        ),
        (
            Verdict("retry", after=7),
            attempt(FAILED_TWICE, attempts=4),
            Postpone(NOW + 7000, False),
            LaneState("open", NOW + 7000, 3),
        ),
        (
            Verdict("retry", after=7),
            attempt(lane_alone=True),
            Postpone(NOW + 7000, False),
            LaneState("open", NOW + 7000, 1),
        ),
        (Verdict("retry", after=7), attempt(items=9, attempts=3), Bisect(), LaneState("open", NOW + 7000, 1)),
        (
            Verdict("retry", after=7),
            attempt(items=9, attempts=3, lane_alone=True),
            Postpone(NOW + 7000, False),
            LaneState("open", NOW + 7000, 1),
        ),
        # A judge that raised always counts: it is dead after three.
        (
            Verdict("retry"),
            attempt(FAILED_TWICE, fault=True),
            Postpone(NOW + 5000, True, True),
            LaneState("open", NOW + 20_000, 3),
        ),
        (
            Verdict("credential"),
            attempt(),
            Postpone(NOW, False),
            LaneState("credential", NOW + PROBE_MS, 1),
        ),
    ],
)
def test_what_follows_from_a_verdict(verdict: Verdict, known: Attempt, decision: Decision, lane: LaneState) -> None:
    assert decide(verdict, known) == (decision, lane)


def test_a_lane_that_holds_still_says_why_and_is_probed() -> None:
    assert hold("missing", attempt(attempts=9)) == (Postpone(NOW, False), LaneState("missing", NOW + PROBE_MS, 1))


@pytest.mark.parametrize(
    ("attempts", "age", "over"),
    [(3, 48 * HOURS + 1, True), (3, 48 * HOURS, False), (2, 72 * HOURS, False), (99, HOURS, False)],
)
def test_a_row_is_given_up_by_age_and_attempts(attempts: int, age: int, over: bool) -> None:
    assert gives_up(attempts=attempts, give_up=NOW + 48 * HOURS, now=NOW + age) is over


@pytest.mark.parametrize(("nth", "bound"), [(1, 5), (2, 10), (3, 20), (8, 640), (9, 900), (10, 900), (10**6, 900)])
def test_the_bound_of_the_delay_doubles_up_to_fifteen_minutes(nth: int, bound: int) -> None:
    assert delay(nth, lambda: 1.0) == bound * 1000


@given(st.integers(-5, 10**9), st.floats(0, 1))
def test_a_delay_is_never_beyond_its_bounds(nth: int, chance: float) -> None:
    assert 0 <= delay(nth, lambda: chance) <= LONGEST_DELAY_MS
    assert delay(1, lambda: chance) <= FIRST_DELAY_MS


@pytest.mark.parametrize(
    ("failures", "bound"),
    [(1, 5), (2, 10), (4, 40), (5, 60), (SOON_FAILURES, 60), (SOON_FAILURES + 1, 300), (10**6, 300)],
)
def test_a_lane_is_tried_each_minute_at_least_and_after_an_hour_every_five(failures: int, bound: int) -> None:
    assert lane_delay(failures, lambda: 1.0) == bound * 1000


def test_a_lane_has_failed_for_about_an_hour_when_it_is_tried_less_often() -> None:
    half_the_bound = sum(lane_delay(nth, lambda: 0.5) for nth in range(1, SOON_FAILURES + 1))
    assert 0.75 * HOURS < half_the_bound < HOURS


@given(st.integers(-5, 10**9), st.floats(0, 1))
def test_a_lane_never_waits_for_longer_than_a_row_would(failures: int, chance: float) -> None:
    assert 0 <= lane_delay(failures, lambda: chance) <= min(PROBE_MS, delay(failures, lambda: chance))
