"""The server in front of ingest, met on a socket: what it lets through, and what it says."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from container.cli.listeners import Listener, bind
from container.web.app import public_app
from tests.cli.processes import PATIENCE_SECONDS
from tests.web.parts import run, site

HOST = "host: shop.example\r\n"
GET = f"GET /collect?name=purchase HTTP/1.1\r\n{HOST}"
POST = f"POST /collect?name=purchase HTTP/1.1\r\n{HOST}"


def talk(folder: Path, sent: bytes, *, answers: int) -> tuple[list[bytes], int]:
    """The statuses of so many answers, or of all until the connection ends, and how many deliveries are on disk."""

    async def work() -> tuple[list[bytes], int]:
        async with site(folder) as here:
            bound = bind("127.0.0.1", 0)
            listener = Listener(public_app(here.ingest), bound)
            port = bound.getsockname()[1]
            await listener.start()
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(sent)
            answer = b""
            if not answers:
                writer.write_eof()
            async with asyncio.timeout(PATIENCE_SECONDS):
                while chunk := await reader.read(65_536):
                    answer += chunk
                    if answer.count(b"HTTP/1.1 ") == answers and answer.endswith(b"\r\n\r\n"):
                        break
            writer.close()
            await writer.wait_closed()
            await listener.stop()
            lines = [line for line in answer.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]
            assert b"server:" not in answer.lower()
            assert b"date:" not in answer.lower()
            return [line.split()[1] for line in lines], await here.waiting()

    return run(work())


@pytest.mark.parametrize(
    ("sent", "statuses", "stored"),
    [
        (f"{GET}\r\n", [b"204"], 1),
        (f"{GET}\r\n{GET}\r\n", [b"204", b"204"], 2),
        (f"{POST}content-length: 3\r\n\r\nabc", [b"204"], 1),
        (f"{POST}transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", [b"204"], 1),
        (f"{POST}content-length: 1000001\r\n\r\n{'x' * 1_000_001}", [b"413"], 0),
        (f"{GET}x: {'x' * 40_000}\r\n\r\n", [b"431"], 0),
        (GET + "".join(f"x-{number}: 1\r\n" for number in range(101)) + "\r\n", [b"431"], 0),
        (f"GET /collect?name={'x' * 20_000} HTTP/1.1\r\n{HOST}\r\n", [b"414"], 0),
        ("GET /collect?name=purchase HTTP/1.1\r\n\r\n", [b"400"], 0),
        ("GET /collect?name=purchase HTTP/1.1\r\nhost:\r\n\r\n", [b"400"], 0),
        (f"{GET}{HOST}\r\n", [b"400"], 0),
        ("GET /collect?name=purchase HTTP/1.1\r\nhost: <script>\r\n\r\n", [b"400"], 0),
        ("GET /collect?name=purchase HTTP/1.1\r\nhost: [::1]:8080\r\n\r\n", [b"204"], 1),
        (f"GET /collect?name={'x' * 100_000} HTTP/1.1\r\n{HOST}\r\n", [b"414"], 0),
        ("GET /collect?name=purchase HTTP/1.0\r\n\r\n", [b"204"], 1),
        (f"{POST}content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", [b"400"], 0),
        (f"{POST}content-length: 3\r\ncontent-length: 4\r\n\r\nabcd", [b"400"], 0),
        (f"{POST}content-length: -1\r\n\r\n", [b"400"], 0),
        (f"{POST}content-length: 9\r\n\r\nhalf", [], 0),
        ("nonsense\r\n\r\n", [b"400"], 0),
        ("GET /\u00fc HTTP/1.1\r\n" + HOST + "\r\n", [b"400"], 0),
        (f"GET /elsewhere HTTP/1.1\r\n{HOST}\r\n", [b"404"], 0),
        (f"OPTIONS * HTTP/1.1\r\n{HOST}\r\n", [b"404"], 0),
    ],
)
def test_a_request_is_answered_as_it_should_be(tmp_path: Path, sent: str, statuses: list[bytes], stored: int) -> None:
    assert talk(tmp_path, sent.encode(), answers=len(statuses)) == (statuses, stored)


def test_a_server_that_cannot_start_says_so() -> None:
    async def work() -> None:
        bound = bind("127.0.0.1", 0)
        bound.close()
        await Listener(None, bound).start()

    with pytest.raises((OSError, ValueError)):
        run(work())
