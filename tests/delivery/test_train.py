"""Rows that cannot be joined are claimed and settled together while the vendor is quick; batches go one by one."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path
from typing import Any

import httpx
import pytest

from container.delivery.pace import BEHIND_MS, QUICK_MS, SHORT_MS, TOGETHER, USUAL, Pace
from container.delivery.selection import Selection
from container.delivery.store import Claimed, ClaimedRow
from container.effects import Request, Response, Verdict
from tests.delivery.engines import Engine
from tests.delivery.harness import (
    Bench,
    accepted,
    answers,
    bench,
    bench_over,
    claim_first,
    item_request,
    only_lane,
    planned,
    run,
    single_request,
)


def singles(*numbers: int) -> Any:
    return accepted(*(planned(number, single_request(number)) for number in numbers))


def watched(found: Bench[Any], monkeypatch: pytest.MonkeyPatch, name: str) -> list[int]:
    """How many rows each call of the store's method brought or got."""
    sizes: list[int] = []
    real = getattr(found.store, name)

    async def counting(*stated: Any, **more: Any) -> Any:
        result = await real(*stated, **more)
        about = result if isinstance(result, Claimed) else next((each for each in stated if isinstance(each, list)), ())
        sizes.append(len(about.rows if isinstance(about, Claimed) else about))
        return result

    monkeypatch.setattr(found.store, name, counting)
    return sizes


def test_a_quick_vendor_gets_rows_that_were_claimed_and_are_settled_together(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        found = bench_over(await engine.open())
        claims, settles = watched(found, monkeypatch, "claim"), watched(found, monkeypatch, "settle")
        await found.store.accept(singles(*range(1, 41)))
        await found.until_idle()
        assert claims[0] == 1, "nothing is known of the vendor yet"
        assert max(claims) == TOGETHER
        assert max(settles) == TOGETHER
        assert [int(request.url.path.rpartition("/")[2]) for request in found.vendor.requests] == list(range(1, 41))
        assert found.worker.counters.value("delivered", "tiktok_events_api") == 40

    run(scenario())


def test_of_a_slow_vendor_each_row_is_claimed_and_settled_by_itself(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        def slow(_: httpx.Request) -> httpx.Response:
            found.clock.now += QUICK_MS + 1
            return httpx.Response(200)

        found = bench_over(await engine.open(), slow)
        claims, settles = watched(found, monkeypatch, "claim"), watched(found, monkeypatch, "settle")
        await found.store.accept(singles(*range(1, 21)))
        await found.until_idle()
        assert set(claims) == set(settles) == {1}

    run(scenario())


def test_one_slow_answer_breaks_no_train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        def reply(_: httpx.Request) -> httpx.Response:
            found.clock.now += SHORT_MS if len(found.vendor.requests) == 5 else 0
            return httpx.Response(200)

        found = bench(tmp_path, reply, pace=Pace(None, 1))
        claims = watched(found, monkeypatch, "claim")
        given_back = watched(found, monkeypatch, "give_back")
        await found.store.accept(singles(*range(1, 18)))
        await found.until_idle()
        assert (claims[:2], given_back) == ([1, TOGETHER], [])

    run(scenario())


def test_what_is_claimed_while_another_request_leaves_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        found = bench(tmp_path)
        await found.store.accept(singles(1, 2))
        await found.turn()
        real = found.store.claim

        async def claiming(*stated: Any, **more: Any) -> Claimed | None:
            claimed = await real(*stated, **more)
            found.clock.now += 1
            [course] = found.worker._courses.values()
            course.begin(found.clock.now)
            return claimed

        monkeypatch.setattr(found.store, "claim", claiming)
        await found.turn()
        assert len(found.vendor.requests) == 2

    run(scenario())


def test_a_lane_with_a_rate_claims_one_row_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        found = bench(tmp_path, pace=Pace(100, 2))
        claims = watched(found, monkeypatch, "claim")
        await found.store.accept(singles(*range(1, 10)))
        await found.until_idle()
        assert set(claims) == {1}

    run(scenario())


@pytest.mark.parametrize("status", [429, 500, 401])
def test_what_has_not_left_when_the_lane_fails_waits_as_before(engine: Engine, status: int) -> None:
    async def scenario() -> None:
        found = bench_over(await engine.open(), answers(*[200] * 5, status, then=200), pace=Pace(None, 1))
        await found.store.accept(singles(*range(1, 21)))
        await found.turn()
        await found.turn()
        assert len(found.vendor.requests) == 6
        await found.worker.settled()
        lane = await only_lane(found)
        assert (lane.waiting, lane.claimed) == (15, 0)
        found.clock.now += 3_600_000
        attempts = []
        while claimed := await claim_first(found.store, now=found.clock.now):
            attempts += [row.attempts for row in claimed.rows]
        assert attempts.count(1) >= 14, "those that never left have no attempt against them"

    run(scenario())


def test_a_refused_row_among_them_is_dead_and_the_others_are_delivered(engine: Engine) -> None:
    async def scenario() -> None:
        found = bench_over(await engine.open(), answers(200, 200, 200, 400, then=200))
        await found.store.accept(singles(*range(1, 13)))
        await found.until_idle()
        lane = await only_lane(found)
        assert (lane.waiting, lane.claimed, lane.dead) == (0, 0, 1)
        assert found.worker.counters.value("delivered", "tiktok_events_api") == 11
        assert len(found.vendor.requests) == 12

    run(scenario())


def test_what_was_delivered_is_settled_and_the_rest_given_back_when_it_is_stopped(engine: Engine) -> None:
    async def scenario() -> None:
        stuck = asyncio.Event()

        found = bench_over(await engine.open(), pace=Pace(None, 1))
        await found.store.accept(singles(*range(1, 21)))
        await found.turn()
        real = found.transport.send

        async def hanging(rows: list[ClaimedRow], **more: Any) -> Any:
            if len(found.vendor.requests) == 5:
                stuck.set()
                await asyncio.Event().wait()
            return await real(rows, **more)

        found.transport.send = hanging  # type: ignore[method-assign,assignment]  # the moment cannot be met otherwise
        await found.worker.turn()
        await stuck.wait()
        await found.worker.stop(within=0)
        lane = await only_lane(found)
        assert (lane.waiting, lane.claimed) == (15, 0)
        assert found.worker.counters.value("delivered", "tiktok_events_api") == 5

    run(scenario())


def test_batches_go_one_by_one_until_the_lane_is_behind(tmp_path: Path) -> None:
    async def scenario() -> None:
        found = bench(tmp_path)
        gate, flying, most = asyncio.Event(), 0, 0

        async def held(*_: Any, **__: Any) -> Any:
            nonlocal flying, most
            flying += 1
            most = max(most, flying)
            await gate.wait()
            flying -= 1
            return httpx.Response(200)

        async def turns() -> int:
            for _ in range(4):
                await found.worker.turn()
                await asyncio.sleep(0.01)
            return flying

        transport = found.transport._transport
        transport.handler = held  # type: ignore[attr-defined]  # a vendor that answers when it is told to
        await found.store.accept(accepted(*map(planned, range(1, 2001))))
        assert await turns() == 1
        gate.set()
        await found.worker.settled()
        gate.clear()
        found.clock.now += BEHIND_MS + 1
        assert await turns() == USUAL.in_flight == 2
        gate.set()
        await found.worker.settled()

    run(scenario())


def test_of_rows_that_cannot_be_joined_as_many_are_claimed_as_may_be(engine: Engine) -> None:
    async def scenario() -> None:
        found = bench_over(await engine.open())
        await found.store.accept(singles(*range(1, 11)))
        [lane] = await found.store.waiting()
        now = found.clock.now
        first = await found.store.claim(lane.number, now=now, most_items=500, ahead=0)
        assert first is not None
        assert len(first.rows) == 1
        more = await found.store.claim(lane.number, now=now, most_items=500, ahead=0, alone=6)
        assert more is not None
        assert [row.number for row in more.rows] == [2, 3, 4, 5, 6, 7]
        assert {row.attempts for row in more.rows} == {1}
        assert await found.store.settle(more, more.rows[:2]) == 2
        assert await found.store.give_back(more) == 4

    run(scenario())


def test_a_row_at_which_we_stumble_holds_up_none_behind_it(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        found = bench_over(await engine.open(), pace=Pace(None, 1))
        real = found.transport.send

        async def stumbling(rows: list[ClaimedRow], **more: Any) -> Any:
            if rows[0].number == 4:
                raise RuntimeError
            return await real(rows, **more)

        monkeypatch.setattr(found.transport, "send", stumbling)
        await found.store.accept(singles(*range(1, 31)))
        for _ in range(20):
            await found.turn()
        assert len(found.vendor.requests) == 29
        [row] = await found.store.rows(Selection("waiting"), most=50)
        assert (row.number, row.attempts) == (4, 1)

    run(scenario())


def test_an_answer_of_which_the_judge_makes_no_verdict_counts_as_a_fault(engine: Engine) -> None:
    async def scenario() -> None:
        def reply(request: httpx.Request) -> httpx.Response:
            return httpx.Response(422 if request.url.path.endswith("/4") else 200)

        def forgetful(answer: Response) -> Verdict:
            return Verdict("delivered") if answer.status == 200 else None  # type: ignore[return-value]  # the mistake

        found = bench_over(await engine.open(), reply, judge=forgetful)
        await found.store.accept(singles(*range(1, 31)))
        await found.until_idle()
        [row] = await found.store.rows(Selection("dead"), most=50)
        assert (row.id, row.reason) == (f"{4:032x}", "judge_failed")

    run(scenario())


def test_while_one_hangs_those_before_it_are_settled_and_those_behind_it_go_on(engine: Engine) -> None:
    async def scenario() -> None:
        found = bench_over(await engine.open())
        await found.store.accept(singles(1, 2, 3))
        await found.until_idle()
        hanging, goes_on = asyncio.Event(), asyncio.Event()
        real = found.transport.send

        async def sixth_hangs(rows: list[ClaimedRow], **more: Any) -> Any:
            if rows[0].number == 6:
                hanging.set()
                await goes_on.wait()
            return await real(rows, **more)

        found.transport.send = sixth_hangs  # type: ignore[method-assign,assignment]  # the moment cannot be met otherwise
        await found.store.accept(singles(*range(4, 20)))
        await found.worker.turn()
        await hanging.wait()
        for _ in range(500):
            await found.worker.turn()
            await asyncio.sleep(0.01)
            lane = await only_lane(found)
            if (lane.waiting, lane.claimed) == (0, 1):
                break
        assert (lane.waiting, lane.claimed) == (0, 1), "only the one that hangs is left"
        goes_on.set()
        await found.worker.settled()
        assert len(found.vendor.requests) == 19

    run(scenario())


@pytest.mark.parametrize(("padding", "headers"), [(10, 1), (4000, 1), (10, 200)])
def test_a_lane_that_is_behind_has_its_most_however_its_rows_can_be_joined(
    tmp_path: Path, padding: int, headers: int
) -> None:
    async def scenario() -> None:
        found = bench(tmp_path)
        for number in range(1, 1001):
            request = item_request(number, page="x" * padding)
            if headers > 1:
                request = Request(
                    "POST",
                    request.url,
                    headers={"X-Client": f"v{number % headers}"},
                    json=request.json,
                    item=request.item,
                    batch=request.batch,
                    account="C1",
                )
            await found.store.accept(accepted(planned(number, request)))
        found.clock.now += BEHIND_MS + 1
        gate, flying = asyncio.Event(), 0

        async def held(*_: Any, **__: Any) -> Any:
            nonlocal flying
            flying += 1
            await gate.wait()
            return httpx.Response(200)

        found.transport._transport.handler = held  # type: ignore[attr-defined]  # a vendor that answers when told to
        for _ in range(4):
            await found.worker.turn()
            await asyncio.sleep(0.01)
        assert flying == USUAL.in_flight
        gate.set()
        await found.worker.settled()

    run(scenario())


def test_what_the_log_counts_of_dead_rows_keeps_none_of_them(tmp_path: Path) -> None:
    async def scenario() -> None:
        found = bench(tmp_path, lambda _: httpx.Response(400))
        for number in range(1, 11):
            await found.store.accept(accepted(planned(number, item_request(number, account=f"A{number}"))))
        gc.collect()
        # Other tests in this process may have kept some.
        before = {id(each) for each in gc.get_objects() if type(each) is ClaimedRow}
        await found.turn()
        gc.collect()
        assert await found.store.count(Selection("dead")) == 10
        assert not [each for each in gc.get_objects() if type(each) is ClaimedRow and id(each) not in before]

    run(scenario())
