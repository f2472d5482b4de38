"""What follows from an answer. Pure: a table from verdict, lane and age to a decision, with chance passed in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from container.delivery.store import LaneState, Mode
from container.effects import LONGEST_WAIT_SECONDS, SHORTEST_WAIT_SECONDS, Verdict

FIRST_DELAY_MS, LONGEST_DELAY_MS = 5_000, 15 * 60 * 1000
PROBE_MS = 5 * 60 * 1000
"""A lane that holds still is tried so often."""

SOON_MS, SOON_FAILURES = 60_000, 100
"""A lane that fails is tried at least so often, until it has failed so many times in a row, which takes an hour or so.
Then as often as one that holds still: it goes on soon after its vendor is back, and does not hammer."""

PROBE_ITEMS = 10
"""While a lane recovers a request holds no more than this."""

FEWEST_ATTEMPTS = 3
"""No row is given up before, and no batch is kept together after."""

FAILURES_TOLD = 20
"""So many failures in a row (ten minutes or so), and the operator is told that somebody must act."""

_HELD: Mapping[str, Mode] = {"key": "credential", "address": "address"}
_UNTIL_DELIVERED = frozenset({*_HELD.values(), "refusing"})
"""Of these only an answer to the content shows that they are over."""

MOST_FAULTS = 3
"""So many answers that `judge` raised on, and the row is dead."""


@dataclass(frozen=True, slots=True)
class Settle:
    """Delivered, all but the rows at the places in `refused`, and in `again`, which wait until then."""

    refused: tuple[int, ...] = ()
    again: tuple[int, ...] = ()
    until: int = 0


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

    `lane_alone`: the rows cannot be the cause (no connection, 429). `random`: uniform between 0 and 1. `stale`: the
    lane has failed since the request left, so that a good answer is none about how it stands now.
    """

    now: int
    items: int
    attempts: int
    lane: LaneState
    random: Callable[[], float]
    lane_alone: bool = False
    fault: bool = False
    stale: bool = False


def decide(verdict: Verdict, attempt: Attempt) -> tuple[Decision, LaneState]:
    """What happens to the rows of a request, and how its lane stands afterwards."""
    match verdict.kind:
        case "delivered":
            settle = _settle(verdict, attempt)
            return settle, _answered(attempt, delivered=len(settle.refused) + len(settle.again) < attempt.items)
        case "refused":
            return _refused(verdict.index, attempt.items), _answered(attempt, delivered=False)
        case "credential":
            return hold(_HELD[verdict.about], attempt)
        case "retry":
            return _retry(verdict.after, attempt)


def hold(mode: Mode, attempt: Attempt) -> tuple[Postpone, LaneState]:
    """The lane holds still and keeps its rows; it is probed every five minutes, and when the configuration is read."""
    return Postpone(attempt.now, counted=False), held(mode, attempt)


def held(mode: Mode, attempt: Attempt) -> LaneState:
    """How a lane stands that holds still."""
    return LaneState(mode, attempt.now + PROBE_MS, _failures(attempt))


def gives_up(*, attempts: int, give_up: int, now: int) -> bool:
    """Whether a row has waited long enough and was tried often enough. `attempts`: those that count against it."""
    return now > give_up and attempts >= FEWEST_ATTEMPTS


def delay(nth: int, random: Callable[[], float]) -> int:
    """Milliseconds before the nth retry: anything up to a bound that doubles, so that lanes never march in step."""
    return round(random() * _bound(nth, LONGEST_DELAY_MS))


def lane_delay(failures: int, random: Callable[[], float]) -> int:
    """Milliseconds before a lane is tried again that has failed so many times in a row."""
    return round(random() * _bound(failures, SOON_MS if failures <= SOON_FAILURES else PROBE_MS))


def _bound(nth: int, longest: int) -> int:
    return min(longest, FIRST_DELAY_MS << min(max(nth, 1) - 1, 20))


def _settle(verdict: Verdict, attempt: Attempt) -> Settle:
    """A place that is none, or stands twice, is no place; one that is refused is not tried again."""
    refused = tuple(place for place in range(attempt.items) if place in verdict.refused)
    again = tuple(place for place in range(attempt.items) if place in verdict.again and place not in refused)
    return Settle(refused, again, attempt.now + delay(attempt.attempts, attempt.random) if again else 0)


def _answered(attempt: Attempt, *, delivered: bool) -> LaneState:
    """The vendor has read what it was sent. A lane that it refuses opens with the first row that is delivered."""
    if attempt.lane.mode == "refusing" and not delivered:
        return held("refusing", attempt)
    return attempt.lane if attempt.stale else LaneState()


def _failures(attempt: Attempt) -> int:
    """In a row; those of requests that were under way together are one."""
    return max(attempt.lane.failures, 1) if attempt.stale else attempt.lane.failures + 1


def _refused(index: int | None, items: int) -> Decision:
    if items == 1:
        return Bury(0)
    return Bury(index) if index is not None and 0 <= index < items else Bisect()


def _retry(after: float | None, attempt: Attempt) -> tuple[Decision, LaneState]:
    """A first failure counts against the rows, further ones in a row are the lane's.

    So an outage takes no attempts away, and a row on which the vendor stumbles each time does not live for ever,
    whether or not it asks for a wait. A batch on which it stumbles again and again, while others get through, is
    split: one of its rows is to blame.
    """
    failures = _failures(attempt)
    # Whatever else was missing is there, since the request could be made; of key and address nothing is known yet.
    mode: Mode = attempt.lane.mode if attempt.lane.mode in _UNTIL_DELIVERED else "open"
    counted = attempt.fault or not (attempt.lane_alone or attempt.lane.failures)
    wait = lane_delay(failures, attempt.random)
    if after is not None:
        wait = round(min(max(after, SHORTEST_WAIT_SECONDS), LONGEST_WAIT_SECONDS) * 1000)
    # What was asked for by an answer that came in between still holds.
    lane_until = max(attempt.now + wait, attempt.lane.not_before)
    if counted and not attempt.fault and attempt.items > 1 and attempt.attempts >= FEWEST_ATTEMPTS:
        return Bisect(), LaneState(mode, lane_until, failures)
    until = attempt.now + delay(attempt.attempts, attempt.random) if counted else lane_until
    if after is not None:
        # When the vendor said; a row on which it stumbles each time waits for longer, and lets others through.
        until = lane_until if attempt.attempts == 1 else max(until, lane_until)
    return Postpone(until, counted=counted, fault=attempt.fault), LaneState(mode, lane_until, failures)
