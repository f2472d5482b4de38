"""The fault sink does what its plan says, and its ledger says what it did."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import io
import json
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.chaos.ledger import Following, Line, lines_of
from tests.chaos.plan import VERDICTS, verdict_of
from tests.chaos.scene import Rules, vendors
from tests.chaos.sink import Sink
from tests.chaos.verdicts import BOMB_BYTES, TAKEN

T = TypeVar("T")
EVENTS = [{"event_id": f"e{number}", "properties": {"description": "pixel"}, "value": 1.50} for number in range(3)]
BATCH = b'{"event_source":"web","data":[' + b",".join(json.dumps(each).encode() for each in EVENTS) + b"]}"
Connected = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def with_sink(folder: Path, rules: Rules, work: Callable[[Sink, int], Awaitable[T]]) -> tuple[T, list[Line]]:
    """What the work found, and the ledger."""

    async def limited() -> T:
        sink = Sink(folder / "ledger", {"pixel": rules})
        try:
            async with asyncio.timeout(60):
                return await work(sink, (await sink.start())["pixel"])
        finally:
            await sink.stop()

    return asyncio.run(limited()), lines_of(folder / "ledger")


def request(body: bytes = BATCH, path: str = "/track/") -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: v\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


async def asked(port: int, content: bytes = request()) -> tuple[bytes, bool]:
    """All that comes until the sink is silent or gone, and whether it ended with a reset."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(content)
        return await read(reader)
    except ConnectionError:
        return b"", True
    finally:
        writer.close()


async def read(reader: asyncio.StreamReader) -> tuple[bytes, bool]:
    found = bytearray()
    try:
        while chunk := await reader.read(1 << 16):
            found += chunk
            head, ended, body = bytes(found).partition(b"\r\n\r\n")
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            if ended and length.isdigit() and len(body) >= int(length):
                break
    except ConnectionError:
        return bytes(found), True
    return bytes(found), False


def once(folder: Path, verdict: str, content: bytes = request()) -> tuple[bytes, bool, Line]:
    (answer, broken), [line] = with_sink(folder, [["*", verdict, 1]], lambda _, port: asked(port, content))
    return answer, broken, line


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def body(answer: bytes) -> Any:
    return json.loads(answer.partition(b"\r\n\r\n")[2])


def test_a_request_is_taken_and_each_of_its_events_noted_byte_for_byte(tmp_path: Path) -> None:
    answer, broken, line = once(tmp_path, "ok")
    assert (answer, broken) == (TAKEN, False)
    assert (line.lane, line.size, line.of, line.verdict, line.taken) == ("pixel", 3, ["pixel"], "ok", [0, 1, 2])
    digests = [hashlib.sha256(json.dumps(each).encode()).hexdigest() for each in EVENTS]
    assert line.events == [(f"e{number}", digests[number]) for number in range(3)]


def test_a_body_without_items_is_one_event(tmp_path: Path) -> None:
    alone = b'{"lane": "hook", "event_id": "x"}'
    _, _, line = once(tmp_path, "ok", request(alone))
    assert (line.size, line.of) == (1, ["hook"])
    assert line.events == [("x", hashlib.sha256(alone).hexdigest())]


@pytest.mark.parametrize("other", [b'{"event_id": "x"}', b'{"event_id":"x" }', b'{"event_id":"x","a":1.0}'])
def test_other_bytes_are_another_hash(tmp_path: Path, other: bytes) -> None:
    _, _, line = once(tmp_path, "ok", request(other))
    assert line.events[0][1] != hashlib.sha256(b'{"event_id":"x","a":1}').hexdigest()


@pytest.mark.parametrize(
    ("verdict", "expected", "taken"),
    [("code:40001", 200, []), ("code:0", 200, [0, 1, 2]), ("status:503", 503, []), ("status:204", 204, [0, 1, 2])],
)
def test_a_code_or_a_status_is_answered(tmp_path: Path, verdict: str, expected: int, taken: list[int]) -> None:
    answer, _, line = once(tmp_path, verdict)
    assert status(answer) == expected
    assert line.taken == taken
    if verdict == "code:40001":
        assert body(answer)["code"] == 40001


@pytest.mark.parametrize(("stated", "wait"), [("7", 7.0), ("-1", 0.0), ("Wed, 21 Oct 2026 07:28:00 GMT", 0.0)])
def test_the_vendor_asks_to_be_left_alone(tmp_path: Path, stated: str, wait: float) -> None:
    answer, _, line = once(tmp_path, f"retry_after:{stated}")
    assert status(answer) == 429
    assert f"Retry-After: {stated}\r\n".encode() in answer
    assert (line.taken, line.wait) == ([], wait)


@pytest.mark.parametrize("verdict", ["slow:0.05", "trickle:0.001"])
def test_what_is_answered_slowly_is_taken_and_may_be_unheard(tmp_path: Path, verdict: str) -> None:
    answer, broken, line = once(tmp_path, verdict)
    assert (answer, broken) == (TAKEN, False)
    assert (line.taken, line.unheard) == ([0, 1, 2], True)


def test_nothing_is_answered_at_all(tmp_path: Path) -> None:
    async def waits(_: Sink, port: int) -> bool:
        try:
            await asyncio.wait_for(asked(port), 0.2)
        except TimeoutError:
            return True
        return False

    waited, [line] = with_sink(tmp_path, [["*", "hang", 1]], waits)
    assert waited
    assert line.taken == []


@pytest.mark.parametrize(
    ("point", "size", "taken"),
    [("connect", 0, []), ("headers", 0, []), ("body", 0, []), ("before_reply", 3, []), ("mid_reply", 3, [0, 1, 2])],
)
def test_a_connection_is_reset_at_each_point(tmp_path: Path, point: str, size: int, taken: list[int]) -> None:
    answer, broken, line = once(tmp_path, f"reset@{point}")
    assert broken
    assert answer == (TAKEN[: len(TAKEN) // 2] if point == "mid_reply" else b"")
    assert (line.size, line.taken, line.unheard) == (size, taken, point == "mid_reply")


def test_half_of_a_connection_is_closed(tmp_path: Path) -> None:
    answer, broken, line = once(tmp_path, "half_close")
    assert (answer, broken) == (b"", False)
    assert line.taken == []


def test_an_answer_is_shorter_than_it_says(tmp_path: Path) -> None:
    answer, broken, line = once(tmp_path, "wrong_length")
    assert not broken
    assert b"Content-Length: 4096" in answer
    assert body(answer)["code"] == 0
    assert line.taken == []


def test_an_answer_is_no_http(tmp_path: Path) -> None:
    answer, _, line = once(tmp_path, "garbage")
    assert answer
    assert b"HTTP" not in answer
    assert line.taken == []


def test_a_bomb_is_small_on_the_wire(tmp_path: Path) -> None:
    answer, _, line = once(tmp_path, "gzip_bomb")
    head, _, packed = answer.partition(b"\r\n\r\n")
    assert b"Content-Encoding: gzip" in head
    assert len(packed) < 400_000
    assert sum(map(len, iter_unpacked(packed))) == BOMB_BYTES
    assert line.taken == []


def iter_unpacked(packed: bytes) -> list[bytes]:
    with gzip.GzipFile(fileobj=io.BytesIO(packed)) as file:
        return list(iter(lambda: file.read(1 << 20), b""))


def test_an_answer_has_no_end(tmp_path: Path) -> None:
    async def reads(_: Sink, port: int) -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request())
        found = len(await reader.readexactly(8_000_000))
        writer.close()
        return found

    found, [line] = with_sink(tmp_path, [["*", "endless", 1]], reads)
    assert found == 8_000_000
    assert line.taken == []


def test_a_redirect_leads_elsewhere(tmp_path: Path) -> None:
    answer, _, line = once(tmp_path, "redirect:http://127.0.0.1:1/inside")
    assert status(answer) == 307
    assert b"Location: http://127.0.0.1:1/inside\r\n" in answer
    assert line.taken == []


def test_a_certificate_is_one_that_nobody_vouches_for(tmp_path: Path) -> None:
    async def greets(_: Sink, port: int) -> str:
        try:
            await asyncio.open_connection("127.0.0.1", port, ssl=ssl.create_default_context())
        except ssl.SSLCertVerificationError as problem:
            return problem.verify_message
        return ""

    found, [line] = with_sink(tmp_path, [["*", "tls_bad", 1]], greets)
    assert found
    assert (line.size, line.taken) == (0, [])


def test_a_part_is_taken_and_the_rest_is_named(tmp_path: Path) -> None:
    answer, _, line = once(tmp_path, "partial:[1]")
    assert body(answer)["data"]["failed_events"] == [{"order": 1}]
    assert line.taken == [0, 2]
    assert [name for name, _ in line.accepted()] == ["e0", "e2"]


@pytest.mark.parametrize(("bad", "code", "taken"), [('"e1"', 40002, []), ('"e9"', 0, [0, 1, 2])])
def test_a_request_with_one_bad_event_is_refused_whole(tmp_path: Path, bad: str, code: int, taken: list[int]) -> None:
    answer, _, line = once(tmp_path, f"reject_if:{bad}")
    assert body(answer)["code"] == code
    assert line.taken == taken


def test_rules_hold_as_often_as_they_say_and_where_they_match(tmp_path: Path) -> None:
    async def several(sink: Sink, port: int) -> list[int]:
        found = [status((await asked(port, request(path="/one")))[0]) for _ in range(4)]
        found.append(status((await asked(port, request(path="/two")))[0]))
        sink.replan({"pixel": [["*", "status:500", None]]})
        return [*found, status((await asked(port, request(path="/two")))[0])]

    rules: Rules = [["/one", "status:503", 2], ['"e2"', "status:429", 1], ["/two", "status:404", None]]
    found, lines = with_sink(tmp_path, rules, several)
    assert found == [503, 503, 429, 200, 404, 500]
    assert [line.verdict for line in lines] == [
        *("status:503", "status:503", "status:429", "ok", "status:404", "status:500")
    ]


def test_who_is_turned_away_from_now_on_keeps_no_connection(tmp_path: Path) -> None:
    async def several(sink: Sink, port: int) -> list[tuple[bytes, bool]]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request())
        found = [await read(reader)]
        sink.replan({"pixel": [["*", "reset@connect", None]]})
        found.append(await read(reader))
        writer.close()
        return found

    found, [line] = with_sink(tmp_path, [], several)
    assert found == [(TAKEN, False), (b"", True)]
    assert line.taken == [0, 1, 2]


def test_a_connection_carries_several_requests(tmp_path: Path) -> None:
    async def twice(_: Sink, port: int) -> list[bytes]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        found = []
        for _number in range(2):
            writer.write(request())
            found.append((await read(reader))[0])
        writer.close()
        return found

    found, lines = with_sink(tmp_path, [], twice)
    assert found == [TAKEN, TAKEN]
    assert len(lines) == 2


@pytest.mark.parametrize(
    "stated", ["okay", "status:x", "status:12", "reset@tea", "partial:x", "ok:1", "slow:-1", "reset"]
)
def test_a_verdict_that_there_is_not_is_refused(stated: str) -> None:
    with pytest.raises(ValueError, match="verdict"):
        verdict_of(stated)


def test_every_verdict_is_tried_here() -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    assert not [name for name in VERDICTS if f'"{name}' not in source and f"{name}@" not in source]


def test_a_ledger_can_be_followed_while_it_is_written(tmp_path: Path) -> None:
    once(tmp_path, "ok")
    whole = (tmp_path / "ledger").read_bytes()
    written = tmp_path / "written"
    written.write_bytes(whole + whole[:20])
    following = Following(written)
    assert [line.size for line in following.read()] == [3]
    assert following.read() == []
    with written.open("ab") as file:
        file.write(whole[20:])
    assert [line.size for line in following.read()] == [3]


def test_it_runs_as_a_process_and_is_told_new_rules(tmp_path: Path) -> None:
    async def work() -> list[int]:
        async with vendors(tmp_path, pixel=[["*", "status:503", None]], hook=[]) as sink:
            found = [status((await asked(sink.ports[lane]))[0]) for lane in ("pixel", "hook")]
            await sink.replan(pixel=[])
            return [*found, status((await asked(sink.ports["pixel"]))[0])]

    assert asyncio.run(work()) == [503, 200, 200]
    assert [line.lane for line in lines_of(tmp_path / "ledger.jsonl")] == ["pixel", "hook", "pixel"]


@pytest.mark.parametrize("together", [True, False])
def test_an_event_that_another_request_has_under_way_is_written_down(together: bool, tmp_path: Path) -> None:
    async def work(_: Sink, port: int) -> None:
        first = asyncio.create_task(asked(port))
        if not together:
            await first
        while not lines_of(tmp_path / "ledger"):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
        await asyncio.gather(first, asked(port, request(json.dumps(EVENTS[1]).encode())))

    _, [_, second] = with_sink(tmp_path, [["*", "slow:1", 1]], work)
    assert second.beside == (["e1"] if together else [])
