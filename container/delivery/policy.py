"""What follows from an answer. Pure: a table from verdict, lane and age to a decision, with chance passed in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from container.delivery.store import LaneState, Mode
from container.effects import LONGEST_WAIT_SECONDS, SHORTEST_WAIT_SECONDS, Verdict

FIRST_DELAY_MS, LONGEST_DELAY_MS = 5_000, 15 * 60 * 1000
PROBE_MS = 5 * 60 * 1000
"""A lane that holds still is tried so often."""

PROBE_ITEMS = 10
"""While a lane recovers a request holds no more than this."""

FEWEST_ATTEMPTS = 3
"""No row is given up before, and no batch is kept together after."""

FAILURES_TOLD = 8
"""So many failures in a row (ten minutes or so), and the operator is told that somebody must act."""

MOST_FAULTS = 3
"""So many answers that `judge` raised on, and the row is dead."""


@dataclass(frozen=True, slots=True)
class Settle:
    """Delivered, all but the rows at the places in `refused`."""

    refused: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Postpone:
    """The rows wait until then. Not `counted`: the lane failed, the rows are not to blame. `fault`: `judge` raised."""

    until: int
    counted: bool
    fault: bool = False


@dataclass(frozen=True, slots=True)
class Bury:
    """The row at `index` is refused; the others go again at once."""

    index: int


@dataclass(frozen=True, slots=True)
class Bisect:
    """One of the rows is to blame, and nobody said which."""


Decision = Settle | Postpone | Bury | Bisect


@dataclass(frozen=True, slots=True)
class Attempt:
    """What is known when an answer has been judged. `items`: rows in the request; `attempts`: the most of any of them.

    `lane_alone`: the rows cannot be the cause (no connection, 429). `random`: uniform between 0 and 1.
    """

    now: int
    items: int
    attempts: int
    lane: LaneState
    random: Callable[[], float]
    lane_alone: bool = False
    fault: bool = False


def decide(verdict: Verdict, attempt: Attempt) -> tuple[Decision, LaneState]:
    """What happens to the rows of a request, and how its lane stands afterwards."""
    match verdict.kind:
        case "delivered":
            return Settle(verdict.refused), LaneState()
        case "refused":
            return _refused(verdict.index, attempt.items), LaneState()
        case "credential":
            return hold("credential", attempt)
        case "retry":
            return _retry(verdict.after, attempt)


def hold(mode: Mode, attempt: Attempt) -> tuple[Postpone, LaneState]:
    """The lane holds still and keeps its rows; it is probed every five minutes, and when the configuration is read."""
    until = attempt.now + PROBE_MS
    return Postpone(attempt.now, counted=False), LaneState(mode, until, attempt.lane.failures + 1)


def gives_up(*, attempts: int, give_up: int, now: int) -> bool:
    """Whether a row has waited long enough and was tried often enough. `attempts`: those that count against it."""
    return now > give_up and attempts >= FEWEST_ATTEMPTS


def delay(nth: int, random: Callable[[], float]) -> int:
    """Milliseconds before the nth retry: anything up to a bound that doubles, so that lanes never march in step."""
    bound = min(LONGEST_DELAY_MS, FIRST_DELAY_MS << min(max(nth, 1) - 1, 20))
    return round(random() * bound)


def _refused(index: int | None, items: int) -> Decision:
    if items == 1:
        return Bury(0)
    return Bury(index) if index is not None and 0 <= index < items else Bisect()


def _retry(after: float | None, attempt: Attempt) -> tuple[Decision, LaneState]:
    """A first failure counts against the rows, further ones in a row are the lane's.

    So an outage takes no attempts away, and a row on which the vendor stumbles each time does not live for ever. A
    batch on which it stumbles again and again, while others get through, is split: one of its rows is to blame.
    """
    failures = attempt.lane.failures + 1
    # Whatever else was missing is there, since the request could be made; of the key nothing is known yet.
    mode: Mode = "credential" if attempt.lane.mode == "credential" else "open"
    if after is not None:
        until = attempt.now + round(min(max(after, SHORTEST_WAIT_SECONDS), LONGEST_WAIT_SECONDS) * 1000)
        return Postpone(until, counted=False, fault=attempt.fault), LaneState(mode, until, failures)
    lane_until = attempt.now + delay(failures, attempt.random)
    counted = attempt.fault or not (attempt.lane_alone or attempt.lane.failures)
    if counted and not attempt.fault and attempt.items > 1 and attempt.attempts >= FEWEST_ATTEMPTS:
        return Bisect(), LaneState(mode, lane_until, failures)
    until = attempt.now + delay(attempt.attempts, attempt.random) if counted else lane_until
    return Postpone(until, counted=counted, fault=attempt.fault), LaneState(mode, lane_until, failures)
