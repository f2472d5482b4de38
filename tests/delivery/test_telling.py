"""What an operator hears of deliveries: once per lane and change, counted by tag and lane."""

from __future__ import annotations

import logging
from pathlib import Path

import httpx
import pytest

from container.delivery.counters import MOST_LANES, OTHER, Counters
from container.delivery.lane import Lane
from container.delivery.policy import FAILURES_TOLD
from container.delivery.row import acceptance
from container.delivery.store import LaneState
from container.delivery.told import AGAIN_MS, QUIET_MS
from container.effects import Request, Verdict
from tests.delivery.harness import NOW, accepted, bench, dead_letters, item_request, outcome, planned, run

LANE = "tiktok_events_api https://vendor.example/v1/events C1"
HOURS = 3_600_000


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [f"{record.levelname} {record.getMessage()}" for record in caplog.records if record.levelno > logging.INFO]


def test_a_lane_that_fails_is_told_of_once_and_when_it_works_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        left = [503] * 5
        found = bench(tmp_path, lambda request: httpx.Response(left.pop(0) if left else 200), random=lambda: 0.1)
        await found.store.accept(accepted(planned(1)))
        await found.until_idle()
        assert len(found.vendor.requests) == 6

    run(scenario())
    prefix = f'tag="TikTok - events" lane="{LANE}"'
    assert [line.partition(" in=")[0] for line in said(caplog)] == [
        f"WARNING delivery.postponed {prefix} rows=1 attempt=1",
        f"WARNING delivery.lane_open {prefix} was=failing",
    ]


def test_a_lane_that_failed_before_a_restart_is_told_of_when_it_works(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        found = bench(tmp_path, lambda request: httpx.Response(200))
        await found.store.accept(accepted(planned(1)))
        [lane] = await found.store.lanes()
        await found.store.mark(lane.number, LaneState("open", 0, 3))
        await found.until_idle()

    run(scenario())
    assert said(caplog) == [f'WARNING delivery.lane_open tag="TikTok - events" lane="{LANE}" was=failing']


def test_a_wrong_address_is_not_called_a_refused_key(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        wrong = Verdict("credential", "status 404", about="address")
        found = bench(tmp_path, judge=lambda response: wrong)
        await found.store.accept(accepted(planned(1)))
        await found.turn()
        [lane] = await found.store.lanes()
        assert lane.answer is not None
        assert (lane.state.mode, lane.answer.verdict) == ("address", "address")

    run(scenario())
    assert "mode=address" in said(caplog)[0]


def test_a_lane_that_holds_still_for_hours_is_told_of_now_and_then(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        found = bench(tmp_path, lambda request: httpx.Response(401))
        await found.store.accept(accepted(planned(1)))
        for _ in range(7):
            await found.turn()
            found.clock.now += AGAIN_MS // 3

    run(scenario())
    held = f'ERROR delivery.lane_held tag="TikTok - events" lane="{LANE}" mode=credential reason="status 401"'
    assert said(caplog) == [held] * 3


def test_another_reason_is_news_at_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        left = [401, 500, 200]
        found = bench(tmp_path, lambda request: httpx.Response(left.pop(0)))
        await found.store.accept(accepted(planned(1)))
        await found.until_idle()

    run(scenario())
    assert [line.split()[1] for line in said(caplog)] == [
        "delivery.lane_held",
        "delivery.lane_held",
        "delivery.lane_open",
    ]


def test_dead_letters_of_one_reason_are_told_of_together_and_counted_one_by_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> Counters:
        found = bench(tmp_path, lambda request: httpx.Response(400))
        for number in range(1, 6):
            await found.store.accept(accepted(planned(number), now=found.clock.now))
            await found.until_idle()
        found.clock.now += AGAIN_MS
        await found.store.accept(accepted(planned(6), now=found.clock.now))
        await found.until_idle()
        return found.worker.counters

    counters = run(scenario())
    start = f'ERROR delivery.buried tag="TikTok - events" lane="{LANE}"'
    assert [line.partition(" since=")[0] for line in said(caplog)] == [
        f'{start} rows=1 reason=refused note="status 400"',
        # A quarter of an hour later, and when the worker stops.
        f'{start} rows=4 reason=refused note="status 400"',
        f'{start} rows=1 reason=refused note="status 400"',
    ]
    assert counters.dead == {("TikTok - events", LANE, "refused"): 6}
    assert counters.verdicts == {("TikTok - events", LANE, "refused"): 6}


def test_what_was_counted_since_is_told_of_when_the_worker_stops(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        found = bench(tmp_path, lambda request: httpx.Response(400))
        for number in range(1, 6):
            await found.store.accept(accepted(planned(number), now=found.clock.now))
            await found.until_idle()
        await found.worker.stop(0)

    run(scenario())
    start = f'ERROR delivery.buried tag="TikTok - events" lane="{LANE}"'
    assert [line.partition(" since=")[0] for line in said(caplog)] == [
        f'{start} rows={rows} reason=refused note="status 400"' for rows in (1, 4)
    ]


def test_what_was_counted_since_is_told_of_when_the_lane_delivers_after_a_minute(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        left = [400, 400, 200, 200, 400]
        found = bench(tmp_path, lambda request: httpx.Response(left.pop(0)))
        for number in range(1, 6):
            if number == 4:
                found.clock.now += QUIET_MS
            await found.store.accept(accepted(planned(number), now=found.clock.now))
            await found.until_idle()

    run(scenario())
    start = f'ERROR delivery.buried tag="TikTok - events" lane="{LANE}"'
    # The second with the fourth delivery, the fifth for itself.
    assert [line.partition(" since=")[0] for line in said(caplog)] == [
        f'{start} rows=1 reason=refused note="status 400"'
    ] * 3


def test_what_was_counted_since_is_told_of_by_the_upkeep(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        found = bench(tmp_path, lambda request: httpx.Response(400))
        for number in range(1, 4):
            await found.store.accept(accepted(planned(number), now=found.clock.now))
            await found.until_idle()
        found.clock.now += AGAIN_MS
        for _ in range(2):
            await found.turn()

    run(scenario())
    assert [line.split(" rows=")[1][:1] for line in said(caplog)] == ["1", "2"]
    # The two died when the first did, and not when they are told of.
    assert len({line.partition(" since=")[2] for line in said(caplog)}) == 1


def test_what_died_unread_is_told_of_and_counted_by_lane(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> Counters:
        found = bench(tmp_path)
        for number in (1, 2):
            old = planned(number, event_time=NOW - 3 * HOURS, max_age_hours=2)
            await found.store.accept(accepted(old))
            await found.turn()
        return found.worker.counters

    counters = run(scenario())
    # The first at once, the second when the worker stops.
    assert [line.partition(" since=")[0] for line in said(caplog)] == [
        f'ERROR delivery.buried lane="{LANE}" rows=1 reason=too_old'
    ] * 2
    assert counters.dead == {("", LANE, "too_old"): 2}


def test_deliveries_are_counted_by_tag_lane_and_verdict(tmp_path: Path) -> None:
    async def scenario() -> Counters:
        left = [503]
        found = bench(tmp_path, lambda request: httpx.Response(left.pop() if left else 200))
        other = planned(3, item_request(3, account="C2"), tag="Other")
        await found.store.accept(accepted(planned(1), planned(2, tag="Second"), other))
        await found.until_idle()
        return found.worker.counters

    counters = run(scenario())
    other_lane = LANE.replace("C1", "C2")
    assert counters.verdicts == {
        ("TikTok - events", LANE, "retry"): 1,
        ("Second", LANE, "retry"): 1,
        ("TikTok - events", LANE, "delivered"): 1,
        ("Second", LANE, "delivered"): 1,
        ("Other", other_lane, "delivered"): 1,
    }


def test_a_batch_in_which_one_is_refused_is_counted_as_what_it_was(tmp_path: Path) -> None:
    async def scenario() -> Counters:
        found = bench(tmp_path, lambda request: httpx.Response(413 if b'"1"' in request.content else 200))
        await found.store.accept(accepted(planned(1), planned(2)))
        await found.until_idle()
        return found.worker.counters

    assert {verdict: number for (_, _, verdict), number in run(scenario()).verdicts.items()} == {
        "bisected": 2,
        "refused": 1,
        "delivered": 1,
    }


def test_lanes_beyond_the_most_are_counted_together() -> None:
    counters = Counters()
    for number in range(MOST_LANES + 5):
        counters.judged(f"lane {number}", {"Tag": 1}, "delivered")
        counters.buried(f"lane {number}", {"Tag": 1}, "refused")
    assert len(counters.verdicts) == len(counters.dead) == MOST_LANES + 1
    assert counters.verdicts["Tag", OTHER, "delivered"] == 5


def test_the_name_of_a_lane_tells_accounts_and_tests_apart() -> None:
    lanes = [
        Lane("t", "https://v.example/e", account, test_code=code) for account in ("C1", "C2") for code in ("", "X")
    ]
    assert len({str(lane) for lane in lanes}) == 4


def test_dead_letters_can_be_asked_for_by_lane(tmp_path: Path) -> None:
    async def scenario() -> list[list[str]]:
        found = bench(tmp_path, lambda request: httpx.Response(400))
        first, second = planned(1), planned(2, item_request(2, account="C2"), tag="Other")
        await found.store.accept(accepted(first, second, planned(3)))
        await found.until_idle()
        lanes = await found.store.lanes()
        return [[letter.tag for letter in await dead_letters(found.store, lane=lane.number, most=5)] for lane in lanes]

    assert run(scenario()) == [["TikTok - events", "TikTok - events"], ["Other"]]


def test_a_store_that_fails_is_told_of_once_while_the_worker_goes_on_asking(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> tuple[list[str], str]:
        found = bench(tmp_path)
        troubles = []
        await found.store.close()
        for _ in range(3):
            await found.turn()
            troubles.append(found.worker.trouble)
        found.worker._handling.store_worked()
        return troubles, found.worker.trouble

    troubles, afterwards = run(scenario())
    assert (troubles, afterwards) == (["the store is closed"] * 3, "")
    assert said(caplog) == [
        'ERROR delivery.store_failed reason="the store is closed"',
        "WARNING delivery.store_works",
    ]


@pytest.mark.parametrize(
    ("request_", "note"),
    [
        (Request("POST", "ftp://vendor.example/", json={}), "the address is none of http or https, or has no host"),
        (Request("POST", "https:///v1", json={}), "the address is none of http or https, or has no host"),
        (Request("POST", "/v1", json={}), "the address does not begin with a scheme and a host"),
        (Request("POST", "https://v.example:99999/", json={}), "the host or the port of the address is none"),
        (Request("POST", "https://v.example/", json={"a": "\ud800"}), "it holds what JSON cannot say"),
        (Request("POST", "https://v.example/", body="\ud800"), "it holds text that is no Unicode"),
        (Request("PO ST", "https://v.example/", json={}), "the method is none"),
        (Request("POST", "https://v.example/", headers={"a b": "c"}, json={}), "a header name holds"),
    ],
)
def test_a_request_that_cannot_be_sent_says_why_and_quotes_nothing(request_: Request, note: str) -> None:
    [letter] = acceptance(outcome(planned(1, request_)), now=NOW).letters
    assert (letter.reason, letter.tag) == ("unsendable", "TikTok - events")
    assert letter.note.startswith(note)


@pytest.mark.parametrize(("account", "shown"), [("C2", "C2"), ("\ud800", "?"), (7, "")])
def test_a_request_that_cannot_be_sent_names_its_account(account: object, shown: str) -> None:
    request = Request("POST", "ftp://v.example/", json={}, account=account)  # type: ignore[arg-type]  # a plug-in's mistake
    [letter] = acceptance(outcome(planned(1, request)), now=NOW).letters
    assert letter.lane == Lane("tiktok_events_api", account=shown)
    assert letter.lane.key


def test_a_lane_that_goes_on_failing_becomes_somebodys_business_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        found = bench(tmp_path, lambda request: httpx.Response(503))
        await found.store.accept(accepted(planned(1)))
        while len(found.vendor.requests) < FAILURES_TOLD + 3:
            found.clock.now = max(found.clock.now, await found.turn())

    run(scenario())
    failing = f'ERROR delivery.lane_failing tag="TikTok - events" lane="{LANE}" failures=20 reason="status 503"'
    assert [line for line in said(caplog) if "lane_failing" in line] == [failing]


def test_what_a_vendor_remarks_is_told_once_however_often_it_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        found = bench(tmp_path, judge=lambda answer: Verdict("delivered", f"item {next(numbers)} has no id"))
        for number in range(1, 4):
            await found.store.accept(accepted(planned(number)))
            await found.until_idle()

    numbers = iter(range(3))
    run(scenario())
    assert said(caplog) == [
        f'WARNING delivery.remarked tag="TikTok - events" lane="{LANE}" rows=1 reason="item 0 has no id"',
        # When the worker stops.
        f'WARNING delivery.remarked tag="TikTok - events" lane="{LANE}" rows=2 reason="item 2 has no id"',
    ]


def test_of_a_batch_that_was_taken_in_part_both_parts_are_counted(tmp_path: Path) -> None:
    async def scenario() -> Counters:
        found = bench(tmp_path, judge=lambda answer: Verdict("delivered", "one is bad", refused=(1,)))
        await found.store.accept(accepted(planned(1), planned(2), planned(3)))
        await found.until_idle()
        return found.worker.counters

    counters = run(scenario())
    assert {verdict: number for (_, _, verdict), number in counters.verdicts.items()} == {"delivered": 2, "refused": 1}
    assert counters.dead == {("TikTok - events", LANE, "refused"): 1}
