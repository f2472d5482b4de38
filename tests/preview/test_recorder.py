"""What becomes of hits while a session is open: run through the draft, recorded, and sent where it was said."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from container.effects import Reply
from container.engine.container import Container
from container.engine.guards import Memory
from container.engine.trace import Traced, trace
from container.event import Hit
from container.preview import prepared
from container.preview import recorder as recording
from container.preview.controls import Controls
from container.preview.evaluating import MOST_WAITING as MOST_MARKED
from container.preview.evaluating import SHARE, Evaluating, FullError
from container.preview.prepared import REMEMBERED
from container.preview.reach import origin
from container.preview.recorder import CHANGED, MOST_UNDER_WAY, MOST_WAITING
from container.preview.rules import rule
from container.preview.sessions import Mode, Session, Unready
from tests.preview.parts import FILE, HOOK, LIVE, TOKEN, VENDOR, Stage, Vendor, a_hit, container, outgoing, stage

QUIET = FILE.replace("triggers: {Every: {}}", "triggers: {Every: {events: nothing}}")
MINE = rule({"path": "/collect"})


def marked(mark: str, query: str = "name=purchase", **more: Any) -> Hit:
    return a_hit(query, headers={"x-gtm-server-preview": mark}, **more)


def in_cookie(mark: str) -> Hit:
    return a_hit(headers={"cookie": f"_ga=1; tc_preview={mark}"})


@pytest.mark.parametrize("mark", [marked, in_cookie])
def test_a_hit_with_a_mark_is_recorded_and_answered_by_the_draft(mark: Any) -> None:
    async def scenario() -> None:
        async with stage() as here:
            session = here.session()
            reply = await here.recorder.marked(mark(session.mark))
            [record] = await here.records(session)
            assert reply is not None
            assert reply.status == 204
            assert [cookie.name for cookie in reply.cookies] == ["pixel"]
            assert (record["number"], record["source"], record["mode"], record["draft"]) == (1, "marked", "dry", False)
            assert record["told"]["client"] == "Test"
            assert record["reply"] == record["told"]["reply"]
            assert record["hit"]["path"] == "/collect"
            assert record["hit"]["query"] == "name=purchase"
            assert session.mark not in json.dumps(record)
            assert here.seen == {"marked": 1}

    asyncio.run(scenario())


def test_a_hit_without_a_mark_is_nobodys() -> None:
    async def scenario() -> None:
        async with stage() as here:
            session = here.session()
            assert await here.recorder.marked(a_hit(headers={"cookie": "_ga=1"})) is None
            assert await here.records(session) == []
            assert here.seen == {}

    asyncio.run(scenario())


def test_a_wrong_or_an_old_mark_is_ignored_and_counted() -> None:
    async def scenario() -> None:
        async with stage() as here:
            over, session = here.session(), here.session()
            here.sessions.end(over)
            for mark in ("wrong", over.mark, "x" * 5000, "é", session.mark[:-1]):
                assert await here.recorder.marked(marked(mark)) is None
            assert here.seen == {"ignored": 5}
            here.time.now += 3 * 3600
            assert await here.recorder.marked(marked(session.mark)) is None
            assert here.seen == {"ignored": 6}
            assert not here.sessions.open

    asyncio.run(scenario())


def test_the_cookie_counts_where_the_header_is_of_another_server() -> None:
    async def scenario() -> None:
        async with stage() as here:
            session = here.session()
            headers = {"x-gtm-server-preview": "ZW52LTF8", "cookie": f"tc_preview={session.mark}"}
            assert await here.recorder.marked(a_hit(headers=headers)) is not None
            assert here.seen == {"ignored": 1, "marked": 1}

    asyncio.run(scenario())


def test_a_hit_runs_through_the_draft_of_its_session() -> None:
    async def scenario() -> None:
        async with stage() as here:
            live, draft = here.session(), here.session(draft=QUIET)
            await here.recorder.marked(marked(live.mark))
            reply = await here.recorder.marked(marked(draft.mark))
            [first], [second] = await here.records(live), await here.records(draft)
            assert [tag["status"] for tag in first["told"]["events"][0]["tags"]] == ["fired", "fired"]
            assert [tag["status"] for tag in second["told"]["events"][0]["tags"]] == ["not_triggered"] * 2
            assert (len(first["outgoing"]), second["outgoing"], second["draft"]) == (2, [], True)
            assert reply is not None
            assert not reply.cookies
            draft.draft = None
            await here.recorder.marked(marked(draft.mark))
            assert [record["draft"] for record in await here.records(draft)] == [True, False]

    asyncio.run(scenario())


def test_a_dry_run_shows_what_would_leave_and_sends_nothing() -> None:
    async def scenario() -> None:
        async with stage() as here:
            session = here.session()
            await here.recorder.marked(marked(session.mark))
            [record] = await here.records(session)
            shown = outgoing(record)
            assert here.vendor.got == []
            assert {tag: (each["mode"], each["answer"]) for tag, each in shown.items()} == {
                "Pixel": ("dry", None),
                "Hook": ("dry", None),
            }
            assert (shown["Pixel"]["method"], shown["Pixel"]["url"], shown["Hook"]["url"]) == ("POST", VENDOR, HOOK)
            assert ["authorization", "Bearer ${secret:TOKEN}"] in shown["Pixel"]["headers"]
            assert shown["Pixel"]["event"] == "purchase"
            assert json.loads(shown["Pixel"]["body"])["name"] == "purchase"
            assert "why" not in shown["Pixel"]

    asyncio.run(scenario())


def test_a_tag_without_its_code_says_that_it_lacks_one() -> None:
    async def scenario() -> None:
        async with stage() as here:
            session = here.session("test")
            await here.recorder.marked(marked(session.mark))
            [record] = await here.records(session)
            assert outgoing(record)["Pixel"]["why"] == "there is no test code for this tag, so nothing is sent"
            assert here.vendor.addresses == []

    asyncio.run(scenario())


def test_test_events_leave_with_the_sessions_code_and_nothing_else_does() -> None:
    async def scenario() -> None:
        async with stage() as here:
            session = here.session("test", Pixel="TEST1", Hook="TEST2")
            await here.recorder.marked(marked(session.mark))
            [record] = await here.records(session)
            shown = outgoing(record)
            assert here.vendor.addresses == [VENDOR]
            assert json.loads(here.vendor.got[0].content)["code"] == "TEST1"
            assert (shown["Pixel"]["mode"], shown["Pixel"]["answer"]["status"]) == ("test", 200)
            assert (shown["Hook"]["mode"], shown["Hook"]["answer"]) == ("dry", None)
            assert shown["Hook"]["why"] == "this type of tag takes no test code, so nothing is sent in this mode"

    asyncio.run(scenario())


def test_without_a_code_test_mode_is_dry() -> None:
    async def scenario() -> None:
        async with stage() as here:
            session = here.session("test")
            await here.recorder.marked(marked(session.mark))
            session.test_codes["Pixel"] = " TEST1"
            await here.recorder.marked(marked(session.mark))
            session.mode = "dry"
            await here.recorder.marked(marked(session.mark))
            modes = [outgoing(record)["Pixel"]["mode"] for record in await here.records(session)]
            assert modes == ["dry", "test", "dry"]
            assert len(here.vendor.got) == 1

    asyncio.run(scenario())


def test_a_request_of_send_mode_leaves_once_and_its_answer_is_in_the_record() -> None:
    def no(_: httpx.Request) -> httpx.Response:
        return httpx.Response(503, json={"said": "later"})

    async def scenario() -> None:
        async with stage(Vendor(no)) as here:
            session = here.session("send")
            await here.recorder.marked(marked(session.mark))
            [record] = await here.records(session)
            shown = outgoing(record)
            assert sorted(here.vendor.addresses) == [HOOK, VENDOR]
            assert dict(here.vendor.got[0].headers)["authorization"] == f"Bearer {TOKEN}"
            answer = shown["Pixel"]["answer"]
            assert (answer["status"], answer["attempt"], answer["verdict"]) == (503, 1, "refused")
            assert (answer["body"], answer["reason"]) == ('{"said":"later"}', "later")
            assert answer["seconds"] > 0
            assert shown["Hook"]["answer"]["verdict"] == "retry"
            assert TOKEN not in json.dumps(record)

    asyncio.run(scenario())


def test_the_reply_does_not_wait_for_a_vendor() -> None:
    async def scenario() -> None:
        async with stage() as here:
            session = here.session("send")
            await here.recorder.marked(marked(session.mark))
            [(_, record)] = session.records.since(0)
            assert [each["answer"] for each in record["outgoing"]] == [None, None]
            assert (await here.records(session))[0]["outgoing"][0]["answer"]["status"] == 200

    asyncio.run(scenario())


def test_an_answer_that_comes_when_its_record_is_gone_is_let_go() -> None:
    async def scenario() -> None:
        async with stage() as here:
            session = here.session("send")
            await here.recorder.marked(marked(session.mark))
            session.records.clear()
            assert await here.records(session) == []
            assert here.seen == {"marked": 1}

    asyncio.run(scenario())


def test_more_requests_than_may_be_under_way_stay_here_and_say_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "MOST_UNDER_WAY", 3)

    async def scenario() -> None:
        released = asyncio.Event()

        async def in_time(_: httpx.Request) -> httpx.Response:
            await released.wait()
            return httpx.Response(200, json={"said": "ok"})

        async with stage(Vendor(in_time)) as here:
            session = here.session("send")
            for number in (1, 2):
                await here.recorder.marked(marked(session.mark, number=number))
            released.set()
            first, second = await here.records(session)
            assert [each["mode"] for each in first["outgoing"] + second["outgoing"]] == ["send"] * 3 + ["dry"]
            assert second["outgoing"][1]["why"] == "3 requests of previews are under way already"
            assert len(here.vendor.got) == 3

    asyncio.run(scenario())
    assert MOST_UNDER_WAY == 64


@pytest.mark.parametrize(("mode", "called"), [("send", [HOOK]), ("dry", [])])
def test_an_event_that_the_vendor_calls_too_old_stays_here_and_says_so(mode: Mode, called: list[str]) -> None:
    async def scenario() -> None:
        async with stage() as here:
            session = here.session(mode)
            hit = marked(session.mark, f"name=purchase&event_time={int(here.time.now - 25 * 3600)}")
            await here.recorder.marked(hit)
            [record] = await here.records(session)
            assert here.vendor.addresses == called
            assert outgoing(record)["Pixel"]["why"] == "the event is older than what the vendor takes"

    asyncio.run(scenario())


def test_a_copy_of_an_event_is_a_copy_in_preview_too() -> None:
    async def scenario() -> None:
        async with stage() as here:
            session, other = here.session("send"), here.session()
            for number in (1, 2):
                await here.recorder.marked(marked(session.mark, "name=purchase&event_id=E1", number=number))
            await here.recorder.marked(marked(other.mark, "name=purchase&event_id=E1"))
            first, second = await here.records(session)
            assert [len(each["outgoing"]) for each in (first, second, *await here.records(other))] == [2, 0, 2]
            tags = second["told"]["events"][0]["tags"]
            assert [tag["status"] for tag in tags] == ["duplicate"] * 2
            said = 'a copy of an event that was seen within 48h, with the event ID "E1"'
            assert [tag["why"] for tag in tags] == [said] * 2
            assert second["reply"]["cookies"] == []
            assert len(here.vendor.got) == 2

    asyncio.run(scenario())


COPY = "name=purchase&event_id=E1"


def test_what_guards_remember_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepared, "REMEMBERED", 3)

    async def scenario() -> None:
        async with stage() as here:
            session = here.session()
            for number, event in enumerate(("E1", "E1", "E2", "E1"), 1):
                await here.recorder.marked(marked(session.mark, f"name=purchase&event_id={event}", number=number))
            assert [len(each["outgoing"]) for each in await here.records(session)] == [2, 0, 2, 2]

    asyncio.run(scenario())
    assert REMEMBERED == 10_000


async def renewed(here: Stage, session: Session, change: Callable[[], object]) -> list[int]:
    """How many requests went out of an event, of its copy, of it after the change, and of a copy after that."""
    for number in range(1, 5):
        await here.recorder.marked(marked(session.mark, COPY, number=number))
        if number == 2:
            change()
    return [len(each["outgoing"]) for each in await here.records(session)]


@pytest.mark.parametrize(
    "change",
    [
        lambda session: setattr(session, "mode", "send"),
        lambda session: session.test_codes.update(Hook="unknown"),
        lambda session: session.test_codes.update(Pixel="TEST2"),
        lambda session: setattr(session, "draft", SimpleNamespace(container=container(), hosts=frozenset())),
    ],
    ids=["mode", "code", "another code", "draft"],
)
def test_what_was_seen_in_another_mode_or_draft_or_with_another_code_makes_no_copy(change: Any) -> None:
    async def scenario() -> None:
        async with stage() as here:
            session = here.session("test", Pixel="TEST1")
            assert await renewed(here, session, lambda: change(session)) == [2, 0, 2, 0]

    asyncio.run(scenario())


def test_a_code_that_the_mode_does_not_use_changes_nothing_about_copies() -> None:
    async def scenario() -> None:
        async with stage() as here:
            session = here.session()
            assert await renewed(here, session, lambda: session.test_codes.update(Pixel="T")) == [2, 0, 0, 0]

    asyncio.run(scenario())


def test_a_dry_run_holds_back_nothing_that_is_then_to_be_sent() -> None:
    async def scenario() -> None:
        async with stage() as here:
            session = here.session()
            await here.recorder.marked(marked(session.mark, COPY))
            session.mode = "send"
            await here.recorder.marked(marked(session.mark, COPY, number=2))
            await here.records(session)
            assert len(here.vendor.got) == 2

    asyncio.run(scenario())


def test_a_hit_by_rule_of_which_nothing_leaves_holds_back_none_with_the_mark() -> None:
    async def scenario() -> None:
        async with stage() as here:
            session = here.session("send")
            session.rules = [rule({"path": "/collect"})]
            for number in (1, 2):
                await looked_at(here, a_hit(COPY, number=number))
            await here.recorder.marked(marked(session.mark, COPY, number=3))
            assert [len(each["outgoing"]) for each in await here.records(session)] == [2, 0, 2]
            assert len(here.vendor.got) == 2

    asyncio.run(scenario())


@pytest.mark.parametrize("source", ["composed", "replayed"])
def test_what_is_sent_by_hand_is_no_copy_and_makes_none(source: Any) -> None:
    async def scenario() -> None:
        async with stage() as here:
            session = here.session("send")
            await here.recorder.marked(marked(session.mark, COPY))
            for number in (2, 3):
                await here.recorder.take(session, a_hit(COPY, number=number), source)
            await here.recorder.marked(marked(session.mark, COPY, number=4))
            assert [len(each["outgoing"]) for each in await here.records(session)] == [2, 2, 2, 0]
            assert len(here.vendor.got) == 6

    asyncio.run(scenario())


def test_a_hit_by_hand_first_holds_back_none_with_the_mark() -> None:
    async def scenario() -> None:
        async with stage() as here:
            session = here.session()
            await here.recorder.take(session, a_hit(COPY), "composed")
            await here.recorder.marked(marked(session.mark, COPY, number=2))
            assert [len(each["outgoing"]) for each in await here.records(session)] == [2, 2]

    asyncio.run(scenario())


def test_a_session_that_is_over_leaves_nothing_behind() -> None:
    async def scenario() -> None:
        async with stage() as here:
            for _ in range(30):
                session = here.session()
                await here.recorder.marked(marked(session.mark))
                here.sessions.end(session)
            assert len(here.recorder._prepared) <= 1

    asyncio.run(scenario())


def test_what_cannot_be_sent_is_said_in_the_console() -> None:
    async def scenario() -> None:
        async with stage() as here:
            session = here.session("send")
            await here.recorder.marked(marked(session.mark, "name=raise_in_tag"))
            await here.recorder.marked(marked(session.mark, "name=unsendable", number=2))
            raised, unsendable = await here.records(session)
            assert raised["console"][0].startswith('The tag "Pixel" failed: the tag raised ValueError in ')
            [said] = unsendable["console"]
            assert said.startswith('The tag "Hook" gave a request that cannot be sent: the address is none of http')
            assert set(outgoing(unsendable)) == {"Pixel"}

    asyncio.run(scenario())


def test_an_address_that_httpx_does_not_take_is_shown_and_said() -> None:
    async def scenario() -> None:
        async with stage() as here:
            session = here.session("send")
            await here.recorder.marked(marked(session.mark, "name=no_address"))
            [record] = await here.records(session)
            shown = outgoing(record)["Pixel"]
            assert (shown["mode"], shown["why"], shown["url"]) == ("dry", "the address is none", "https://xn--a/")
            assert here.vendor.addresses == [HOOK]

    asyncio.run(scenario())


def test_a_hit_that_nobody_claims_is_recorded_with_the_reason() -> None:
    async def scenario() -> None:
        async with stage() as here:
            session = here.session()
            reply = await here.recorder.marked(marked(session.mark, "nothing=1"))
            [record] = await here.records(session)
            assert reply is not None
            assert reply.status == 404
            assert record["told"]["client"] is None
            assert record["told"]["why"]

    asyncio.run(scenario())


def test_a_body_that_is_no_text_is_recorded_in_base64() -> None:
    async def scenario() -> None:
        async with stage() as here:
            session = here.session()
            await here.recorder.marked(marked(session.mark, body=b"\xff\0", ip="198.51.100.7"))
            [record] = await here.records(session)
            assert (record["hit"]["body_base64"], record["hit"]["ip"]) == ("/wA=", "198.51.100.7")

    asyncio.run(scenario())


async def looked_at(here: Stage, hit: Hit, reply: Reply | None = None) -> None:
    here.recorder.beside(hit, reply or Reply(204, (("x-live", "1"),)))
    await here.recorder.settled()


def test_a_hit_by_rule_is_recorded_on_the_draft_and_the_draft_never_sends() -> None:
    async def scenario() -> None:
        async with stage() as here:
            session, other = here.session("send", draft=FILE.replace("Hook:", "Draft:")), here.session("send")
            session.rules = [MINE]
            await looked_at(here, a_hit())
            [record] = await here.records(session)
            assert (record["source"], record["mode"]) == ("rule", "dry")
            assert set(outgoing(record)) == {"Pixel", "Draft"}
            assert {each["mode"] for each in record["outgoing"]} == {"dry"}
            assert record["reply"]["headers"] == [["x-live", "1"]]
            assert record["reply"] != record["told"]["reply"]
            assert here.vendor.got == []
            assert await here.records(other) == []
            assert here.seen == {"by_rule": 1}

    asyncio.run(scenario())


@pytest.mark.parametrize("draft", [None, FILE])
def test_a_hit_by_rule_never_gets_a_test_code_since_live_has_none(draft: str | None) -> None:
    async def scenario() -> None:
        async with stage() as here:
            session = here.session("test", draft=draft, Pixel="TEST1")
            session.rules = [MINE]
            await here.recorder.marked(marked(session.mark))
            await looked_at(here, a_hit(number=2))
            own, by_rule = await here.records(session)
            codes = [json.loads(outgoing(record)["Pixel"]["body"])["code"] for record in (own, by_rule)]
            assert codes == ["TEST1", ""]
            fields = {each["field"]: each["value"] for each in by_rule["told"]["events"][0]["tags"][0]["settings"]}
            assert fields.get("test_event_code") is None
            assert by_rule["draft"] is (draft is not None)

    asyncio.run(scenario())


def test_a_hit_that_no_rule_takes_is_left_alone() -> None:
    async def scenario() -> None:
        async with stage() as here:
            session = here.session()
            session.rules = [rule({"path": "/other"})]
            await looked_at(here, a_hit())
            assert await here.records(session) == []
            assert here.seen == {}

    asyncio.run(scenario())


def test_more_hits_by_rule_than_the_draft_can_look_at_are_let_go_and_counted() -> None:
    async def scenario() -> None:
        async with stage() as here:
            session = here.session()
            session.rules = [MINE]
            for number in range(MOST_WAITING + 10):
                here.recorder.beside(a_hit(number=number), Reply())
            assert len(await here.records(session)) == MOST_WAITING
            assert here.seen == {"by_rule": MOST_WAITING, "skipped": 10}
            await looked_at(here, a_hit())
            assert here.seen["by_rule"] == MOST_WAITING + 1

    asyncio.run(scenario())


def test_closing_ends_what_is_under_way() -> None:
    async def scenario() -> None:
        async with stage() as here:
            session = here.session("send")
            session.rules = [MINE]
            here.recorder.beside(a_hit(), Reply())
            await here.recorder.marked(marked(session.mark))
            await here.recorder.close()
            await here.recorder.settled()
            assert here.vendor.got == []
            assert here.seen == {"marked": 1}

    asyncio.run(scenario())


def failing(compiled: Container, hit: Hit, guards: Memory | None = None) -> Traced:
    raise KeyError(hit.query)


def test_a_fault_of_ours_breaks_no_hit_and_nothing_is_sent(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with stage(evaluate=failing) as here:
            session = here.session("send")
            session.rules = [MINE]
            reply = await here.recorder.marked(marked(session.mark, "name=secret_name"))
            assert reply is not None
            assert reply.status == 204
            assert [cookie.name for cookie in reply.cookies] == ["pixel"]
            [record] = await here.records(session)
            assert record["console"][0].startswith("The hit could not be recorded: KeyError at test_recorder.py:")
            assert (record["told"], record["outgoing"], here.vendor.got) == (None, [], [])
            await looked_at(here, a_hit("name=secret_name"))
            assert here.seen == {"marked": 1, "failed": 2}

    with caplog.at_level(logging.ERROR, "container.preview"):
        asyncio.run(scenario())
    assert [line.message.partition(" at=")[0] for line in caplog.records] == ["preview.failed error=KeyError"] * 2
    assert "secret_name" not in caplog.text


def odd(compiled: Container, hit: Hit, guards: Memory | None = None) -> Traced:
    """Tells what no record can be made of."""
    return trace(compiled, hit, guards)._replace(told=5)  # type: ignore[arg-type]  # that is the fault


def test_a_record_that_cannot_be_kept_breaks_no_hit() -> None:
    async def scenario() -> None:
        async with stage(evaluate=odd) as here:
            session = here.session("send")
            reply = await here.recorder.marked(marked(session.mark))
            assert reply is not None
            assert reply.status == 204
            assert await here.records(session) == []
            assert here.vendor.got == []
            assert here.seen == {"marked": 1, "failed": 1}

    asyncio.run(scenario())


def test_a_rule_that_raises_breaks_no_hit() -> None:
    async def scenario() -> None:
        async with stage() as here:
            session = here.session()
            session.rules = [replace(MINE, client_id=5, percent=object())]  # type: ignore[arg-type]  # that is the fault
            session.rules.append("no rule")  # type: ignore[arg-type]  # and that
            await looked_at(here, a_hit())
            assert here.seen == {"failed": 1}

    asyncio.run(scenario())


def test_an_answer_that_cannot_be_kept_breaks_nothing() -> None:
    async def scenario() -> None:
        async with stage() as here:
            session = here.session("send", draft=FILE.replace("  Hook:", "  #"))
            await here.recorder.marked(marked(session.mark))

            def broken(number: int, record: Any) -> None:
                raise OSError

            session.records.replace = broken  # type: ignore[method-assign]  # a ring that fails
            await here.records(session)
            assert here.seen == {"marked": 1, "failed": 1}

    asyncio.run(scenario())


def test_the_live_file_is_what_is_previewed_where_there_is_no_draft() -> None:
    async def scenario() -> None:
        async with stage(live=container(QUIET)) as here:
            session = here.session()
            await here.recorder.marked(marked(session.mark))
            assert [record["outgoing"] for record in await here.records(session)] == [[]]

    asyncio.run(scenario())
    assert LIVE.debug


async def met_while_compiling(here: Stage, session: Session, change: Callable[[], None]) -> None:
    """A marked hit that waits for the live file, while this happens."""
    compiled, found = asyncio.Event(), here.recorder._live

    async def live() -> Container:
        await compiled.wait()
        return await found()

    here.recorder._live = live
    taken = asyncio.create_task(here.recorder.marked(marked(session.mark)))
    await asyncio.sleep(0)
    change()
    compiled.set()
    assert await taken is not None
    await here.recorder.settled()


def test_a_draft_that_comes_while_the_live_file_is_compiled_is_what_runs() -> None:
    async def scenario() -> None:
        async with stage() as here:
            session = here.session("send")
            session.unready = Unready("", "draft.yaml", "It is being compiled.")

            def ready() -> None:
                session.draft, session.unready = SimpleNamespace(container=container(QUIET)), None

            await met_while_compiling(here, session, ready)
            [record] = await here.records(session)
            assert (record["draft"], record["outgoing"], here.vendor.got) == (True, [], [])

    asyncio.run(scenario())


def test_nothing_is_sent_of_a_preview_that_ended_while_its_hit_waited() -> None:
    async def scenario() -> None:
        async with stage() as here:
            session = here.session("send")
            await met_while_compiling(here, session, lambda: here.sessions.end(session))
            assert here.vendor.got == []

    asyncio.run(scenario())


def test_what_a_draft_sends_to_where_the_live_file_sends_nothing_reaches_no_private_address() -> None:
    async def scenario() -> None:
        async with stage() as here:
            session = here.session("send", draft=FILE)
            session.draft.hosts = frozenset({origin(VENDOR)})
            await here.recorder.marked(marked(session.mark))
            await here.records(session)
            assert (here.vendor.addresses, here.stranger.addresses) == ([VENDOR], [HOOK])

    asyncio.run(scenario())


def slow(go_on: threading.Event) -> Any:
    """Evaluates once it may."""

    def evaluated(compiled: Container, hit: Hit, guards: Memory | None = None) -> Traced:
        assert go_on.wait(60)
        return trace(compiled, hit, guards)

    return evaluated


def test_more_hits_with_a_mark_than_may_wait_are_refused_and_counted() -> None:
    async def scenario() -> None:
        go_on = threading.Event()
        async with stage(evaluate=slow(go_on)) as here:
            session = here.session()
            waiting = [
                asyncio.create_task(here.recorder.marked(marked(session.mark, number=number)))
                for number in range(MOST_MARKED)
            ]
            # The loop has its turn, whatever the thread does.
            await asyncio.sleep(0)
            with pytest.raises(FullError):
                await here.recorder.marked(marked(session.mark))
            assert here.seen == {"marked": MOST_MARKED, "refused": 1}
            # Nothing of a hit without one depends on them.
            assert await here.recorder.marked(a_hit()) is None
            go_on.set()
            assert all(await asyncio.gather(*waiting))
            assert len(await here.records(session)) == MOST_MARKED
            assert await here.recorder.marked(marked(session.mark)) is not None

    asyncio.run(scenario())


async def met_while_it_runs(here: Stage, session: Session, go_on: threading.Event, change: Callable[[], None]) -> None:
    """A marked hit that is being evaluated, while this happens."""
    taken = asyncio.create_task(here.recorder.marked(marked(session.mark)))
    await asyncio.sleep(0)
    assert here.recorder._evaluating._seated == 1
    change()
    go_on.set()
    assert await taken is not None


@pytest.mark.parametrize("mode", ["dry", "test"])
def test_nothing_leaves_when_the_mode_is_another_one_once_the_hit_has_run(mode: Mode) -> None:
    async def scenario() -> None:
        go_on = threading.Event()
        async with stage(evaluate=slow(go_on)) as here:
            session = here.session("send")
            await met_while_it_runs(here, session, go_on, lambda: setattr(session, "mode", mode))
            [record] = await here.records(session)
            assert {(each["mode"], each["why"]) for each in record["outgoing"]} == {("dry", CHANGED)}
            assert here.vendor.got == []

    asyncio.run(scenario())


def test_what_ran_as_a_dry_run_is_not_sent_because_the_mode_is_another_one_by_then() -> None:
    async def scenario() -> None:
        go_on = threading.Event()
        async with stage(evaluate=slow(go_on)) as here:
            session = here.session()
            await met_while_it_runs(here, session, go_on, lambda: setattr(session, "mode", "send"))
            [record] = await here.records(session)
            assert (record["mode"], here.vendor.got) == ("dry", [])

    asyncio.run(scenario())


@pytest.mark.parametrize("evaluated", [slow, lambda go_on: failing])
def test_of_a_preview_that_ends_while_its_hit_runs_nothing_is_kept_or_sent(evaluated: Any) -> None:
    async def scenario() -> None:
        go_on = threading.Event()
        async with stage(evaluate=evaluated(go_on)) as here:
            session = here.session("send")
            await met_while_it_runs(here, session, go_on, lambda: here.sessions.end(session))
            assert await here.records(session) == []
            assert here.vendor.got == []

    asyncio.run(scenario())


def test_a_draft_that_is_gone_once_its_hit_has_run_still_reaches_no_private_address() -> None:
    async def scenario() -> None:
        go_on = threading.Event()
        async with stage(evaluate=slow(go_on)) as here:
            session = here.session("send", draft=FILE)
            await met_while_it_runs(here, session, go_on, lambda: setattr(session, "draft", None))
            [record] = await here.records(session)
            assert record["draft"] is True
            assert here.vendor.got == []
            assert sorted(here.stranger.addresses) == [HOOK, VENDOR]

    asyncio.run(scenario())


def test_hits_by_rule_have_a_budget_and_what_is_past_it_is_let_go_and_counted() -> None:
    time = SimpleNamespace(cpu=0.0, now=100.0)

    def evaluated(compiled: Container, hit: Hit, guards: Memory | None = None) -> Traced:
        time.cpu += SHARE / 2
        return trace(compiled, hit, guards)

    async def scenario() -> None:
        budget = Evaluating(cpu=lambda: time.cpu, monotonic=lambda: time.now)
        async with stage(evaluate=evaluated, evaluating=budget) as here:
            session, tail = here.session(), here.tail()
            session.rules = [MINE]
            for number in range(3):
                await looked_at(here, a_hit(number=number))
            assert here.seen == {"by_rule": 1, "tailed": 1, "skipped": 4}
            assert tail.tail is not None
            assert tail.tail.let_go == 2
            # Somebody waits for this one.
            assert await here.recorder.marked(marked(session.mark)) is not None
            time.now += 1
            await looked_at(here, a_hit(number=4))
            assert here.seen["by_rule"] == 2

    asyncio.run(scenario())


def test_what_an_operator_has_stopped_is_not_sent_and_the_record_says_why() -> None:
    async def scenario() -> None:
        left: list[tuple[Mode, str]] = []
        controls = Controls(delivers=False)
        async with stage(controls=controls, left=lambda *what: left.append(what)) as here:
            session = here.session("send")
            await here.recorder.marked(marked(session.mark))
            [record] = await here.records(session)
            assert {(each["mode"], each["why"], each["answer"]) for each in record["outgoing"]} == {
                ("dry", "this server delivers nothing (--no-deliver)", None)
            }
            assert (here.vendor.got, left) == ([], [])

    asyncio.run(scenario())


def test_what_is_sent_is_counted_by_mode_and_verdict() -> None:
    def no(_: httpx.Request) -> httpx.Response:
        return httpx.Response(503, json={"said": "later"})

    async def scenario() -> None:
        left: Counter[tuple[Mode, str]] = Counter()
        async with stage(Vendor(no), left=lambda *what: left.update([what])) as here:
            session = here.session("send", Pixel="TEST1")
            await here.recorder.marked(marked(session.mark))
            await here.records(session)
            session.mode = "test"
            await here.recorder.marked(marked(session.mark, number=2))
            await here.records(session)
            assert left == {("send", "refused"): 1, ("send", "retry"): 1, ("test", "refused"): 1}

    asyncio.run(scenario())


def test_all_answers_of_a_large_record_are_counted_and_those_that_fit_are_in_it() -> None:
    async def scenario() -> None:
        left: list[str] = []
        async with stage(left=lambda _mode, verdict: left.append(verdict)) as here:
            session = here.session("send")
            await here.recorder.marked(marked(session.mark, body=b"x" * 400_000))
            [record] = await here.records(session)
            assert record["cut"]
            assert {each["answer"]["verdict"] for each in record["outgoing"]} == {"delivered"}
            assert left == ["delivered"] * 2

    asyncio.run(scenario())
