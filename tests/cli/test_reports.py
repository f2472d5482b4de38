"""What the workers tell, and what becomes of it when one of them is gone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from container.cli.reports import RECENT_SECONDS, Report, Reports, received, sent
from container.delivery.counters import Counters
from container.web.metrics import delivery_metrics
from container.web.summed import Figures, added, figures_of
from tests.web.test_summed import process


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def report(name: str, number: int, hits: int, *, reasons: Sequence[str] = (), notices: Sequence[str] = ()) -> Report:
    return Report(name, number, process(hits), reasons, notices)


def value(figures: Sequence[Figures], name: str) -> float:
    """Of a metric with one series."""
    [found] = added(figures)[name].samples.values()
    return found


def test_a_report_is_the_same_on_the_other_side() -> None:
    told = report("worker-1", 7, 3, reasons=["It stops."], notices=["Look."])
    assert received(sent(told)) == told


def test_all_that_tell_are_counted_and_each_once() -> None:
    reports = Reports(Clock())
    for told in (report("worker-1", 1, 2), report("worker-2", 2, 3), report("worker-1", 1, 4)):
        reports.heard(told)
    assert value(reports.metrics(), "tag_container_hits_accepted") == 7


def test_what_one_had_counted_goes_on_to_count_when_another_takes_its_place() -> None:
    reports = Reports(Clock())
    for number, hits in ((1, 5), (2, 1), (3, 1)):
        reports.heard(report("worker-1", number, hits))
    assert value(reports.metrics(), "tag_container_hits_accepted") == 7
    assert value(reports.metrics(), "tag_container_hits_waiting") == 1


def test_who_says_nothing_for_long_still_counts_and_stands_for_nothing_else() -> None:
    clock = Clock()
    reports = Reports(clock)
    reports.heard(report("worker-1", 1, 5))
    clock.now = RECENT_SECONDS + 1
    reports.heard(report("worker-2", 2, 1))
    assert value(reports.metrics(), "tag_container_hits_accepted") == 6
    assert value(reports.metrics(), "tag_container_hits_waiting") == 1


def test_traffic_may_come_while_one_of_them_takes_it() -> None:
    clock = Clock()
    reports = Reports(clock)
    assert reports.reasons() == ["No worker runs: they are starting, or end again and again, see the log."]
    reports.heard(report("worker-1", 1, 0, reasons=["It stops."]))
    assert reports.reasons() == ["It stops."]
    reports.heard(report("worker-2", 2, 0))
    assert list(reports.reasons()) == []
    clock.now = RECENT_SECONDS
    assert "No worker runs" in reports.reasons()[0]


def test_what_several_noticed_is_said_once() -> None:
    reports = Reports(Clock())
    reports.heard(report("worker-1", 1, 0, notices=["Look.", "There."]))
    reports.heard(report("worker-2", 2, 0, notices=["Look."]))
    assert reports.notices() == ["Look.", "There."]


def test_the_figures_of_a_busy_process_fit_into_a_datagram() -> None:
    counters = Counters()
    for lane in range(100):
        counters.judged(
            f"tiktok_events_api https://vendor.example/a/long/path PIXEL{lane:020}", {f"Tag {lane}": lane}, "retry"
        )
    told = Report("worker-1", 1, figures_of(delivery_metrics(counters)), (), ())
    assert len(sent(told)) < 65_536
