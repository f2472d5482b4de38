"""A bare 204 from the server's own listener: what is there before anything of ours begins.

python -m benchmarks.bare PORT
"""

from __future__ import annotations

import asyncio
import signal
import sys

import uvloop

from container.cli.listeners import Listener, bind
from container.web.ingest import Receive, Scope, Send


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers everything at once, a hit with nothing."""
    del receive
    status = 200 if scope["path"] == "/healthy" else 204
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def serve(port: int) -> None:
    """Until it is told to stop."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    listener = Listener(app, bind("127.0.0.1", port))
    await listener.start()
    await stop.wait()
    await listener.stop()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
