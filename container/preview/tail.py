"""A tail: a look at a sample of the live traffic, at hits that carry no mark. They run live, and nothing is sent.

A hit is drawn by its own number, which is random: of those that are not looked at nothing is read. What is kept is
masked before it is kept, so that nobody can be shown more, whatever they have.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from container.event import Hit
from container.preview.masking import masked

USUAL_PERCENT = 1.0
MOST_A_SECOND = 10
"""Hits that all tails of a process look at in a second, so that those who send hits do not notice."""

MASKED = "masked"
"""Says of a record that it was masked before it was kept."""


@dataclass(eq=False)
class Tail:
    """What a session takes of the live traffic. `let_go`: hits that were drawn, but were too many for their second."""

    percent: float
    let_go: int = 0
    _second: int = -1
    _taken: int = 0

    def draws(self, hit: Hit) -> bool:
        """Whether the hit is of the sample: each by itself, whoever sent it."""
        return int.from_bytes(hit.id[:4]) / 2**32 * 100 < self.percent

    def has_room(self, now: float, tails: int) -> bool:
        """Whether one more may be looked at in this second, and counts it. `tails`: how many share what there is."""
        second = int(now)
        if second != self._second:
            self._second, self._taken = second, 0
        if self._taken >= max(MOST_A_SECOND // tails, 1):
            self.let_go += 1
            return False
        self._taken += 1
        return True

    def told(self) -> dict[str, Any]:
        return {"percent": self.percent, "most_a_second": MOST_A_SECOND, "let_go": self.let_go}


def hidden(record: Mapping[str, Any], known: Collection[str], literals: Collection[str] = ()) -> dict[str, Any]:
    """The record as a tail keeps it. `known`, `literals`: texts of the configuration, as `masked` has them."""
    return {**masked(record, known=known, literals=literals), MASKED: True}
