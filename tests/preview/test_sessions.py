"""Who gets into a session, for how long, and what a wrong mark, code or token does: nothing but count."""

from __future__ import annotations

import hmac
import re

import pytest

from container.preview.lock import MOST_SENDERS, MOST_WRONG, WRONG_SECONDS
from container.preview.sessions import (
    CODE_SECONDS,
    IDLE_SECONDS,
    LONGEST_SECONDS,
    MOST_CODES,
    MOST_SESSIONS,
    Session,
    Sessions,
    TooManyError,
)
from container.secret import digest

NOW = 1_700_000_000.0


@pytest.fixture
def opened() -> Sessions:
    return Sessions()


@pytest.fixture
def session(opened: Sessions) -> Session:
    return opened.start(NOW)


def test_a_session_starts_as_a_dry_run_of_the_live_file(session: Session) -> None:
    assert (session.mode, session.draft, session.rules, session.test_codes) == ("dry", None, [], {})


def test_its_secrets_are_32_random_bytes_and_safe_in_an_address(opened: Sessions, session: Session) -> None:
    found = {session.mark, session.share, opened.code(session, NOW)}
    assert len(found) == 3
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", each) for each in found)


def test_nothing_that_prints_a_session_prints_its_secrets(session: Session) -> None:
    session.test_codes["TikTok"] = "TEST4711"
    assert not [each for each in (session.mark, session.share, "TEST4711") if each in repr(session)]


def test_a_mark_finds_its_session_and_no_other(opened: Sessions, session: Session) -> None:
    other = opened.start(NOW)
    assert opened.marked(session.mark, NOW) is session
    assert opened.marked(other.mark, NOW) is other
    assert opened.wrong.marks == 0


@pytest.mark.parametrize("mark", ["", "x", "é", "\udcff", "a" * 100_000, "\0", "null"])
def test_a_wrong_mark_is_counted_and_nothing_else(opened: Sessions, session: Session, mark: str) -> None:
    assert opened.marked(mark, NOW) is None
    assert opened.wrong.marks == 1
    assert opened.marked(session.mark, NOW) is session


def test_each_secret_opens_one_door_only(opened: Sessions, session: Session) -> None:
    code = opened.code(session, NOW)
    assert not any(opened.marked(each, NOW) for each in (session.share, session.id, code))
    assert not any(opened.shared(each, NOW) for each in (session.mark, session.id, code))
    assert not any(opened.of(each, NOW) for each in (session.mark, session.share, code))
    assert not any(opened.redeem(each, NOW) for each in (session.mark, session.share, session.id))


def test_secrets_are_kept_for_comparing_as_digests_only(opened: Sessions, session: Session) -> None:
    code = opened.code(session, NOW)
    keys = [*opened._marks, *opened._shares, *opened._codes]
    assert all(isinstance(key, bytes) and len(key) == 32 for key in keys)
    assert code not in repr(vars(opened))


def test_what_is_compared_does_not_resemble_a_guess_that_is_nearly_right(opened: Sessions, session: Session) -> None:
    # A look-up by digest takes as long for this guess as for any other, since their digests share nothing.
    nearly = session.mark[:-1] + ("A" if session.mark[-1] != "A" else "B")
    first, second = digest(session.mark), digest(nearly)
    assert opened.marked(nearly, NOW) is None
    assert not hmac.compare_digest(first[:4], second[:4])


def test_a_session_is_over_when_nothing_happened_for_two_hours(opened: Sessions, session: Session) -> None:
    assert opened.marked(session.mark, NOW + IDLE_SECONDS - 1) is session
    assert opened.marked(session.mark, NOW + 2 * IDLE_SECONDS - 2) is session
    assert opened.marked(session.mark, NOW + 3 * IDLE_SECONDS) is None
    assert opened.wrong.marks == 1
    assert not opened.open


def test_a_session_is_over_after_twelve_hours_whatever_happens(opened: Sessions, session: Session) -> None:
    for hour in range(12):
        assert opened.of(session.id, NOW + hour * 3600) is session
    assert opened.of(session.id, NOW + LONGEST_SECONDS) is None


def test_a_clock_that_was_put_back_ends_nothing_early(opened: Sessions, session: Session) -> None:
    opened.marked(session.mark, NOW - 5000)
    assert session.ends == NOW + IDLE_SECONDS


def test_somebody_who_may_only_look_does_not_make_it_last(opened: Sessions, session: Session) -> None:
    assert opened.shared(session.share, NOW + IDLE_SECONDS - 1) is session
    assert opened.shared(session.share, NOW + IDLE_SECONDS) is None
    assert opened.wrong.shares == 1


def test_another_share_token_ends_the_one_before(opened: Sessions, session: Session) -> None:
    before = session.share
    after = opened.share_anew(session)
    assert opened.shared(before, NOW) is None
    assert opened.shared(after, NOW) is session


def test_no_share_token_of_a_session_that_is_over_leads_to_it(opened: Sessions, session: Session) -> None:
    opened.end(session)
    assert opened.shared(opened.share_anew(session), NOW) is None


def test_a_session_that_is_over_leaves_nothing_behind(opened: Sessions, session: Session) -> None:
    code = opened.code(session, NOW)
    session.records.add({"hit": 1})
    session.test_codes["TikTok"] = "TEST4711"
    opened.end(session)
    opened.end(session)
    assert not opened.open
    assert opened.all(NOW) == []
    assert (len(session.records), session.records.bytes, session.test_codes) == (0, 0, {})
    assert opened.marked(session.mark, NOW) is None
    assert opened.redeem(code, NOW) is None
    assert [len(each) for each in (opened._marks, opened._shares, opened._codes)] == [0, 0, 0]


def test_no_more_than_ten_are_open(opened: Sessions) -> None:
    started = [opened.start(NOW) for _ in range(MOST_SESSIONS)]
    with pytest.raises(TooManyError, match="End one"):
        opened.start(NOW)
    opened.end(started[0])
    assert opened.start(NOW) in opened.all(NOW)


def test_those_that_are_over_make_room(opened: Sessions) -> None:
    for _ in range(MOST_SESSIONS):
        opened.start(NOW)
    later = opened.start(NOW + IDLE_SECONDS)
    assert opened.all(NOW + IDLE_SECONDS) == [later]


def test_whoever_asks_hears_when_the_first_opens_and_the_last_is_over() -> None:
    heard: list[bool] = []
    opened = Sessions(heard.append)
    first, second = opened.start(NOW), opened.start(NOW)
    opened.end(first)
    assert heard == [True]
    opened.end(second)
    assert heard == [True, False]
    opened.start(NOW)
    opened.expire(NOW + IDLE_SECONDS)
    assert heard == [True, False, True, False]


def test_a_code_works_once(opened: Sessions, session: Session) -> None:
    code = opened.code(session, NOW)
    assert opened.redeem(code, NOW) is session
    assert opened.redeem(code, NOW) is None
    assert opened.wrong.codes == 1


def test_to_look_where_a_code_leads_leaves_it_good_and_the_session_as_it_was() -> None:
    opened = Sessions()
    session = opened.start(NOW)
    code, ends = opened.code(session, NOW), session.ends
    assert opened.leads_to(code, NOW + 10) is session
    assert session.ends == ends
    assert opened.redeem(code, NOW + 10) is session
    assert opened.leads_to(code, NOW + 10) is None
    assert opened.wrong.codes == 1


def test_whoever_only_looks_with_wrong_codes_is_refused_as_well() -> None:
    opened = Sessions()
    code = opened.code(opened.start(NOW), NOW)
    for number in range(MOST_WRONG):
        assert opened.leads_to(f"guess-{number}", NOW, "203.0.113.7") is None
    assert opened.leads_to(code, NOW, "203.0.113.7") is None
    assert opened.redeem(code, NOW, "203.0.113.7") is None
    assert opened.wrong.refused == 2


def test_a_code_works_for_five_minutes(opened: Sessions, session: Session) -> None:
    early, late = opened.code(session, NOW), opened.code(session, NOW)
    assert opened.redeem(early, NOW + CODE_SECONDS - 1) is session
    assert opened.redeem(late, NOW + CODE_SECONDS) is None


def test_a_session_has_ten_codes_that_wait_at_most(opened: Sessions, session: Session) -> None:
    other = opened.code(opened.start(NOW), NOW)
    codes = [opened.code(session, NOW) for _ in range(MOST_CODES + 5)]
    assert len(opened._codes) == MOST_CODES + 1
    assert opened.redeem(codes[4], NOW) is None
    assert opened.redeem(codes[5], NOW) is session
    assert opened.redeem(other, NOW) is not None


def test_no_code_of_a_session_that_was_over_already_leads_to_it(opened: Sessions, session: Session) -> None:
    opened.end(session)
    assert opened.redeem(opened.code(session, NOW), NOW) is None


def _guess(opened: Sessions, sender: str, times: int = MOST_WRONG) -> None:
    for number in range(times):
        assert opened.redeem(f"guess-{number}", NOW, sender) is None


def test_past_ten_wrong_codes_not_even_the_right_one_works_for_a_minute(opened: Sessions, session: Session) -> None:
    code = opened.code(session, NOW)
    _guess(opened, "203.0.113.7")
    assert opened.redeem(code, NOW + WRONG_SECONDS - 1, "203.0.113.7") is None
    assert (opened.wrong.codes, opened.wrong.refused) == (MOST_WRONG, 1)
    assert opened.redeem(code, NOW + WRONG_SECONDS, "203.0.113.7") is session


def test_who_guesses_locks_out_nobody_else(opened: Sessions, session: Session) -> None:
    _guess(opened, "203.0.113.7")
    assert opened.redeem(opened.code(session, NOW), NOW, "198.51.100.7") is session


def test_wrong_codes_now_and_then_lock_out_nobody(opened: Sessions, session: Session) -> None:
    for number in range(MOST_WRONG * 3):
        opened.redeem("old link", NOW + number * 10, "203.0.113.7")
        session.touch(NOW + number * 10)
    last = NOW + MOST_WRONG * 30
    assert opened.redeem(opened.code(session, last), last, "203.0.113.7") is session


def test_ten_wrong_ones_do_not_carry_over_into_the_next_minute(opened: Sessions, session: Session) -> None:
    _guess(opened, "203.0.113.7")
    later = NOW + WRONG_SECONDS
    assert opened.redeem("one more", later, "203.0.113.7") is None
    assert opened.redeem(opened.code(session, later), later, "203.0.113.7") is session


def test_many_senders_of_wrong_codes_take_bounded_room(opened: Sessions, session: Session) -> None:
    for number in range(MOST_SENDERS * 3):
        opened.redeem("guess", NOW, f"2001:db8::{number:x}")
    assert len(opened.lock) == MOST_SENDERS
    assert opened.wrong.codes == MOST_SENDERS * 3


def test_guessing_marks_and_tokens_finds_nothing_and_grows_nothing(opened: Sessions, session: Session) -> None:
    for number in range(10_000):
        assert opened.marked(f"guess-{number}", NOW) is None
        assert opened.shared(f"guess-{number}", NOW) is None
    assert (opened.wrong.marks, opened.wrong.shares) == (10_000, 10_000)
    assert (len(opened._marks), len(opened._shares)) == (1, 1)


def test_a_sender_that_nobody_knows_is_never_locked_out(opened: Sessions, session: Session) -> None:
    _guess(opened, "", MOST_WRONG * 3)
    assert not opened.lock.holds("", NOW)
    assert opened.redeem(opened.code(session, NOW), NOW) is session
    assert (opened.wrong.codes, opened.wrong.refused) == (MOST_WRONG * 3, 0)


def test_how_many_stand_in_each_mode_is_told_and_tails_apart() -> None:
    opened = Sessions(tails=True)
    over, sends = opened.start(NOW), opened.start(NOW + 1)
    over.mode = sends.mode = "send"
    opened.tail(1, NOW + 1)
    assert opened.standing(NOW + 1) == {"dry": 0, "test": 0, "send": 2, "tail": 1}
    assert opened.standing(NOW + IDLE_SECONDS) == {"dry": 0, "test": 0, "send": 1, "tail": 1}
    assert opened.has(over)
