"""What the pages of preview say when the other processes cannot be told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from container.preview.sessions import Alone, NotSharedError, Session
from container.web.access import form_token
from tests.preview.page_parts import BEARER, PURCHASE, TOKEN, Screen, screen

REASON = "the other processes cannot be told: the database does not answer."


class Away(Alone):
    """Others that nobody can tell anything, and that record something whenever they are asked."""

    def __init__(self, here: Screen) -> None:
        self.here = here

    async def started(self, session: Session) -> None:
        self.here.bench.sessions.end(session)
        raise NotSharedError(REASON)

    async def told(self, session: Session) -> None:
        raise NotSharedError(REASON)

    async def offered(self, session: Session, code: bytes, now: float) -> None:
        raise NotSharedError(REASON)

    async def read(self, session: Session) -> None:
        self.here.bench.keep(session, PURCHASE)


def play(folder: Path, scenario: Callable[[Screen], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with screen(folder) as here:
            here.bench.sessions.others = Away(here)
            await scenario(here)

    asyncio.run(whole())


@pytest.mark.parametrize(
    ("name", "document"),
    [("mode", {"mode": "send"}), ("link", {}), ("clear", {}), ("end", {}), ("draft", {"text": ""})],
)
def test_a_change_that_others_do_not_hear_of_is_said(tmp_path: Path, name: str, document: dict[str, str]) -> None:
    async def scenario(here: Screen) -> None:
        assert (await here.post(name, document, status=503)) == {"error": REASON}

    play(tmp_path, scenario)


def test_a_session_that_others_do_not_hear_of_is_not_started(tmp_path: Path) -> None:
    async def scenario(here: Screen) -> None:
        form = {"token": form_token(TOKEN, here.api.clock())}
        page = await here.caller.post("/preview/start", data=form)
        assert (page.status_code, REASON in page.text) == (503, True)
        command = await here.caller.post("/preview/sessions", json={}, headers=BEARER)
        assert (command.status_code, command.json()) == (503, {"problem": REASON})
        assert len(here.bench.sessions.all(here.api.clock())) == 1

    play(tmp_path, scenario)


def test_the_command_hears_what_others_do_not(tmp_path: Path) -> None:
    async def scenario(here: Screen) -> None:
        path = f"/preview/sessions/{here.session.id}"
        text = here.bench.text(here.session)
        sent = await here.caller.put(f"{path}/draft", content=text, headers=BEARER)
        assert (sent.status_code, sent.json()) == (503, {"problem": REASON})
        ended = await here.caller.delete(path, headers=BEARER)
        assert (ended.status_code, ended.json()) == (503, {"problem": REASON})

    play(tmp_path, scenario)


def test_whoever_reads_gets_what_others_have_recorded(tmp_path: Path) -> None:
    async def scenario(here: Screen) -> None:
        assert (await here.get("records/1"))["source"] == "marked"
        shared = await here.caller.get(f"/preview/shared/{here.session.share}/records/2")
        assert shared.json()["source"] == "marked"

    play(tmp_path, scenario)
