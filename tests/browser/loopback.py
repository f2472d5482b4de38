"""Servers on this machine that a browser test needs: the sandbox as a process, and pages of a shop."""

from __future__ import annotations

import json
import os
import queue
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from tests.browser.tabs import PATIENCE_SECONDS

ROOT = Path(__file__).resolve().parents[2]
TRACK = "/open_api/v1.3/event/track/"


@dataclass(frozen=True)
class Shop:
    """The shop's own server: its pages, and what the browser reported back."""

    port: int
    seen: queue.Queue[str]


class _Pages(BaseHTTPRequestHandler):
    def __init__(self, pages: Mapping[str, bytes], seen: queue.Queue[str], *arguments: Any) -> None:
        self._pages, self._seen = pages, seen
        super().__init__(*arguments)

    def do_GET(self) -> None:  # the name that http.server calls
        path = self.path.partition("?")[0]
        kind = "text/javascript" if path.endswith(".js") else "text/html"
        self._answer(kind, self._pages.get(path, b""), 200 if path in self._pages else 404)

    def do_POST(self) -> None:  # the name that http.server calls
        self._seen.put(self.rfile.read(int(self.headers["content-length"])).decode())
        self._answer("text/plain", b"")

    def log_message(self, format: str, *arguments: Any) -> None:
        """The test speaks, not its server."""

    def _answer(self, kind: str, body: bytes, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def shop_of(pages: Mapping[str, bytes]) -> Iterator[Shop]:
    """A shop with these pages by their paths."""
    seen: queue.Queue[str] = queue.Queue()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Pages, pages, seen))
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield Shop(server.server_port, seen)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def free_port() -> int:
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def running(*command: str, env: Mapping[str, str] | None = None) -> Iterator[None]:
    """A process that is ended with the block."""
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **(env or {})}, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)


@contextmanager
def sandbox_running() -> Iterator[int]:
    """The port of a sandbox that answers."""
    port = free_port()
    with running(sys.executable, "-m", "container", "sandbox", "--port", str(port)):
        answered(f"http://127.0.0.1:{port}/received")
        yield port


def answered(url: str) -> bytes:
    """The answer of a server that is about to be there."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            with build_opener(ProxyHandler({})).open(url, timeout=PATIENCE_SECONDS) as answer:
                return bytes(answer.read())
        except (URLError, ConnectionError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def received_bodies(sandbox: int) -> list[dict[str, Any]]:
    """The bodies that the sandbox accepted so far."""
    records = json.loads(answered(f"http://127.0.0.1:{sandbox}/received"))["received"]
    return [record["body"] for record in records if record["verdict"] == "accepted"]


def received_events(sandbox: int, wanted: int) -> list[dict[str, Any]]:
    """The events that the sandbox accepted, once there are as many as wanted."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        events = [event for body in received_bodies(sandbox) for event in body["data"]]
        if len(events) >= wanted or time.monotonic() > deadline:
            return events
        time.sleep(0.1)
