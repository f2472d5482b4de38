"""How a bad row is searched for in a batch that was refused as a whole, and what becomes of rows that wait for it."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from container.delivery.store import Claimed, ClaimedRow, Part
from container.delivery.suspects import HELD_MS, MOST_SEARCHES, Regroup, Suspects
from container.effects import Response, Verdict, by_status
from tests.delivery.harness import NOW, accepted, bench, items, planned, run

FIRST = NOW - 1000


def claimed(*numbers: int) -> Claimed:
    """A claim of which nothing but the numbers of its rows is asked."""
    rows = [
        ClaimedRow(number, str(number), None, None, "", "", 0, 1, 0, 0, FIRST, 0)  # type: ignore[arg-type]
        for number in numbers
    ]
    return Claimed(b"token", 1, tuple(rows))


def answered(suspects: Suspects, *numbers: int, taken: bool) -> Regroup | None:
    return suspects.answered(claimed(*numbers), taken=taken, due=FIRST)


def test_a_first_half_that_is_taken_has_the_second_halved_unsent() -> None:
    suspects = Suspects()
    until = suspects.refused(claimed(*range(1, 8)), now=NOW)
    assert until == NOW + HELD_MS
    assert answered(suspects, 1, 2, 3, 4, taken=True) == Regroup(until, [Part((5, 6), FIRST), Part((7,), until)])
    assert answered(suspects, 5, 6, taken=True) == Regroup(until, [Part((7,), FIRST)])
    assert answered(suspects, 7, taken=False) is None


def test_when_the_bad_row_is_found_all_of_which_nothing_is_known_goes_together() -> None:
    suspects = Suspects()
    until = suspects.refused(claimed(*range(1, 8)), now=NOW)
    assert suspects.refused(claimed(1, 2, 3, 4), now=NOW + 1) == until
    assert suspects.refused(claimed(1, 2), now=NOW + 2) == until
    assert answered(suspects, 1, taken=False) == Regroup(until, [Part((2, 3, 4, 5, 6, 7), FIRST)])
    assert answered(suspects, 2, 3, 4, 5, 6, 7, taken=True) is None


def test_a_last_suspect_that_is_taken_after_all_ends_the_search() -> None:
    suspects = Suspects()
    until = suspects.refused(claimed(*range(1, 5)), now=NOW)
    suspects.refused(claimed(1, 2), now=NOW)
    assert answered(suspects, 1, taken=True) == Regroup(until, [Part((2,), FIRST)])
    assert answered(suspects, 2, taken=True) == Regroup(until, [Part((3, 4), FIRST)])


def test_of_rows_that_are_not_all_of_the_half_nothing_is_concluded() -> None:
    suspects = Suspects()
    until = suspects.refused(claimed(*range(1, 8)), now=NOW)
    assert answered(suspects, 1, 2, 4, taken=True) == Regroup(until, [Part((5, 6, 7), FIRST)])
    until = suspects.refused(claimed(*range(1, 8)), now=NOW)
    assert suspects.refused(claimed(1, 2, 4), now=NOW + 5) == until
    assert answered(suspects, 1, 2, taken=False) == Regroup(until, [Part((3, 4, 5, 6, 7), FIRST)])


def test_a_search_that_takes_too_long_begins_anew() -> None:
    suspects = Suspects()
    until = suspects.refused(claimed(*range(1, 8)), now=NOW)
    assert suspects.refused(claimed(1, 2, 3, 4), now=until) == until + HELD_MS


def test_an_answer_that_belongs_to_no_search_changes_nothing() -> None:
    suspects = Suspects()
    assert answered(suspects, 1, 2, taken=True) is None
    suspects.refused(claimed(*range(1, 8)), now=NOW)
    assert answered(suspects, 8, 9, taken=True) is None


def test_searches_that_nobody_ends_make_room_for_others() -> None:
    suspects = Suspects()
    for number in range(MOST_SEARCHES):
        suspects.refused(claimed(10 * number, 10 * number + 1), now=NOW)
    suspects.refused(claimed(-2, -1), now=NOW + HELD_MS - 1)
    assert answered(suspects, -2, taken=True) is None
    suspects.refused(claimed(-2, -1), now=NOW + HELD_MS)
    assert answered(suspects, -2, taken=True) is not None


@given(st.sets(st.integers(1, 64), max_size=6), st.integers(1, 64))
def test_every_row_comes_to_its_end_whichever_are_bad(bad: set[int], size: int) -> None:
    """Without a store: what is due goes in the order of its first row."""
    suspects = Suspects()
    due: list[tuple[int, ...]] = [tuple(range(1, size + 1))]
    held: set[int] = set()
    ended: list[int] = []
    while due:
        sent = due.pop(0)
        waits = None
        if len(sent) > 1 and bad & {*sent}:
            suspects.refused(claimed(*sent), now=NOW)
            middle = (len(sent) + 1) // 2
            due.insert(0, sent[:middle])
            held |= {*sent[middle:]}
        else:
            ended += sent
            waits = answered(suspects, *sent, taken=not bad & {*sent})
        for part in waits.parts if waits else ():
            assert {*part.numbers} <= held
            if part.due == FIRST:
                held -= {*part.numbers}
                due.insert(0, part.numbers)
    assert sorted(ended) == [*range(1, size + 1)]
    assert not held


@pytest.mark.parametrize("seed", range(6))
def test_three_bad_rows_among_a_thousand_are_found_in_forty_requests(tmp_path: Path, seed: int) -> None:
    bad = set(random.Random(seed).sample(range(1, 1001), 3))

    async def scenario() -> None:
        found = bench(tmp_path, lambda request: httpx.Response(400 if bad & {*items(request)} else 200))
        await found.store.accept(accepted(*map(planned, range(1, 1001))))
        await found.until_idle()
        good = Counter(n for request in found.vendor.requests if not bad & {*items(request)} for n in items(request))
        assert good == Counter({*range(1, 1001)} - bad)
        assert len(found.vendor.requests) <= 40
        assert found.clock.now == NOW

    run(scenario())


def test_a_failure_in_the_middle_of_a_search_makes_nobody_wait_for_its_end(tmp_path: Path) -> None:
    async def scenario() -> None:
        def reply(request: httpx.Request) -> httpx.Response:
            if len(found.vendor.requests) == 2:
                return httpx.Response(503)
            return httpx.Response(400 if 1 in items(request) else 200)

        found = bench(tmp_path, reply)
        await found.store.accept(accepted(*map(planned, range(1, 9))))
        await found.until_idle()
        # The half that failed goes again when the lane does; the other one was not held back until then.
        assert [items(request) for request in found.vendor.requests][:3] == [[*range(1, 9)], [1, 2, 3, 4], [5, 6, 7, 8]]
        assert found.clock.now < NOW + HELD_MS
        [lane] = await found.store.lanes()
        assert (lane.waiting, lane.dead) == (0, 1)

    run(scenario())


def test_a_process_that_forgets_its_search_sends_both_halves_within_a_minute(tmp_path: Path) -> None:
    async def scenario() -> None:
        found = bench(tmp_path, lambda request: httpx.Response(400 if 8 in items(request) else 200))
        await found.store.accept(accepted(*map(planned, range(1, 9))))
        await found.turn()
        found.worker._handling.suspects._searches.clear()
        await found.until_idle()
        assert [items(request) for request in found.vendor.requests][:3] == [[*range(1, 9)], [1, 2, 3, 4], [5, 6, 7, 8]]
        [lane] = await found.store.lanes()
        assert (lane.waiting, lane.dead, found.clock.now) == (0, 1, NOW + HELD_MS)

    run(scenario())


def judge(response: Response) -> Verdict:
    return Verdict("refused", too_large=True) if response.items > 2 else by_status(response)


def test_of_a_batch_that_is_too_large_no_half_waits(tmp_path: Path) -> None:
    async def scenario() -> None:
        found = bench(tmp_path, judge=judge)
        await found.store.accept(accepted(*map(planned, range(1, 5))))
        await found.until_idle()
        assert [items(request) for request in found.vendor.requests] == [[1, 2, 3, 4], [1, 2], [3, 4]]
        assert found.clock.now == NOW

    run(scenario())


def test_where_many_are_refused_no_half_waits(tmp_path: Path) -> None:
    async def scenario() -> None:
        found = bench(tmp_path, lambda request: httpx.Response(400))
        for number in (101, 102, 103):
            await found.store.accept(accepted(planned(number)))
            await found.until_idle()
        await found.store.accept(accepted(planned(1), planned(2)))
        await found.turn()
        [lane] = await found.store.waiting()
        claims = [await found.store.claim(lane.number, now=NOW, most_items=9, ahead=0) for _ in range(2)]
        assert [len(each.rows) for each in claims if each] == [1, 1]

    run(scenario())


def test_of_a_probe_that_went_with_fewer_rows_none_is_forgotten() -> None:
    suspects = Suspects()
    until = suspects.refused(claimed(*range(1, 101)), now=NOW)
    assert suspects.refused(claimed(*range(1, 11)), now=NOW + 10) == until
    found = [answered(suspects, *range(1, 6), taken=False)]
    while not found[-1] or not set(range(11, 101)) <= {n for part in found[-1].parts for n in part.numbers}:
        assert found[-1] is not None
        found.append(answered(suspects, *found[-1].parts[0].numbers, taken=True))
    assert len(found) <= 4
