"""Whether this process should get traffic. A vendor that is down is no reason to say no: its rows wait on disk."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from container.delivery.disk import GIVEN_UP_SECONDS, NO_SPACE, NOT_WRITTEN
from container.delivery.levels import ADMITTED_BELOW, NEARLY_FULL
from container.delivery.remedies import advice
from container.delivery.store import LaneReport, Mode, Store, StoreError
from container.delivery.told import quoted
from container.web.current import Current
from container.web.looks import Looks
from container.web.noticed import Noticed

RECENT_SECONDS = 10.0
"""A failed commit counts for so long. Then hits are let in again, since only a hit can find out whether it works."""

ANSWERS_WITHIN_SECONDS = 0.8
"""A store that hangs makes nobody wait longer: probes usually wait for a second, and have to get an answer."""

MOST_REASONS = 50

HOLDS: Mapping[Mode, str] = {
    "credential": "the vendor refuses its key",
    "address": "its address is wrong, or has moved",
    "missing": "a secret or a component is not there",
    "egress": "nothing may be sent to its address",
    "refusing": "the vendor refuses most of what it is sent",
}
"""Why a lane holds still, as the end of a sentence."""

logger = logging.getLogger("container.web")


class Others(Protocol):
    """The processes that take hits or deliver in place of this one."""

    def reasons(self) -> Sequence[str]:
        """Why none of them should get traffic."""
        ...

    def notices(self) -> Sequence[str]:
        """What somebody should look after there."""
        ...


@dataclass(slots=True)
class Health:
    """What is known about the process. `clock` is monotonic, in seconds.

    `trouble`: why the store cannot be written to, empty while it can. `overload`: that hits are refused because more
    come than are taken, as a sentence, empty while all are. `notices`: what somebody should look after in the data
    folder, as sentences. `noticed`: what hits show about whatever stands in front of us. `others`: set where this
    process stands for several. `looks`: what is asked of the store. `spools`: hits are taken while it says nothing.
    """

    clock: Callable[[], float] = time.monotonic
    draining: bool = False
    trouble: Callable[[], str] = str
    overload: Callable[[], str] = str
    notices: Callable[[], Sequence[str]] = tuple
    noticed: Noticed = field(default_factory=Noticed)
    others: Others | None = None
    looks: Looks = field(default_factory=Looks)
    spools: bool = False
    _failure: str = ""
    _failed_at: float = 0.0

    def store_failed(self, reason: str) -> None:
        """A hit could not be written; logged once, until one can be again."""
        if not self._failure:
            told = f"{reason}.{advice(reason)}" if advice(reason) else reason
            logger.error("store.failed reason=%s hits=refused", quoted(told))
        self._failure, self._failed_at = reason, self.clock()

    def store_worked(self) -> None:
        """A hit was written."""
        if self._failure:
            logger.warning("store.works after=%s", quoted(self._failure))
            self._failure = ""

    @property
    def failing(self) -> str:
        """Why hits are refused by the store, empty while they are not."""
        recent = self._failure if self.clock() - self._failed_at < RECENT_SECONDS else ""
        return recent or self.trouble()

    def reasons(self) -> list[str]:
        """Why no traffic should come, as sentences; empty when it may."""
        found = []
        if self.draining:
            found.append("The process is shutting down.")
        if failing := self.failing:
            found.append(_refusing(failing))
        # Of what holds for all of them, each sentence once.
        found += [each for each in (() if self.others is None else self.others.reasons()) if each not in found]
        return found


def _refusing(trouble: str) -> str:
    """That hits are refused because of the disk or the database, and what to do about it."""
    then = advice(trouble)
    if trouble == NO_SPACE:
        then = " Make room on the disk: hits are taken again by themselves, without a restart."
    elif trouble.startswith(NOT_WRITTEN):
        then = f" Look at the disk: once it has failed for {GIVEN_UP_SECONDS:.0f} seconds the process ends."
    return f"The store does not take deliveries ({trouble}).{then}"


async def not_ready(health: Health, store: Store, *, answers_within: float = ANSWERS_WITHIN_SECONDS) -> list[str]:
    """`Health.reasons`, whether the store answers at all, and whether it fills up."""
    found = health.reasons()
    found += fill_reasons(store.fill)
    if health.failing:
        # It would only say so once more, and perhaps late.
        return found
    try:
        await health.looks.at("waiting", store.waiting, within=answers_within)
    except StoreError as problem:
        found.append(f"The store does not answer ({problem}).")
    except TimeoutError:
        if not health.spools:
            found.append(f"The store does not answer (nothing within {answers_within:g} s).")
    return found


def fill_reasons(fill: float) -> list[str]:
    """What a store that is nearly full still takes, as a sentence. `fill`: from 0 to 1."""
    return [fill_reason(fill)] if fill >= NEARLY_FULL else []


def fill_reason(fill: float) -> str:
    """The same of one that is."""
    if fill >= ADMITTED_BELOW[0]:
        return "The store is full, and hits are refused."
    refused = "test events" if fill < ADMITTED_BELOW[1] else "test events and GA4's automatic events"
    return f"The store is {int(fill * 100)} % full, and {refused} are refused."


def refusal_reasons(current: Current) -> list[str]:
    """That the file which is there is not the one in force, as a sentence with its first problem."""
    refusal = current.refusal
    if refusal is None:
        return []
    often = "" if refusal.times == 1 else f" ({refusal.times} times in a row)"
    first = refusal.first.rstrip(".")
    number = "" if refusal.problems == 1 else f" It has {refusal.problems} errors, of which this is the first."
    return [
        (
            f'A reload of "{refusal.file}" was refused at {moment(refusal.at)}{often}: {first}.{number} '
            f"Version {current.container.version} goes on."
        )
    ]


def attention(current: Current, health: Health, lanes: Sequence[LaneReport], *, now: int) -> list[str]:
    """What somebody should look after, as sentences. No reason to send traffic elsewhere. `now`: Unix milliseconds."""
    overload = health.overload()
    return [
        *refusal_reasons(current),
        *([overload] if overload else ()),
        *health.notices(),
        *health.noticed.sentences(),
        *(() if health.others is None else health.others.notices()),
        *lane_reasons(lanes, now=now),
    ]


def lane_reasons(lanes: Sequence[LaneReport], *, now: int) -> list[str]:
    """What somebody should look after, as sentences: lanes that hold still, fail, or have dead letters.

    No reason to send traffic elsewhere: their deliveries are on disk. `now`: Unix milliseconds.
    """
    told = [sentence for report in lanes for sentence in _lane_reasons(report, now)]
    if len(told) > MOST_REASONS:
        return [*told[:MOST_REASONS], f"{len(told) - MOST_REASONS} more are on the admin page."]
    return told


def _lane_reasons(report: LaneReport, now: int) -> Iterator[str]:
    lane = f'Lane {report.number} "{report.lane}"'
    waiting = f"{counted(report.waiting, 'delivery', 'deliveries')} waiting"
    if report.claimed:
        waiting = f"{report.claimed} in flight, {report.waiting} waiting"
    said = report.answer.excerpt if report.answer is not None else ""
    because = f": {said}" if said else ""
    if report.paused:
        yield f"{lane} is paused by an operator, {waiting}."
    elif report.state.mode != "open":
        yield f"{lane} holds still, because {HOLDS[report.state.mode]}{because} ({waiting})."
    elif report.state.failures:
        failed = counted(report.state.failures, "time", "times")
        yield f"{lane} has failed {failed} in a row{because} ({_next_attempt(report, now)}, {waiting})."
    if report.dead:
        yield f"{lane} has {counted(report.dead, 'dead letter', 'dead letters')}."


def _next_attempt(report: LaneReport, now: int) -> str:
    seconds = max(report.state.not_before - now, 0) // 1000
    if report.claimed:
        return "being tried"
    return f"next attempt in {seconds} s" if seconds else "next attempt now"


def moment(milliseconds: int) -> str:
    """`2026-01-01 10:00:00 UTC`."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(milliseconds / 1000))


def counted(number: int, one: str, many: str) -> str:
    """`1 delivery`, `2 deliveries`."""
    return f"{number} {one if number == 1 else many}"
