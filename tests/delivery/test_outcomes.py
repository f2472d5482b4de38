"""The latest requests: the ring is bounded, and shows what is newest of each lane."""

from __future__ import annotations

from pathlib import Path

from container.delivery.outcomes import MOST_OUTCOMES, Outcomes, RequestOutcome
from tests.delivery.harness import NOW as THEN
from tests.delivery.harness import accepted, answers, bench, planned, run


def outcome(number: int, lane: int = 1) -> RequestOutcome:
    return RequestOutcome(at=number, lane=lane, rows=1, status=200, verdict="delivered")


def test_of_each_lane_the_newest_come_first() -> None:
    outcomes = Outcomes()
    for number in range(6):
        outcomes.add(outcome(number, lane=number % 2))
    found = {lane: [each.at for each in latest] for lane, latest in outcomes.latest(2).items()}
    assert found == {0: [4, 2], 1: [5, 3]}
    assert [each.at for each in outcomes.of_lane(0, 2)] == [4, 2]
    assert [each.at for each in outcomes.of_lane(0, 9)] == [4, 2, 0]
    assert outcomes.of_lane(7, 2) == []


def test_the_oldest_are_forgotten() -> None:
    outcomes = Outcomes()
    for number in range(MOST_OUTCOMES + 5):
        outcomes.add(outcome(number))
    found = outcomes.of_lane(1, MOST_OUTCOMES + 5)
    assert len(found) == MOST_OUTCOMES
    assert (found[0].at, found[-1].at) == (MOST_OUTCOMES + 4, 5)


def test_each_request_leaves_an_outcome_with_figures_alone(tmp_path: Path) -> None:
    async def work() -> list[RequestOutcome]:
        found = bench(tmp_path, answers(503, 200))
        await found.store.accept(accepted(planned(1), planned(2)))
        await found.until_idle()
        return found.worker.outcomes.of_lane(1, 10)

    last, first = run(work())
    assert (first.status, first.verdict, first.rows, first.at) == (503, "retry", 2, THEN)
    assert (last.status, last.verdict) == (200, "delivered")
