"""What is the PostgreSQL store's own: its clock, its space, and rows and text that it cannot use."""

from __future__ import annotations

import time

import psycopg
import pytest

from container.delivery.postgres import PostgresStore, open_postgres
from container.delivery.postgres_tables import (
    DAY_MS,
    SLOTS,
    slot_of,
)
from container.delivery.postgres_tending import give_back_days
from container.delivery.store import (
    Answer,
    LaneState,
    StoreRefusedError,
)
from tests.delivery.harness import (
    NOW,
    accepted,
    claim_first,
    dead_letters,
    ids,
    item_request,
    must_claim,
    planned,
    run,
)
from tests.delivery.postgres import KEY, play


def test_whoever_is_connected_is_shown_unless_the_address_names_another(url: str) -> None:
    async def shown(address: str, **more: str) -> str:
        store = await open_postgres(address, key=KEY, **more)  # type: ignore[arg-type]  # the name
        [(name,)] = await store.database.ask("select current_setting('application_name')")
        await store.close()
        return str(name)

    async def scenario() -> None:
        assert await shown(url) == "tag-container"
        assert await shown(url, name="tag-container queue") == "tag-container queue"
        assert await shown(f"{url}?application_name=ours", name="tag-container queue") == "ours"
        with pytest.raises(StoreRefusedError):
            await open_postgres(f"{url}?no_such_option=1", key=KEY)

    run(scenario())


def test_the_clock_is_the_databases(url: str) -> None:
    async def scenario(store: PostgresStore) -> None:
        [(theirs,)] = await store.database.ask("select (extract(epoch from clock_timestamp())*1000)::bigint")
        assert abs(store.clock() - theirs) < 5000
        store.database.ahead = 3_600_000.0
        assert store.clock() - time.time_ns() // 1_000_000 > 3_590_000
        await store.database.measure()
        assert abs(store.database.ahead) < 5000

    play(url, scenario)


def test_the_space_of_a_day_is_given_back_once_nothing_is_left_of_it(own_url: str) -> None:
    async def scenario(store: PostgresStore) -> None:
        await store._keeping.close()
        today = store.clock()
        days = [today - DAY_MS * back for back in range(SLOTS)]
        for number, day in enumerate(days):
            await store.accept(accepted(planned(number, item_request(number, account=str(number))), now=day))
        # Of the third day nothing is left, and of today; the others hold rows.
        for lane in await store.waiting():
            if lane.lane.account in ("0", "3"):
                claimed = await store.claim(lane.number, now=today, most_items=1, ahead=0)
                assert claimed is not None
                await store.settle(claimed, claimed.rows)
        assert await give_back_days(store.database) == 1
        sizes = {
            slot: (await store.database.ask(f"select pg_relation_size('delivery_{slot}')"))[0][0]
            for slot in range(SLOTS)
        }
        assert [slot for slot, size in sizes.items() if not size] == [slot_of(days[3])]
        assert await give_back_days(store.database) == 0

    play(own_url, scenario)


def test_a_part_in_which_somebody_works_is_left_alone(own_url: str) -> None:
    async def scenario(store: PostgresStore) -> None:
        await store._keeping.close()
        old = store.clock() - 3 * DAY_MS
        await store.accept(accepted(planned(1), now=old))
        claimed = await must_claim(store, now=old)
        await store.settle(claimed, claimed.rows)
        async with await psycopg.AsyncConnection.connect(own_url) as somebody:
            await somebody.execute("select count(*) from delivery")
            assert await give_back_days(store.database) == 0
            await somebody.rollback()
        assert await give_back_days(store.database) == 1

    play(own_url, scenario)


@pytest.mark.parametrize(
    ("spoil", "reason"), [("crc=crc+1", "damaged"), ("kid='gone'", "unknown_key"), ("body='', crc=0", "damaged")]
)
def test_rows_that_cannot_be_read_are_buried_on_the_way(url: str, spoil: str, reason: str) -> None:
    async def scenario(store: PostgresStore) -> None:
        await store.accept(accepted(planned(1), planned(2)))
        await store.database.ask(f"update delivery set {spoil} where number=1")  # noqa: S608 - ours
        claimed = await must_claim(store)
        assert (ids(claimed), dict(claimed.buried)) == ([2], {reason: 1})
        assert [(letter.reason, letter.tag) for letter in await dead_letters(store)] == [(reason, "")]
        assert store.fill == 1 / 1_000_000

    play(url, scenario)


def test_a_row_that_could_not_be_buried_waits_again(own_url: str) -> None:
    async def scenario(store: PostgresStore) -> None:
        await store.accept(accepted(planned(1)))
        await store.database.ask("update delivery set crc=crc+1")
        await store.database.ask("alter table dead add constraint broken check (false)")
        assert await claim_first(store) is None
        assert [report.claimed for report in await store.lanes()] == [1]
        assert len(await store.waiting()) == 1
        await store.database.ask("alter table dead drop constraint broken")
        claimed = await must_claim(store)
        assert dict(claimed.buried) == {"damaged": 1}

    play(own_url, scenario)


def test_a_whole_batch_of_the_largest_size_is_claimed_and_read(url: str) -> None:
    async def scenario(store: PostgresStore) -> None:
        for start in range(0, 700, 100):
            await store.accept(accepted(*map(planned, range(start, start + 100))))
        first, second = await must_claim(store), await must_claim(store)
        assert (ids(first), ids(second)) == ([*range(500)], [*range(500, 700)])

    play(url, scenario)


def test_text_that_the_database_cannot_hold_is_kept_as_far_as_it_can(url: str) -> None:
    async def scenario(store: PostgresStore) -> None:
        await store.accept(accepted(planned(1)))
        claimed = await must_claim(store)
        await store.mark(claimed.lane, LaneState(), Answer(NOW, 400, "refused", "a\0b"))
        await store.bury(claimed, claimed.rows, "refused", note="a\0b", now=NOW)
        [report], [letter] = await store.lanes(), await dead_letters(store)
        assert report.answer is not None
        assert report.answer.excerpt == letter.note == "a\ufffdb"

    play(url, scenario)
