"""The recorder of preview: what becomes of hits while a session is open.

A hit with a session's mark runs through the draft alone: its reply is the draft's, and what the draft would send is
recorded, and sent where the session's mode says so. A hit that a rule takes runs live as always; the draft runs beside
it, afterwards, and sends nothing; so does the live file beside one that a tail draws. Nothing of them is stored, and no
fault here is a hit's.
"""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from container.delivery.judging import Judges
from container.delivery.row import Row, acceptance
from container.effects import Reply
from container.engine.container import Container
from container.engine.guards import Memory
from container.engine.outcome import Guard, Outcome
from container.engine.run import run
from container.engine.simulate import reply_json
from container.engine.trace import Traced, trace
from container.event import Hit
from container.preview.codes import with_test_codes
from container.preview.configured import literals_in
from container.preview.marks import marks_of, without_marks
from container.preview.reach import origin
from container.preview.rules import read_once, taken
from container.preview.sending import Vendors, answer_to, hit_json, request_of
from container.preview.sessions import Mode, Session, Sessions
from container.preview.tail import Tail, hidden

MOST_WAITING, MOST_UNDER_WAY = 64, 64
"""Hits that ran live and wait to be looked at, and requests on their way to vendors. What is more is let go, and
counted."""

FRESH_SECONDS = 1.0
"""So often it is asked anew which sessions are open: each hit without a mark pays for it."""

QUICK_SECONDS, MOST_SECONDS, RESTS = 0.05, 2.0, 10
"""Where the masking of a tail's hit was not quick, tails rest for so many times its time, of which this counts."""

REMEMBERED = 10_000
"""After so many guards a session forgets which are taken, so that it does not grow."""

OVER = "The preview ended before the hit had run, so nothing was sent."

Source = Literal["marked", "rule", "tail", "composed", "replayed"]
BY_HAND: Collection[Source] = ("composed", "replayed")
Seen = Literal["marked", "ignored", "by_rule", "tailed", "skipped", "failed"]
"""What became of a hit while a session was open. `ignored`: its mark is of no session, or of one that is over;
`tailed`: a tail looked at it; `skipped`: more hits came by rule, or were drawn by a tail, than could be looked at;
`failed`: a fault of ours while it was recorded."""

Evaluate = Callable[[Container, Hit, Memory], Traced]

logger = logging.getLogger("container.preview")


@dataclass(slots=True)
class _Prepared:
    """What a session's hits run through. `made_of`: the container, the mode and the codes, which begin it anew.

    `marked`, `beside`: which guards hits with a mark hold, and those by rule, of which nothing ever leaves.
    """

    made_of: tuple[Container, Mode, dict[str, str]]
    container: Container
    marked: Memory = field(default_factory=Memory)
    beside: Memory = field(default_factory=Memory)

    def guards(self, source: Source) -> Memory:
        """The guards that a hit meets. What is sent by hand is no copy of anything, and nothing is a copy of it."""
        if source in BY_HAND:
            return Memory()
        if max(self.marked.held, self.beside.held) >= REMEMBERED:
            self.marked, self.beside = Memory(), Memory()
        return self.marked if source == "marked" else self.beside


@dataclass(frozen=True, slots=True)
class _Beside:
    """A hit that ran live, for the draft. `reply`: what its sender got."""

    session: Session
    hit: Hit
    reply: Reply


class Recorder:
    """Records the hits of sessions, in one event loop.

    `live`: the container of the file in force, compiled for preview. `clock`: Unix seconds; `monotonic`: seconds.
    `strangers`: sends what a draft has for somebody to whom the file in force sends nothing, and never to a private
    address, to which the name of a public host may lead.
    """

    def __init__(
        self,
        sessions: Sessions,
        live: Callable[[], Awaitable[Container]],
        vendors: Vendors,
        judges: Judges,
        *,
        strangers: Vendors | None = None,
        counted: Callable[[Seen], None] = lambda _seen: None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        evaluate: Evaluate = trace,
    ) -> None:
        self.sessions = sessions
        self.clock = clock
        self._live = live
        self._vendors = vendors
        self._strangers = strangers or vendors
        self._judges = judges
        self._counted = counted
        self._monotonic = monotonic
        self._evaluate = evaluate
        self._prepared: dict[str, _Prepared] = {}
        self._under_way: set[asyncio.Task[None]] = set()
        self._waiting: deque[_Beside] = deque()
        self._looking: asyncio.Task[None] | None = None
        self._open: Sequence[Session] = ()
        self._tails = 0
        self._counted_at = -FRESH_SECONDS
        self._rests_until = 0.0

    async def marked(self, hit: Hit) -> Reply | None:
        """The draft's reply to a hit with the mark of a session, `None` for all others. Wrong marks mean nothing."""
        for mark in marks_of(hit):
            session = self.sessions.marked(mark, self.clock())
            if session is not None:
                self._counted("marked")
                return await self.take(session, without_marks(hit), "marked")
            self._counted("ignored")
        return None

    def beside(self, hit: Hit, reply: Reply) -> None:
        """A hit without a mark was taken, and answered with this reply. Rules and tails may take it, for later.

        Never raises.
        """
        try:
            now = self.clock()
            if not 0 <= now - self._counted_at < FRESH_SECONDS:
                self._open, self._counted_at = self.sessions.all(now), now
                self._tails = sum(1 for session in self._open if session.tail is not None)
            ids_of = read_once(hit)
            for session in self._open:
                if session.tail is not None:
                    self._draw(session, session.tail, hit, reply)
                elif session.rules and taken(session.rules, hit, session.id, ids_of):
                    self._look(_Beside(session, hit, reply))
        except Exception as problem:  # noqa: BLE001  # a fault of preview is no hit's
            self._failed(problem)

    async def take(self, session: Session, hit: Hit, source: Source) -> Reply:
        """Runs the hit through the session's draft, records it, and sends what the mode says. The draft's reply.

        Where recording fails the hit is answered all the same, and nothing of it is sent.
        """
        prepared = await self._ready(session)
        try:
            traced = self._evaluate(prepared.container, hit, prepared.guards(source))
            reply = traced.outcome.finished(traced.taken)
        except Exception as problem:  # noqa: BLE001  # a fault of preview is no hit's
            self._failed(problem)
            session.records.add(self._record(session, hit, source, told=None, console=[_blame(problem)]))
            # What a client raises it raises here once more, and the hit is answered as it would be without preview.
            return run(prepared.container, hit).finished()
        try:
            self._keep(session, traced, source, "dry" if self._held(session) else session.mode)
        except Exception as problem:  # noqa: BLE001  # a fault of preview is no hit's
            self._failed(problem)
        return reply

    def _held(self, session: Session) -> str:
        """Why this process sends nothing of the session's hits, whatever its mode is; empty where it may."""
        if not self.sessions.has(session):
            return OVER
        if session.unready is not None:
            return session.unready.why
        return "" if session.mode == "dry" else self.sessions.others.unsure

    async def settled(self) -> None:
        """Returns when every hit by rule was looked at, and no request is under way."""
        while self._under_way or self._looking is not None:
            await asyncio.wait([*self._under_way, *([self._looking] if self._looking is not None else [])])

    async def close(self) -> None:
        """Ends what is under way."""
        self._waiting.clear()
        tasks = [*self._under_way, *([self._looking] if self._looking is not None else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _ready(self, session: Session) -> _Prepared:
        """The container of the session with its test codes, and the guards that its hits have taken.

        Those begin anew with another draft, mode or code: what a dry run showed was never sent, so nothing is its copy.
        """
        # A draft may come or go meanwhile: what runs has to be what the record says, since it may be sent.
        while True:
            draft = session.draft
            container = await self._live() if draft is None else draft.container
            if session.draft is draft:
                break
        made_of = container, session.mode, dict(session.test_codes) if session.mode == "test" else {}
        found = self._prepared.get(session.id)
        if found is None or found.made_of[0] is not container or found.made_of[1:] != made_of[1:]:
            self._forget()
            found = self._prepared[session.id] = _Prepared(made_of, with_test_codes(container, made_of[2]))
        return found

    def _forget(self) -> None:
        """Lets go of what sessions needed that are over."""
        living = {session.id for session in self.sessions.all(self.clock())}
        self._prepared = {key: found for key, found in self._prepared.items() if key in living}

    def _keep(self, session: Session, traced: Traced, source: Source, mode: Mode, reply: Reply | None = None) -> None:
        """Records the hit, and starts to send what the mode says. `reply`: where it is not the draft's."""
        record, rows = self._evaluated(session, traced, source, mode, reply)
        outgoing = record["outgoing"]
        room = max(MOST_UNDER_WAY - len(self._under_way), 0)
        leaving = [place for place, each in enumerate(outgoing) if each["mode"] != "dry"]
        for place in leaving[room:]:
            outgoing[place] |= {"mode": "dry", "why": f"{MOST_UNDER_WAY} requests of previews are under way already"}
        number = session.records.add(record)
        for place in leaving[:room]:
            row = rows[place]
            self._start(self._send(session, number, record, place, row, self._reaching(session, row)))

    def _reaching(self, session: Session, row: Row) -> Vendors:
        """What sends a row of the session."""
        draft = session.draft
        known = draft is None or origin(row.frame.url.shown) in draft.hosts
        return self._vendors if known else self._strangers

    async def _keep_masked(self, beside: _Beside, traced: Traced, container: Container) -> None:
        """Records a hit of a tail: what is kept of it can be shown to anybody who may look on."""
        record, _ = self._evaluated(beside.session, traced, "tail", "dry", beside.reply)
        paths = [path for client in container.clients for path in client.paths]
        # It takes as long as the trace, and a second where somebody sends a megabyte: hits have their turn meanwhile.
        begun = self.clock()
        masked = await asyncio.to_thread(hidden, record, paths, literals_in(container))
        took = min(max(self.clock() - begun, 0.0), MOST_SECONDS)
        if took > QUICK_SECONDS:
            self._rests_until = self.clock() + took * RESTS
        beside.session.records.add(masked)

    def _evaluated(
        self, session: Session, traced: Traced, source: Source, mode: Mode, reply: Reply | None
    ) -> tuple[dict[str, Any], list[Row]]:
        """The record of a hit, and the rows that it tells of under `outgoing`."""
        outcome = traced.outcome
        rows, console = planned_rows(outcome, traced.taken)
        record = self._record(session, outcome.hit, source, told=traced.told, console=console)
        record |= {"outgoing": [self._outgoing(row, outcome, mode) for row in rows], "mode": mode}
        if reply is not None:
            record["reply"] = reply_json(reply)
        return record, rows

    def _outgoing(self, row: Row, outcome: Outcome, mode: Mode) -> dict[str, Any]:
        """A request as the record has it: `mode` says whether it leaves, and `why` why not where it might have."""
        why = self._why_not(row, outcome, mode)
        shown = {"tag": row.tag, "event": row.event_name, "row": row.id, "mode": "dry" if why else mode}
        try:
            built = request_of(self._vendors, row)
        except ValueError as problem:
            built = {"method": row.frame.method, "url": row.frame.url.shown, "headers": [], "body": ""}
            shown["mode"], why = "dry", str(problem)
        return {**shown, **built, "answer": None, **({"why": why} if why else {})}

    def _why_not(self, row: Row, outcome: Outcome, mode: Mode) -> str:
        """Why a row stays here though the mode is to send; empty where it leaves, and where only a dry run keeps it."""
        if row.expire is not None and row.expire <= self.clock() * 1000:
            return "the event is older than what the vendor takes"
        if mode == "dry":
            return ""
        if mode == "test":
            codes = [planned.request.test_code for planned in outcome.planned if planned.id == row.id]
            if not any(codes):
                return "there is no test code for this tag, so nothing is sent"
        return ""

    def _record(
        self, session: Session, hit: Hit, source: Source, *, told: dict[str, Any] | None, console: Sequence[str]
    ) -> dict[str, Any]:
        held = self._held(session)
        return {
            "at": hit.received,
            "source": source,
            "mode": session.mode,
            "draft": session.draft is not None,
            "hit": hit_json(hit),
            "told": told,
            "reply": None if told is None else told["reply"],
            "outgoing": [],
            "console": [*([held] if held else []), *console],
        }

    async def _send(
        self, session: Session, number: int, record: dict[str, Any], place: int, row: Row, vendors: Vendors
    ) -> None:
        try:
            now = int(self.clock() * 1000)
            answer = await answer_to(vendors, row, self._judges, now=now, monotonic=self._monotonic)
            record["outgoing"][place]["answer"] = answer
            session.records.replace(number, record)
        except Exception as problem:  # noqa: BLE001  # a fault of preview is no hit's
            self._failed(problem)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    def _draw(self, session: Session, tail: Tail, hit: Hit, reply: Reply) -> None:
        # Once more, since sessions may come from a process that does open tails.
        if not self.sessions.tails or not tail.draws(hit):
            return
        now = self.clock()
        if tail.has_room(now, self._tails, resting=0 < self._rests_until - now < MOST_SECONDS * RESTS):
            self._look(_Beside(session, hit, reply))
        else:
            self._counted("skipped")

    def _look(self, beside: _Beside) -> None:
        if len(self._waiting) >= MOST_WAITING:
            self._counted("skipped")
            return
        self._waiting.append(beside)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look_at_all())
            # Not at its end, which a task that is cancelled before it begins never comes to.
            self._looking.add_done_callback(self._looked)

    def _looked(self, task: asyncio.Task[None]) -> None:
        if self._looking is task:
            self._looking = None

    async def _look_at_all(self) -> None:
        """Traces what waits, one hit after the other: those that run live have their turn in between."""
        while self._waiting:
            # First, since the live hit's reply is still to be written.
            await asyncio.sleep(0)
            await self._look_at(self._waiting.popleft())

    async def _look_at(self, beside: _Beside) -> None:
        try:
            prepared = await self._ready(beside.session)
            # Without test codes, whatever the mode is: live has none.
            container = prepared.made_of[0]
            traced = self._evaluate(container, beside.hit, prepared.guards("rule"))
            if beside.session.tail is None:
                self._keep(beside.session, traced, "rule", "dry", beside.reply)
                self._counted("by_rule")
            else:
                await self._keep_masked(beside, traced, container)
                self._counted("tailed")
        except Exception as problem:  # noqa: BLE001  # a fault of preview is no hit's
            self._failed(problem)

    def _failed(self, problem: Exception) -> None:
        """A fault of ours. Its text may hold what the hit held, so the log gets its kind and its place."""
        self._counted("failed")
        logger.error("preview.failed error=%s at=%s", type(problem).__name__, _place(problem))


def planned_rows(outcome: Outcome, taken: Collection[Guard] = ()) -> tuple[list[Row], list[str]]:
    """The rows that live would store for this outcome, and what cannot be sent, in words.

    `taken`: guards that earlier hits hold; what they hold back is no row.
    """
    accepted = acceptance(outcome, now=outcome.hit.received)
    held_back = {planned for guard in taken for planned in guard.planned}
    console = [f'The tag "{letter.tag}" {_SAID[letter.reason]}: {letter.note}.' for letter in accepted.letters]
    return [row for row in accepted.rows if row.id not in held_back], console


_SAID = {"tag_failed": "failed", "unsendable": "gave a request that cannot be sent"}


def _blame(problem: Exception) -> str:
    return f"The hit could not be recorded: {type(problem).__name__} at {_place(problem)}."


def _place(problem: Exception) -> str:
    place = traceback.extract_tb(problem.__traceback__)[-1]
    return f"{Path(place.filename).name}:{place.lineno}"
