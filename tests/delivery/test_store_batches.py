"""What every store claims together."""

from __future__ import annotations

from dataclasses import replace

from container.delivery.store import Part, Store
from tests.delivery.harness import (
    LATER,
    NOW,
    Scenario,
    accepted,
    claim_first,
    ids,
    item_request,
    must_claim,
    planned,
    single_request,
)


def test_a_batch_holds_rows_of_one_frame_only(play: Scenario) -> None:
    async def scenario(store: Store) -> None:
        other = planned(2, replace(item_request(2), url="https://vendor.example/v1/events?x=1"))
        await store.accept(accepted(planned(1), other, planned(3)))
        assert ids(await claim_first(store)) == [1, 3]
        assert ids(await claim_first(store)) == [2]

    play(scenario)


def test_a_batch_keeps_to_its_limits(play: Scenario) -> None:
    async def scenario(store: Store) -> None:
        await store.accept(accepted(*map(planned, range(1, 8))))
        assert ids(await claim_first(store, most_items=3)) == [1, 2, 3]
        big = [planned(number, item_request(number, pad="x" * 400_000)) for number in range(10, 14)]
        await store.accept(accepted(*big))
        sizes = []
        while claimed := await claim_first(store):
            sizes.append(len(claimed.rows))
        assert sizes == [6, 2]

    play(scenario)


def test_an_item_larger_than_a_batch_goes_alone(play: Scenario) -> None:
    async def scenario(store: Store) -> None:
        await store.accept(accepted(planned(1, item_request(1, pad="x" * 2_000_000)), planned(2)))
        assert ids(await claim_first(store)) == [1]

    play(scenario)


def test_what_cannot_be_batched_goes_alone(play: Scenario) -> None:
    async def scenario(store: Store) -> None:
        await store.accept(accepted(planned(1, single_request(1)), planned(2, single_request(2))))
        assert ids(await claim_first(store)) == [1]
        assert ids(await claim_first(store)) == [2]

    play(scenario)


def test_what_only_waits_for_company_goes_along(play: Scenario) -> None:
    async def scenario(store: Store) -> None:
        await store.accept(accepted(planned(1), linger=1000))
        await store.accept(accepted(planned(2), now=NOW + 900, linger=1000))
        await store.accept(accepted(planned(3), now=NOW + 1500, linger=1000))
        assert await claim_first(store, NOW + 999, ahead=1000) is None
        assert ids(await claim_first(store, NOW + 1000, ahead=1000)) == [1, 2]

    play(scenario)


def test_what_was_postponed_does_not_go_along_early(play: Scenario) -> None:
    async def scenario(store: Store) -> None:
        await store.accept(accepted(planned(1), planned(2)))
        claimed = await must_claim(store)
        await store.postpone(claimed, claimed.rows[:1], until=NOW, counted=True)
        await store.postpone(claimed, claimed.rows[1:], until=NOW + 500, counted=True)
        assert ids(await claim_first(store, NOW, ahead=1000)) == [1]

    play(scenario)


def test_a_second_half_may_wait_for_the_first(play: Scenario) -> None:
    async def scenario(store: Store) -> None:
        await store.accept(accepted(*map(planned, range(1, 6))))
        assert await store.split(await must_claim(store), now=NOW, later=NOW + 500) == 5
        assert ids(await claim_first(store, NOW)) == [1, 2, 3]
        assert await claim_first(store, NOW, ahead=1000) is None
        assert ids(await claim_first(store, NOW + 500)) == [4, 5]

    play(scenario)


def test_what_waits_for_an_answer_can_be_put_together_anew(play: Scenario) -> None:
    async def scenario(store: Store) -> None:
        await store.accept(accepted(*map(planned, range(1, 9))))
        await store.split(await must_claim(store), now=NOW, later=LATER)
        first = await must_claim(store)
        await store.split(first, now=NOW, later=LATER)
        numbers = {int(row.id, 16): row.number for row in first.rows}
        assert (ids(await claim_first(store)), await claim_first(store)) == ([1, 2], None)
        start = numbers[1] - 1
        parts = [
            Part(tuple(start + number for number in (3, 4, 5, 6)), NOW),
            Part(tuple(start + number for number in (7, 8)), LATER),
        ]
        assert await store.regroup(parts, held=LATER) == 6
        assert ids(await claim_first(store)) == [3, 4, 5, 6]
        assert ids(await claim_first(store, LATER)) == [7, 8]

    play(scenario)


def test_what_has_changed_since_is_not_put_together(play: Scenario) -> None:
    async def scenario(store: Store) -> None:
        await store.accept(accepted(*map(planned, range(1, 9))))
        whole = await must_claim(store)
        numbers = tuple(row.number for row in whole.rows)
        await store.split(whole, now=NOW, later=LATER)
        settled = await must_claim(store)
        await store.settle(settled, settled.rows[:1])
        await store.postpone(settled, settled.rows[1:2], until=LATER + 1, counted=True)
        # The first is gone, the second waits for longer, two are claimed, four wait as the split left them.
        assert await store.regroup([Part(numbers, NOW)], held=LATER) == 4
        assert ids(await claim_first(store)) == [5, 6, 7, 8]
        assert await claim_first(store) is None

    play(scenario)


def test_halves_of_a_batch_stay_apart_until_single(play: Scenario) -> None:
    async def scenario(store: Store) -> None:
        await store.accept(accepted(*map(planned, range(1, 6))))
        seen = []
        first = await must_claim(store)
        await store.split(first, now=NOW)
        await store.accept(accepted(planned(9), now=NOW + 1))
        while claimed := await claim_first(store, NOW + 1):
            seen.append(ids(claimed))
            if len(claimed.rows) > 1:
                await store.split(claimed, now=NOW)
        assert sorted(seen) == [[1], [1, 2], [1, 2, 3], [2], [3], [4], [4, 5], [5], [9]]

    play(scenario)
