"""The page of a tail: opened where the process allows it, looked at by whoever may, masked for all of them."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from container.preview.sessions import MOST_SESSIONS, Sessions
from container.web.access import form_token
from tests.preview.page_parts import BEARER, EMAIL, PURCHASE, TOKEN, Screen, Workbench, screen
from tests.preview.test_pages import CHANGES
from tests.web.parts import NOW, run

FORM = {"token": form_token(TOKEN, NOW), "percent": "1"}


def with_screen(folder: Path, work: Callable[[Screen], Awaitable[None]], *, tails: bool = True) -> None:
    async def look() -> None:
        async with screen(folder, Workbench(sessions=Sessions(tails=tails))) as here:
            await work(here)

    run(look())


def with_tail(folder: Path, work: Callable[[Screen], Awaitable[None]]) -> None:
    async def look(here: Screen) -> None:
        tail = here.bench.sessions.tail(1, NOW)
        await work(Screen(here.bench, here.api, tail, here.caller))

    with_screen(folder, look)


def test_the_start_page_opens_a_tail_and_leads_to_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def work(here: Screen) -> None:
        caplog.set_level(logging.INFO)
        page = await here.caller.get("/preview")
        assert "Open a tail" in page.text
        assert 'name="percent" value="1"' in page.text
        answer = await here.caller.post("/preview/tail", data={**FORM, "percent": " 2.5 "})
        assert answer.status_code == 303
        [_, tail] = here.bench.sessions.all(NOW)
        assert tail.tail is not None
        assert tail.tail.percent == 2.5
        shown = await here.caller.get(str(answer.url.join(answer.headers["location"])))
        assert "2.5 % of all hits, masked" in shown.text
        assert f"preview.tail_started session={tail.id} percent=2.5 by=admin_token" in caplog.text
        assert "2.5 % of live traffic" in (await here.caller.get("/preview")).text

    with_screen(tmp_path, work)


def test_without_the_flag_the_page_says_how_and_nothing_opens_one(tmp_path: Path) -> None:
    async def work(here: Screen) -> None:
        page = await here.caller.get("/preview")
        assert "serve --tail" in page.text
        assert "Open a tail" not in page.text
        for percent in ("1", "x", ""):
            answer = await here.caller.post("/preview/tail", data={**FORM, "percent": percent})
            assert answer.status_code == 403
            assert "Start the server with --tail" in answer.text
        assert here.bench.sessions.all(NOW) == [here.session]

    with_screen(tmp_path, work, tails=False)


@pytest.mark.parametrize("percent", ["", "0", "-1", "100.1", "all", "1,5", "nan", "inf", "9" * 400, "１", "1_0"])
def test_a_share_that_is_none_is_refused_beside_its_field(tmp_path: Path, percent: str) -> None:
    async def work(here: Screen) -> None:
        answer = await here.caller.post("/preview/tail", data={**FORM, "percent": percent})
        assert answer.status_code == 422
        assert "A share is a number above 0, and 100 at most." in answer.text
        assert f'value="{percent[:100]}"' in answer.text
        assert here.bench.sessions.all(NOW) == [here.session]

    with_screen(tmp_path, work)


def test_the_eleventh_session_is_no_tail_either(tmp_path: Path) -> None:
    async def work(here: Screen) -> None:
        for _ in range(MOST_SESSIONS - 1):
            here.bench.sessions.start(NOW)
        answer = await here.caller.post("/preview/tail", data=FORM)
        assert answer.status_code == 409
        assert "End one of them first" in answer.text

    with_screen(tmp_path, work)


@pytest.mark.parametrize(
    ("headers", "form", "status"),
    [
        ({"authorization": ""}, FORM, 404),
        ({"sec-fetch-site": "cross-site"}, FORM, 403),
        ({}, {**FORM, "token": "guessed"}, 403),
        ({}, {"percent": "1"}, 403),
    ],
)
def test_nobody_else_opens_one(tmp_path: Path, headers: dict[str, str], form: dict[str, str], status: int) -> None:
    async def work(here: Screen) -> None:
        answer = await here.caller.post("/preview/tail", data=form, headers=headers)
        assert answer.status_code == status
        assert here.bench.sessions.all(NOW) == [here.session]

    with_screen(tmp_path, work)


def test_its_state_tells_no_way_to_it_for_hits(tmp_path: Path) -> None:
    async def work(here: Screen) -> None:
        state = await here.get("state")
        assert state["tail"] == {"percent": 1, "most_a_second": 10, "let_go": 0}
        assert state["share"] == here.session.share
        assert not {"mark", "header", "codes", "rules", "presets", "can_publish"} & state.keys()
        assert (await here.get("summary"))["tail"]["let_go"] == 0

    with_tail(tmp_path, work)


@pytest.mark.parametrize("name", [each for each in CHANGES if each not in ("clear", "end")])
def test_a_tail_is_only_looked_at(tmp_path: Path, name: str) -> None:
    async def work(here: Screen) -> None:
        here.bench.keep(here.session, PURCHASE, source="tail")
        given: dict[str, Any] = {"number": 1, "mode": "send", "text": "version: 1", "hit": PURCHASE, "codes": {}}
        for headers in ({}, BEARER):
            here.caller.headers.update(headers)
            answer = await here.post(name, {**given, "rules": [{"path": "/"}]}, status=403)
            assert ("stays masked" if name == "reveal" else "only looks on") in answer["error"]
        assert (here.session.mode, here.session.draft, here.session.rules) == ("dry", None, [])
        assert len(here.session.records) == 1
        assert here.bench.published == []

    with_tail(tmp_path, work)


def test_the_command_gives_a_tail_no_draft(tmp_path: Path) -> None:
    async def work(here: Screen) -> None:
        path = f"/preview/sessions/{here.session.id}"
        answer = await here.caller.put(f"{path}/draft", content=b"version: 1", headers=BEARER)
        assert answer.status_code == 403
        assert "only looks on" in answer.json()["problem"]
        assert here.session.draft is None
        assert (await here.caller.delete(path, headers=BEARER)).status_code == 204
        assert here.session not in here.bench.sessions.all(NOW)

    with_tail(tmp_path, work)


def test_a_tail_is_cleared_and_ended(tmp_path: Path) -> None:
    async def work(here: Screen) -> None:
        here.bench.keep(here.session, PURCHASE, source="tail")
        await here.post("clear")
        assert len(here.session.records) == 0
        await here.post("end")
        assert (await here.caller.get(here.base)).status_code == 404

    with_tail(tmp_path, work)


@pytest.mark.parametrize("shared", [False, True])
def test_what_a_tail_cannot_do_is_not_on_its_page(tmp_path: Path, shared: bool) -> None:
    async def work(here: Screen) -> None:
        page = await here.caller.get(f"/preview/shared/{here.session.share}" if shared else here.base)
        assert page.status_code == 200
        assert 'data-tail="1"' in page.text
        for part in ('id="modes"', 'data-panel="connect"', 'data-panel="compose"', 'data-panel="draft"'):
            assert part not in page.text
        assert ('data-panel="about"' in page.text) is not shared
        assert ('id="clear"' in page.text) is not shared

    with_tail(tmp_path, work)


def test_who_looks_on_sees_the_same_and_nothing_whole(tmp_path: Path) -> None:
    async def work(here: Screen) -> None:
        here.bench.keep(here.session, PURCHASE, source="tail")
        path = f"/preview/shared/{here.session.share}"
        record = (await here.caller.get(f"{path}/records/1", headers={"authorization": ""})).json()
        assert record == await here.get("records/1")
        assert EMAIL not in str(record)
        assert record["source"] == "tail"
        state = (await here.caller.get(f"{path}/state", headers={"authorization": ""})).json()
        assert state["tail"]["percent"] == 1
        assert "share" not in state

    with_tail(tmp_path, work)


def test_a_wrong_rule_is_told_with_its_number_and_its_part(tmp_path: Path) -> None:
    async def work(here: Screen) -> None:
        wrong = {"address": "nowhere", "path": "(", "percent": "1,5", "client_id": "x" * 1001}
        words = ("Address or network", "Path (pattern)", "Share of visitors", "Client id")
        labels = dict(zip(wrong, words, strict=True))
        for part, value in wrong.items():
            answer = await here.post("rules", {"rules": [{"path": "/"}, {part: value}]}, status=422)
            assert (answer["part"], answer["rule"]) == (part, 2)
            assert answer["error"].startswith(f"Rule 2: {labels[part]}: ")
        assert (await here.post("rules", {"rules": [{}]}, status=422))["part"] == ""
        assert here.session.rules == []

    with_screen(tmp_path, work)
