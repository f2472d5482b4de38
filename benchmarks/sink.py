"""A vendor that takes every request at once and counts the events in it: where a delivering server sends to.

    python -m benchmarks.sink PORT

`GET /count` says how many events have come.
"""

from __future__ import annotations

import asyncio
import signal
import sys

import orjson
import uvloop

from container.cli.listeners import Listener, bind
from container.web.ingest import Limits, Receive, Scope, Send, read_body

ANSWER = b'{"code":0,"message":"OK","request_id":"1"}'
_LIMITS = Limits(body_bytes=16_000_000)


class Sink:
    """The application, and what it has counted."""

    def __init__(self) -> None:
        self.events = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await read_body(receive, _LIMITS)
        if scope["method"] == "POST":
            items = orjson.loads(body).get("data")
            self.events += 1 if items is None else len(items)
        answer = ANSWER if scope["method"] == "POST" else str(self.events).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})


async def serve(port: int) -> None:
    """Until it is told to stop."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    listener = Listener(Sink(), bind("127.0.0.1", port))
    await listener.start()
    await stop.wait()
    await listener.stop()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
