"""The public listener: the paths of the clients, and `/healthy`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from container.effects import Reply
from container.web.ingest import Ingest, Receive, Scope, Send, respond, stated
from container.web.mount import plain, unmounted

Application = Callable[[Scope, Receive, Send], Awaitable[None]]

HEALTHY = Reply(200, (("content-type", "text/plain; charset=utf-8"), ("cache-control", "no-store")), b"ok\n")
NOT_FOUND = stated(Reply(404))


def public_app(ingest: Ingest, *, prefix: str = "") -> Application:
    """The application of the public listener.

    `prefix`: where a proxy mounted us, such as `/metrics`. Hits do not see it, whether the proxy takes it off or not;
    `/healthy` answers at the root as well because load balancers ask there.
    """
    mounted = plain(f"/{prefix}/".encode()).rstrip(b"/")

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        path: bytes | None = scope["raw_path"]
        if mounted and path:
            path = unmounted(path, mounted, ingest.current.container)
            scope = {**scope, "raw_path": path}
        if path is None:
            ingest.metrics.refused["unclaimed"].inc()
            await respond(scope, send, NOT_FOUND)
        elif path == b"/healthy" and scope["method"] in ("GET", "HEAD"):
            await respond(scope, send, HEALTHY)
        else:
            await ingest(scope, receive, send)

    return app
