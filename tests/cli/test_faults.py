"""A fault of ours: an id outside, the place of it in the log, and nothing of the visitor in either."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import pytest

from tests.cli.raw import GET, HOST, Said, door
from tests.web.parts import run


async def raises(scope: Any, receive: Any, send: Any) -> None:
    raise LookupError(f"the visitor's {scope['query_string'].decode()}")


async def raises_late(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9")]})
    raise LookupError("late")


def said(folder: Path, application: Any) -> Said:
    async def work() -> Said:
        async with door(folder, application=application) as here:
            return await here.say(GET + b"\r\n")

    return run(work())


def test_a_fault_is_answered_with_an_id_that_the_log_has_too(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    answer = said(tmp_path, raises)
    assert answer.statuses == [500]
    found = re.fullmatch(rb"error ([0-9a-f]{32})\n", answer.text.partition(b"\r\n\r\n")[2])
    assert found, answer.text
    assert f"request.failed id={found[1].decode()} error=LookupError at=test_faults.py:" in caplog.text
    assert "visitor" not in caplog.text
    assert "purchase" not in caplog.text


def test_a_fault_within_an_answer_ends_the_connection(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    answer = said(tmp_path, raises_late)
    assert answer.text == b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n"
    assert "request.failed" in caplog.text


@pytest.mark.parametrize(
    "path",
    ["/", "/docs", "/redoc", "/openapi.json", "/metrics", "/ready", "/admin", "/server-status", "/.env", "/version"],
)
def test_the_public_listener_shows_nothing_of_itself(tmp_path: Path, path: str) -> None:
    async def work() -> Said:
        async with door(tmp_path) as here:
            sent = f"GET {path} HTTP/1.1\r\nconnection: close\r\n".encode()
            return await here.say(sent + HOST + b"\r\n")

    answer = run(work())
    assert answer.statuses == [404]
    lowered = answer.text.lower()
    assert not any(word in lowered for word in (b"server:", b"date:", b"via:", b"powered", b"uvicorn", b"python"))
    assert answer.text.endswith(b"There is nothing at this address.\n")
