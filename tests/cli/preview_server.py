"""An admin listener with the API of preview, as docs/decisions/preview-drafts.md has it, over the real drafts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson

from container.preview.differing import difference
from container.preview.drafts import Draft, drafted_bytes, problems_json
from tests.preview.lives import live

TOKEN = "the-admin-token-of-a-test"


@dataclass
class Preview:
    """What was asked, and the text of the draft that runs. `answers`: what is answered instead, by method.

    `close`: nobody answers from then on.
    """

    address: str = ""
    asked: list[tuple[str, str]] = field(default_factory=list)
    runs: str | None = None
    answers: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    changed: threading.Condition = field(default_factory=threading.Condition)
    close: Callable[[], None] = lambda: None

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        if method in self.answers:
            return self.answers[method]
        match method, path:
            case "POST", "/preview/sessions":
                return 201, orjson.dumps(SESSION)
            case "GET", "/preview/sessions/abc-1":
                return 200, orjson.dumps({**SESSION, "link": "", "ends": int(time.time()) + 2 * 3600})
            case "DELETE", "/preview/sessions/abc-1":
                return 204, b""
            case "PUT", "/preview/sessions/abc-1/draft":
                return self._draft(body)
        return 404, b"Not Found"

    def _draft(self, body: bytes) -> tuple[int, bytes]:
        of = live()
        found = drafted_bytes(body, of)
        if not isinstance(found, Draft):
            return 422, orjson.dumps({"problems": problems_json(found)})
        self.runs = found.text
        said = {
            "version": found.container.version,
            "problems": problems_json(found.problems),
            "tests": found.tests().as_json(),
            "difference": [each.as_json() for each in difference(of.text, found.text)],
        }
        return 200, orjson.dumps(said)

    def wait_until_asked(self, method: str, times: int) -> None:
        """Until it was asked so often by this method."""
        self.wait_until(lambda: [each for each, _ in self.asked].count(method) >= times)

    def gets(self) -> int:
        """How often it was asked how the session is."""
        return [each for each, _ in self.asked].count("GET")

    def wait_until(self, holds: Callable[[], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(holds, 60), self.asked


SESSION: dict[str, Any] = {
    "id": "abc-1",
    "page": "/preview/abc-1",
    "link": "/_preview/single-use-code",
    "header": {"name": "X-Gtm-Server-Preview", "value": "mark"},
    "curl": "curl -H 'X-Gtm-Server-Preview: mark' 'http://127.0.0.1:8080/g/collect?v=2'",
    "mode": "dry",
    "ends": 1_800_000_000,
}


@contextmanager
def preview_server() -> Iterator[Preview]:
    preview = Preview()

    class Handler(BaseHTTPRequestHandler):
        def _answered(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            shown = self.headers.get("authorization") == f"Bearer {TOKEN}"
            status, said = preview.answer(self.command, self.path, body) if shown else (404, b"Not Found")
            with preview.changed:
                preview.asked.append((self.command, self.path))
                preview.changed.notify_all()
            self.send_response(status)
            self.send_header("content-length", str(len(said)))
            if status == 302:
                self.send_header("location", "/elsewhere")
            self.end_headers()
            self.wfile.write(said)

        do_POST = do_PUT = do_DELETE = do_GET = _answered  # noqa: N815  # names that the library gives

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        preview.address = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()

        def close() -> None:
            server.shutdown()
            server.server_close()

        preview.close = close
        yield preview
        server.shutdown()
        thread.join()
