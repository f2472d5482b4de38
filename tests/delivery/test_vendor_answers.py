"""Answers that lie, break off, never end, or come unasked: the event waits, and nothing of them spoils the log."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from aiohttp.abc import ResolveResult

from container.delivery.transport import NoAnswer
from container.effects import Request, Response
from tests.delivery.harness import NOW, run
from tests.delivery.raw_sink import OK, Answer, claimed, exchange, post, sending, sink, transport
from tests.delivery.whole_way import Arrived, Names, deliver, hit, hook, read

HEAD = b"HTTP/1.1 200 OK\r\n"
CODE_0 = b'{"code": 0, "message": "OK"}'
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"

LIES = {
    "nothing at all": b"",
    "empty lines": b"\r\n\r\n\r\n",
    "HTTP/0.9": CODE_0,
    "no status line": b"Content-Type: application/json\r\n\r\n" + CODE_0,
    "a status line that breaks off": b"HTTP/1.1 20",
    "a head that breaks off": HEAD + b"Content-Type: appl",
    "a status of two digits": b"HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n",
    "a status of four digits": b"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
    "a negative status": b"HTTP/1.1 -200 OK\r\nContent-Length: 0\r\n\r\n",
    "a status of zeros": b"HTTP/1.1 000 OK\r\nContent-Length: 28\r\n\r\n" + CODE_0,
    "a status below all": b"HTTP/1.1 099 OK\r\nContent-Length: 28\r\n\r\n" + CODE_0,
    "a status beyond all": b"HTTP/1.1 999 OK\r\nContent-Length: 28\r\n\r\n" + CODE_0,
    "another protocol": b"SSH-2.0-OpenSSH_9.6\r\n",
    "a version that is none": b"HTTP/9.9 200 OK\r\nContent-Length: 28\r\n\r\n" + CODE_0,
    "HTTP/2 unasked": b"\0\0\x12\4\0\0\0\0\0\0\3\0\0\0\x80\0\4\0\1\0\0\0\5\0\xff\xff\xff",
    "100 and no more": b"HTTP/1.1 100 Continue\r\n\r\n",
    "103 and no more": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
    "101": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n" + CODE_0,
    "204 where a body is due": b"HTTP/1.1 204 No Content\r\n\r\n",
    "204 with a body": b"HTTP/1.1 204 No Content\r\nContent-Length: 28\r\n\r\n" + CODE_0,
    "200 without a body": HEAD + b"Content-Length: 0\r\n\r\n",
    "a length that is too long": HEAD + b"Content-Length: 29\r\n\r\n" + CODE_0,
    "a length that is too short": HEAD + b"Content-Length: 27\r\n\r\n" + CODE_0,
    "a negative length": HEAD + b"Content-Length: -1\r\n\r\n" + CODE_0,
    "a length in hexadecimal": HEAD + b"Content-Length: 0x1c\r\n\r\n" + CODE_0,
    "a length with a sign": HEAD + b"Content-Length: +28\r\n\r\n" + CODE_0,
    "an endless length": HEAD + b"Content-Length: 99999999999999999999999\r\n\r\n" + CODE_0,
    "two lengths": HEAD + b"Content-Length: 28\r\nContent-Length: 2\r\n\r\n" + CODE_0,
    "a length and chunks": HEAD + b"Content-Length: 28\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks of garbage": CHUNKED + b"zz\r\n" + CODE_0,
    "a chunk without an end": CHUNKED + b"1c\r\n" + CODE_0,
    "a chunk that lies": CHUNKED + b"20\r\n" + CODE_0 + b"\r\n0\r\n\r\n",
    "a negative chunk": CHUNKED + b"-1\r\n" + CODE_0,
    "an endless chunk": CHUNKED + b"ffffffffffffffffff\r\n" + CODE_0,
    "a NUL in a header": HEAD + b"X-A: a\0b\r\nContent-Length: 28\r\n\r\n" + CODE_0,
    "a header that never ends": HEAD + b"X-A: " + b"a" * 100_000 + b"\r\n\r\n" + CODE_0,
    "ten thousand headers": HEAD + b"X-A: a\r\n" * 10_000 + b"\r\n" + CODE_0,
    "NUL and no UTF-8": HEAD + b"Content-Length: 9\r\n\r\n\0\x01\xff\xfe\xc3\x28\xed\xa0\x80",
    "signs for a terminal": HEAD + b"Content-Length: 21\r\n\r\n\x1b[2J\x1b]0;a\x07\r\n\x9b31mb\x7f\x08",
    "lines for a log": HEAD + b"\r\nok\nERROR delivery.buried\r\n\xe2\x80\xa8a\xe2\x80\xa9b\xc2\x85c\x0b\x0c",
    "a reason with signs": b"HTTP/1.1 500 \x1b[31m\xe2\x80\xa8\r\nContent-Length: 0\r\n\r\n",
    "gzip that was not asked for": HEAD + b"Content-Encoding: gzip\r\nContent-Length: 28\r\n\r\n" + CODE_0[::-1],
    "deep JSON": HEAD + b"Content-Length: 100000\r\n\r\n" + b"[" * 100_000,
    "JSON of another kind": HEAD + b"Content-Length: 4\r\n\r\nnull",
    "a code that is none": HEAD + b'Content-Length: 32\r\n\r\n{"code": NaN, "message": "a\\nb"} ',
}


def saying(data: bytes) -> Answer:
    """Says it and hangs up."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        writer.close()
        raise ConnectionResetError

    return answer


async def sent_to_tiktok(folder: Path, answer: Answer, *, tls: str = "http", total: float = 5.0) -> Arrived:
    async with sink(answer) as vendor:
        endpoint = f"{tls}://127.0.0.1:{vendor.port}/track/"
        own = {"pixel_id": "CTESTPIXEL0123456789", "access_token": "${secret:TIKTOK_TOKEN}"}
        text = hook(type="tiktok_events_api", endpoint=endpoint, **own)
        params = {"value": 20, "currency": "EUR", "page_location": "https://shop.example/"}
        arrived = await deliver(folder, read(text), hit(params), total=total)
        assert vendor.requests or tls != "http"
        return arrived


@pytest.mark.parametrize("lie", LIES)
def test_an_answer_that_cannot_be_believed_is_a_retry(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, lie: str
) -> None:
    async def scenario() -> None:
        arrived = await sent_to_tiktok(tmp_path, saying(LIES[lie]))
        assert arrived.outcome.fired == ("Hook",)
        [lane] = arrived.lanes
        assert (lane.state.mode, lane.state.failures, lane.waiting, lane.dead) == ("open", 1, 1, 0)
        assert lane.answer is not None
        assert lane.answer.verdict == "retry"
        assert lane.answer.excerpt.isprintable()

    caplog.set_level(logging.DEBUG)
    run(scenario())
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("container")]
    assert any("delivery.postponed" in line for line in ours)
    for record in caplog.records:
        line = record.getMessage()
        assert line.isprintable()
        assert not line.startswith("ERROR")


def test_an_answer_that_can_be_believed_is_a_delivery(tmp_path: Path) -> None:
    async def scenario() -> None:
        arrived = await sent_to_tiktok(tmp_path, saying(HEAD + b"Content-Length: 28\r\n\r\n" + CODE_0))
        assert (arrived.lanes[0].waiting, arrived.lanes[0].dead) == (0, 0)
        continued = b"HTTP/1.1 100 Continue\r\n\r\n" + HEAD + b"Content-Length: 28\r\n\r\n" + CODE_0
        arrived = await sent_to_tiktok(tmp_path / "more", saying(continued))
        assert arrived.lanes[0].waiting == 0

    run(scenario())


def test_an_answer_that_nobody_asked_for_is_not_taken_for_the_next_one() -> None:
    async def scenario() -> None:
        said = asyncio.Event()

        async def answer(writer: asyncio.StreamWriter) -> None:
            writer.write(OK)
            await writer.drain()
            await asyncio.sleep(0.05)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstale")
            await writer.drain()
            said.set()

        async with sink(answer) as vendor, transport() as sender:
            for number in range(1, 4):
                found = await sender.send([post(vendor.port)], now=NOW)
                assert isinstance(found, Response)
                assert found.body == b"ok"
                await said.wait()
                said.clear()
                # What was said is read before the next request is made.
                await asyncio.sleep(0.2)
                assert (vendor.connections, len(vendor.requests)) == (number, number)

    run(scenario())


def test_a_second_answer_in_the_same_breath_is_not_taken_for_the_next_one() -> None:
    async def scenario() -> None:
        stale = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstale"
        async with sink(sending(OK + stale)) as vendor, transport() as sender:
            answers = [await sender.send([post(vendor.port)], now=NOW) for _ in range(3)]
        assert [answer.body for answer in answers if isinstance(answer, Response)] == [b"ok"] * 3

    run(scenario())


@pytest.mark.parametrize(("idle", "answered"), [(3, True), (9, False)])
def test_all_connections_on_which_a_vendor_spoke_are_given_up(idle: int, *, answered: bool) -> None:
    async def scenario() -> None:
        together, speak = asyncio.Barrier(idle), asyncio.Event()

        async def answer(writer: asyncio.StreamWriter) -> None:
            if not speak.is_set():
                await together.wait()
            writer.write(OK)
            await writer.drain()
            await speak.wait()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstale")

        async with sink(answer) as vendor, transport() as sender:
            await asyncio.gather(*(sender.send([post(vendor.port)], now=NOW) for _ in range(idle)))
            assert vendor.connections == idle
            speak.set()
            await asyncio.sleep(0.2)
            found = await sender.send([post(vendor.port)], now=NOW)
            assert isinstance(found, Response) == answered
            assert not isinstance(found, Response) or found.body == b"ok"
            assert vendor.connections == idle + answered

    run(scenario())


@pytest.mark.parametrize(
    "beginning", [b"HTTP/1.1 200 ", b"HTTP/1.1 200 OK\r\nX-A: ", HEAD + b"Content-Length: 100000\r\n\r\n", CHUNKED]
)
def test_an_answer_that_drips_ends_in_time_wherever_it_is(beginning: bytes) -> None:
    async def scenario() -> None:
        async def drip(writer: asyncio.StreamWriter) -> None:
            writer.write(beginning)
            for _ in range(100_000):
                writer.write(b"1")
                await writer.drain()
                await asyncio.sleep(0.01)

        started = asyncio.get_running_loop().time()
        answer, _ = await exchange(drip, total=0.3)
        assert answer == NoAnswer("no_answer", "no answer in time")
        # Sixty seconds of drips would have come; the bound is for machines that do other things too.
        assert asyncio.get_running_loop().time() - started < 20

    run(scenario())


def test_a_name_that_is_never_found_is_not_waited_for_to_the_end() -> None:
    class Silent(Names):
        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
        ) -> list[ResolveResult]:
            await asyncio.Event().wait()
            return []

    async def scenario() -> None:
        row = claimed(Request("POST", "https://vendor.example/", json={}))
        started = asyncio.get_running_loop().time()
        async with transport(total=50, resolver=Silent()) as sender:
            answer = await sender.send([row], now=NOW)
        assert answer == NoAnswer("no_answer", "no answer in time")
        assert asyncio.get_running_loop().time() - started < 40

    run(scenario())


@pytest.mark.slow
def test_no_answer_takes_more_than_twenty_megabytes() -> None:
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "tests.delivery.answer_memory"]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    growth = {name: float(megabytes) for name, megabytes in map(str.split, done.stdout.splitlines())}
    assert len(growth) > 10
    assert max(growth.values()) < 20, growth
