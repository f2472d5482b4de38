"""Jobs: one at a time, with how far it is; the latest are remembered."""

from __future__ import annotations

import asyncio
import logging

import pytest

from container.delivery.progress import Progress
from container.web.jobs import MOST_REMEMBERED, BusyError, Jobs
from tests.web.parts import run


async def nothing(progress: Progress) -> None:
    progress.done = progress.total = 1


def test_the_latest_jobs_are_remembered() -> None:
    async def work() -> None:
        jobs = Jobs()
        for _ in range(MOST_REMEMBERED + 2):
            await jobs.finished(jobs.begin("count", nothing))
        found = [number for number in range(MOST_REMEMBERED + 3) if jobs.get(number) is not None]
        assert found == list(range(3, MOST_REMEMBERED + 3))

    run(work())


def test_a_second_one_has_to_wait() -> None:
    async def work() -> None:
        jobs, going = Jobs(), asyncio.Event()

        async def waits(_progress: Progress) -> None:
            await going.wait()

        first = jobs.begin("replay", waits)
        with pytest.raises(BusyError, match=r"Job 1 \(replay\)"):
            jobs.begin("drop", nothing)
        going.set()
        assert (await jobs.finished(first)).state == "done"
        assert jobs.running is None
        assert (await jobs.finished(jobs.begin("drop", nothing))).progress.done == 1

    run(work())


def test_one_that_is_stopped_says_so() -> None:
    async def work() -> None:
        jobs = Jobs()

        async def waits(_progress: Progress) -> None:
            await asyncio.Event().wait()

        job = jobs.begin("drop", waits)
        await asyncio.sleep(0)
        await jobs.close()
        await asyncio.sleep(0)
        assert (job.state, job.problem.partition(".")[0]) == ("failed", "The server was stopped")

    run(work())


def test_a_fault_of_ours_is_logged_and_told(caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        jobs = Jobs()

        async def breaks(_progress: Progress) -> None:
            raise ValueError("the visitor's")

        job = await jobs.finished(jobs.begin("drop", breaks))
        await asyncio.sleep(0)
        assert (job.state, "the visitor's" in job.problem) == ("failed", False)

    with caplog.at_level(logging.ERROR):
        run(work())
    assert [record.getMessage() for record in caplog.records] == ["queue.job_failed kind=drop problem=ValueError"]


def test_what_stays_is_logged_with_its_reason(caplog: pytest.LogCaptureFixture) -> None:
    async def work(progress: Progress) -> None:
        progress.change("waiting again", 2)
        progress.warn("nobody has the key")
        progress.keep("the lane is full", 5)

    async def whole() -> None:
        jobs = Jobs()
        await jobs.finished(jobs.begin("replay", work))

    caplog.set_level("INFO")
    asyncio.run(whole())
    [line] = [record.getMessage() for record in caplog.records if "queue.job_done" in record.getMessage()]
    assert line.endswith(
        'result="waiting again: 2, of these: 1, nobody has the key, stay: 5, because the lane is full"'
    )
