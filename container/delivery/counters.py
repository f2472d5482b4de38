"""What the delivery engine has done since it started, for `/metrics`. Labels come from the configuration only."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal

from container.delivery.histogram import Histogram

Counted = Literal[
    "delivered",
    "postponed",
    "buried",
    "bisected",
    "requests",
    "resent",
    "lost_claims",
    "judge_faults",
    "dropped",
]
Spread = Literal["vendor_seconds", "batch_size", "lag_seconds"]
Operation = Literal["accept", "write", "read"]
"""What the store was asked for: to take a hit, to write down what became of rows, to read."""

Result = tuple[str, str, str]
"""Tag, lane, and what came of the delivery."""

MOST_LANES = 100
MOST_TYPES = 8
MOST_VERDICTS, MOST_REASONS = 200, 100
OTHER = "other"
"""What is beyond so many is counted together: an account may come from a hit, and there is no end to those.

All the figures of a process together stay below 2,000 series, whatever the configuration says.
"""

BOUNDS: Mapping[Spread, Sequence[float]] = {
    "vendor_seconds": (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
    "batch_size": (1, 2, 5, 10, 50, 100, 250, 500, 1000),
    "lag_seconds": (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0, 86_400.0, 172_800.0),
}
COMMIT_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
COMMIT_SIZES = (1, 2, 5, 10, 20, 50, 100, 250, 500)


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
    spreads: dict[tuple[Spread, str], Histogram] = field(default_factory=dict)
    _lanes: set[str] = field(default_factory=set)
    _types: set[str] = field(default_factory=set)

    def add(self, name: Counted, type: str, detail: str = "", *, by: float = 1) -> None:
        # A Counter holds floats as well; its type only speaks of whole numbers.
        self._figures[name, _bounded(type, self._types, MOST_TYPES), detail] += by  # type: ignore[assignment]

    def value(self, name: Counted, type: str, detail: str = "") -> float:
        """One figure, 0 before it was ever counted."""
        return self._figures[name, type, detail]

    def samples(self) -> Iterator[Sample]:
        for (name, type, detail), value in sorted(self._figures.items()):  # noqa: A001 - YAML's word for it
            yield Sample(name, type, detail, value)

    def answered(self, type: str, *, rows: int, seconds: float) -> None:
        """A request of so many rows is over. A clock that was set back counts as no time."""
        self._spread("batch_size", type).observe(rows)
        self._spread("vendor_seconds", type).observe(max(seconds, 0.0))

    def arrived(self, type: str, first: Sequence[int], *, now: int) -> None:
        """A vendor has taken deliveries of hits that came at these moments, in Unix milliseconds."""
        spread = self._spread("lag_seconds", type)
        for moment in first:
            spread.observe(max(now - moment, 0) / 1000)

    def judged(self, lane: str, tags: Mapping[str, int], verdict: str) -> None:
        """An attempt ended with this verdict. `tags`: how many deliveries of each it carried."""
        for tag, number in tags.items():
            self.verdicts[tag, _bounded(lane, self._lanes, MOST_LANES), verdict] += number

    def buried(self, lane: str, tags: Mapping[str, int], reason: str) -> None:
        """Deliveries of these tags are dead letters now. A tag that is not known is empty."""
        for tag, number in tags.items():
            self.dead[tag, _bounded(lane, self._lanes, MOST_LANES), reason] += number

    def _spread(self, name: Spread, type: str) -> Histogram:
        key = name, _bounded(type, self._types, MOST_TYPES)
        found = self.spreads.get(key)
        if found is None:
            found = self.spreads[key] = Histogram(BOUNDS[name])
        return found


@dataclass(frozen=True, slots=True)
class StoreCounters:
    """What the store has done. Its own thread counts commits and their errors, the event loop everything else."""

    commit_seconds: Histogram = field(default_factory=lambda: Histogram(COMMIT_SECONDS))
    commit_sizes: Histogram = field(default_factory=lambda: Histogram(COMMIT_SIZES))
    errors: Tally[Operation] = field(default_factory=Tally)

    def committed(self, pieces: int, seconds: float) -> None:
        """So many pieces of work, hits and others, are on disk."""
        self.commit_sizes.observe(pieces)
        self.commit_seconds.observe(seconds)


@dataclass(frozen=True, slots=True)
class SpoolFigures:
    """How a spool stands. `holds`: hits go into it. The others count deliveries that were in it.

    `stored`: in the database; `duplicates`: whose key was taken there; `left`: that cannot be forwarded. `leftover`:
    spools that no process has and that hold hits; `unusable`: those of them that cannot be forwarded.
    """

    holds: bool = False
    stored: int = 0
    duplicates: int = 0
    left: int = 0
    leftover: int = 0
    unusable: int = 0


@dataclass(frozen=True, slots=True)
class StoreFigures:
    """How the store stands at this moment. `engine`: what it is, and its version.

    `fill`: by its limits, from 0 to 1. `file_bytes`, `log_bytes`: of the database and its write-ahead log. `queued`:
    pieces of work that wait for their commit, and their bytes. `recovered`, `poisoned`: rows that the last process left
    claimed, which wait again or are dead.
    """

    engine: str
    counters: StoreCounters
    fill: float
    file_bytes: int
    log_bytes: int
    queued: int
    queued_bytes: int
    recovered: int
    poisoned: int
    spool: SpoolFigures = SpoolFigures()


def first_of(figures: Mapping[Result, int], most: int) -> Mapping[Result, int]:
    """The figures that came first, as they are; the others are one per result."""
    shown = dict(islice(figures.items(), most))
    for (*_, result), number in islice(figures.items(), most, None):
        key = OTHER, OTHER, result
        shown[key] = shown.get(key, 0) + number
    return shown


def _bounded(name: str, known: set[str], most: int) -> str:
    if name not in known and len(known) >= most:
        return OTHER
    known.add(name)
    return name
