"""What several processes are checked for can fail: that hits stay in the order of arrival, and all the rest."""

from __future__ import annotations

from dataclasses import replace
from typing import LiteralString

import psycopg
import pytest

from container.delivery.postgres import open_postgres
from container.delivery.row import acceptance
from tests.chaos.arrivals import arrivals, keep_arrivals, overtaken
from tests.chaos.client import Sent
from tests.chaos.left import miscounted
from tests.chaos.several import Assault, Endured, faults
from tests.chaos.test_checker import WELL
from tests.delivery.engines import emptied
from tests.delivery.harness import NOW, must_claim, outcome, planned, run
from tests.delivery.postgres import KEY, running

ASSAULT = Assault(serves=2, delivers=2, kills=1, databases=1, cuts=0, pauses=0, rate=1.0, seed=0)
ENDURED = Endured(known=WELL)


def sent(name: str, begun: float, at: float, status: int = 204) -> Sent:
    return Sent(name, status, at, 0.0, begun)


ONE_BY_ONE = [sent("a", 0, 10), sent("b", 20, 30), sent("c", 40, 50)]


def test_hits_that_came_one_after_the_other_and_are_so_in_the_database_overtook_nobody() -> None:
    assert overtaken(ONE_BY_ONE, {"a": 1, "b": 2, "c": 3}) == []


@pytest.mark.parametrize(
    ("places", "found"),
    [
        ({"a": 2, "b": 1, "c": 3}, ["b"]),
        ({"a": 3, "b": 1, "c": 2}, ["b", "c"]),
        ({"a": 1, "b": 3, "c": 2}, ["c"]),
        # Also one that is in front of a hit long before it, behind the one just before it.
        ({"a": 2, "b": 3, "c": 1}, ["c"]),
    ],
)
def test_a_hit_in_front_of_one_that_was_acknowledged_before_it_was_sent_has_overtaken_it(
    places: dict[str, int], found: list[str]
) -> None:
    assert overtaken(ONE_BY_ONE, places) == found
    # However they are listed: those that sent them wrote down what was answered, not what was sent.
    assert overtaken(ONE_BY_ONE[::-1], places) == found


def test_hits_that_were_under_way_at_the_same_time_may_come_in_any_order() -> None:
    together = [sent("a", 0, 30), sent("b", 10, 20), sent("c", 30, 40)]
    # "c" was sent in the moment in which "a" was answered.
    assert overtaken(together, {"b": 1, "c": 2, "a": 3}) == []
    assert overtaken(together, {"c": 1, "a": 2, "b": 3}) == ["c"]


def test_a_hit_that_was_answered_late_is_judged_by_when_it_was_sent() -> None:
    hits = [sent("late", 0, 100), sent("a", 20, 30), sent("b", 50, 60)]
    assert overtaken(hits, {"late": 1, "a": 2, "b": 3}) == []


def test_a_hit_that_was_not_acknowledged_may_be_overtaken_and_may_not_overtake() -> None:
    cut_off = sent("b", 20, 30, status=0)
    assert overtaken([ONE_BY_ONE[0], cut_off, ONE_BY_ONE[2]], {"a": 1, "c": 2, "b": 3}) == []
    assert overtaken([ONE_BY_ONE[0], cut_off], {"b": 1, "a": 2}) == ["b"]
    refused = sent("b", 20, 30, status=503)
    assert overtaken([ONE_BY_ONE[0], refused, ONE_BY_ONE[2]], {"a": 1, "c": 2, "b": 3}) == []


def test_a_hit_that_never_came_into_the_database_is_for_others_to_find() -> None:
    assert overtaken(ONE_BY_ONE, {"a": 1, "c": 2}) == []
    assert overtaken(ONE_BY_ONE, {"b": 1, "c": 2}) == []
    assert overtaken(ONE_BY_ONE, {}) == []


def test_the_order_in_the_database_is_that_of_the_first_delivery_of_each_hit_also_when_it_is_delivered() -> None:
    # The trigger would stay.
    url = running().database()
    keep_arrivals(url)

    async def fill() -> None:
        store = await open_postgres(url, key=KEY)
        for numbers in ((3,), (1,), (2,), (1,)):
            await store.accept(acceptance(outcome(*map(planned, numbers)), now=NOW, linger=0))
        claimed = await must_claim(store, most_items=1)
        await store.settle(claimed, claimed.rows)
        await store.close()

    run(fill())
    found = arrivals(url, KEY)
    assert sorted(found, key=lambda name: found[name]) == ["3", "1", "2"]
    hits = [sent("3", 0, 10), sent("1", 20, 30), sent("2", 40, 50)]
    assert overtaken(hits, found) == []
    assert overtaken([replace(hits[0], begun=60, at=70), *hits[1:]], found) == ["3"]


def test_several_processes_with_which_all_went_well_have_no_faults() -> None:
    assert faults(ASSAULT, ENDURED) == []
    assert faults(replace(ASSAULT, spool=True), ENDURED) == []


def test_a_violation_of_an_invariant_is_a_fault_of_several_processes_too() -> None:
    lost = replace(WELL, lines=WELL.lines[1:])
    assert [each.partition(":")[0] for each in faults(ASSAULT, replace(ENDURED, known=lost))] == ["I1"]


def test_hits_that_are_refused_are_a_fault_where_there_is_a_spool() -> None:
    endured = replace(ENDURED, refused=2)
    assert faults(ASSAULT, endured) == []
    assert faults(replace(ASSAULT, spool=True), endured) == ["2 hits were refused although there is a spool"]


def test_lanes_that_are_counted_wrongly_are_a_fault() -> None:
    [found] = faults(ASSAULT, replace(ENDURED, miscounted=["hook", "pixel"]))
    assert found == "the lanes are counted wrongly: hook, pixel"


def test_hits_that_overtook_others_are_a_fault_of_which_the_first_are_named() -> None:
    endured = replace(ENDURED, overtaken=["a", "b", "c", "d"])
    [found] = faults(replace(ASSAULT, spool=True), endured)
    assert found == "4 hits are not in the order of arrival: ['a', 'b', 'c']"


def test_all_faults_are_told_of_at_once() -> None:
    lost = replace(WELL, lines=WELL.lines[1:])
    endured = replace(ENDURED, known=lost, refused=1, miscounted=["hook"], overtaken=["a"])
    assert len(faults(replace(ASSAULT, spool=True), endured)) == 4


@pytest.mark.parametrize("wrong", ["update counts set rows=rows+1", "update counts set bytes=bytes-1"])
def test_a_lane_that_is_counted_wrongly_is_found(wrong: LiteralString) -> None:
    url = emptied()

    async def fill() -> None:
        store = await open_postgres(url, key=KEY)
        await store.accept(acceptance(outcome(planned(1), planned(2)), now=NOW, linger=0))
        await store.close()

    run(fill())
    assert miscounted(url) == []
    with psycopg.connect(url) as connection:
        connection.execute(wrong)
    assert len(miscounted(url)) == 1
