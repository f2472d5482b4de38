"""Hits that keep the event loop for long: everything waits for them, and nobody can end them. They are told of.

How long a tag takes is not measured while hits are taken. The same hit gives the same again, so one that was slow is
run once more, beside the loop, and without anything being sent.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic, thread_time

from container.delivery.told import quoted
from container.engine.container import Container
from container.engine.run import claim_hit, decide, scopes
from container.event import Hit

SLOW_SECONDS = 0.05
"""A hit takes less than a millisecond."""

LOOKED_AGAIN_SECONDS = 60.0
"""One is run once more so often at most."""

logger = logging.getLogger("container.web")


def _beside(work: Callable[[], None]) -> object:
    return asyncio.get_running_loop().run_in_executor(None, work)


@dataclass(slots=True)
class Slow:
    """Looks at slow hits. `clock` is monotonic, in seconds; `spent`: CPU seconds of a thread; `beside` runs something
    on a thread of its own."""

    clock: Callable[[], float] = monotonic
    spent: Callable[[], float] = thread_time
    beside: Callable[[Callable[[], None]], object] = _beside
    _next: float = field(default=0.0)

    def saw(self, container: Container, hit: Hit) -> None:
        """A hit was slow. It may have been the machine: only one that is slow again is told of."""
        now = self.clock()
        if now >= self._next:
            self._next = now + LOOKED_AGAIN_SECONDS
            self.beside(lambda: self._look(container, hit))

    def _look(self, container: Container, hit: Hit) -> None:
        whole, slowest, longest = self._timed(container, hit)
        if whole > SLOW_SECONDS:
            line = "hit.slow id=%s milliseconds=%d tag=%s milliseconds_of_tag=%d"
            logger.warning(line, hit.id.hex(), round(whole * 1000), quoted(slowest), round(longest * 1000))

    def _timed(self, container: Container, hit: Hit) -> tuple[float, str, float]:
        """The seconds of the hit, and of the tag that took the most of them, with its triggers and variables."""
        begun, by_tag = self.spent(), dict[str, float]()
        client, claim = claim_hit(container, hit)
        for scope in () if client is None else scopes(container, client, claim):
            for candidate in container.hearing.concerned(scope.original.name):
                before, name = self.spent(), candidate.tag.name
                decide(candidate, scope)
                by_tag[name] = by_tag.get(name, 0.0) + self.spent() - before
        slowest = max(by_tag, key=lambda name: by_tag[name], default="")
        return self.spent() - begun, slowest, by_tag.get(slowest, 0.0)
