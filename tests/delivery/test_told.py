"""What is told once, and again when it changes or goes on for long; and what is counted until it is told of."""

from __future__ import annotations

from dataclasses import dataclass, field

from container.delivery.told import AGAIN_MS, MOST_KINDS, MOST_SUBJECTS, QUIET_MS, Repeats, Told, without_numbers


@dataclass
class Lines:
    """What was told: of which kind, and how many."""

    found: list[tuple[str, int]] = field(default_factory=list)
    since: list[str] = field(default_factory=list)
    repeats: Repeats = field(default_factory=Repeats)

    def _told(self, kind: str, rows: int, since: str) -> None:
        self.found.append((kind, rows))
        self.since.append(since)

    def happened(self, kind: str, *, now: int, number: int = 1, subject: str = "buried 1") -> None:
        self.repeats.happened(subject, kind, lambda rows, since: self._told(kind, rows, since), now=now, number=number)


def test_what_goes_on_unchanged_is_told_once() -> None:
    told = Told()
    assert [told.news("lane 1", "no connection", now=now) for now in (0, 1, 2)] == [True, False, False]


def test_a_change_is_news() -> None:
    told = Told()
    assert told.news("lane 1", "no connection", now=0)
    assert told.news("lane 1", "status 500", now=2)
    assert told.news("lane 1", "no connection", now=3)


def test_what_goes_on_for_long_is_told_again() -> None:
    told = Told()
    told.news("lane 1", "no connection", now=0)
    assert not told.news("lane 1", "no connection", now=AGAIN_MS - 1)
    assert told.news("lane 1", "no connection", now=AGAIN_MS)
    assert not told.news("lane 1", "no connection", now=AGAIN_MS + 1)


def test_positions_and_ids_in_what_a_vendor_says_make_no_change() -> None:
    first, second = "Batch.0.user.email: not hashed", "Batch.17.user.email: not hashed"
    assert without_numbers(first) == without_numbers(second) == "Batch.#.user.email: not hashed"


def test_subjects_are_told_of_apart() -> None:
    told = Told()
    assert all(told.news(lane, "no connection", now=0) for lane in ("lane 1", "lane 2"))


def test_what_is_over_is_news_when_it_comes_back() -> None:
    told = Told()
    assert not told.over("lane 1")
    told.news("lane 1", "no connection", now=0)
    assert told.over("lane 1")
    assert told.news("lane 1", "no connection", now=1)


def test_of_too_many_subjects_the_oldest_is_forgotten() -> None:
    told = Told()
    for number in range(MOST_SUBJECTS + 1):
        told.news(f"lane {number}", "no connection", now=0)
    assert not told.news(f"lane {MOST_SUBJECTS}", "no connection", now=0)
    assert told.news("lane 0", "no connection", now=0)


def test_the_first_of_a_kind_is_told_of_and_what_follows_is_counted() -> None:
    lines = Lines()
    lines.happened("refused", now=0, number=5)
    for now in (1, 2):
        lines.happened("refused", now=now, number=3)
    lines.happened("gave_up", now=3)
    assert lines.found == [("refused", 5), ("gave_up", 1)]


def test_what_is_told_late_says_since_when_it_happened() -> None:
    lines = Lines()
    for second in (10, 70, 90):
        lines.happened("refused", now=second * 1000)
    lines.repeats.tell_rest()
    lines.happened("refused", now=100_000)
    lines.happened("refused", now=10_000 + AGAIN_MS)
    lines.happened("refused", now=20_000 + AGAIN_MS)
    lines.repeats.tell_rest()
    assert lines.found == [("refused", 1), ("refused", 2), ("refused", 2), ("refused", 1)]
    times = ("00:00:10", "00:01:10", "00:01:40", "00:15:20")
    assert lines.since == [f"1970-01-01T{time}Z" for time in times]


def test_two_kinds_that_take_turns_are_told_of_once_each() -> None:
    lines = Lines()
    for now in range(10):
        lines.happened(("refused", "too_old")[now % 2], now=now)
    assert lines.found == [("refused", 1), ("too_old", 1)]


def test_what_was_counted_is_told_of_with_the_next_after_a_quarter_of_an_hour() -> None:
    lines = Lines()
    for now in (0, 1, AGAIN_MS):
        lines.happened("refused", now=now)
    assert lines.found == [("refused", 1), ("refused", 2)]


def test_what_was_counted_is_told_of_after_a_quarter_of_an_hour_though_nothing_follows() -> None:
    lines = Lines()
    for now in (0, 1, 2):
        lines.happened("refused", now=now)
    lines.repeats.tell_late(now=AGAIN_MS - 1)
    assert lines.found == [("refused", 1)]
    for now in (AGAIN_MS, 2 * AGAIN_MS, 3 * AGAIN_MS):
        lines.repeats.tell_late(now=now)
    assert lines.found == [("refused", 1), ("refused", 2)]


def test_when_the_process_ends_the_rest_is_told_of_once() -> None:
    lines = Lines()
    for now in (0, 1, 2):
        lines.happened("refused", now=now)
    lines.happened("refused", now=0, subject="buried 2")
    for _ in range(2):
        lines.repeats.tell_rest()
    assert lines.found == [("refused", 1), ("refused", 1), ("refused", 2)]


def test_what_went_well_for_a_minute_is_over_with_its_rest_and_news_again() -> None:
    lines = Lines()
    for now in (0, 1):
        lines.happened("refused", now=now)
    lines.repeats.went_well("buried 1", now=QUIET_MS)
    lines.repeats.went_well("buried 2", now=QUIET_MS + 1)
    assert lines.found == [("refused", 1)]
    lines.repeats.went_well("buried 1", now=QUIET_MS + 1)
    assert lines.found == [("refused", 1), ("refused", 1)]
    lines.happened("refused", now=QUIET_MS + 2)
    assert lines.found == [("refused", 1)] * 3


def test_while_one_kind_goes_on_its_subject_is_not_over() -> None:
    lines = Lines()
    lines.happened("refused", now=0)
    lines.happened("gave_up", now=QUIET_MS - 1)
    lines.repeats.went_well("buried 1", now=QUIET_MS + 1)
    lines.happened("refused", now=QUIET_MS + 2)
    assert lines.found == [("refused", 1), ("gave_up", 1)]


def test_of_too_many_the_oldest_is_told_of_to_its_end_and_forgotten() -> None:
    lines = Lines()
    for now in (0, 1):
        lines.happened("first", now=now)
    for number in range(MOST_SUBJECTS):
        lines.happened("next", now=2, subject=f"dropped {number}")
    assert lines.found[:2] == [("first", 1), ("next", 1)]
    assert lines.found.count(("first", 1)) == 2
    kinds = Lines()
    for number in (0, 0, *range(1, MOST_KINDS + 1)):
        kinds.happened(f"kind {number}", now=3)
    assert kinds.found.count(("kind 0", 1)) == 2


def test_a_clock_that_was_set_back_silences_nothing() -> None:
    lines = Lines()
    lines.happened("refused", now=AGAIN_MS)
    lines.happened("refused", now=0)
    assert lines.found == [("refused", 1)] * 2
