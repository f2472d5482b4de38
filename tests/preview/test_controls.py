"""What an operator has said of deliveries holds for what a preview sends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from types import SimpleNamespace

from container.delivery.lane import Lane
from container.delivery.store import LaneReport, LaneState, StoreUnavailableError
from container.preview.controls import FRESH_SECONDS, NO_DELIVERIES, PAUSED, UNKNOWN, Controls

LANE = Lane("hook", "https://hook.example", "A-1")


def report(lane: Lane, *, paused: bool) -> LaneReport:
    return LaneReport(1, lane, LaneState("open"), paused, 0, 0, 0, None, None)


def asking(controls: Controls, *lanes: Lane) -> list[str]:
    async def scenario() -> list[str]:
        return [await controls.why_not(lane) for lane in lanes]

    return asyncio.run(scenario())


def told(*found: LaneReport) -> Callable[[], Awaitable[Sequence[LaneReport]]]:
    async def lanes() -> Sequence[LaneReport]:
        return found

    return lanes


def test_a_process_that_delivers_nothing_sends_nothing_of_a_preview() -> None:
    assert asking(Controls(delivers=False), LANE) == [NO_DELIVERIES]
    assert NO_DELIVERIES == "this server delivers nothing (--no-deliver)"


def test_a_lane_that_is_paused_gets_nothing_and_others_do() -> None:
    controls = Controls(told(report(LANE, paused=True), report(Lane("hook"), paused=False)))
    assert asking(controls, LANE, Lane("hook"), Lane("new")) == [PAUSED, "", ""]
    assert PAUSED == "the lane is paused"


def test_a_test_event_stays_where_the_lane_of_its_account_is_paused_and_not_the_other_way_round() -> None:
    of_test = Lane(LANE.type, LANE.endpoint, LANE.account, (), "TEST1")
    assert asking(Controls(told(report(LANE, paused=True))), of_test) == [PAUSED]
    assert asking(Controls(told(report(of_test, paused=True))), of_test, LANE) == [PAUSED, ""]


def test_the_store_is_asked_once_a_second_at_most() -> None:
    time, asked = SimpleNamespace(now=0.0), []

    async def lanes() -> Sequence[LaneReport]:
        asked.append(time.now)
        await asyncio.sleep(0)
        return [report(LANE, paused=len(asked) == 2)]

    async def scenario() -> None:
        controls = Controls(lanes, monotonic=lambda: time.now)
        assert await asyncio.gather(*(controls.why_not(LANE) for _ in range(10))) == [""] * 10
        time.now += FRESH_SECONDS / 2
        assert await controls.why_not(LANE) == ""
        time.now += FRESH_SECONDS / 2
        assert await controls.why_not(LANE) == PAUSED
        assert asked == [0, FRESH_SECONDS]

    asyncio.run(scenario())


def test_nothing_is_sent_while_the_store_cannot_say_what_is_paused() -> None:
    async def fails() -> Sequence[LaneReport]:
        raise StoreUnavailableError("it is away")

    async def hangs() -> Sequence[LaneReport]:
        await asyncio.Event().wait()
        return ()

    assert asking(Controls(fails), LANE) == [UNKNOWN]
    assert asking(Controls(hangs, patience=0.01), LANE) == [UNKNOWN]
