"""What a store does when it fills up: a lane past its share, hits by importance, and levels after trouble."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from container.delivery.row import priority_of, unpacked
from container.delivery.sqlite import SqliteStore
from container.delivery.store import Limits, Store, StoreFilledError, StoreFullError, StoreUnavailableError
from container.effects import Request
from container.engine.outcome import Guard, Planned
from container.ga4.automatic import AUTOMATIC
from tests.delivery.engines import Engine
from tests.delivery.harness import (
    HOURS,
    LATER,
    NOW,
    accepted,
    dead_letters,
    item_request,
    must_claim,
    planned,
    play_in,
    single_request,
)

TEN = Limits(most_rows=10, lane_share=0.5)
WIDE = Limits(most_rows=10, lane_share=1.0)


def of(event: str, number: int, *, test_code: str = "") -> Planned:
    return planned(number, item_request(number, test_code=test_code), event_name=event)


def test_a_lane_past_its_share_keeps_new_rows_as_letters(engine: Engine) -> None:
    async def scenario(store: Store) -> None:
        found = await store.accept(accepted(*map(planned, range(1, 8))))
        assert found.stored == 5
        assert [(letter.reason, int(letter.id, 16)) for letter in found.overflowed] == [
            ("lane_full", 6),
            ("lane_full", 7),
        ]
        [report] = await store.lanes()
        assert (report.waiting, report.dead) == (5, 2)
        letters = await dead_letters(store)
        assert {(letter.reason, letter.holds, letter.tag) for letter in letters} == {
            ("lane_full", "request", "TikTok - events")
        }
        assert unpacked(found.overflowed[0].body).tag == "TikTok - events"

    engine.play(scenario, limits=TEN)


def test_other_lanes_do_not_notice_a_full_one(engine: Engine) -> None:
    async def scenario(store: Store) -> None:
        await store.accept(accepted(*map(planned, range(1, 6))))
        found = await store.accept(accepted(planned(8), planned(9, single_request(9))))
        assert (found.stored, len(found.overflowed)) == (1, 1)

    engine.play(scenario, limits=TEN)


def test_a_lane_may_have_its_share_of_the_bytes_only(engine: Engine) -> None:
    async def scenario(store: Store) -> None:
        big = [planned(number, item_request(number, pad="x" * 9_000)) for number in (1, 2)]
        found = await store.accept(accepted(*big, planned(3)))
        assert [int(letter.id, 16) for letter in found.overflowed] == [2]
        assert store.fill > 0.4

    engine.play(scenario, limits=Limits(most_bytes=24_000))


def test_a_lane_takes_rows_again_when_some_are_gone(engine: Engine) -> None:
    async def scenario(store: Store) -> None:
        await store.accept(accepted(*map(planned, range(1, 6))))
        claimed = await must_claim(store, most_items=2)
        assert (await store.accept(accepted(planned(6)))).stored == 0
        await store.settle(claimed, claimed.rows[:1])
        await store.bury(claimed, claimed.rows[1:], "refused", note="", now=NOW)
        assert (await store.accept(accepted(*map(planned, range(7, 10))))).stored == 2

    engine.play(scenario, limits=TEN)


def test_a_row_that_overflows_uses_its_guard(engine: Engine) -> None:
    async def scenario(store: Store) -> None:
        await store.accept(accepted(*map(planned, range(1, 6))))
        guard = Guard(b"k", "once_per", LATER, (planned(6).id,))
        assert len((await store.accept(accepted(planned(6), guards=[guard]))).overflowed) == 1
        again = guard._replace(planned=(planned(7).id,))
        found = await store.accept(accepted(planned(7), guards=[again]))
        assert (found.taken, found.overflowed) == (frozenset({again}), ())

    engine.play(scenario, limits=TEN)


@pytest.mark.parametrize(
    ("rows", "request_", "taken"),
    [
        (7, of("purchase", 99, test_code="T"), True),
        (8, of("purchase", 99, test_code="T"), False),
        (8, of("page_view", 99), True),
        (9, of("page_view", 99), False),
        (9, of("purchase", 99), True),
        (10, of("purchase", 99), False),
    ],
)
def test_what_matters_less_is_refused_first(engine: Engine, rows: int, request_: Planned, *, taken: bool) -> None:
    async def scenario(store: Store) -> None:
        await store.accept(accepted(*map(planned, range(1, rows + 1))))
        assert store.fill == rows / 10
        if taken:
            assert (await store.accept(accepted(request_))).stored == 1
            return
        with pytest.raises(StoreFilledError, match=f"{rows * 10}%"):
            await store.accept(accepted(request_))
        assert store.fill == rows / 10

    engine.play(scenario, limits=WIDE)


def test_a_hit_counts_as_its_most_important_row(engine: Engine) -> None:
    async def scenario(store: Store) -> None:
        await store.accept(accepted(*map(planned, range(1, 10))))
        found = await store.accept(accepted(of("page_view", 11), of("purchase", 12)))
        assert found.stored == 2

    engine.play(scenario, limits=Limits(most_rows=10, lane_share=2.0))


def test_a_full_store_takes_what_leads_to_no_row(engine: Engine) -> None:
    async def scenario(store: Store) -> None:
        await store.accept(accepted(*map(planned, range(1, 11))))
        with pytest.raises(StoreFullError):
            await store.accept(accepted(planned(11)))
        found = await store.accept(accepted(guards=[Guard(b"k", "once_per", LATER, ("x",))]))
        assert found.stored == 0

    engine.play(scenario, limits=WIDE)


@pytest.mark.parametrize(
    ("event", "request_", "priority"),
    [
        ("purchase", item_request(), 0),
        ("Page_view", item_request(), 0),
        ("purchase", item_request(test_code="T"), 2),
        ("video_progress", item_request(), 1),
        *((name, item_request(), 1) for name in sorted(AUTOMATIC)),
    ],
)
def test_the_priority_of_a_row_goes_by_its_event(event: str, request_: Request, priority: int) -> None:
    assert priority_of(event, request_) == priority


def test_levels_are_right_after_a_restart_and_a_crash(engine: Engine) -> None:
    async def leave(store: Store) -> None:
        await store.accept(accepted(*map(planned, range(1, 5))))
        await must_claim(store, most_items=3)

    async def look(store: Store) -> None:
        assert store.fill == 0.4
        assert (await store.accept(accepted(planned(8), planned(9)))).stored == 1

    engine.play(leave, limits=TEN)
    engine.play(look, limits=TEN)


def test_levels_are_right_after_a_transaction_was_taken_back(tmp_path: Path) -> None:
    async def scenario(store: SqliteStore) -> None:
        def breaks(connection: sqlite3.Connection) -> None:
            raise sqlite3.IntegrityError("made up")

        work = asyncio.gather(
            store.accept(accepted(*map(planned, range(1, 4)))), store._writer.run(breaks), return_exceptions=True
        )
        found, problem = await work
        assert isinstance(problem, Exception)
        assert not isinstance(found, BaseException)
        assert (found.stored, store.fill) == (3, 0.3)
        assert (await store.accept(accepted(*map(planned, range(4, 8))))).stored == 2

    play_in(tmp_path, TEN, scenario)


def test_levels_that_failed_to_be_written_do_not_keep_hits_out(tmp_path: Path) -> None:
    async def scenario(store: SqliteStore) -> None:
        await store.accept(accepted(planned(1)))
        broken = "create temp trigger broken before insert on delivery begin select raise(abort, 'made up'); end"
        await store._writer.run(lambda connection: connection.execute(broken))
        with pytest.raises(StoreUnavailableError):
            await store.accept(accepted(*map(planned, range(2, 11))))
        assert store.fill == 1.0
        await store._writer.run(lambda connection: connection.execute("drop trigger broken"))
        await store.waiting()
        assert store.fill == 0.1

    play_in(tmp_path, WIDE, scenario)


def test_what_becomes_of_the_rows_of_one_lane_asks_for_no_other(tmp_path: Path) -> None:
    async def scenario(store: SqliteStore) -> None:
        rows = [planned(n, item_request(n, account=f"C{n // 2}")) for n in range(8)]
        await store.accept(accepted(*rows, planned(99, item_request(99, account="old"), max_age_hours=1)))
        asked: list[str] = []
        store._writer._connection.set_trace_callback(asked.append)
        lanes = [lane.number for lane in await store.lanes()]
        first, second, third, _, old = [
            await store.claim(lane, now=NOW + 2 * HOURS, most_items=500, ahead=0) for lane in lanes
        ]
        assert first is not None
        assert second is not None
        assert third is not None
        assert old is not None
        await store.settle(first, first.rows[:1])
        await store.settle(second, second.rows)
        await store.bury(third, third.rows[:1], "refused", note="", now=NOW)
        assert [store.share(lane) for lane in lanes] == [0.1, 0, 0.1, 0.2, 0]
        assert store.fill == 0.4
        assert [each for each in asked if "from lanes where rows!=0" in each] == []
        store._writer._connection.set_trace_callback(None)
        [*_, size] = [lane.bytes for lane in await store.lanes() if lane.waiting + lane.claimed]
        assert size > 0
        counted = store._levels._bytes
        store._levels.read(store._writer._connection)
        assert store._levels._bytes == counted

    play_in(tmp_path, WIDE, scenario)
