"""Which hits are taken when more come than the event loop can answer, and when each has its turn.

Hits are read by the container one after the other, on the one loop that also reads the sockets. So only a few begin in
each turn of it; the others wait in a queue that is as long as an answer may take, and what comes beyond it is refused
before anything of it is read. The reasons are in docs/decisions/overload.md.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, NamedTuple

from container.ga4.automatic import names_an_automatic_event
from container.web.health import counted, moment

TURN_SECONDS, LONG_TURN_SECONDS = 0.005, 0.025
"""So long hits may take between two looks at the sockets; the first while many wait, since a refusal has to leave
within 20 ms. Longer turns cost less, as hits that come together are written together."""

QUEUED_SECONDS = 0.2
"""So much work may wait: the last in the queue is to be answered well within half a second."""

BURST, BURST_SECONDS = 300, 0.35
"""So many hits may wait even if they take longer than that, as long as they do not take so long."""

RESERVED = 0.1
"""The part of the queue that automatic events, such as a page view, do not get."""

DOOMED_SECONDS = 5.0
"""Who has waited longer for the turn is gone, or has given up."""

CALM_SECONDS = 5.0
"""Nothing was refused for so long: it is over."""

_FIRST_GUESS = 0.0004
_FASTEST = 0.00005
_SUDDEN = 4.0
"""One stretch counts as at most so many times slower than what was known: the machine may just have stood still."""

_LEARNT = 32
"""Hits after which half of what is known is news."""

logger = logging.getLogger("container.web")

Soon = Callable[[Callable[[], None]], object]
Later = Callable[[float, Callable[[], None]], object]


def _soon(work: Callable[[], None]) -> object:
    return asyncio.get_running_loop().call_soon(work)


def _later(seconds: float, work: Callable[[], None]) -> object:
    return asyncio.get_running_loop().call_later(seconds, work)


class Waiting(NamedTuple):
    """A hit in the queue. `arrived`: when its headers came, on the monotonic clock.

    `begin` says whether it has begun: its sender may be gone. `refuse`: what is done with one that waited too long.
    """

    arrived: float
    begin: Callable[[], bool]
    refuse: Callable[[], None]


@dataclass(slots=True)
class Gate:
    """The turns of one listener's hits.

    `soon` and `later`: as the event loop's own, which is the one that runs. `wall`: Unix time in seconds.
    """

    clock: Callable[[], float] = monotonic
    soon: Soon = _soon
    later: Later = _later
    wall: Callable[[], float] = time.time
    cost: float = _FIRST_GUESS
    """Seconds of the loop that a hit takes, all in all, as it was of late."""

    refused: int = 0
    """Hits since the overload began."""

    _queue: deque[Waiting] = field(default_factory=deque)
    _begun: int = 0
    """Hits that began since the last turn."""

    _running: int = 0
    """Hits that began between the two turns before."""

    _turning: bool = False
    _since: float = 0.0
    _hits: int = 0
    """How many are through since then, which is how the cost is known."""

    _began_at: float = 0.0
    """When the overload began, in Unix seconds; 0 without one."""

    _last_refused: float = 0.0
    _at_once: int = 0
    _at_once_in_a_hurry: int = 0
    _most: int = 0
    _most_automatic: int = 0

    def __post_init__(self) -> None:
        self._measure()

    @property
    def waiting(self) -> int:
        """How many hits have not begun."""
        return len(self._queue)

    @property
    def free(self) -> bool:
        """Whether a hit may begin now: nobody waits, and this turn has time left."""
        return self._begun < self._at_once and not self._queue

    def began(self) -> None:
        """A hit has begun without waiting."""
        self._begun += 1
        if not self._turning:
            self._turning, self._since = True, self.clock()
            self.soon(self._turn)

    def enter(self, waiting: Waiting, *, automatic: Callable[[], bool]) -> bool:
        """Lets a hit wait for its turn. `False` when too many do already. `automatic` is asked only if need be."""
        number = len(self._queue)
        if number >= self._most_automatic and (number >= self._most or automatic()):
            return False
        self._queue.append(waiting)
        return True

    def shed(self) -> None:
        """A hit was refused."""
        self.refused += 1
        self._last_refused = self.clock()
        if not self._began_at:
            self._began_at = self.wall()
            logger.error('hits.overload waiting=%d "More come than are taken: see /ready."', self.waiting)
            self.later(CALM_SECONDS, self._look)

    def sentence(self) -> str:
        """What somebody should know, empty while all hits are taken."""
        if not self._began_at:
            return ""
        since = moment(int(self._began_at * 1000))
        return (
            f"Refused because more come than one process can take: {counted(self.refused, 'hit', 'hits')} since "
            f"{since}. Give it a faster processor, let fewer tags fire, or run more."
        )

    def _look(self) -> None:
        left = self._last_refused + CALM_SECONDS - self.clock()
        if left > 0:
            self.later(left, self._look)
            return
        seconds = self.wall() - self._began_at
        logger.warning("hits.overload_over refused=%d seconds=%d", self.refused, seconds)
        self.refused, self._began_at = 0, 0.0

    def _turn(self) -> None:
        """Lets the next few hits begin. It goes on for as long as there are any: between two turns sockets are read."""
        begun, self._begun = self._begun, 0
        now = self.clock()
        if begun == 1 and not self._hits and not self._running:
            # A lone hit is through when we come; of several, only those that began before the last turn.
            self._hits = 1
        else:
            self._hits += self._running
            self._running = begun
        ends = not self._queue and not self._running
        if ends or self._hits >= _LEARNT:
            self._learn(now)
        if ends:
            self._turning = False
            return
        # First of all: nothing that goes wrong with one hit may keep the others waiting.
        self.soon(self._turn)
        at_once = self._at_once if len(self._queue) < self._most // 2 else self._at_once_in_a_hurry
        while self._queue and self._begun < at_once:
            first = self._queue.popleft()
            if now - first.arrived > DOOMED_SECONDS:
                first.refuse()
            else:
                self._begun += first.begin()

    def _learn(self, now: float) -> None:
        """What the hits since the last time took, with everything that the loop did beside them."""
        if self._hits:
            took = min((now - self._since) / self._hits, _SUDDEN * self.cost)
            self.cost = max(_FASTEST, self.cost + (took - self.cost) * self._hits / (self._hits + _LEARNT))
            self._measure()
        self._since, self._hits = now, 0

    def _measure(self) -> None:
        self._at_once = max(1, int(LONG_TURN_SECONDS / self.cost))
        self._at_once_in_a_hurry = max(1, int(TURN_SECONDS / self.cost))
        self._most = max(1, int(QUEUED_SECONDS / self.cost), min(BURST, int(BURST_SECONDS / self.cost)))
        self._most_automatic = self._most - int(RESERVED * self._most)


def is_plainly_automatic(scope: Mapping[str, Any]) -> bool:
    """Whether a hit that nobody has read yet holds one automatic event and no more. A body may hold anything."""
    if any(
        name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
        for name, value in scope["headers"]
    ):
        return False
    return names_an_automatic_event(scope["query_string"])
