"""The benchmarks measure what they say: their hits, their stand-in, their arithmetic. Nothing is timed here."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sqlite3
import struct
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from benchmarks import closed_loop, flushes, machine, open_loop, overload, wire
from benchmarks.example import SECRETS, compiled, example
from benchmarks.figures import percentile, shown, slope, table
from benchmarks.hits import (
    BODY_BYTES,
    GET_BYTES,
    MARK,
    PAGE_VIEW_BYTES,
    POST_BYTES,
    SHAPES,
    Shape,
    padded,
    page_views,
    purchases,
)
from benchmarks.in_process import NOWHERE, application, call, hits_of, marked, scope_of, stored
from benchmarks.large import large
from benchmarks.servers import STAND_IN, free_port
from container.cli.build import build
from container.cli.listeners import Listener, bind
from container.cli.sources import Sources, secrets_from
from container.config.registry import discover
from container.delivery.row import acceptance
from container.engine.container import Container
from container.engine.run import run
from container.web.ingest import Receive, Scope, Send

EVENTS = {"purchase": 1, "page_view": 1, "batch": 3}


@pytest.fixture(scope="module")
def container(tmp_path_factory: pytest.TempPathFactory) -> Container:
    return compiled(example(NOWHERE), tmp_path_factory.mktemp("example"))


@pytest.mark.parametrize("kind", sorted(SHAPES))
def test_every_hit_fires_the_one_tag_and_gives_one_row_an_event(kind: str, container: Container) -> None:
    for hit in hits_of(marked(SHAPES[kind]())):
        outcome = run(container, hit)
        assert outcome.client == "GA4"
        assert outcome.reply.status == 204
        assert not outcome.reply.cookies
        assert not outcome.failures
        rows = acceptance(outcome, now=hit.received).rows
        assert [row.tag for row in rows] == ["TikTok - events"] * EVENTS[kind]


def test_hits_are_as_long_as_stated() -> None:
    assert {len(shape.target) for shape in purchases()} == {GET_BYTES}
    assert {len(shape.target) for shape in page_views()} == {PAGE_VIEW_BYTES}
    assert {(len(shape.target), len(shape.body)) for shape in SHAPES["batch"]()} == {(POST_BYTES, BODY_BYTES)}


@pytest.mark.parametrize("kind", sorted(SHAPES))
def test_no_two_hits_are_the_same(kind: str) -> None:
    shapes = SHAPES[kind]()
    assert len(shapes) == 500
    assert len({(shape.target, shape.body) for shape in shapes}) == 500


def test_a_number_takes_the_marks_place_and_leaves_the_length() -> None:
    shape = SHAPES["batch"](1)[0]
    numbered = shape.marked(7)
    assert numbered.body.count("000000000007") == shape.body.count(MARK) == 3
    assert len(numbered.body) == len(shape.body)


@pytest.mark.parametrize("size", range(120, 130))
def test_padding_never_ends_within_an_escape(size: int) -> None:
    text = padded("/g/collect?v=2", size)
    assert len(text) == size
    assert all(len(part) >= 2 for part in text.split("%")[1:])


def test_text_that_is_too_long_already_is_not_padded() -> None:
    with pytest.raises(ValueError, match="too long"):
        padded("x" * 50, 20)


@pytest.mark.parametrize("kind", sorted(SHAPES))
def test_the_whole_application_takes_the_hits(kind: str, container: Container) -> None:
    app = application(container)
    assert {call(app, scope_of(shape), shape.body.encode()) for shape in marked(SHAPES[kind](5))} == {204}


def test_the_store_takes_what_hits_lead_to(container: Container, tmp_path: Path) -> None:
    cost = asyncio.run(stored(container, lambda: hits_of(marked(purchases(5))), tmp_path, 1))
    assert cost > 0


def test_more_tags_fire_or_keep_silent_as_asked(tmp_path: Path) -> None:
    several = compiled(example(NOWHERE, firing=3, silent=20), tmp_path)
    assert len(several.tags) == 23
    (hit,) = hits_of(marked(purchases(1)))
    rows = acceptance(run(several, hit), now=hit.received).rows
    assert len(rows) == 3
    assert len({row.lane.key for row in rows}) == 3


def test_the_large_container_has_no_errors_and_two_tags_for_the_hits(tmp_path: Path) -> None:
    file = tmp_path / "large.yaml"
    file.write_text(large(NOWHERE, tags=40, variables=100, triggers=30), encoding="utf-8")
    built = build(Sources(file, discover(), SECRETS, secrets_from(None, SECRETS), strict=True))
    assert built.container is not None, built.loaded.report()
    assert len(built.container.tags) == 40
    (hit,) = hits_of(marked(purchases(1)))
    assert len(acceptance(run(built.container, hit), now=hit.received).rows) == 2


needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="Node is not installed")


@needs_node
@pytest.mark.parametrize("kind", sorted(SHAPES))
def test_the_stand_in_sends_what_we_send(kind: str, container: Container) -> None:
    shapes = marked(SHAPES[kind](10))
    lines = "\n".join(json.dumps(asked_of_node(shape)) for shape in shapes)
    said = subprocess.run(["node", STAND_IN / "hit.js"], input=lines, capture_output=True, text=True, check=True)
    theirs = [without_time(json.loads(line)) for line in said.stdout.splitlines()]
    assert theirs == [without_time(payloads(container, shape)) for shape in shapes]


def asked_of_node(shape: Shape) -> Mapping[str, object]:
    headers = {name.lower(): value for name, value in shape.headers.items()}
    query = shape.target.partition("?")[2]
    return {"query": query, "body": shape.body, "headers": headers, "ip": headers["x-forwarded-for"]}


def payloads(container: Container, shape: Shape) -> list[dict[str, Any]]:
    (hit,) = hits_of([shape])
    rows = acceptance(run(container, hit), now=hit.received).rows
    return [json.loads(row.item.data) for row in rows]


def without_time(found: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in each.items() if key != "event_time"} for each in found]


def test_the_lock_of_the_stand_in_names_no_registry() -> None:
    assert "resolved" not in (STAND_IN / "package-lock.json").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [([5], 0.5, 5), ([1, 2, 3, 4], 0.5, 2), ([4, 3, 2, 1], 0.75, 3), (range(1, 101), 0.99, 99), ([1, 2, 3], 1.0, 3)],
)
def test_a_percentile_is_a_value_that_was_measured(values: Sequence[float], share: float, expected: float) -> None:
    assert percentile(values, share) == expected


def test_nothing_has_no_percentile() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


def test_a_slope_is_what_each_further_one_costs() -> None:
    assert slope([(1, 30), (2, 45), (4, 75), (8, 135)]) == pytest.approx(15)


def test_a_table_is_markdown() -> None:
    assert table(("server", "GET"), [("ours", 12345.6)]) == "| server | GET |\n| --- | ---: |\n| ours | 12,346 |"


@pytest.mark.parametrize(("value", "expected"), [(0.123, "0.12"), (12.34, "12.3"), (1234, "1,234"), ("-", "-")])
def test_figures_show_the_digits_that_count(value: float | str, expected: str) -> None:
    assert shown(value) == expected


def test_hits_of_a_rate_are_due_in_order_at_random_and_always_the_same() -> None:
    moments = open_loop.schedule(1000, 5, seed=3)
    assert moments == sorted(moments) == open_loop.schedule(1000, 5, seed=3)
    assert moments != open_loop.schedule(1000, 5, seed=4)
    assert 0 < moments[0] < moments[-1] < 5
    # Five thousand are expected; ten standard deviations are seven hundred.
    assert abs(len(moments) - 5000) < 700
    gaps = [later - earlier for earlier, later in pairwise(moments)]
    # Of Poisson's gaps 63 in a hundred are shorter than the mean one.
    assert 0.55 < sum(gap < 0.001 for gap in gaps) / len(gaps) < 0.71


async def answering(status: int, many: int) -> tuple[open_loop.Served, int]:
    """Load on a listener of ours that answers everything with a status."""
    seen = 0

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal seen
        seen += 1
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    port = free_port()
    listener = Listener(app, bind("127.0.0.1", port))
    await listener.start()
    try:
        moments = [number / 1000 for number in range(many)]
        return await open_loop.sent_at(port, purchases(5), moments), seen
    finally:
        await listener.stop()


def test_every_hit_of_an_open_loop_is_sent_and_answered_once() -> None:
    served, seen = asyncio.run(answering(204, 200))
    assert (served.sent, served.missing, seen) == (200, 0, 200)
    assert served.p50 <= served.p99 <= served.longest


def test_a_refused_hit_ends_the_measurement() -> None:
    with pytest.raises(AssertionError, match="refused"):
        asyncio.run(answering(503, 5))


def test_a_flood_notes_what_became_of_each_hit() -> None:
    """Every third one is refused, with a body and a time to come again."""

    async def work() -> tuple[list[overload.Sent], int]:
        seen = 0

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            nonlocal seen
            seen += 1
            status, body = (503, b"later") if seen % 3 == 0 else (204, b"")
            headers = [(b"retry-after", b"5"), (b"content-length", b"5")] if body else []
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": body})

        port = free_port()
        listener = Listener(app, bind("127.0.0.1", port))
        await listener.start()
        contents = wire.requests(purchases(5))
        hits = [(overload.Sent(number / 1000, is_view=False), next(contents)) for number in range(90)]
        try:
            await overload.Flood().send(port, 8, hits)
        finally:
            await listener.stop()
        return [sent for sent, _ in hits], seen

    sent, seen = asyncio.run(work())
    assert seen == 90
    assert [each.status for each in sent].count(503) == [each.again for each in sent].count(True) == 30
    assert [each.status for each in sent].count(204) == 60
    assert all(each.took > each.waited >= each.late > 0 for each in sent)


def test_what_a_flood_led_to_is_told_by_its_parts() -> None:
    plan = overload.Plan(calm=100, flood=1000, calm_seconds=10, flood_seconds=10)
    moments = list(plan.moments())
    assert moments == sorted(moments)
    assert sum(10 <= each < 20 for each in moments) == pytest.approx(10_000, rel=0.1)
    calm = [overload.Sent(5 + number / 100, is_view=False, took=0.01, status=204) for number in range(100)]
    flood = [
        *(overload.Sent(11, is_view=True, took=0.02, waited=0.015, status=503, again=True) for _ in range(9)),
        overload.Sent(11, is_view=True, took=0.3, status=204),
        overload.Sent(12, is_view=False, took=0.2, status=204),
        overload.Sent(12, is_view=False),
    ]
    after = [
        overload.Sent(20.1, is_view=False, took=0.001, status=503),
        overload.Sent(20.4, is_view=False, took=0.3, status=204),
        overload.Sent(20.6, is_view=False, took=0.011, status=204),
        overload.Sent(29, is_view=False, took=0.1, status=204),
    ]
    found = overload.Found(plan, [*calm, *flood, *after], 100.0, 110.0, 105.0)
    assert found.refused == pytest.approx([5.0] * 9)
    assert found.taken == found.taken_once_written == pytest.approx([300.0, 200.0])
    assert (found.taken_of(views=True), found.taken_of(views=False)) == (0.1, 0.5)
    assert (found.unanswered, found.without_retry_after) == (1, 1)
    assert found.normal_after == pytest.approx(0.4)
    assert "| refused, p99 ms | 5.00 | 20.0 |" in overload.report(found, 300.0)


def test_what_the_generator_was_late_is_not_the_servers() -> None:
    plan = overload.Plan(calm=100, flood=1000, calm_seconds=10, flood_seconds=10)
    hits = [
        *(overload.Sent(5, is_view=False, took=0.01, status=204) for _ in range(100)),
        # Late by two seconds, and then no connection was free for a tenth of one.
        overload.Sent(12, is_view=False, took=2.4, waited=2.1, late=2.0, status=204),
        overload.Sent(21, is_view=False, took=2.01, waited=2.0, late=2.0, status=204),
    ]
    found = overload.Found(plan, hits, 100.0, 110.0, 105.0)
    assert found.taken == pytest.approx([2400.0])
    assert found.taken_since_offered == pytest.approx([400.0])
    assert found.taken_once_written == pytest.approx([300.0])
    assert found.normal_after == 0
    assert found.late == pytest.approx(2000.0)
    told = overload.report(found, 300.0)
    assert "| taken, p99 ms | 400 | 500 |" in told
    assert "| no connection free, p99 ms | 100 |" in told


def test_a_request_is_http_with_the_hit_in_it() -> None:
    (shape,) = SHAPES["batch"](1)
    head, _, body = wire.request(shape).decode().partition("\r\n\r\n")
    assert head.startswith(f"POST {shape.target} HTTP/1.1\r\n")
    assert "Content-Length: 988" in head
    assert body == shape.body


def test_requests_never_repeat_an_event_id() -> None:
    contents = wire.requests(purchases(2))
    sent = [next(contents) for _ in range(6)]
    assert len(set(sent)) == 6
    assert not any(MARK.encode() in each for each in sent)


def test_the_script_of_wrk_holds_every_hit() -> None:
    text = closed_loop.script(purchases(3), 41)
    assert text.count("GET /g/collect?v=2") == 3
    assert "local number = 41" in text
    assert MARK not in text


def test_what_wrk_measured_is_read_by_name() -> None:
    said = "  Latency  1.0ms  9.9ms\nmeasured answered=10 failed=2 seconds=1.500000 p50=0.500000 p99=2.250000\n"
    assert closed_loop.measured(said) == (closed_loop.Load(10, 1.5, 0.5, 2.25), 2)


def test_commits_are_counted_in_the_log_of_the_database(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "some.db", isolation_level=None)) as connection:
        connection.execute("pragma journal_mode=wal")
        connection.execute("create table things(number integer)")
        for number in range(5):
            connection.execute("begin")
            connection.executemany("insert into things values(?)", [(number,)] * 500)
            connection.execute("commit")
        assert flushes.commits(tmp_path / "some.db-wal") == 6


def test_frames_of_an_older_log_do_not_count(tmp_path: Path) -> None:
    log = tmp_path / "log"
    frame, page = struct.Struct(">6I"), bytes(512)
    header = struct.pack(">8I", 0x377F0682, 3007000, 512, 0, 7, 8, 0, 0)
    frames = [frame.pack(1, 0, 7, 8, 0, 0), frame.pack(2, 2, 7, 8, 0, 0), frame.pack(3, 3, 6, 8, 0, 0)]
    log.write_bytes(header + b"".join(each + page for each in frames))
    assert flushes.commits(log) == 1


def test_flushes_of_the_log_are_counted_once_each(tmp_path: Path) -> None:
    report = tmp_path / "report"
    report.write_text(
        "7 fdatasync(9</data/deliveries.db-wal> <unfinished ...>\n7 <... fdatasync resumed>) = 0\n"
        "7 fdatasync(9</data/deliveries.db-wal>) = 0\n7 fdatasync(8</data/deliveries.db>) = 0\n"
    )
    assert flushes.flushed(report) == 2


def test_a_process_has_processor_time_and_memory() -> None:
    sum(range(3_000_000))
    assert machine.processor_seconds(os.getpid()) > 0
    assert machine.memory_mb(os.getpid()) > 1
    assert machine.resident_mb(os.getpid()) > 1


def test_children_that_live_count(tmp_path: Path) -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as child:
        assert child.stdin is not None
        assert machine.family(os.getpid())[0] == os.getpid()
        assert child.pid in machine.family(os.getpid())
        child.stdin.close()


def test_a_process_that_ended_has_nothing() -> None:
    with subprocess.Popen(["true"]) as child:
        child.wait()
    assert machine.processor_seconds(child.pid) == 0
    assert machine.memory_mb(child.pid) == 0
    assert machine.resident_mb(child.pid) == 0


def test_a_flush_of_the_disk_takes_time(tmp_path: Path) -> None:
    half, most = machine.flush_ms(tmp_path)
    assert 0 < half <= most
    assert not list(tmp_path.iterdir())
