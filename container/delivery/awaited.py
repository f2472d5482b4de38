"""Answers to hits that wait for what a destination answers: found by a delivery's id, for the cookies that it sets.

Nothing of this is part of a delivery. Whoever waits has a limit of their own, and leaves without cookies when nobody
here has heard of the delivery by then: because the destination is slow, or because another process delivers it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from container.delivery.flight import Judged
from container.delivery.policy import Settle
from container.delivery.row import Row
from container.delivery.store import ClaimedRow
from container.effects import SetCookie
from container.set_cookie import cookies_of

MOST_WAITING = 500
"""Deliveries that are waited for. Each keeps a connection open."""

LATE_IN_A_ROW = 3
"""After so many answers of a lane that came too late, one hit at a time waits for it, until one comes in time."""

MOST_LATE = 1000
"""Of so many lanes it is known how late they are; with more it is learnt anew."""

Became = Literal["passed", "none", "failed", "too_late", "crowded", "elsewhere"]
"""What came of waiting: cookies, an answer without any, a delivery that was not taken or cannot leave now, nothing in
time. `crowded`: nobody waited, since others do already; `elsewhere`: other processes deliver."""


class Heard(NamedTuple):
    """What a destination answered to one delivery."""

    became: Became
    cookies: Sequence[SetCookie] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Waiting:
    """Somebody waits for the delivery `row`, until `until` in Unix milliseconds."""

    row: str
    lane: str
    until: int
    done: asyncio.Future[Judged | Became]
    limit: asyncio.TimerHandle
    among: Awaited

    async def heard(self) -> Heard:
        """What came of it, in time at the latest."""
        came = await self.done
        found = Heard(came) if isinstance(came, str) else _told(came)
        self.among.learn(self.lane, found.became)
        return found

    def forget(self) -> None:
        """The delivery was not stored, so nobody will answer it."""
        self.among.end(self, "failed")


@dataclass(slots=True, eq=False)
class Awaited:
    """Who waits for which delivery, in one event loop. `clock`: Unix milliseconds."""

    clock: Callable[[], int]
    _waiting: dict[str, Waiting] = field(default_factory=dict)
    _by_lane: dict[str, dict[str, Waiting]] = field(default_factory=dict)
    _held: Mapping[str, int] = field(default_factory=dict)
    _late: dict[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def expect(self, row: Row, seconds: float) -> Waiting | Heard:
        """Begins to wait for a delivery, before it is stored: it may be answered as soon as it is."""
        lane, until = row.lane.key, self.clock() + round(seconds * 1000)
        others = self._by_lane.get(lane)
        if len(self._waiting) >= MOST_WAITING or (others and self._late.get(lane, 0) >= LATE_IN_A_ROW):
            return Heard("crowded")
        if self._held.get(lane, 0) > until:
            return Heard("failed")
        loop = asyncio.get_running_loop()
        limit = loop.call_later(seconds, self._over, row.id)
        found = Waiting(row.id, lane, until, loop.create_future(), limit, self)
        self._waiting[row.id] = self._by_lane.setdefault(lane, {})[row.id] = found
        return found

    def answered(self, rows: Sequence[ClaimedRow], judged: Judged) -> None:
        """A request came back, or did not."""
        for row in rows if self._waiting else ():
            waiting = self._waiting.get(row.id)
            if waiting is not None:
                # The cookies of an answer to several would be everybody's.
                self.end(waiting, judged if len(rows) == 1 else replace(judged, cookies=()))

    def held(self, lanes: Mapping[str, int]) -> None:
        """These lanes send nothing until then, in Unix milliseconds: who cannot wait as long does not wait at all."""
        self._held = lanes
        if self._waiting:
            self._let_go(
                waiting
                for lane, until in lanes.items()
                for waiting in tuple(self._by_lane.get(lane, {}).values())
                if until > waiting.until
            )

    def hurry(self) -> None:
        """Nobody waits any longer."""
        self._let_go(tuple(self._waiting.values()))

    def learn(self, lane: str, became: Became) -> None:
        """What came of waiting for a lane."""
        if became == "too_late":
            if len(self._late) >= MOST_LATE:
                self._late.clear()
            self._late[lane] = self._late.get(lane, 0) + 1
        elif became in ("passed", "none"):
            self._late.pop(lane, None)

    def end(self, waiting: Waiting, came: Judged | Became) -> None:
        """That is what came of it."""
        waiting.limit.cancel()
        # Whoever waited may be gone.
        if not waiting.done.done():
            waiting.done.set_result(came)
        if self._waiting.pop(waiting.row, None) is not None:
            lane = self._by_lane[waiting.lane]
            del lane[waiting.row]
            if not lane:
                del self._by_lane[waiting.lane]

    def _over(self, row: str) -> None:
        self.end(self._waiting[row], "too_late")

    def _let_go(self, those: Iterable[Waiting]) -> None:
        for waiting in those:
            self.end(waiting, "failed")


def _told(judged: Judged) -> Heard:
    if judged.decision != Settle():
        return Heard("failed")
    found = cookies_of(judged.cookies, now=judged.answer.at)
    return Heard("passed" if found else "none", found)
