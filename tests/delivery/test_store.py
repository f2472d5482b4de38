"""What every store does. Each engine passes this suite; `FACTORIES` beside it says which there are."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from container.delivery.lane import Lane
from container.delivery.row import acceptance
from container.delivery.store import (
    Store,
    StoreUnavailableError,
)
from container.engine.outcome import Failure, Guard
from tests.delivery.harness import (
    LATER,
    NOW,
    Scenario,
    accepted,
    claim_first,
    dead_letters,
    ids,
    must_claim,
    outcome,
    planned,
    single_request,
)


def guard(key: bytes, *numbers: int, until: int = NOW + 1000) -> Guard:
    return Guard(key, "once_per", until, tuple(f"{number:032x}" for number in numbers))


def test_what_was_accepted_can_be_claimed_and_is_the_same(play: Scenario) -> None:
    async def scenario(store: Store) -> None:
        acceptance = accepted(planned(1), planned(2))
        assert (await store.accept(acceptance)).stored == 2
        claimed = await must_claim(store)
        assert [(row.id, row.frame, row.item, row.tag, row.event_time) for row in claimed.rows] == [
            (row.id, row.frame, row.item, row.tag, row.event_time) for row in acceptance.rows
        ]
        assert [row.attempts for row in claimed.rows] == [1, 1]

    play(scenario)


def test_nobody_else_gets_what_is_claimed(play: Scenario) -> None:
    async def scenario(store: Store) -> None:
        await store.accept(accepted(planned(1)))
        assert ids(await claim_first(store)) == [1]
        assert await store.waiting() == []

    play(scenario)


def test_settled_rows_are_gone(play: Scenario) -> None:
    async def scenario(store: Store) -> None:
        await store.accept(accepted(planned(1), planned(2)))
        claimed = await must_claim(store)
        assert await store.settle(claimed, claimed.rows) == 2
        [lane] = await store.lanes()
        assert (lane.waiting, lane.claimed, lane.oldest) == (0, 0, None)

    play(scenario)


def test_a_postponed_row_is_due_when_it_was_told(play: Scenario) -> None:
    async def scenario(store: Store) -> None:
        await store.accept(accepted(planned(1)))
        claimed = await must_claim(store)
        assert await store.postpone(claimed, claimed.rows, until=LATER, counted=True) == 1
        assert [lane.due for lane in await store.waiting()] == [LATER]
        assert await claim_first(store, LATER - 1) is None
        [row] = (await must_claim(store, LATER)).rows
        assert row.attempts == 2

    play(scenario)


def test_an_attempt_can_be_taken_back_and_a_fault_noted(play: Scenario) -> None:
    async def scenario(store: Store) -> None:
        await store.accept(accepted(planned(1)))
        claimed = await must_claim(store)
        await store.postpone(claimed, claimed.rows, until=NOW, counted=False, fault=True)
        [row] = (await must_claim(store)).rows
        assert (row.attempts, row.faults) == (1, 1)

    play(scenario)


def test_what_is_given_back_is_as_it_was(play: Scenario) -> None:
    async def scenario(store: Store) -> None:
        await store.accept(accepted(planned(1), linger=500))
        before = await store.waiting()
        claimed = await must_claim(store, LATER)
        assert await store.give_back(claimed) == 1
        assert await store.waiting() == before
        [row] = (await must_claim(store, LATER)).rows
        assert (row.attempts, row.crashes) == (1, 0)

    play(scenario)


def test_a_stale_token_changes_nothing(play: Scenario) -> None:
    async def scenario(store: Store) -> None:
        await store.accept(accepted(planned(1)))
        stale = await must_claim(store)
        await store.give_back(stale)
        held = await must_claim(store)
        assert await store.settle(stale, stale.rows) == 0
        assert await store.postpone(stale, stale.rows, until=LATER, counted=True) == 0
        assert await store.split(stale, now=NOW) == 0
        assert await store.bury(stale, stale.rows, "refused", note="", now=NOW) == 0
        assert await store.give_back(stale) == 0
        assert await dead_letters(store) == []
        assert await store.settle(held, held.rows) == 1

    play(scenario)


def test_a_buried_row_is_a_dead_letter_with_its_reason(play: Scenario) -> None:
    async def scenario(store: Store) -> None:
        await store.accept(accepted(planned(1), planned(2)))
        claimed = await must_claim(store)
        assert await store.bury(claimed, claimed.rows[:1], "refused", note="bad currency", now=LATER) == 1
        [letter] = await dead_letters(store)
        assert (letter.id, letter.reason, letter.note, letter.holds) == (
            f"{1:032x}",
            "refused",
            "bad currency",
            "request",
        )
        assert (letter.tag, letter.event_name, letter.attempts) == ("TikTok - events", "purchase", 1)
        assert (letter.first, letter.died, letter.account.account) == (NOW, LATER, "C1")
        [lane] = await store.lanes()
        assert (lane.dead, lane.claimed) == (1, 1)

    play(scenario)


def test_dead_letters_come_latest_first_and_by_pages(play: Scenario) -> None:
    async def scenario(store: Store) -> None:
        await store.accept(accepted(*map(planned, range(1, 6))))
        claimed = await must_claim(store)
        for row in claimed.rows:
            await store.bury(claimed, [row], "refused", note="", now=NOW)
        page = await dead_letters(store, most=2)
        rest = await dead_letters(store, most=10, before=page[-1].number)
        assert [int(letter.id, 16) for letter in (*page, *rest)] == [5, 4, 3, 2, 1]

    play(scenario)


def test_a_tag_that_raised_is_a_dead_letter_at_once(play: Scenario) -> None:
    async def scenario(store: Store) -> None:
        failure = Failure("Tag", "tiktok_events_api", 0, "purchase", "raised ValueError")
        accepted_ = await store.accept(acceptance(outcome(failures=[failure]), now=NOW))
        assert accepted_.stored == 0
        [letter] = await dead_letters(store)
        assert (letter.reason, letter.holds, letter.tag, letter.note) == ("tag_failed", "hit", "Tag", failure.reason)
        assert letter.account == Lane("tiktok_events_api")

    play(scenario)


def test_what_is_too_old_is_never_claimed(play: Scenario) -> None:
    async def scenario(store: Store) -> None:
        old = [planned(number, event_time=NOW - 2 * 3_600_000, max_age_hours=1) for number in range(1, 4)]
        await store.accept(accepted(*old[:2], planned(7), old[2]))
        claimed = await must_claim(store)
        assert (ids(claimed), claimed.buried) == ([7], {"too_old": 3})
        assert {letter.reason for letter in await dead_letters(store)} == {"too_old"}

    play(scenario)


def test_a_guard_is_taken_once_until_it_is_over(play: Scenario) -> None:
    async def scenario(store: Store) -> None:
        first = await store.accept(accepted(planned(1), guards=[guard(b"k", 1)]))
        again = await store.accept(accepted(planned(2), planned(3), now=NOW + 999, guards=[guard(b"k", 2)]))
        after = await store.accept(accepted(planned(4), now=NOW + 1000, guards=[guard(b"k", 4, until=NOW + 2000)]))
        assert (first.stored, first.taken) == (1, frozenset())
        assert (again.stored, again.taken) == (1, frozenset([guard(b"k", 2)]))
        assert (after.stored, after.taken) == (1, frozenset())
        assert ids(await claim_first(store, LATER)) == [1, 3, 4]

    play(scenario)


def test_a_guard_counts_within_one_hit(play: Scenario) -> None:
    async def scenario(store: Store) -> None:
        found = await store.accept(accepted(planned(1), planned(2), guards=[guard(b"k", 1), guard(b"k", 2)]))
        assert (found.stored, found.taken) == (1, frozenset([guard(b"k", 2)]))

    play(scenario)


def test_a_delivery_that_is_held_back_uses_up_no_guard(play: Scenario) -> None:
    async def scenario(store: Store) -> None:
        await store.accept(accepted(planned(1), guards=[guard(b"duplicate", 1)]))
        blocked = await store.accept(accepted(planned(2), guards=[guard(b"once", 2), guard(b"duplicate", 2)]))
        assert (blocked.stored, blocked.taken) == (0, frozenset([guard(b"duplicate", 2)]))
        free = await store.accept(accepted(planned(3), guards=[guard(b"once", 3)]))
        assert free.stored == 1

    play(scenario)


def test_guards_that_are_over_are_swept(play: Scenario) -> None:
    async def scenario(store: Store) -> None:
        many = [guard(number.to_bytes(4, "big"), 1) for number in range(1500)]
        await store.accept(accepted(planned(1), guards=[*many, guard(b"longer", 1, until=LATER)]))
        assert [(await store.tend(now=NOW + 1000, begun=True)).guards for _ in range(3)] == [1000, 500, 0]

    play(scenario)


def test_an_empty_acceptance_writes_nothing(play: Scenario) -> None:
    async def scenario(store: Store) -> None:
        assert (await store.accept(accepted())).stored == 0
        assert await store.lanes() == []

    play(scenario)


def test_listeners_hear_when_the_first_new_row_is_due(play: Scenario) -> None:
    async def scenario(store: Store) -> None:
        heard: list[Mapping[str, int]] = []
        store.listen(heard.append)
        batched, single = planned(1), planned(2, single_request())
        await store.accept(accepted(batched, single, planned(3), linger=700))
        await store.accept(accepted())
        keys = [row.lane.key for row in accepted(batched, single).rows]
        assert heard == [dict(zip(keys, (NOW + 700, NOW), strict=True))]

    play(scenario)


def test_a_closed_store_says_so(play: Scenario) -> None:
    async def scenario(store: Store) -> None:
        await store.close()
        with pytest.raises(StoreUnavailableError):
            await store.accept(accepted(planned(1)))
        with pytest.raises(StoreUnavailableError):
            await store.lanes()
        await store.close()

    play(scenario)
