"""What each verdict does with a request on its connection, and which of its events the vendor has taken by it."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import zlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import lru_cache

from tests.chaos.plan import Verdict

BOMB_BYTES = 300_000_000
"""What the answer of `gzip_bomb` unpacks to."""

ENDLESS_BYTES = 256_000_000
"""Where `endless` ends, should nobody hang up."""

_PIECE_BYTES = 5_000_000

GARBAGE = b"\x16\x03\x00 230 -not http-\x00\xff\xfe\r\n\x1b[31m\n\n" * 8
_FOR_EVER = 3600.0


class HangUpError(Exception):
    """The connection has had its end: nothing more is read on it."""


def taken(verdict: Verdict, events: Sequence[bytes]) -> tuple[int, ...]:
    """Places of the events that the vendor takes with this answer."""
    everything = tuple(range(len(events)))
    match verdict.name:
        case "ok" | "slow" | "trickle":
            return everything
        case "code":
            return everything if verdict.value == 0 else ()
        case "status":
            # A vendor whose status is 2xx, and who says nothing else.
            return everything if 200 <= verdict.value < 300 else ()
        case "reset":
            return everything if verdict.value == "mid_reply" else ()
        case "partial":
            return tuple(place for place in everything if place not in verdict.value)
        case "reject_if":
            return () if any(verdict.value.encode() in each for each in events) else everything
    return ()


def unheard(verdict: Verdict) -> bool:
    """Whether the answer may get lost although the vendor has taken the events."""
    return verdict.name in ("slow", "trickle") or (verdict.name == "reset" and verdict.value == "mid_reply")


def answer(status: int, body: bytes, *headers: str) -> bytes:
    """An answer as it goes over the wire."""
    lines = (f"HTTP/1.1 {status} Said", "Content-Type: application/json", f"Content-Length: {len(body)}", *headers)
    return "\r\n".join((*lines, "", "")).encode() + body


def said(code: int, message: str = "OK", **more: object) -> bytes:
    """The body of an answer as TikTok writes it."""
    return json.dumps({"code": code, "message": message, "request_id": "sink", "data": more}).encode()


TAKEN = answer(200, said(0))


async def carry_out(verdict: Verdict, writer: asyncio.StreamWriter, *, refused: bool) -> None:
    """Answers a request that was read. `refused`: the vendor took none of its events.

    Raises `HangUpError` where the connection ends with it.
    """
    await _ANSWERS[verdict.name](verdict, writer, refused)
    await writer.drain()


def reset(writer: asyncio.StreamWriter) -> None:
    """Ends the connection so that the other side is told it broke."""
    found = writer.get_extra_info("socket")
    found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


Doing = Callable[[Verdict, asyncio.StreamWriter, bool], Awaitable[None]]


async def _ok(verdict: Verdict, writer: asyncio.StreamWriter, refused: bool) -> None:
    writer.write(TAKEN)


async def _code(verdict: Verdict, writer: asyncio.StreamWriter, refused: bool) -> None:
    writer.write(answer(200, said(verdict.value, "as planned")))


async def _status(verdict: Verdict, writer: asyncio.StreamWriter, refused: bool) -> None:
    writer.write(answer(verdict.value, b"" if verdict.value == 204 else b'{"message":"as planned"}'))


async def _retry_after(verdict: Verdict, writer: asyncio.StreamWriter, refused: bool) -> None:
    writer.write(answer(429, b"{}", f"Retry-After: {verdict.value}"))


async def _slow(verdict: Verdict, writer: asyncio.StreamWriter, refused: bool) -> None:
    await asyncio.sleep(verdict.value)
    writer.write(TAKEN)


async def _trickle(verdict: Verdict, writer: asyncio.StreamWriter, refused: bool) -> None:
    for place in range(len(TAKEN)):
        writer.write(TAKEN[place : place + 1])
        await writer.drain()
        await asyncio.sleep(verdict.value)


async def _hang(verdict: Verdict, writer: asyncio.StreamWriter, refused: bool) -> None:
    await asyncio.sleep(_FOR_EVER)


async def _reset(verdict: Verdict, writer: asyncio.StreamWriter, refused: bool) -> None:
    if verdict.value == "mid_reply":
        writer.write(TAKEN[: len(TAKEN) // 2])
        await writer.drain()
        # Else the reset would overtake what was written.
        await asyncio.sleep(0.05)
    reset(writer)
    raise HangUpError


async def _half_close(verdict: Verdict, writer: asyncio.StreamWriter, refused: bool) -> None:
    writer.write_eof()
    await asyncio.sleep(_FOR_EVER)


async def _wrong_length(verdict: Verdict, writer: asyncio.StreamWriter, refused: bool) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4096\r\n\r\n" + said(0))
    await writer.drain()
    raise HangUpError


async def _garbage(verdict: Verdict, writer: asyncio.StreamWriter, refused: bool) -> None:
    writer.write(GARBAGE)
    await writer.drain()
    raise HangUpError


async def _gzip_bomb(verdict: Verdict, writer: asyncio.StreamWriter, refused: bool) -> None:
    packed = await asyncio.get_running_loop().run_in_executor(None, _bomb)
    writer.write(answer(200, packed, "Content-Encoding: gzip"))


async def _endless(verdict: Verdict, writer: asyncio.StreamWriter, refused: bool) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    chunk = b"10000\r\n" + b"z" * 0x10000 + b"\r\n"
    for _ in range(ENDLESS_BYTES // 0x10000):
        writer.write(chunk)
        await writer.drain()
    raise HangUpError


async def _redirect(verdict: Verdict, writer: asyncio.StreamWriter, refused: bool) -> None:
    writer.write(answer(307, b"", f"Location: {verdict.value}"))


async def _partial(verdict: Verdict, writer: asyncio.StreamWriter, refused: bool) -> None:
    writer.write(answer(200, said(20001, "partial", failed_events=[{"order": place} for place in verdict.value])))


async def _reject_if(verdict: Verdict, writer: asyncio.StreamWriter, refused: bool) -> None:
    # The vendor names nobody: whoever sent it has to find the bad one.
    writer.write(answer(200, said(40002, "Bad request")) if refused else TAKEN)


@lru_cache
def _bomb() -> bytes:
    piece, checksum = bytes(_PIECE_BYTES), 0
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    # After a full flush a piece stands for itself, so that one is packed for all of them.
    packed = packer.compress(piece) + packer.flush(zlib.Z_FULL_FLUSH)
    for _ in range(BOMB_BYTES // _PIECE_BYTES):
        checksum = zlib.crc32(piece, checksum)
    head = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff"
    end = packer.flush() + struct.pack("<II", checksum, BOMB_BYTES)
    return head + packed * (BOMB_BYTES // _PIECE_BYTES) + end


_ANSWERS: Mapping[str, Doing] = {
    "ok": _ok,
    "code": _code,
    "status": _status,
    "retry_after": _retry_after,
    "slow": _slow,
    "trickle": _trickle,
    "hang": _hang,
    "reset": _reset,
    "half_close": _half_close,
    "wrong_length": _wrong_length,
    "garbage": _garbage,
    "gzip_bomb": _gzip_bomb,
    "endless": _endless,
    "redirect": _redirect,
    "partial": _partial,
    "reject_if": _reject_if,
}
"""`tls_bad` is not among them: it is over before a request can be read."""
