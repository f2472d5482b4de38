"""The sandbox as a web application: the stand-in vendors, what they received as JSON and as a page, and faults.

| route | does |
|---|---|
| the vendors' own paths | check, keep, answer |
| `GET /received[?since=N]`, `DELETE /received` | what arrived, after request number N |
| `GET /faults`, `POST /faults`, `DELETE /faults` | the next answers: a fault or a list as JSON, or one as a query |
| `GET /` | the page |
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from container.sandbox.answers import GUARDED, json_response, vendor_response
from container.sandbox.faults import BUTTONS, Fault, FaultError, FaultScript, faulty_answer, parse_fault
from container.sandbox.journal import Journal, Received, Verdict
from container.sandbox.vendor import Answer, Checked, Incoming, Vendor, digest, parse_json
from container.sandbox.vendors import vendors as all_vendors
from container.web.style import PAGE_STYLE

LARGEST_BODY = 10_000_000
KEPT_TEXT = 10_000
_HIDDEN = "(Not shown: it is no JSON, and may hold a secret.)"

_HERE = Path(__file__).parent
_STATIC = {
    "page.css": "text/css; charset=utf-8",
    "sandbox.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


def sandbox_app(
    vendors: Sequence[Vendor] | None = None,
    *,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    keep: int = 1000,
    notice: Callable[[], str] = str,
) -> Starlette:
    """The application. `vendors`: every stand-in by default. `clock`: Unix seconds. `keep`: requests remembered.

    `notice`: gives a sentence for the top of the page, such as which tags a demonstration points here.
    """
    sandbox = _Sandbox(all_vendors() if vendors is None else vendors, clock, sleep=sleep, keep=keep, notice=notice)
    return Starlette(routes=sandbox.routes())


class _Sandbox:
    def __init__(
        self,
        vendors: Sequence[Vendor],
        clock: Callable[[], float],
        *,
        sleep: Callable[[float], Awaitable[None]],
        keep: int,
        notice: Callable[[], str],
    ) -> None:
        self._vendors = vendors
        self._clock = clock
        self._sleep = sleep
        self._journal = Journal(keep)
        self._script = FaultScript()
        pages = Environment(loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined)
        self._page = pages.get_template("page.html")
        self._notice = notice
        own = {name: (_HERE / "static" / name).read_bytes() for name in _STATIC if name != "page.css"}
        self._files = {"page.css": PAGE_STYLE, **own}

    def routes(self) -> list[Route]:
        return [
            Route("/", self._show_page),
            Route("/static/{name}", self._show_file),
            Route("/received", self._show_received),
            Route("/received", self._clear_received, methods=["DELETE"]),
            Route("/faults", self._show_faults),
            Route("/faults", self._add_faults, methods=["POST"]),
            Route("/faults", self._clear_faults, methods=["DELETE"]),
            *(
                Route(path, partial(self._vendor_request, vendor), methods=_METHODS)
                for vendor in self._vendors
                for path in vendor.paths
            ),
        ]

    async def _vendor_request(self, vendor: Vendor, request: Request) -> Response:
        body = await _read(request)
        if body is None:
            return Response(status_code=413)
        now, number = self._clock(), self._journal.next_number()
        incoming = Incoming(
            method=request.method,
            path=request.scope["path"],
            query=request.scope["query_string"].decode("latin-1"),
            headers=dict(request.headers),
            body=body,
            now=int(now),
            request_id=_request_id(now, number),
        )
        checked = vendor.check(incoming)
        fault = self._script.take(vendor, checked.events)
        answer = checked.answer
        if fault is not None:
            answer = faulty_answer(fault, vendor, incoming.request_id, truth=answer)
        copies = self._journal.copies(vendor.name, checked.account, checked.events)
        received = _received(vendor, incoming, checked, answer=answer, fault=fault)
        self._journal.add(replace(received, number=number, time=round(now * 1000), copies=copies))
        if fault is not None and fault.slow:
            await self._sleep(fault.slow)
        return vendor_response(answer)

    async def _show_page(self, _request: Request) -> Response:
        shown = self._page.render(vendors=self._vendors, buttons=BUTTONS, notice=self._notice())
        return Response(shown, media_type="text/html", headers=GUARDED)

    async def _show_file(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in self._files:
            return Response("Not found", 404, headers=GUARDED)
        return Response(self._files[name], media_type=_STATIC[name], headers=GUARDED)

    async def _show_received(self, request: Request) -> Response:
        since = request.query_params.get("since", "0")
        if not (since.isascii() and since.isdigit() and len(since) < 16):
            return json_response({"problem": '"since" is the number of a request.'}, status=400)
        found = self._journal.since(int(since))
        return json_response({"received": found, "last": self._journal.last})

    async def _clear_received(self, request: Request) -> Response:
        if _foreign(request):
            return _FOREIGN
        self._journal.clear()
        return json_response({"received": [], "last": self._journal.last})

    async def _show_faults(self, _request: Request) -> Response:
        return json_response({"faults": self._script.shown()})

    async def _add_faults(self, request: Request) -> Response:
        if _foreign(request):
            return _FOREIGN
        try:
            written = await _written_faults(request)
            self._script.add([parse_fault(each, self._vendors) for each in written])
        except FaultError as problem:
            return json_response({"problem": str(problem)}, status=400)
        return json_response({"faults": self._script.shown()})

    async def _clear_faults(self, request: Request) -> Response:
        if _foreign(request):
            return _FOREIGN
        self._script.clear()
        return json_response({"faults": []})


_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


async def _read(request: Request) -> bytes | None:
    """The body, `None` when it is too large or the sender went away."""
    chunks: list[bytes] = []
    size = 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > LARGEST_BODY:
                return None
            chunks.append(chunk)
    except ClientDisconnect:
        return None
    return b"".join(chunks)


async def _written_faults(request: Request) -> list[Any]:
    body = await _read(request)
    if not body:
        return [{key: _literal(value) for key, value in request.query_params.items()}]
    try:
        written = parse_json(body)
    except ValueError:
        raise FaultError("The body is not valid JSON.") from None
    return written if isinstance(written, list) else [written]


def _literal(value: str) -> Any:
    """A query value: JSON where it is some, else text."""
    try:
        return parse_json(value.encode(errors="replace"))
    except ValueError:
        return value


def _received(vendor: Vendor, incoming: Incoming, checked: Checked, *, answer: Answer, fault: Fault | None) -> Received:
    verdict: Verdict = "accepted" if checked.accepted else "refused"
    body = _without_secrets(checked.body, vendor.secret_fields) if isinstance(checked.body, dict) else checked.body
    return Received(
        vendor=vendor.name,
        method=incoming.method,
        path=incoming.path,
        verdict="faulted" if fault is not None and fault.kind != "slow" else verdict,
        status=None if answer.dropped else answer.status,
        answer=answer.document if answer.text is None else answer.text,
        headers=_without_secrets(incoming.headers, vendor.secret_headers),
        account=checked.account,
        test_code=checked.test_code,
        events=checked.events,
        reasons=checked.reasons,
        remarks=checked.remarks,
        fault=None if fault is None else fault.details,
        body=body,
        text=_kept_text(incoming.body, vendor.secret_fields) if body is None else None,
        size=len(incoming.body),
    )


def _without_secrets(values: Mapping[str, Any], secret: Sequence[str]) -> dict[str, Any]:
    return {name: digest(str(value)) if name in secret else value for name, value in values.items()}


def _kept_text(body: bytes, secret: Sequence[str]) -> str:
    text = body.decode(errors="replace")
    return _HIDDEN if any(name in text for name in secret) else text[:KEPT_TEXT]


def _request_id(now: float, number: int) -> str:
    return f"{time.strftime('%Y%m%d%H%M%S', time.gmtime(now))}{number:018X}"


def _foreign(request: Request) -> bool:
    """Another site's page, in somebody's browser, wants to change something here."""
    return request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin")


_FOREIGN = json_response({"problem": "Only the sandbox's own page may do that."}, status=403)
