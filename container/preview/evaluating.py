"""Where the hits of previews are evaluated: one after the other, in a thread of their own.

A trace of a large draft takes a hundred times as long as a live hit. In a thread live hits have their turn meanwhile;
since there is one only, what the work keeps of a session, such as its guards, needs no lock.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

MOST_WAITING = 64
"""Hits of previews that wait for their turn, or have it."""

SHARE = 0.2
"""What hits by rule and of tails may take of a processor: so many seconds in each second."""

T = TypeVar("T")


class FullError(Exception):
    """As many hits of previews wait as may."""

    def __init__(self) -> None:
        super().__init__(f"{MOST_WAITING} requests of previews wait already. Try again in a few seconds.")


class Evaluating:
    """Used in one event loop. `cpu`: seconds that the thread which asks has computed; `monotonic`: seconds."""

    def __init__(
        self,
        *,
        cpu: Callable[[], float] = time.thread_time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cpu, self._monotonic = cpu, monotonic
        self._thread = ThreadPoolExecutor(1, "preview")
        self._seated = 0
        self._left, self._since = SHARE, monotonic()

    @property
    def full(self) -> bool:
        return self._seated >= MOST_WAITING

    @property
    def has_budget(self) -> bool:
        """Whether hits that nobody waits for may take more of the processor. What one took too much comes off later."""
        now = self._monotonic()
        self._left = min(self._left + max(now - self._since, 0.0) * SHARE, SHARE)
        self._since = now
        return self._left > 0

    @contextmanager
    def seat(self) -> Iterator[None]:
        """For a hit whose sender waits. Raises `FullError`."""
        if self.full:
            raise FullError
        self._seated += 1
        try:
            yield
        finally:
            self._seated -= 1

    async def run(self, work: Callable[[], T]) -> T:
        """Does the work in the thread, and gives what it gives. Raises what it raises."""
        return await self._done(work)

    async def run_within_budget(self, work: Callable[[], T]) -> T:
        """The same for work that nobody waits for: what it takes is no longer there for more of it."""
        took = 0.0

        def measured() -> T:
            nonlocal took
            begun = self._cpu()
            try:
                return work()
            finally:
                took = self._cpu() - begun

        try:
            return await self._done(measured)
        finally:
            self._left -= took

    def close(self) -> None:
        """Nothing begins any more. What has begun ends by itself."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _done(self, work: Callable[[], T]) -> T:
        found = await asyncio.get_running_loop().run_in_executor(self._thread, _caught, work)
        if isinstance(found, _Raised):
            raise found.problem
        return found


class _Raised:
    def __init__(self, problem: Exception) -> None:
        self.problem = problem


def _caught(work: Callable[[], T]) -> T | _Raised:
    """What work gives or raises: no future can hold a `StopIteration`, and who waits for it would wait for ever."""
    try:
        return work()
    except Exception as problem:  # noqa: BLE001  # it is raised where somebody waits for it
        return _Raised(problem)
