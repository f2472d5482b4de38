"""What a store does by itself: old letters go, space comes back, and a clock that jumps keeps nothing waiting."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from container.delivery.counters import Counters
from container.delivery.postgres import PostgresStore
from container.delivery.schema import FILE
from container.delivery.sqlite import SqliteStore
from container.delivery.store import Dropped, LaneState, Limits, Store, Tended
from container.delivery.tending import AHEAD_MS, LETTERS_AT_ONCE, ROWS_AT_ONCE
from container.delivery.told import Repeats
from container.delivery.upkeep import EVERY_MS, SLICE_PAUSE_MS, Upkeep
from container.engine.outcome import Guard
from tests.delivery.engines import Engine
from tests.delivery.harness import (
    NOW,
    accepted,
    bench,
    dead_letters,
    ids,
    item_request,
    must_claim,
    planned,
    play_in,
    run,
    single_request,
)

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
USUAL = Limits()


def play(folder: Path, scenario: Callable[[SqliteStore], Awaitable[None]], limits: Limits = USUAL) -> None:
    play_in(folder, limits, scenario)


async def dying(store: Store, *numbers: int, now: int = NOW) -> None:
    """Rows that are refused at once."""
    await store.accept(accepted(*(planned(number, item_request(number)) for number in numbers), now=now))
    claimed = await must_claim(store, now)
    await store.bury(claimed, claimed.rows, "refused", note="", now=now)


async def letters(store: Store) -> list[int]:
    return sorted(int(letter.id, 16) for letter in await dead_letters(store, most=10_000))


async def ageing(store: Store, start: int, minutes: int) -> None:
    """Time passes, and the store is tended each minute."""
    for minute in range(minutes):
        await store.tend(now=start + minute * MINUTE, begun=True)


def test_letters_go_when_they_are_old(engine: Engine) -> None:
    async def scenario(store: Store) -> None:
        await dying(store, 1, 2)
        await dying(store, 3, now=NOW + 5 * MINUTE)
        await ageing(store, NOW, 10)
        assert await letters(store) == [1, 2, 3]
        tended = await store.tend(now=NOW + 10 * MINUTE, begun=True)
        assert [(found.reason, found.rows, found.old) for found in tended.dropped] == [("refused", 2, True)]
        assert await letters(store) == [3]

    engine.play(scenario, limits=Limits(dead_kept=10 * MINUTE))


def test_the_oldest_letters_go_when_all_of_them_take_too_much_room(engine: Engine) -> None:
    async def scenario(store: Store) -> None:
        await dying(store, *range(1, 11))
        [(size,)] = engine.find("select sum(size) from dead where number>5")
        assert isinstance(store, (SqliteStore, PostgresStore))
        store._limits = Limits(dead_bytes=int(size))
        tended = await store.tend(now=NOW, begun=True)
        assert [(found.rows, found.old) for found in tended.dropped] == [(5, False)]
        assert await letters(store) == [6, 7, 8, 9, 10]
        assert not (await store.tend(now=NOW, begun=False)).more

    engine.play(scenario)


def test_letters_go_in_slices(engine: Engine) -> None:
    async def scenario(store: Store) -> None:
        number = 0
        while number < LETTERS_AT_ONCE + 100:
            await dying(store, *range(number, number + 100))
            number += 100
        dropped = [sum(found.rows for found in (await store.tend(now=NOW, begun=True)).dropped) for _ in range(3)]
        assert dropped == [LETTERS_AT_ONCE, 100, 0]

    engine.play(scenario, limits=Limits(dead_bytes=0))


@pytest.mark.parametrize("jump", [HOUR, DAY, 3650 * DAY])
def test_no_letter_goes_because_the_clock_jumps_ahead(engine: Engine, jump: int) -> None:
    async def scenario(store: Store) -> None:
        await dying(store, 1)
        await store.tend(now=NOW, begun=True)
        await ageing(store, NOW + jump, 60)
        await ageing(store, NOW + 60 * MINUTE, 60)
        assert await letters(store) == [1]

    engine.play(scenario)


def test_letters_age_while_the_process_is_down_as_soon_as_it_is_up_again(engine: Engine) -> None:
    kept = Limits(dead_kept=10 * MINUTE)

    async def before(store: Store) -> None:
        await dying(store, 1)
        await store.tend(now=NOW, begun=True)

    async def after(store: Store) -> None:
        await ageing(store, NOW + DAY, 4)
        assert await letters(store) == [1]
        await ageing(store, NOW + DAY + 4 * MINUTE, 2)
        assert await letters(store) == []

    engine.play(before, limits=kept)
    engine.play(after, limits=kept)


def test_rows_from_a_clock_that_was_ahead_are_due_at_once(engine: Engine) -> None:
    ahead = NOW + DAY

    async def scenario(store: Store) -> None:
        await store.accept(accepted(planned(1), planned(2, single_request(2)), now=ahead, linger=1000))
        assert all(lane.due > NOW + AHEAD_MS for lane in await store.waiting())
        tended = await store.tend(now=NOW, begun=True)
        assert tended.pulled == 2
        assert [lane.due for lane in await store.waiting()] == [NOW, NOW]
        claimed = await must_claim(store, NOW)
        assert (claimed.rows[0].first, claimed.rows[0].give_up) == (NOW, NOW + 48 * HOUR)
        assert not (await store.tend(now=NOW, begun=False)).more

    engine.play(scenario)


def test_what_waits_as_it_may_is_left_alone(engine: Engine) -> None:
    async def scenario(store: Store) -> None:
        await store.accept(accepted(planned(1), linger=60_000))
        await store.accept(accepted(planned(2, item_request(2, account="C2"))))
        claimed = await must_claim(store, NOW)
        await store.postpone(claimed, claimed.rows, until=NOW + HOUR, counted=False)
        await store.mark(claimed.lane, LaneState("open", NOW + HOUR, 1))
        assert not (await store.tend(now=NOW, begun=True)).more
        assert sorted(lane.due for lane in await store.waiting()) == [NOW + 60_000, NOW + HOUR]

    engine.play(scenario)


def test_a_lane_does_not_hold_still_for_a_clock_that_was_ahead(engine: Engine) -> None:
    async def scenario(store: Store) -> None:
        await store.accept(accepted(planned(1)))
        [lane] = await store.waiting()
        await store.mark(lane.number, LaneState("credential", NOW + DAY, 3))
        await store.tend(now=NOW, begun=True)
        [lane] = await store.waiting()
        assert lane.state == LaneState("credential", NOW, 3)

    engine.play(scenario)


def test_many_rows_are_pulled_back_in_slices(engine: Engine) -> None:
    async def scenario(store: Store) -> None:
        for start in range(0, ROWS_AT_ONCE + 100, 100):
            await store.accept(accepted(*map(planned, range(start, start + 100)), now=NOW + DAY))
        assert [(await store.tend(now=NOW, begun=False)).pulled for _ in range(3)] == [ROWS_AT_ONCE, 100, 0]

    engine.play(scenario)


def test_a_guard_from_a_clock_that_was_ahead_for_years_is_over(engine: Engine) -> None:
    async def scenario(store: Store) -> None:
        guard = Guard(b"k", "once_per", NOW + 3650 * DAY, (planned(1).id,))
        await store.accept(accepted(planned(1), guards=[guard]))
        year = Guard(b"y", "once_per", NOW + 366 * DAY, (planned(2).id,))
        await store.accept(accepted(planned(2), guards=[year]))
        assert (await store.tend(now=NOW, begun=True)).guards == 1
        assert (await store.accept(accepted(planned(3), guards=[guard]))).taken == frozenset()
        assert (await store.accept(accepted(planned(4), guards=[year]))).taken == {year}

    engine.play(scenario)


@pytest.mark.parametrize("jump", [-3650 * DAY, -DAY, -HOUR, HOUR, DAY, 3650 * DAY])
def test_a_clock_that_jumps_loses_nothing_and_keeps_nothing_waiting(tmp_path: Path, jump: int) -> None:
    async def scenario() -> None:
        here = bench(tmp_path)
        await here.turn()
        await here.store.accept(accepted(planned(1), planned(2, single_request(2)), now=here.clock.now, linger=1000))
        here.clock.now += jump
        for _ in range(100):
            due = await here.turn()
            if not await here.store.waiting():
                break
            here.clock.now = max(here.clock.now, due)
        assert sum(report.dead for report in await here.store.lanes()) == 0
        assert len(here.vendor.requests) == 2
        assert here.clock.now - (NOW + jump) <= HOUR + 2 * MINUTE

    run(scenario())


def test_what_is_too_old_after_a_jump_is_a_letter(engine: Engine) -> None:
    async def scenario(store: Store) -> None:
        await store.accept(accepted(planned(1, max_age_hours=24), planned(2)))
        claimed = await must_claim(store, NOW + 3650 * DAY)
        assert (ids(claimed), dict(claimed.buried)) == ([2], {"too_old": 1})
        assert await letters(store) == [1]

    engine.play(scenario)


def test_a_claim_does_not_end_with_time(engine: Engine) -> None:
    async def scenario(store: Store) -> None:
        await store.accept(accepted(planned(1)))
        claimed = await must_claim(store)
        for now in (NOW - DAY, NOW + 3650 * DAY):
            await store.tend(now=now, begun=True)
            assert await store.waiting() == []
        assert await store.settle(claimed, claimed.rows) == 1

    engine.play(scenario)


def test_space_comes_back_after_a_drain(tmp_path: Path) -> None:
    async def scenario(store: SqliteStore) -> None:
        for start in range(0, 1000, 50):
            rows = [planned(number, item_request(number, pad="x" * 20_000)) for number in range(start, start + 50)]
            await store.accept(accepted(*rows))
        full = (tmp_path / FILE).stat().st_size
        while await store.waiting():
            claimed = await must_claim(store)
            await store.settle(claimed, claimed.rows)
        slices = 0
        while (await store.tend(now=NOW, begun=False)).more:
            slices += 1
        assert slices > 5
        await store.close()
        assert (tmp_path / FILE).stat().st_size < full / 3

    play(tmp_path, scenario)


class Slices:
    """A store that has so many slices to do, and notes when it was asked."""

    def __init__(self, *found: Tended) -> None:
        self.found = [*found]
        self.asked: list[tuple[int, bool]] = []

    async def tend(self, *, now: int, begun: bool) -> Tended:
        self.asked.append((now, begun))
        return self.found.pop(0) if self.found else Tended()


def upkeep(store: Slices, counters: Counters | None = None) -> Upkeep:
    return Upkeep(store, counters or Counters(), Repeats())  # type: ignore[arg-type]  # nothing else is asked of it


def test_a_store_is_tended_each_minute_and_slice_by_slice() -> None:
    async def scenario() -> None:
        store = Slices(Tended(pages=64), Tended(guards=3))
        tending = upkeep(store)
        assert await tending.step(NOW) == NOW + SLICE_PAUSE_MS
        assert await tending.step(NOW + 20) == NOW + 20 + SLICE_PAUSE_MS
        assert await tending.step(NOW + 40) == NOW + 40 + EVERY_MS
        assert await tending.step(NOW + EVERY_MS) == NOW + 40 + EVERY_MS
        await tending.step(NOW + 40 + EVERY_MS)
        assert store.asked == [(NOW, True), (NOW + 20, False), (NOW + 40, False), (NOW + 40 + EVERY_MS, True)]

    run(scenario())


def test_a_store_is_tended_when_the_clock_went_back() -> None:
    async def scenario() -> None:
        store = Slices()
        tending = upkeep(store)
        await tending.step(NOW)
        await tending.step(NOW - 3650 * DAY)
        assert [now for now, _ in store.asked] == [NOW, NOW - 3650 * DAY]

    run(scenario())


def test_what_is_dropped_is_told_of_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        lane = accepted(planned(1)).rows[0].lane
        counters = Counters()
        tending = upkeep(Slices(Tended(dropped=(Dropped(lane, "refused", 7, old=True),))), counters)
        await tending.step(NOW)
        assert counters.value("dropped", lane.type, "age") == 7

    with caplog.at_level(logging.WARNING):
        run(scenario())
    [record] = caplog.records
    assert record.levelname == "ERROR"
    assert record.getMessage().startswith('delivery.dropped lane="tiktok_events_api https://vendor.example')
    assert record.getMessage().endswith(" rows=7 reason=refused because=age")


def test_a_clock_that_jumped_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        run(upkeep(Slices(Tended(pulled=3))).step(NOW))
    assert [record.getMessage() for record in caplog.records] == ["store.clock_jumped rows=3"]


def test_old_letters_go_wherever_they_stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("container.delivery.tending.LETTERS_AT_ONCE", 2)

    async def scenario(store: SqliteStore) -> None:
        await dying(store, 1, 2, 3)
        await dying(store, 4, now=NOW - USUAL.dead_kept)
        await store.tend(now=NOW, begun=True)
        assert await letters(store) == [1, 2, 3]

    play(tmp_path, scenario)
