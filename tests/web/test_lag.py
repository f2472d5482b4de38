"""How late the event loop is."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

from container.web.lag import KEPT_SECONDS, LOOKED_EVERY_SECONDS, Lag
from tests.web.parts import run


def test_the_longest_wait_of_late_is_told_and_forgotten() -> None:
    now = 0.0
    lag = Lag(lambda: now)
    assert lag.longest() == 0.0
    for moment, seconds in ((1.0, 0.1), (2.0, 0.5), (3.0, 0.2), (4.0, 0.01)):
        now = moment
        lag.saw(seconds)
    assert lag.longest() == 0.5
    now = 2.0 + KEPT_SECONDS + 0.1
    assert lag.longest() == 0.2
    now = 3.0 + KEPT_SECONDS + 0.1
    assert lag.longest() == 0.01
    now = 100.0
    assert lag.longest() == 0.0


def test_what_is_remembered_does_not_grow() -> None:
    now = 0.0
    lag = Lag(lambda: now)
    for number in range(10_000):
        now = number * LOOKED_EVERY_SECONDS
        lag.saw(1 / (number + 1))
    assert len(lag._kept) <= KEPT_SECONDS / LOOKED_EVERY_SECONDS + 2


def test_work_that_keeps_the_loop_is_seen() -> None:
    async def work() -> float:
        lag = Lag()
        task = asyncio.create_task(lag.keep())
        await asyncio.sleep(0.01)
        time.sleep(LOOKED_EVERY_SECONDS + 0.2)  # noqa: ASYNC251  # it is what has to be seen
        await asyncio.sleep(LOOKED_EVERY_SECONDS / 10)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        return lag.longest()

    assert run(work()) > 0.15
