"""The recorder of preview: what becomes of hits while a session is open.

A hit with a session's mark runs through the draft alone: its reply is the draft's, and what the draft would send is
recorded, and sent where the session's mode says so. A hit that a rule takes runs live as always; the draft runs beside
it, afterwards, and sends nothing; so does the live file beside one that a tail draws. Nothing of them is stored, and no
fault here is a hit's. What takes long is done in a thread of its own.
"""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

from container.delivery.judging import Judges
from container.delivery.row import Row
from container.effects import Reply, SetCookie
from container.engine.container import Container
from container.engine.run import run
from container.engine.trace import trace
from container.event import Hit
from container.preview.codes import with_test_codes
from container.preview.controls import Controls
from container.preview.evaluating import Evaluating
from container.preview.making import Evaluate, Making, record_of
from container.preview.marks import marks_of, without_marks
from container.preview.prepared import Made, Prepared, Source
from container.preview.reach import origin
from container.preview.rules import read_once, taken
from container.preview.sending import Left, Vendors, answer_to
from container.preview.sessions import Mode, Session, Sessions
from container.preview.tail import Tail
from container.set_cookie import with_cookies

MOST_WAITING, MOST_UNDER_WAY = 64, 64
"""Hits that ran live and wait to be looked at, and requests on their way to vendors. What is more is let go, and
counted. Of hits with a mark `evaluating` says how many may wait."""

FRESH_SECONDS = 1.0
"""So often it is asked anew which sessions are open: each hit without a mark pays for it."""

OVER = "The preview ended before the hit had run, so nothing was sent."
CHANGED = "the mode of the preview was changed before the hit had run"

Seen = Literal["marked", "ignored", "refused", "by_rule", "tailed", "skipped", "failed"]
"""What became of a hit while a session was open. `ignored`: its mark is of no session, or of one that is over;
`refused`: it has a mark, and too many of those wait; `tailed`: a tail looked at it; `skipped`: more hits came by rule,
or were drawn by a tail, than could be looked at; `failed`: a fault of ours while it was recorded."""

logger = logging.getLogger("container.preview")


@dataclass(frozen=True, slots=True)
class _Beside:
    """A hit that ran live, for the draft. `reply`: what its sender got."""

    session: Session
    hit: Hit
    reply: Reply


_Cookies = asyncio.Future[Sequence[SetCookie]]


class _Passing(NamedTuple):
    """The cookies that the answer to a request sets, and how many seconds the reply may wait for them."""

    cookies: _Cookies
    seconds: float


class Recorder:
    """Records the hits of sessions, in one event loop.

    `live`: the container of the file in force, compiled for preview. `clock`: Unix seconds; `monotonic`: seconds.
    `strangers`: sends what a draft has for somebody to whom the file in force sends nothing, and never to a private
    address, to which the name of a public host may lead. `left`: called with the mode of each request that was sent,
    and with what its answer means. `controls`: what an operator has said of deliveries.
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
        left: Callable[[Mode, Left], None] = lambda _mode, _verdict: None,
        controls: Controls | None = None,
        evaluating: Evaluating | None = None,
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
        self._counted, self._left = counted, left
        self._controls, self._evaluating = controls or Controls(), evaluating or Evaluating()
        self._making = Making(vendors, evaluate, clock)
        self._monotonic = monotonic
        self._prepared: dict[str, Prepared] = {}
        self._under_way: set[asyncio.Task[None]] = set()
        self._waiting: deque[_Beside] = deque()
        self._looking: asyncio.Task[None] | None = None
        self._open: Sequence[Session] = ()
        self._tails = 0
        self._counted_at = -FRESH_SECONDS

    async def marked(self, hit: Hit) -> Reply | None:
        """The draft's reply to a hit with the mark of a session, `None` for all others. Wrong marks mean nothing.

        Raises `FullError`.
        """
        for mark in marks_of(hit):
            session = self.sessions.marked(mark, self.clock())
            if session is not None:
                self._counted("refused" if self._evaluating.full else "marked")
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
            watching = [session for session in self._open if session.rules or session.tail is not None]
            if not watching:
                return
            ids_of = read_once(hit)
            for session in watching:
                if session.tail is not None:
                    self._draw(session, session.tail, hit, reply)
                elif session.rules and taken(session.rules, hit, session.id, ids_of):
                    self._look(_Beside(session, hit, reply))
        except Exception as problem:  # noqa: BLE001  # a fault of preview is no hit's
            self._failed(problem)

    async def take(self, session: Session, hit: Hit, source: Source) -> Reply:
        """Runs the hit through the session's draft, records it, and sends what the mode says. The draft's reply.

        Where recording fails the hit is answered all the same, and nothing of it is sent. Raises `FullError`.
        """
        reply, passing = await self._taken(session, hit, source)
        # Whoever sends by hand has no browser that keeps cookies.
        return await _with_those_of(passing, reply) if passing and source == "marked" else reply

    async def _taken(self, session: Session, hit: Hit, source: Source) -> tuple[Reply, Sequence[_Passing]]:
        """The draft's reply, and the requests that leave whose cookies it waits for."""
        with self._evaluating.seat():
            prepared = await self._ready(session)
            held = self._held(session)
            work = partial(self._making.taken, prepared, hit, source, session.records, held=held)
            try:
                reply, made = await self._evaluating.run(work)
            except Exception as problem:  # noqa: BLE001  # a fault of preview is no hit's
                self._failed(problem)
                self._add(session, record_of(prepared, hit, source, told=None, console=[_blame(problem)], held=held))
                # What a client raises it raises here once more, and the hit is answered as it would be without preview.
                return (await self._evaluating.run(partial(run, prepared.container, hit))).finished(), ()
        if isinstance(made, Exception):
            self._failed(made)
            return reply, ()
        try:
            return reply, self._keep(session, prepared, made)
        except Exception as problem:  # noqa: BLE001  # a fault of preview is no hit's
            self._failed(problem)
        return reply, ()

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
        self._evaluating.close()

    async def _ready(self, session: Session) -> Prepared:
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
            found = self._prepared[session.id] = Prepared(made_of, with_test_codes(container, made_of[2]), draft)
        return found

    def _forget(self) -> None:
        """Lets go of what sessions needed that are over."""
        living = {session.id for session in self.sessions.all(self.clock())}
        self._prepared = {key: found for key, found in self._prepared.items() if key in living}

    def _keep(self, session: Session, prepared: Prepared, made: Made) -> Sequence[_Passing]:
        """Records the hit, and starts to send what the mode says, if it still says so."""
        leaving = made.leaving
        why = self._held(session) or ("" if session.mode == prepared.mode else CHANGED)
        room = 0 if why else max(MOST_UNDER_WAY - len(self._under_way), 0)
        for place in leaving[room:]:
            made.stays(place, why or f"{MOST_UNDER_WAY} requests of previews are under way already")
        number = self._add(session, made.shown)
        passing = []
        for place in leaving[:room]:
            said = _Passing(asyncio.get_running_loop().create_future(), made.awaited.get(made.rows[place].id, 0.0))
            self._start(self._send(session, prepared, made, number=number, place=place, said=said.cookies))
            passing += [said] if said.seconds else []
        return passing

    def _add(self, session: Session, record: dict[str, Any]) -> int:
        """The number of the record; 0 where the session has ended meanwhile, and then nothing is kept."""
        return session.records.add(record) if self.sessions.has(session) else 0

    def _reaching(self, prepared: Prepared, row: Row) -> Vendors:
        """What sends a row of the session."""
        draft = prepared.draft
        known = draft is None or origin(row.frame.url.shown) in draft.hosts
        return self._vendors if known else self._strangers

    async def _send(
        self, session: Session, prepared: Prepared, made: Made, *, number: int, place: int, said: _Cookies
    ) -> None:
        """`said`: gets the cookies of the answer."""
        row, outgoing = made.rows[place], made.record["outgoing"]
        try:
            if why := await self._controls.why_not(row.lane):
                made.stays(place, why)
            else:
                vendors, now = self._reaching(prepared, row), int(self.clock() * 1000)
                answer, cookies = await answer_to(vendors, row, self._judges, now=now, monotonic=self._monotonic)
                said.set_result(cookies)
                self._left(prepared.mode, answer["verdict"])
                outgoing[place]["answer"] = answer
            # Of several that wait for the thread the first takes the others along.
            if not made.waits:
                made.waits = True
                made.shown = await self._evaluating.run(partial(made.fitted, session.records))
                session.records.replace(number, made.shown)
        except Exception as problem:  # noqa: BLE001  # a fault of preview is no hit's
            self._failed(problem)
        finally:
            if not said.done():
                said.set_result(())

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    def _draw(self, session: Session, tail: Tail, hit: Hit, reply: Reply) -> None:
        # Once more, since sessions may come from a process that does open tails.
        if not self.sessions.tails or not tail.draws(hit):
            return
        if tail.has_room(self.clock(), self._tails):
            self._look(_Beside(session, hit, reply))
        else:
            self._counted("skipped")

    def _look(self, beside: _Beside) -> None:
        if len(self._waiting) >= MOST_WAITING:
            self._skip(beside)
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
        """Traces what waits, one hit after the other, so that one with a mark never waits for more than one of them."""
        while self._waiting:
            beside = self._waiting.popleft()
            if self._evaluating.has_budget:
                await self._look_at(beside)
            else:
                self._skip(beside)

    async def _look_at(self, beside: _Beside) -> None:
        session = beside.session
        source: Source = "rule" if session.tail is None else "tail"
        try:
            prepared, held = await self._ready(session), self._held(session)
            work = partial(
                self._making.beside, prepared, beside.hit, source, session.records, held=held, reply=beside.reply
            )
            self._add(session, await self._evaluating.run_within_budget(work))
            self._counted("by_rule" if source == "rule" else "tailed")
        except Exception as problem:  # noqa: BLE001  # a fault of preview is no hit's
            self._failed(problem)

    def _skip(self, beside: _Beside) -> None:
        if beside.session.tail is not None:
            beside.session.tail.let_go += 1
        self._counted("skipped")

    def _failed(self, problem: Exception) -> None:
        """A fault of ours. Its text may hold what the hit held, so the log gets its kind and its place."""
        self._counted("failed")
        logger.error("preview.failed error=%s at=%s", type(problem).__name__, _place(problem))


async def _with_those_of(passing: Sequence[_Passing], reply: Reply) -> Reply:
    """The reply with the cookies that come in time, in firing order."""
    begun = asyncio.get_running_loop().time()
    for each in passing:
        left = begun + each.seconds - asyncio.get_running_loop().time()
        await asyncio.wait([each.cookies], timeout=max(left, 0.0))
    return with_cookies(reply, [each.cookies.result() for each in passing if each.cookies.done()])


def _blame(problem: Exception) -> str:
    return f"The hit could not be recorded: {type(problem).__name__} at {_place(problem)}."


def _place(problem: Exception) -> str:
    place = traceback.extract_tb(problem.__traceback__)[-1]
    return f"{Path(place.filename).name}:{place.lineno}"
