"""Several processes that tend one database: what has to be done is done once, and told once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from container.delivery import postgres_tending
from container.delivery.counters import Counters
from container.delivery.postgres import PostgresStore
from container.delivery.postgres_connecting import fetch
from container.delivery.selection import Selection
from container.delivery.store import Limits, Tended
from container.delivery.tending import AHEAD_MS, LETTERS_AT_ONCE
from container.delivery.told import Repeats
from container.delivery.upkeep import Upkeep
from container.engine.outcome import Guard
from tests.delivery.harness import NOW, accepted, dead_letters, ids, item_request, must_claim, planned
from tests.delivery.postgres import play

MINUTE, DAY = 60_000, 86_400_000
MOST_SLICES = 200


async def dying(store: PostgresStore, *numbers: int) -> None:
    for start in range(0, len(numbers), 100):
        await store.accept(accepted(*(planned(each) for each in numbers[start : start + 100])))
    for _ in range(0, len(numbers), 500):
        claimed = await must_claim(store)
        await store.bury(claimed, claimed.rows, "refused", note="", now=NOW)


async def tended(store: PostgresStore, now: int, *, slices: int = 10) -> list[Tended]:
    return [await store.tend(now=now, begun=not each) for each in range(slices)]


async def tended_by(stores: Sequence[PostgresStore], now: int) -> list[Tended]:
    """What all of them did, side by side."""
    found = await asyncio.gather(*(tended(store, now) for store in stores))
    return [each for mine in found for each in mine]


def test_letters_past_the_limit_are_dropped_and_counted_once(url: str, caplog: pytest.LogCaptureFixture) -> None:
    letters = 2 * LETTERS_AT_ONCE + 100

    async def scenario(*stores: PostgresStore) -> None:
        await dying(stores[0], *range(letters))
        counters = [Counters() for _ in stores]

        async def minding(store: PostgresStore, counted: Counters) -> None:
            upkeep = Upkeep(store, counted, Repeats())
            for _ in range(MOST_SLICES):
                if await upkeep.step(NOW) >= NOW + MINUTE:
                    break

        # One that finds another at work leaves it at that, so each has its turn until nothing is left.
        while await dead_letters(stores[0], most=1):
            await asyncio.gather(*map(minding, stores, counters))
        await asyncio.gather(*map(minding, stores, counters))
        assert sum(each.value("dropped", "tiktok_events_api", "room") for each in counters) == letters
        assert [store.fill for store in stores] == [0.0, 0.0]

    play(url, scenario, stores=2, limits=Limits(dead_bytes=0))
    lines = [line.getMessage() for line in caplog.records if "delivery.dropped" in line.getMessage()]
    assert 0 < len(lines) <= 4


def test_letters_that_somebody_takes_meanwhile_are_not_told_of_as_dropped(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(one: PostgresStore, other: PostgresStore) -> None:
        await dying(one, *range(10))

        async def interrupted(connection: object, query: str, values: object = ()) -> list[tuple[object, ...]]:
            found = await fetch(connection, query, values)  # type: ignore[arg-type]  # it is one
            if query == postgres_tending._OLDEST:
                assert await other.replay(Selection("dead", numbers=(1, 2, 3)), now=NOW) == 3
            return found

        monkeypatch.setattr(postgres_tending, "fetch", interrupted)
        dropped = (await one.tend(now=NOW, begun=True)).dropped
        monkeypatch.setattr(postgres_tending, "fetch", fetch)
        assert sum(each.rows for each in dropped) == 7
        assert (await dead_letters(one), len((await must_claim(one)).rows)) == ([], 3)

    play(url, scenario, stores=2, limits=Limits(dead_bytes=0))


def test_rows_and_guards_of_a_wrong_clock_are_set_right_and_counted_once(url: str) -> None:
    ahead = NOW + 2 * AHEAD_MS

    async def scenario(*stores: PostgresStore) -> None:
        one = stores[0]
        guards = [Guard(b"%d" % number, "duplicate", NOW - 1, (planned(number).id,)) for number in range(50)]
        for number, guard in enumerate(guards):
            await one.accept(accepted(planned(number), now=NOW - 10, guards=[guard]))
        await one.database.ask("update delivery set due=%s, first=%s", (ahead, ahead))
        held = await one.claim(1, now=ahead, most_items=5, ahead=0)
        assert held is not None
        found = await tended_by(stores, NOW)
        assert sum(each.pulled for each in found) == 45
        assert sum(each.guards for each in found) == 50
        assert await one.database.ask("select count(*) from guards") == [(0,)]
        # What somebody is sending is as it was.
        assert await one.database.ask("select distinct due from delivery where claim is not null") == [(ahead,)]
        assert await one.settle(held, held.rows) == 5
        assert len(ids(await must_claim(one))) == 45

    play(url, scenario, stores=3)


def test_claims_that_are_over_wait_again_and_are_counted_once(url: str) -> None:
    async def scenario(*stores: PostgresStore) -> None:
        for _ in range(2):
            await stores[0].accept(accepted(*(planned(n, item_request(n, account=str(n))) for n in range(30))))
        for lane in await stores[0].waiting():
            await stores[0].claim(lane.number, now=NOW, most_items=2, ahead=0)
        await stores[0].database.ask("update delivery set lease=0, crashes=2 where lane<=10")
        await stores[0].database.ask("update delivery set lease=0 where lane>10")
        await asyncio.gather(*(store.recover(now=NOW, grace=0) for store in stores))
        assert sum(store.recovered for store in stores) == 40
        assert sum(store.poisoned for store in stores) == 20
        assert len(await dead_letters(stores[0])) == 20

    play(url, scenario, stores=3)


def test_letters_age_at_the_pace_of_one_however_many_tend(url: str) -> None:
    async def scenario(*stores: PostgresStore) -> None:
        await dying(stores[0], 1)
        await stores[0].tend(now=NOW, begun=True)
        for minute in range(4):
            for place, store in enumerate(stores):
                assert not (await store.tend(now=NOW + DAY + minute * MINUTE + place * 10_000, begun=True)).dropped
        [(aged,)] = await stores[0].database.ask("select value::bigint from meta where name='aged_to'")
        assert aged == NOW + 8 * MINUTE

    play(url, scenario, stores=4, limits=Limits(dead_kept=10 * MINUTE))
