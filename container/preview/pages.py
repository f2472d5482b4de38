"""The pages of preview on the admin listener: where a session is started, and the screen of one.

Who has no token is told that there is nothing here, so that nobody learns that there is a preview. Browsers that were
let in at the overview of the deliveries send the token along by themselves.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from container.preview.answers import nothing, status_of
from container.preview.api import PreviewApi
from container.preview.changes import BY
from container.preview.remote import Remote
from container.preview.rules import share_of
from container.preview.sessions import NO_TAIL, SessionError
from container.preview.tail import MOST_A_SECOND, USUAL_PERCENT
from container.web.access import GUARDED, Form, form_token, sent_form
from container.web.health import moment
from container.web.pages import NOT_DONE, gone_to

logger = logging.getLogger("container.web")

_HERE = Path(__file__).parent
_NO_SHARE = "A share is a number above 0, and 100 at most. Write it like 1 or 0.5."
_LONGEST_PERCENT = 100
_KINDS = {".css": "text/css", ".js": "text/javascript"}


class PreviewPages:
    """The routes of preview, those of its interface included."""

    def __init__(self, api: PreviewApi) -> None:
        self._api, self._bench = api, api.bench
        self._environment = Environment(
            loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined
        )
        self._environment.globals["moment"] = moment

    def routes(self) -> list[Route]:
        return [
            *_static(),
            Route("/preview", self._start),
            Route("/preview/start", self._started, methods=["POST"]),
            Route("/preview/tail", self._tailed, methods=["POST"]),
            Route("/preview/shared/{share}", self._looked_on),
            *Remote(self._api).routes(),
            *self._api.routes(),
            Route("/preview/{id}", self._session),
            # Also where only the method is wrong, so that this tells nobody what there is.
            Route("/preview{rest:path}", nothing()),
        ]

    async def _start(self, request: Request) -> Response:
        if not self._api.allows(request):
            return nothing()
        return await self._opening(request)

    async def _started(self, request: Request) -> Response:
        form = await self._sent(request)
        if not isinstance(form, Form):
            return form
        try:
            session = self._bench.sessions.start(self._api.clock())
            await self._bench.sessions.others.started(session)
        except SessionError as problem:
            return await self._opening(request, status=status_of(problem), problem=str(problem))
        logger.info("preview.started session=%s by=%s", session.id, BY)
        return gone_to(session.id)

    async def _tailed(self, request: Request) -> Response:
        form = await self._sent(request)
        if not isinstance(form, Form):
            return form
        if not self._bench.tail:
            return await self._opening(request, status=403, problem=NO_TAIL)
        written = form.one("percent").strip()
        percent = share_of(written)
        if percent is None:
            return await self._opening(request, status=422, percent=written, percent_problem=_NO_SHARE)
        try:
            session = self._bench.sessions.tail(percent, self._api.clock())
            await self._bench.sessions.others.started(session)
        except SessionError as problem:
            return await self._opening(request, status=status_of(problem), problem=str(problem))
        logger.info("preview.tail_started session=%s percent=%g by=%s", session.id, percent, BY)
        return gone_to(session.id)

    async def _sent(self, request: Request) -> Form | Response:
        """The form of somebody who may send it, or what they are answered."""
        if not self._api.allows(request):
            return nothing()
        form = await sent_form(request, self._api.token, self._api.clock())
        if isinstance(form, Form):
            return form
        status, sentence = NOT_DONE[form]
        return await self._opening(request, status=status, problem=sentence)

    async def _opening(
        self,
        request: Request,
        *,
        status: int = 200,
        problem: str = "",
        percent: str = f"{USUAL_PERCENT:g}",
        percent_problem: str = "",
    ) -> Response:
        ended = request.query_params.get("ended", "")
        values = {
            "ended": ended if ended in ("preview", "tail") else "",
            "problem": problem,
            "percent": percent[:_LONGEST_PERCENT],
            "percent_problem": percent_problem,
            "tail": self._bench.tail,
            "most_a_second": MOST_A_SECOND,
            "sessions": self._bench.sessions.all(self._api.clock()),
        }
        return await self._shown(request, "start.html", status=status, **values)

    async def _session(self, request: Request) -> Response:
        session = self._api.session_of(request)
        if session is None:
            return nothing()
        return await self._shown(request, "session.html", base=f"{session.id}/", shared=False, tail=session.tail)

    async def _looked_on(self, request: Request) -> Response:
        session = self._api.shared_of(request)
        if session is None:
            return nothing()
        return await self._shown(request, "session.html", base=f"{session.share}/", shared=True, tail=session.tail)

    async def _shown(self, request: Request, name: str, *, status: int = 200, **values: Any) -> Response:
        shared = values.get("shared", False)
        values |= {
            "name": self._bench.name() or "Container",
            "form_token": "" if shared else form_token(self._api.token, self._api.clock()),
            "root": "../" * (request.url.path.count("/") - 1),
        }
        text = await asyncio.to_thread(self._environment.get_template(name).render, values)
        return Response(text.encode(errors="replace"), status, GUARDED, "text/html")


def _static() -> list[Route]:
    """Styles and scripts, which hold nothing of anybody."""
    files = sorted((_HERE / "static").iterdir())
    return [Route(f"/static/{file.name}", _served(file.read_bytes(), _KINDS[file.suffix])) for file in files]


def _served(content: bytes, kind: str) -> Callable[[Request], Any]:
    return partial(_file, content, kind)


async def _file(content: bytes, kind: str, _request: Request) -> Response:
    return Response(content, media_type=kind, headers=GUARDED)
