"""The admin listener: `/ready`, `/metrics`, and a page that shows how the lanes stand and what is dead in them.

The page needs the admin token: as the password of HTTP's basic authentication (the user's name does not matter), or
as a bearer token. `/ready` and `/metrics` hold nothing personal and need none; reasons are for those who have it.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from container.delivery.counters import Counters
from container.delivery.store import DeadLetter, LaneReport, Store, StoreError
from container.web.current import Current
from container.web.health import ANSWERS_WITHIN_SECONDS, HOLDS, Health, attention, moment, not_ready
from container.web.metrics import Metrics, delivery_metrics, lane_metrics
from container.web.style import PAGE_STYLE

FEW_LETTERS, MANY_LETTERS = 10, 500
MOST_DEAD_LANES = 50

_HERE = Path(__file__).parent
_STYLE = (_HERE / "static" / "admin.css").read_bytes()
_CLOSED = """\
This page is closed, because there is no admin token yet.

Set one of 16 characters or more in the environment, and start again:

  export TAG_CONTAINER_ADMIN_TOKEN="$(openssl rand -hex 32)"

It is then the password that your browser asks for here.
"""
_GUARDED = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
_CHALLENGE = {"www-authenticate": 'Basic realm="tag-container: the admin token is the password", charset="UTF-8"'}


@dataclass(frozen=True, slots=True)
class Admin:
    """What the admin listener shows. `token` empty: nobody may see the page. `clock`: Unix time in seconds.

    The current container's notice stands at the top of the page.
    """

    current: Current
    store: Store
    metrics: Metrics
    health: Health
    counters: Counters
    token: str
    clock: Callable[[], float] = time.time


@dataclass(frozen=True, slots=True)
class DeadInLane:
    """The latest dead letters of a lane."""

    lane: LaneReport
    letters: Sequence[DeadLetter]


def admin_app(admin: Admin) -> Starlette:
    """The application of the admin listener."""
    pages = Environment(loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined)
    template = pages.get_template("admin.html")

    async def ready(request: Request) -> Response:
        reasons = await not_ready(admin.health, admin.store)
        status = 503 if reasons else 200
        shown = request.headers.get("authorization", "")
        if shown and admin.token and not authorised(shown, admin.token):
            # Else a monitor with an old token would never learn why it sees no reasons.
            return _needed()
        if not authorised(shown, admin.token):
            return JSONResponse({"ready": not reasons}, status, _GUARDED)
        lanes = await _lanes(admin.store) or ()
        wanted = attention(admin.current, admin.health, lanes, now=int(admin.clock() * 1000))
        return JSONResponse({"ready": not reasons, "reasons": [*reasons, *wanted]}, status, _GUARDED)

    async def metrics(_request: Request) -> Response:
        shown = generate_latest(admin.metrics.registry)
        lanes = await _lanes(admin.store)
        if lanes is not None:
            shown += generate_latest(lane_metrics(lanes, now=admin.clock()))
        shown += generate_latest(delivery_metrics(admin.counters))
        return Response(shown, media_type=CONTENT_TYPE_LATEST, headers=_GUARDED)

    async def page(request: Request) -> Response:
        if not authorised(request.headers.get("authorization", ""), admin.token):
            return _needed() if admin.token else Response(_CLOSED, 403, _GUARDED, "text/plain")
        lanes, now = await _lanes(admin.store), int(admin.clock() * 1000)
        shown = template.render(
            container=admin.current.container,
            notice=admin.current.notice,
            reasons=admin.health.reasons(),
            attention=attention(admin.current, admin.health, lanes or (), now=now),
            lanes=lanes,
            dead=await _dead(admin.store, lanes or (), request.query_params.get("lane", "")),
            now=now,
            age=_age,
            pieces=_pieces,
            moment=moment,
            holds=HOLDS,
        )
        return Response(shown, 200 if lanes is not None else 503, _GUARDED, "text/html")

    return Starlette(
        routes=[
            Route("/", page),
            Route("/ready", ready),
            Route("/metrics", metrics),
            Route("/static/page.css", partial(_style, PAGE_STYLE)),
            Route("/static/admin.css", partial(_style, _STYLE)),
        ]
    )


def authorised(header: str, token: str) -> bool:
    """Whether an `Authorization` header shows the token, in constant time. Without a token nobody is authorised."""
    scheme, _, shown = header.partition(" ")
    match scheme.lower():
        case "bearer":
            candidate = shown.strip().encode()
        case "basic":
            candidate = _password(shown.strip())
        case _:
            return False
    return bool(token) and hmac.compare_digest(_digest(candidate), _digest(token.encode()))


def _needed() -> Response:
    return Response("The admin token is needed.\n", 401, _GUARDED | _CHALLENGE, "text/plain")


async def _style(style: bytes, _request: Request) -> Response:
    return Response(style, media_type="text/css", headers=_GUARDED)


def _password(encoded: str) -> bytes:
    try:
        return base64.b64decode(encoded, validate=True).partition(b":")[2]
    except (binascii.Error, ValueError):
        return b""


def _digest(value: bytes) -> bytes:
    return hashlib.sha256(value).digest()


async def _lanes(store: Store) -> Sequence[LaneReport] | None:
    """The lanes, `None` when the store does not answer: what else is known is still worth showing."""
    try:
        async with asyncio.timeout(ANSWERS_WITHIN_SECONDS):
            return await store.lanes()
    except (StoreError, TimeoutError):
        return None


async def _dead(store: Store, lanes: Sequence[LaneReport], asked: str) -> Sequence[DeadInLane]:
    """The latest dead letters by lane. `asked`: the number of a lane of which more are wanted."""
    found = []
    for report in [report for report in lanes if report.dead][:MOST_DEAD_LANES]:
        most = MANY_LETTERS if asked == str(report.number) else FEW_LETTERS
        try:
            letters = await store.dead(most=most, lane=report.number)
        except StoreError:
            continue
        found.append(DeadInLane(report, letters))
    return found


def _pieces(address: str) -> list[str]:
    """The address in pieces, behind each of which it may go on in the next line."""
    return [piece for piece in re.findall(r"[^/]*/*", address) if piece]


def _age(milliseconds: int) -> str:
    """A duration in words that fit a table."""
    seconds = max(milliseconds, 0) // 1000
    for size, name in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {name}"
    return f"{seconds} s"
