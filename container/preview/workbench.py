"""What the pages of preview have done: drafts by the file in force, hits by hand through the recorder, publishing."""

from __future__ import annotations

import asyncio
import base64
import binascii
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Protocol

import orjson

from container.component import Component
from container.config.problem import Problem
from container.effects import Reply
from container.engine.container import CompiledClient, Container
from container.engine.run import blame
from container.engine.trace import trace
from container.event import Hit
from container.preview.bench import Json, RefusedError, Source
from container.preview.codes import switch
from container.preview.configured import given_by, literals_in
from container.preview.cut import written
from container.preview.differing import difference
from container.preview.drafts import NAME, Draft, Live, drafted, drafted_bytes, problems_json, text_digest
from container.preview.evaluating import FullError
from container.preview.in_force import InForce
from container.preview.masking import masked
from container.preview.publishing import Publisher, PublishError
from container.preview.ring import MOST_OF_ONE
from container.preview.sessions import Session, Sessions
from container.preview.tail import MASKED


class Recording(Protocol):
    """As `Recorder` has it."""

    async def take(self, session: Session, hit: Hit, source: Source) -> Reply:
        """Runs the hit as the session's, and records it."""


class Workbench:
    """`container`: that of the next hit. `takes_code`: whether tags have a test code.

    `clock`: Unix time in seconds. `public`: the address of the public listener, if somebody said it.
    `prefix`: the path under which it answers.
    """

    def __init__(
        self,
        sessions: Sessions,
        recording: Recording,
        in_force: InForce,
        container: Callable[[], Container],
        takes_code: Callable[[Component], bool],
        *,
        clock: Callable[[], float],
        publisher: Publisher | None = None,
        public: str = "",
        prefix: str = "",
    ) -> None:
        self.sessions, self.public, self.prefix = sessions, public, prefix
        self._recording, self._in_force, self._container, self._takes_code = recording, in_force, container, takes_code
        self._clock, self._publisher, self._turn = clock, publisher, asyncio.Lock()

    @property
    def can_publish(self) -> bool:
        return self._publisher is not None

    @property
    def tail(self) -> bool:
        return self.sessions.tails

    def hide(self, record: Json, session: Session) -> dict[str, Any]:
        if record.get(MASKED):
            return dict(record)
        draft: Draft | None = session.draft
        drafts = () if draft is None else draft.container.clients
        known = {*_named(*self._container().clients, *drafts), *self._given()}
        return masked(record, known=known, literals=self._literals(draft))

    def _given(self) -> Sequence[str]:
        """What the variables of the file in force give by themselves."""
        with suppress(RefusedError):
            return list(given_by(self._in_force.file().model))
        return ()

    def _literals(self, draft: Draft | None) -> frozenset[str]:
        """What the analyst wrote into the file in force, and into the draft."""
        drafted = frozenset[str]() if draft is None else literals_in(draft.container)
        with suppress(RefusedError):
            return self._in_force.file().literals | drafted
        return drafted

    def name(self) -> str:
        return self._container().name

    def tags(self, session: Session) -> Sequence[Json]:
        container = self._container() if session.draft is None else session.draft.container
        return [
            {
                "name": tag.name,
                "type": tag.component.type,
                "test_code": self._takes_code(tag.component),
                "switch": switch(tag.component),
            }
            for tag in container.tags
        ]

    def tag_type(self, name: str) -> Component | None:
        with suppress(RefusedError):
            return self._in_force.file().registry.find("tag", name)
        return next((tag.component for tag in self._container().tags if tag.component.type == name), None)

    async def draft(self, session: Session, text: str, filename: str) -> Sequence[Json]:
        if not text.strip():
            # Behind a draft that is still being read, which came before.
            async with self._turn:
                session.draft = session.unready = None
            return []
        return await self._taken(session, partial(drafted, text, filename=filename), filename)

    async def draft_file(self, session: Session, content: bytes) -> Sequence[Json]:
        return await self._taken(session, partial(drafted_bytes, content), NAME)

    async def _taken(
        self, session: Session, read: Callable[[Live], Draft | Sequence[Problem]], filename: str
    ) -> Sequence[Json]:
        # One after the other: the draft that came last runs, and the memory is that of one.
        async with self._turn:
            found = await asyncio.to_thread(read, self._in_force.file())
            if not isinstance(found, Draft):
                return problems_json(found, filename)
            # It may be over by now, and then it keeps nothing.
            if session in self.sessions.all(self._clock()):
                session.draft, session.unready = found, None
            # It runs already: a draft that fails is its author's to judge.
            await asyncio.to_thread(found.tests)
        return problems_json(found.problems, filename)

    async def tests(self, session: Session) -> Json | None:
        draft: Draft | None = session.draft
        if draft is None:
            return None
        # They have run when the draft was taken, unless another process took it.
        return (await asyncio.to_thread(draft.tests)).as_json()

    def live_changed(self, session: Session) -> bool:
        return session.draft is not None and session.draft.base != self._in_force.file().digest

    def text(self, session: Session) -> str:
        draft = session.draft or session.unready
        return self._in_force.file().text if draft is None else str(draft.text)

    async def difference(self, session: Session) -> Sequence[Json]:
        found = await asyncio.to_thread(difference, self._in_force.file().text, self.text(session))
        return [each.as_json() for each in found]

    async def publish(self, session: Session, *, by: str, note: str = "", shown: str = "") -> None:
        draft: Draft | None = session.draft
        if draft is None:
            raise RefusedError("There is no draft to publish: this preview runs the live file.")
        if shown not in ("", text_digest(draft.text)):
            raise RefusedError(
                "This preview runs another draft by now, so nothing was published. Load the page anew, look at what "
                "that one changes, and publish it then."
            )
        try:
            await self._publishing().publish(draft, by=by, note=note)
        except PublishError as problem:
            raise RefusedError(str(problem)) from None
        # A draft that came meanwhile is another one.
        if session.draft is draft:
            session.draft = session.unready = None

    async def versions(self) -> Sequence[Json]:
        try:
            return [] if self._publisher is None else [each.as_json() for each in await self._publisher.versions()]
        except PublishError as problem:
            raise RefusedError(str(problem)) from None

    async def restoring(self, number: int) -> Json:
        live = self._in_force.file()
        try:
            earlier = (await self._publishing().version(number)).text
        except PublishError as problem:
            raise RefusedError(str(problem)) from None
        found = await asyncio.to_thread(difference, live.text, earlier)
        return {"things": [each.as_json() for each in found], "digest": live.digest}

    async def restore(self, number: int, *, by: str, note: str = "", shown: str = "") -> None:
        publisher = self._publishing()
        if shown not in ("", self._in_force.file().digest):
            raise RefusedError("Another file is in force by now. Look at what changes once more, and restore it then.")
        try:
            await publisher.restore(number, by=by, base=shown or None, note=note)
        except PublishError as problem:
            raise RefusedError(str(problem)) from None

    async def run(self, session: Session, hit: Json, *, source: Source) -> int:
        try:
            await self._recording.take(session, self._hit(hit), source)
        except FullError as problem:
            raise RefusedError(str(problem)) from None
        # Nothing else has had its turn since the record was added.
        return session.records.next_number - 1

    async def compared(self, session: Session, hit: Json) -> Json:
        same, live = self._hit(hit), await self._in_force.compiled()
        draft = live if session.draft is None else session.draft.container
        return await asyncio.to_thread(_both, live, draft, same)

    def _publishing(self) -> Publisher:
        if self._publisher is None:
            raise RefusedError("This server does not publish. Start it with --allow-publish.")
        return self._publisher

    def _hit(self, stated: Json) -> Hit:
        return hit_of(stated, now=int(self._clock() * 1000))


def _named(*clients: CompiledClient) -> Iterator[str]:
    """What of clients no visitor has written."""
    for client in clients:
        yield from (client.name, *client.paths)


def _both(live: Container, draft: Container, hit: Hit) -> Json:
    return {"live": _told(live, hit), "draft": _told(draft, hit)}


def _told(container: Container, hit: Hit) -> Json:
    """What is told of the hit, as much of it as a record may hold."""
    try:
        told = trace(container, hit).told
    except Exception as problem:  # noqa: BLE001  # of a client: it would be answered with a 500, and says so here
        raise RefusedError(f"A client {blame(problem)}, so there is nothing to compare.") from None
    kept: dict[str, Any] = orjson.loads(written({"told": told}, MOST_OF_ONE))
    return {**(kept.get("told") or {}), "cut": kept.get("cut", [])}


def hit_of(stated: Json, *, now: int) -> Hit:
    """The hit of a record, with the number and the time that it came with: the same event gives the same requests.

    One that was written by hand comes `now`.
    """
    headers: dict[str, str] = {}
    for name, value in stated.get("headers", ()):
        lower = name.lower()
        separator = "; " if lower == "cookie" else ", "
        headers[lower] = f"{headers[lower]}{separator}{value}" if lower in headers else value
    about = (str(stated.get("method") or "GET"), str(stated["path"]), str(stated.get("query") or ""))
    number = bytes.fromhex(stated["id"]) if stated.get("id") else secrets.token_bytes(16)
    return Hit(number, stated.get("at") or now, *about, headers, _body(stated), ip=stated.get("ip"))


def _body(stated: Mapping[str, Any]) -> bytes:
    encoded = stated.get("body_base64")
    if not encoded:
        return str(stated.get("body") or "").encode(errors="surrogatepass")
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise RefusedError("The body of this request was cut, so it cannot run again.") from None
