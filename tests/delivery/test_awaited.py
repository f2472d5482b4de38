"""Who waits for what a destination answers: each for their own delivery, and nobody for longer than it makes sense."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from container.delivery import awaited as waiting_for
from container.delivery.awaited import LATE_IN_A_ROW, Awaited, Heard, Waiting
from container.delivery.flight import Judged
from container.delivery.policy import Postpone, Settle
from container.delivery.row import Row, row_of
from container.delivery.store import Answer, ClaimedRow, LaneState
from container.effects import Request, Verdict
from tests.delivery.harness import NOW, Clock, planned

TAKEN = Judged(Verdict("delivered"), Answer(NOW, 200, "delivered"), Settle(), LaneState(), cookies=("A=1",))


def a_row(number: int = 1, *, host: str = "relay.example") -> Row:
    request = Request("POST", f"https://{host}/{number}", json={}, reply_cookies=5.0)
    return row_of(planned(number, request), now=NOW)


def claimed(row: Row) -> ClaimedRow:
    return ClaimedRow(
        1, row.id, row.frame, row.item, row.tag, row.event_name, row.event_time, 1, 0, 0, row.first, row.give_up
    )


def play(work: Callable[[Awaited], Awaitable[None]]) -> None:
    async def scenario() -> None:
        async with asyncio.timeout(20):
            await work(Awaited(Clock()))

    asyncio.run(scenario())


def begun(awaited: Awaited, row: Row, seconds: float = 5.0) -> Waiting:
    found = awaited.expect(row, seconds)
    assert isinstance(found, Waiting)
    return found


def test_each_hears_of_its_own_delivery() -> None:
    async def work(awaited: Awaited) -> None:
        first, second = begun(awaited, a_row(1)), begun(awaited, a_row(2))
        awaited.answered([claimed(a_row(2))], replace(TAKEN, cookies=("B=2",)))
        awaited.answered([claimed(a_row(3))], TAKEN)
        awaited.answered([claimed(a_row(1))], TAKEN)
        assert [[each.name for each in (await one.heard()).cookies] for one in (first, second)] == [["A"], ["B"]]
        assert len(awaited) == 0

    play(work)


@pytest.mark.parametrize(
    ("judged", "became"),
    [
        (TAKEN, "passed"),
        (replace(TAKEN, cookies=()), "none"),
        (replace(TAKEN, cookies=("no cookie",)), "none"),
        (replace(TAKEN, decision=Settle(refused=(0,))), "failed"),
        (replace(TAKEN, decision=Settle(again=(0,), until=NOW)), "failed"),
        (replace(TAKEN, decision=Postpone(NOW, counted=True)), "failed"),
    ],
)
def test_cookies_are_those_of_what_was_delivered(judged: Judged, became: str) -> None:
    async def work(awaited: Awaited) -> None:
        waiting = begun(awaited, a_row())
        awaited.answered([claimed(a_row())], judged)
        found = await waiting.heard()
        assert found.became == became
        assert bool(found.cookies) == (became == "passed")

    play(work)


def test_the_cookies_of_an_answer_to_several_are_nobodys() -> None:
    async def work(awaited: Awaited) -> None:
        both = [begun(awaited, a_row(1)), begun(awaited, a_row(2))]
        awaited.answered([claimed(a_row(1)), claimed(a_row(2))], TAKEN)
        assert [await each.heard() for each in both] == [Heard("none")] * 2

    play(work)


def test_who_is_gone_is_not_missed() -> None:
    async def work(awaited: Awaited) -> None:
        gone = asyncio.ensure_future(begun(awaited, a_row()).heard())
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.sleep(0)
        awaited.answered([claimed(a_row())], TAKEN)
        assert gone.cancelled()
        assert len(awaited) == 0

    play(work)


def test_what_was_not_stored_is_forgotten_once() -> None:
    async def work(awaited: Awaited) -> None:
        waiting, other = begun(awaited, a_row(1)), begun(awaited, a_row(2))
        waiting.forget()
        waiting.forget()
        assert (await waiting.heard(), len(awaited)) == (Heard("failed"), 1)
        other.forget()

    play(work)


def test_a_lane_that_holds_still_for_longer_than_somebody_waits_ends_the_wait() -> None:
    async def work(awaited: Awaited) -> None:
        patient, impatient = begun(awaited, a_row(1), 5.0), begun(awaited, a_row(2), 1.0)
        elsewhere = begun(awaited, a_row(3, host="other.example"), 1.0)
        held = {a_row().lane.key: NOW + 3000, "nobody's": NOW + 9000}
        awaited.held(held)
        assert (await impatient.heard()).became == "failed"
        assert not patient.done.done()
        assert not elsewhere.done.done()
        assert awaited.expect(a_row(4), 1.0) == Heard("failed")
        begun(awaited, a_row(4), 5.0)
        awaited.held({})
        begun(awaited, a_row(5), 1.0)
        awaited.hurry()
        assert (await patient.heard()).became == "failed"
        assert len(awaited) == 0
        awaited.held(held)

    play(work)


def test_after_several_late_answers_one_waits_at_a_time_until_one_comes_in_time() -> None:
    async def work(awaited: Awaited) -> None:
        for number in range(LATE_IN_A_ROW):
            assert await begun(awaited, a_row(number), 0.001).heard() == Heard("too_late")
        probing = begun(awaited, a_row(10))
        assert awaited.expect(a_row(11), 5.0) == Heard("crowded")
        begun(awaited, a_row(12, host="other.example"))
        awaited.answered([claimed(a_row(10))], TAKEN)
        assert (await probing.heard()).became == "passed"
        begun(awaited, a_row(13))
        begun(awaited, a_row(14))
        awaited.hurry()

    play(work)


def test_of_very_many_lanes_it_is_learnt_anew_how_late_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting_for, "MOST_LATE", 2)

    async def work(awaited: Awaited) -> None:
        for name in ("a", "b", "c"):
            awaited.learn(name, "too_late")
        assert awaited._late == {"c": 1}

    play(work)
