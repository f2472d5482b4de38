"""How fast a lane goes: what its vendor takes, how it comes back after trouble, and what it has learned of batches.

Held in memory, and begun afresh with the process. Times are Unix milliseconds, stated by the caller.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from container.component import IN_FLIGHT, Component
from container.delivery.frame import MOST_ITEMS
from container.delivery.lane import Lane
from container.delivery.policy import PROBE_ITEMS
from container.delivery.store import LaneState

RAMP_MS = 30_000
"""A lane that works again comes back to its most requests at a time within so long."""

REGROWN_MS = 10 * 60 * 1000
"""Batches that were too large may be twice as large again after so long."""

RECENT_ROWS = 100
"""Of so many rows that came to an end, more than half refused is no longer the rows' fault."""

BEHIND_MS = 10_000
"""A lane whose rows have waited for longer than this is behind."""

TOGETHER = 16
"""Requests of one row each that are claimed at once, from a vendor that is quick."""

QUICK_MS = 5
"""A vendor that answers within so long is quicker than the disk."""

SHORT_MS = 50
"""For an answer that takes so long nobody behind it has to be given back."""

NEVER = 2**63 - 1
_FAR = 10
"""A turn that is more than so many intervals away was noted by a clock that has been set back since."""


@dataclass(frozen=True, slots=True)
class Pace:
    """What the vendor of a component type takes from one lane. Without a rate only `in_flight` counts."""

    requests_per_second: float | None = None
    in_flight: int = IN_FLIGHT


USUAL = Pace()

Paces = Callable[[str], Pace]
"""From a component's type to its pace."""


def paces_of(components: Iterable[Component]) -> Paces:
    """The paces of the tags among these components. A type that is not here has no rate."""
    known = {
        found.type: Pace(found.requests_per_second, found.in_flight) for found in components if found.kind == "tag"
    }
    return lambda kind: known.get(kind, USUAL)


@dataclass(slots=True)
class Bucket:
    """Lets requests through one by one, so that no second ever holds more of them than the rate.

    Counts in microseconds, rounded up: three a second are 333.334 ms apart.
    """

    interval: int = 0
    _next: int = 0

    def opens(self, now: int) -> int:
        """When the next request may go."""
        return max(now, self._believed(now) // 1000)

    def take(self, now: int) -> None:
        """One has gone, with leave or without."""
        self._next = max(now * 1000, self._believed(now)) + self.interval

    def _believed(self, now: int) -> int:
        return self._next if self._next - now * 1000 <= _FAR * self.interval + 1_000_000 else 0


@dataclass(slots=True)
class Course:
    """A lane while it is served. `state`: how it stands, newer than what the store said.

    `flights`: requests under way; `begun`: requests so far. `turn`: when it last had one, in turns of the worker.
    `marked`: when the store last heard of it. `answered_in`: milliseconds that the vendor's last answer took.
    """

    lane: Lane
    pace: Pace
    state: LaneState = field(default_factory=LaneState)
    flights: int = 0
    begun: int = 0
    turn: int = 0
    marked: int = 0
    answered_in: int = NEVER
    _one_by_one: bool = False
    _failed_after: int = 0
    _works_since: int | None = None
    _batch: int = MOST_ITEMS
    _shrunk: int = 0
    _recent: deque[bool] = field(default_factory=lambda: deque(maxlen=RECENT_ROWS))
    _bucket: Bucket = field(init=False)

    def __post_init__(self) -> None:
        rate = self.pace.requests_per_second
        self._bucket = Bucket(0 if rate is None else -int(-1_000_000 // rate))

    @property
    def troubled(self) -> bool:
        """Whether it fails or holds still: only a probe may go."""
        return self.state.failures > 0 or self.state.mode != "open"

    def opens(self, now: int) -> int:
        """When one more request may go; `NEVER` if one has to come back first."""
        if self.flights < self._most(now):
            return max(self._bucket.opens(now), self.state.not_before)
        return NEVER if self.troubled else self._widens(now)

    def most_items(self, now: int) -> int:
        """How many rows the next request may hold."""
        if self.state.mode == "refusing":
            return 1
        if self.troubled:
            return PROBE_ITEMS
        grown = max(now - self._shrunk, 0) // REGROWN_MS
        return min(self._batch << min(grown, MOST_ITEMS.bit_length()), MOST_ITEMS)

    def alone(self, now: int) -> int:
        """How many rows that are never batched may be claimed at once."""
        quick = 0 <= self.answered_in <= QUICK_MS
        steady = quick and not self.troubled and self.pace.requests_per_second is None and self._passed(now) is None
        return TOGETHER if steady else 1

    def goes_on(self, now: int) -> bool:
        """Whether the next of them may follow."""
        return 0 <= self.answered_in <= SHORT_MS and not self.troubled and self.state.not_before <= now

    def claimed(self, *, batched: bool, waited: int) -> None:
        """What was found to be sent. `waited`: milliseconds since the first of it came.

        Batches go one by one, so that a crash repeats no more than one, unless the lane is behind.
        """
        self._one_by_one = batched and waited <= BEHIND_MS

    def begin(self, now: int) -> int:
        """A request goes; its number in this lane."""
        self.charge(now)
        self.begun += 1
        return self.begun

    def charge(self, now: int) -> None:
        """The vendor gets a request that counts towards its rate."""
        self._bucket.take(now)

    def is_stale(self, number: int) -> bool:
        """Whether the lane has failed since that request left: it says nothing of how the lane stands now."""
        return number <= self._failed_after

    def stands(self, state: LaneState, now: int) -> None:
        """How it stands after an answer."""
        was_troubled, held = self.troubled, self.state.mode
        if state.failures > self.state.failures or state.mode != held:
            self._failed_after = self.begun
        self.state = state
        if self.troubled:
            self._works_since = None
        elif was_troubled:
            self._works_since, self._failed_after = now, 0
        if held == "refusing" and state.mode != "refusing":
            self._recent.clear()

    def too_large(self, items: int, now: int) -> None:
        """The vendor found a batch of so many too large. Never so small that a lane would stand still over one row."""
        self._batch, self._shrunk = min(self.most_items(now), max(items // 2, PROBE_ITEMS)), now

    def ended(self, *, delivered: int, refused: int) -> None:
        """Rows came to their end, each judged for itself."""
        self._recent.extend([False] * delivered)
        self._recent.extend([True] * refused)

    @property
    def refused_lately(self) -> int:
        """Of the last `RECENT_ROWS`."""
        return sum(self._recent)

    @property
    def refuses(self) -> bool:
        """Whether more than half of the last rows were refused."""
        return self.refused_lately > RECENT_ROWS // 2

    def _most(self, now: int) -> int:
        """Requests at a time: one while it recovers, then more and more."""
        if self.troubled:
            return 1
        passed = self._passed(now)
        return self._limit if passed is None else 1 + (self._limit - 1) * passed // RAMP_MS

    @property
    def _limit(self) -> int:
        return 1 if self._one_by_one else self.pace.in_flight

    def _widens(self, now: int) -> int:
        passed = self._passed(now)
        if passed is None:
            return NEVER
        steps = self._limit - 1
        return NEVER if steps == 0 else now - passed + -(-self._most(now) * RAMP_MS // steps)

    def _passed(self, now: int) -> int | None:
        """Milliseconds since it works again, `None` when that is long ago, or the clock was set back."""
        passed = None if self._works_since is None else now - self._works_since
        return passed if passed is not None and 0 <= passed < RAMP_MS else None
