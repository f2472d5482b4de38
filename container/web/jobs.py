"""Long work that goes on while its caller asks how far it is: one piece at a time, the latest ones remembered."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from container.delivery.progress import Progress
from container.delivery.remedies import advice
from container.delivery.store import StoreError
from container.delivery.told import quoted

MOST_REMEMBERED = 10
SHUT_DOWN = "The server was stopped. What was done is done; begin it again for the rest."
ON_DEMAND = "It was stopped on demand. What was done is done; begin it again for the rest."

State = Literal["running", "done", "failed"]
Work = Callable[[Progress], Coroutine[Any, Any, None]]

logger = logging.getLogger("container.web")


class BusyError(Exception):
    """Another job is running; its number is in `job`."""

    def __init__(self, job: Job) -> None:
        super().__init__(f"Job {job.number} ({job.kind}) is running. Wait until it is done.")
        self.job = job


@dataclass(slots=True)
class Job:
    """Mutable on purpose: its work writes how far it is. `problem`: why it failed, as a sentence.

    `stopped`: why somebody wants it to end.
    """

    number: int
    kind: str
    progress: Progress = field(default_factory=Progress)
    state: State = "running"
    problem: str = ""
    stopped: str = ""


class Jobs:
    """To be used in one event loop."""

    def __init__(self) -> None:
        self._jobs: dict[int, Job] = {}
        self._task: asyncio.Task[None] | None = None
        self._latest = 0

    @property
    def running(self) -> Job | None:
        """The job that is under way."""
        job = self._jobs.get(self._latest)
        return job if job is not None and job.state == "running" else None

    def begin(self, kind: str, work: Work) -> Job:
        """Begins it, unless another one is running. Raises `BusyError`."""
        if self.running is not None:
            raise BusyError(self.running)
        self._latest += 1
        job = self._jobs[self._latest] = Job(self._latest, kind)
        for old in [number for number in self._jobs if number <= self._latest - MOST_REMEMBERED]:
            del self._jobs[old]
        self._task = asyncio.create_task(self._done(job, work))
        self._task.add_done_callback(lambda task: _ended(job, task))
        return job

    def get(self, number: int) -> Job | None:
        """A job that is running or was one of the latest."""
        return self._jobs.get(number)

    async def finished(self, job: Job) -> Job:
        """The job, once it is done or has failed."""
        if self._task is not None and job is self.running:
            await asyncio.wait({self._task})
        return job

    async def cancel(self, job: Job) -> bool:
        """Stops the job between two slices, if it is running. Whether it was stopped."""
        if self._task is None or job is not self.running:
            return False
        job.stopped = ON_DEMAND
        self._task.cancel()
        await self.finished(job)
        return job.problem == ON_DEMAND

    async def close(self) -> None:
        """Stops what is running between two slices: what is done is done."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.wait({self._task})

    async def _done(self, job: Job, work: Work) -> None:
        try:
            await work(job.progress)
        except StoreError as problem:
            job.problem = f"{str(problem)[:1].upper()}{str(problem)[1:]}.{advice(str(problem))}"
            job.state = "failed"
            line = "queue.job_failed kind=%s done=%d reason=%s"
            logger.error(line, job.kind, job.progress.done, quoted(str(problem)))  # noqa: TRY400 - the reason says it all
        else:
            job.state = "done"
            logger.info("queue.job_done kind=%s rows=%d result=%s", job.kind, job.progress.done, quoted(_said(job)))


def _said(job: Job) -> str:
    """What became of the rows, and why the others stay."""
    said = [f"{what}: {rows}" for what, rows in job.progress.changed.items()]
    said += [f"of these: {rows}, {what}" for what, rows in job.progress.warned.items()]
    said += [f"stay: {rows}, because {why}" for why, rows in job.progress.kept.items()]
    return ", ".join([*said, *([job.progress.left] if job.progress.left else [])])


def _ended(job: Job, task: asyncio.Task[None]) -> None:
    """A job that was stopped, or in which there is a fault of ours."""
    if job.state != "running":
        return
    job.state = "failed"
    if task.cancelled():
        job.problem = job.stopped or SHUT_DOWN
        return
    problem = task.exception()
    job.problem = "It failed, by a fault of the program: see the log."
    logger.error("queue.job_failed kind=%s problem=%s", job.kind, type(problem).__name__, exc_info=problem)
