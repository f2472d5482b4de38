"""One claimed batch from sending to its end: the answer is judged, and what follows from it is written down."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter as Tally
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from container.component import Component
from container.delivery.counters import Counters
from container.delivery.echo import sent_texts
from container.delivery.lane import Lane
from container.delivery.policy import (
    FAILURES_TOLD,
    MOST_FAULTS,
    PROBE_MS,
    Attempt,
    Bisect,
    Bury,
    Decision,
    Postpone,
    Settle,
    decide,
    gives_up,
    hold,
)
from container.delivery.row import Reason
from container.delivery.store import Answer, Claimed, ClaimedRow, LaneState, Mode, Store, StoreError
from container.delivery.told import Told, without_numbers
from container.delivery.told import quoted as quoted
from container.delivery.transport import NoAnswer, Transport
from container.effects import Response, Verdict, by_status, retry_after

log = logging.getLogger("container.delivery")

Judge = Callable[[Response], Verdict]
Judges = Callable[[str, int], Judge | None]
"""From a component's type and a row's format to what reads the answer; `None` when it is not here or is older."""

_MARKED_EVERY_MS = 1000
_STORE_PAUSE_SECONDS = 1.0
_HELD: dict[str, Mode] = {"missing_secret": "missing", "address_refused": "egress"}


def judges_of(components: Iterable[Component]) -> Judges:
    """The judges of the tags among these components: `by_status` where a tag has none of its own."""
    known = {found.type: (found.judge or by_status, found.format) for found in components if found.kind == "tag"}

    def judge(type: str, format: int) -> Judge | None:
        found = known.get(type)
        return found[0] if found is not None and format <= found[1] else None

    return judge


@dataclass(frozen=True, slots=True)
class Handling:
    """What is shared by all requests under way. `states`: how each lane stands, newer than what the store said.

    `lanes`: the lanes by number. `told`: what the log knows already. `trouble`: what the store said, while it fails.
    """

    store: Store
    transport: Transport
    judges: Judges
    counters: Counters
    clock: Callable[[], int]
    random: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
    states: dict[int, LaneState] = field(default_factory=dict)
    marked: dict[int, int] = field(default_factory=dict)
    lanes: dict[int, Lane] = field(default_factory=dict)
    told: Told = field(default_factory=Told)
    trouble: list[str] = field(default_factory=list)

    def label(self, number: int) -> str:
        """What people call the lane."""
        return str(self.lanes[number]) if number in self.lanes else f"lane {number}"

    async def deliver(self, claimed: Claimed) -> None:
        """Sends the batch and sees it through. Cancelled, it gives the rows back."""
        ended = False
        try:
            await self._deliver(claimed)
            ended = True
        except asyncio.CancelledError:
            await self.store.give_back(claimed)
            ended = True
            raise
        finally:
            if not ended:
                # A mistake of ours: the rows are kept, and not tried in a hot loop.
                until = self.clock() + PROBE_MS
                await self.store.postpone(claimed, claimed.rows, until=until, counted=True)

    async def _deliver(self, claimed: Claimed) -> None:
        rows = claimed.rows
        frame = rows[0].frame
        judge = self.judges(frame.type, frame.format)
        if judge is None:
            stated = f'the component "{frame.type}" is not here, or is older than the delivery'
            await self._hold(claimed, "missing", stated)
            return
        started = self.clock()
        answer = await self.transport.send(rows, now=started)
        self.counters.answered(frame.type, rows=len(rows), seconds=(self.clock() - started) / 1000)
        if isinstance(answer, NoAnswer):
            await self._no_answer(claimed, answer)
            return
        verdict, fault = self._verdict(judge, answer, frame.type)
        after = retry_after(answer) if verdict.kind == "retry" and verdict.after is None else verdict.after
        sent = sent_texts(rows)
        verdict = replace(verdict, reason=self.transport.shown(verdict.reason, sent), after=after)
        shown = self.transport.shown(answer.body.decode(errors="replace"), sent)
        decision, state = decide(verdict, self._attempt(claimed, lane_alone=answer.status == 429, fault=fault))
        kind = state.mode if verdict.kind == "credential" else verdict.kind
        stated = "delivery.answered tag=%s rows=%d status=%d verdict=%s"
        log.debug(stated, quoted(rows[0].tag), len(rows), answer.status, kind)
        await self._apply(claimed, decision, state, verdict, Answer(self.clock(), answer.status, kind, shown))

    def _verdict(self, judge: Judge, answer: Response, type: str) -> tuple[Verdict, bool]:
        """The verdict, and whether `judge` raised instead of giving one."""
        try:
            return judge(answer), False
        except Exception as problem:  # noqa: BLE001 - around one judge: a plug-in's mistake must not stop the lane
            self.counters.add("judge_faults", type)
            kind = type_name(problem)
            number = self.told.news(f"judge {type}", kind, now=self.clock())
            if number:
                stated = "delivery.judge_failed type=%s answers=%d problem=%s"
                log.error(stated, quoted(type), number, kind)  # noqa: TRY400 - a trace would hold the answer
            return Verdict("retry", "the answer could not be judged"), True

    async def _no_answer(self, claimed: Claimed, answer: NoAnswer) -> None:
        reason = self.transport.shown(answer.reason)
        mode = _HELD.get(answer.cause)
        if mode is not None:
            # The name of a secret and an address of ours are what the operator has to see.
            await self._hold(claimed, mode, answer.reason)
            return
        verdict = Verdict("retry", reason)
        decision, state = decide(verdict, self._attempt(claimed, lane_alone=True))
        await self._apply(claimed, decision, state, verdict, Answer(self.clock(), 0, "retry", reason))

    async def _hold(self, claimed: Claimed, mode: Mode, reason: str) -> None:
        decision, state = hold(mode, self._attempt(claimed))
        verdict = Verdict("credential", reason)
        await self._apply(claimed, decision, state, verdict, Answer(self.clock(), 0, mode, reason))

    def _attempt(self, claimed: Claimed, *, lane_alone: bool = False, fault: bool = False) -> Attempt:
        return Attempt(
            now=self.clock(),
            items=len(claimed.rows),
            attempts=max(row.attempts for row in claimed.rows),
            lane=self.states.get(claimed.lane, LaneState()),
            random=self.random,
            lane_alone=lane_alone,
            fault=fault,
        )

    async def _apply(
        self, claimed: Claimed, decision: Decision, state: LaneState, verdict: Verdict, answer: Answer
    ) -> None:
        before = self.states.get(claimed.lane, LaneState())
        self.states[claimed.lane] = state
        self.counters.add("requests", claimed.rows[0].frame.type, answer.verdict)
        self._tell(claimed, before, state, verdict)
        due = answer.at >= self.marked.get(claimed.lane, 0) + _MARKED_EVERY_MS
        if due or state != before or verdict.kind != "delivered":
            self.marked[claimed.lane] = answer.at
            await asyncio.gather(
                self._insist(lambda: self._carry_out(claimed, decision, state, verdict)),
                self._insist(lambda: self.store.mark(claimed.lane, state, answer)),
            )
        else:
            await self._insist(lambda: self._carry_out(claimed, decision, state, verdict))

    async def _carry_out(self, claimed: Claimed, decision: Decision, state: LaneState, verdict: Verdict) -> None:
        rows = claimed.rows
        type = rows[0].frame.type  # noqa: A001 - YAML's word for it
        match decision:
            case Settle(refused):
                bad = [row for place, row in enumerate(rows) if place in refused]
                good = [row for place, row in enumerate(rows) if place not in refused]
                if bad:
                    await self._bury(claimed, bad, "refused", verdict.reason)
                    self._judged(claimed, bad, "refused")
                if good:
                    self._count("delivered", type, await self.store.settle(claimed, good), len(good))
                    self._judged(claimed, good, "delivered")
                    self.counters.arrived(type, [row.first for row in good], now=self.clock())
            case Bisect():
                self._count("bisected", type, await self.store.split(claimed, now=self.clock()), len(rows))
                self._judged(claimed, rows, "bisected")
            case Bury(index):
                others = [row for row in rows if row is not rows[index]]
                await self._bury(claimed, [rows[index]], "refused", verdict.reason)
                self._judged(claimed, [rows[index]], "refused")
                if others:
                    await self.store.postpone(claimed, others, until=self.clock(), counted=True)
            case Postpone():
                await self._postpone(claimed, decision, state, verdict)

    async def _postpone(self, claimed: Claimed, decision: Postpone, state: LaneState, verdict: Verdict) -> None:
        now = self.clock()
        taken_back = 0 if decision.counted else 1
        over: dict[Reason, list[ClaimedRow]] = {}
        waiting: list[ClaimedRow] = []
        for row in claimed.rows:
            if decision.fault and row.faults + 1 >= MOST_FAULTS:
                over.setdefault("judge_failed", []).append(row)
            elif state.mode == "open" and gives_up(attempts=row.attempts - taken_back, give_up=row.give_up, now=now):
                over.setdefault("gave_up", []).append(row)
            else:
                waiting.append(row)
        self._judged(claimed, claimed.rows, verdict.kind if state.mode == "open" else state.mode)
        for reason, rows in over.items():
            await self._bury(claimed, rows, reason, verdict.reason)
        if waiting:
            changed = await self.store.postpone(
                claimed, waiting, until=decision.until, counted=decision.counted, fault=decision.fault
            )
            self._count("postponed", claimed.rows[0].frame.type, changed, len(waiting))

    async def _bury(self, claimed: Claimed, rows: Sequence[ClaimedRow], reason: Reason, note: str) -> None:
        changed = await self.store.bury(claimed, rows, reason, note=note, now=self.clock())
        type = claimed.rows[0].frame.type  # noqa: A001 - YAML's word for it
        self.counters.add("buried", type, reason, by=changed)
        self.counters.add("lost_claims", type, by=len(rows) - changed)
        lane = self.label(claimed.lane)
        self.counters.buried(lane, Tally(row.tag for row in rows), reason)
        number = self.told.news(
            f"buried {claimed.lane} {reason}", without_numbers(note), now=self.clock(), number=changed
        )
        if number:
            stated = "delivery.buried tag=%s lane=%s rows=%d reason=%s note=%s"
            log.error(stated, quoted(rows[0].tag), quoted(lane), number, reason, quoted(note))

    def _count(self, name: Literal["delivered", "bisected", "postponed"], type: str, changed: int, rows: int) -> None:
        self.counters.add(name, type, by=changed)
        if changed != rows:
            self.counters.add("lost_claims", type, by=rows - changed)

    def _judged(self, claimed: Claimed, rows: Sequence[ClaimedRow], verdict: str) -> None:
        self.counters.judged(self.label(claimed.lane), Tally(row.tag for row in rows), verdict)

    async def _insist(self, work: Callable[[], Awaitable[None]]) -> None:
        """What came back must not be forgotten: it is written as soon as the store takes it."""
        while True:
            try:
                await work()
            except StoreError as problem:
                self.store_failed(problem)
                await self.sleep(_STORE_PAUSE_SECONDS)
            else:
                self.store_worked()
                return

    def store_failed(self, problem: StoreError) -> None:
        """It is asked again each second, and told of when that is news."""
        self.trouble[:] = [str(problem)]
        if self.told.news("store", str(problem), now=self.clock()):
            log.error("delivery.store_failed reason=%s", quoted(str(problem)))

    def store_worked(self) -> None:
        self.trouble.clear()
        if self.told.over("store"):
            log.warning("delivery.store_works")

    def _tell(self, claimed: Claimed, before: LaneState, state: LaneState, verdict: Verdict) -> None:
        """How the lane stands, when that is news: a lane that fails for a day is told of now and then."""
        first, now = claimed.rows[0], self.clock()
        lane = self.label(claimed.lane)
        tag, shown, wait = quoted(first.tag), quoted(lane), (state.not_before - now) / 1000
        subject = f"lane {claimed.lane}"
        news = state.failures and self.told.news(subject, f"{state.mode} {verdict.reason}", now=now)
        if news and state.mode != "open":
            stated = "delivery.lane_held tag=%s lane=%s mode=%s reason=%s"
            log.error(stated, tag, shown, state.mode, quoted(verdict.reason))
        elif news:
            stated = "delivery.postponed tag=%s lane=%s rows=%d attempt=%d in=%.0fs reason=%s"
            nth = max(first.attempts, state.failures)
            log.warning(stated, tag, shown, len(claimed.rows), nth, wait, quoted(verdict.reason))
        elif not state.failures and (self.told.over(subject) or before.failures or before.mode != "open"):
            was = "failing" if before.mode == "open" else before.mode
            log.warning("delivery.lane_open tag=%s lane=%s was=%s", tag, shown, was)
        if state.failures == FAILURES_TOLD and state.mode == "open":
            stated = "delivery.lane_failing tag=%s lane=%s failures=%d reason=%s"
            log.error(stated, tag, shown, state.failures, quoted(verdict.reason))
        if verdict.kind == "delivered" and verdict.reason:
            self._remark(claimed, verdict)

    def _remark(self, claimed: Claimed, verdict: Verdict) -> None:
        """What the vendor took and has something to say about."""
        lane, number = self.label(claimed.lane), len(claimed.rows)
        state = without_numbers(verdict.reason)
        told = self.told.news(f"remarked {claimed.lane}", state, now=self.clock(), number=number)
        if told:
            stated = "delivery.remarked tag=%s lane=%s rows=%d reason=%s"
            log.warning(stated, quoted(claimed.rows[0].tag), quoted(lane), told, quoted(verdict.reason))


def type_name(problem: Exception) -> str:
    """The kind of a mistake in a plug-in, for its author; its text might hold what the vendor said."""
    return type(problem).__name__
