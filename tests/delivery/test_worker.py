"""The worker over a real store and a vendor that answers as told."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx
import orjson
import pytest

from container.component import tag
from container.delivery.handling import judges_of
from container.delivery.policy import PROBE_MS
from container.delivery.store import LaneReport
from container.delivery.transport import Transport
from container.delivery.worker import Surroundings, Worker
from container.effects import Request, Response, Verdict, by_status
from container.event import Event
from container.fields import Settings
from container.secret import SecretText
from tests.delivery.harness import (
    NOW,
    SECRETS,
    TOKEN,
    Bench,
    Clock,
    accepted,
    bench,
    item_request,
    planned,
    run,
    single_request,
)

HOURS = 3_600_000


def items(request: httpx.Request) -> list[int]:
    return [int(item["event_id"]) for item in orjson.loads(request.content)["data"]]


def answers(*statuses: int, then: int = 200) -> Callable[[httpx.Request], httpx.Response]:
    """One status after the other, and then always the same."""
    left = iter(statuses)
    return lambda request: httpx.Response(next(left, then))


async def only_lane(found: Bench) -> LaneReport:
    [lane] = await found.store.lanes()
    return lane


def test_a_batch_is_sent_as_one_request_with_its_secret_filled_in(tmp_path: Path) -> None:
    async def scenario() -> None:
        found = bench(tmp_path)
        await found.store.accept(accepted(*map(planned, range(1, 4))))
        await found.turn()
        [request] = found.vendor.requests
        assert orjson.loads(request.content)["source"] == "C1"
        assert items(request) == [1, 2, 3]
        assert request.headers["access-token"] == SECRETS["TIKTOK_TOKEN"]
        assert request.headers["content-type"] == "application/json"
        lane = await only_lane(found)
        assert (lane.waiting, lane.claimed, lane.dead) == (0, 0, 0)
        assert found.worker.counters.value("delivered", "tiktok_events_api") == 3

    run(scenario())


def test_each_attempt_carries_the_same_bytes(tmp_path: Path) -> None:
    async def scenario() -> None:
        found = bench(tmp_path, answers(500, 503, 408))
        await found.store.accept(accepted(planned(1)))
        await found.until_idle()
        assert len(found.vendor.requests) == 4
        assert len({(str(request.url), request.content) for request in found.vendor.requests}) == 1

    run(scenario())


def test_a_lane_waits_as_long_as_the_vendor_asks(tmp_path: Path) -> None:
    async def scenario() -> None:
        left = [httpx.Response(429, headers={"Retry-After": "30"})]
        found = bench(tmp_path, lambda request: left.pop() if left else httpx.Response(200))
        await found.store.accept(accepted(planned(1)))
        assert await found.turn() == NOW
        await found.store.accept(accepted(planned(2)))
        assert await found.turn() == NOW + 30_000
        assert len(found.vendor.requests) == 1
        lane = await only_lane(found)
        assert (lane.state.not_before, lane.state.failures) == (NOW + 30_000, 1)
        found.clock.now += 30_000
        await found.until_idle()
        assert items(found.vendor.requests[-1]) == [1, 2]

    run(scenario())


def test_lanes_fail_alone(tmp_path: Path) -> None:
    async def scenario() -> None:
        found = bench(tmp_path, lambda request: httpx.Response(500 if request.url.host == "hook.example" else 200))
        await found.store.accept(accepted(planned(1), planned(2, single_request(2))))
        await found.turn()
        assert {lane.lane.endpoint: lane.waiting for lane in await found.store.lanes()} == {
            "https://vendor.example/v1/events": 0,
            "https://hook.example": 1,
        }

    run(scenario())


def test_an_outage_takes_nobodys_attempts_away(tmp_path: Path) -> None:
    async def scenario() -> None:
        up = [False]
        found = bench(tmp_path, lambda request: httpx.Response(200 if up[0] else 503))
        await found.store.accept(accepted(planned(1)))
        for _ in range(60):
            await found.turn()
            found.clock.now += HOURS
        assert len(found.vendor.requests) == 60
        assert await found.store.dead() == []
        up[0] = True
        await found.until_idle()
        assert found.worker.counters.value("delivered", "tiktok_events_api") == 1

    run(scenario())


def test_a_lane_that_keeps_failing_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        found = bench(tmp_path, answers(*[404] * 12))
        await found.store.accept(accepted(planned(1)))
        await found.until_idle()
        assert len(found.vendor.requests) == 13
        assert await found.store.dead() == []

    run(scenario())
    told = [record for record in caplog.records if "delivery.lane_failing" in record.getMessage()]
    assert [(record.levelname, 'failures=8 reason="status 404"' in record.getMessage()) for record in told] == [
        ("ERROR", True)
    ]


def test_a_row_on_which_the_vendor_stumbles_each_time_is_given_up(tmp_path: Path) -> None:
    async def scenario() -> None:
        def reply(request: httpx.Request) -> httpx.Response:
            return httpx.Response(500 if request.url.path == "/orders/1" else 200)

        found = bench(tmp_path, reply)
        await found.store.accept(accepted(planned(1, single_request(1))))
        number = 2
        while not await found.store.dead():
            await found.store.accept(accepted(planned(number, single_request(number)), now=found.clock.now))
            found.clock.now += HOURS
            await found.turn()
            await found.turn()
            number += 1
            assert number < 200
        [letter] = await found.store.dead()
        assert (letter.reason, int(letter.id, 16)) == ("gave_up", 1)
        assert letter.died > NOW + 48 * HOURS

    run(scenario())


def test_a_named_offender_is_buried_and_the_others_go_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        def judge(response: Response) -> Verdict:
            return by_status(response) if response.status == 200 else Verdict("refused", "bad currency", index=1)

        found = bench(tmp_path, lambda request: httpx.Response(400 if 2 in items(request) else 200), judge=judge)
        await found.store.accept(accepted(*map(planned, range(1, 4))))
        await found.until_idle()
        assert [items(request) for request in found.vendor.requests] == [[1, 2, 3], [1, 3]]
        [letter] = await found.store.dead()
        assert (int(letter.id, 16), letter.reason, letter.note) == (2, "refused", "bad currency")

    run(scenario())


def test_unnamed_offenders_are_found_by_halves(tmp_path: Path) -> None:
    async def scenario() -> None:
        bad = {3, 77, 78}
        found = bench(tmp_path, lambda request: httpx.Response(413 if bad & {*items(request)} else 200))
        await found.store.accept(accepted(*map(planned, range(1, 101))))
        await found.until_idle()
        delivered = [number for request in found.vendor.requests for number in items(request) if not bad & {number}]
        good = [items(request) for request in found.vendor.requests if not bad & {*items(request)}]
        assert sorted(number for batch in good for number in batch) == sorted({*range(1, 101)} - bad)
        assert set(delivered) == {*range(1, 101)} - bad
        assert {int(letter.id, 16) for letter in await found.store.dead()} == bad
        assert len(found.vendor.requests) <= 40

    run(scenario())


def test_a_refused_key_holds_the_lane_and_keeps_its_rows(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        found = bench(tmp_path, answers(401, 401))
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


def test_a_missing_secret_holds_the_lane(tmp_path: Path) -> None:
    async def scenario() -> None:
        secrets: dict[str, str] = {}
        found = bench(tmp_path, reveal=secrets.get)
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


def test_a_missing_component_holds_the_lane(tmp_path: Path) -> None:
    async def scenario() -> None:
        found = bench(tmp_path, judge=None)
        await found.store.accept(accepted(planned(1)))
        await found.turn()
        assert (await only_lane(found)).state.mode == "missing"
        assert found.vendor.requests == []

    run(scenario())


def test_a_judge_that_raises_three_times_loses_nothing_silently(tmp_path: Path) -> None:
    async def scenario() -> None:
        def judge(response: Response) -> Verdict:
            raise KeyError("data")

        found = bench(tmp_path, judge=judge)
        await found.store.accept(accepted(planned(1)))
        await found.until_idle()
        assert len(found.vendor.requests) == 3
        assert [letter.reason for letter in await found.store.dead()] == ["judge_failed"]
        assert found.worker.counters.value("judge_faults", "tiktok_events_api") == 3

    run(scenario())


def test_what_is_too_old_is_not_sent(tmp_path: Path) -> None:
    async def scenario() -> None:
        found = bench(tmp_path)
        await found.store.accept(accepted(planned(1, event_time=NOW - 3 * HOURS, max_age_hours=2)))
        await found.until_idle()
        assert found.vendor.requests == []
        assert found.worker.counters.value("buried", "tiktok_events_api", "too_old") == 1

    run(scenario())


def test_a_lane_has_two_requests_in_flight_and_one_while_it_recovers(tmp_path: Path) -> None:
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
        found = bench(tmp_path)
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


def test_a_slow_vendor_holds_up_nobody_else(tmp_path: Path) -> None:
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
        found = bench(tmp_path)
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


def test_stopping_gives_back_what_does_not_finish(tmp_path: Path) -> None:
    async def scenario() -> None:
        started = asyncio.Event()

        async def vendor(request: httpx.Request) -> httpx.Response:
            started.set()
            await asyncio.Event().wait()
            raise AssertionError

        found = bench(tmp_path)
        transport = Transport(httpx.MockTransport(vendor), SECRETS.get)
        worker = Worker(found.store, transport, lambda *_: by_status, surroundings=Surroundings(clock=found.clock))
        running = asyncio.create_task(worker.run())
        await found.store.accept(accepted(planned(1)))
        await started.wait()
        await worker.stop(within=0)
        await running
        lane = await only_lane(found)
        assert (lane.waiting, lane.claimed) == (1, 0)
        await found.until_idle()
        assert len(found.vendor.requests) == 1
        await transport.close()

    run(scenario())


def test_the_worker_wakes_for_new_rows_and_when_they_are_due(tmp_path: Path) -> None:
    async def scenario() -> None:
        found = bench(tmp_path)
        sent, resting = asyncio.Event(), asyncio.Event()

        async def vendor(request: httpx.Request) -> httpx.Response:
            sent.set()
            return httpx.Response(200)

        async def sleep(seconds: float) -> None:
            slept.append(seconds)
            # Rests of a minute are ended by new rows only; shorter ones pass at once.
            if seconds >= 60:
                resting.set()
                await asyncio.Event().wait()
            await found.clock.sleep(seconds)

        slept: list[float] = []
        transport = Transport(httpx.MockTransport(vendor), SECRETS.get)
        worker = Worker(
            found.store, transport, lambda *_: by_status, surroundings=Surroundings(found.clock, lambda: 1.0, sleep)
        )
        running = asyncio.create_task(worker.run())
        await resting.wait()
        await found.store.accept(accepted(planned(1), linger=1000))
        await sent.wait()
        assert 1 in slept
        await worker.stop()
        await running
        await transport.close()

    run(scenario())


def test_a_row_from_a_crash_goes_alone(tmp_path: Path) -> None:
    async def scenario() -> None:
        found = bench(tmp_path)
        await found.store.accept(accepted(*map(planned, range(1, 4))))
        [lane] = await found.store.waiting()
        await found.store.claim(lane.number, now=NOW, most_items=2, ahead=0)
        await found.close()  # as a crash would leave it, claims and all
        after = bench(tmp_path)
        assert after.store.recovered == 2
        await after.until_idle()
        assert sorted(items(request) for request in after.vendor.requests) == [[1], [2], [3]]

    run(scenario())


def test_nothing_personal_and_no_secret_is_shown_or_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    token = SECRETS["TIKTOK_TOKEN"]
    said = f'{{"message": "ada@example.com and {token} from 203.0.113.7\\nare bad", "phone": "+31 20 123 4567"}}'

    async def scenario() -> str:
        def judge(response: Response) -> Verdict:
            return Verdict("refused", response.body.decode())

        found = bench(tmp_path, lambda request: httpx.Response(400, content=said.encode()), judge=judge)
        request = replace(item_request(), url=SecretText(("https://vendor.example/v1?token=", TOKEN)))
        await found.store.accept(accepted(planned(1, request)))
        await found.until_idle()
        assert token in str(found.vendor.requests[0].url)
        lane = await only_lane(found)
        [letter] = await found.store.dead()
        return f"{lane}{letter}"

    shown = run(scenario()) + caplog.text
    assert "delivery.buried" in shown
    assert "message" in shown
    for private in ("ada@example.com", token, "203.0.113.7", "123 4567"):
        assert private not in shown


class Nothing(Settings):
    pass


def test_judges_are_found_by_type_and_never_older_than_the_row() -> None:
    def own(response: Response) -> Verdict:
        return Verdict("delivered")

    @tag("with_judge", judge=own, consent=(), format=2)
    def with_judge(settings: Nothing, event: Event) -> Request | None:
        return None

    @tag("without_judge", consent=())
    def without_judge(settings: Nothing, event: Event) -> Request | None:
        return None

    marks = [function.__dict__["__component__"] for function in (with_judge, without_judge)]
    judge = judges_of(marks)
    assert judge("with_judge", 1) is own
    assert judge("with_judge", 3) is None
    assert judge("without_judge", 1) is by_status
    assert judge("other", 1) is None


def test_what_came_back_is_written_as_soon_as_the_disk_has_room(tmp_path: Path) -> None:
    async def scenario() -> None:
        found = bench(tmp_path)
        slept: list[float] = []
        sent: list[int] = []

        def pages(most: int) -> Callable[[sqlite3.Connection], None]:
            def limit(connection: sqlite3.Connection) -> None:
                [used] = connection.execute("pragma page_count").fetchone()
                connection.execute(f"pragma max_page_count={used + most}").fetchone()

            return limit

        async def vendor(request: httpx.Request) -> httpx.Response:
            sent.extend(items(request))
            # Takes the pages that the claim left free.
            await found.store.accept(accepted(planned(2, item_request(2, pad="x" * 950_000))))
            await found.store._writer.run(pages(1))
            return httpx.Response(400)

        async def sleep(seconds: float) -> None:
            slept.append(seconds)
            await found.store._writer.run(pages(10_000))

        transport = Transport(httpx.MockTransport(vendor), SECRETS.get)
        around = Surroundings(found.clock, lambda: 1.0, sleep)
        worker = Worker(found.store, transport, lambda *_: by_status, surroundings=around)
        await found.store.accept(accepted(planned(1, item_request(1, pad="x" * 900_000))))
        await worker.turn()
        await worker.settled()
        await transport.close()
        assert slept == [1.0]
        assert sent == [1]
        assert [letter.reason for letter in await found.store.dead()] == ["refused"]

    run(scenario())


def test_a_mistake_of_ours_keeps_the_rows_and_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        def reveal(name: str) -> str | None:
            raise LookupError(name)

        found = bench(tmp_path, reveal=reveal)
        await found.store.accept(accepted(planned(1)))
        await found.turn()
        lane = await only_lane(found)
        assert (lane.waiting, lane.claimed) == (1, 0)
        [waiting] = await found.store.waiting()
        assert waiting.due == NOW + PROBE_MS

    run(scenario())
    assert "delivery.failed problem=LookupError" in caplog.text


def test_a_store_that_fails_is_asked_again_in_a_second(tmp_path: Path) -> None:
    async def scenario() -> None:
        found = bench(tmp_path)
        await found.store.close()
        assert await found.worker.turn() == NOW + 1000

    run(scenario())


def test_a_lane_that_an_operator_paused_is_left_alone(tmp_path: Path) -> None:
    async def scenario() -> None:
        found = bench(tmp_path)
        await found.store.accept(accepted(planned(1)))
        [lane] = await found.store.waiting()
        await found.store.pause(lane.number, paused=True)
        await found.turn()
        assert found.vendor.requests == []
        await found.store.pause(lane.number, paused=False)
        await found.turn()
        assert len(found.vendor.requests) == 1

    run(scenario())


def test_a_visitor_who_left_does_not_keep_the_worker_asleep(tmp_path: Path) -> None:
    async def scenario() -> None:
        found = bench(tmp_path)
        heard: list[int] = []
        found.store.listen(heard.append)
        leaving = asyncio.create_task(found.store.accept(accepted(planned(1))))
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        assert heard == [NOW]
        await found.turn()
        assert len(found.vendor.requests) == 1

    run(scenario())


def test_counters_tell_what_happened_by_type_and_detail(tmp_path: Path) -> None:
    async def scenario() -> None:
        found = bench(tmp_path, answers(503, 400))
        await found.store.accept(accepted(planned(1)))
        await found.until_idle()
        told = {(sample.name, sample.detail): sample.value for sample in found.worker.counters.samples()}
        assert told == {
            ("answered_seconds", ""): 0,
            ("buried", "refused"): 1,
            ("lost_claims", ""): 0,
            ("postponed", ""): 1,
            ("requests", "refused"): 1,
            ("requests", "retry"): 1,
        }

    run(scenario())
