"""How the sandbox answers: as the vendor or the fault says, and as JSON and pages of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from container.sandbox.vendor import Answer

GUARDED = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}
"""Headers of the sandbox's own pages: they show what strangers sent."""


def vendor_response(answer: Answer) -> Response:
    """The answer of a stand-in or a fault."""
    if answer.dropped:
        return _Dropped()
    if answer.text is None:
        return json_response(answer.document, status=answer.status, headers=answer.headers)
    headers = {"content-type": "text/plain; charset=utf-8", **answer.headers}
    return Response(answer.text.encode(errors="replace"), answer.status, headers)


def json_response(document: Any, *, status: int = 200, headers: Mapping[str, str] = GUARDED) -> Response:
    """JSON values, mappings and data classes as JSON."""
    # Escaped to ASCII, since what was sent may hold halves of surrogate pairs, which UTF-8 has no bytes for.
    return Response(json.dumps(document, default=_plain), status, dict(headers), media_type="application/json")


class _Dropped(Response):
    """No answer: the connection breaks, before the first byte where the server lets us, else in the middle."""

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        # An ASGI application cannot close a connection; uvicorn's `receive` belongs to the object that can.
        transport = getattr(getattr(receive, "__self__", None), "transport", None)
        if transport is None:
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1")]})
            raise ConnectionAbortedError("the sandbox was told to break the connection")
        transport.abort()
        while (await receive())["type"] != "http.disconnect":
            pass


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {each.name: getattr(value, each.name) for each in fields(value)}
    return dict(value) if isinstance(value, Mapping) else str(value)
