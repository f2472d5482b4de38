"""The transport over real sockets on loopback, against vendors that misbehave."""

from __future__ import annotations

import asyncio
import gc
import gzip
import logging
import socket
import struct
from collections.abc import Iterator
from dataclasses import replace

import aiohttp
import httpx
import orjson
import pytest
from aiohttp.client_reqrep import ConnectionKey

from container.delivery.transport import LONGEST_ANSWER, NoAnswer, Transport
from container.effects import Request, Response
from container.secret import Secret, SecretText
from tests.delivery.harness import NOW, SECRETS, TOKEN, item_request, run
from tests.delivery.raw_sink import OK, claimed, exchange, post, sending, sink, transport


def test_a_request_arrives_as_it_was_planned() -> None:
    async def scenario() -> None:
        async with sink(sending(OK)) as found, transport() as sender:
            rows = [
                claimed(replace(item_request(number), url=f"http://127.0.0.1:{found.port}/v1/events?a=%2F&b=c"), number)
                for number in (1, 2)
            ]
            answer = await sender.send(rows, now=NOW)
        assert isinstance(answer, Response)
        assert (answer.status, answer.body, answer.received, answer.items) == (200, b"ok", NOW, 2)
        head, _, body = found.requests[0].partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        assert lines[0] == "POST /v1/events?a=%2F&b=c HTTP/1.1"
        headers = dict(line.lower().split(": ", 1) for line in lines[1:])
        assert headers["access-token"] == SECRETS["TIKTOK_TOKEN"]
        assert headers["content-type"] == "application/json"
        assert headers["accept-encoding"] == "identity"
        assert headers["user-agent"] == "tag-container"
        assert len(headers) == len(lines) - 1
        assert body == orjson.dumps({"source": "C1", "data": [item_request(1).item, item_request(2).item]})

    run(scenario())


def test_a_secret_is_written_as_its_place_needs() -> None:
    async def scenario() -> None:
        other = Secret("OTHER")
        seen: list[httpx.Request] = []

        def vendor(request: httpx.Request) -> httpx.Response:
            seen.append(request)
            return httpx.Response(200)

        async with transport(mock=httpx.MockTransport(vendor)) as sender:
            url = SecretText(("https://a.example/p?key=", other, "&x=1"))
            form = {"Content-Type": "application/x-www-form-urlencoded"}
            for request in (
                Request("POST", url, json={"key": other}),
                Request("POST", url, headers=form, body=SecretText(("key=", other, "&x=1"))),
                Request("POST", url, headers={"Authorization": SecretText(("Key ", other))}, body=SecretText((other,))),
            ):
                assert isinstance(await sender.send([claimed(request)], now=NOW), Response)
        assert {str(request.url) for request in seen} == {"https://a.example/p?key=quo%22te%26%3D&x=1"}
        assert [request.content for request in seen] == [
            b'{"key":"quo\\"te&="}',
            b"key=quo%22te%26%3D&x=1",
            b'quo"te&=',
        ]
        assert seen[2].headers["authorization"] == 'Key quo"te&='

    run(scenario())


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, '"TIKTOK_TOKEN" is not set'),
        ("", "not set"),
        ("a\nb", '"TIKTOK_TOKEN" holds a line break'),
        ("\udcff", '"TIKTOK_TOKEN" is not UTF-8'),
    ],
)
def test_a_secret_that_cannot_be_sent_is_told_before_anything_leaves(value: str | None, reason: str) -> None:
    async def scenario() -> None:
        def vendor(request: httpx.Request) -> httpx.Response:
            raise AssertionError("it left")

        sender = Transport(httpx.MockTransport(vendor), lambda name: value)
        answer = await sender.send([claimed(item_request())], now=NOW)
        assert isinstance(answer, NoAnswer)
        assert answer.cause == "missing_secret"
        assert reason in answer.reason

    run(scenario())


def test_a_redirect_is_not_followed() -> None:
    async def scenario() -> None:
        async with sink(sending(OK)) as inner:
            target = f"http://127.0.0.1:{inner.port}/inside".encode()
            redirect = b"HTTP/1.1 307 Moved\r\nLocation: " + target + b"\r\nContent-Length: 0\r\n\r\n"
            answer, _ = await exchange(sending(redirect))
        assert isinstance(answer, Response)
        assert answer.status == 307
        assert inner.connections == 0

    run(scenario())


def test_cookies_of_a_vendor_are_not_kept() -> None:
    async def scenario() -> None:
        cookie = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b; Path=/\r\nContent-Length: 0\r\n\r\n"
        async with sink(sending(cookie)) as found, transport() as sender:
            for _ in range(2):
                await sender.send([post(found.port)], now=NOW)
        assert b"cookie" not in found.requests[1].lower()

    run(scenario())


def test_an_answer_that_trickles_ends_in_time() -> None:
    async def scenario() -> None:
        async def trickle(writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            for _ in range(100_000):
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.01)

        answer, _ = await exchange(trickle, total=0.2)
        assert answer == NoAnswer("no_answer", "no answer in time")

    run(scenario())


def test_an_endless_answer_is_cut() -> None:
    async def scenario() -> None:
        async def endless(writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            while True:
                writer.write(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
                await writer.drain()

        answer, _ = await exchange(endless)
        assert isinstance(answer, Response)
        assert answer.body == b"x" * LONGEST_ANSWER

    run(scenario())


def test_a_compressed_answer_is_not_unpacked() -> None:
    async def scenario() -> None:
        bomb = gzip.compress(bytes(50_000_000))
        head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
        answer, _ = await exchange(sending(head + bomb))
        assert isinstance(answer, Response)
        assert answer.body == bomb
        assert answer.json() is None

    run(scenario())


def test_a_reset_connection_is_no_answer() -> None:
    async def scenario() -> None:
        async def reset(writer: asyncio.StreamWriter) -> None:
            raw: socket.socket = writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            raise ConnectionError

        answer, _ = await exchange(reset)
        assert isinstance(answer, NoAnswer)
        assert answer.cause == "no_answer"

    run(scenario())


@pytest.mark.parametrize(
    "garbage",
    [
        b"\0\xff\xfe",
        b"HTTP/0.9\r\n\r\n",
        b"HTTP/1.1 200\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
        b"ICY 200 OK\r\n\r\n",
    ],
)
def test_an_answer_that_is_no_http_is_no_answer(garbage: bytes) -> None:
    async def scenario() -> None:
        async def answer(writer: asyncio.StreamWriter) -> None:
            writer.write(garbage)
            await writer.drain()
            writer.transport.close()
            raise ConnectionResetError

        found, _ = await exchange(answer)
        assert isinstance(found, NoAnswer)
        assert found.reason.isprintable()

    run(scenario())


def test_nobody_listening_is_no_answer() -> None:
    async def scenario() -> None:
        async with sink(sending(OK)) as found:
            port = found.port
        async with transport() as sender:
            assert await sender.send([post(port)], now=NOW) == NoAnswer("no_answer", "no connection")

    run(scenario())


def test_a_host_whose_name_nobody_knows_is_told_apart_from_one_that_does_not_answer() -> None:
    async def scenario() -> None:
        def vendor(request: httpx.Request) -> httpx.Response:
            key = ConnectionKey("vendor.example", 443, True, True, None, None, None)
            raise httpx.ConnectError("failed") from aiohttp.ClientConnectorDNSError(key, OSError("not known"))

        async with transport(mock=httpx.MockTransport(vendor)) as sender:
            answer = await sender.send([claimed(item_request())], now=NOW)
        assert answer == NoAnswer("no_answer", "no connection: the name of the host is not known")

    run(scenario())


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]"])
def test_a_private_address_is_refused_in_every_notation(host: str) -> None:
    async def scenario() -> None:
        async with sink(sending(OK)) as found, transport(exceptions=()) as sender:
            row = claimed(Request("POST", f"http://{host}:{found.port}/", json={}))
            answer = await sender.send([row], now=NOW)
        assert isinstance(answer, NoAnswer)
        assert answer.cause in ("address_refused", "no_answer")
        assert found.connections == 0

    run(scenario())


def test_a_refused_address_is_named_with_the_remedy() -> None:
    async def scenario() -> None:
        async with transport(exceptions=()) as sender:
            answer = await sender.send([post(1)], now=NOW)
        assert isinstance(answer, NoAnswer)
        assert answer.cause == "address_refused"
        assert "127.0.0.1" in answer.reason
        assert "--allow-egress" in answer.reason

    run(scenario())


@pytest.mark.parametrize("end", ["answer", "broken", "no_connection"])
def test_what_was_sent_is_let_go_as_soon_as_it_is_over(end: str) -> None:
    async def scenario() -> None:
        async def hang_up(writer: asyncio.StreamWriter) -> None:
            writer.close()

        mark = f"let go after {end}: ".encode()
        vendor = hang_up if end == "broken" else sending(OK)
        async with sink(vendor) as found, transport() as sender:
            port = deaf.getsockname()[1] if end == "no_connection" else found.port
            # What is made once and kept for ever.
            await sender.send([post(port)], now=NOW)
            gc.collect()
            gc.disable()
            try:
                answer = await sender.send([post(port, json={"text": mark.decode() + "x" * 100_000})], now=NOW)
                assert isinstance(answer, Response if end == "answer" else NoAnswer)
                found.requests.clear()
                # What was scheduled for the end of the connection.
                for _ in range(10):
                    await asyncio.sleep(0)
                assert list(_holders_of(mark)) == []
            finally:
                gc.enable()

    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        run(scenario())


def _holders_of(mark: bytes) -> Iterator[str]:
    """What still refers to bytes in which the mark is, and how long they are."""
    for holder in gc.get_objects():
        for held in gc.get_referents(holder):
            if isinstance(held, bytes | bytearray) and len(held) > 100_000 and mark in held:
                yield f"{type(holder).__name__}: {len(held)}"


def test_no_library_logs_an_address_with_its_token(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with sink(sending(OK)) as found, transport() as sender:
            url = SecretText((f"http://127.0.0.1:{found.port}/?token=", TOKEN))
            answer = await sender.send([claimed(Request("POST", url, json={}))], now=NOW)
        assert isinstance(answer, Response)
        assert SECRETS["TIKTOK_TOKEN"].encode() in found.requests[0]

    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore", "aiohttp", "aiohttp.client"):
        caplog.set_level(logging.DEBUG, logger=name)
    run(scenario())
    assert SECRETS["TIKTOK_TOKEN"] not in caplog.text
    assert "token=" not in caplog.text
