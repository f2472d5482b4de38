"""Each limit at one less, at it, at one more and at a hundred times it, over a socket: status, time and memory."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Mapping
from pathlib import Path
from time import monotonic

import pytest

from clients.ga4 import LONGEST_LINE, MOST_EVENTS, MOST_LINES, MOST_PARAMETERS, ga4
from clients.measurement_protocol import measurement_protocol
from container.config.registry import Registry
from container.ga4.measurement_protocol import MOST_EVENTS as MOST_MP_EVENTS
from container.ga4.measurement_protocol_body import DEEPEST, LONGEST_NAME, LONGEST_TEXT, MOST_VALUES
from container.web.current import Current
from container.web.ingest import Limits
from tests.cli.raw import Door, Said, door
from tests.containers_of import container_of
from tests.web.parts import run
from triggers.event import event as event_trigger

LIMITS = Limits()
LONGEST_ANSWER_SECONDS = 10.0
"""An answer takes milliseconds; the bound is for machines that do much else at once."""

HEAD = b" HTTP/1.1\r\nhost: shop.example\r\nconnection: close\r\n"
COLLECT = b"/g/collect?v=2&tid=G-1&cid=1.2"
FILE = """
version: 1
clients:
  Browsers: {type: ga4}
  Servers: {type: measurement_protocol}
triggers: {Every: {}}
tags: {}
"""


def filled(start: bytes, size: int, end: bytes = b"") -> bytes:
    return start + b"x" * (size - len(start) - len(end)) + end


def address(size: int) -> bytes:
    # The question mark is not counted.
    return b"GET " + filled(COLLECT + b"&en=scroll&x=", size + 1) + HEAD + b"\r\n"


def headers(number: int) -> bytes:
    return b"GET " + COLLECT + b"&en=scroll" + HEAD + b"x: y\r\n" * (number - 2) + b"\r\n"


def header_bytes(size: int) -> bytes:
    own = len(b"hostshop.exampleconnectionclosecookie")
    return b"GET " + COLLECT + b"&en=scroll" + HEAD + b"cookie: " + cookies(size - own) + b"\r\n\r\n"


def cookies(size: int) -> bytes:
    return (b"_c=1; " * (size // 6 + 1))[: size - 1] + b"z"


def posted(target: bytes, body: bytes, *, chunked: bool = False) -> bytes:
    start = b"POST " + target + HEAD
    if not chunked:
        return start + b"content-length: %d\r\n\r\n" % len(body) + body
    pieces = [body[place : place + 60_000] for place in range(0, len(body), 60_000)]
    framed = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return start + b"transfer-encoding: chunked\r\n\r\n" + framed + b"0\r\n\r\n"


def batch(size: int) -> bytes:
    """Lines of many events, so that the body has this size and no line is long."""
    line = filled(b"en=scroll&ep.x=", 99_999) + b"\n"
    return line * (size // 100_000) + b" " * (size % 100_000)


def events(count: int) -> bytes:
    return posted(COLLECT, b"\n".join([b"en=scroll"] * count))


def parameters(count: int) -> bytes:
    return posted(COLLECT, b"en=scroll" + b"".join(b"&ep.p%d=1" % number for number in range(count - 1)))


def order(given: bytes, count: int = 1) -> bytes:
    event = b'{"name": "e", "params": {"given": ' + given + b"}}"
    return posted(b"/mp/collect", b'{"client_id": "1.2", "events": [' + b", ".join([event] * count) + b"]}")


# What stands around `given`: the body, its list of events, the event and its parameters.
AROUND_LEVELS, AROUND_VALUES = 5, 7

WALKED: Mapping[str, tuple[int, int, Callable[[int], bytes]]] = {
    "bytes of the address": (LIMITS.path_and_query_bytes, 414, address),
    "headers": (LIMITS.headers, 431, headers),
    "bytes of the headers, as cookies": (LIMITS.header_bytes, 431, header_bytes),
    "bytes of a body": (LIMITS.body_bytes, 413, lambda size: posted(COLLECT, batch(size))),
    "bytes of a body in chunks": (LIMITS.body_bytes, 413, lambda size: posted(COLLECT, batch(size), chunked=True)),
    "lines of a hit": (MOST_LINES, 413, lambda count: posted(COLLECT, b"en=scroll" + b"\n" * count)),
    "events of a hit": (MOST_EVENTS, 413, events),
    "parameters of an event": (MOST_PARAMETERS, 413, parameters),
    "bytes of a line": (LONGEST_LINE, 413, lambda size: posted(COLLECT, filled(b"en=scroll&ep.x=", size))),
    "events of a request": (MOST_MP_EVENTS, 413, lambda count: order(b"1", count)),
    "levels of JSON": (
        DEEPEST - AROUND_LEVELS + 1,
        400,
        lambda levels: order(b"[" * levels + b"]" * levels),
    ),
    "values of JSON": (
        MOST_VALUES - AROUND_VALUES,
        400,
        lambda count: order(b"[" + b",".join([b"1"] * count) + b"]"),
    ),
    "characters of a name": (LONGEST_NAME, 400, lambda size: order(b'{"' + b"x" * size + b'": 1}')),
    "characters of a text": (LONGEST_TEXT, 400, lambda size: order(b'"' + b"x" * size + b'"')),
}


def current() -> Current:
    registry = Registry.of([ga4, measurement_protocol, event_trigger])
    return Current(container_of(FILE, registry))


def resident() -> int:
    """Bytes of memory that this process holds."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096


async def timed(here: Door, sent: bytes) -> Said:
    begun = monotonic()
    said = await here.say(sent)
    assert monotonic() - begun < LONGEST_ANSWER_SECONDS
    assert len(said.statuses) == 1, said
    return said


@pytest.mark.parametrize("name", WALKED)
def test_a_limit_is_kept_to_the_last_and_costs_no_memory(tmp_path: Path, name: str) -> None:
    most, status, build = WALKED[name]
    hundredfold = build(most * 100)

    async def work() -> tuple[list[list[int]], int]:
        async with door(tmp_path) as here:
            object.__setattr__(here.site.ingest, "current", current())
            near = [(await timed(here, build(most + beyond))).statuses for beyond in (-1, 0, 1)]
            for _ in range(3):
                await timed(here, hundredfold)
            before = resident()
            far = [(await timed(here, hundredfold)).statuses for _ in range(20)]
            return near + far, resident() - before

    (less, at, more, *many), grown = run(work())
    assert (less, at) == ([204], [204])
    assert more == [status]
    assert all(400 <= found[0] < 500 for found in many)
    assert grown < 30_000_000


def test_a_jar_full_of_cookies_costs_next_to_nothing(tmp_path: Path) -> None:
    async def work() -> float:
        async with door(tmp_path) as here:
            object.__setattr__(here.site.ingest, "current", current())
            begun = monotonic()
            for _ in range(20):
                assert (await timed(here, header_bytes(LIMITS.header_bytes))).statuses == [204]
            return monotonic() - begun

    assert run(work()) < 20


@pytest.mark.parametrize("name", ["gzip", "deflate", "br", "zstd", "gzip, gzip", "compress"])
def test_a_bomb_is_not_opened(tmp_path: Path, name: str) -> None:
    bomb = posted(COLLECT, b"\x1f\x8b" + b"\0" * 100_000).replace(
        b"content-length", b"content-encoding: " + name.encode() + b"\r\ncontent-length"
    )

    async def work() -> tuple[list[Said], int]:
        async with door(tmp_path) as here:
            first = [await timed(here, bomb) for _ in range(3)]
            before = resident()
            return first + [await timed(here, bomb) for _ in range(20)], resident() - before

    said, grown = run(work())
    assert {status for each in said for status in each.statuses} == {415}
    assert all(b"\r\naccept-encoding: identity\r\n" in each.text for each in said)
    assert grown < 5_000_000


def test_bodies_that_are_announced_without_end_hold_no_memory(tmp_path: Path) -> None:
    async def work() -> int:
        async with door(tmp_path) as here:
            sent = b"POST " + COLLECT + HEAD + b"content-length: %d\r\n\r\n" % 10**12
            await asyncio.gather(*(here.say(sent + b"x" * 200_000) for _ in range(50)))
            before = resident()
            for _ in range(4):
                await asyncio.gather(*(here.say(sent + b"x" * 200_000) for _ in range(50)))
            return resident() - before

    assert run(work()) < 30_000_000
