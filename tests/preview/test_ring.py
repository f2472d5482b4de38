"""The ring holds the latest records within its cap, whatever comes."""

from __future__ import annotations

import asyncio
import tracemalloc
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from container.preview.ring import MOST_BYTES, MOST_OF_ONE, OVERHEAD, Ring

HIT = {"hit": {"method": "GET", "path": "/g/collect", "query": "v=2&en=purchase"}, "told": {"events": []}}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text(max_size=200),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=20), inner, max_size=6),
    max_leaves=30,
)
RECORDS = st.dictionaries(st.text(max_size=20), JSON, max_size=6)


def test_numbers_go_up_from_1_and_stand_in_the_record() -> None:
    ring = Ring()
    assert [ring.add(HIT), ring.add(HIT)] == [1, 2]
    assert ring.get(2) == {**HIT, "number": 2}
    assert ring.get(0) is ring.get(3) is None


def test_since_gives_what_came_behind_a_number() -> None:
    ring = Ring()
    for _ in range(4):
        ring.add(HIT)
    assert [number for number, _ in ring.since(2)] == [3, 4]
    assert [record["number"] for _, record in ring.since(0)] == [1, 2, 3, 4]
    assert ring.since(4) == []


def test_an_answer_replaces_its_record_and_is_news() -> None:
    ring = Ring()
    ring.add({"answer": None})
    ring.add({"answer": None})
    before = ring.version
    ring.replace(1, {"answer": 200})
    assert ring.get(1) == {"answer": 200, "number": 1}
    assert ring.changed(before) == [(1, {"answer": 200, "number": 1})]
    assert len(ring) == 2


def test_the_oldest_go_first_and_are_counted() -> None:
    ring = Ring(most_bytes=4 * (OVERHEAD + 100))
    for _ in range(10):
        ring.add({"text": "x" * 70})
    assert ring.dropped == 10 - len(ring)
    assert [number for number, _ in ring.since(0)] == list(range(ring.dropped + 1, 11))
    ring.replace(1, {"text": "late"})
    assert ring.get(1) is None


def test_clearing_forgets_the_records_and_not_the_numbers() -> None:
    ring = Ring()
    ring.add(HIT)
    ring.clear()
    assert (len(ring), ring.bytes, ring.get(1)) == (0, 0, None)
    assert ring.add(HIT) == 2
    ring.replace(1, {"text": "an answer to a record that is gone"})
    assert ring.since(0) == [(2, {**HIT, "number": 2})]


async def _woken(ring: Ring, *happens: str) -> int:
    waiting = [asyncio.ensure_future(ring.wait(ring.version)) for _ in range(3)]
    await asyncio.sleep(0)
    assert not any(each.done() for each in waiting)
    for each in happens:
        ring.clear() if each == "clear" else ring.replace(1, HIT) if each == "replace" else ring.add(HIT)
    found = await asyncio.wait_for(asyncio.gather(*waiting), 30)
    assert len(set(found)) == 1
    assert not ring._waiting
    return found[0]


@pytest.mark.parametrize("happens", ["add", "replace", "clear"])
def test_everybody_who_waits_wakes_when_something_happens(happens: str) -> None:
    ring = Ring()
    ring.add(HIT)
    assert asyncio.run(_woken(ring, happens)) == 2


def test_who_was_away_does_not_wait() -> None:
    ring = Ring()
    ring.add(HIT)
    assert asyncio.run(asyncio.wait_for(ring.wait(0), 30)) == 1


def test_who_stops_waiting_leaves_nothing_behind() -> None:
    async def left() -> list[asyncio.Future[None]]:
        ring = Ring()
        waiting = asyncio.ensure_future(ring.wait(0))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        return ring._waiting

    assert asyncio.run(left()) == []


def test_who_stops_waiting_as_news_come_harms_nobody() -> None:
    async def both() -> int:
        ring = Ring()
        gone, stays = asyncio.ensure_future(ring.wait(0)), asyncio.ensure_future(ring.wait(0))
        await asyncio.sleep(0)
        gone.cancel()
        ring.add(HIT)
        await asyncio.gather(gone, return_exceptions=True)
        return await asyncio.wait_for(stays, 30)

    assert asyncio.run(both()) == 1


@given(st.lists(RECORDS, max_size=60), st.integers(600, 6000))
@settings(max_examples=60, deadline=None)
def test_whatever_comes_the_cap_holds_and_the_latest_is_there(records: list[dict[str, Any]], most: int) -> None:
    ring = Ring(most_bytes=most, most_of_one=most)
    for number, record in enumerate(records, 1):
        assert ring.add(record) == number
        if number % 3 == 0:
            ring.replace(number - 1, {**record, "again": "x" * (number * 20)})
        assert ring.bytes <= most
        assert ring.bytes == sum(len(each.json) + OVERHEAD for each in ring._kept)
        assert ring.get(number) is not None
    assert len(ring) + ring.dropped == len(records)
    assert [number for number, _ in ring.since(0)] == list(range(ring.dropped + 1, len(records) + 1))


@given(RECORDS)
@settings(max_examples=100, deadline=None)
def test_what_fits_comes_back_as_it_was(record: dict[str, Any]) -> None:
    ring = Ring()
    ring.add({**record, "at": 1})
    found = ring.get(1)
    assert found is not None
    assert "cut" in record or "cut" not in found
    assert found.keys() == {*record, "at", "number"}


@pytest.mark.parametrize("size", [10, 3000])
def test_100_000_records_do_not_grow_the_process(size: int) -> None:
    ring = Ring(most_bytes=1024 * 1024)
    record = {**HIT, "body": "x" * size}
    for _ in range(5000):
        ring.add(record)
    tracemalloc.start()
    try:
        for _ in range(100_000):
            ring.add(record)
        now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # All that is kept was made while it was measured: no more than the cap, and one record under way.
    assert now <= 1024 * 1024
    assert peak <= 1024 * 1024 + 20 * (size + 1000)


def test_100_000_hits_stay_within_the_cap_of_a_session() -> None:
    ring = Ring()
    for _ in range(100_000):
        ring.add(HIT)
    assert ring.bytes <= MOST_BYTES
    assert ring.dropped == 100_000 - len(ring)


def _large() -> dict[str, Any]:
    return {
        "at": 1,
        "source": "marked",
        "hit": {"method": "POST", "path": "/g/collect", "body": "b" * 500_000, "headers": [["n", "v"]] * 5000},
        "told": {"events": [{"name": "purchase", "data": {f"k{n}": "v" * 50 for n in range(5000)}}]},
    }


def test_a_record_that_is_too_large_is_cut_and_says_so() -> None:
    ring = Ring()
    ring.add(_large())
    found = ring.get(1)
    assert found is not None
    assert ring.bytes <= MOST_OF_ONE + OVERHEAD
    assert (found["source"], found["hit"]["path"], found["told"]["events"][0]["name"]) == (
        "marked",
        "/g/collect",
        "purchase",
    )
    assert found["hit"]["body"].endswith("b…")
    assert found["cut"][0].startswith("This record had ")
    assert "of 500,000 characters are kept." in " ".join(found["cut"])
    assert "told.events[0].data was cut: " in " ".join(found["cut"])


def test_what_was_left_out_is_said_at_most_20_times_and_the_rest_counted() -> None:
    ring = Ring()
    ring.add({"texts": [{"text": "x" * 20_000} for _ in range(50)]})
    found = ring.get(1)
    assert found is not None
    assert len(found["cut"]) == 22
    assert found["cut"][-1] == "So were 30 more."


def test_even_a_record_of_many_small_things_gets_in() -> None:
    deep: Any = "x"
    for _ in range(7):
        deep = [deep] * 4
    ring = Ring(most_bytes=2000, most_of_one=700)
    ring.add({"at": 7, "draft": True, "deep": deep, "names": {f"{n}" * 400: 1 for n in range(100)}})
    found = ring.get(1)
    assert found is not None
    assert found["at"] == 7
    assert "Nothing else was small enough to keep." in found["cut"]


def test_nesting_without_end_is_cut() -> None:
    deep: Any = "x" * 300_000
    for _ in range(100):
        deep = {"in": deep}
    ring = Ring()
    ring.add({"deep": deep})
    found = ring.get(1)
    assert found is not None
    assert "nested too deep" in found["cut"][1]


@pytest.mark.parametrize("odd", ["\udcff", 2**70, float("nan"), b"bytes", ("a",), {1, 2}])
def test_what_json_cannot_say_breaks_nothing(odd: object) -> None:
    ring = Ring()
    ring.add({"odd": odd})
    assert orjson.dumps(ring.get(1))


def nested(deep: int, wide: int) -> Any:
    return {f"k{number}": nested(deep - 1, wide) for number in range(wide)} if deep else "x" * 60


@pytest.mark.parametrize("told", [[nested(3, 30)] * 3, [nested(4, 24)]])
def test_what_a_record_consists_of_stays_however_much_of_it_is_cut(told: Any) -> None:
    ring = Ring()
    about = {name: name for name in ("at", "source", "mode", "draft", "hit", "reply", "outgoing", "console", "masked")}
    found = ring.get(ring.add({**about, "told": told}))
    assert found is not None
    assert found.keys() == {*about, "told", "number", "cut"}
    assert found["number"] == 1


@pytest.mark.parametrize("body", ["small", "x" * 2 * MOST_OF_ONE])
def test_a_record_that_was_made_to_fit_is_kept_as_it_is(body: str) -> None:
    ring = Ring()
    fitting = ring.fitting({**HIT, "body": body})
    ring.add({**HIT, "body": body})
    assert ring.add(fitting) == 2
    assert ring.get(2) == {**fitting, "number": 2}
    assert len(orjson.dumps(fitting)) <= MOST_OF_ONE
    assert ("cut" in fitting) is (body != "small")
