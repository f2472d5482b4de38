"""The checker finds what it is there to find: each invariant can fail, and holds where nothing went wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from container.delivery.row import acceptance
from container.delivery.sqlite import open_store
from container.effects import Reply, Request
from container.engine.outcome import Failure, Outcome
from tests.chaos import checker
from tests.chaos.checker import Known, copies_by_kill, requests_by_kill, violations
from tests.chaos.ledger import Line
from tests.chaos.left import Left, Letter, left_in, rows_left
from tests.delivery.harness import HIT, NOW, must_claim, outcome, planned, run

NOTHING_LEFT = Left(frozenset(), (), 0)
LANES = {"pixel": 3, "hook": 1}


def line(lane: str, *ids: str, at: float = 1000, taken: Sequence[int] | None = None, **more: object) -> Line:
    events = [(name, f"hash of {name}") for name in ids]
    found = Line(at, lane, len(ids), [lane], events, "ok", tuple(range(len(ids))) if taken is None else taken)
    return replace(found, **more)  # type: ignore[arg-type]  # fields of a line


WELL = Known(
    acknowledged={"a", "b"},
    sent={"a", "b", "c"},
    lines=[line("pixel", "a", "b"), line("hook", "a"), line("hook", "b"), line("hook", "c")],
    left=NOTHING_LEFT,
    lanes=LANES,
)


def found(known: Known) -> set[str]:
    return {each.partition(":")[0] for each in violations(known)}


def test_a_run_in_which_all_went_well_has_no_violations() -> None:
    assert violations(WELL) == []


def test_there_are_eight_invariants() -> None:
    assert [each.__doc__.partition(":")[0] for each in checker.INVARIANTS if each.__doc__] == [
        *("I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8")
    ]


def test_what_was_acknowledged_and_is_in_one_lane_only_is_lost_in_the_other() -> None:
    known = replace(WELL, lines=[line("pixel", "a", "b"), line("hook", "a")])
    assert violations(known) == ["I1: acknowledged, and nowhere: ('hook', 'b')"]


def test_what_a_vendor_got_and_did_not_take_is_not_delivered() -> None:
    lines = [line("pixel", "a", "b", taken=[0]), line("hook", "a"), line("hook", "b")]
    assert violations(replace(WELL, lines=lines)) == ["I1: acknowledged, and nowhere: ('pixel', 'b')"]


def test_what_waits_or_is_dead_is_kept() -> None:
    left = Left(frozenset({("hook", "a")}), (Letter("hook", "b", "refused"),), 0)
    known = replace(WELL, lines=[line("pixel", "a", "b")], left=left, drained=False)
    assert violations(known) == []


def test_other_bytes_under_the_same_id_are_found_even_where_they_were_not_taken() -> None:
    first = line("hook", "a", taken=[], at=900)
    known = replace(WELL, lines=[replace(first, events=[("a", "other bytes")]), *WELL.lines])
    assert found(known) == {"I2"}


def test_a_lane_to_which_an_event_does_not_lead_need_not_have_it() -> None:
    known = replace(WELL, lines=[line("pixel", "a", "b"), line("hook", "a")], leads_to=lambda lane, _: lane == "pixel")
    assert violations(known) == []


def test_the_same_id_in_two_lanes_may_have_different_bytes() -> None:
    lines = [line("pixel", "a", "b"), replace(line("hook", "a"), events=[("a", "of its own")]), line("hook", "b")]
    assert violations(replace(WELL, lines=lines)) == []


def test_a_duplicate_that_nothing_explains_is_found() -> None:
    assert violations(replace(WELL, lines=[*WELL.lines, line("hook", "a", at=2000)])) == [
        "I3: taken again, and nothing explains it: ('hook', 'a')"
    ]


@pytest.mark.parametrize("at", [500, 3000])
def test_a_duplicate_without_a_kill_between_its_copies_is_found_however_many_kills_there_are(at: float) -> None:
    lines = [*WELL.lines, line("hook", "a", at=2000)]
    assert found(replace(WELL, lines=lines, kills=[at + number for number in range(200)])) == {"I3"}


def test_an_answer_that_got_lost_explains_no_copy_of_another_request() -> None:
    lines = [*WELL.lines, line("hook", "b", at=900, unheard=True), line("hook", "a", at=2000)]
    assert violations(replace(WELL, lines=lines)) == ["I3: taken again, and nothing explains it: ('hook', 'a')"]


@pytest.mark.parametrize("late", [0, 30])
def test_a_kill_explains_what_was_under_way_in_each_lane(late: float) -> None:
    again = [line("pixel", "a", "b", at=2000), line("hook", "a", at=2000)]
    assert violations(replace(WELL, lines=[*WELL.lines, *again], kills=[1010 - late])) == []


@pytest.mark.parametrize("more", [0, 1])
@pytest.mark.parametrize(("lane", "most"), [("pixel", checker.MOST_IN_FLIGHT), ("hook", checker.MOST_ALONE)])
def test_a_kill_explains_no_more_requests_than_were_under_way(lane: str, most: int, more: int) -> None:
    names = [f"n{number}" for number in range(most + more)]
    lines = [line(lane, name, at=at + place) for at in (1000, 2000) for place, name in enumerate(names)]
    known = replace(WELL, sent={*WELL.sent, *names}, lines=[*WELL.lines, *lines], kills=[1500])
    assert found(known) == ({"I3"} if more else set())


def test_an_answer_that_got_lost_explains_one_request() -> None:
    known = replace(WELL, lines=[*WELL.lines, line("hook", "a", at=900, unheard=True)])
    assert violations(known) == []


def test_a_request_larger_than_its_lane_allows_is_found() -> None:
    lines = [*WELL.lines[1:], line("pixel", "a", "b", "c", "d")]
    assert found(replace(WELL, sent={*WELL.sent, "d"}, lines=lines)) == {"I4"}


def test_a_request_that_mixes_lanes_is_found() -> None:
    mixed = replace(WELL.lines[0], of=["other", "pixel"])
    assert found(replace(WELL, lines=[mixed, *WELL.lines[1:]])) == {"I4"}


def test_a_request_before_the_vendors_time_is_over_is_found() -> None:
    asked = line("hook", "a", at=10_000, taken=[], wait=5.0)
    early, late = line("hook", "a", at=14_000), line("hook", "a", at=15_010)
    rest = [line("pixel", "a", "b"), line("hook", "b", at=2000)]
    assert found(replace(WELL, lines=[*rest, asked, early])) == {"I4"}
    assert violations(replace(WELL, lines=[*rest, asked, late])) == []


def test_a_request_that_was_under_way_or_of_another_lane_is_not_too_early() -> None:
    asked = line("hook", "a", at=10_000, taken=[], wait=5.0)
    others = [line("hook", "b", at=10_100), line("pixel", "a", "b", at=12_000), line("hook", "a", at=15_010)]
    assert violations(replace(WELL, lines=[asked, *others])) == []


def test_a_delivery_that_nobody_asked_for_is_found() -> None:
    assert found(replace(WELL, lines=[*WELL.lines, line("hook", "z")])) == {"I5"}


@pytest.mark.parametrize("reason", ["", "somehow"])
def test_a_letter_without_a_known_reason_is_found(reason: str) -> None:
    left = replace(NOTHING_LEFT, dead=(Letter("hook", "c", reason),))
    assert found(replace(WELL, left=left)) == {"I6"}


@pytest.mark.parametrize(
    "left", [Left(frozenset({("hook", "c")}), (), 0), Left(frozenset(), (), checker.MOST_LOG_BYTES + 1)]
)
def test_a_store_that_is_not_tidy_is_found_once_all_should_be_delivered(left: Left) -> None:
    assert found(replace(WELL, left=left)) == {"I7"}
    assert violations(replace(WELL, left=left, drained=False)) == []


@pytest.mark.parametrize("workers", [1, 2])
def test_what_two_workers_send_at_once_is_found(workers: int) -> None:
    lines = [*WELL.lines, line("hook", "a", at=1100, beside=["a"])]
    # A kill explains the copy, and not that both were under way.
    known = replace(WELL, lines=lines, kills=[1050], workers=workers)
    assert violations(known) == (["I8: sent by two at once: ('hook', 'a')"] if workers > 1 else [])


def test_each_process_that_delivers_may_have_as_many_requests_under_way() -> None:
    names = [f"n{number}" for number in range(2 * checker.MOST_IN_FLIGHT)]
    lines = [line("pixel", name, at=at + place) for at in (1000, 2000) for place, name in enumerate(names)]
    known = replace(WELL, sent={*WELL.sent, *names}, lines=[*WELL.lines, *lines], kills=[1500])
    assert found(known) == {"I3"}
    assert violations(replace(known, workers=2)) == []


def test_many_violations_are_told_in_one_line() -> None:
    known = replace(WELL, acknowledged={f"{number}" for number in range(9)})
    [told] = [each for each in violations(known) if each.startswith("I1")]
    assert told.endswith(" and 15 more")


def test_duplicates_are_counted_by_the_kill_between_their_copies() -> None:
    lines = [line("hook", "a", at=at) for at in (1000, 3000, 3100, 5000)] + [
        line("pixel", "a", at=1500),
        line("pixel", "a", at=4500),
    ]
    known = replace(WELL, lines=lines, kills=[2000, 4000])
    assert copies_by_kill(known) == {0: {"hook": 1}, 1: {"hook": 1, "pixel": 1}, 2: {"hook": 1}}


def test_requests_that_came_twice_are_counted_by_kill_and_lane() -> None:
    lines = [line("pixel", "a", "b", at=10), line("pixel", "c", at=12), line("hook", "a", at=13)]
    lines += [line("pixel", name, at=30) for name in "abc"]
    known = replace(WELL, lines=lines, kills=[20])
    assert requests_by_kill(known) == {(1, "pixel"): 2}


def test_what_is_left_in_a_store_is_read_with_its_own_keys(tmp_path: Path) -> None:
    hit = replace(HIT, query="en=purchase&ep.event_id=from-the-hit")
    failed = Outcome(hit, "GA4", Reply(), failures=[Failure("TikTok - events", "tiktok_events_api", 0, "purchase", "")])

    async def fill() -> None:
        store = open_store(tmp_path, now=NOW)
        await store.accept(acceptance(outcome(planned(1), planned(2)), now=NOW, linger=0))
        await store.accept(acceptance(failed, now=NOW))
        claimed = await must_claim(store, most_items=1)
        await store.bury(claimed, claimed.rows, "refused", note="", now=NOW)
        await store.close()

    run(fill())
    left = left_in(tmp_path, {8443: "pixel"})
    assert {event for _, event in left.waiting} == {"2"}
    assert {(letter.event_id, letter.reason) for letter in left.dead} == {
        ("1", "refused"),
        ("from-the-hit", "tag_failed"),
    }
    assert left.log_bytes == 0
    assert rows_left(tmp_path) == 1


def test_lanes_are_called_by_the_port_that_they_send_to(tmp_path: Path) -> None:
    request = Request("POST", "http://127.0.0.1:8443/orders", json={"event_id": "x"})

    async def fill() -> None:
        store = open_store(tmp_path, now=NOW)
        await store.accept(acceptance(outcome(planned(1, request)), now=NOW))
        await store.close()

    run(fill())
    assert left_in(tmp_path, {8443: "hook"}).waiting == {("hook", "x")}
