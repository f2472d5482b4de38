"""What the delivery engine has done since it started, for `/metrics`. Labels come from the configuration only."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

Counted = Literal[
    "delivered",
    "postponed",
    "buried",
    "bisected",
    "requests",
    "answered_seconds",
    "lost_claims",
    "judge_faults",
    "dropped",
]
Result = tuple[str, str, str]
"""Tag, lane, and what came of the delivery."""

MOST_LANES = 200
OTHER_LANES = "other"
"""Lanes beyond so many are counted together: an account may come from a hit, and there is no end to those."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One figure. `type` is the component's; `detail` a reason or a verdict, empty where there is none."""

    name: Counted
    type: str
    detail: str
    value: float


@dataclass(frozen=True, slots=True)
class Counters:
    """Counts only upwards. To be used in one event loop.

    `verdicts`: deliveries by the verdict of each attempt; `dead`: dead letters by reason.
    """

    _figures: Tally[tuple[Counted, str, str]] = field(default_factory=Tally)
    verdicts: Tally[Result] = field(default_factory=Tally)
    dead: Tally[Result] = field(default_factory=Tally)
    _lanes: set[str] = field(default_factory=set)

    def add(self, name: Counted, type: str, detail: str = "", *, by: float = 1) -> None:
        # A Counter holds floats as well; its type only speaks of whole numbers.
        self._figures[name, type, detail] += by  # type: ignore[assignment]

    def value(self, name: Counted, type: str, detail: str = "") -> float:
        """One figure, 0 before it was ever counted."""
        return self._figures[name, type, detail]

    def samples(self) -> Iterator[Sample]:
        for (name, type, detail), value in sorted(self._figures.items()):  # noqa: A001 - YAML's word for it
            yield Sample(name, type, detail, value)

    def judged(self, lane: str, tags: Mapping[str, int], verdict: str) -> None:
        """An attempt ended with this verdict. `tags`: how many deliveries of each it carried."""
        for tag, number in tags.items():
            self.verdicts[tag, self._bounded(lane), verdict] += number

    def buried(self, lane: str, tags: Mapping[str, int], reason: str) -> None:
        """Deliveries of these tags are dead letters now. A tag that is not known is empty."""
        for tag, number in tags.items():
            self.dead[tag, self._bounded(lane), reason] += number

    def _bounded(self, lane: str) -> str:
        if lane not in self._lanes and len(self._lanes) >= MOST_LANES:
            return OTHER_LANES
        self._lanes.add(lane)
        return lane
