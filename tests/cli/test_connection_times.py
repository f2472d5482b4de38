"""How long a connection may take for what. The clock of the sweep is passed in; the connections are real."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from container.cli.crowd import Times
from tests.cli.processes import PATIENCE_SECONDS
from tests.cli.raw import GET, POST, QUIET, Said, door, hung_up, talk, until
from tests.web.parts import run

HALF_HEAD = GET + b"x: "
HALF_BODY = POST + b"content-length: 100\r\n\r\nhalf"
HALF_CHUNK = POST + b"transfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n"
STEADY = Times(bytes_per_second=0)


def later(
    folder: Path, sent: bytes, seconds: Sequence[float], *, rest: bytes = b"", answers: int = 0, **rules: Any
) -> tuple[Said, list[str]]:
    """What is said when so much is sent, the sweep sees so many seconds pass, and the rest follows."""

    async def work() -> tuple[Said, list[str]]:
        async with door(folder, **rules) as here:
            reader, writer = await here.open()
            writer.write(sent)
            async with asyncio.timeout(PATIENCE_SECONDS):
                begun = b""
                for _ in range(answers):
                    begun += await reader.readuntil(b"\r\n\r\n")
                await _arrived(here.crowd.members, sent, answers)
            for each in seconds:
                here.crowd.sweep(monotonic() + each)
            said = await talk(reader, writer, [rest] if rest else [])
            return Said(begun + said.text, said.cut), list(here.refused)

    return run(work())


async def _arrived(members: Any, sent: bytes, answers: int) -> None:
    """Until the listener has read what was sent, as far as nothing came back."""
    await until(lambda: members and (not sent or answers or any(each.half or each._place for each in members)))


@pytest.mark.parametrize(
    ("sent", "seconds", "status"),
    [
        (HALF_HEAD, 10.5, 408),
        (b"GET /col", 10.5, 408),
        (HALF_BODY, 10.5, 408),
        (HALF_CHUNK, 10.5, 408),
    ],
)
def test_half_a_request_is_cut_with_a_sentence(tmp_path: Path, sent: bytes, seconds: float, status: int) -> None:
    said, refused = later(tmp_path, sent, [seconds], times=STEADY)
    assert said.statuses == [status]
    assert said.text.endswith(b" did not come in time.\n")
    assert not said.cut
    assert refused == ["too_slow"]


@pytest.mark.parametrize(
    ("sent", "rest"), [(HALF_HEAD, b"y\r\n\r\n"), (HALF_BODY, b"x" * 96), (HALF_CHUNK, b"0\r\n\r\n")]
)
def test_what_comes_within_its_time_is_taken(tmp_path: Path, sent: bytes, rest: bytes) -> None:
    end = b"GET /healthy HTTP/1.1\r\nconnection: close\r\nhost: a\r\n\r\n"
    said, refused = later(tmp_path, sent, [9.5, 9.5], rest=rest + end, times=STEADY)
    assert (said.statuses, refused) == ([204, 200], [])


@pytest.mark.parametrize(("seconds", "status"), [(4.5, 204), (5.5, 408)])
def test_a_body_that_trickles_is_cut(tmp_path: Path, seconds: float, status: int) -> None:
    end = b"x" * 96 + b"GET /healthy HTTP/1.1\r\nconnection: close\r\nhost: a\r\n\r\n"
    assert later(tmp_path, HALF_BODY, [seconds], rest=end)[0].statuses[0] == status


def test_a_body_that_is_fast_enough_is_not_cut(tmp_path: Path) -> None:
    sent = POST + b"content-length: 10000\r\n\r\n" + b"x" * 5000
    end = b"x" * 5000 + b"GET /healthy HTTP/1.1\r\nconnection: close\r\nhost: a\r\n\r\n"
    assert later(tmp_path, sent, [9.0], rest=end)[0].statuses == [204, 200]


@pytest.mark.parametrize(("seconds", "status"), [(29.0, 204), (31.0, 408)])
def test_a_body_has_an_end_in_time(tmp_path: Path, seconds: float, status: int) -> None:
    times = Times(bytes_per_second=0, body_pause=1000)
    end = b"x" * 96 + b"GET /healthy HTTP/1.1\r\nconnection: close\r\nhost: a\r\n\r\n"
    assert later(tmp_path, HALF_BODY, [seconds], rest=end, times=times)[0].statuses[0] == status


@pytest.mark.parametrize(("sent", "answers"), [(b"", 0), (QUIET, 1), (b"\r\n\r\n", 0)])
def test_a_connection_on_which_nothing_is_asked_is_closed_without_a_word(
    tmp_path: Path, sent: bytes, answers: int
) -> None:
    said, refused = later(tmp_path, sent if answers else b"", [5.5], answers=answers)
    assert said.statuses == [204] * answers
    assert (said.cut, refused) == (False, [])


@pytest.mark.parametrize(("sent", "answers"), [(b"", 0), (QUIET, 1)])
def test_a_connection_may_be_used_again_within_its_time(tmp_path: Path, sent: bytes, answers: int) -> None:
    end = GET + b"connection: close\r\n\r\n"
    said, _ = later(tmp_path, sent, [4.5], rest=end, answers=answers)
    assert said.statuses == [204] * (answers + 1)


def test_a_proxy_may_keep_its_connections_longer(tmp_path: Path) -> None:
    end = GET + b"connection: close\r\n\r\n"
    said, _ = later(tmp_path / "1", QUIET, [74.0], rest=end, answers=1, trusts=lambda address: address == "127.0.0.1")
    assert said.statuses == [204, 204]
    said, _ = later(tmp_path / "2", QUIET, [74.0], rest=end, answers=1, near=lambda address: address == "127.0.0.1")
    assert said.statuses == [204, 204]
    said, _ = later(tmp_path / "3", QUIET, [76.0], answers=1, trusts=lambda address: True)
    assert said.statuses == [204]


def test_an_answer_that_nobody_reads_is_given_up(tmp_path: Path) -> None:
    finished = asyncio.Event()

    async def pours(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(2000):
            await send({"type": "http.response.body", "body": b"x" * 65_536, "more_body": True})
        finished.set()

    async def work() -> None:
        async with door(tmp_path, application=pours) as here:
            _, writer = await here.open()
            writer.transport.pause_reading()  # type: ignore[attr-defined]  # it is one that reads
            async with hung_up(writer), asyncio.timeout(PATIENCE_SECONDS):
                writer.write(QUIET)
                members: Any = here.crowd.members
                await until(lambda: any(each.flow.write_paused for each in members))
                here.crowd.sweep(monotonic() + 29)
                assert here.crowd.members
                here.crowd.sweep(monotonic() + 31)
                await until(lambda: not here.crowd.members)
                # Whoever writes it is not held up for ever.
                await finished.wait()

    run(work())


def test_a_sender_sees_why_its_body_is_refused_though_it_sends_all_of_it_first(tmp_path: Path) -> None:
    async def work() -> Said:
        async with door(tmp_path) as here:
            reader, writer = await here.open()
            writer.write(POST + b"content-length: 6000000\r\n\r\n")
            for _ in range(60):
                writer.write(b"x" * 100_000)
                await writer.drain()
            return await talk(reader, writer, [])

    said = run(work())
    assert (said.statuses, said.cut) == ([413], False)
    assert said.text.endswith(b"The body is too large.\n")


@pytest.mark.parametrize(
    "head", [b"content-length: 9000000000\r\n\r\n", b"transfer-encoding: chunked\r\n\r\nffffffffffff\r\n"]
)
def test_a_body_without_end_is_refused_at_once_and_not_read_on(tmp_path: Path, head: bytes) -> None:
    async def work() -> tuple[Said, int]:
        async with door(tmp_path) as here:
            written = 0
            reader, writer = await here.open()
            writer.write(POST + head)
            if head.startswith(b"content-length"):
                assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 413 ")
            try:
                for _ in range(1000):
                    writer.write(b"x" * 100_000)
                    await writer.drain()
                    written += 100_000
            except ConnectionError:
                pass
            async with hung_up(writer):
                return Said(b""), written

    _, written = run(work())
    assert written < 40_000_000


def test_a_refused_sender_who_goes_on_without_end_is_cut(tmp_path: Path) -> None:
    async def work() -> None:
        async with door(tmp_path) as here:
            reader, writer = await here.open()
            async with hung_up(writer), asyncio.timeout(PATIENCE_SECONDS):
                writer.write(POST + b"content-length: 6000000\r\n\r\n")
                await reader.readuntil(b"\r\n\r\n")
                here.crowd.sweep(monotonic() + 1.5)
                assert here.crowd.members
                here.crowd.sweep(monotonic() + 2.5)
                await until(lambda: not here.crowd.members)

    run(work())


def test_who_waits_to_be_told_is_told_once_and_not_for_a_body_that_is_too_large(tmp_path: Path) -> None:
    async def work() -> tuple[bytes, Said]:
        async with door(tmp_path) as here:
            reader, writer = await here.open()
            async with hung_up(writer), asyncio.timeout(PATIENCE_SECONDS):
                writer.write(POST + b"expect: 100-Continue\r\ncontent-length: 3\r\n\r\n")
                told = await reader.readuntil(b"\r\n\r\n")
                writer.write(b"abc")
                told += await reader.readuntil(b"\r\n\r\n")
            return told, await here.say(POST + b"expect: 100-continue\r\ncontent-length: 1000001\r\n\r\n")

    told, refused = run(work())
    assert told.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 ")
    assert refused.statuses == [413]
    assert b" 100 " not in refused.text


def test_the_sweep_runs_by_itself(tmp_path: Path) -> None:
    async def work() -> tuple[Said, Said]:
        async with door(tmp_path, times=Times(head=0.2, waiting=0.2)) as here:
            return await here.say(HALF_HEAD), await here.say()

    half, nothing = run(work())
    assert half.statuses == [408]
    assert nothing.text == b""


def test_a_process_that_was_held_up_reads_what_came_before_it_judges(tmp_path: Path) -> None:
    async def work() -> list[int]:
        async with door(tmp_path, times=Times(head=0.8, farewell_pause=0.8)) as here:
            reader, writer = await here.open()
            writer.write(HALF_HEAD)
            async with hung_up(writer), asyncio.timeout(PATIENCE_SECONDS):
                await _arrived(here.crowd.members, HALF_HEAD, 0)
                writer.write(b"y\r\n\r\n")
                time.sleep(2.5)  # noqa: ASYNC251  # this is the hold-up
                return Said(await reader.readuntil(b"\r\n\r\n")).statuses

    assert run(work()) == [204]
