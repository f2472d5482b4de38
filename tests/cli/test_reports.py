"""What several processes say of themselves, and what becomes of it when one of them is gone."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from container.cli.board import MOST_BYTES, Place, board
from container.cli.reports import MOST_OUTCOMES_TOLD, NOTHING, RECENT_SECONDS, Report, Reports, Telling, received, sent
from container.delivery.counters import Counters
from container.delivery.outcomes import RequestOutcome
from container.web.metrics import delivery_metrics
from container.web.summed import Figures, added, counted, figures_of
from tests.web.test_summed import process

HITS = "tag_container_hits_accepted"


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def report(
    hits: int,
    *,
    at: float = 0.0,
    reasons: Sequence[str] = (),
    notices: Sequence[str] = (),
    outcomes: Sequence[RequestOutcome] = (),
) -> Report:
    return Report(at, process(hits), reasons, notices, outcomes)


def outcome(at: int, lane: int = 1) -> RequestOutcome:
    return RequestOutcome(at, lane, 3, 200, "delivered")


def say(place: Place, told: Report) -> None:
    assert place.write(sent(told))


def value(figures: Sequence[Figures], name: str) -> float:
    """Of a metric with one series."""
    [found] = added(figures)[name].samples.values()
    return found


def test_a_report_is_the_same_on_the_other_side() -> None:
    told = report(3, at=7.5, reasons=["It stops."], notices=["Look."], outcomes=[outcome(1), outcome(2)])
    assert received(sent(told)) == told
    assert received(b"") == NOTHING


def test_all_that_tell_are_counted_and_each_once() -> None:
    one, other = board(2)
    reports = Reports([one, other], clock=Clock())
    for place, hits in ((one, 2), (other, 3), (one, 4)):
        say(place, report(hits))
        assert value(reports.metrics(), HITS) == value(
            [received(each.read()).figures for each in (one, other) if each.read()], HITS
        )
    assert value(reports.metrics(), HITS) == 7


def test_what_was_counted_in_its_own_place_is_counted_with_the_others() -> None:
    [place] = board(1)
    say(place, report(2))
    reports = Reports([place], counted(process(5)), Clock())
    assert value(reports.metrics(), HITS) == 7
    assert value(reports.metrics(), "tag_container_hits_waiting") == 2


def test_who_says_nothing_for_long_still_counts_and_stands_for_nothing_else() -> None:
    one, other = board(2)
    clock = Clock()
    reports = Reports([one, other], clock=clock)
    say(one, report(5, notices=["Look."]))
    clock.now = RECENT_SECONDS + 1
    say(other, report(1, at=clock.now))
    assert value(reports.metrics(), HITS) == 6
    assert value(reports.metrics(), "tag_container_hits_waiting") == 1
    assert reports.notices() == []


class Busy(Place):
    """One to which another hit is written as soon as somebody has read it."""

    def read(self) -> bytes:
        found = super().read()
        say(self, report(1 + int(value([received(found).figures], HITS))))
        return found


def test_whoever_writes_while_it_is_looked_at_is_there() -> None:
    [place] = board(1)
    say(place, report(1))
    reports = Reports([Busy(place._memory, place._begin)], clock=Clock())
    for hits in (1, 2, 3):
        found = reports.metrics()
        assert value(found, HITS) == value(found, "tag_container_hits_waiting") == hits


def test_traffic_may_come_while_one_of_them_takes_it() -> None:
    one, other = board(2)
    clock = Clock()
    reports = Reports([one, other], clock=clock)
    assert reports.reasons() == ["No worker runs: they are starting, or end again and again, see the log."]
    say(one, report(0, reasons=["It stops."]))
    assert reports.reasons() == ["It stops."]
    say(other, report(0))
    assert list(reports.reasons()) == []
    clock.now = RECENT_SECONDS
    assert "No worker runs" in reports.reasons()[0]


def test_what_several_noticed_is_said_once() -> None:
    one, other = board(2)
    say(one, report(0, notices=["Look.", "There."]))
    say(other, report(0, notices=["Look."]))
    assert Reports([one, other], clock=Clock()).notices() == ["Look.", "There."]


def test_the_latest_requests_of_all_are_shown_the_newest_first_also_of_one_that_is_gone() -> None:
    one, other = board(2)
    clock = Clock(RECENT_SECONDS + 1)
    say(one, report(0, outcomes=[outcome(1), outcome(4), outcome(5, lane=2)]))
    say(other, report(0, at=clock.now, outcomes=[outcome(2), outcome(3, lane=2), outcome(6)]))
    reports = Reports([one, other], clock=clock)
    assert [each.at for each in reports.of_lane(1, 10)] == [6, 4, 2, 1]
    assert {lane: [each.at for each in found] for lane, found in reports.latest(2).items()} == {1: [6, 4], 2: [5, 3]}


def test_all_that_a_busy_process_has_to_say_fits_into_its_place() -> None:
    counters = Counters()
    for lane in range(100):
        counters.judged(
            f"tiktok_events_api https://vendor.example/a/long/path PIXEL{lane:020}", {f"Tag {lane}": lane}, "retry"
        )
    outcomes = [outcome(1_700_000_000_000 + 997 * each, each % 100) for each in range(MOST_OUTCOMES_TOLD)]
    told = Report(1.0, figures_of(delivery_metrics(counters)), ["It stops."] * 50, ["Look."] * 50, outcomes)
    assert len(sent(told)) < MOST_BYTES // 4


def test_what_cannot_be_told_is_logged_once_and_told_when_it_can_be(caplog: pytest.LogCaptureFixture) -> None:
    [place] = board(1)
    long = [secrets.token_hex(MOST_BYTES)]
    found: list[Report | Exception] = [ValueError("k"), ValueError("k"), report(2), report(3, notices=long), report(4)]

    def next_report() -> Report:
        now = found.pop(0)
        if isinstance(now, Exception):
            raise now
        return now

    tell, hits = Telling(place, next_report), []
    for _ in range(5):
        tell()
        hits.append(received(place.read()).figures and value([received(place.read()).figures], HITS))
    assert hits == [{}, {}, 2, 2, 4]
    assert [line.getMessage() for line in caplog.records] == [
        'serve.not_told reason="ValueError"',
        'serve.not_told reason="it is too long for its place"',
    ]


def test_outcomes_for_which_there_is_no_room_are_left_out() -> None:
    [place] = board(1)
    many = [RequestOutcome(1, 1, 1, 200, secrets.token_hex(MOST_BYTES))]
    Telling(place, lambda: report(2, outcomes=many))()
    told = received(place.read())
    assert (value([told.figures], HITS), list(told.outcomes)) == (2, [])
