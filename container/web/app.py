"""The public listener: the paths of the clients, and `/healthy`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from container.effects import Reply
from container.web.ingest import Ingest, Receive, Scope, Send, respond, stated

Application = Callable[[Scope, Receive, Send], Awaitable[None]]

HEALTHY = Reply(200, (("content-type", "text/plain; charset=utf-8"), ("cache-control", "no-store")), b"ok\n")
NOT_FOUND = stated(Reply(404))


def public_app(ingest: Ingest, *, prefix: str = "") -> Application:
    """The application of the public listener.

    `prefix`: where a proxy mounted us, such as `/metrics`. Hits come under it and do not see it; elsewhere there is
    only `/healthy`, which answers at the root as well because load balancers ask there.
    """
    mounted = f"/{prefix.strip('/')}".rstrip("/").encode()
    healthy = {b"/healthy", mounted + b"/healthy"}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        path = scope["raw_path"]
        if path in healthy and scope["method"] in ("GET", "HEAD"):
            await respond(scope, send, HEALTHY)
        elif not mounted:
            await ingest(scope, receive, send)
        elif path.startswith(mounted + b"/"):
            await ingest({**scope, "raw_path": path[len(mounted) :]}, receive, send)
        else:
            ingest.metrics.refused["unclaimed"].inc()
            await respond(scope, send, NOT_FOUND)

    return app
