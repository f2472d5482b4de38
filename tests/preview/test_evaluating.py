"""The thread in which hits of previews are evaluated: one after the other, so many, and so much of them."""

from __future__ import annotations

import asyncio
import threading
from contextlib import ExitStack
from functools import partial
from types import SimpleNamespace

import pytest

from container.preview.evaluating import MOST_WAITING, SHARE, Evaluating, FullError


def test_work_is_done_in_one_thread_and_in_order() -> None:
    async def scenario() -> None:
        evaluating, done = Evaluating(), list[tuple[int, str]]()

        def work(number: int) -> int:
            done.append((number, threading.current_thread().name))
            return number

        found = await asyncio.gather(*(evaluating.run(partial(work, number)) for number in range(20)))
        evaluating.close()
        assert found == [number for number, _ in done] == list(range(20))
        [thread] = {name for _, name in done}
        assert thread != threading.current_thread().name

    asyncio.run(scenario())


@pytest.mark.parametrize("problem", [KeyError("no"), StopIteration("no")])
def test_what_work_raises_comes_to_who_waits(problem: Exception) -> None:
    def work() -> None:
        raise problem

    async def scenario() -> None:
        evaluating = Evaluating()
        # A coroutine raises no `StopIteration` either: it becomes a `RuntimeError`, and nobody waits for ever.
        for run in (evaluating.run, evaluating.run_within_budget):
            with pytest.raises((KeyError, RuntimeError)):
                await asyncio.wait_for(run(work), 60)
        evaluating.close()

    asyncio.run(scenario())


def test_past_so_many_that_wait_nobody_gets_a_seat_until_one_is_free() -> None:
    evaluating, full = Evaluating(), list[bool]()
    with ExitStack() as seats:
        for _ in range(MOST_WAITING):
            full.append(evaluating.full)
            seats.enter_context(evaluating.seat())
        full.append(evaluating.full)
        with pytest.raises(FullError, match="64 requests of previews wait already"), evaluating.seat():
            pass
    full.append(evaluating.full)
    assert full == [False] * MOST_WAITING + [True, False]
    evaluating.close()


def test_what_nobody_waits_for_has_a_fifth_of_each_second() -> None:
    time = SimpleNamespace(cpu=0.0, now=100.0)

    def work(seconds: float) -> None:
        time.cpu += seconds

    async def scenario() -> None:
        evaluating, found = Evaluating(cpu=lambda: time.cpu, monotonic=lambda: time.now), list[bool]()

        async def later(seconds: float, *, took: float = 0) -> None:
            time.now += seconds
            if took:
                await evaluating.run_within_budget(lambda: work(took))
            found.append(evaluating.has_budget)

        await later(0)
        await later(0, took=0.15)
        # What is done for somebody who waits is not counted.
        await evaluating.run(lambda: work(5))
        await later(0)
        await later(0, took=0.25)
        await later(0.9)
        await later(0.2)
        # However long nothing came, there is one second's share.
        await later(1000)
        await later(0, took=SHARE + 0.01)
        assert found == [True, True, True, False, False, True, True, False]
        evaluating.close()

    asyncio.run(scenario())


def test_work_that_fails_is_counted_as_well() -> None:
    time = SimpleNamespace(cpu=0.0)

    def work() -> None:
        time.cpu += 3
        raise KeyError

    async def scenario() -> None:
        evaluating = Evaluating(cpu=lambda: time.cpu, monotonic=lambda: 100.0)
        with pytest.raises(KeyError):
            await evaluating.run_within_budget(work)
        assert not evaluating.has_budget
        evaluating.close()

    asyncio.run(scenario())
