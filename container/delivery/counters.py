"""What the delivery engine has done since it started, for `/metrics`. Labels come from the configuration only."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

Counted = Literal[
    "delivered", "postponed", "buried", "bisected", "requests", "answered_seconds", "lost_claims", "judge_faults"
]


@dataclass(frozen=True, slots=True)
class Sample:
    """One figure. `type` is the component's; `detail` a reason or a verdict, empty where there is none."""

    name: Counted
    type: str
    detail: str
    value: float


@dataclass(frozen=True, slots=True)
class Counters:
    """Counts only upwards. To be used in one event loop."""

    _figures: Tally[tuple[Counted, str, str]] = field(default_factory=Tally)

    def add(self, name: Counted, type: str, detail: str = "", *, by: float = 1) -> None:
        # A Counter holds floats as well; its type only speaks of whole numbers.
        self._figures[name, type, detail] += by  # type: ignore[assignment]

    def value(self, name: Counted, type: str, detail: str = "") -> float:
        """One figure, 0 before it was ever counted."""
        return self._figures[name, type, detail]

    def samples(self) -> Iterator[Sample]:
        for (name, type, detail), value in sorted(self._figures.items()):  # noqa: A001 - YAML's word for it
            yield Sample(name, type, detail, value)
