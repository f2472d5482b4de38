"""The worker and its lanes: they wait, hold still and fail alone."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from container.delivery.policy import PROBE_MS
from container.delivery.transport import Transport
from container.delivery.worker import Surroundings, Worker
from container.effects import by_status
from tests.delivery.engines import Engine
from tests.delivery.harness import (
    HOURS,
    NOW,
    SECRETS,
    Clock,
    accepted,
    answers,
    bench,
    bench_over,
    dead_letters,
    items,
    only_lane,
    planned,
    run,
    single_request,
)


def test_a_lane_waits_as_long_as_the_vendor_asks(engine: Engine) -> None:
    async def scenario() -> None:
        left = [httpx.Response(429, headers={"Retry-After": "30"})]
        found = bench_over(await engine.open(), lambda request: left.pop() if left else httpx.Response(200))
        await found.store.accept(accepted(planned(1)))
        assert await found.turn() == NOW
        await found.store.accept(accepted(planned(2)))
        assert await found.turn() == NOW + min(30_000, found.store.longest_rest)
        assert len(found.vendor.requests) == 1
        lane = await only_lane(found)
        assert (lane.state.not_before, lane.state.failures) == (NOW + 30_000, 1)
        found.clock.now += 30_000
        await found.until_idle()
        assert items(found.vendor.requests[-1]) == [1, 2]

    run(scenario())


def test_hits_for_a_lane_that_holds_still_leave_the_worker_alone(tmp_path: Path) -> None:
    async def scenario() -> None:
        resting, hooked = asyncio.Event(), asyncio.Event()
        rests: list[float] = []

        def reply(request: httpx.Request) -> httpx.Response:
            if request.url.host == "hook.example":
                hooked.set()
                return httpx.Response(200)
            return httpx.Response(429, headers={"Retry-After": "30"})

        async def sleep(seconds: float) -> None:
            rests.append(seconds)
            if seconds == 30:
                resting.set()
            await asyncio.Event().wait()

        found = bench(tmp_path, reply)
        transport = Transport(httpx.MockTransport(found.vendor), SECRETS.get)
        around = Surroundings(found.clock, lambda: 1.0, sleep)
        worker = Worker(found.store, transport, lambda *_: by_status, surroundings=around)
        await found.store.accept(accepted(planned(1)))
        running = asyncio.create_task(worker.run())
        await resting.wait()
        before = len(rests)
        for number in range(2, 12):
            await found.store.accept(accepted(planned(number)))
        assert len(rests) == before
        await found.store.accept(accepted(planned(12, single_request(12))))
        await hooked.wait()
        await worker.stop()
        await running
        await transport.close()

    run(scenario())


def test_lanes_fail_alone(engine: Engine) -> None:
    async def scenario() -> None:
        found = bench_over(
            await engine.open(), lambda request: httpx.Response(500 if request.url.host == "hook.example" else 200)
        )
        await found.store.accept(accepted(planned(1), planned(2, single_request(2))))
        await found.turn()
        assert {lane.lane.endpoint: lane.waiting for lane in await found.store.lanes()} == {
            "https://vendor.example/v1/events": 0,
            "https://hook.example": 1,
        }

    run(scenario())


def test_an_outage_takes_nobodys_attempts_away(engine: Engine) -> None:
    async def scenario() -> None:
        up = [False]
        found = bench_over(await engine.open(), lambda request: httpx.Response(200 if up[0] else 503))
        await found.store.accept(accepted(planned(1)))
        for _ in range(60):
            await found.turn()
            found.clock.now += HOURS
        assert len(found.vendor.requests) == 60
        assert await dead_letters(found.store) == []
        up[0] = True
        await found.until_idle()
        assert found.worker.counters.value("delivered", "tiktok_events_api") == 1

    run(scenario())


def test_a_lane_that_keeps_failing_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        found = bench(tmp_path, answers(*[404] * 24))
        await found.store.accept(accepted(planned(1)))
        await found.until_idle()
        assert len(found.vendor.requests) == 25
        assert await dead_letters(found.store) == []

    run(scenario())
    told = [record for record in caplog.records if "delivery.lane_failing" in record.getMessage()]
    assert [(record.levelname, 'failures=20 reason="status 404"' in record.getMessage()) for record in told] == [
        ("ERROR", True)
    ]


def test_a_refused_key_holds_the_lane_and_keeps_its_rows(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        found = bench_over(await engine.open(), answers(401, 401))
        await found.store.accept(accepted(*map(planned, range(1, 30))))
        await found.turn()
        lane = await only_lane(found)
        assert (lane.state.mode, lane.waiting) == ("credential", 29)
        assert lane.state.not_before == NOW + PROBE_MS
        found.clock.now += PROBE_MS - 1
        await found.turn()
        found.clock.now += 1
        await found.turn()
        assert [len(items(request)) for request in found.vendor.requests] == [29, 10]
        assert await found.worker.resume_probes() == 1
        await found.turn()
        assert (await only_lane(found)).state.mode == "open"
        await found.until_idle()
        assert found.worker.counters.value("delivered", "tiktok_events_api") == 29

    run(scenario())
    held = [record for record in caplog.records if "lane_held" in record.getMessage()]
    assert [(record.levelname, 'mode=credential reason="status 401"' in record.getMessage()) for record in held] == [
        ("ERROR", True)
    ]


def test_a_missing_secret_holds_the_lane(engine: Engine) -> None:
    async def scenario() -> None:
        secrets: dict[str, str] = {}
        found = bench_over(await engine.open(), reveal=secrets.get)
        await found.store.accept(accepted(planned(1)))
        await found.turn()
        lane = await only_lane(found)
        assert (lane.state.mode, lane.answer and lane.answer.excerpt) == (
            "missing",
            'the secret "TIKTOK_TOKEN" is not set',
        )
        assert found.vendor.requests == []
        secrets["TIKTOK_TOKEN"] = "now it is there"
        await found.worker.resume_probes()
        await found.until_idle()
        assert len(found.vendor.requests) == 1

    run(scenario())


def test_a_missing_component_holds_the_lane(engine: Engine) -> None:
    async def scenario() -> None:
        found = bench_over(await engine.open(), judge=None)
        await found.store.accept(accepted(planned(1)))
        await found.turn()
        assert (await only_lane(found)).state.mode == "missing"
        assert found.vendor.requests == []

    run(scenario())


def test_a_lane_has_two_requests_in_flight_and_one_while_it_recovers(engine: Engine) -> None:
    async def scenario() -> None:
        flying, most = 0, 0
        gate = asyncio.Event()

        async def vendor(request: httpx.Request) -> httpx.Response:
            nonlocal flying, most
            flying += 1
            most = max(most, flying)
            await gate.wait()
            flying -= 1
            return httpx.Response(status)

        status = 503
        clock = Clock()
        found = bench_over(await engine.open())
        transport = Transport(httpx.MockTransport(vendor), SECRETS.get)
        worker = Worker(
            found.store, transport, lambda *_: by_status, surroundings=Surroundings(clock, lambda: 1.0, clock.sleep)
        )
        await found.store.accept(accepted(*(planned(number, single_request(number)) for number in range(1, 9))))
        for _ in range(4):
            await worker.turn()
        await asyncio.sleep(0)
        assert most == 2
        gate.set()
        await worker.settled()
        gate.clear()
        clock.now += HOURS
        most = 0
        for _ in range(4):
            await worker.turn()
        await asyncio.sleep(0)
        assert most == 1
        gate.set()
        await worker.settled()
        await transport.close()

    run(scenario())


def test_a_slow_vendor_holds_up_nobody_else(engine: Engine) -> None:
    async def scenario() -> None:
        gate = asyncio.Event()
        ten = asyncio.Event()
        seen: list[str] = []

        async def vendor(request: httpx.Request) -> httpx.Response:
            if request.url.host == "vendor.example":
                await gate.wait()
            seen.append(request.url.host)
            if len(seen) == 10:
                ten.set()
            return httpx.Response(200)

        clock = Clock()
        found = bench_over(await engine.open())
        transport = Transport(httpx.MockTransport(vendor), SECRETS.get)
        worker = Worker(found.store, transport, lambda *_: by_status, surroundings=Surroundings(clock=clock))
        running = asyncio.create_task(worker.run())
        await found.store.accept(accepted(planned(1)))
        for number in range(2, 12):
            await found.store.accept(accepted(planned(number, single_request(number))))
        await ten.wait()
        assert set(seen) == {"hook.example"}
        gate.set()
        await worker.stop()
        await running
        assert seen[-1] == "vendor.example"
        await transport.close()

    run(scenario())


def test_a_lane_that_an_operator_paused_is_left_alone(engine: Engine) -> None:
    async def scenario() -> None:
        found = bench_over(await engine.open())
        await found.store.accept(accepted(planned(1)))
        [lane] = await found.store.waiting()
        await found.store.pause(lane.number, paused=True)
        await found.turn()
        assert found.vendor.requests == []
        await found.store.pause(lane.number, paused=False)
        await found.turn()
        assert len(found.vendor.requests) == 1

    run(scenario())
