"""A fault of ours ends one request, not the process, and tells nobody outside more than an id."""

from __future__ import annotations

import logging
import os
import traceback
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from container.effects import Reply
from container.web.ingest import Receive, Scope, Send, respond

Application = Callable[[Scope, Receive, Send], Awaitable[None]]

logger = logging.getLogger("container.cli")


def answering(application: Application) -> Application:
    """The application; where it raises, its request is answered with 500 and an id that the log has too."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await application(scope, receive, send)
        except Exception as problem:  # noqa: BLE001  # whatever it is, there is an answer
            reply = _failed(problem)
            # Where an answer has begun, the server sees that it has no end, and closes the connection.
            with suppress(RuntimeError):
                await respond(scope, send, reply, closing=True)

    return app


def _failed(problem: Exception) -> Reply:
    """Names the line of ours that raised, and nothing of the request: messages quote values."""
    number = os.urandom(16).hex()
    place = traceback.extract_tb(problem.__traceback__)[-1]
    where = f"{Path(place.filename).name}:{place.lineno}"
    logger.error("request.failed id=%s error=%s at=%s", number, type(problem).__name__, where)
    return Reply(500, (("content-type", "text/plain; charset=utf-8"),), f"error {number}\n".encode())
