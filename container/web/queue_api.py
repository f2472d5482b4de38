"""The JSON interface of the queue, under `/api/queue`: lanes, rows, and what is done with them.

On the admin listener it needs the admin token, as a bearer token or a password; on the control socket, which only the
folder's owner can open, it needs none. What changes something is a POST of JSON that no other site's page sent.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from container.delivery.person import NobodyError, person
from container.delivery.remedies import advice
from container.delivery.selection import AT_ONCE, Place, Selection
from container.delivery.store import StoreError
from container.web.access import GUARDED, same_origin
from container.web.caretaker import Caretaker
from container.web.ingest import Receive, Scope, Send
from container.web.jobs import BusyError
from container.web.queue_json import detail_json, imported_json, job_json, lane_json, report_json
from container.web.queue_moves import ImportOverError, Imports, exported
from container.web.queue_words import no_reason

PATH = "/api/queue"
MOST_ROWS = 500
MOST_NUMBERS = 10_000
LARGEST_BODY = 16 << 20
"""Bytes of a request, such as a slice of an import; a listener may have a limit of its own."""

_NEEDED = {"www-authenticate": 'Basic realm="tag-container: the admin token is the password", charset="UTF-8"'}
_IDENTIFIERS = ("email", "phone", "user_id", "client_id", "event_id")

Application = Callable[[Scope, Receive, Send], Awaitable[None]]
Document = Mapping[str, Any]


class QueueApi:
    """`allows`: whether an `Authorization` header may come in. `by`: how callers come in, for the log."""

    def __init__(self, caretaker: Caretaker, allows: Callable[[str], bool], *, by: str) -> None:
        self.caretaker, self.allows, self.by = caretaker, allows, by
        self._imports = Imports(by=by)

    async def lanes(self, _request: Request) -> Response:
        store = self.caretaker.store
        lanes = [lane_json(lane, share=store.share(lane.number)) for lane in await store.lanes()]
        return _json({"lanes": lanes, "fill": store.fill})

    async def rows(self, request: Request) -> Response:
        asked = request.query_params
        selection = await self._selection({**asked, "all": True}, asked.get("place", "dead"))
        most = min(_number(asked.get("most"), "most") or 50, MOST_ROWS)
        found = await self.caretaker.store.rows(selection, most=most, before=_number(asked.get("before"), "before"))
        return _json({"rows": [report_json(each) for each in found]})

    async def count(self, request: Request) -> Response:
        asked = request.query_params
        selection = await self._selection({**asked, "all": True}, asked.get("place", "dead"))
        return _json({"rows": await self.caretaker.store.count(selection)})

    async def row(self, request: Request) -> Response:
        place, number = _place(request.path_params["place"]), request.path_params["number"]
        whole = _is_set(request.query_params.get("whole", ""))
        found = await self.caretaker.row(place, number, whole=whole, by=self.by)
        if found is None:
            return await self._gone(place, number)
        return _json(detail_json(found))

    async def replay(self, request: Request) -> Response:
        job = self.caretaker.replay(await self._selection(await document(request), "dead"))
        return _json({"job": job_json(job)}, 202)

    async def drop(self, request: Request) -> Response:
        stated = await document(request)
        job = self.caretaker.drop(await self._selection(stated, stated.get("place", "dead")))
        return _json({"job": job_json(job)}, 202)

    async def pause(self, request: Request) -> Response:
        return await self._pause(request, paused=True)

    async def resume(self, request: Request) -> Response:
        return await self._pause(request, paused=False)

    async def forget(self, request: Request) -> Response:
        stated = await document(request)
        named = {name: value for name in _IDENTIFIERS if (value := stated.get(name)) is not None}
        if not all(isinstance(value, str) for value in named.values()):
            raise HTTPException(422, "Each identifier is text.")
        job = self.caretaker.forget(person(**named), dry_run=stated.get("dry_run") is True)
        return _json({"job": job_json(job)}, 202)

    async def job(self, request: Request) -> Response:
        job = self.caretaker.jobs.get(request.path_params["number"])
        if job is None:
            raise HTTPException(404, "There is no such job any more.")
        return _json({"job": job_json(job)})

    async def cancel(self, request: Request) -> Response:
        await document(request)
        job = await self.caretaker.cancel(request.path_params["number"], by=self.by)
        if job is None:
            raise HTTPException(404, "There is no such job any more.")
        return _json({"job": job_json(job)})

    async def export(self, request: Request) -> Response:
        """Every row as a line of JSON, in the order of numbers: those that wait, then the dead letters."""
        asked = dict(request.query_params)
        places = (_place(asked["place"]),) if "place" in asked else ("waiting", "dead")
        selections = [await self._selection({**asked, "all": True}, place) for place in places]
        lines = exported(self.caretaker.store, selections, by=self.by, end=_is_set(asked.get("end", "")))
        return StreamingResponse(lines, media_type="application/x-ndjson", headers=GUARDED)

    async def import_rows(self, request: Request) -> Response:
        """A slice of an import: `import` is the number that the first slice got, `last` ends it.

        `unreadable`: how many lines its caller left out, for the log.
        """
        stated = await document(request)
        lines = stated.get("rows")
        if not isinstance(lines, list) or not all(isinstance(line, dict) for line in lines) or len(lines) > AT_ONCE:
            raise HTTPException(422, f"The rows are a list of {AT_ONCE} lines of an export at most.")
        unreadable = _number(stated.get("unreadable"), "unreadable") or 0
        store, clock, last = self.caretaker.store, self.caretaker.clock, stated.get("last") is True
        try:
            number = stated["import"] if stated.get("import") is not None else await self._imports.begin(store)
            total = await self._imports.slice(store, number, lines, clock=clock, last=last, unreadable=unreadable)
        except ImportOverError:
            said = "Another import began meanwhile, this one stood still, or the server was started anew: begin again."
            raise HTTPException(409, said) from None
        return _json({"import": number, **imported_json(total)})

    def routes(self) -> list[Route]:
        def reading(path: str, answer: Callable[[Request], Awaitable[Response]]) -> Route:
            return Route(f"{PATH}{path}", self._answering(answer), methods=["GET"])

        def changing(path: str, answer: Callable[[Request], Awaitable[Response]]) -> Route:
            return Route(f"{PATH}{path}", self._answering(answer), methods=["POST"])

        return [
            reading("/lanes", self.lanes),
            reading("/rows", self.rows),
            reading("/count", self.count),
            reading("/rows/{place}/{number:int}", self.row),
            reading("/jobs/{number:int}", self.job),
            reading("/export", self.export),
            changing("/replay", self.replay),
            changing("/drop", self.drop),
            changing("/lanes/{number:int}/pause", self.pause),
            changing("/lanes/{number:int}/resume", self.resume),
            changing("/jobs/{number:int}/cancel", self.cancel),
            changing("/import", self.import_rows),
            changing("/forget", self.forget),
        ]

    async def _selection(self, stated: Document, place: object) -> Selection:
        """The rows that are meant. None at all would be no answer to whoever named a lane that there is not."""
        selection = _selection(stated, place)
        if selection.lane is not None:
            known = await self.caretaker.store.lanes()
            if not any(lane.number == selection.lane for lane in known):
                raise HTTPException(404, f"There is no lane {selection.lane}.")
        return selection

    async def _gone(self, place: Place, number: int) -> Response:
        """That there is no such row, and whether its number is one of the other place. `elsewhere`: that place."""
        other: Place = "waiting" if place == "dead" else "dead"
        if await self.caretaker.store.row(other, number) is None:
            return _said(404, "There is no such row.")
        what = "waits" if other == "waiting" else "is a dead letter"
        sentence = f"There is no such row. Number {number} {what}: it is {PATH}/rows/{other}/{number}."
        return _json({"error": sentence, "elsewhere": other}, 404)

    async def _pause(self, request: Request, *, paused: bool) -> Response:
        await document(request)
        number = request.path_params["number"]
        if not await self.caretaker.pause(number, paused=paused, by=self.by):
            raise HTTPException(404, f"There is no lane {number}.")
        return _json({"lane": number, "paused": paused})

    def _answering(self, answer: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        """The answer for who may come in, and a sentence where there is none."""

        async def answered(request: Request) -> Response:
            if not self.allows(request.headers.get("authorization", "")):
                return _said(401, "The admin token is needed.", _NEEDED)
            # What is read is logged, and holds people: neither is for another site's page to begin.
            if not is_from_here(request.headers):
                return _said(403, "Another site's page may not ask.")
            if request.method == "POST" and not is_json(request):
                return _said(403, "Send JSON, with content-type: application/json.")
            try:
                return await answer(request)
            except HTTPException as problem:
                return _said(problem.status_code, problem.detail)
            except NobodyError as problem:
                return _said(422, str(problem))
            except BusyError as problem:
                return _json({"error": str(problem), "job": job_json(problem.job)}, 409)
            except StoreError as problem:
                return _said(503, f"The store does not take it ({problem}).{advice(str(problem))}")

        return answered


def queue_app(api: QueueApi) -> Starlette:
    """The interface as an application, such as that of the control socket."""
    return Starlette(routes=api.routes())


def with_queue(application: Application, api: QueueApi) -> Application:
    """The application, and the interface under its path."""
    queue = queue_app(api)

    async def both(scope: Scope, receive: Receive, send: Send) -> None:
        is_queue = scope["type"] == "http" and scope["path"].startswith(f"{PATH}/")
        await (queue if is_queue else application)(scope, receive, send)

    return both


def is_from_here(headers: Mapping[str, str]) -> bool:
    """Whether no other site's page led to the request. An address that somebody typed is nobody's page."""
    typed = headers.get("sec-fetch-site") == "none" and headers.get("origin") is None
    return typed or same_origin(headers)


def is_json(request: Request) -> bool:
    """Forms of other sites cannot send it."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"


def _is_set(stated: str) -> bool:
    return stated not in ("", "0", "false")


async def document(request: Request) -> Document:
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > LARGEST_BODY:
                raise HTTPException(413, f"The body has more than {LARGEST_BODY} bytes.")
        found = orjson.loads(bytes(body) or b"{}")
    except (orjson.JSONDecodeError, ClientDisconnect):
        raise HTTPException(400, "The body is no JSON.") from None
    if not isinstance(found, dict):
        raise HTTPException(422, "The body is a JSON object.")
    return found


def _selection(stated: Document, place: object) -> Selection:
    """The rows that are meant: all, or those of a lane, for a reason, or by number."""
    lane, up_to = _number(stated.get("lane"), "lane"), _number(stated.get("up_to"), "up_to")
    reason, numbers, ids = stated.get("reason"), stated.get("numbers"), stated.get("ids")
    if reason is not None and not isinstance(reason, str):
        raise HTTPException(422, "The reason is text.")
    if reason is not None and (unknown := no_reason(reason)):
        raise HTTPException(422, unknown)
    if numbers is not None and not _is_list(numbers, int):
        raise HTTPException(422, "The numbers are a list of whole numbers.")
    if ids is not None and not _is_list(ids, str):
        raise HTTPException(422, "The ids are a list of texts.")
    if stated.get("all") is not True and all(each is None for each in (lane, reason, numbers, ids)):
        raise HTTPException(422, "Say which rows: a lane, a reason, numbers, or all.")
    return Selection(
        _place(place),
        lane=lane,
        numbers=None if numbers is None else tuple(numbers),
        reason=reason,
        up_to=up_to,
        ids=None if ids is None else tuple(ids),
    )


def _place(stated: object) -> Place:
    if stated == "waiting":
        return "waiting"
    if stated == "dead":
        return "dead"
    raise HTTPException(422, 'A place is "waiting" or "dead".')


def _number(stated: object, name: str) -> int | None:
    if stated is None:
        return None
    if isinstance(stated, str) and stated.isascii() and stated.isdigit() and len(stated) < 19:
        return int(stated)
    if type(stated) is int and 0 <= stated < 2**63:
        return stated
    raise HTTPException(422, f'"{name}" is a whole number.')


def _is_list(value: object, kind: type) -> bool:
    if not isinstance(value, list) or len(value) > MOST_NUMBERS:
        return False
    return all(type(each) is kind for each in value) and (kind is str or all(0 <= each < 2**63 for each in value))


def _said(status: int, sentence: str, headers: Mapping[str, str] | None = None) -> Response:
    return _json({"error": sentence}, status, headers)


def _json(document: Document, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    # Halves of surrogate pairs cannot be written; what a hit brought along may hold some.
    option = orjson.OPT_NON_STR_KEYS
    return Response(orjson.dumps(document, option=option), status, {**GUARDED, **(headers or {})}, "application/json")
