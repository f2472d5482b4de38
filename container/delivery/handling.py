"""One claimed batch from sending to its end: the answer is judged, and what follows from it is written down."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter as Tally
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeVar

from container.delivery.awaited import Awaited
from container.delivery.counters import Counters
from container.delivery.echo import sent_texts
from container.delivery.flight import Flight, Judged
from container.delivery.judging import Judge, Judges, checked, type_name
from container.delivery.outcomes import Outcomes, RequestOutcome
from container.delivery.pace import NEVER
from container.delivery.policy import (
    FAILURES_TOLD,
    MOST_FAULTS,
    Attempt,
    Bisect,
    Bury,
    Postpone,
    Settle,
    decide,
    gives_up,
    held,
    hold,
)
from container.delivery.remedies import advice
from container.delivery.row import Reason
from container.delivery.sender import Sender
from container.delivery.store import Answer, ClaimedRow, LaneState, Mode, Store, StoreError
from container.delivery.suspects import FEW_REFUSED, Suspects
from container.delivery.told import Repeats, Told, quoted, without_numbers
from container.delivery.transport import NoAnswer
from container.effects import Response, Verdict, retry_after

log = logging.getLogger("container.delivery")

T = TypeVar("T")

_MARKED_EVERY_MS = 1000
_STORE_PAUSE_SECONDS = 1.0
_HELD: dict[str, Mode] = {"missing_secret": "missing", "address_refused": "egress"}


@dataclass(frozen=True, slots=True)
class Handling:
    """What is shared by all requests under way.

    `told`, `repeats`: what the log knows already. `trouble`: what the store said, while it fails.
    `outcomes`: of the latest. `suspects`: among which rows bad ones are searched for. `awaited`: who waits for answers.
    """

    store: Store
    transport: Sender
    judges: Judges
    counters: Counters
    clock: Callable[[], int]
    random: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
    awaited: Awaited
    told: Told = field(default_factory=Told)
    repeats: Repeats = field(default_factory=Repeats)
    trouble: list[str] = field(default_factory=list)
    outcomes: Outcomes = field(default_factory=Outcomes)
    suspects: Suspects = field(default_factory=Suspects)

    async def deliver(self, flight: Flight) -> None:
        """Sends the batch and sees it through. Cancelled, or when it raises, the rows stay claimed."""
        rows = flight.claimed.rows
        frame = rows[0].frame
        judge = self.judges(frame.type, frame.format)
        if judge is None:
            stated = f'the component "{frame.type}" is not here, or is older than the delivery'
            await self._hold(flight, "missing", stated)
            return
        started = self.clock()
        answer = await self.transport.send(rows, now=started, resent=lambda: self._resent(flight))
        took = self.clock() - started
        flight.course.answered_in = NEVER if isinstance(answer, NoAnswer) else took
        self.counters.answered(frame.type, rows=len(rows), seconds=took / 1000)
        if isinstance(answer, NoAnswer):
            await self._no_answer(flight, answer)
            return
        verdict, fault = self._verdict(judge, answer, frame.type)
        after = retry_after(answer) if verdict.kind == "retry" and verdict.after is None else verdict.after
        # What nobody will read is not made fit to be read: it would cost more than the delivery.
        told = not _is_plain(verdict) or self._is_told(flight, self.clock())
        sent = sent_texts(rows) if told else frozenset[str]()
        verdict = replace(verdict, reason=self.transport.shown(verdict.reason, sent), after=after)
        shown = self.transport.shown(answer.body.decode(errors="replace"), sent) if told else ""
        decision, state = decide(verdict, self._attempt(flight, lane_alone=answer.status == 429, fault=fault))
        kind = state.mode if verdict.kind == "credential" else verdict.kind
        stated = "delivery.answered tag=%s rows=%d status=%d verdict=%s"
        log.debug(stated, quoted(rows[0].tag), len(rows), answer.status, kind)
        tried = Answer(self.clock(), answer.status, kind, shown)
        await self._apply(flight, Judged(verdict, tried, decision, state, told, answer.set_cookie))

    def _verdict(self, judge: Judge, answer: Response, type: str) -> tuple[Verdict, bool]:
        """The verdict, and whether `judge` raised instead of giving one."""
        try:
            return checked(judge(answer)), False
        except Exception as problem:  # noqa: BLE001 - around one judge: a plug-in's mistake must not stop the lane
            self.counters.add("judge_faults", type)
            kind = type_name(problem)

            def line(answers: int, _since: str) -> None:
                stated = "delivery.judge_failed type=%s answers=%d problem=%s"
                log.error(stated, quoted(type), answers, kind)  # noqa: TRY400 - a trace would hold the answer

            self.repeats.happened(f"judge {type}", kind, line, now=self.clock())
            return Verdict("retry", "the answer could not be judged"), True

    async def _no_answer(self, flight: Flight, answer: NoAnswer) -> None:
        reason = self.transport.shown(answer.reason)
        mode = _HELD.get(answer.cause)
        if mode is not None:
            # The name of a secret and an address of ours are what the operator has to see.
            await self._hold(flight, mode, answer.reason)
            return
        verdict = Verdict("retry", reason)
        decision, state = decide(verdict, self._attempt(flight, lane_alone=True))
        await self._apply(flight, Judged(verdict, Answer(self.clock(), 0, "retry", reason), decision, state))

    async def _hold(self, flight: Flight, mode: Mode, reason: str) -> None:
        decision, state = hold(mode, self._attempt(flight))
        verdict = Verdict("credential", reason)
        await self._apply(flight, Judged(verdict, Answer(self.clock(), 0, mode, reason), decision, state))

    def _resent(self, flight: Flight) -> None:
        """A connection that had been idle was gone: the request left once more."""
        self.counters.add("resent", flight.claimed.rows[0].frame.type)
        flight.course.charge(self.clock())

    def _attempt(self, flight: Flight, *, lane_alone: bool = False, fault: bool = False) -> Attempt:
        rows = flight.claimed.rows
        return Attempt(
            now=self.clock(),
            items=len(rows),
            attempts=max(row.attempts for row in rows),
            lane=flight.course.state,
            random=self.random,
            lane_alone=lane_alone,
            fault=fault,
            stale=flight.course.is_stale(flight.number),
        )

    async def _apply(self, flight: Flight, judged: Judged) -> None:
        course, answer, before = flight.course, judged.answer, flight.course.state
        claimed = flight.claimed
        # A visitor waits: before anything is written down.
        self.awaited.answered(claimed.rows, judged)
        self.counters.add("requests", course.lane.type, answer.verdict)
        self.outcomes.add(RequestOutcome(answer.at, claimed.lane, len(claimed.rows), answer.status, answer.verdict))
        refused = self._learn(flight, judged)
        if refused and judged.state.mode == "open" and course.refuses:
            judged = replace(judged, state=held("refusing", self._attempt(flight)))
        course.stands(judged.state, answer.at)
        self._tell(flight, before, judged)
        if judged.told or judged.state != before:
            course.marked = answer.at
            await asyncio.gather(
                self._carry_out(flight, judged),
                self._insist(lambda: self.store.mark(flight.claimed.lane, judged.state, answer)),
            )
        else:
            await self._carry_out(flight, judged)

    def _is_told(self, flight: Flight, now: int) -> bool:
        """Whether the store is to hear of an answer that is like those before it."""
        course = flight.course
        return now >= course.marked + _MARKED_EVERY_MS or course.state != LaneState()

    def _learn(self, flight: Flight, judged: Judged) -> int:
        """What the answer says of the lane's rows and batches; how many rows were refused, each for itself.

        A half of a batch, whose rows were all tried before, says nothing of how large a batch may be.
        """
        rows, course, decision = flight.claimed.rows, flight.course, judged.decision
        if isinstance(decision, Bisect):
            if judged.too_large and any(row.attempts == 1 for row in rows):
                course.too_large(len(rows), self.clock())
            return 0
        if isinstance(decision, Postpone):
            return 0
        refused = 1 if isinstance(decision, Bury) else len(decision.refused)
        delivered = len(rows) - refused - len(decision.again) if isinstance(decision, Settle) else 0
        course.ended(delivered=delivered, refused=refused)
        return refused

    async def _carry_out(self, flight: Flight, judged: Judged) -> None:
        claimed, rows, tried = flight.claimed, flight.claimed.rows, judged.answer
        match judged.decision:
            case Settle():
                await self._settle(flight, judged, judged.decision)
            case Bisect():
                # They keep their place in the queue, so that the one to blame is found before the next batch leaves.
                first, later = rows[0].first, self._later(flight, judged)
                changed = await self._insist(lambda: self.store.split(claimed, now=first, later=later, tried=tried))
                self._count("bisected", flight, changed, len(rows))
                self._judged(flight, rows[:changed], "bisected")
                if later is not None:
                    return
            case Bury(index):
                others = [row for row in rows if row is not rows[index]]
                buried = await self._bury(flight, [rows[index]], "refused", judged)
                self._judged(flight, [rows[index]][:buried], "refused")
                if others:
                    now = self.clock()
                    await self._insist(
                        lambda: self.store.postpone(claimed, others, until=now, counted=True, tried=tried)
                    )
            case Postpone():
                self._judged(flight, rows, judged.verdict.kind if judged.state.mode == "open" else judged.state.mode)
                await self._postpone(flight, rows, judged.decision, judged)
        found = self.suspects.answered(claimed, taken=judged.decision == Settle(), due=rows[0].first)
        if found is not None:
            await self._insist(lambda: self.store.regroup(found.parts, held=found.held))

    def _later(self, flight: Flight, judged: Judged) -> int | None:
        """When the second half is due; `None`: now, as what is too large or stumbled on is no single row's fault."""
        if judged.verdict.kind != "refused" or judged.too_large or flight.course.refused_lately > FEW_REFUSED:
            return None
        return self.suspects.refused(flight.claimed, now=self.clock())

    async def _settle(self, flight: Flight, judged: Judged, decision: Settle) -> None:
        places = list(enumerate(flight.claimed.rows))
        bad = [row for place, row in places if place in decision.refused]
        again = [row for place, row in places if place in decision.again]
        good = [row for place, row in places if place not in decision.refused and place not in decision.again]
        if bad:
            buried = await self._bury(flight, bad, "refused", judged)
            self._judged(flight, bad[:buried], "refused")
        if again:
            await self._postpone(flight, again, Postpone(decision.until, counted=True), judged)
            self._judged(flight, again, "retry")
        if good and flight.delivered is not None:
            flight.delivered.extend(good)
        elif good:
            await self.settle(flight, good)

    async def settle(self, flight: Flight, rows: Sequence[ClaimedRow]) -> None:
        """The rows are delivered, and that is written down."""
        settled = await self._insist(lambda: self.store.settle(flight.claimed, rows))
        self.repeats.went_well(f"buried {flight.claimed.lane}", now=self.clock())
        self._count("delivered", flight, settled, len(rows))
        self._judged(flight, rows, "delivered")
        self.counters.arrived(flight.course.lane.type, [row.first for row in rows], now=self.clock())

    async def _postpone(self, flight: Flight, rows: Sequence[ClaimedRow], decision: Postpone, judged: Judged) -> None:
        """The rows wait, and those that are old enough are given up, unless their lane holds still."""
        now = self.clock()
        taken_back = 0 if decision.counted else 1
        over: dict[Reason, list[ClaimedRow]] = {}
        waiting: list[ClaimedRow] = []
        for row in rows:
            attempts = row.attempts - taken_back
            if decision.fault and row.faults + 1 >= MOST_FAULTS:
                over.setdefault("judge_failed", []).append(row)
            elif judged.state.mode == "open" and gives_up(attempts=attempts, give_up=row.give_up, now=now):
                over.setdefault("gave_up", []).append(row)
            else:
                waiting.append(row)
        for why, dead in over.items():
            await self._bury(flight, dead, why, judged)
        if waiting:
            changed = await self._insist(
                lambda: self.store.postpone(
                    flight.claimed,
                    waiting,
                    until=decision.until,
                    counted=decision.counted,
                    fault=decision.fault,
                    tried=judged.answer,
                )
            )
            self._count("postponed", flight, changed, len(waiting))

    async def _bury(self, flight: Flight, rows: Sequence[ClaimedRow], reason: Reason, judged: Judged) -> int:
        """How many of them were still ours to bury."""
        claimed, lane, note, now = flight.claimed, flight.label, judged.verdict.reason, self.clock()
        tag = rows[0].tag
        changed = await self._insist(
            lambda: self.store.bury(claimed, rows, reason, note=note, now=now, tried=judged.answer)
        )
        self.counters.add("buried", flight.course.lane.type, reason, by=changed)
        self.counters.add("lost_claims", flight.course.lane.type, by=len(rows) - changed)
        self.counters.buried(lane, Tally(row.tag for row in rows[:changed]), reason)

        def line(number: int, since: str) -> None:
            stated = "delivery.buried tag=%s lane=%s rows=%d reason=%s note=%s since=%s"
            log.error(stated, quoted(tag), quoted(lane), number, reason, quoted(note), quoted(since))

        kind = f"{reason} {without_numbers(note)}"
        self.repeats.happened(f"buried {claimed.lane}", kind, line, now=self.clock(), number=changed)
        return changed

    def _count(
        self, name: Literal["delivered", "bisected", "postponed"], flight: Flight, changed: int, rows: int
    ) -> None:
        self.counters.add(name, flight.course.lane.type, by=changed)
        if changed != rows:
            self.counters.add("lost_claims", flight.course.lane.type, by=rows - changed)

    def _judged(self, flight: Flight, rows: Sequence[ClaimedRow], verdict: str) -> None:
        self.counters.judged(flight.label, Tally(row.tag for row in rows), verdict)

    async def _insist(self, work: Callable[[], Awaitable[T]]) -> T:
        """What came back must not be forgotten: it is written as soon as the store takes it.

        `work`: one piece, so that nothing of what follows from it is done twice.
        """
        while True:
            try:
                done = await work()
            except StoreError as problem:
                self.store_failed(problem)
                await self.sleep(_STORE_PAUSE_SECONDS)
            else:
                self.store_worked()
                return done

    def store_failed(self, problem: StoreError) -> None:
        """It is asked again each second, and told of when that is news."""
        self.trouble[:] = [str(problem)]
        if self.told.news("store", str(problem), now=self.clock()):
            told = f"{problem}.{advice(str(problem))}" if advice(str(problem)) else str(problem)
            log.error("delivery.store_failed reason=%s", quoted(told))

    def store_worked(self) -> None:
        self.trouble.clear()
        if self.told.over("store"):
            log.warning("delivery.store_works")

    def _tell(self, flight: Flight, before: LaneState, judged: Judged) -> None:
        """How the lane stands, when that is news: a lane that fails for a day is told of now and then."""
        claimed, state, verdict = flight.claimed, judged.state, judged.verdict
        first, now = claimed.rows[0], self.clock()
        tag, shown, wait = quoted(first.tag), quoted(flight.label), (state.not_before - now) / 1000
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
            self._remark(flight, verdict)

    def _remark(self, flight: Flight, verdict: Verdict) -> None:
        """What the vendor took and has something to say about."""
        claimed, lane, number = flight.claimed, flight.label, len(flight.claimed.rows)
        tag, reason = claimed.rows[0].tag, verdict.reason

        def line(rows: int, _since: str) -> None:
            stated = "delivery.remarked tag=%s lane=%s rows=%d reason=%s"
            log.warning(stated, quoted(tag), quoted(lane), rows, quoted(reason))

        self.repeats.happened(
            f"remarked {claimed.lane}", without_numbers(reason), line, now=self.clock(), number=number
        )


def _is_plain(verdict: Verdict) -> bool:
    """Whether every event was delivered, and the vendor has nothing to say about it."""
    return verdict.kind == "delivered" and not (verdict.reason or verdict.refused or verdict.again)
