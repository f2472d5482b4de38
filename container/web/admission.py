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

TURN_SECONDS = 0.005
"""So long hits may take between two looks at the sockets while many wait: a refusal has to leave within 20 ms."""

TOGETHER, TOGETHER_SECONDS = 64, 0.1
"""Else so many may begin in one turn, if they do not take so long: what comes together is written together."""

QUEUED_SECONDS = 0.2
"""So much work may wait: the last in the queue is to be answered well within half a second."""

BURST, FEW, BURST_SECONDS = 300, 16, 0.35
"""So many hits may wait, and so few in an overload, even if they take longer than that, but not longer than this."""

RESERVED = 0.1
"""The part of the queue that automatic events, such as a page view, do not get."""

DOOMED_SECONDS = 5.0
"""Who has waited longer for the turn is gone, or has given up."""

CALM_SECONDS = 5.0
"""Nothing was refused for so long: it is over."""

_FIRST_GUESS = 0.0004
_FASTEST = 0.00005
_SUDDEN = 4.0
"""One turn counts as at most so many times slower than what was known: the machine may just have stood still."""

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
    """A hit in the queue. `arrived`: when all of it was there, on the monotonic clock.

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
    """How many are through since the cost was learnt last, and how long the loop was busy with them."""

    _seconds: float = 0.0

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

    def takes(self, scope: Mapping[str, Any]) -> bool:
        """Whether one more may wait. `scope`: the ASGI scope of the hit."""
        number = len(self._queue)
        return number < self._most_automatic or (number < self._most and not is_plainly_automatic(scope))

    def enter(self, waiting: Waiting) -> None:
        """Lets a hit wait for its turn."""
        self._queue.append(waiting)

    def shed(self) -> None:
        """A hit was refused."""
        self.refused += 1
        self._last_refused = self.clock()
        if not self._began_at:
            self._began_at = self.wall()
            self._measure()
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
        self._measure()

    def _turn(self) -> None:
        """Lets the next few hits begin. It goes on for as long as there are any: between two turns sockets are read."""
        now, begun, through = self.clock(), self._begun, self._running
        if begun == 1 and not through:
            # A lone hit is through when we come; of several, only those that began before the last turn.
            begun, through = 0, 1
        self._begun, self._running = 0, begun
        self._hits += through
        self._seconds += min(now - self._since, _SUDDEN * self.cost * (through or 1))
        self._since = now
        if self._hits >= _LEARNT:
            self._learn()
        if not self._queue and not begun:
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

    def _learn(self) -> None:
        """What the last hits took, with everything that the loop did beside them, counts for half or more."""
        self.cost += (self._seconds / self._hits - self.cost) * self._hits / (self._hits + _LEARNT)
        self.cost = max(_FASTEST, self.cost)
        self._hits, self._seconds = 0, 0.0
        self._measure()

    def _measure(self) -> None:
        self._at_once_in_a_hurry = max(1, int(TURN_SECONDS / self.cost))
        self._at_once = max(self._at_once_in_a_hurry, min(TOGETHER, int(TOGETHER_SECONDS / self.cost)))
        burst = min(FEW if self._began_at else BURST, int(BURST_SECONDS / self.cost))
        self._most = max(1, int(QUEUED_SECONDS / self.cost), burst)
        self._most_automatic = self._most - int(RESERVED * self._most)


def is_plainly_automatic(scope: Mapping[str, Any]) -> bool:
    """Whether a hit that nobody has read yet holds one automatic event and no more. A body may hold anything."""
    if any(
        name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
        for name, value in scope["headers"]
    ):
        return False
    return names_an_automatic_event(scope["query_string"])
