"""The worker keeps to what a vendor takes, comes back by and by, and leaves a lane alone that refuses everything."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from container.config.registry import discover
from container.delivery.pace import BEHIND_MS, RAMP_MS, Pace, paces_of
from container.delivery.policy import PROBE_MS
from container.delivery.store import LaneState
from container.delivery.transport import Transport
from container.delivery.worker import MOST_IN_FLIGHT, MOST_LANES_IN_FLIGHT, Surroundings, Worker
from container.effects import Response, Verdict, by_status
from tests.delivery.engines import Engine
from tests.delivery.harness import (
    HOURS,
    NOW,
    SECRETS,
    Bench,
    accepted,
    answers,
    bench,
    bench_over,
    dead_letters,
    item_request,
    items,
    only_lane,
    planned,
    run,
    single_request,
)


class Gates:
    """A vendor that answers each request when it is told to, and knows how many are under way."""

    def __init__(self, found: Bench[Any], pace: Pace) -> None:
        self.waiting: list[tuple[httpx.Request, asyncio.Future[httpx.Response]]] = []
        transport = Transport(httpx.MockTransport(self), SECRETS.get)
        around = Surroundings(found.clock, lambda: 1.0, found.clock.sleep)
        self.worker = Worker(found.store, transport, lambda *_: by_status, paces=lambda _: pace, surroundings=around)

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        answer: asyncio.Future[httpx.Response] = asyncio.get_running_loop().create_future()
        self.waiting.append((request, answer))
        return await answer

    async def turns(self, number: int = 4) -> int:
        """Requests under way after so many turns."""
        for _ in range(number):
            await self.worker.turn()
            await asyncio.sleep(0.01)
        return len(self.waiting)

    async def answer(self, status: int, **headers: str) -> None:
        """The one that waits longest is answered, and the worker has seen to it."""
        self.waiting.pop(0)[1].set_result(httpx.Response(status, headers=headers))
        await asyncio.wait(tuple(self.worker._flights), return_when=asyncio.FIRST_COMPLETED)

    async def end(self) -> None:
        for _, answer in self.waiting:
            answer.set_result(httpx.Response(200))
        await self.worker.settled()


@pytest.mark.parametrize(("rate", "spacing"), [(5, 200), (100, 10), (0.5, 2000)])
def test_a_lane_is_never_faster_than_its_rate(engine: Engine, rate: float, spacing: int) -> None:
    async def scenario() -> None:
        found = bench_over(await engine.open(), pace=Pace(rate, 8))
        await found.store.accept(accepted(*(planned(number, single_request(number)) for number in range(1, 21))))
        await found.until_idle()
        times = found.vendor.times
        assert times == [NOW + nth * spacing for nth in range(20)]

    run(scenario())


def test_the_worker_looks_again_when_the_rate_allows_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        found = bench(tmp_path, pace=Pace(4))
        await found.store.accept(accepted(*(planned(number, single_request(number)) for number in range(1, 4))))
        assert await found.turn() == NOW
        assert await found.turn() == NOW + 250
        assert await found.turn() == NOW + 250
        assert len(found.vendor.requests) == 1

    run(scenario())


def test_each_lane_has_a_rate_of_its_own(tmp_path: Path) -> None:
    async def scenario() -> None:
        found = bench(tmp_path, pace=Pace(1))
        rows = [planned(number, item_request(number, account=f"C{number % 5}", test_code="T")) for number in range(20)]
        await found.store.accept(accepted(*rows))
        await found.until_idle()
        by_lane: dict[str, list[int]] = {}
        for request, time in zip(found.vendor.requests, found.vendor.times, strict=True):
            by_lane.setdefault(orjson.loads(request.content)["source"], []).append(time)
        assert len(by_lane) == 5
        assert all(times == [NOW, NOW + 1000, NOW + 2000, NOW + 3000] for times in by_lane.values())

    run(scenario())


def test_hits_for_a_lane_that_waits_for_its_rate_do_not_wake_the_worker(tmp_path: Path) -> None:
    async def scenario() -> None:
        found = bench(tmp_path, pace=Pace(1))
        await found.store.accept(accepted(planned(1), planned(2, item_request(2, test_code="T"))))
        await found.store.accept(accepted(planned(3, item_request(3, test_code="T"))))
        await found.turn()
        await found.turn()
        found.worker._rests_until = NOW + 1000
        await found.store.accept(accepted(planned(4, item_request(4, test_code="T"))))
        assert not found.worker._awake.is_set()

    run(scenario())


@pytest.mark.parametrize("most", [1, 2, 5])
def test_a_lane_never_has_more_requests_under_way_than_its_vendor_takes(tmp_path: Path, most: int) -> None:
    async def scenario() -> None:
        found = bench(tmp_path)
        gates = Gates(found, Pace(None, most))
        await found.store.accept(accepted(*(planned(number, single_request(number)) for number in range(1, 20))))
        assert await gates.turns(12) == most
        await gates.end()

    run(scenario())


def test_hits_for_ga4_keep_up_with_a_shop(tmp_path: Path) -> None:
    async def scenario() -> None:
        found = bench(tmp_path)
        gates = Gates(found, paces_of(discover().of_kind("tag"))("ga4"))
        await found.store.accept(accepted(*(planned(number, single_request(number)) for number in range(40))))
        at_a_time = await gates.turns(40)
        assert at_a_time * 1000 // 50 >= 300
        await gates.end()

    run(scenario())


def test_a_lane_that_recovers_has_one_request_first_and_its_most_after_half_a_minute(tmp_path: Path) -> None:
    async def scenario() -> None:
        found = bench(tmp_path)
        gates = Gates(found, Pace(None, 4))
        await found.store.accept(accepted(*(planned(number, single_request(number)) for number in range(1, 40))))
        assert await gates.turns(8) == 4
        for _ in range(4):
            await gates.answer(503)
        found.clock.now += HOURS
        assert await gates.turns(8) == 1
        await gates.answer(200)
        grown = []
        for passed in (0, 9_999, 10_000, 19_999, 20_000, 29_999, 30_000):
            found.clock.now = NOW + HOURS + passed
            grown.append(await gates.turns(8))
        assert grown == [1, 1, 2, 2, 3, 3, 4]
        await gates.end()

    run(scenario())


def test_while_a_lane_comes_back_the_worker_looks_again_when_it_may_have_one_more(tmp_path: Path) -> None:
    async def scenario() -> None:
        found = bench(tmp_path)
        gates = Gates(found, Pace(None, 4))
        await found.store.accept(accepted(*(planned(number, single_request(number)) for number in range(1, 9))))
        await gates.turns(1)
        await gates.answer(503)
        found.clock.now += HOURS
        await gates.turns(2)
        await gates.answer(200)
        await gates.turns(2)
        assert await gates.worker.turn() == NOW + HOURS + RAMP_MS // 3
        await gates.end()

    run(scenario())


def test_requests_that_fail_together_are_one_failure(engine: Engine) -> None:
    async def scenario() -> None:
        found = bench_over(await engine.open())
        gates = Gates(found, Pace(None, 8))
        await found.store.accept(accepted(*(planned(number, single_request(number)) for number in range(1, 9))))
        assert await gates.turns(12) == 8
        for _ in range(8):
            await gates.answer(500)
        lane = await only_lane(found)
        assert (lane.state.failures, lane.state.not_before) == (1, NOW + 5000)
        await gates.end()

    run(scenario())


@pytest.mark.parametrize("second", [200, 400, 500, 429])
def test_no_answer_to_an_earlier_request_shortens_what_the_vendor_asked_for(engine: Engine, second: int) -> None:
    async def scenario() -> None:
        found = bench_over(await engine.open())
        gates = Gates(found, Pace())
        await found.store.accept(accepted(*(planned(number, single_request(number)) for number in range(1, 9))))
        assert await gates.turns() == 2
        await gates.answer(429, **{"Retry-After": "60"})
        await gates.answer(second, **({"Retry-After": "1"} if second == 429 else {}))
        lane = await only_lane(found)
        assert (lane.state.mode, lane.state.failures, lane.state.not_before) == ("open", 1, NOW + 60_000)
        found.clock.now += 59_999
        assert await gates.turns() == 0
        found.clock.now += 1
        assert await gates.turns() == 1
        await gates.end()

    run(scenario())


def test_rows_that_were_fetched_while_the_vendor_asked_to_wait_are_given_back(engine: Engine) -> None:
    async def scenario() -> None:
        found = bench_over(await engine.open())
        gates = Gates(found, Pace())
        await found.store.accept(accepted(*(planned(number, single_request(number)) for number in range(1, 9))))
        await gates.turns(1)
        [course] = gates.worker._courses.values()
        claim = found.store.claim

        async def claim_late(*place: int, **limits: int) -> object:
            claimed = await claim(*place, **limits)
            course.stands(LaneState("open", NOW + 60_000, 1), NOW)
            return claimed

        found.store.claim = claim_late  # type: ignore[method-assign,assignment]  # the moment cannot be met otherwise
        assert await gates.turns() == 1
        lane = await only_lane(found)
        assert (lane.waiting, lane.claimed) == (7, 1)
        await gates.end()

    run(scenario())


def test_half_open_after_429_a_probe_of_ten_rows_goes_alone(engine: Engine) -> None:
    async def scenario() -> None:
        found = bench_over(await engine.open())
        gates = Gates(found, Pace())
        await found.store.accept(accepted(*map(planned, range(1, 1200))))
        found.clock.now += BEHIND_MS + 1
        assert await gates.turns() == 2
        await gates.answer(429, **{"Retry-After": "30"})
        await gates.answer(429)
        found.clock.now += 29_999
        assert await gates.turns() == 0
        found.clock.now += 1
        assert await gates.turns() == 1
        assert len(items(gates.waiting[0][0])) == 10
        await gates.answer(200)
        assert await gates.turns() == 1
        assert len(items(gates.waiting[0][0])) == 500
        await gates.end()

    run(scenario())


def test_a_refused_key_is_probed_every_five_minutes_and_at_a_reload(engine: Engine) -> None:
    async def scenario() -> None:
        found = bench_over(await engine.open(), answers(*[401] * 4))
        await found.store.accept(accepted(*map(planned, range(1, 30))))
        for _ in range(3):
            await found.turn()
            await found.turn()
            found.clock.now += PROBE_MS
        assert [len(items(request)) for request in found.vendor.requests] == [29, 10, 10]
        assert found.vendor.times == [NOW, NOW + PROBE_MS, NOW + 2 * PROBE_MS]
        found.clock.now -= PROBE_MS - 1
        await found.turn()
        assert len(found.vendor.requests) == 3
        assert await found.worker.resume_probes() == 1
        await found.turn()
        assert len(found.vendor.requests) == 4
        assert await dead_letters(found.store) == []
        await found.worker.resume_probes()
        await found.until_idle()
        assert found.worker.counters.value("delivered", "tiktok_events_api") == 29

    run(scenario())


def test_a_refused_key_for_half_a_minute_loses_nothing(engine: Engine) -> None:
    async def scenario() -> None:
        start = NOW

        def reply(request: httpx.Request) -> httpx.Response:
            return httpx.Response(401 if found.clock.now < start + 30_000 else 200)

        found = bench_over(await engine.open(), reply)
        await found.store.accept(accepted(*map(planned, range(1, 1001))))
        await found.until_idle()
        refused = [time for time in found.vendor.times if time < start + 30_000]
        assert len(refused) <= 2
        assert await dead_letters(found.store) == []
        assert found.worker.counters.value("delivered", "tiktok_events_api") == 1000

    run(scenario())


# Lanes that refuse.


def naming_the_first(response: Response) -> Verdict:
    return by_status(response) if response.status == 200 else Verdict("refused", "no such event", index=0)


@pytest.mark.parametrize("judge", [by_status, naming_the_first], ids=["unnamed", "named"])
def test_a_lane_that_refuses_everything_holds_still_and_keeps_its_rows(
    engine: Engine, caplog: pytest.LogCaptureFixture, judge: Callable[[Response], Verdict]
) -> None:
    async def scenario() -> None:
        found = bench_over(await engine.open(), lambda request: httpx.Response(400), judge=judge)
        await found.store.accept(accepted(*map(planned, range(1, 301))))
        while (await only_lane(found)).state.mode == "open":
            await found.turn()
            assert len(found.vendor.requests) < 150
        lane = await only_lane(found)
        assert (lane.state.mode, lane.dead, lane.waiting) == ("refusing", 51, 249)
        assert lane.state.not_before == found.clock.now + PROBE_MS

    run(scenario())
    held = [record for record in caplog.records if "delivery.lane_held" in record.getMessage()]
    assert [(record.levelno, "mode=refusing" in record.getMessage()) for record in held] == [(logging.ERROR, True)]


def test_a_lane_that_refuses_is_tried_with_one_row_every_five_minutes_until_one_is_delivered(engine: Engine) -> None:
    async def scenario() -> None:
        bad = set(range(1, 55))
        found = bench_over(await engine.open(), lambda request: httpx.Response(400 if bad & {*items(request)} else 200))
        await found.store.accept(accepted(*(planned(number, item_request(number, test_code="T")) for number in bad)))
        while (await only_lane(found)).state.mode == "open":
            await found.turn()
        sent = len(found.vendor.requests)
        assert sent == 51
        later = [planned(number, item_request(number, test_code="T")) for number in range(101, 111)]
        await found.store.accept(accepted(*later, now=NOW + 1))
        begin = found.clock.now
        for nth in range(1, 4):
            found.clock.now = begin + nth * PROBE_MS - 1
            await found.turn()
            assert len(found.vendor.requests) == sent + nth - 1
            found.clock.now += 1
            for _ in range(3):
                await found.turn()
            assert items(found.vendor.requests[-1]) == [51 + nth]
            lane = await only_lane(found)
            assert (lane.state.mode, lane.dead) == ("refusing", 51 + nth)
        found.clock.now += PROBE_MS
        await found.turn()
        assert (await only_lane(found)).state.mode == "open"
        await found.until_idle()
        lane = await only_lane(found)
        assert (lane.waiting, lane.dead) == (0, 54)

    run(scenario())


def test_a_lane_that_refuses_is_tried_at_once_when_the_configuration_is_read(engine: Engine) -> None:
    async def scenario() -> None:
        mended = [False]
        found = bench_over(await engine.open(), lambda request: httpx.Response(200 if mended[0] else 422))
        await found.store.accept(accepted(*map(planned, range(1, 501))))
        while (await only_lane(found)).state.mode == "open":
            await found.turn()
        mended[0] = True
        assert await found.worker.resume_probes() == 1
        await found.turn()
        assert (await only_lane(found)).state.mode == "open"
        await found.until_idle()
        lane = await only_lane(found)
        assert (lane.waiting, lane.dead) == (0, 51)

    run(scenario())


def test_a_lane_that_refuses_still_does_so_after_a_restart(engine: Engine) -> None:
    async def scenario() -> None:
        found = bench_over(await engine.open(), lambda request: httpx.Response(400))
        await found.store.accept(accepted(*(planned(n, item_request(n, test_code="T")) for n in range(1, 71))))
        while (await only_lane(found)).state.mode == "open":
            await found.turn()
        await found.close()
        after = bench_over(await engine.open(), lambda request: httpx.Response(400))
        await after.turn()
        assert after.vendor.requests == []
        await after.worker.resume_probes()
        await after.turn()
        await after.turn()
        lane = await only_lane(after)
        assert (lane.state.mode, lane.dead, lane.waiting) == ("refusing", 52, 18)
        assert len(after.vendor.requests) == 1

    run(scenario())


def test_an_outage_while_a_lane_refuses_leaves_it_as_it_is(engine: Engine) -> None:
    async def scenario() -> None:
        found = bench_over(await engine.open(), answers(*[400] * 51, 503, 503, 400, then=200))
        await found.store.accept(accepted(*(planned(n, item_request(n, test_code="T")) for n in range(1, 61))))
        while (await only_lane(found)).state.mode == "open":
            await found.turn()
        for _ in range(3):
            found.clock.now += PROBE_MS * 4
            await found.turn()
            assert (await only_lane(found)).state.mode == "refusing"
        assert (await only_lane(found)).dead == 52
        await found.until_idle()
        assert found.worker.counters.value("delivered", "tiktok_events_api") == 8

    run(scenario())


def test_one_bad_event_in_two_is_not_the_configuration(tmp_path: Path) -> None:
    async def scenario() -> None:
        found = bench(tmp_path, lambda request: httpx.Response(400 if items(request)[0] % 2 else 200))
        await found.store.accept(accepted(*(planned(n, item_request(n, test_code="T")) for n in range(1, 221))))
        await found.until_idle()
        lane = await only_lane(found)
        assert (lane.state.mode, lane.dead) == ("open", 110)
        assert found.worker.counters.value("delivered", "tiktok_events_api") == 110

    run(scenario())


def test_halves_of_a_batch_are_no_refusals(engine: Engine) -> None:
    async def scenario() -> None:
        bad = set(range(7, 500, 100))
        found = bench_over(await engine.open(), lambda request: httpx.Response(400 if bad & {*items(request)} else 200))
        await found.store.accept(accepted(*map(planned, range(1, 501))))
        await found.until_idle()
        lane = await only_lane(found)
        assert (lane.state.mode, lane.dead) == ("open", 5)

    run(scenario())


# Batches that are too large.


def test_a_batch_that_is_too_large_is_split_and_the_next_ones_are_smaller(engine: Engine) -> None:
    async def scenario() -> None:
        found = bench_over(
            await engine.open(), lambda request: httpx.Response(413 if len(items(request)) > 150 else 200)
        )
        await found.store.accept(accepted(*map(planned, range(1, 3001))))
        await found.until_idle()
        sizes = [len(items(request)) for request in found.vendor.requests]
        taken = [size for size in sizes if size <= 150]
        assert sum(taken) == 3000
        assert sizes[0] == 500
        assert max(sizes[8:]) == 125
        assert (await only_lane(found)).dead == 0
        delivered = [
            number for request in found.vendor.requests if len(items(request)) <= 150 for number in items(request)
        ]
        assert sorted(delivered) == [*range(1, 3001)]

    run(scenario())


def test_a_vendor_may_find_a_batch_too_large_in_its_own_words(tmp_path: Path) -> None:
    async def scenario() -> None:
        def judge(response: Response) -> Verdict:
            return Verdict("refused", too_large=True) if response.items > 150 else Verdict("delivered")

        found = bench(tmp_path, judge=judge)
        await found.store.accept(accepted(*map(planned, range(1, 601))))
        await found.turn()
        [course] = found.worker._courses.values()
        assert course.most_items(found.clock.now) == 250
        await found.until_idle()
        assert await dead_letters(found.store) == []

    run(scenario())


def test_one_row_that_is_too_large_leaves_the_batches_as_they_were_but_for_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        found = bench(tmp_path, lambda request: httpx.Response(413 if 77 in items(request) else 200))
        await found.store.accept(accepted(*map(planned, range(1, 2001))))
        await found.until_idle()
        [letter] = await dead_letters(found.store)
        assert int(letter.id, 16) == 77
        assert len(items(found.vendor.requests[-1])) == 250

    run(scenario())


# Many lanes.


def test_slow_lanes_leave_room_for_those_that_have_nothing_under_way(tmp_path: Path) -> None:
    async def scenario() -> None:
        found = bench(tmp_path)
        gates = Gates(found, Pace(None, 2))
        hooks = [
            planned(number, item_request(number, account=f"C{number % 100}", test_code="T"))
            for number in range(1, 1001)
        ]
        await found.store.accept(accepted(*hooks))
        assert await gates.turns(8) == 100
        assert MOST_IN_FLIGHT < 100 < MOST_LANES_IN_FLIGHT
        assert len({orjson.loads(request.content)["source"] for request, _ in gates.waiting}) == 100
        await found.store.accept(accepted(planned(5000, single_request(5000))))
        await gates.turns(1)
        assert [request.url.host for request, _ in gates.waiting].count("hook.example") == 1
        await gates.end()

    run(scenario())


def test_requests_under_way_are_bounded_and_every_lane_has_its_turn(tmp_path: Path) -> None:
    async def scenario() -> None:
        lanes = MOST_LANES_IN_FLIGHT + 40
        found = bench(tmp_path)
        gates = Gates(found, Pace(None, 2))
        rows = [planned(n, item_request(n, account=f"C{n % lanes}", test_code="T")) for n in range(lanes * 3)]
        await found.store.accept(accepted(*rows))
        assert await gates.turns(8) == MOST_LANES_IN_FLIGHT
        first = {orjson.loads(request.content)["source"] for request, _ in gates.waiting}
        for _ in range(40):
            await gates.answer(200)
        assert await gates.turns(4) == MOST_LANES_IN_FLIGHT
        assert len(first | {orjson.loads(request.content)["source"] for request, _ in gates.waiting}) == lanes
        await gates.end()

    run(scenario())


def test_lanes_that_are_long_empty_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        monkeypatch.setattr("container.delivery.worker.MOST_COURSES", 10)
        found = bench(tmp_path)
        for number in range(1, 41):
            await found.store.accept(accepted(planned(number, item_request(number, account=f"C{number}"))))
            await found.until_idle()
            assert len(found.worker._courses) <= 11
        assert len(found.vendor.requests) == 40

    run(scenario())


def test_lanes_in_which_rows_wait_keep_their_pace_however_many_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        monkeypatch.setattr("container.delivery.worker.MOST_COURSES", 10)
        found = bench(tmp_path)
        rows = [planned(n, item_request(n, account=f"C{n}")) for n in range(40)]
        await found.store.accept(accepted(*rows, linger=60_000))
        await found.turn()
        before = dict(found.worker._courses)
        await found.turn()
        assert len(before) == 40
        assert [found.worker._courses[number] is course for number, course in before.items()] == [True] * 40

    run(scenario())


def test_a_turn_over_two_hundred_lanes_asks_the_store_little(tmp_path: Path) -> None:
    async def scenario() -> None:
        found = bench(tmp_path)
        gates = Gates(found, Pace(None, 1))
        rows = [planned(n, item_request(n, account=f"C{n % 200}", test_code="T")) for n in range(2000)]
        await found.store.accept(accepted(*rows))
        assert await gates.turns(3) == 200
        asked: list[str] = []
        waiting, claim = found.store.waiting, found.store.claim

        async def counted_waiting() -> object:
            asked.append("waiting")
            return await waiting()

        async def counted_claim(*place: int, **limits: int) -> object:
            asked.append("claim")
            return await claim(*place, **limits)

        found.store.waiting = counted_waiting  # type: ignore[method-assign,assignment]  # only counts
        found.store.claim = counted_claim  # type: ignore[method-assign,assignment]  # only counts
        await gates.turns(1)
        assert asked == ["waiting"]
        await gates.answer(200)
        asked.clear()
        await gates.turns(1)
        assert asked == ["waiting", "claim"]
        await gates.end()

    run(scenario())
