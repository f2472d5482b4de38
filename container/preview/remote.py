"""What the command `tag-container preview` asks: it starts a session, sends the draft, and shows how to mark hits.

Only a bearer comes in, which no browser sends by itself.
"""

from __future__ import annotations

import asyncio
import logging
import shlex
from codecs import BOM_UTF8
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from container.config.source import LARGEST_FILE
from container.preview.answers import as_json, nothing, status_of
from container.preview.api import HEADER, PreviewApi
from container.preview.bench import RefusedError
from container.preview.changes import BY, TAIL_ONLY_LOOKS, tell_draft
from container.preview.drafts import Draft
from container.preview.sessions import NotSharedError, Session, SessionError
from container.web.access import GUARDED

logger = logging.getLogger("container.web")

PATH = "/preview/sessions"
_EXAMPLE = "/g/collect?v=2&tid=G-EXAMPLE01&cid=1.2&en=page_view"


class Remote:
    """The interface of the command. Where nobody said the public address, a link begins with its path."""

    def __init__(self, api: PreviewApi) -> None:
        self._api, self._bench = api, api.bench

    def routes(self) -> list[Route]:
        return [
            Route(PATH, self._open(self._start), methods=["POST"]),
            Route(f"{PATH}/{{id}}", self._open(self._look), methods=["GET"]),
            Route(f"{PATH}/{{id}}", self._open(self._end), methods=["DELETE"]),
            Route(f"{PATH}/{{id}}/draft", self._open(self._draft), methods=["PUT"]),
        ]

    def _open(self, answer: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def answered(request: Request) -> Response:
            scheme = request.headers.get("authorization", "").partition(" ")[0].lower()
            if scheme != "bearer" or not self._api.allows(request):
                return nothing()
            return await answer(request)

        return answered

    async def _start(self, _request: Request) -> Response:
        sessions, now = self._bench.sessions, self._api.clock()
        try:
            session = sessions.start(now)
        except SessionError as problem:
            return _problem(status_of(problem), str(problem))
        try:
            # Both take as long as the others need to hear of it.
            _, code = await asyncio.gather(sessions.others.started(session), sessions.link(session, now))
        except SessionError as problem:
            # Nobody would know of it, and it would take the place of another one.
            sessions.end(session)
            return _problem(status_of(problem), str(problem))
        logger.info("preview.started session=%s by=%s", session.id, BY)
        logger.info("preview.link_made session=%s by=%s", session.id, BY)
        return as_json(self._told(session, code), 201)

    def _told(self, session: Session, code: str) -> Mapping[str, Any]:
        public = self._bench.public.rstrip("/") or self._bench.prefix
        address = public if self._bench.public else f"https://YOUR-HOST{public}"
        line = ["curl", "-i", f"{address}{_EXAMPLE}", "-H", f"{HEADER}: {session.mark}"]
        return {
            "id": session.id,
            "page": f"/preview/{session.id}",
            "link": f"{public}/_preview/{code}" if code else "",
            "header": {"name": HEADER, "value": session.mark},
            "curl": shlex.join(line),
            "mode": session.mode,
            "ends": session.ends,
        }

    async def _look(self, request: Request) -> Response:
        """Whether a session goes on. Not by `Sessions.of`: that somebody waits does not make it last longer."""
        wanted = request.path_params["id"]
        found = next((each for each in self._bench.sessions.all(self._api.clock()) if each.id == wanted), None)
        return nothing() if found is None else as_json(self._told(found, ""))

    async def _end(self, request: Request) -> Response:
        session = self._api.session_of(request)
        if session is None:
            return nothing()
        self._bench.sessions.end(session)
        logger.info("preview.ended session=%s by=%s", session.id, BY)
        try:
            await self._bench.sessions.others.told(session)
        except NotSharedError as problem:
            return _problem(503, str(problem))
        return Response(status_code=204, headers=GUARDED)

    async def _draft(self, request: Request) -> Response:
        session = self._api.session_of(request)
        if session is None:
            return nothing()
        if session.tail is not None:
            return _problem(403, TAIL_ONLY_LOOKS)
        content = await _content(request)
        if content is None:
            return _problem(413, "The draft is larger than 1 MB.")
        try:
            problems = await self._bench.draft_file(session, content)
            if session.draft is not None:
                tell_draft(session, problems)
            await self._bench.sessions.others.told(session)
        except RefusedError as problem:
            return _problem(409, str(problem))
        except NotSharedError as problem:
            return _problem(503, str(problem))
        if any(each["level"] == "error" for each in problems):
            return as_json({"problems": list(problems)}, 422)
        draft: Draft | None = session.draft
        if draft is None:
            # It has ended meanwhile.
            return nothing()
        tests, differing = await self._bench.tests(session), await self._bench.difference(session)
        told = {"problems": list(problems), "difference": list(differing), "tests": tests}
        return as_json({"version": draft.container.version, **told})


async def _content(request: Request) -> bytes | None:
    """The file, `None` when it is larger than a container file may be, a byte order mark aside."""
    content = bytearray()
    try:
        async for chunk in request.stream():
            content += chunk
            if len(content) > LARGEST_FILE + len(BOM_UTF8) * content.startswith(BOM_UTF8):
                return None
    except ClientDisconnect:
        return None
    return bytes(content)


def _problem(status: int, sentence: str) -> Response:
    return as_json({"problem": sentence}, status)
