"""Sessions that several processes share on one database: two of them here stand for any number."""

from __future__ import annotations

import asyncio

import pytest

from container.preview.elsewhere import COMPILING
from container.preview.lock import MOST_WRONG
from container.preview.rules import rule
from container.preview.sessions import (
    IDLE_SECONDS,
    MOST_CODES,
    MOST_SESSIONS,
    TooManyError,
    Unready,
)
from container.preview.shared import LOOK_SECONDS
from container.secret import digest
from tests.delivery.engines import emptied
from tests.delivery.postgres import execute
from tests.preview.lives import TEXT, live
from tests.preview.parts import a_hit
from tests.preview.sharing import DRAFT, FILE, Process, a_draft, left, play, process, until
from tests.web.parts import NOW


@pytest.fixture
def url() -> str:
    """The address of a database that is as good as new."""
    return emptied()


def test_a_session_that_is_started_here_is_marked_there(url: str) -> None:
    async def scenario(one: Process, other: Process) -> None:
        session = one.sessions.start(NOW)
        await one.shared.started(session)
        # Whoever is given the mark by now may use it at once, anywhere.
        reply = await other.recorder.marked(a_hit(headers={"x-gtm-server-preview": session.mark}))
        assert reply is not None
        found = other.find(session)
        assert (found.mark, found.share, found.mode, found.started) == (session.mark, session.share, "dry", NOW)
        assert other.sessions.shared(session.share, NOW) is found

    play(url, scenario, every=LOOK_SECONDS)


def test_a_process_that_starts_later_knows_the_sessions_before_it_takes_hits(url: str) -> None:
    async def scenario(one: Process, _other: Process) -> None:
        session = await one.start()
        async with process(url, time=one.time) as third:
            assert third.knows(session)

    play(url, scenario)


def test_mode_codes_rules_and_a_new_share_token_reach_the_others(url: str) -> None:
    async def scenario(one: Process, other: Process) -> None:
        session = await one.start()
        before = session.share
        session.mode = "test"
        session.test_codes["TikTok"] = "TEST1"
        session.rules[:] = [rule({"path": "^/a", "percent": 5})]
        one.sessions.share_anew(session)
        await one.shared.told(session)
        found = other.find(session)
        await until(lambda: found.mode == "test")
        assert (found.test_codes, [each.told() for each in found.rules]) == (
            {"TikTok": "TEST1"},
            [{"path": "^/a", "percent": 5.0}],
        )
        assert other.sessions.shared(before, NOW) is None
        assert other.sessions.shared(session.share, NOW) is found

    play(url, scenario)


def test_what_nobody_told_of_is_found_by_the_next_look(url: str) -> None:
    async def scenario(one: Process, other: Process) -> None:
        session = await one.start()
        session.mode = "send"
        await until(lambda: other.find(session).mode == "send")

    play(url, scenario)


def test_a_dry_run_is_where_all_look_when_the_page_says_so(url: str) -> None:
    async def scenario(one: Process, other: Process) -> None:
        session = await one.start()
        session.mode = "send"
        await one.shared.told(session)
        await until(lambda: other.find(session).mode == "send")
        session.mode = "dry"
        await one.shared.told(session)
        await other.shared._look()
        await other.recorder.take(other.find(session), a_hit(), "marked")
        await other.recorder.settled()
        assert other.vendor.got == []

    play(url, scenario)


def test_two_who_change_different_things_at_once_both_have_changed_them(url: str) -> None:
    async def scenario(one: Process, other: Process) -> None:
        session = await one.start()
        found = other.find(session)
        session.mode = "test"
        found.test_codes["TikTok"] = "TEST1"
        await asyncio.gather(one.shared.told(session), other.shared.told(found))
        await until(lambda: (found.mode, session.test_codes) == ("test", {"TikTok": "TEST1"}))
        assert (session.mode, found.test_codes) == ("test", {"TikTok": "TEST1"})

    play(url, scenario)


def test_a_draft_is_compiled_by_each_process_and_nothing_is_sent_meanwhile(url: str) -> None:
    async def scenario(one: Process, other: Process) -> None:
        session = await one.start()
        session.draft, session.mode = a_draft(), "send"
        await one.shared.told(session)
        found = other.find(session)
        await until(lambda: found.unready is not None or found.draft is not None)
        await until(lambda: found.draft is not None)
        assert found.unready is None
        assert found.draft.text == DRAFT
        assert found.draft.container.id == "L-2"
        session.draft = None
        await one.shared.told(session)
        await until(lambda: found.draft is None)
        assert found.unready is None

    play(url, scenario)


def test_a_draft_that_does_not_run_there_is_said_in_the_record_and_sends_nothing(url: str) -> None:
    async def scenario(one: Process, other: Process) -> None:
        other.file = live(TEXT.replace('"${secret:TIKTOK_TOKEN}"', '"${secret:OTHER_TOKEN}"'))
        session = await one.start()
        session.draft, session.mode = a_draft(), "send"
        await one.shared.told(session)
        found = other.find(session)
        await until(lambda: found.unready is not None and "does not run" in found.unready.why)
        await other.recorder.take(found, a_hit(), "marked")
        [(_, record)] = found.records.since(0)
        assert record["mode"] == "dry"
        assert "TIKTOK_TOKEN" in record["console"][0]
        assert other.vendor.got == []
        # Whoever changes something else there leaves the draft to those that can run it.
        found.test_codes["TikTok"] = "TEST1"
        await other.shared.told(found)
        await until(lambda: session.test_codes == {"TikTok": "TEST1"})
        assert session.draft is not None
        other.file = FILE
        await until(lambda: found.draft is not None)
        assert (found.draft.text, found.unready) == (DRAFT, None)

    play(url, scenario)


def test_a_process_without_a_file_runs_no_draft(url: str) -> None:
    async def scenario(one: Process, _other: Process) -> None:
        session = await one.start()
        session.draft = a_draft()
        await one.shared.told(session)
        async with process(url, time=one.time, file=None) as third:
            found = third.find(session)
            await until(lambda: found.unready is not None and "no container file" in found.unready.why)

    play(url, scenario)


def test_who_ends_a_session_ends_it_for_all_and_nothing_of_it_is_left(url: str) -> None:
    async def scenario(one: Process, other: Process) -> None:
        session = await one.start()
        await one.sessions.link(session, NOW)
        await other.recorder.take(other.find(session), a_hit(), "marked")
        await other.shared._outbox.flush()
        one.sessions.end(session)
        await one.shared.told(session)
        await until(lambda: not other.knows(session))
        assert not other.sessions.open
        assert left(url) == [0, 0, 0]

    play(url, scenario)


def test_a_code_is_good_once_whoever_asks_at_once(url: str) -> None:
    async def scenario(one: Process, other: Process) -> None:
        session = await one.start()
        code = await one.sessions.link(session, NOW)
        found = await asyncio.gather(*(each.sessions.redeemed(code, NOW) for each in (one, other, one, other)))
        assert [each.id for each in found if each is not None] == [session.id]
        await other.shared._look()
        assert await other.sessions.redeemed(code, NOW) is None

    play(url, scenario)


def test_a_code_that_was_used_elsewhere_counts_as_wrong(url: str) -> None:
    async def scenario(one: Process, other: Process) -> None:
        session = await one.start()
        code = await one.sessions.link(session, NOW)
        async with one.shared._turn:
            # No look comes in between.
            assert await other.shared.used(digest(code), NOW)
            assert await one.sessions.redeemed(code, NOW) is None
        assert one.sessions.wrong.codes == 1

    play(url, scenario)


def test_a_link_may_be_asked_for_while_its_session_starts(url: str) -> None:
    async def scenario(one: Process, other: Process) -> None:
        session = one.sessions.start(NOW)
        _, code = await asyncio.gather(one.shared.started(session), one.sessions.link(session, NOW))
        await until(lambda: other.sessions.leads_to(code, NOW) is not None)
        found = await other.sessions.redeemed(code, NOW)
        assert found is other.find(session)

    play(url, scenario)


def test_codes_end_by_their_time_and_by_their_number(url: str) -> None:
    async def scenario(one: Process, other: Process) -> None:
        session = await one.start()
        for _ in range(MOST_CODES + 2):
            one.time.now += 1
            await one.sessions.link(session, one.time.now)
        assert left(url)[1] == MOST_CODES
        one.time.now += 301
        code = await one.sessions.link(session, one.time.now)
        assert left(url)[1] == 1
        assert not await other.shared.used(digest(code), one.time.now + 301)

    play(url, scenario)


def test_wrong_marks_and_codes_ask_nobody_and_are_counted_by_each_process(url: str) -> None:
    async def scenario(one: Process, other: Process) -> None:
        session = await one.start()
        code = await one.sessions.link(session, NOW)
        other.away = "nobody may be asked"
        for _ in range(MOST_WRONG):
            assert await other.recorder.marked(a_hit(headers={"x-gtm-server-preview": "wrong"})) is None
            assert await other.sessions.redeemed("wrong", NOW, "203.0.113.7") is None
        assert await other.sessions.redeemed(code, NOW, "203.0.113.7") is None
        assert (other.sessions.wrong.marks, other.sessions.wrong.codes, other.sessions.wrong.refused) == (10, 10, 1)
        assert one.sessions.wrong.codes == 0
        assert await one.sessions.redeemed(code, NOW, "203.0.113.7") is session

    play(url, scenario)


def test_ten_are_ten_whoever_starts_them_at_once(url: str) -> None:
    async def scenario(one: Process, other: Process) -> None:
        async def start(each: Process) -> bool:
            try:
                await each.start()
            except TooManyError:
                return False
            return True

        begun = await asyncio.gather(*(start(each) for each in [one, other] * MOST_SESSIONS))
        assert sum(begun) == MOST_SESSIONS
        assert left(url)[0] == MOST_SESSIONS
        await until(lambda: [len(each.sessions.all(NOW)) for each in (one, other)] == [MOST_SESSIONS] * 2)

    play(url, scenario)


def test_either_ends_what_nobody_uses(url: str) -> None:
    async def scenario(one: Process, other: Process) -> None:
        session = await one.start()
        await one.sessions.link(session, NOW)
        one.time.now += IDLE_SECONDS + 1
        await other.shared._look()
        assert left(url) == [0, 0, 0]
        await until(lambda: not one.sessions.open and not other.sessions.open)

    play(url, scenario)


def test_what_one_uses_lasts_on_for_all_and_that_is_written_down_once_a_minute(url: str) -> None:
    async def scenario(one: Process, other: Process) -> None:
        session = await one.start()
        found = other.find(session)
        ends = execute(url, "select ends from preview_session")
        one.time.now += 59
        other.sessions.marked(session.mark, one.time.now)
        await other.shared._look()
        assert execute(url, "select ends from preview_session") == ends
        one.time.now += 1
        other.sessions.marked(session.mark, one.time.now)
        await other.shared._look()
        assert execute(url, "select ends from preview_session") == [(ends[0][0] + 60_000,)]
        await one.shared._look()
        assert session.ends == found.ends == NOW + 60 + IDLE_SECONDS

    play(url, scenario)


def test_a_tail_is_one_at_all_processes_and_no_mark_leads_to_it(url: str) -> None:
    async def scenario(one: Process, other: Process) -> None:
        one.sessions.tails = True
        session = one.sessions.tail(5.0, NOW)
        await one.shared.started(session)
        await until(lambda: other.knows(session))
        found = other.find(session)
        assert found.tail is not None
        assert (found.tail.percent, found.mark) == (5.0, "")
        assert other.sessions.marked("", NOW) is None

    play(url, scenario)


def test_a_draft_that_is_another_one_by_the_time_it_is_compiled_is_not_taken(url: str) -> None:
    async def scenario(one: Process, _other: Process) -> None:
        session = await one.start()
        async with one.shared._turn:
            session.unready = draft = Unready(DRAFT, "draft.yaml", COMPILING)
            compiling = asyncio.create_task(one.shared._compile(one.shared._replicas[session.id], draft))
            await asyncio.sleep(0)
            session.unready = None
            await compiling
        assert session.draft is None

    play(url, scenario)
