"""Cookies that a destination sets for the visitor of a preview: passed on where the preview sends, as live does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import httpx
import pytest

from container.engine.container import Container
from container.preview.sessions import Session
from tests.preview.parts import Stage, Vendor, a_hit, container, outgoing, stage

FILE = """
version: 1
container: {name: Test, id: T-1}
clients: {Test: {type: collect}}
triggers: {Every: {}}
tags:
  First: {type: relay, triggers: [Every], to: "https://first.example/"}
  Second: {type: relay, triggers: [Every], to: "https://second.example/"}
"""
BOTH = container(FILE)


def setting(request: httpx.Request) -> httpx.Response:
    host = request.url.host.partition(".")[0]
    return httpx.Response(200, headers=[("set-cookie", f"A={host}"), ("set-cookie", f"{host}=1; Max-Age=60")])


def play(
    work: Callable[[Stage], Any], answer: Callable[[httpx.Request], Any] = setting, *, live: Container = BOTH
) -> None:
    async def scenario() -> None:
        async with asyncio.timeout(30), stage(Vendor(answer), live=live) as here:
            await work(here)

    asyncio.run(scenario())


async def visited(here: Stage, session: Session, query: str = "name=purchase") -> Sequence[tuple[str, str]]:
    reply = await here.recorder.marked(a_hit(query, headers={"x-gtm-server-preview": session.mark}))
    assert reply is not None
    assert reply.status == 204
    return [(cookie.name, cookie.value) for cookie in reply.cookies]


def test_a_preview_that_sends_passes_on_what_the_destinations_set() -> None:
    async def work(here: Stage) -> None:
        assert await visited(here, here.session("send")) == [("A", "first"), ("first", "1"), ("second", "1")]

    play(work)


def test_a_dry_preview_asks_nobody_and_sets_nothing() -> None:
    async def work(here: Stage) -> None:
        assert await visited(here, here.session("dry")) == []
        assert here.vendor.got == []

    play(work)


def test_a_test_passes_on_what_comes_of_the_requests_that_leave() -> None:
    async def work(here: Stage) -> None:
        assert await visited(here, here.session("test", Second="CODE")) == [("A", "second"), ("second", "1")]

    play(work)


def test_a_destination_that_refuses_sets_nothing() -> None:
    async def work(here: Stage) -> None:
        assert await visited(here, here.session("send")) == []

    play(work, lambda _: httpx.Response(400, headers={"set-cookie": "A=1"}))


def test_without_an_answer_nothing_is_set() -> None:
    def broken(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no")

    async def work(here: Stage) -> None:
        session = here.session("send")
        assert await visited(here, session) == []
        [record] = await here.records(session)
        assert outgoing(record)["First"]["answer"]["verdict"] == "no_answer"

    play(work, broken)


def test_what_comes_too_late_is_in_the_record_alone() -> None:
    free = asyncio.Event()

    async def late(request: httpx.Request) -> httpx.Response:
        await free.wait()
        return setting(request)

    async def work(here: Stage) -> None:
        session = here.session("send")
        assert await visited(here, session) == []
        free.set()
        [record] = await here.records(session)
        assert ["set-cookie", "A=first, first=1; Max-Age=60"] in outgoing(record)["First"]["answer"]["headers"]

    play(work, late, live=container(FILE.replace('.example/"', '.example/", seconds: 0.05')))


def test_what_nobody_asks_for_is_not_passed_on() -> None:
    async def work(here: Stage) -> None:
        assert await visited(here, here.session("send")) == []

    play(work, live=container(FILE.replace('.example/"', '.example/", seconds: null')))


@pytest.mark.parametrize("source", ["composed", "replayed"])
def test_who_sends_by_hand_does_not_wait(source: Any) -> None:
    async def never(_: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError("it never comes")

    async def work(here: Stage) -> None:
        async with asyncio.timeout(4):
            reply = await here.recorder.take(here.session("send"), a_hit(), source)
        assert not reply.cookies

    play(work, never)
