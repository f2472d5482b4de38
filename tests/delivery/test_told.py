"""What is told once, and again when it changes or goes on for long."""

from __future__ import annotations

from container.delivery.told import AGAIN_MS, MOST_SUBJECTS, Told, without_numbers


def test_what_goes_on_unchanged_is_told_once() -> None:
    told = Told()
    assert [told.news("lane 1", "no connection", now=now) for now in (0, 1, 2)] == [1, 0, 0]


def test_a_change_is_news_and_brings_along_what_was_not_told() -> None:
    told = Told()
    assert told.news("lane 1", "no connection", now=0, number=5) == 5
    assert told.news("lane 1", "no connection", now=1, number=3) == 0
    assert told.news("lane 1", "status 500", now=2, number=2) == 5


def test_what_goes_on_for_long_is_told_again() -> None:
    told = Told()
    told.news("lane 1", "no connection", now=0)
    assert told.news("lane 1", "no connection", now=AGAIN_MS - 1) == 0
    assert told.news("lane 1", "no connection", now=AGAIN_MS) == 2
    assert told.news("lane 1", "no connection", now=AGAIN_MS + 1) == 0


def test_positions_and_ids_in_what_a_vendor_says_make_no_change() -> None:
    first, second = "Batch.0.user.email: not hashed", "Batch.17.user.email: not hashed"
    assert without_numbers(first) == without_numbers(second) == "Batch.#.user.email: not hashed"


def test_subjects_are_told_of_apart() -> None:
    told = Told()
    assert [told.news(lane, "no connection", now=0) for lane in ("lane 1", "lane 2")] == [1, 1]


def test_what_is_over_is_news_when_it_comes_back() -> None:
    told = Told()
    assert not told.over("lane 1")
    told.news("lane 1", "no connection", now=0)
    assert told.over("lane 1")
    assert told.news("lane 1", "no connection", now=1) == 1


def test_of_too_many_subjects_the_oldest_is_forgotten() -> None:
    told = Told()
    for number in range(MOST_SUBJECTS + 1):
        told.news(f"lane {number}", "no connection", now=0)
    assert told.news(f"lane {MOST_SUBJECTS}", "no connection", now=0) == 0
    assert told.news("lane 0", "no connection", now=0) == 1
