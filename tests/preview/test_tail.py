"""A tail: live hits without a mark, a sample of them, looked at afterwards and masked before they are kept."""

from __future__ import annotations

import asyncio
import json

import pytest

from container.effects import Reply
from container.engine.container import Container
from container.engine.guards import Memory
from container.engine.trace import Traced, trace
from container.event import Hit
from container.preview.rules import rule
from container.preview.sessions import IDLE_SECONDS, LONGEST_SECONDS, MOST_SESSIONS, NoTailError, Sessions, TooManyError
from container.preview.tail import MOST_A_SECOND, Tail
from tests.preview.parts import TOKEN, a_hit, stage
from tests.web.parts import NOW

EMAIL = "jane.doe@example.com"
LIVE_REPLY = Reply(204, (("x-live", "yes"),))


def numbered(part: float) -> Hit:
    """A hit whose random number is this part of all there are."""
    return a_hit(number=int(part * 2**32) << 96)


def test_a_tail_is_opened_only_by_a_process_that_was_told_so() -> None:
    sessions = Sessions()
    with pytest.raises(NoTailError, match="--tail"):
        sessions.tail(1, NOW)
    assert not sessions.open


def test_no_mark_and_no_link_leads_to_a_tail() -> None:
    sessions = Sessions(tails=True)
    session = sessions.tail(1, NOW)
    assert (session.mark, session.draft, session.rules, session.mode) == ("", None, [], "dry")
    assert sessions.marked("", NOW) is None
    with pytest.raises(ValueError, match="no mark"):
        sessions.code(session, NOW)


def test_a_tail_is_one_of_the_ten() -> None:
    sessions = Sessions(tails=True)
    sessions.tail(1, NOW)
    for _ in range(MOST_SESSIONS - 1):
        sessions.start(NOW)
    with pytest.raises(TooManyError):
        sessions.start(NOW)
    with pytest.raises(TooManyError):
        sessions.tail(1, NOW)


def test_a_tail_ends_as_sessions_do() -> None:
    opened: list[bool] = []
    sessions = Sessions(opened.append, tails=True)
    session = sessions.tail(1, NOW)
    share = session.share
    assert sessions.shared(share, NOW + IDLE_SECONDS - 1) is session
    assert sessions.of(session.id, NOW + IDLE_SECONDS - 1) is session
    assert sessions.all(NOW + 2 * IDLE_SECONDS - 2) == [session]
    assert sessions.all(NOW + 2 * IDLE_SECONDS) == []
    assert sessions.shared(share, NOW) is None
    another = sessions.tail(1, NOW)
    for hours in range(12):
        sessions.of(another.id, NOW + hours * 3600)
    assert sessions.all(NOW + LONGEST_SECONDS) == []
    sessions.end(sessions.tail(1, NOW))
    assert opened == [True, False] * 3


def test_the_share_is_drawn_by_the_hits_own_number() -> None:
    for percent, drawn in ((1.0, 0.0099), (50.0, 0.4999), (100.0, 0.99999)):
        assert Tail(percent).draws(numbered(drawn))
    for percent, not_drawn in ((0.0001, 0.01), (1.0, 0.0101), (50.0, 0.5001)):
        assert not Tail(percent).draws(numbered(not_drawn))


def test_so_many_hits_of_a_second_are_looked_at_and_no_more() -> None:
    tail = Tail(100)
    assert [tail.has_room(NOW + 0.05 * each, 1) for each in range(12)] == [True] * MOST_A_SECOND + [False] * 2
    assert tail.let_go == 2
    assert tail.has_room(NOW + 1, 1)
    assert tail.told() == {"percent": 100, "most_a_second": MOST_A_SECOND, "let_go": 2}


def test_hits_have_their_turn_while_a_large_one_is_masked() -> None:
    async def scenario() -> None:
        async with stage() as here:
            session = here.tail()
            body = "&".join(f"a{number}=aaaaaaaa{number}" for number in range(20_000)).encode()
            here.recorder.beside(a_hit(body=body), LIVE_REPLY)
            turns = 0
            while not session.records:
                await asyncio.sleep(0.005)
                turns += 1
            assert turns > 5

    asyncio.run(scenario())


@pytest.mark.parametrize(("tails", "each"), [(2, 5), (3, 3), (10, 1), (40, 1)])
def test_all_tails_share_what_there_is(tails: int, each: int) -> None:
    tail = Tail(100)
    assert sum(tail.has_room(NOW, tails) for _ in range(20)) == each


def test_a_drawn_hit_is_recorded_beside_and_sends_nothing() -> None:
    async def scenario() -> None:
        async with stage() as here:
            session = here.tail()
            here.recorder.beside(a_hit(), LIVE_REPLY)
            assert len(session.records) == 0
            [record] = await here.records(session)
            assert (record["source"], record["mode"], record["draft"], record["masked"]) == ("tail", "dry", False, True)
            assert record["reply"]["status"] == 204
            assert [tag["status"] for tag in record["told"]["events"][0]["tags"]] == ["fired", "fired"]
            assert {each["tag"]: each["mode"] for each in record["outgoing"]} == {"Pixel": "dry", "Hook": "dry"}
            assert here.vendor.got == []
            assert here.seen == {"tailed": 1}

    asyncio.run(scenario())


def test_what_is_kept_holds_nothing_of_a_visitor() -> None:
    async def scenario() -> None:
        async with stage() as here:
            session = here.tail()
            headers = {"cookie": "_ga=GA1.1.1234567890.1700000000", "x-a": EMAIL}
            here.recorder.beside(a_hit(f"name=purchase&email={EMAIL}", headers=headers, ip="203.0.113.77"), LIVE_REPLY)
            [record] = await here.records(session)
            kept = json.dumps(record)
            for personal in (EMAIL, "1234567890.1700000000", "203.0.113.77", TOKEN):
                assert personal not in kept
            assert "purchase" in kept

    asyncio.run(scenario())


def test_what_is_not_drawn_is_not_looked_at() -> None:
    async def scenario() -> None:
        async with stage() as here:
            session = here.tail(1)
            for part in (0.005, 0.02, 0.5, 0.99):
                here.recorder.beside(numbered(part), LIVE_REPLY)
            assert len(await here.records(session)) == 1
            assert here.seen == {"tailed": 1}

    asyncio.run(scenario())


def test_past_the_limit_hits_are_let_go_and_counted() -> None:
    async def scenario() -> None:
        async with stage() as here:
            session = here.tail()
            for _ in range(5000):
                here.recorder.beside(a_hit(), LIVE_REPLY)
            assert len(await here.records(session)) == MOST_A_SECOND
            assert here.seen == {"tailed": MOST_A_SECOND, "skipped": 5000 - MOST_A_SECOND}
            assert session.tail is not None
            assert session.tail.let_go == 5000 - MOST_A_SECOND
            here.time.now += 1
            here.recorder.beside(a_hit(), LIVE_REPLY)
            assert len(await here.records(session)) == MOST_A_SECOND + 1

    asyncio.run(scenario())


def test_two_tails_each_see_half_as_many() -> None:
    async def scenario() -> None:
        async with stage() as here:
            sessions = [here.tail(), here.tail(), here.session()]
            for _ in range(20):
                here.recorder.beside(a_hit(), LIVE_REPLY)
            assert [len(await here.records(each)) for each in sessions] == [5, 5, 0]

    asyncio.run(scenario())


def test_a_marked_hit_is_no_hit_of_a_tail() -> None:
    async def scenario() -> None:
        async with stage() as here:
            tail, session = here.tail(), here.session()
            assert await here.recorder.marked(a_hit(headers={"x-gtm-server-preview": session.mark})) is not None
            assert (len(await here.records(tail)), len(await here.records(session))) == (0, 1)
            for wrong in ("", "wrong"):
                assert await here.recorder.marked(a_hit(headers={"x-gtm-server-preview": wrong})) is None

    asyncio.run(scenario())


def test_a_process_that_opens_no_tails_looks_at_nothing_for_another() -> None:
    async def scenario() -> None:
        async with stage() as here:
            session = here.tail()
            here.sessions.tails = False
            here.recorder.beside(a_hit(), LIVE_REPLY)
            assert await here.records(session) == []
            assert here.seen == {}

    asyncio.run(scenario())


def test_a_tail_beside_a_rule_leaves_the_rules_record_whole() -> None:
    async def scenario() -> None:
        async with stage() as here:
            tail, session = here.tail(), here.session()
            session.rules.append(rule({"path": "/collect"}))
            here.recorder.beside(a_hit(f"name=purchase&email={EMAIL}"), LIVE_REPLY)
            [masked], [whole] = await here.records(tail), await here.records(session)
            assert EMAIL not in json.dumps(masked)
            assert EMAIL in json.dumps(whole)
            assert here.seen == {"tailed": 1, "by_rule": 1}

    asyncio.run(scenario())


def test_a_fault_of_a_tail_is_no_hits() -> None:
    def broken(_container: Container, _hit: Hit, _guards: Memory) -> Traced:
        raise RuntimeError(EMAIL)

    async def scenario() -> None:
        async with stage(evaluate=broken) as here:
            session = here.tail()
            here.recorder.beside(a_hit(), LIVE_REPLY)
            assert await here.records(session) == []
            assert here.seen == {"failed": 1}

    asyncio.run(scenario())


def test_other_hits_have_their_turn_between_the_trace_and_the_masking() -> None:
    turns: list[str] = []

    def traced(container: Container, hit: Hit, guards: Memory) -> Traced:
        turns.append("trace")
        return trace(container, hit, guards)

    async def others() -> None:
        for _ in range(10):
            turns.append("other")
            await asyncio.sleep(0)

    async def scenario() -> None:
        async with stage(evaluate=traced) as here:
            session = here.tail()
            for number in (1, 2):
                here.recorder.beside(a_hit(number=number), LIVE_REPLY)
            await asyncio.gather(others(), here.records(session))
        first, second = (place for place, each in enumerate(turns) if each == "trace")
        assert turns[first + 1 : second].count("other") >= 2

    asyncio.run(scenario())
