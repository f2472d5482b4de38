"""The history of a delivery: its last attempts, as they are kept and read."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from container.delivery.history import LONGEST_EXCERPT, MOST_ATTEMPTS, appended, attempts_of, history_line
from container.delivery.store import Answer, Store
from tests.delivery.engines import Engine
from tests.delivery.harness import NOW, accepted, must_claim, planned

BUSY = Answer(NOW, 503, "retry", "busy")


def histories(engine: Engine, table: str) -> list[str]:
    return [found for (found,) in engine.find(f"select history from {table} order by number")]  # noqa: S608 - constants


def test_a_row_remembers_what_was_tried_until_it_is_dead(engine: Engine) -> None:
    async def scenario(store: Store) -> None:
        await store.accept(accepted(planned(1), planned(2)))
        claimed = await must_claim(store)
        await store.postpone(claimed, claimed.rows, until=NOW, counted=True, tried=BUSY)
        claimed = await must_claim(store)
        await store.split(claimed, now=NOW, tried=Answer(NOW + 1, 400, "refused", "no currency"))
        claimed = await must_claim(store)
        await store.bury(claimed, claimed.rows, "refused", note="", now=NOW, tried=Answer(NOW + 2, 400, "refused"))
        [dead], [waiting] = histories(engine, "dead"), histories(engine, "delivery")
        assert [attempt.status for attempt in attempts_of(dead)] == [503, 400, 400]
        assert attempts_of(waiting) == (BUSY, Answer(NOW + 1, 400, "refused", "no currency"))

    engine.play(scenario)


def test_what_was_not_tried_leaves_no_line(engine: Engine) -> None:
    async def scenario(store: Store) -> None:
        await store.accept(accepted(planned(1), planned(2)))
        claimed = await must_claim(store)
        await store.give_back(claimed)
        claimed = await must_claim(store)
        await store.bury(claimed, claimed.rows[:1], "poison", note="", now=NOW)
        await store.postpone(claimed, claimed.rows[1:], until=NOW, counted=True)
        assert histories(engine, "dead") == histories(engine, "delivery") == [""]

    engine.play(scenario)


def test_a_store_keeps_the_latest_attempts_whatever_a_vendor_said(engine: Engine) -> None:
    said = [Answer(NOW + number, 500, "retry", f"so\0 much\n\t{number}") for number in range(12)]

    async def scenario(store: Store) -> None:
        await store.accept(accepted(planned(1)))
        for tried in said:
            claimed = await must_claim(store)
            await store.postpone(claimed, claimed.rows, until=NOW, counted=True, tried=tried)
        [history] = histories(engine, "delivery")
        assert [attempt.at for attempt in attempts_of(history)] == [tried.at for tried in said[-MOST_ATTEMPTS:]]

    engine.play(scenario)


def test_the_latest_attempts_stay() -> None:
    history = ""
    for number in range(15):
        history = appended(history, history_line(Answer(number, 500, "retry")))
    assert [attempt.at for attempt in attempts_of(history)] == [*range(5, 15)]


@given(st.lists(st.text(), max_size=15))
def test_whatever_a_vendor_said_stays_in_its_line(said: list[str]) -> None:
    history = ""
    for number, excerpt in enumerate(said):
        history = appended(history, history_line(Answer(number, 500, "retry", excerpt)))
    found = attempts_of(history)
    assert [attempt.at for attempt in found] == [*range(len(said))][-MOST_ATTEMPTS:]
    assert all(len(attempt.excerpt) <= LONGEST_EXCERPT for attempt in found)
    assert [attempt.excerpt for attempt in found] == [
        " ".join(excerpt.split())[:LONGEST_EXCERPT] for excerpt in said[-MOST_ATTEMPTS:]
    ]


def test_what_is_no_attempt_is_passed_over() -> None:
    assert attempts_of("") == attempts_of("garbage\nx\ty\tz\n") == ()
