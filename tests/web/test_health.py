"""Whether a process should get traffic."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from container.delivery.disk import NO_SPACE, NOT_WRITTEN
from container.delivery.lane import Lane
from container.delivery.store import Answer, LaneReport, LaneState
from container.web.health import MOST_REASONS, RECENT_SECONDS, Health, lane_reasons


class Clock:
    """A clock that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_failed_commit_is_a_reason_for_a_while_only() -> None:
    clock = Clock()
    health = Health(clock)
    health.store_failed("no space is left")
    assert health.reasons() == ["The store does not take deliveries (no space is left)."]
    clock.now = RECENT_SECONDS
    assert health.reasons() == []


def test_a_disk_that_is_full_or_fails_says_what_to_do() -> None:
    [full] = Health(Clock(), trouble=lambda: NO_SPACE).reasons()
    assert full == (
        "The store does not take deliveries (no space is left for deliveries). "
        "Make room on the disk: hits are taken again by themselves, without a restart."
    )
    [failing] = Health(Clock(), trouble=lambda: f"{NOT_WRITTEN}: disk I/O error").reasons()
    assert failing.endswith(
        "(the deliveries cannot be written: disk I/O error). "
        "Look at the disk: once it has failed for 30 seconds the process ends."
    )


def test_a_database_that_takes_nothing_says_what_to_do() -> None:
    away = "the database cannot be used (connection failed: FATAL: sorry, too many clients already)"
    [reason] = Health(Clock(), trouble=lambda: away).reasons()
    limit = "Raise max_connections of the database, or the limit of its role"
    assert reason == f"The store does not take deliveries ({away}). {limit}: each process takes up to 8. Or run fewer."


def test_a_store_that_works_again_is_no_reason_at_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    health = Health(Clock())
    health.store_failed("no space is left")
    health.store_failed("no space is left")
    health.store_worked()
    health.store_worked()
    assert health.reasons() == []
    assert [record.getMessage() for record in caplog.records] == [
        'store.failed reason="no space is left" hits=refused',
        'store.works after="no space is left"',
    ]


def test_a_process_that_stops_wants_no_traffic() -> None:
    assert Health(Clock(), draining=True).reasons() == ["The process is shutting down."]


def test_a_lane_that_fails_says_when_it_is_tried() -> None:
    failing = lane(LaneState("open", 5000, 3))
    assert "(next attempt in 4 s, 1 delivery waiting)" in lane_reasons([failing], now=1000)[0]
    assert "(next attempt now, 1 delivery waiting)" in lane_reasons([failing], now=4500)[0]
    assert "(being tried, 7 in flight, 1 waiting)" in lane_reasons([replace(failing, claimed=7)], now=1000)[0]


def test_a_worker_that_cannot_write_is_a_reason_as_long_as_that_lasts() -> None:
    trouble = "no space is left"
    health = Health(Clock(), trouble=lambda: trouble)
    assert health.reasons() == ["The store does not take deliveries (no space is left)."]
    trouble = ""
    assert health.reasons() == []


def lane(state: LaneState, *, paused: bool = False, dead: int = 0, answer: Answer | None = None) -> LaneReport:
    return LaneReport(3, Lane("hook", "https://h.example", "C1"), state, paused, 1, 0, dead, 0, answer)


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (lane(LaneState()), []),
        (
            lane(LaneState(), paused=True),
            ['Lane 3 "hook https://h.example C1" is paused by an operator, 1 delivery waiting.'],
        ),
        (
            lane(LaneState("credential", 0, 2), answer=Answer(0, 401, "credential", "no such token")),
            [
                (
                    'Lane 3 "hook https://h.example C1" holds still, because the vendor refuses its key: no such token '
                    "(1 delivery waiting)."
                )
            ],
        ),
        (
            lane(LaneState("open", 5000, 2), dead=1),
            [
                (
                    'Lane 3 "hook https://h.example C1" has failed 2 times in a row '
                    "(next attempt in 4 s, 1 delivery waiting)."
                ),
                'Lane 3 "hook https://h.example C1" has 1 dead letter.',
            ],
        ),
    ],
)
def test_a_lane_that_needs_somebody_is_a_sentence(report: LaneReport, said: list[str]) -> None:
    assert lane_reasons([report], now=1000) == said


def test_many_lanes_do_not_fill_the_page() -> None:
    found = lane_reasons([lane(LaneState(), dead=1)] * (MOST_REASONS + 7), now=0)
    assert len(found) == MOST_REASONS + 1
    assert found[-1] == "7 more are on the admin page."
