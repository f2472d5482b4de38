"""A request under way, and what came back of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from container.delivery.pace import Course
from container.delivery.policy import Decision
from container.delivery.store import Answer, Claimed, ClaimedRow, LaneState
from container.effects import Verdict

_TOO_LARGE = 413


@dataclass(frozen=True, slots=True)
class Flight:
    """A request under way: its rows, their lane, and which of the lane's requests it is.

    `delivered`: where rows that are delivered are kept to be settled together with others; `None`: at once.
    """

    claimed: Claimed
    course: Course
    number: int
    delivered: list[ClaimedRow] | None = None

    @property
    def label(self) -> str:
        """What people call the lane."""
        return str(self.course.lane)


@dataclass(frozen=True, slots=True)
class Judged:
    """What came back, what happens to the rows, and how the lane stands afterwards.

    `told`: whether the store is to hear of it even if it is like those before it. `cookies`: the headers by which the
    answer sets some.
    """

    verdict: Verdict
    answer: Answer
    decision: Decision
    state: LaneState
    told: bool = True
    cookies: Sequence[str] = ()

    @property
    def too_large(self) -> bool:
        return self.verdict.too_large or self.answer.status == _TOO_LARGE
