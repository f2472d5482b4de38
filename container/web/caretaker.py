"""What an operator does with deliveries, for the pages, the JSON interface and the command line alike. It is logged."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from container.delivery import forget, rerun
from container.delivery.person import Person
from container.delivery.progress import Progress
from container.delivery.selection import Place, RowDetail, Selection
from container.delivery.store import Store
from container.engine.container import Container
from container.preview.sessions import Sessions
from container.web.jobs import Job, Jobs

logger = logging.getLogger("container.web")


def _nothing() -> None:
    """Nobody delivers here."""


@dataclass(frozen=True, slots=True)
class Caretaker:
    """`container`: the one in force, `None` without one. `wake`: has the worker look at its lanes. `clock`: Unix ms.

    `folder`: the data folder, where it has one. `spools`: the folder of the spools, where there are any. `previews`:
    those whose records are in this process alone.
    """

    store: Store
    container: Callable[[], Container | None]
    wake: Callable[[], None] = _nothing
    clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000
    jobs: Jobs = field(default_factory=Jobs)
    folder: Path | None = None
    spools: Path | None = None
    previews: Sessions | None = None

    def replay(self, selection: Selection) -> Job:
        """Sends dead letters again. Raises `BusyError`, like the next two."""

        async def work(progress: Progress) -> None:
            container = self.container()
            await rerun.replay(self.store, selection, progress, container=container, clock=self.clock)

        return self.jobs.begin("replay", work)

    def drop(self, selection: Selection) -> Job:
        """Deletes rows for ever."""

        async def work(progress: Progress) -> None:
            await rerun.drop(self.store, selection, progress)

        return self.jobs.begin("drop", work)

    def forget(self, person: Person, *, dry_run: bool) -> Job:
        """Deletes what holds a person, or counts it."""

        async def work(progress: Progress) -> None:
            container = self.container()
            known = () if container is None else container.tags
            tags = {tag.name: str(tag.once_per.key) for tag in known if tag.once_per is not None}
            begin = partial(forget.forget, self.store, person, progress, tags=tags, dry_run=dry_run)
            await begin(folder=self.folder, spools=self.spools)
            recorded = 0 if self.previews is None else self.previews.forget_records(dry_run=dry_run)
            if recorded:
                progress.changed[forget.PREVIEWS] = recorded

        return self.jobs.begin("count" if dry_run else "forget", work)

    async def cancel(self, number: int, *, by: str) -> Job | None:
        """Stops a job between two slices; one that has ended stays as it is. `None` when there is no such job."""
        job = self.jobs.get(number)
        if job is not None and await self.jobs.cancel(job):
            logger.warning("queue.job_cancelled kind=%s done=%d by=%s", job.kind, job.progress.done, by)
        return job

    async def pause(self, lane: int, *, paused: bool, by: str) -> bool:
        """Stops a lane, or lets it go on: then it is tried at once. Whether there is such a lane."""
        found = await self.store.pause(lane, paused=paused)
        if found:
            if paused:
                logger.info("queue.paused lane=%d by=%s", lane, by)
            else:
                logger.info("queue.resumed lane=%d by=%s", lane, by)
                await self.store.hasten(lane, now=self.clock())
            self.wake()
        return found

    async def row(self, place: Place, number: int, *, whole: bool, by: str) -> RowDetail | None:
        """A row with its values masked. That somebody saw the `whole` is logged; `by`: how they came in."""
        found = await self.store.row(place, number, whole=whole)
        if found is not None and whole:
            logger.warning("queue.shown number=%d place=%s by=%s", number, place, by)
        return found
