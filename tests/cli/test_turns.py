"""Requests that begin in turn, on real sockets: who waits, who is refused, and what becomes of the connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from container.cli.connection import MOST_AHEAD
from container.cli.turns import InTurn
from container.web.admission import DOOMED_SECONDS, Gate
from tests.cli.raw import GET, HOST, POST, QUIET, TARGET, Door, door, hung_up, until
from tests.web.parts import run

HEALTHY = b"GET /healthy HTTP/1.1\r\n" + HOST + b"\r\n"
AGAIN = b"\r\nretry-after: 5\r\n"


@dataclass
class Held:
    """A gate that lets one request begin, one wait, and none beyond, until it is told to turn."""

    door: Door
    gate: Gate
    turns: list[Callable[[], None]]
    late: list[float] = field(default_factory=list)
    opened: list[asyncio.StreamWriter] = field(default_factory=list)

    async def send(self, *pieces: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await self.door.open()
        self.opened.append(writer)
        for piece in pieces:
            writer.write(piece)
        return reader, writer

    async def wait_for(self, request: bytes = QUIET) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Sends one that has to wait, behind one that begins."""
        assert (await self.door.say_and_stay(QUIET, answers=1)).statuses == [204]
        streams = await self.send(request)
        await until(lambda: self.gate.waiting == 1)
        return streams

    def turn(self) -> None:
        """Lets the next ones begin, for as long as there are any."""
        while self.turns:
            self.turns.pop()()


@asynccontextmanager
async def held(folder: Path) -> AsyncIterator[Held]:
    turns: list[Callable[[], None]] = []
    late: list[float] = []
    gate = Gate(lambda: monotonic() + sum(late), turns.append, later=lambda _seconds, _work: None, cost=1.0)
    async with door(folder, gate=gate) as here:
        found = Held(here, gate, turns, late)
        yield found
        for writer in found.opened:
            async with hung_up(writer):
                pass


async def read(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(20):
        head = await reader.readuntil(b"\r\n\r\n")
        length = head.partition(b"content-length: ")[2].partition(b"\r\n")[0]
        return head + await reader.readexactly(int(length or 0))


async def ended(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(20):
        return await reader.read()


def test_who_is_refused_hears_so_at_once_and_may_ask_again_on_the_same_connection(tmp_path: Path) -> None:
    async def work() -> tuple[Any, ...]:
        async with held(tmp_path) as here:
            first, _ = await here.wait_for()
            second, writer = await here.send(QUIET)
            refused = await read(second)
            here.turn()
            waited = await read(first)
            writer.write(QUIET)
            return refused, waited, await read(second), here.door.refused, here.gate.refused

    refused, waited, again, counted, told = run(work())
    assert refused.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert AGAIN in refused
    assert b"connection: close" not in refused
    assert waited.startswith(b"HTTP/1.1 204 ")
    assert again.startswith(b"HTTP/1.1 204 ")
    assert (counted, told) == (["overload"], 1)


@pytest.mark.parametrize(
    "body",
    [[b"content-length: 5\r\n\r\n", b"ab", b"cde"], [b"transfer-encoding: chunked\r\n\r\n2\r\nab\r\n", b"0\r\n\r\n"]],
)
def test_the_body_of_one_that_is_refused_is_thrown_away(tmp_path: Path, body: list[bytes]) -> None:
    async def work() -> tuple[bytes, bytes, int]:
        async with held(tmp_path) as here:
            await here.wait_for()
            reader, writer = await here.send(POST, body[0])
            refused = await read(reader)
            here.turn()
            for piece in (*body[1:], QUIET):
                writer.write(piece)
                await writer.drain()
            return refused, await read(reader), await here.door.site.waiting()

    refused, then, rows = run(work())
    assert refused.startswith(b"HTTP/1.1 503 ")
    assert then.startswith(b"HTTP/1.1 204 ")
    assert rows == 0


@pytest.mark.parametrize("request_", [GET + b"connection: close\r\n\r\n", b"GET " + TARGET + b" HTTP/1.0\r\n\r\n"])
def test_a_connection_that_was_to_end_ends_with_the_refusal(tmp_path: Path, request_: bytes) -> None:
    async def work() -> bytes:
        async with held(tmp_path) as here:
            await here.wait_for()
            reader, _ = await here.send(request_, QUIET)
            return await ended(reader)

    said = run(work())
    assert said.count(b"HTTP/1.1 ") == 1
    assert said.startswith(b"HTTP/1.1 503 ")
    assert b"\r\nconnection: close\r\n" in said


@pytest.mark.parametrize(
    "request_",
    [
        POST + b"expect: 100-continue\r\ncontent-length: 5\r\n\r\n",
        b"HEAD " + TARGET + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    ],
)
def test_where_it_is_in_doubt_what_comes_next_the_connection_ends(tmp_path: Path, request_: bytes) -> None:
    async def work() -> bytes:
        async with held(tmp_path) as here:
            await here.wait_for()
            reader, _ = await here.send(request_)
            return await ended(reader)

    said = run(work())
    assert said.startswith(b"HTTP/1.1 503 ")
    assert b"\r\nconnection: close\r\n" in said


def test_answers_of_one_connection_stay_in_their_order(tmp_path: Path) -> None:
    async def work() -> list[bytes]:
        async with held(tmp_path) as here:
            first, _ = await here.wait_for()
            second, _ = await here.send(QUIET + GET + b"\r\n" + QUIET)
            refused = [await read(second) for _ in range(3)]
            here.turn()
            await read(first)
            return refused

    assert [each[9:12] for each in run(work())] == [b"503"] * 3


def test_one_that_waits_behind_another_of_its_connection_has_its_own_turn(tmp_path: Path) -> None:
    async def work() -> list[bytes]:
        async with held(tmp_path) as here:
            reader, _ = await here.wait_for(QUIET + QUIET)
            here.turn()
            first = await read(reader)
            await until(lambda: here.gate.waiting or here.turns)
            here.turn()
            return [first, await read(reader)]

    assert [each[9:12] for each in run(work())] == [b"204", b"204"]


@pytest.mark.parametrize(
    ("before", "pieces"),
    [
        (b"", [b"content-length: 5\r\n\r\n", b"abcde"]),
        (b"", [b"content-length: 5\r\n\r\nabc", b"de"]),
        (b"", [b"transfer-encoding: chunked\r\n\r\n2\r\nab\r\n", b"0\r\n\r\n"]),
        (b"", [b"content-length: 300000\r\n\r\n" + 200_000 * b"a", 100_000 * b"b"]),
        (b"", [b"expect: 100-continue\r\ncontent-length: 5\r\n\r\n", b"abcde"]),
        (HEALTHY, [b"content-length: 5\r\n\r\n", b"abcde"]),
        (HEALTHY, [b"content-length: 300000\r\n\r\n" + 200_000 * b"a", 100_000 * b"b"]),
    ],
)
def test_one_with_a_body_takes_its_turn_when_all_of_it_is_there(
    tmp_path: Path, before: bytes, pieces: list[bytes]
) -> None:
    async def work() -> tuple[int, int, bytes, int]:
        async with held(tmp_path) as here:
            reader, writer = await here.send(before + POST + pieces[0])
            if b"expect" in pieces[0]:
                assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            if before:
                await read(reader)
            await writer.drain()
            # While it waits for its body it keeps nobody else from beginning.
            while not here.gate.free:
                here.turn()
            assert (await here.door.say_and_stay(QUIET, answers=1)).statuses == [204]
            meanwhile = here.gate.waiting
            writer.write(pieces[1])
            await until(lambda: here.gate.waiting == 1)
            rows = await here.door.site.waiting()
            here.turn()
            async with asyncio.timeout(20):
                answer = await reader.readline()
            return meanwhile, rows, answer, await here.door.site.waiting()

    meanwhile, rows, answer, then = run(work())
    assert (meanwhile, rows) == (0, 0)
    assert answer.startswith(b"HTTP/1.1 204 ")
    assert then == 1


def test_what_waits_for_its_body_is_no_turn_of_which_anything_is_learnt(tmp_path: Path) -> None:
    async def work() -> list[int]:
        async with held(tmp_path) as here:
            for _ in range(5):
                await here.send(POST + b"content-length: 5\r\n\r\n")
            await until(lambda: sum(each.half for each in here.door.crowd.members if isinstance(each, InTurn)) == 5)
            return [len(here.turns), here.gate.waiting]

    assert run(work()) == [0, 0]


@pytest.mark.parametrize("size", [5, 300_000])
def test_one_whose_body_comes_when_it_is_full_is_refused_and_its_connection_goes_on(tmp_path: Path, size: int) -> None:
    async def work() -> tuple[bytes, bytes, int]:
        async with held(tmp_path) as here:
            reader, writer = await here.send(POST + b"content-length: %d\r\n\r\n" % size + b"a" * (size - 1))
            await writer.drain()
            await until(lambda: any(each.half for each in here.door.crowd.members if isinstance(each, InTurn)))
            await here.wait_for()
            writer.write(b"a")
            refused = await read(reader)
            here.turn()
            writer.write(QUIET)
            return refused, await read(reader), await here.door.site.waiting()

    refused, then, rows = run(work())
    assert refused.startswith(b"HTTP/1.1 503 ")
    assert AGAIN in refused
    assert then.startswith(b"HTTP/1.1 204 ")
    assert rows == 0


def test_a_body_that_took_long_is_no_hit_that_waited_for_too_long(tmp_path: Path) -> None:
    async def work() -> bytes:
        async with held(tmp_path) as here:
            reader, writer = await here.send(POST + b"content-length: 5\r\n\r\n")
            await until(lambda: any(each.half for each in here.door.crowd.members if isinstance(each, InTurn)))
            for connection in here.door.crowd.members:
                assert isinstance(connection, InTurn)
                connection.cycle.scope["state"]["arrived"] -= DOOMED_SECONDS + 1
            assert (await here.door.say_and_stay(QUIET, answers=1)).statuses == [204]
            writer.write(b"abcde")
            await until(lambda: here.gate.waiting == 1)
            here.turn()
            return await read(reader)

    assert run(work()).startswith(b"HTTP/1.1 204 ")


@pytest.mark.parametrize("head", [b"", b"connection: upgrade\r\nupgrade: h2c\r\n"])
def test_of_a_flood_on_one_connection_a_few_are_answered_before_it_ends(tmp_path: Path, head: bytes) -> None:
    async def work() -> tuple[bytes, int, list[str]]:
        async with held(tmp_path) as here:
            await here.wait_for()
            said = await here.door.say((GET + head + b"\r\n") * 1000)
            return said.text, here.gate.refused, list(here.door.refused)

    said, told, counted = run(work())
    assert said.count(b"HTTP/1.1 503 ") == said.count(b"HTTP/1.1 ") == MOST_AHEAD + 1
    assert said.count(b"connection: close") == 1
    assert told == MOST_AHEAD + 1
    assert counted == ["overload"] * (MOST_AHEAD + 1)


def test_who_takes_no_refusal_in_gets_no_more_of_them(tmp_path: Path) -> None:
    async def work() -> bool:
        async with held(tmp_path) as here:
            await here.wait_for()
            reader, writer = await here.send()
            await until(lambda: len(here.door.crowd.members) == 2)
            for each in here.door.crowd.members:
                assert isinstance(each, InTurn)
                # As the transport says it when nobody reads what is written.
                each.pause_writing()
            writer.write(QUIET)
            return b"\r\nconnection: close\r\n" in await ended(reader)

    assert run(work())


def test_healthy_never_waits(tmp_path: Path) -> None:
    async def work() -> list[int]:
        async with held(tmp_path) as here:
            await here.wait_for()
            reader, _ = await here.send(HEALTHY)
            return [int((await read(reader))[9:12]), here.gate.waiting]

    assert run(work()) == [200, 1]


def test_a_sender_who_hangs_up_while_they_wait_leads_to_nothing(tmp_path: Path) -> None:
    async def work() -> tuple[int, int]:
        async with held(tmp_path) as here:
            _, writer = await here.wait_for(GET + b"\r\n")
            async with hung_up(writer):
                pass
            await until(lambda: not here.door.crowd.members)
            here.turn()
            assert (await here.door.say_and_stay(QUIET, answers=1)).statuses == [204]
            return await here.door.site.waiting(), here.gate.refused

    assert run(work()) == (0, 0)


def test_one_that_waited_for_too_long_is_refused_instead(tmp_path: Path) -> None:
    async def work() -> tuple[bytes, int]:
        async with held(tmp_path) as here:
            reader, _ = await here.wait_for(GET + b"\r\n")
            here.late.append(DOOMED_SECONDS + 1)
            here.turn()
            return await read(reader), await here.door.site.waiting()

    refused, rows = run(work())
    assert refused.startswith(b"HTTP/1.1 503 ")
    assert rows == 0


def test_how_long_it_waited_is_in_the_time_of_its_reply(tmp_path: Path) -> None:
    async def work() -> float:
        async with held(tmp_path) as here:
            reader, _ = await here.wait_for()
            await asyncio.sleep(0.3)
            here.turn()
            await read(reader)
            return here.door.site.metric("reply_seconds_sum")

    assert run(work()) >= 0.3


def test_a_listener_that_stops_answers_who_waits(tmp_path: Path) -> None:
    async def work() -> bytes:
        async with held(tmp_path) as here:
            reader, writer = await here.wait_for()
            # It stops with the block, and these callers do not hang up.
            here.opened.clear()
            asyncio.get_running_loop().call_later(0.2, here.turn)
        async with hung_up(writer):
            return await read(reader)

    assert run(work()).startswith(b"HTTP/1.1 204 ")
