"""The worker sleeps, wakes and stops, and outlives a store that fails."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from container.delivery.pace import Course
from container.delivery.policy import PROBE_MS
from container.delivery.store import Claimed, LaneState, StoreUnavailableError, WaitingLane
from container.delivery.transport import Transport
from container.delivery.worker import Surroundings, Worker
from container.effects import by_status
from tests.delivery.engines import Engine
from tests.delivery.harness import (
    NOW,
    SECRETS,
    Bench,
    accepted,
    bench,
    bench_over,
    dead_letters,
    item_request,
    items,
    only_lane,
    planned,
    run,
)


def test_stopping_gives_back_what_does_not_finish(engine: Engine) -> None:
    async def scenario() -> None:
        started = asyncio.Event()

        async def vendor(request: httpx.Request) -> httpx.Response:
            started.set()
            await asyncio.Event().wait()
            raise AssertionError

        found = bench_over(await engine.open())
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
        assert [letter.reason for letter in await dead_letters(found.store)] == ["refused"]

    run(scenario())


def test_a_mistake_of_ours_keeps_the_rows_and_says_so(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        def reveal(name: str) -> str | None:
            raise LookupError(name)

        found = bench_over(await engine.open(), reveal=reveal)
        await found.store.accept(accepted(planned(1)))
        await found.turn()
        lane = await only_lane(found)
        assert (lane.waiting, lane.claimed) == (1, 0)
        [waiting] = await found.store.waiting()
        assert waiting.due == NOW + PROBE_MS

    run(scenario())
    assert "delivery.failed problem=LookupError" in caplog.text


def test_a_store_that_fails_is_asked_again_in_a_second(engine: Engine) -> None:
    async def scenario() -> None:
        found = bench_over(await engine.open())
        await found.store.close()
        assert await found.worker.turn() == NOW + 1000

    run(scenario())


def test_a_visitor_who_left_does_not_keep_the_worker_asleep(engine: Engine) -> None:
    async def scenario() -> None:
        found = bench_over(await engine.open())
        heard: list[Mapping[str, int]] = []
        found.store.listen(heard.append)
        leaving = asyncio.create_task(found.store.accept(accepted(planned(1))))
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        while not heard:  # noqa: ASYNC110 - it is the store's own commit that is waited for
            await asyncio.sleep(0.002)
        assert [list(first.values()) for first in heard] == [[NOW]]
        await found.turn()
        assert len(found.vendor.requests) == 1

    run(scenario())


def test_stopping_does_not_wait_for_a_store_that_never_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        monkeypatch.setattr("container.delivery.worker._GIVING_BACK_SECONDS", 0.1)
        found = bench(tmp_path)
        asked = asyncio.Event()

        async def waiting() -> Sequence[WaitingLane]:
            asked.set()
            await asyncio.Event().wait()
            raise AssertionError

        monkeypatch.setattr(found.store, "waiting", waiting)
        running = asyncio.create_task(found.worker.run())
        await asked.wait()
        await found.worker.stop(within=0)
        await running

    run(scenario())


def test_whoever_cancels_the_worker_cancels_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        running = asyncio.create_task(bench(tmp_path).worker.run())
        await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    run(scenario())


def fails_once(found: Bench[Any], monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The store does not take it the first time."""
    real = getattr(found.store, name)

    async def fails(*place: Any, **more: Any) -> Any:
        monkeypatch.setattr(found.store, name, real)
        raise StoreUnavailableError("the disk")

    monkeypatch.setattr(found.store, name, fails)


def test_rows_that_could_not_be_given_back_are_given_back_later(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        found = bench_over(await engine.open())
        await found.store.accept(accepted(planned(1)))
        real = found.store.claim

        async def claim(lane: int, **limits: int) -> Claimed | None:
            claimed = await real(lane, **limits)
            # An answer came meanwhile.
            found.worker._courses[lane].state = LaneState("open", NOW + 5000, 1)
            monkeypatch.setattr(found.store, "claim", real)
            return claimed

        monkeypatch.setattr(found.store, "claim", claim)
        fails_once(found, monkeypatch, "give_back")
        assert await found.worker.turn() == NOW + 1000
        assert (await only_lane(found)).claimed == 1
        await found.turn()
        assert len(found.vendor.requests) == 1
        assert (await only_lane(found)).claimed == 0

    run(scenario())


def test_a_mistake_of_ours_beside_a_store_that_fails_keeps_no_rows_for_ever(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        def reveal(name: str) -> str | None:
            raise LookupError(name)

        found = bench_over(await engine.open(), reveal=reveal)
        await found.store.accept(accepted(planned(1)))
        fails_once(found, monkeypatch, "postpone")
        await found.turn()
        assert (await only_lane(found)).claimed == 1
        await found.turn()
        assert (await only_lane(found)).claimed == 0
        [waiting] = await found.store.waiting()
        assert waiting.due == NOW + PROBE_MS

    run(scenario())


def test_a_request_that_is_stopped_before_it_begins_is_given_back(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        found = bench_over(await engine.open())
        await found.store.accept(accepted(planned(1)))
        send = found.worker._send

        def sent_and_stopped(claimed: Claimed, course: Course, *, apart: bool) -> None:
            send(claimed, course, apart=apart)
            for flight in found.worker._flights:
                flight.cancel()

        monkeypatch.setattr(found.worker, "_send", sent_and_stopped)
        await found.worker.turn()
        await found.worker.stop(within=0)
        lane = await only_lane(found)
        assert (lane.waiting, lane.claimed) == (1, 0)
        assert found.vendor.requests == []

    run(scenario())


def test_what_cannot_be_read_nor_buried_is_buried_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        found = bench(tmp_path)
        await found.store.accept(accepted(planned(1)))
        await found.store._writer.run(lambda connection: connection.execute("update delivery set crc=crc+1"))
        real = found.store._change

        async def change(work: Any, *place: Any) -> Any:
            monkeypatch.setattr(found.store, "_change", real)
            raise StoreUnavailableError("the disk")

        await found.worker._upkeep.step(NOW)
        monkeypatch.setattr(found.store, "_change", change)
        await found.turn()
        assert (await only_lane(found)).claimed == 1
        await found.until_idle()
        lane = await only_lane(found)
        assert (lane.claimed, lane.dead) == (0, 1)
        assert [letter.reason for letter in await dead_letters(found.store)] == ["damaged"]
        assert found.worker.counters.value("buried", "tiktok_events_api", "damaged") == 1

    run(scenario())
