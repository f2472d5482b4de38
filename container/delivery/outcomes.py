"""The latest requests to vendors and what became of them: figures only, nothing that a request or an answer held.

They live in memory and are gone with the process. What has to be kept is in the store.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple, Protocol

MOST_OUTCOMES = 10_000


class RequestOutcome(NamedTuple):
    """One request. `at`: when it ended, Unix milliseconds. `status`: 0 when there was no answer. `rows`: in it."""

    at: int
    lane: int
    rows: int
    status: int
    verdict: str


class Latest(Protocol):
    """The latest requests, of one process or of several."""

    def latest(self, most: int) -> Mapping[int, list[RequestOutcome]]:
        """By lane, the newest first, of each so many."""
        ...

    def of_lane(self, lane: int, most: int) -> list[RequestOutcome]:
        """Those of one lane, the newest first."""
        ...


@dataclass(frozen=True, slots=True)
class Outcomes:
    """The last `MOST_OUTCOMES` of all lanes together. To be used in one event loop."""

    _ring: deque[RequestOutcome] = field(default_factory=lambda: deque(maxlen=MOST_OUTCOMES))

    def add(self, outcome: RequestOutcome) -> None:
        self._ring.append(outcome)

    def extend(self, outcomes: Iterable[RequestOutcome]) -> None:
        self._ring.extend(outcomes)

    def last(self, most: int) -> list[RequestOutcome]:
        """So many of all lanes, the newest last."""
        return [*islice(reversed(self._ring), most)][::-1]

    def latest(self, most: int) -> Mapping[int, list[RequestOutcome]]:
        """By lane, the newest first, of each so many."""
        found: dict[int, list[RequestOutcome]] = {}
        for outcome in reversed(self._ring):
            of_lane = found.setdefault(outcome.lane, [])
            if len(of_lane) < most:
                of_lane.append(outcome)
        return found

    def of_lane(self, lane: int, most: int) -> list[RequestOutcome]:
        """Those of one lane, the newest first."""
        found: list[RequestOutcome] = []
        for outcome in reversed(self._ring):
            if outcome.lane == lane:
                found.append(outcome)
                if len(found) == most:
                    break
        return found
