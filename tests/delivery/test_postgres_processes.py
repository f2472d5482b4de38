"""Several processes on one database: what they share, and what becomes of one that dies."""

from __future__ import annotations

import asyncio
import time

import httpx
import pytest

from container.delivery.counters import Counters
from container.delivery.postgres import PostgresStore
from container.delivery.store import (
    Limits,
)
from container.delivery.transport import TOTAL_SECONDS, Transport
from container.delivery.worker import Surroundings, Worker
from container.effects import by_status
from container.engine.outcome import Guard
from tests.delivery.harness import (
    LATER,
    NOW,
    SECRETS,
    Clock,
    Vendor,
    accepted,
    dead_letters,
    ids,
    item_request,
    items,
    must_claim,
    planned,
    single_request,
)
from tests.delivery.postgres import play

_WRONGLY_COUNTED = """
select number from lanes where
  (select sum(rows) from counts where lane=number)<>(select count(*) from delivery where lane=lanes.number)
  or (select sum(dead) from counts where lane=number)<>(select count(*) from dead where lane=lanes.number)
"""


async def lapse(store: PostgresStore) -> None:
    """As if nothing had been heard of any claim for long."""
    await store.database.ask("update delivery set lease=0 where claim is not null")
    await store.recover(now=NOW, grace=0)


def test_two_processes_never_claim_the_same_row(url: str) -> None:
    async def scenario(*stores: PostgresStore) -> None:
        await asyncio.gather(
            *(
                store.accept(accepted(planned(10 * part + number)))
                for part, store in enumerate(stores)
                for number in range(10)
            )
        )
        [lane] = await stores[0].waiting()
        claimed = await asyncio.gather(
            *(store.claim(lane.number, now=NOW, most_items=3, ahead=0) for store in stores for _ in range(8))
        )
        found = [number for claim in claimed for number in ids(claim)]
        assert len(found) == len(set(found)) == 20

    play(url, scenario, stores=2)


def test_a_guard_holds_for_all_processes(url: str) -> None:
    async def scenario(*stores: PostgresStore) -> None:
        hits = [
            accepted(planned(number), guards=[Guard(b"once", "once_per", LATER, (planned(number).id,))])
            for number in range(20)
        ]
        found = await asyncio.gather(*(stores[n % 2].accept(hit) for n, hit in enumerate(hits)))
        assert sum(each.stored for each in found) == 1
        assert sum(len(each.taken) for each in found) == 19

    play(url, scenario, stores=2)


def test_guards_in_any_order_hold_up_nobody_for_ever(url: str) -> None:
    async def scenario(*stores: PostgresStore) -> None:
        def hit(number: int) -> object:
            keys = [b"%d" % ((number * 7 + step) % 11) for step in range(5)]
            guards = [
                Guard(key, "duplicate", LATER, (f"{number:032x}-{key.hex()}",)) for key in keys[:: (-1) ** number]
            ]
            return accepted(planned(number), guards=guards)

        found = await asyncio.gather(*(stores[n % 2].accept(hit(n)) for n in range(60)))  # type: ignore[arg-type]
        assert sum(each.stored for each in found) == 60
        [(guards,)] = await stores[0].database.ask("select count(*) from guards")
        assert guards == 11

    play(url, scenario, stores=2)


def test_processes_that_do_everything_at_once_lose_nothing_and_count_right(url: str) -> None:
    hits = 600

    async def accepting(store: PostgresStore, part: int) -> None:
        async def hit(number: int) -> None:
            rows = [
                planned(2 * number + half, item_request(2 * number, account=f"C{(number + half) % 5}"))
                for half in (0, 1)
            ]
            guard = Guard(b"%d" % number, "duplicate", LATER, (rows[0].id,))
            await store.accept(accepted(*rows, guards=[guard]))

        await asyncio.gather(*(hit(number) for number in range(part * hits, (part + 1) * hits)))

    async def delivering(store: PostgresStore, gone: list[int], over: asyncio.Event) -> None:
        while (lanes := await store.waiting()) or not over.is_set():
            for lane in lanes:
                claimed = await store.claim(lane.number, now=NOW, most_items=40, ahead=0)
                if claimed is None:
                    continue
                third = len(claimed.rows) // 3
                gone += ids(claimed)[third:]
                await asyncio.gather(
                    store.postpone(claimed, claimed.rows[:third], until=NOW, counted=True),
                    store.settle(claimed, claimed.rows[third : 2 * third]),
                    store.bury(claimed, claimed.rows[2 * third :], "refused", note="", now=NOW),
                )

    async def scenario(*stores: PostgresStore) -> None:
        gone: list[int] = []
        over = asyncio.Event()
        workers = [asyncio.create_task(delivering(store, gone, over)) for store in stores]
        await asyncio.gather(*(accepting(store, part) for part, store in enumerate(stores)))
        over.set()
        await asyncio.gather(*workers)
        assert sorted(gone) == [*range(2 * hits * len(stores))]
        assert await stores[0].database.ask(_WRONGLY_COUNTED) == []
        assert sum(report.dead for report in await stores[0].lanes()) == len(await dead_letters(stores[0], most=10_000))

    play(url, scenario, stores=3)


def test_one_process_hears_within_a_second_how_full_others_have_made_it(url: str) -> None:
    async def scenario(one: PostgresStore, other: PostgresStore) -> None:
        await one.accept(accepted(*map(planned, range(5))))
        assert one.fill == 0.5
        async with asyncio.timeout(20):
            while other.fill != 0.5:  # noqa: ASYNC110 - it is the time that passes that makes it so
                await asyncio.sleep(0.05)

    play(url, scenario, stores=2, limits=Limits(most_rows=10, lane_share=1.0))


def test_a_worker_looks_often_since_it_does_not_hear_of_others(url: str) -> None:
    async def scenario(store: PostgresStore) -> None:
        clock = Clock()
        transport = Transport(httpx.MockTransport(Vendor(clock=clock)), SECRETS.get)
        around = Surroundings(clock=clock, sleep=clock.sleep)
        worker = Worker(store, transport, lambda *_: by_status, surroundings=around)
        assert await worker.turn() == NOW + store.longest_rest <= NOW + 250
        await transport.close()

    play(url, scenario)


def recovered_lines(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    lines = [(line.levelname, line.getMessage()) for line in caplog.records]
    return [each for each in lines if each[1].startswith("store.recovered")]


def test_a_claim_of_which_nothing_is_heard_is_over(url: str, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(one: PostgresStore, other: PostgresStore) -> None:
        await one.accept(accepted(planned(1), planned(2)))
        stale = await must_claim(one)
        assert await other.waiting() == []
        await lapse(other)
        again = await must_claim(other)
        assert (ids(again), again.rows[0].crashes, again.rows[0].attempts) == ([1], 1, 2)
        # Each alone, in case one of them is to blame; and the one that was late changes nothing.
        assert await one.settle(stale, stale.rows) == 0
        assert await other.settle(again, again.rows) == 1
        assert other.recovered == 2

    play(url, scenario, stores=2)
    assert recovered_lines(caplog) == [("WARNING", "store.recovered rows=2 dead=0")]


def test_a_row_that_was_claimed_in_three_crashes_is_dead(url: str, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(store: PostgresStore) -> None:
        await store.accept(accepted(planned(1)))
        for _ in range(3):
            await must_claim(store)
            await lapse(store)
        [letter] = await dead_letters(store)
        assert (letter.reason, letter.attempts, store.poisoned, store.fill) == ("poison", 3, 1, 0.0)

    play(url, scenario)
    [*before, last] = recovered_lines(caplog)
    assert [level for level, _ in before] == ["WARNING", "WARNING"]
    assert last == ("ERROR", "store.recovered rows=0 dead=1")


def test_no_claim_is_over_just_after_the_database_started_or_came_back(url: str) -> None:
    async def scenario(store: PostgresStore) -> None:
        await store.accept(accepted(planned(1)))
        claimed = await must_claim(store)
        await store.database.ask("update delivery set lease=0 where claim is not null")
        await store.recover(now=NOW, grace=10**9)
        assert store.recovered == 0
        store.database._back_at = time.monotonic()
        assert not store.database.calm_for(600)
        await store.recover(now=NOW, grace=600)
        assert await store.settle(claimed, claimed.rows) == 1

    play(url, scenario)


def test_a_claim_is_held_for_less_time_here_than_in_the_database(url: str) -> None:
    async def scenario(store: PostgresStore) -> None:
        await store.accept(accepted(planned(1)))
        claimed = await must_claim(store)
        [(left,)] = await store.database.ask(
            "select lease-(extract(epoch from clock_timestamp())*1000)::bigint from delivery"
        )
        assert claimed.held_until - time.monotonic() <= left / 1000
        assert claimed.held_until - time.monotonic() > TOTAL_SECONDS

    play(url, scenario)


@pytest.mark.parametrize("request_", [item_request(1), single_request(1)])
def test_a_worker_sends_nothing_whose_claim_may_be_over_before_the_answer(url: str, request_: object) -> None:
    async def scenario(store: PostgresStore) -> None:
        clock, vendor = Clock(), Vendor()
        late = [True]

        def monotonic() -> float:
            return time.monotonic() + (60 - TOTAL_SECONDS if late[0] else 0)

        transport = Transport(httpx.MockTransport(vendor), SECRETS.get)
        around = Surroundings(clock=clock, sleep=clock.sleep, monotonic=monotonic)
        worker = Worker(store, transport, lambda *_: by_status, counters=Counters(), surroundings=around)
        await store.accept(accepted(*(planned(n, request_) for n in (1, 2))))  # type: ignore[arg-type]
        await worker.turn()
        await worker.settled()
        assert vendor.requests == []
        [(attempts,)] = await store.database.ask("select distinct attempts from delivery where claim is null")
        assert attempts == 0
        late[0] = False
        while await store.waiting():
            await worker.turn()
            await worker.settled()
        assert sum(len(items(each)) if each.url.host == "vendor.example" else 1 for each in vendor.requests) == 2
        await transport.close()

    play(url, scenario)
