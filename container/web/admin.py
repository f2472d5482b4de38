"""The admin listener: `/healthy`, `/ready`, `/metrics`, and the pages on which an operator looks after deliveries.

The pages need the admin token. The first three hold nothing personal and need none; reasons are for those who have it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from container.web.access import GUARDED, guarded, needed
from container.web.access import authorised as authorised
from container.web.gauges import ready_metric
from container.web.health import ANSWERS_WITHIN_SECONDS, attention, not_ready
from container.web.metrics import delivery_metrics, lane_metrics
from container.web.pages import Admin as Admin
from container.web.pages import Pages
from container.web.queue_api import Application, QueueApi, with_queue
from container.web.queue_forms import QueueForms
from container.web.queue_pages import QueuePages, lanes_of
from container.web.style import PAGE_STYLE
from container.web.summed import added, figures_of, page_of

_STATIC = Path(__file__).parent / "static"
_STYLE, _SCRIPT = (_STATIC / "admin.css").read_bytes(), (_STATIC / "queue.js").read_bytes()


def admin_app(admin: Admin, more: Sequence[Route] = ()) -> Starlette:
    """The application of the admin listener. `more`: what others have to show on it."""
    pages = Pages(admin)
    return Starlette(
        routes=[
            Route("/healthy", _healthy),
            Route("/ready", partial(_ready, admin)),
            Route("/metrics", partial(_metrics, admin)),
            Route("/static/page.css", partial(_file, PAGE_STYLE, "text/css")),
            Route("/static/admin.css", partial(_file, _STYLE, "text/css")),
            Route("/static/queue.js", partial(_file, _SCRIPT, "text/javascript")),
            *QueuePages(pages).routes(),
            *QueueForms(pages).routes(),
            *more,
        ]
    )


def admin_listener(admin: Admin, api: QueueApi, more: Sequence[Route] = ()) -> Application:
    """Everything that the admin listener answers, also that there is no such page: guarded as a whole."""
    return guarded(with_queue(admin_app(admin, more), api))


async def _healthy(_request: Request) -> Response:
    """As on the public listener, also while that one is closed and deliveries end."""
    return Response("ok\n", media_type="text/plain", headers=GUARDED)


async def _ready(admin: Admin, request: Request) -> Response:
    shown = request.headers.get("authorization", "")
    if not authorised(shown, admin.token):
        if shown and admin.token:
            # Else a monitor with an old token would never learn why it sees no reasons.
            return needed()
        reasons = await not_ready(admin.health, admin.store)
        return JSONResponse({"ready": not reasons}, 503 if reasons else 200, GUARDED)
    # At the same time: a probe waits for both together.
    lanes, reasons = await asyncio.gather(
        lanes_of(admin.health, admin.store, answers_within=ANSWERS_WITHIN_SECONDS),
        not_ready(admin.health, admin.store),
    )
    wanted = attention(admin.current, admin.health, lanes or (), now=admin.now)
    return JSONResponse({"ready": not reasons, "reasons": [*reasons, *wanted]}, 503 if reasons else 200, GUARDED)


async def _metrics(admin: Admin, _request: Request) -> Response:
    # Both wait for a store that hangs, and whoever scrapes does not wait for long.
    lanes, reasons = await asyncio.gather(lanes_of(admin.health, admin.store), not_ready(admin.health, admin.store))
    delivered, others = delivery_metrics(admin.counters), admin.others()
    if others:
        shown = page_of(added([figures_of(admin.metrics.registry, delivered), *others]))
    else:
        shown = generate_latest(admin.metrics.registry) + generate_latest(delivered)
    shown += generate_latest(ready_metric(ready=not reasons))
    if lanes is not None:
        shown += generate_latest(lane_metrics(lanes, now=admin.clock()))
    return Response(shown, media_type=CONTENT_TYPE_LATEST, headers=GUARDED)


async def _file(content: bytes, kind: str, _request: Request) -> Response:
    return Response(content, media_type=kind, headers=GUARDED)
