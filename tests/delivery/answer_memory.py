"""How much memory answers without an end take, each line a kind and the megabytes by which the process has grown.

A process of its own, since what a process once took it never gives back.
"""

from __future__ import annotations

import asyncio
import resource
import sys
import zlib

from container.delivery.transport import LONGEST_ANSWER
from container.effects import Response
from tests.delivery.harness import NOW, run
from tests.delivery.raw_sink import OK, Answer, exchange, post, sending, sink, transport

HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
MOST_BYTES, MOST_SECONDS = 400_000_000, 0.7

ENDLESS = {
    "body": (HEAD + b"\r\n", b"x" * 65536),
    "chunks": (CHUNKED, b"10000\r\n" + b"x" * 65536 + b"\r\n"),
    "tiny_chunks": (CHUNKED, b"1\r\nx\r\n" * 10_000),
    "chunk_size": (CHUNKED, b"0" * 65536),
    "chunk_extension": (CHUNKED + b"2;", b"x" * 65536),
    "trailers": (CHUNKED + b"2\r\nok\r\n0\r\n", b"X-A: a\r\n" * 8192),
    "trailer": (CHUNKED + b"2\r\nok\r\n0\r\nX-A: ", b"x" * 65536),
    "reason": (b"HTTP/1.1 200 ", b"x" * 65536),
    "headers": (HEAD, b"X-A: a\r\n" * 8192),
    "header": (HEAD + b"X-A: ", b"x" * 65536),
    "header_name": (HEAD, b"x" * 65536),
    "continue": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 2500),
    "early_hints": (b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 1500),
    "empty_lines": (b"", b"\r\n" * 32768),
    "answers": (b"", OK * 1500),
    "upgrade": (b"HTTP/1.1 101 A\r\nUpgrade: a\r\nConnection: upgrade\r\n\r\n", b"x" * 65536),
    "no_content": (b"HTTP/1.1 204 A\r\nTransfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b"x" * 65536 + b"\r\n"),
}


def endless(beginning: bytes, block: bytes) -> Answer:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(beginning)
        for _ in range(MOST_BYTES // len(block)):
            writer.write(block)
            await writer.drain()

    return answer


def bomb(megabytes: int = 300) -> bytes:
    """Zeros, packed: about a thousandth of them."""
    packing = zlib.compressobj(9, wbits=31)
    zeros = bytes(1_000_000)
    return b"".join((*(packing.compress(zeros) for _ in range(megabytes)), packing.flush()))


def taken() -> float:
    """The most memory that this process ever had, in megabytes. Linux counts in kilobytes, macOS in bytes."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (1024 * 1024 if sys.platform == "darwin" else 1024)


async def measure() -> None:
    packed = bomb()
    head = HEAD + b"Content-Encoding: gzip\r\nContent-Type: application/json\r\n\r\n"
    kinds = {"bomb": sending(head + packed)} | {name: endless(*parts) for name, parts in ENDLESS.items()}
    async with sink(sending(OK)) as vendor, transport() as sender:
        await sender.send([post(vendor.port)], now=NOW)
    before = taken()
    for name, answer in kinds.items():
        found, vendor = await exchange(answer, total=MOST_SECONDS)
        assert vendor.requests, name
        assert b"accept-encoding: identity\r\n" in vendor.requests[0].lower()
        assert not isinstance(found, Response) or len(found.body) <= LONGEST_ANSWER
        sys.stdout.write(f"{name} {taken() - before:.1f}\n")


if __name__ == "__main__":
    run(measure())
