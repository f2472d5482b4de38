"""What every store knows of its lanes."""

from __future__ import annotations

from container.delivery.lane import Lane
from container.delivery.store import (
    Answer,
    LaneState,
    Store,
)
from tests.delivery.harness import (
    LATER,
    NOW,
    Scenario,
    accepted,
    ids,
    item_request,
    must_claim,
    planned,
)


def test_lanes_come_with_the_one_that_is_due_first(play: Scenario) -> None:
    async def scenario(store: Store) -> None:
        await store.accept(accepted(planned(1, item_request(1, account="late")), now=NOW + 5))
        await store.accept(accepted(planned(2, item_request(2, account="early")), now=NOW))
        assert [(lane.lane.account, lane.due) for lane in await store.waiting()] == [("early", NOW), ("late", NOW + 5)]

    play(scenario)


def test_a_lane_keeps_its_state_and_last_answer(play: Scenario) -> None:
    async def scenario(store: Store) -> None:
        await store.accept(accepted(planned(1)))
        [lane] = await store.waiting()
        state, answer = LaneState("credential", LATER, 3), Answer(NOW, 401, "credential", "token expired")
        await store.mark(lane.number, state, answer)
        [lane] = await store.waiting()
        [report] = await store.lanes()
        assert (lane.state, report.state, report.answer) == (state, state, answer)
        await store.mark(lane.number, LaneState())
        [report] = await store.lanes()
        assert (report.state, report.answer) == (LaneState(), answer)

    play(scenario)


def test_a_probe_reaches_the_lanes_that_hold_still_only(play: Scenario) -> None:
    async def scenario(store: Store) -> None:
        for number, state in enumerate((LaneState("credential", LATER, 1), LaneState("open", LATER, 1)), 1):
            await store.accept(accepted(planned(number, item_request(account=str(number)))))
            await store.mark(number, state)
        assert await store.probe(now=NOW) == 1
        assert [lane.state.not_before for lane in await store.waiting()] == [NOW, LATER]

    play(scenario)


def test_an_operators_pause_outlives_what_the_worker_notes(play: Scenario) -> None:
    async def scenario(store: Store) -> None:
        await store.accept(accepted(planned(1)))
        [lane] = await store.waiting()
        assert await store.pause(lane.number, paused=True)
        await store.mark(lane.number, LaneState())
        assert [lane.paused for lane in await store.waiting()] == [True]
        assert await store.pause(lane.number, paused=False)
        assert not await store.pause(999, paused=True)

    play(scenario)


def test_a_lane_that_waits_after_a_failure_can_be_tried_at_once(play: Scenario) -> None:
    async def scenario(store: Store) -> None:
        await store.accept(accepted(planned(1), planned(2)))
        claimed = await must_claim(store, most_items=1)
        tried = Answer(NOW, 503, "retry", "come back later")
        await store.postpone(claimed, claimed.rows, until=LATER, counted=False, tried=tried)
        await store.mark(claimed.lane, LaneState("open", LATER, 3))
        await store.hasten(claimed.lane, now=NOW + 1)
        [lane] = await store.waiting()
        assert lane.state == LaneState("open", NOW + 1, 3)
        assert ids(await must_claim(store, now=NOW + 1)) == [1, 2]

    play(scenario)


def test_lanes_are_reported_with_what_is_in_them(play: Scenario) -> None:
    async def scenario(store: Store) -> None:
        await store.accept(accepted(planned(1), now=NOW - 50))
        await store.accept(accepted(*map(planned, range(2, 5))))
        await must_claim(store, most_items=1)
        [report] = await store.lanes()
        assert (report.waiting, report.claimed, report.dead, report.oldest) == (3, 1, 0, NOW - 50)
        assert report.lane == Lane("tiktok_events_api", "https://vendor.example/v1/events", "C1", ("TIKTOK_TOKEN",))

    play(scenario)
