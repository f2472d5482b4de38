"""The preview screen's pages and interface: who is let in, what is told, and what is changed by whom."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from container.preview.api import PreviewApi
from container.preview.drafts import text_digest
from container.preview.presets import presets
from container.preview.sessions import MOST_SESSIONS
from container.web.access import GUARDED, form_token
from tests.preview.page_parts import (
    BEARER,
    DENIED,
    EMAIL,
    PURCHASE,
    ROOT,
    TOKEN,
    Screen,
    Workbench,
    hit_of,
    live,
    screen,
)
from tests.web.markup import Skeleton
from tests.web.parts import NOW, run

READINGS = ("state", "summary", "records/1", "stream", "text", "difference", "versions")
CHANGES = (
    *("reveal", "link", "mode", "codes", "rules", "clear", "end", "draft", "publish", "restore"),
    *("compose", "replay", "compare"),
)


def with_screen(folder: Path, work: Callable[[Screen], Awaitable[None]], bench: Workbench | None = None) -> None:
    async def look() -> None:
        async with screen(folder, bench) as here:
            await work(here)

    run(look())


def test_without_the_token_there_is_nothing(tmp_path: Path) -> None:
    async def work(here: Screen) -> None:
        here.bench.keep(here.session, PURCHASE)
        asks = [("GET", "/preview"), ("GET", here.base), ("POST", "/preview/start"), ("POST", "/preview/sessions")]
        asks += [("GET", f"{here.base}/{each}") for each in READINGS]
        asks += [("POST", f"{here.base}/{each}") for each in CHANGES]
        asks += [("GET", f"/preview/shared/{'x' * 43}"), ("GET", f"/preview/shared/{'x' * 43}/state")]
        asks += [("PUT", f"/preview/sessions/{here.session.id}/draft"), ("GET", "/nowhere/at/all")]
        for wrong in ("", "Basic eDp3cm9uZw==", "Bearer wrong", f"Bearer {TOKEN}x"):
            for method, path in asks:
                answer = await here.caller.request(method, path, headers={"authorization": wrong})
                assert (answer.status_code, answer.text) == (404, "Not Found"), (method, path, wrong)
                assert answer.headers["content-security-policy"] == GUARDED["content-security-policy"]

    with_screen(tmp_path, work)


def test_a_session_that_is_over_is_not_there(tmp_path: Path) -> None:
    async def work(here: Screen) -> None:
        await here.post("end")
        assert (await here.caller.get(here.base)).status_code == 404
        assert (await here.caller.get(f"{here.base}/state")).status_code == 404

    with_screen(tmp_path, work)


def test_a_form_starts_a_session_and_leads_to_it(tmp_path: Path) -> None:
    async def work(here: Screen) -> None:
        page = await here.caller.get("/preview")
        assert "Start preview" in page.text
        form = {"token": form_token(TOKEN, NOW)}
        answer = await here.caller.post("/preview/start", data=form)
        assert answer.status_code == 303
        started = await here.caller.get(str(answer.url.join(answer.headers["location"])))
        assert started.status_code == 200
        assert len(here.bench.sessions.all(NOW)) == 2
        for _ in range(MOST_SESSIONS):
            answer = await here.caller.post("/preview/start", data=form)
        assert answer.status_code == 409
        assert "End one of them first" in answer.text

    with_screen(tmp_path, work)


@pytest.mark.parametrize(
    ("headers", "form"),
    [
        ({"sec-fetch-site": "cross-site"}, {"token": form_token(TOKEN, NOW)}),
        ({"sec-fetch-site": "same-site"}, {"token": form_token(TOKEN, NOW)}),
        ({}, {"token": "guessed"}),
        ({}, {}),
    ],
)
def test_another_sites_form_starts_nothing(tmp_path: Path, headers: dict[str, str], form: dict[str, str]) -> None:
    async def work(here: Screen) -> None:
        answer = await here.caller.post("/preview/start", data=form, headers=headers)
        assert answer.status_code == 403 or (answer.status_code == 400 and not form)
        assert len(here.bench.sessions.all(NOW)) == 1

    with_screen(tmp_path, work)


@pytest.mark.parametrize("name", CHANGES)
def test_nothing_is_changed_for_another_site_or_without_the_forms_token(tmp_path: Path, name: str) -> None:
    valid = {"x-form-token": form_token(TOKEN, NOW), "content-type": "application/json"}
    wrong: list[dict[str, str]] = [
        {**valid, "sec-fetch-site": "cross-site"},
        {**valid, "sec-fetch-site": "same-site", "origin": "http://other.example"},
        {**valid, "content-type": "text/plain"},
        {**valid, "x-form-token": "guessed"},
        {"content-type": "application/json"},
    ]

    async def work(here: Screen) -> None:
        here.bench.keep(here.session, PURCHASE)
        for headers in wrong:
            answer = await here.caller.post(f"{here.base}/{name}", content=b'{"number": 1}', headers=headers)
            assert answer.status_code == 403, (name, headers, answer.text)
        assert len(here.session.records) == 1
        assert here.bench.published == []

    with_screen(tmp_path, work)


def test_whoever_shows_the_token_as_a_bearer_needs_no_form(tmp_path: Path) -> None:
    async def work(here: Screen) -> None:
        headers = {**BEARER, "sec-fetch-site": "same-origin"}
        answer = await here.caller.post(f"{here.base}/mode", json={"mode": "test"}, headers=headers)
        assert answer.status_code == 200
        assert here.session.mode == "test"

    with_screen(tmp_path, work)


def test_a_record_is_masked_until_it_is_revealed_which_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    async def work(here: Screen) -> None:
        number = here.bench.keep(here.session, PURCHASE)
        masked = await here.get(f"records/{number}")
        assert EMAIL not in str(masked)
        whole = await here.post("reveal", {"number": number})
        assert whole["told"]["events"][0]["data"]["user_data"]["email"] == EMAIL
        assert f"preview.revealed session={here.session.id} record={number} by=admin_token" in caplog.text
        assert EMAIL not in caplog.text

    with_screen(tmp_path, work)


def test_a_record_that_is_no_longer_kept_is_said_to_be_gone(tmp_path: Path) -> None:
    async def work(here: Screen) -> None:
        assert "no longer kept" in (await here.get("records/7", status=404))["error"]
        assert (await here.post("reveal", {"number": "7"}, status=422))["error"] == '"number" is a whole number.'

    with_screen(tmp_path, work)


def test_who_looks_on_reads_masked_records_and_nothing_secret(tmp_path: Path) -> None:
    async def work(here: Screen) -> None:
        here.bench.keep(here.session, PURCHASE)
        shared = f"/preview/shared/{here.session.share}"
        alone = {"authorization": ""}
        page = await here.caller.get(shared, headers=alone)
        assert page.status_code == 200
        assert form_token(TOKEN, NOW) not in page.text
        state = await here.caller.get(f"{shared}/state", headers=alone)
        assert here.session.mark not in state.text
        record = await here.caller.get(f"{shared}/records/1", headers=alone)
        assert record.status_code == 200
        assert EMAIL not in record.text
        for name in ("reveal", "mode", "clear", "end"):
            answer = await here.caller.post(f"{shared}/{name}", json={"number": 1}, headers=alone)
            assert answer.status_code == 404

    with_screen(tmp_path, work)


def test_the_mode_the_codes_and_the_rules_of_a_session_are_set(tmp_path: Path) -> None:
    async def work(here: Screen) -> None:
        assert (await here.post("mode", {"mode": "everything"}, status=422))["error"].startswith("A mode is")
        assert await here.post("mode", {"mode": "send"}) == {"mode": "send"}
        codes = await here.post("codes", {"codes": {"TikTok - events": " TEST123 ", "Nobody": "X"}})
        assert codes == {"codes": {"TikTok - events": "TEST123"}}
        assert here.session.test_codes == {"TikTok - events": "TEST123"}
        for wrong in ("TEST 12345 <b>", "x" * 65, "TEST-1", "Ｔ１", "{{ Code }}", "a\nb"):
            said = await here.post("codes", {"codes": {"TikTok - events": wrong, "Nobody": "?"}}, status=422)
            assert "letters and digits alone, 64 at most" in said["faults"].pop("TikTok - events")
            assert (said["part"], said["faults"]) == ("TikTok - events", {})
        assert here.session.test_codes == {"TikTok - events": "TEST123"}
        longest = {"TikTok - events": "x" * 64}
        assert await here.post("codes", {"codes": longest}) == {"codes": longest}
        assert await here.post("codes", {"codes": {"TikTok - events": " "}}) == {"codes": {}}
        ruled = await here.post("rules", {"rules": [{"client_id": "1.2", "percent": "5"}]})
        assert ruled == {"rules": [{"client_id": "1.2", "percent": 5.0}]}
        assert "here is no address" in (await here.post("rules", {"rules": [{"address": "here"}]}, status=422))["error"]
        assert len(here.session.rules) == 1
        state = await here.get("state")
        assert (state["mode"], state["header"], state["mark"]) == ("send", "X-Gtm-Server-Preview", here.session.mark)

    with_screen(tmp_path, work)


def test_a_link_works_once(tmp_path: Path) -> None:
    async def work(here: Screen) -> None:
        path = (await here.post("link"))["path"]
        code = path.removeprefix("/_preview/")
        assert here.bench.sessions.redeem(code, NOW) is here.session
        assert here.bench.sessions.redeem(code, NOW) is None

    with_screen(tmp_path, work)


def test_a_draft_with_problems_is_not_used_and_one_without_is(tmp_path: Path) -> None:
    async def work(here: Screen) -> None:
        text = (await here.get("text"))["text"]
        said = await here.post("draft", {"text": f"{text}\nnothing: 1\n"})
        assert [each["code"] for each in said["problems"]] == ["unknown-key"]
        assert said["draft"] is False
        said = await here.post("draft", {"text": text.replace("TEST-", "DRY-")})
        assert said["draft"] is True
        found = await here.get("difference")
        assert ("Real Purchase", "changed") in [(each["name"], each["what"]) for each in found["things"]]
        assert found["digest"] == text_digest(here.session.draft.text)
        passed = {"count": 4, "failed": 0, "said": "All 4 tests pass."}
        assert said["tests"] == found["tests"] == (await here.get("text"))["tests"] == passed
        said = await here.post("draft", {"text": text.replace("^TEST-", "^DRY-")})
        assert (said["problems"], said["tests"]["failed"]) == ([], 1)
        assert said["tests"]["said"] == '1 of 4 tests fails: "Test orders are not reported".'
        named = await here.post("draft", {"text": "x: 1", "filename": "n" * 5000})
        assert {each["file"] for each in named["problems"]} == {"n" * 200}
        assert (await here.post("draft", {"text": ""}))["draft"] is False
        assert (await here.post("publish", status=409))["error"] == "There is no draft to publish."

    with_screen(tmp_path, work)


@pytest.mark.parametrize(
    "large",
    [
        {"query": "a=" + "b" * 16_384},
        {"headers": [["a", "b"]] * 101},
        {"headers": [["a", "b" * 32_768]]},
        {"body": "é" * 500_001},
        {"method": "M" * 21},
    ],
)
def test_a_hit_by_hand_is_no_larger_than_one_that_comes_in(tmp_path: Path, large: dict[str, Any]) -> None:
    async def work(here: Screen) -> None:
        for name in ("compose", "compare"):
            said = await here.post(name, {"hit": {**DENIED, "headers": [], **large}}, status=422)
            assert "larger than what this server takes: 16,384 bytes" in said["error"]

    with_screen(tmp_path, work)


def test_a_draft_is_published_and_a_version_restored_only_where_that_is_allowed(tmp_path: Path) -> None:
    async def work(here: Screen) -> None:
        text = (await here.get("text"))["text"]
        await here.post("draft", {"text": text})
        await here.post("publish", {"digest": text_digest(text)})
        await here.post("restore", {"number": 1, "note": "Back."})
        assert here.bench.published == [text, "version 1"]
        assert here.bench.notes == ["", "Back."]
        changes = await here.get("versions/1")
        assert [each["name"] for each in changes["things"]] == ["Real Purchase"]
        assert (await here.get("versions"))["versions"][0]["note"] == "Test orders are no sales."
        assert (await here.get("versions"))["versions"][0]["number"] == 1
        here.bench.publishes = False
        for name in ("publish", "restore"):
            assert "--allow-publish" in (await here.post(name, {"number": 1}, status=403))["error"]
        assert len(here.bench.published) == 2

    with_screen(tmp_path, work)


def test_a_hit_is_composed_replayed_and_compared(tmp_path: Path) -> None:
    async def work(here: Screen) -> None:
        composed = await here.post("compose", {"hit": {**DENIED, "headers": [["a", "b"]]}})
        replayed = await here.post("replay", {"number": composed["number"]})
        record = await here.get(f"records/{replayed['number']}")
        assert (record["source"], record["told"]["events"][0]["name"]) == ("replayed", "page_view")
        kept = here.session.records.get(composed["number"])
        assert kept is not None
        assert [stated.get("at") for stated in here.bench.stated] == [None, kept["at"]]
        both = await here.post("compare", {"number": composed["number"]})
        assert here.bench.stated[-1]["at"] == kept["at"]
        assert both["live"]["events"][0]["tags"] == both["draft"]["events"][0]["tags"]
        wrongs: list[Any] = [{}, {"hit": []}, {"hit": {"path": "x"}}, {"hit": {"path": "/", "headers": [1]}}]
        for wrong in wrongs:
            await here.post("compose", wrong, status=422)

    with_screen(tmp_path, work)


def test_a_comparison_goes_by_real_values_and_shows_them_to_who_reveals(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "container.web")
    bench = Workbench(file=live(live().text.replace("{{ Page Group }}", "{{ event.one }}")), masks=True)
    hit = {**PURCHASE, "query": f"{PURCHASE['query']}&ep.one=Secret-1-x&ep.two=Secret-2-x"}

    async def work(here: Screen) -> None:
        number = bench.keep(here.session, hit)
        await here.post("draft", {"text": bench.file.text.replace("event.one", "event.two")})
        masks = await here.post("compare", {"number": number})
        assert "preview.revealed" not in caplog.text
        whole = await here.post("compare", {"number": number, "whole": True})
        assert f"preview.revealed session={here.session.id} record={number}" in caplog.text
        assert masks["differing"] == [{"event": 0, "tag": "TikTok - events", "shown": False, "masked": True}]
        assert whole["differing"] == [{"event": 0, "tag": "TikTok - events", "shown": True, "masked": False}]
        by_hand = await here.post("compare", {"hit": {**hit, "ip": None}, "whole": True})
        assert by_hand["differing"] == masks["differing"]
        shows = [b"Secret-2-x" in orjson.dumps(each) for each in (masks, whole, by_hand)]
        assert shows == [False, True, False]

    with_screen(tmp_path, work, bench)


def test_the_summary_counts_by_tag(tmp_path: Path) -> None:
    async def work(here: Screen) -> None:
        for hit in (PURCHASE, PURCHASE, DENIED):
            here.bench.keep(here.session, hit)
        assert await here.get("summary") == {
            "hits": 3,
            "events": 3,
            "tags": [
                {
                    "tag": "TikTok - events",
                    "type": "tiktok_events_api",
                    "statuses": {"fired": 2, "blocked_by_consent": 1},
                    "verdicts": {"not sent": 2},
                }
            ],
        }

    with_screen(tmp_path, work)


def lines_of(stream: AsyncIterator[bytes], number: int) -> Awaitable[list[tuple[str, Any]]]:
    async def read() -> list[tuple[str, Any]]:
        found: list[tuple[str, Any]] = []
        async for line in stream:
            kind, data = line.decode().removesuffix("\n\n").split("\ndata: ")
            if kind != "event: mode":
                found.append((kind.removeprefix("event: "), orjson.loads(data)))
            if len(found) == number:
                break
        return found

    return asyncio.wait_for(read(), 30)


def test_the_stream_tells_what_is_kept_what_is_new_what_was_answered_and_that_it_is_over(tmp_path: Path) -> None:
    async def work(here: Screen) -> None:
        records, stream = here.session.records, here.api.streams.of(here.session)
        here.bench.keep(here.session, PURCHASE)
        [(kind, line)] = await lines_of(stream, 1)
        assert (kind, line["number"], line["fired"], line["tags"]) == ("record", 1, 1, ["TikTok - events"])
        assert EMAIL not in str(line)
        stream = here.api.streams.of(here.session)
        first = asyncio.ensure_future(lines_of(stream, 5))
        await asyncio.sleep(0)
        here.bench.keep(here.session, DENIED)
        answered = {**(records.get(1) or {}), "outgoing": [{"answer": {"verdict": "refused"}}]}
        asyncio.get_running_loop().call_later(0.2, records.replace, 1, answered)
        asyncio.get_running_loop().call_later(0.4, records.clear)
        asyncio.get_running_loop().call_later(0.6, here.bench.sessions.end, here.session)
        found = await first
        assert [kind for kind, _ in found] == ["record", "record", "record", "first", "ended"]
        assert [(line["number"], line["failed"]) for _, line in found[:3]] == [(1, False), (2, False), (1, True)]
        assert found[3][1] == {"number": 3}

    with_screen(tmp_path, work)


def test_closing_ends_every_stream(tmp_path: Path) -> None:
    async def work(here: Screen) -> None:
        waiting = asyncio.ensure_future(lines_of(here.api.streams.of(here.session), 1))
        await asyncio.sleep(0)
        here.api.streams.close()
        assert await waiting == []

    with_screen(tmp_path, work)


def test_to_look_on_does_not_make_a_session_last(tmp_path: Path) -> None:
    bench, time = Workbench(), [NOW]

    async def work() -> None:
        session = bench.sessions.start(NOW)
        api = PreviewApi(bench, TOKEN, lambda: time[0], beat=0.01)
        reading = asyncio.ensure_future(lines_of(api.streams.of(session), 1))
        await asyncio.sleep(0)
        time[0] = session.ends
        assert await reading == [("ended", {})]

    asyncio.run(work())


def test_the_page_holds_no_script_and_no_style_of_its_own(tmp_path: Path) -> None:
    async def work(here: Screen) -> None:
        for path in ("/preview", here.base, f"/preview/shared/{here.session.share}"):
            page = (await here.caller.get(path)).text
            made = Skeleton(page).parts
            assert [part for part in made if part[0] == "style" or part == ("script",)] == []
            named = [name for part in made for name in part[1:]]
            assert [name for name in named if name == "style" or name.startswith("on")] == []

    with_screen(tmp_path, work)


SCRIPTS = sorted(each.name for each in (ROOT / "container/preview/static").glob("*.js"))


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_put_nothing_into_the_page_but_text(tmp_path: Path, name: str) -> None:
    async def work(here: Screen) -> None:
        answer = await here.caller.get(f"/static/{name}")
        assert answer.headers["content-type"].startswith("text/javascript")
        for sink in (
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
            "srcdoc",
        ):
            assert sink not in answer.text

    with_screen(tmp_path, work)


def test_who_has_ended_a_preview_is_told_so_where_another_begins(tmp_path: Path) -> None:
    async def work(here: Screen) -> None:
        assert "The tail is over." in (await here.caller.get("/preview?ended=tail")).text
        assert "is over" not in (await here.caller.get("/preview?ended=<script>")).text

    with_screen(tmp_path, work)


def test_the_secrets_that_the_text_in_force_names_are_told_by_name(tmp_path: Path) -> None:
    async def work(here: Screen) -> None:
        assert (await here.get("state"))["secrets"] == ["TIKTOK_TOKEN"]

    with_screen(tmp_path, work)


def test_what_a_hit_brings_along_is_written_even_if_it_is_half_a_sign(tmp_path: Path) -> None:
    async def work(here: Screen) -> None:
        here.bench.keep(here.session, PURCHASE, console=["\ufffd\u2028</script>"])
        answer: httpx.Response = await here.caller.get(f"{here.base}/records/1")
        assert answer.headers["content-type"] == "application/json"
        assert answer.json()["console"] == ["\ufffd\u2028</script>"]

    with_screen(tmp_path, work)


@pytest.mark.parametrize("preset", presets(), ids=lambda preset: preset["name"])
def test_every_preset_is_a_hit_that_the_example_understands(preset: dict[str, Any]) -> None:
    bench = Workbench()
    session = bench.sessions.start(NOW)
    number = bench.keep(session, {**preset["hit"], "ip": None}, source="composed")
    told = (session.records.get(number) or {})["told"]
    assert [event["name"] for event in told["events"]] == [preset["name"]]
    assert hit_of({**preset["hit"], "ip": None}).path == "/g/collect"
