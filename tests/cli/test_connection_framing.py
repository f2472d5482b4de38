"""Where a request ends has to be beyond doubt: each that leaves it open gets one sentence, and its connection ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.raw import GET, HOST, POST, QUIET, TARGET, Said, door
from tests.web.parts import run

CHUNKED = POST + b"transfer-encoding: chunked\r\n\r\n"
LAST = b"0\r\n\r\n"

DOUBTFUL: dict[str, tuple[int, bytes]] = {
    "length and chunks": (400, POST + b"content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n" + LAST),
    "chunks and length": (400, POST + b"transfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n" + LAST),
    "a tunnel to a path": (501, b"CONNECT /g/collect HTTP/1.1\r\nhost: s\r\n\r\n"),
    "two lengths": (400, POST + b"content-length: 3\r\ncontent-length: 4\r\n\r\nabcd"),
    "one length twice": (400, POST + b"content-length: 3\r\ncontent-length: 3\r\n\r\nabc"),
    "a list of lengths": (400, POST + b"content-length: 3, 3\r\n\r\nabc"),
    "a negative length": (400, POST + b"content-length: -3\r\n\r\nabc"),
    "a signed length": (400, POST + b"content-length: +3\r\n\r\nabc"),
    "a hexadecimal length": (400, POST + b"content-length: 0x3\r\n\r\nabc"),
    "an empty length": (400, POST + b"content-length:\r\n\r\n"),
    "a length without end": (400, POST + b"content-length: " + b"9" * 30 + b"\r\n\r\n"),
    "a space before the colon": (400, POST + b"content-length : 3\r\n\r\nabc"),
    "another transfer coding": (501, POST + b"transfer-encoding: xchunked\r\n\r\n" + LAST),
    "a compressed transfer": (501, POST + b"transfer-encoding: gzip, chunked\r\n\r\n" + LAST),
    "identity as a transfer coding": (501, POST + b"transfer-encoding: identity\r\n\r\n"),
    "chunked before the last coding": (400, POST + b"transfer-encoding: chunked, identity\r\n\r\n" + LAST),
    "two transfer codings": (
        400,
        POST + b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n" + LAST,
    ),
    "an empty transfer coding": (400, POST + b"transfer-encoding:\r\n\r\n" + LAST),
    "chunks in HTTP/1.0": (400, CHUNKED.replace(b"HTTP/1.1", b"HTTP/1.0") + LAST),
    "a chunk longer than it says": (400, CHUNKED + b"3\r\nabcX\r\n" + LAST),
    "a chunk of no hexadecimal size": (400, CHUNKED + b"0x3\r\nabc\r\n" + LAST),
    "a chunk of a negative size": (400, CHUNKED + b"-3\r\nabc\r\n" + LAST),
    "a chunk of a size without end": (400, CHUNKED + b"f" * 30 + b"\r\nabc"),
    "a chunk that ends in LF": (400, CHUNKED + b"3\nabc\n0\n\n"),
    "extensions without end": (400, CHUNKED + b"3;" + b"x" * 700_000),
    "a trailer without end": (400, CHUNKED + b"3\r\nabc\r\n0\r\nx: " + b"x" * 700_000),
    "a length among the trailers": (400, CHUNKED + b"3\r\nabc\r\n0\r\ncontent-length: 3\r\n\r\n"),
    "trailers without end": (400, CHUNKED + b"3\r\nabc\r\n0\r\n" + b"x: x\r\n" * 200_000),
    "one byte and much around it": (400, CHUNKED + b"".join(b"1;" + b"x" * 99 + b"\r\nx\r\n" for _ in range(9000))),
    "lines that end in LF": (400, GET.replace(b"\r", b"") + b"\n"),
    "one line that ends in LF": (400, GET + b"x: y\n\r\n"),
    "a folded header": (400, GET + b"x: a\r\n b\r\n\r\n"),
    "a header before the first name": (400, GET.replace(b"1.1\r\n", b"1.1\r\n x: y\r\n") + b"\r\n"),
    "NUL in a header": (400, GET + b"x: a\0b\r\n\r\n"),
    "CR in a header": (400, GET + b"x: a\rb\r\n\r\n"),
    "a control character in a header": (400, GET + b"x: a\x0bb\r\n\r\n"),
    "a header without a name": (400, GET + b": x\r\n\r\n"),
    "a header without a colon": (400, GET + b"x\r\n\r\n"),
    "a space in a name": (400, GET + b"a b: x\r\n\r\n"),
    "no host": (400, b"GET " + TARGET + b" HTTP/1.1\r\n\r\n"),
    "two hosts": (400, GET + HOST + b"\r\n"),
    "two hosts in HTTP/1.0": (400, GET.replace(b"HTTP/1.1", b"HTTP/1.0") + HOST + b"\r\n"),
    "an address of another host": (400, b"GET http://other.example/collect?name=a HTTP/1.1\r\n" + HOST + b"\r\n"),
    "an address with a name before the host": (400, b"GET http://a@shop.example/ HTTP/1.1\r\n" + HOST + b"\r\n"),
    "an address of another scheme": (400, b"GET ftp://shop.example/ HTTP/1.1\r\n" + HOST + b"\r\n"),
    "an address without a slash": (400, b"GET collect HTTP/1.1\r\n" + HOST + b"\r\n"),
    "an address beyond ASCII": (400, "GET /\u00fc HTTP/1.1\r\n".encode() + HOST + b"\r\n"),
    "a tab in the address": (400, b"GET /a\tb HTTP/1.1\r\n" + HOST + b"\r\n"),
    "a tunnel": (501, b"CONNECT shop.example:443 HTTP/1.1\r\n" + HOST + b"\r\n"),
    "a method of nobody": (501, b"BREW /collect HTTP/1.1\r\n" + HOST + b"\r\n"),
    "a method in lower case": (501, b"get /collect HTTP/1.1\r\n" + HOST + b"\r\n"),
    "HTTP/0.9": (505, b"GET /collect HTTP/0.9\r\n\r\n"),
    "HTTP/1.2": (505, GET.replace(b"1.1", b"1.2") + b"\r\n"),
    "HTTP/2 in words": (505, GET.replace(b"1.1", b"2.0") + b"\r\n"),
    "HTTP/3 in words": (505, GET.replace(b"1.1", b"3.0") + b"\r\n"),
    "the preface of HTTP/2": (505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"),
    "a hello of TLS": (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 200),
    "an answer": (400, b"HTTP/1.1 200 OK\r\n\r\n"),
    "no HTTP": (400, b"nonsense\r\n\r\n"),
    "bytes of nothing": (400, bytes(range(128, 256))),
    "a body in gzip": (415, POST + b"content-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc"),
    "a body in gzip twice": (415, POST + b"content-encoding: gzip, gzip\r\ncontent-length: 3\r\n\r\nabc"),
    "a body in identity and gzip": (
        415,
        POST + b"content-encoding: gzip\r\ncontent-encoding: identity\r\ncontent-length: 3\r\n\r\nabc",
    ),
    "chunks in brotli": (415, POST + b"content-encoding: br\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n" + LAST),
}


@pytest.mark.parametrize("name", DOUBTFUL)
def test_what_leaves_a_doubt_is_answered_in_a_sentence_and_ends_the_connection(tmp_path: Path, name: str) -> None:
    status, sent = DOUBTFUL[name]

    async def work() -> tuple[Said, int, int]:
        async with door(tmp_path) as here:
            # What follows is never taken for a request of its own.
            said = await here.say(sent, GET + b"\r\n")
            return said, await here.site.waiting(), len(here.refused)

    said, waiting, refused = run(work())
    assert said.statuses == [status], said
    head, _, sentence = said.text.partition(b"\r\n\r\n")
    assert b"\r\nconnection: close" in head
    assert b"server:" not in head.lower()
    assert sentence.endswith(b".\n")
    assert sentence.count(b"\n") == 1
    assert b"uvicorn" not in said.text
    assert (waiting, refused) == (0, 1)


CLEAR: dict[str, bytes] = {
    "a body of a length": POST + b"content-length: 3\r\n\r\nabc",
    "a length with zeros before it": POST + b"content-length: 0003\r\n\r\nabc",
    "a body in chunks": CHUNKED + b"3\r\nabc\r\n" + LAST,
    "chunks with extensions": CHUNKED + b"3;a=b\r\nabc\r\n" + LAST,
    "chunks by another name": POST + b"Transfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n" + LAST,
    "a body of one byte per chunk": CHUNKED + b"1\r\nx\r\n" * 50_000 + LAST,
    "trailers": CHUNKED + b"3\r\nabc\r\n0\r\nhost: other.example\r\nx: y\r\n\r\n",
    "identity": POST + b"content-encoding: identity\r\ncontent-length: 3\r\n\r\nabc",
    "a coding of no body": GET + b"content-encoding: gzip\r\n\r\n",
    "a GET with a body": GET + b"content-length: 3\r\n\r\nabc",
    "an address with its host": b"GET http://Shop.example/collect?name=purchase HTTP/1.1\r\n" + HOST + b"\r\n",
    "bytes beyond ASCII in a header": GET + b"x: \xc3\xbc\xff\r\n\r\n",
    "empty lines before it": b"\r\n\r\n" + GET + b"\r\n",
    "an upgrade": GET + b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAA\r\n\r\n",
    "an upgrade with a body": POST + b"connection: upgrade\r\nupgrade: h2c\r\ncontent-length: 3\r\n\r\nabc",
    "an upgrade in chunks": POST
    + b"connection: upgrade\r\nupgrade: websocket\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n"
    + LAST,
}


@pytest.mark.parametrize("length", [1, 10_000_000])
@pytest.mark.parametrize("name", CLEAR)
def test_what_is_clear_is_taken_and_so_is_what_follows(tmp_path: Path, name: str, length: int) -> None:
    sent = CLEAR[name] + GET + b"\r\n"
    length = max(length, len(sent) // 400)
    pieces = [sent[place : place + length] for place in range(0, len(sent), length)]

    async def work() -> tuple[list[int], int]:
        async with door(tmp_path) as here:
            said = await here.say_and_stay(*pieces, answers=2)
            return said.statuses, await here.site.waiting()

    assert run(work()) == ([204, 204], 2)


@pytest.mark.parametrize(
    ("sent", "body"),
    [
        (CLEAR["an upgrade with a body"], b"abc"),
        (CLEAR["an upgrade in chunks"], b"abc"),
        (CLEAR["trailers"], b"abc"),
    ],
)
def test_the_body_arrives_and_trailers_do_not(tmp_path: Path, sent: bytes, body: bytes) -> None:
    async def work() -> Said:
        async with door(tmp_path) as here:
            return await here.say_and_stay(sent, answers=1)

    said = run(work())
    assert b"x-body: " + body + b"\r\n" in said.text
    sees = said.text.partition(b"x-sees: ")[2].partition(b"\r\n")[0].split()
    assert b"x" not in sees
    assert b"upgrade" not in sees


def test_what_precedes_a_doubtful_request_keeps_its_answer(tmp_path: Path) -> None:
    async def work() -> tuple[list[int], int]:
        async with door(tmp_path) as here:
            said = await here.say(GET + b"\r\n" + QUIET + DOUBTFUL["two lengths"][1])
            return said.statuses, await here.site.waiting()

    assert run(work()) == ([204, 204, 400], 1)


def test_a_doubtful_body_behind_others_comes_last(tmp_path: Path) -> None:
    async def work() -> tuple[list[int], int]:
        async with door(tmp_path) as here:
            said = await here.say(GET + b"\r\n" + DOUBTFUL["a chunk longer than it says"][1])
            return said.statuses, await here.site.waiting()

    assert run(work()) == ([204, 400], 1)


def test_a_flood_of_requests_ahead_of_their_answers_is_ended(tmp_path: Path) -> None:
    async def work() -> tuple[list[int], list[str]]:
        async with door(tmp_path) as here:
            return (await here.say(QUIET * 5000)).statuses, list(here.refused)

    statuses, refused = run(work())
    assert statuses == [204] * (len(statuses) - 1) + [429]
    assert 10 <= len(statuses) <= 13
    assert refused == ["too_many"]


def test_a_flood_of_upgrades_is_ended_too(tmp_path: Path) -> None:
    asks = QUIET[:-2] + b"connection: upgrade\r\nupgrade: h2c\r\n\r\n"

    async def work() -> list[int]:
        async with door(tmp_path) as here:
            return (await here.say(asks * 2000)).statuses

    statuses = run(work())
    assert statuses[-1] == 429
    assert len(statuses) <= 13
