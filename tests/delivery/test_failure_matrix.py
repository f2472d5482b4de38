"""Whatever a vendor answers: every row of the failure matrix, by its name, and the tests that show it.

`MATRIX` names them all; those that stand nowhere else are in this file.
"""

from __future__ import annotations

import ast
import asyncio
import logging
import random
import socket
from collections import Counter
from collections.abc import Sequence
from email.utils import formatdate
from itertools import pairwise
from pathlib import Path

import httpx
import orjson
import pytest
from aiohttp.abc import ResolveResult
from hypothesis import given, settings
from hypothesis import strategies as st

from container.delivery.policy import FIRST_DELAY_MS, Attempt, Settle, decide, lane_delay
from container.delivery.store import LaneState
from container.delivery.transport import NoAnswer, Transport
from container.delivery.worker import Surroundings, Worker
from container.effects import Request, Response, Verdict, by_status
from tests.delivery.engines import ENGINES, Engine, EngineName
from tests.delivery.harness import (
    HOURS,
    NOW,
    SECRETS,
    accepted,
    answers,
    bench_over,
    dead_letters,
    item_request,
    items,
    must_claim,
    only_lane,
    planned,
    run,
    single_request,
)
from tests.delivery.raw_sink import OK, claimed, exchange, sending, sink, transport
from tests.delivery.whole_way import Names

ROOT = Path(__file__).parents[2]
MATRIX = {
    "200 with an error code": (
        "tests/tags/tiktok_events_api/test_tiktok_judge.py::test_a_code_has_one_meaning",
        "tests/tags/tiktok_events_api/test_tiktok_judge.py::test_an_answer_without_a_code_is_tried_again",
        "tests/tags/tiktok_events_api/test_tiktok_judge.py::test_40100_about_frequency_is_tried_again",
        "tests/tags/tiktok_events_api/test_tiktok_delivery.py::test_a_temporary_or_unclear_answer_is_tried_again",
    ),
    "4xx permanent": (
        "tests/delivery/test_failure_matrix.py::test_of_a_thousand_rows_three_poisoned_ones_are_dead_and_no_others",
        "tests/delivery/test_failure_matrix.py::test_a_status_about_the_content_condemns_one_row_alone",
        "tests/delivery/test_worker_pace.py::test_a_batch_that_is_too_large_is_split_and_the_next_ones_are_smaller",
        "tests/delivery/test_worker_pace.py::test_a_lane_that_refuses_everything_holds_still_and_keeps_its_rows",
        "tests/tags/test_faults.py::test_of_a_batch_refused_for_one_event_that_one_is_dead_and_no_other",
    ),
    "one bad event rejects all": (
        "tests/delivery/test_failure_matrix.py::test_a_batch_that_is_refused_for_an_old_event_loses_that_one_alone",
        "tests/delivery/test_worker.py::test_a_named_offender_is_buried_and_the_others_go_again",
    ),
    "always 2xx": ("tests/delivery/test_failure_matrix.py::test_a_vendor_that_always_says_204_has_taken_everything",),
    "401, 403, token revoked": (
        "tests/delivery/test_worker_pace.py::test_a_refused_key_for_half_a_minute_loses_nothing",
        "tests/delivery/test_worker_pace.py::test_a_refused_key_is_probed_every_five_minutes_and_at_a_reload",
        "tests/delivery/test_failure_matrix.py::test_a_refused_key_costs_no_row_however_long_it_lasts",
        "tests/tags/test_faults.py::test_a_refused_key_holds_the_lane_and_keeps_every_event",
    ),
    "408 and 429 without Retry-After": (
        "tests/delivery/test_failure_matrix.py::test_without_retry_after_the_lane_backs_off",
        "tests/delivery/test_worker_pace.py::test_half_open_after_429_a_probe_of_ten_rows_goes_alone",
    ),
    "429 and 503 with Retry-After": (
        "tests/test_effects.py::test_a_wait_is_read_from_seconds_or_a_date_and_kept_within_limits",
        "tests/delivery/test_failure_matrix.py::test_nothing_is_sent_to_a_lane_while_its_vendor_wants_to_be_left_alone",
        "tests/delivery/test_worker_pace.py::test_no_answer_to_an_earlier_request_shortens_what_the_vendor_asked_for",
    ),
    "5xx": (
        "tests/delivery/test_failure_matrix.py::test_a_hundred_failures_are_spaced_and_then_it_is_delivered",
        "tests/delivery/test_failure_matrix.py::test_every_5xx_is_tried_again",
        "tests/tags/test_faults.py::test_an_answer_of_a_vendor_that_is_not_well_costs_no_event",
    ),
    "3xx": (
        "tests/delivery/test_private_addresses.py::test_an_answer_that_points_inside_is_not_followed",
        "tests/delivery/test_transport.py::test_a_redirect_is_not_followed",
    ),
    "1xx, 204 where a body is due, HTTP/0.9, no status line": (
        "tests/delivery/test_vendor_answers.py::test_an_answer_that_cannot_be_believed_is_a_retry",
    ),
    "timeout": (
        "tests/delivery/test_failure_matrix.py::test_a_byte_now_and_then_does_not_lengthen_the_total_time",
        "tests/delivery/test_failure_matrix.py::test_a_request_without_an_answer_goes_again_byte_for_byte",
        "tests/delivery/test_vendor_answers.py::test_an_answer_that_drips_ends_in_time_wherever_it_is",
        "tests/tags/test_faults.py::test_without_an_answer_events_go_again_byte_for_byte",
    ),
    "connection reset": (
        "tests/delivery/test_vendor_connections.py::test_a_new_connection_that_is_reset_is_not_tried_again_at_once",
        "tests/delivery/test_vendor_connections.py::test_an_idle_connection_that_is_reset_is_replaced_by_a_new_one",
        "tests/delivery/test_vendor_connections.py::test_nothing_is_sent_three_times",
        "tests/delivery/test_failure_matrix.py::test_a_half_closed_connection_is_answered_or_tried_again",
        "tests/delivery/test_failure_matrix.py::test_what_was_sent_once_more_is_counted_apart",
    ),
    "TLS failure": (
        "tests/delivery/test_vendor_tls.py::test_a_certificate_that_nobody_vouches_for_is_not_accepted",
        "tests/delivery/test_vendor_tls.py::test_the_event_waits_until_the_certificate_is_right",
        "tests/delivery/test_vendor_tls.py::test_a_server_without_tls_is_not_spoken_to_without_tls",
        "tests/test_architecture.py::test_certificates_are_always_checked",
    ),
    "DNS failure": (
        "tests/delivery/test_failure_matrix.py::test_a_name_that_nobody_knows_is_tried_again",
        "tests/delivery/test_vendor_answers.py::test_a_name_that_is_never_found_is_not_waited_for_to_the_end",
        "tests/delivery/test_failure_matrix.py::test_a_name_that_moves_is_asked_for_anew",
        "tests/delivery/test_private_addresses.py::test_a_name_that_moves_inside_is_not_followed_there",
    ),
    "partial batch failure": (
        "tests/delivery/test_failure_matrix.py::test_of_a_batch_each_row_has_its_own_end",
        "tests/delivery/test_failure_matrix.py::test_whatever_places_an_answer_names_each_row_has_one_end",
        "tests/tags/tiktok_events_api/test_tiktok_delivery.py::test_of_a_batch_taken_in_part_exactly_the_named_events_are_buried",
        "tests/tags/test_faults.py::test_of_a_batch_taken_in_part_the_named_events_are_dead_and_no_others",
    ),
    "slow upstream": (
        "tests/delivery/test_failure_matrix.py::test_a_fast_lane_is_as_fast_beside_slow_ones",
        "tests/delivery/test_worker_pace.py::test_slow_lanes_leave_room_for_those_that_have_nothing_under_way",
        "tests/delivery/test_worker_lanes.py::test_a_slow_vendor_holds_up_nobody_else",
    ),
    "huge or endless reply, gzip bomb": (
        "tests/delivery/test_vendor_answers.py::test_no_answer_takes_more_than_twenty_megabytes",
        "tests/delivery/test_transport.py::test_an_endless_answer_is_cut",
        "tests/delivery/test_transport.py::test_a_compressed_answer_is_not_unpacked",
    ),
    "reply that lies": (
        "tests/delivery/test_vendor_answers.py::test_an_answer_that_cannot_be_believed_is_a_retry",
        "tests/delivery/test_failure_matrix.py::test_what_a_vendor_says_never_stands_raw_in_the_log",
    ),
    "upstream accepts, then we die": (
        "tests/delivery/test_failure_matrix.py::test_what_was_accepted_in_a_crash_goes_again_byte_for_byte",
    ),
    "too old, or tried for too long": (
        "tests/delivery/test_failure_matrix.py::test_an_event_is_sent_up_to_the_moment_it_is_too_old",
        "tests/delivery/test_failure_matrix.py::test_a_row_is_given_up_after_its_time_and_three_attempts",
    ),
}


@pytest.mark.parametrize("row", MATRIX)
def test_every_row_of_the_matrix_has_its_tests(row: str) -> None:
    for stated in MATRIX[row]:
        file, _, name = stated.partition("::")
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}, stated


# 4xx permanent

MOST_REQUESTS = 40
"""Two batches of 500 with three bad rows: each is found in ten or eleven, and what is left of a batch goes once."""


@pytest.mark.parametrize(
    "poisoned",
    [
        {1, 2, 3},
        {499, 500, 1000},
        {1, 501, 1000},
        {125, 375, 750},
        {1, 250, 500},
        {63, 438, 813},
        set(random.Random(1).sample(range(1, 1001), 3)),
        set(random.Random(2).sample(range(1, 1001), 3)),
    ],
    ids=lambda rows: "-".join(map(str, sorted(rows))),
)
def test_of_a_thousand_rows_three_poisoned_ones_are_dead_and_no_others(engine: Engine, poisoned: set[int]) -> None:
    async def scenario() -> None:
        found = bench_over(
            await engine.open(), lambda request: httpx.Response(400 if poisoned & {*items(request)} else 200)
        )
        await found.store.accept(accepted(*map(planned, range(1, 1001))))
        await found.until_idle()
        good = [items(request) for request in found.vendor.requests if not poisoned & {*items(request)}]
        delivered = Counter(number for batch in good for number in batch)
        assert delivered == Counter({*range(1, 1001)} - poisoned)
        assert {int(letter.id, 16) for letter in await dead_letters(found.store)} == poisoned
        assert len(found.vendor.requests) <= MOST_REQUESTS

    run(scenario())


@pytest.mark.parametrize("status", [400, 409, 411, 412, 413, 414, 415, 416, 417, 422, 431])
def test_a_status_about_the_content_condemns_one_row_alone(engine: Engine, status: int) -> None:
    async def scenario() -> None:
        found = bench_over(
            await engine.open(), lambda request: httpx.Response(status if request.url.path == "/orders/2" else 200)
        )
        await found.store.accept(accepted(*(planned(number, single_request(number)) for number in range(1, 4))))
        await found.until_idle()
        [letter] = await dead_letters(found.store)
        assert (int(letter.id, 16), letter.reason, letter.note) == (2, "refused", f"status {status}")
        assert len(found.vendor.requests) == 3

    run(scenario())


# One bad event rejects all


def test_a_batch_that_is_refused_for_an_old_event_loses_that_one_alone(engine: Engine) -> None:
    async def scenario() -> None:
        old = NOW - 7 * 24 * HOURS

        def reply(request: httpx.Request) -> httpx.Response:
            too_old = any(item["event_time"] < old for item in orjson.loads(request.content)["data"])
            return httpx.Response(400 if too_old else 200)

        found = bench_over(await engine.open(), reply)
        rows = [planned(n, item_request(n, event_time=NOW - (8 if n == 33 else 1) * 24 * HOURS)) for n in range(1, 101)]
        checked = planned(101, item_request(101, event_time=old - 1), event_time=old - 1, max_age_hours=7 * 24)
        await found.store.accept(accepted(*rows, checked))
        await found.until_idle()
        letters = {int(letter.id, 16): letter.reason for letter in await dead_letters(found.store)}
        assert letters == {33: "refused", 101: "too_old"}
        assert found.worker.counters.value("delivered", "tiktok_events_api") == 99
        assert not any(101 in items(request) for request in found.vendor.requests)

    run(scenario())


# Always 2xx


@pytest.mark.parametrize("status", [200, 201, 202, 204, 206, 299])
def test_a_vendor_that_always_says_204_has_taken_everything(engine: Engine, status: int) -> None:
    async def scenario() -> None:
        found = bench_over(await engine.open(), answers(then=status))
        await found.store.accept(accepted(planned(1, single_request(1))))
        await found.until_idle()
        lane = await only_lane(found)
        assert (lane.waiting, lane.dead, len(found.vendor.requests)) == (0, 0, 1)

    run(scenario())


# 401, 403, token revoked


def test_a_refused_key_costs_no_row_however_long_it_lasts(engine: Engine) -> None:
    async def scenario() -> None:
        found = bench_over(await engine.open(), answers(then=403))
        await found.store.accept(accepted(*map(planned, range(1, 12))))
        for _ in range(100):
            await found.turn()
            found.clock.now += HOURS
        lane = await only_lane(found)
        assert (lane.state.mode, lane.waiting, lane.dead) == ("credential", 11, 0)

    run(scenario())


# 408 and 429 without Retry-After


@pytest.mark.parametrize("status", [408, 425, 429])
def test_without_retry_after_the_lane_backs_off(engine: Engine, status: int) -> None:
    async def scenario() -> None:
        found = bench_over(await engine.open(), answers(status, status, status))
        await found.store.accept(accepted(planned(1)))
        await found.until_idle()
        assert found.vendor.times == [NOW, NOW + 5000, NOW + 15_000, NOW + 35_000]
        assert await dead_letters(found.store) == []

    run(scenario())


# 429 and 503 with Retry-After


@pytest.mark.parametrize(
    ("stated", "wait"),
    [
        (["30"], 30_000),
        ([formatdate((NOW + 90_000) / 1000, usegmt=True)], 90_000),
        (["0"], 1000),
        ([formatdate((NOW - 90_000) / 1000, usegmt=True)], 1000),
        (["-5"], FIRST_DELAY_MS),
        (["1000000000"], HOURS),
        (["soon"], FIRST_DELAY_MS),
        (["\x00\xff"], FIRST_DELAY_MS),
        (["10", "40"], 40_000),
        (["40", "10"], 40_000),
        (["20", formatdate((NOW + 50_000) / 1000, usegmt=True)], 50_000),
    ],
    ids=["seconds", "date", "zero", "past", "negative", "1e9", "word", "rubbish", "two", "two_back", "both"],
)
@pytest.mark.parametrize("status", [429, 503])
def test_nothing_is_sent_to_a_lane_while_its_vendor_wants_to_be_left_alone(
    engine: Engine, status: int, stated: Sequence[str], wait: int
) -> None:
    async def scenario() -> None:
        headers = [(b"Retry-After", value.encode("latin-1")) for value in stated]
        left = [httpx.Response(status, headers=headers)]

        def reply(request: httpx.Request) -> httpx.Response:
            return left.pop() if left and request.url.host == "vendor.example" else httpx.Response(200)

        found = bench_over(await engine.open(), reply)
        await found.store.accept(accepted(*map(planned, range(1, 4))))
        for second in range(0, min(wait, 100_000), 2500):
            found.clock.now = NOW + second
            number = 10 + second
            await found.store.accept(accepted(planned(number, single_request(number)), now=found.clock.now))
            await found.turn()
        found.clock.now = NOW + wait - 1
        await found.turn()
        await found.until_idle()
        of_lane: dict[str, list[int]] = {}
        for request, time in zip(found.vendor.requests, found.vendor.times, strict=True):
            of_lane.setdefault(request.url.host, []).append(time - NOW)
        assert of_lane["vendor.example"] == [0, wait]
        assert of_lane["hook.example"] == [*range(0, min(wait, 100_000), 2500)]

    run(scenario())


# 5xx


def test_a_hundred_failures_are_spaced_and_then_it_is_delivered(engine: Engine) -> None:
    async def scenario() -> None:
        found = bench_over(await engine.open(), answers(*[500] * 100))
        await found.store.accept(accepted(planned(1)))
        await found.until_idle()
        times = found.vendor.times
        gaps = [later - sooner for sooner, later in pairwise(times)]
        assert gaps == [5000, 10_000, 20_000, 40_000] + [60_000] * 96
        assert found.worker.counters.value("delivered", "tiktok_events_api") == 1

    run(scenario())


def test_waits_after_failures_are_spread_by_chance(engine: Engine) -> None:
    async def scenario() -> None:
        found = bench_over(await engine.open(), answers(*[500] * 100), random=random.Random(7).random)
        await found.store.accept(accepted(planned(1)))
        await found.until_idle()
        times = found.vendor.times
        gaps = [later - sooner for sooner, later in pairwise(times)]
        assert len(times) == 101
        assert all(gap <= lane_delay(nth, lambda: 1.0) + 1 for nth, gap in enumerate(gaps, 1))
        assert len(set(gaps[8:])) > 80

    run(scenario())


@pytest.mark.parametrize("status", [*range(500, 512), *range(520, 528), 598, 599])
def test_every_5xx_is_tried_again(engine: Engine, status: int) -> None:
    async def scenario() -> None:
        found = bench_over(await engine.open(), answers(status))
        await found.store.accept(accepted(planned(1)))
        await found.until_idle()
        assert len(found.vendor.requests) == 2
        assert await dead_letters(found.store) == []

    run(scenario())


# Timeout


def test_a_byte_now_and_then_does_not_lengthen_the_total_time() -> None:
    async def scenario() -> None:
        # A byte each 9 s of 15 s, thirty times as fast.
        async def drip(writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
            for _ in range(100):
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.3)

        loop = asyncio.get_running_loop()
        started = loop.time()
        answer, _ = await exchange(drip, total=0.5)
        assert answer == NoAnswer("no_answer", "no answer in time")
        # Thirty seconds of drips would have come; the bound is for machines that do other things too.
        assert loop.time() - started < 15

    run(scenario())


def test_a_request_without_an_answer_goes_again_byte_for_byte(engine: Engine) -> None:
    async def scenario() -> None:
        left = [httpx.ReadTimeout("late"), httpx.ConnectTimeout("late"), httpx.ReadError("broken")]

        def reply(request: httpx.Request) -> httpx.Response:
            if left:
                raise left.pop()
            return httpx.Response(200)

        found = bench_over(await engine.open(), reply)
        await found.store.accept(accepted(*map(planned, range(1, 9))))
        await found.until_idle()
        assert len(found.vendor.requests) == 4
        assert len({request.content for request in found.vendor.requests}) == 1
        assert await dead_letters(found.store) == []

    run(scenario())


# Connection reset


def test_a_half_closed_connection_is_answered_or_tried_again() -> None:
    async def scenario() -> None:
        async def nothing(writer: asyncio.StreamWriter) -> None:
            writer.write_eof()
            await asyncio.sleep(0.05)

        async def everything(writer: asyncio.StreamWriter) -> None:
            writer.write(OK)
            writer.write_eof()
            await asyncio.sleep(0.05)

        async def half(writer: asyncio.StreamWriter) -> None:
            writer.write(OK[:-1])
            writer.write_eof()
            await asyncio.sleep(0.05)

        assert isinstance((await exchange(nothing))[0], NoAnswer)
        assert isinstance((await exchange(half))[0], NoAnswer)
        assert isinstance((await exchange(everything))[0], Response)

    run(scenario())


def test_what_was_sent_once_more_is_counted_apart(engine: Engine) -> None:
    async def scenario() -> None:
        hung_up = asyncio.Event()

        async def answer(writer: asyncio.StreamWriter) -> None:
            if len(vendor.requests) == 2:
                hung_up.set()
                writer.close()
                raise ConnectionResetError
            writer.write(OK)

        async with sink(answer) as vendor, transport() as sender:
            found = bench_over(await engine.open())
            around = Surroundings(found.clock, lambda: 1.0, found.clock.sleep)
            worker = Worker(found.store, sender, lambda *_: by_status, surroundings=around)
            url = f"http://127.0.0.1:{vendor.port}/"
            for number in (1, 2):
                await found.store.accept(accepted(planned(number, Request("POST", url, json={"order": number}))))
                await worker.turn()
                await worker.settled()
            assert hung_up.is_set()
            kind = "tiktok_events_api"
            told = {name: worker.counters.value(name, kind) for name in ("resent", "delivered", "postponed")}
            assert told == {"resent": 1, "delivered": 2, "postponed": 0}
            assert worker.counters.value("requests", kind, "delivered") == 2
            assert len(vendor.requests) == 3

    run(scenario())


# DNS failure


class Unknown(Names):
    """Nobody knows any name."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        self.asked.append(host)
        raise OSError(None, "name not known")


def test_a_name_that_nobody_knows_is_tried_again(engine: Engine) -> None:
    async def scenario() -> None:
        names = Unknown()
        async with transport(resolver=names) as sender:
            found = bench_over(await engine.open())
            around = Surroundings(found.clock, lambda: 1.0, found.clock.sleep)
            worker = Worker(found.store, sender, lambda *_: by_status, surroundings=around)
            await found.store.accept(accepted(planned(1)))
            for _ in range(3):
                await worker.turn()
                await worker.settled()
                found.clock.now += HOURS
        lane = await only_lane(found)
        assert (lane.state.mode, lane.state.failures, lane.waiting) == ("open", 3, 1)
        assert lane.answer is not None
        assert lane.answer.excerpt == "no connection: the name of the host is not known"
        assert len(names.asked) >= 3

    run(scenario())


def test_a_name_that_moves_is_asked_for_anew() -> None:
    async def scenario() -> None:
        closing = OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        names = Names({"moving.example": [["127.0.0.2"], ["127.0.0.3"]]})
        async with sink(sending(closing), hosts=("127.0.0.2",)) as before:
            moved = await asyncio.start_server(before.serve, "127.0.0.3", before.port)
            async with transport(resolver=names, address_kept=0.05) as sender:
                row = claimed(Request("POST", f"http://moving.example:{before.port}/", json={}))
                assert isinstance(await sender.send([row], now=NOW), Response)
                await asyncio.sleep(0.2)
                assert isinstance(await sender.send([row], now=NOW), Response)
            moved.close()
        assert names.asked == ["moving.example"] * 2

    run(scenario())


# Partial batch failure


def by_item(response: Response) -> Verdict:
    """A list of codes, one for each event by its place: 0 taken, 4 bad, 5 later; whoever is not listed is later too."""
    listed: dict[int, int] = {}
    for place, code in response.json():
        listed.setdefault(place, code)
    refused = tuple(place for place, code in listed.items() if code == 4)
    again = [place for place, code in listed.items() if code == 5]
    missing = [place for place in range(response.items) if place not in listed]
    return Verdict("delivered", "in part", refused=refused, again=(*again, *missing))


def test_of_a_batch_each_row_has_its_own_end(engine: Engine) -> None:
    async def scenario() -> None:
        first = [[0, 0], [1, 4], [2, 5], [2, 4], [7, 0], [-1, 4]]

        def reply(request: httpx.Request) -> httpx.Response:
            everything = [[place, 0] for place in range(len(items(request)))]
            return httpx.Response(207, json=first if len(found.vendor.requests) == 1 else everything)

        found = bench_over(await engine.open(), reply, judge=by_item)
        await found.store.accept(accepted(*map(planned, range(1, 6))))
        await found.until_idle()
        assert [items(request) for request in found.vendor.requests] == [[1, 2, 3, 4, 5], [3, 4, 5]]
        assert found.vendor.times == [NOW, NOW + FIRST_DELAY_MS]
        assert [int(letter.id, 16) for letter in await dead_letters(found.store)] == [2]
        assert found.worker.counters.value("delivered", "tiktok_events_api") == 4
        assert (await only_lane(found)).state == LaneState()

    run(scenario())


PLACES = st.lists(st.integers(-3, 12), max_size=14).map(tuple)


@given(st.integers(1, 9), PLACES, PLACES)
def test_whatever_places_an_answer_names_each_row_has_one_end(
    number: int, refused: tuple[int, ...], again: tuple[int, ...]
) -> None:
    verdict = Verdict("delivered", refused=refused, again=again)
    decision, lane = decide(verdict, Attempt(NOW, number, 1, LaneState(), lambda: 1.0))
    assert isinstance(decision, Settle)
    assert lane == LaneState()
    assert {*decision.refused} == {*refused} & {*range(number)}
    assert {*decision.again} == ({*again} & {*range(number)}) - {*refused}
    assert len(decision.refused) == len({*decision.refused})
    assert len(decision.again) == len({*decision.again})


CODES = st.lists(st.lists(st.sampled_from([0, 4, 5, None]), min_size=6, max_size=6), min_size=1, max_size=4)
EXAMPLES: dict[EngineName, int] = {"sqlite": 25, "postgres": 10}


@pytest.mark.parametrize("name", ENGINES)
def test_whatever_a_vendor_says_of_each_row_none_is_lost_or_doubled(
    tmp_path_factory: pytest.TempPathFactory, name: EngineName
) -> None:
    @settings(max_examples=EXAMPLES[name], deadline=None)
    @given(codes=CODES)
    def each_has_its_end(codes: list[list[int | None]]) -> None:
        run(scenario(Engine(name, tmp_path_factory.mktemp("deliveries")), codes))

    async def scenario(engine: Engine, codes: list[list[int | None]]) -> None:
        taken: list[int] = []
        bad: list[int] = []

        def reply(request: httpx.Request) -> httpx.Response:
            said = codes[len(found.vendor.requests) - 1] if len(found.vendor.requests) <= len(codes) else [0] * 6
            listed = list(zip(items(request), said, strict=False))
            taken.extend(number for number, code in listed if code == 0)
            bad.extend(number for number, code in listed if code == 4)
            return httpx.Response(207, json=[[at, code] for at, (_, code) in enumerate(listed) if code is not None])

        found = bench_over(await engine.open(), reply, judge=by_item)
        await found.store.accept(accepted(*map(planned, range(1, 7))))
        await found.until_idle()
        assert sorted(taken + bad) == [1, 2, 3, 4, 5, 6]
        assert sorted(int(letter.id, 16) for letter in await dead_letters(found.store)) == sorted(bad)

    each_has_its_end()


# Slow upstream


def test_a_fast_lane_is_as_fast_beside_slow_ones(engine: Engine) -> None:
    async def scenario() -> None:
        gate, done = asyncio.Event(), asyncio.Event()
        fast: list[str] = []

        async def vendor(request: httpx.Request) -> httpx.Response:
            if request.url.host == "vendor.example":
                await gate.wait()
            else:
                fast.append(request.url.path)
                if len(fast) == 50:
                    done.set()
            return httpx.Response(200)

        found = bench_over(await engine.open())
        sender = Transport(httpx.MockTransport(vendor), SECRETS.get)
        worker = Worker(found.store, sender, lambda *_: by_status, surroundings=Surroundings(clock=found.clock))
        slow = [planned(n, item_request(n, account=f"C{n % 70}", test_code="T")) for n in range(1000, 1280)]
        running = asyncio.create_task(worker.run())
        await found.store.accept(accepted(*slow))
        for number in range(1, 51):
            await found.store.accept(accepted(planned(number, single_request(number))))
        await done.wait()
        assert [int(path.rpartition("/")[2]) for path in fast] == [*range(1, 51)]
        gate.set()
        await worker.stop()
        await running
        await sender.close()

    run(scenario())


# Reply that lies


def test_what_a_vendor_says_never_stands_raw_in_the_log(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    said = "\x1b[31mno\r\nERROR forged line\0\u2028 ada@example.com \ud83d\ude00"

    async def scenario() -> None:
        def judge(response: Response) -> Verdict:
            return Verdict("refused", response.body.decode(errors="replace"))

        content = said.encode(errors="replace") + b"\xff\xfe"
        found = bench_over(await engine.open(), lambda request: httpx.Response(400, content=content), judge=judge)
        await found.store.accept(accepted(planned(1)))
        await found.until_idle()

    caplog.set_level(logging.DEBUG)
    run(scenario())
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("container")]
    assert any("delivery.buried" in line for line in lines)
    assert all(line.isprintable() and "ada@" not in line for line in lines)


# Upstream accepts, then we die


def test_what_was_accepted_in_a_crash_goes_again_byte_for_byte(engine: Engine) -> None:
    async def scenario() -> None:
        sent: list[bytes] = []

        async def vendor(request: httpx.Request) -> httpx.Response:
            sent.append(request.content)
            return httpx.Response(200)

        found = bench_over(await engine.open())
        await found.store.accept(accepted(planned(1)))
        claim = await must_claim(found.store)
        sender = Transport(httpx.MockTransport(vendor), SECRETS.get)
        # It is answered, and before that is written down the process is gone.
        assert isinstance(await sender.send(claim.rows, now=NOW), Response)
        await found.close()
        await engine.lapse()
        after = bench_over(await engine.open())
        await after.until_idle()
        assert [request.content for request in after.vendor.requests] == sent

    run(scenario())


# Too old, or tried for too long


@pytest.mark.parametrize(("late", "sent"), [(-1, True), (0, True), (1, False)])
def test_an_event_is_sent_up_to_the_moment_it_is_too_old(engine: Engine, late: int, *, sent: bool) -> None:
    async def scenario() -> None:
        found = bench_over(await engine.open())
        await found.store.accept(accepted(planned(1, event_time=NOW - 2 * HOURS, max_age_hours=3), planned(2)))
        found.clock.now = NOW + HOURS + late
        await found.until_idle()
        assert [items(request) for request in found.vendor.requests] == [[1, 2] if sent else [2]]
        assert [letter.reason for letter in await dead_letters(found.store)] == ([] if sent else ["too_old"])

    run(scenario())


@pytest.mark.parametrize("attempts", [2, 3, 4])
@pytest.mark.parametrize("late", [-1, 0, 1])
def test_a_row_is_given_up_after_its_time_and_three_attempts(engine: Engine, late: int, attempts: int) -> None:
    async def scenario() -> None:
        poison = single_request(1)

        def reply(request: httpx.Request) -> httpx.Response:
            return httpx.Response(500 if request.url.path == "/orders/1" else 200)

        found = bench_over(await engine.open(), reply)
        await found.store.accept(accepted(planned(1, poison)))
        [lane] = await found.store.waiting()
        # So many attempts have been counted before the last one, at which somebody looks at the time.
        for _ in range(attempts - 1):
            claim = await must_claim(found.store)
            await found.store.postpone(claim, claim.rows, until=NOW, counted=True)
        await found.store.mark(lane.number, LaneState())
        found.clock.now = NOW + 48 * HOURS + late
        await found.turn()
        over = late > 0 and attempts >= 3
        assert [letter.reason for letter in await dead_letters(found.store)] == (["gave_up"] if over else [])
        assert (await only_lane(found)).waiting == (0 if over else 1)

    run(scenario())
