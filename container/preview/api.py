"""What the script of the preview page asks: JSON, and a stream of what came in.

Who has no token is told that there is nothing here. What changes something is JSON that a page of ours sends with its
form's token, or whoever shows the admin token as a bearer, which no browser does by itself.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from container.preview.answers import as_json, kept, nothing, said, told, whole
from container.preview.bench import Bench
from container.preview.brief import summary
from container.preview.changes import OF_TAILS, REVEAL_REFUSED, TAIL_ONLY_LOOKS, Change, Changes
from container.preview.drafts import text_digest
from container.preview.presets import presets
from container.preview.sessions import Session
from container.preview.stream import BEAT_SECONDS, Stream, Streams, mode_told
from container.web.access import authorised, is_form_token
from container.web.queue_api import document, is_from_here, is_json

HEADER = "X-Gtm-Server-Preview"

_SECRETS = re.compile(r"\$\{secret:([A-Za-z_][A-Za-z0-9_]*)\}", re.ASCII)
"""Their names: what stands for one of them in a request, and is not a hit's, has to be one of these."""

STALE = "The page was open for too long, so nothing was done. Load it anew, and try again."
UNSIGNED = (
    "Nothing was done: send the form token of the page as X-Form-Token, or the admin token as a bearer "
    "(Authorization: Bearer …)."
)

Answer = Callable[[Request, Session], Awaitable[Response]]
Handler = Callable[[Request], Awaitable[Response]]


class PreviewApi:
    """`token`: the admin token. `clock`: Unix time in seconds."""

    def __init__(self, bench: Bench, token: str, clock: Callable[[], float], *, beat: float = BEAT_SECONDS) -> None:
        self.bench, self.token, self.clock = bench, token, clock
        self.streams = Streams(bench.hide, self._lives, mode=self._mode, beat=beat)
        self._changes = Changes(bench, clock)

    def routes(self) -> list[Route]:
        readings = (
            ("state", self._state),
            ("stream", self._stream),
            ("summary", self._summary),
            ("records/{number:int}", self._record),
        )
        changes = self._changes.all.items()
        return [
            *(Route(f"/preview/shared/{{share}}/{path}", self._shared(answer)) for path, answer in readings),
            *(Route(f"/preview/{{id}}/{path}", self._reading(answer)) for path, answer in readings),
            Route("/preview/{id}/text", self._reading(self._text)),
            Route("/preview/{id}/difference", self._reading(self._difference)),
            Route("/preview/{id}/versions", self._reading(self._versions)),
            Route("/preview/{id}/versions/{number:int}", self._reading(self._restoring)),
            *(Route(f"/preview/{{id}}/{name}", self._changing(name, each), methods=["POST"]) for name, each in changes),
        ]

    def allows(self, request: Request) -> bool:
        """Whether it shows the admin token."""
        return authorised(request.headers.get("authorization", ""), self.token)

    def session_of(self, request: Request) -> Session | None:
        """The session that the address names, for who has the token."""
        return self.bench.sessions.of(request.path_params["id"], self.clock()) if self.allows(request) else None

    def shared_of(self, request: Request) -> Session | None:
        """The session of a link to look on with."""
        return self.bench.sessions.shared(request.path_params["share"], self.clock())

    def _lives(self, session: Session) -> bool:
        # Not by its id: that somebody looks on does not make a session last longer.
        return session in self.bench.sessions.all(self.clock())

    def _mode(self, session: Session) -> dict[str, Any]:
        """What is always visible. `live_changed`: the file that the draft was made beside is no longer the live one."""
        return {**mode_told(session), "live_changed": self.bench.live_changed(session)}

    def _may_change(self, request: Request) -> bool:
        """Whether a page of ours sent it, or somebody who is no browser."""
        if request.headers.get("authorization", "").partition(" ")[0].lower() == "bearer":
            return True
        return is_form_token(request.headers.get("x-form-token", ""), self.token, self.clock())

    # Who is answered.

    def _reading(self, answer: Answer) -> Handler:
        async def answered(request: Request) -> Response:
            session = self.session_of(request)
            if session is None:
                return nothing()
            if not is_from_here(request.headers):
                return said(403, "Another site's page may not ask.")
            await self.bench.sessions.others.read(session)
            return await told(answer(request, session))

        return answered

    def _shared(self, answer: Answer) -> Handler:
        """For who has the link to look on with: it changes nothing, and shows nothing whole."""

        async def answered(request: Request) -> Response:
            session = self.shared_of(request)
            if session is None:
                return nothing()
            await self.bench.sessions.others.read(session)
            return await told(answer(request, session))

        return answered

    def _changing(self, name: str, change: Change) -> Handler:
        async def work(request: Request, session: Session) -> Response:
            if session.tail is not None and name not in OF_TAILS:
                return said(403, REVEAL_REFUSED if name == "reveal" else TAIL_ONLY_LOOKS)
            answer = await change(session, await document(request))
            await self.bench.sessions.others.told(session)
            return as_json(answer)

        async def changed(request: Request) -> Response:
            session = self.session_of(request)
            if session is None:
                return nothing()
            if not is_from_here(request.headers):
                return said(403, "Another site's page may not ask.")
            if not is_json(request):
                return said(403, "Send JSON, with content-type: application/json.")
            if not self._may_change(request):
                return said(403, STALE if request.headers.get("x-form-token") else UNSIGNED)
            return await told(work(request, session))

        return changed

    # What is read.

    async def _state(self, request: Request, session: Session) -> Response:
        shown: dict[str, Any] = {
            **self._mode(session),
            "ends": session.ends,
            "dropped": session.records.dropped,
            "tags": list(self.bench.tags(session)),
            "secrets": sorted(set(_SECRETS.findall(self.bench.text(session)))),
            **_tail(session),
        }
        if "id" in request.path_params:
            shown["share"] = session.share
        if "id" in request.path_params and session.tail is None:
            shown |= {
                "header": HEADER,
                "mark": session.mark,
                "public": self.bench.public,
                "codes": dict(session.test_codes),
                "rules": [each.told() for each in session.rules],
                "can_publish": self.bench.can_publish,
                "presets": presets(),
            }
        return as_json(shown)

    async def _summary(self, _request: Request, session: Session) -> Response:
        return as_json({**await summary(session.records.each()), **_tail(session)})

    async def _record(self, request: Request, session: Session) -> Response:
        record = kept(session, request.path_params["number"])
        return as_json(await asyncio.to_thread(lambda: whole(self.bench.hide(record, session), self.bench.tag_type)))

    async def _text(self, _request: Request, session: Session) -> Response:
        tests = await self.bench.tests(session)
        return as_json({"text": self.bench.text(session), "draft": session.draft is not None, "tests": tests})

    async def _difference(self, _request: Request, session: Session) -> Response:
        # Of the same text: another draft may come while they are compared.
        digest = text_digest(self.bench.text(session))
        tests = await self.bench.tests(session)
        return as_json({"things": list(await self.bench.difference(session)), "digest": digest, "tests": tests})

    async def _versions(self, _request: Request, _session: Session) -> Response:
        return as_json({"versions": list(await self.bench.versions())})

    async def _restoring(self, request: Request, _session: Session) -> Response:
        return as_json(await self.bench.restoring(request.path_params["number"]))

    async def _stream(self, request: Request, session: Session) -> Response:
        guest = "share" in request.path_params
        why = self.streams.why_not(session, guest=guest)
        return said(503, why) if why else Stream(self.streams, session, guest=guest)


def _tail(session: Session) -> dict[str, Any]:
    """What a tail looks at; nothing of any other session."""
    return {} if session.tail is None else {"tail": session.tail.told()}
