"""Sessions that several processes share on one database: two of them here stand for any number."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from container.delivery.postgres import open_postgres
from container.delivery.postgres_previews import OVERHEAD
from container.preview import outbox, replica, shared
from container.preview.drafts import Draft, drafted
from container.preview.elsewhere import COMPILING
from container.preview.outbox import MOST_WAITING
from container.preview.rules import rule
from container.preview.sessions import (
    IDLE_SECONDS,
    MOST_CODES,
    MOST_SESSIONS,
    MOST_WRONG,
    NotSharedError,
    TooManyError,
    Unready,
)
from container.preview.shared import LOOK_SECONDS
from container.secret import digest
from tests.delivery.engines import emptied
from tests.delivery.postgres import KEY, execute, running
from tests.preview.lives import TEXT, live
from tests.preview.parts import a_hit
from tests.preview.sharing import FILE, Process, Time, process, processes, until
from tests.web.parts import NOW

OTHER_KEY = "b3RoZXIga2V5IG9mIDMyIGJ5dGVzLCBmb3IgdGVzdHM="
DRAFT = TEXT.replace("L-1", "L-2")

Scenario = Callable[[Process, Process], Awaitable[None]]


@pytest.fixture
def url() -> str:
    """The address of a database that is as good as new."""
    return emptied()


def play(url: str, scenario: Scenario, **more: Any) -> None:
    async def whole() -> None:
        async with processes(url, **more) as (one, other):
            await scenario(one, other)

    asyncio.run(whole())


def a_draft(text: str = DRAFT) -> Draft:
    found = drafted(text, FILE)
    assert isinstance(found, Draft)
    return found


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


def test_what_is_recorded_there_is_seen_here_with_its_answer(url: str) -> None:
    async def scenario(one: Process, other: Process) -> None:
        session = await one.start()
        session.mode = "send"
        await one.shared.told(session)
        await until(lambda: other.find(session).mode == "send")
        await other.recorder.take(other.find(session), a_hit(), "marked")
        await other.recorder.settled()
        await one.recorder.take(session, a_hit(number=2), "marked")
        await one.recorder.settled()
        watching = asyncio.create_task(watch(one, session.id))
        await until(lambda: answered(one, session.id) == 2)
        await until(lambda: len(other.shared._outbox) == 0)
        watching.cancel()
        by_both = {record["hit"]["id"]: record for _, record in session.records.since(0)}
        assert {record["number"] for record in by_both.values()} == {1, 2}
        [there] = [record for _, record in other.find(session).records.since(0)]
        here = by_both[there["hit"]["id"]]
        assert here | {"number": 1} == there
        assert [each["answer"]["status"] for each in here["outgoing"]] == [200, 200]
        assert len(other.vendor.got) == len(one.vendor.got) == 2

    play(url, scenario)


def answered(one: Process, session: str) -> int:
    found = one.sessions.of(session, one.time.now)
    assert found is not None
    return sum(1 for _, record in found.records.since(0) if all(each["answer"] for each in record["outgoing"]))


async def watch(one: Process, session: str) -> None:
    """As a page does that is open."""
    found = one.sessions.of(session, one.time.now)
    assert found is not None
    version = 0
    while True:
        version = await found.records.wait(version)


def test_a_page_that_is_loaded_shows_what_others_recorded_and_nothing_is_read_before(url: str) -> None:
    async def scenario(one: Process, other: Process) -> None:
        session = await one.start()
        await other.recorder.take(other.find(session), a_hit(), "marked")
        await other.shared._outbox.flush()
        await one.shared._look()
        assert len(session.records) == 0
        await one.shared.read(session)
        await one.shared.read(session)
        assert [record["source"] for _, record in session.records.since(0)] == ["marked"]

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


def test_clearing_clears_everywhere_and_what_comes_later_is_kept(url: str) -> None:
    async def scenario(one: Process, other: Process) -> None:
        session = await one.start()
        found = other.find(session)
        await other.recorder.take(found, a_hit(), "marked")
        await other.shared._outbox.flush()
        await one.shared.read(session)
        session.records.clear()
        await one.shared.told(session)
        await until(lambda: len(found.records) == 0)
        await other.recorder.take(found, a_hit(number=2), "marked")
        await other.shared._outbox.flush()
        await one.shared.read(session)
        assert [record["hit"]["id"] for _, record in session.records.since(0)] == [a_hit(number=2).id.hex()]
        assert execute(url, "select count(*) from preview_record") == [(1,)]

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


def left(url: str) -> list[int]:
    tables = ("preview_session", "preview_code", "preview_record")
    return [execute(url, f"select count(*) from {table}")[0][0] for table in tables]  # noqa: S608 - constants


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


def test_one_that_was_only_not_used_here_comes_back(url: str) -> None:
    async def scenario(one: Process, other: Process) -> None:
        session = await one.start()
        one.away = "it is away"
        one.time.now += IDLE_SECONDS - 60
        other.sessions.marked(session.mark, one.time.now)
        await other.shared._look()
        one.time.now += 61
        assert not one.knows(session)
        one.away = ""
        await until(lambda: one.knows(session))
        assert other.knows(session)

    play(url, scenario)


def test_who_cannot_ask_goes_on_and_sends_nothing_until_it_can(url: str) -> None:
    ticks = [0.0]

    async def whole() -> None:
        now = Time()
        async with process(url, time=now) as one, process(url, time=now, sure=2.0, monotonic=lambda: ticks[0]) as other:
            session = await one.start()
            session.mode = "send"
            await one.shared.told(session)
            await until(lambda: other.find(session).mode == "send")
            other.away = "the database does not answer"
            found = other.find(session)
            await asyncio.sleep(0.1)
            ticks[0] += 2.5
            reply = await other.recorder.marked(a_hit(headers={"x-gtm-server-preview": session.mark}))
            assert reply is not None
            await other.recorder.settled()
            [(_, record)] = found.records.since(0)
            assert (record["mode"], other.vendor.got) == ("dry", [])
            assert record["console"][0].startswith("Nothing was sent, since this process cannot ask")
            with pytest.raises(NotSharedError, match="No preview was started"):
                await other.start()
            assert len(other.sessions.all(NOW)) == 1
            found.mode = "dry"
            with pytest.raises(NotSharedError, match="alone"):
                await other.shared.told(found)
            with pytest.raises(NotSharedError, match="No link was made"):
                await other.sessions.link(found, NOW)
            await other.shared.read(found)
            other.away = ""
            await until(lambda: session.mode == "dry" and not other.shared.unsure)
            await until(lambda: left(url)[2] == 1)

    asyncio.run(whole())


def test_a_link_cannot_be_used_while_nobody_knows_whether_it_was(url: str) -> None:
    async def scenario(one: Process, _other: Process) -> None:
        session = await one.start()
        code = await one.sessions.link(session, NOW)
        one.away = "it is away"
        assert await one.sessions.redeemed(code, NOW) is None
        assert one.sessions.wrong.refused == 1
        one.away = ""
        await one.shared._look()
        assert await one.sessions.redeemed(code, NOW) is session

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


def test_what_a_later_release_has_written_is_left_alone(url: str) -> None:
    async def scenario(one: Process, other: Process) -> None:
        session = await one.start()
        replica = one.shared._replicas[session.id]
        async with one.shared._turn:
            version = await one.table.change(session.id, replica.version, b'{"later": 1}')
            assert version is not None
            session.mode = "test"
            await one.shared._tell(replica)
        assert not one.knows(session)
        await until(lambda: one.counted == other.counted == {"foreign": 1})
        await other.table.write(session.id, [b"no envelope"], {})
        await other.shared.read(other.find(session))
        assert len(other.find(session).records) == 0

    play(url, scenario)


def test_who_is_overtaken_again_and_again_is_told(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "TRIES", 0)

    async def scenario(one: Process, _other: Process) -> None:
        session = await one.start()
        session.mode = "test"
        with pytest.raises(NotSharedError, match="all the time"):
            await one.shared.told(session)

    play(url, scenario)


def test_numbers_of_what_is_gone_are_forgotten(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replica, "SPARE_NUMBERS", 2)

    async def scenario(one: Process, other: Process) -> None:
        session = await one.start()
        found = other.find(session)
        for number in range(6):
            found.records.add({"number": number})
            await other.shared._outbox.flush()
            await one.shared.read(session)
            for ring in (session.records, found.records):
                ring._most_bytes = 2 * ring.bytes // len(ring)
                ring._drop()
        here, there = one.shared._replicas[session.id], other.shared._replicas[session.id]
        assert len(session.records) == 2
        assert (len(here._numbers), len(there.written)) == (3, 2)

    play(url, scenario)


def test_more_records_than_are_read_together_are_all_read(url: str) -> None:
    async def scenario(one: Process, other: Process) -> None:
        session = await one.start()
        for number in range(replica.AT_ONCE + 3):
            other.find(session).records.add({"text": f"{number}" + "x" * 2000})
        await other.shared._outbox.flush()
        await one.shared.read(session)
        kept = [record["text"].rstrip("x") for _, record in session.records.since(0)]
        assert kept == [str(number) for number in range(replica.AT_ONCE + 3)]

    play(url, scenario)


def test_an_answer_that_comes_while_its_record_is_written_is_written_too(url: str) -> None:
    async def scenario(one: Process, other: Process) -> None:
        session = await one.start()
        session.records.add({"text": "asked"})
        await asyncio.sleep(0)
        writing = asyncio.create_task(one.shared._outbox.flush())
        await asyncio.sleep(0)
        session.records.replace(1, {"text": "answered"})
        await writing
        await one.shared._outbox.flush()
        await other.shared.read(other.find(session))
        assert [record["text"] for _, record in other.find(session).records.since(0)] == ["answered"]

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


def test_an_answer_takes_the_place_of_its_record(url: str) -> None:
    async def scenario(one: Process, other: Process) -> None:
        session = await one.start()
        found = other.find(session)
        for text in ("first", "second"):
            found.records.add({"text": text})
        await other.shared._outbox.flush()
        await one.shared.read(session)
        found.records.replace(1, {"text": "answered"})
        await other.shared._outbox.flush()
        await one.shared.read(session)
        assert [record["text"] for _, record in session.records.since(0)] == ["answered", "second"]

    play(url, scenario)


def test_what_is_over_by_its_turn_is_not_told(url: str) -> None:
    async def scenario(one: Process, _other: Process) -> None:
        session = await one.start()
        async with one.shared._turn:
            session.mode = "test"
            telling = asyncio.create_task(one.shared.told(session))
            await asyncio.sleep(0)
            one.sessions.end(session)
            await one.shared._tell(one.shared._replicas[session.id])
        await telling
        assert left(url) == [0, 0, 0]

    play(url, scenario)


def test_a_session_with_another_key_is_left_alone_and_counted(url: str) -> None:
    async def whole() -> None:
        now = Time()
        async with process(url, time=now) as one, process(url, time=now, key=OTHER_KEY) as other:
            session = await one.start()
            await until(lambda: other.counted["foreign"] == 1)
            session.mode = "test"
            await one.shared.told(session)
            await other.shared._look()
            assert (other.counted["foreign"], other.sessions.open, one.knows(session)) == (1, False, True)
            row = (await other.table.news(session.id, 0, most=1)) or None
            assert row is None
            await one.recorder.take(session, a_hit(), "marked")
            await one.shared._outbox.flush()
            [record] = await other.table.news(session.id, 0, most=1)
            assert record.body is None

    asyncio.run(whole())


def test_nothing_of_a_session_rests_in_clear(url: str) -> None:
    async def scenario(one: Process, _other: Process) -> None:
        session = await one.start()
        code = await one.sessions.link(session, NOW)
        await one.recorder.take(session, a_hit("name=purchase&who=ada"), "marked")
        await one.shared._outbox.flush()
        rests = repr(execute(url, "select * from preview_session")) + repr(execute(url, "select * from preview_record"))
        rests += repr(execute(url, "select * from preview_code"))
        for secret in (session.mark, session.share, code, "ada"):
            assert secret not in rests

    play(url, scenario)


def test_the_oldest_records_go_when_all_take_too_much(url: str) -> None:
    async def scenario(one: Process, other: Process) -> None:
        session = await one.start()
        for number in range(60):
            session.records.add({"number": number, "text": "x" * 1000})
            if number % 20 == 19:
                await one.shared._outbox.flush()
        [(kept, size)] = execute(url, "select count(*), sum(length(body)) from preview_record")
        assert size + kept * OVERHEAD <= 20_000
        assert kept >= 12
        await other.shared.read(other.find(session))
        last = [record for _, record in other.find(session).records.since(0)]
        assert [record["number"] for record in last] == [*range(1, kept + 1)]

    play(url, scenario, most_bytes=20_000)


def test_a_hundred_records_wait_and_the_rest_is_dropped_and_counted(url: str) -> None:
    async def scenario(one: Process, _other: Process) -> None:
        session = await one.start()
        one.away = "it is away"
        for number in range(MOST_WAITING + 5):
            session.records.add({"text": str(number)})
        # An answer takes no second place, and one that was dropped is not counted twice.
        session.records.replace(1, {"text": "answered"})
        assert (len(one.shared._outbox), one.counted["dropped"]) == (MOST_WAITING, 5)
        one.away = ""
        await until(lambda: left(url)[2] == MOST_WAITING)

    play(url, scenario)


def test_records_that_wait_have_a_cap_in_bytes(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "MOST_BYTES", 1000)

    async def scenario(one: Process, _other: Process) -> None:
        session = await one.start()
        one.away = "it is away"
        for _ in range(5):
            session.records.add({"text": "x" * 400})
        assert (len(one.shared._outbox), one.counted["dropped"]) == (2, 3)

    play(url, scenario)


def test_what_an_ended_session_recorded_is_let_go(url: str) -> None:
    async def scenario(one: Process, other: Process) -> None:
        session = await one.start()
        found = other.find(session)
        await other.table.end([session.id])
        found.records.add({"text": "late"})
        await other.shared._outbox.flush()
        assert left(url) == [0, 0, 0]
        await until(lambda: not one.sessions.open and not other.sessions.open)
        found.mode = "send"
        await other.shared.told(found)
        await other.shared.read(found)

    play(url, scenario)


def test_a_change_of_what_somebody_ended_meanwhile_is_one_of_nothing(url: str) -> None:
    async def scenario(one: Process, other: Process) -> None:
        session = await one.start()
        found = other.find(session)
        async with other.shared._turn:
            await one.table.end([session.id])
            found.mode = "send"
            await other.shared._tell(other.shared._replicas[session.id])
        assert not other.sessions.open

    play(url, scenario)


def test_tables_of_the_version_before_share_nothing_and_say_what_to_run(caplog: pytest.LogCaptureFixture) -> None:
    async def whole() -> None:
        async with process(running().database(2)) as one:
            with pytest.raises(NotSharedError, match="tag-container migrate"):
                await one.start()
            assert not one.sessions.open

    asyncio.run(whole())
    lines = [each.getMessage() for each in caplog.records if "preview.not_shared" in each.getMessage()]
    assert len(lines) == 1
    assert "tag-container migrate --store URL" in lines[0]


def test_a_database_that_comes_back_is_looked_at_again(url: str, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(one: Process, other: Process) -> None:
        session = await one.start()
        other.away = "the database refuses it"
        await asyncio.sleep(0.1)
        session.mode = "test"
        await one.shared.told(session)
        other.away = ""
        await until(lambda: other.find(session).mode == "test")

    play(url, scenario)
    assert caplog.text.count("preview.not_shared") == 1


def test_a_fault_of_ours_does_not_end_the_looks(url: str, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(one: Process, other: Process) -> None:
        there: Any = other.table
        other.table = "no table"  # type: ignore[assignment]  # so that something unforeseen is raised
        await until(lambda: "a fault of ours, AttributeError" in caplog.text)
        other.table = there
        session = await one.start()
        await until(lambda: other.knows(session))

    play(url, scenario)


def test_a_store_of_one_process_shares_nothing(url: str) -> None:
    async def scenario(one: Process, _other: Process) -> None:
        one.shared._asked = lambda: None
        with pytest.raises(NotSharedError, match="one process alone"):
            await one.start()

    play(url, scenario)


def test_what_was_forgotten_is_gone_from_all_processes(url: str) -> None:
    async def scenario(one: Process, other: Process) -> None:
        session = await one.start()
        found = other.find(session)
        found.records.add({"text": "of somebody"})
        await other.shared._outbox.flush()
        await one.shared.read(session)
        store = await open_postgres(url, key=KEY, recover=False)
        assert await store.forget_previews(dry_run=True) == 1
        assert await store.forget_previews() == 1
        await store.close()
        await until(lambda: len(session.records) == len(found.records) == 0)
        assert left(url) == [1, 0, 0]

    play(url, scenario)
