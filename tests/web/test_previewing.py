"""Preview on the public listener: links, marked hits, hits by rule, and nothing at all while no session is open."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from container.engine.trace import trace
from container.preview.evaluating import MOST_WAITING
from container.preview.lock import MOST_WRONG, WRONG_SECONDS
from container.preview.making import Evaluate
from container.preview.recorder import FRESH_SECONDS
from container.preview.rules import rule
from container.preview.sessions import Session
from container.web.addresses import Proxies, network
from container.web.app import Application, public_app
from container.web.previewing import Previewing
from tests.preview.parts import Stage, stage
from tests.preview.test_recorder import failing, slow
from tests.web.parts import Answer, Call, Site, ask, run, site

TRUSTED = Proxies((network("198.51.100.7/32"),))


@dataclass
class Place:
    """A site with preview, seen from outside."""

    site: Site
    stage: Stage
    app: Application
    session: Session

    async def ask(self, target: str = "/collect?name=purchase", *, headers: Any = (), **more: Any) -> Answer:
        call = Call(target=target, headers=(("host", "shop.example"), *headers), **more)
        answer = await ask(self.app, call)
        assert answer is not None
        return answer

    def link(self) -> str:
        return f"/_preview/{self.stage.sessions.code(self.session, self.stage.time.now)}"

    async def press(self, link: str, *, headers: Any = (), **more: Any) -> Answer:
        """Sends the form of the link's page, as a browser does."""
        return await self.ask(link, headers=(("sec-fetch-site", "same-origin"), *headers), method="POST", **more)

    async def entered(self, link: str) -> Answer:
        """The page that a browser shows once the button was pressed."""
        pressed = await self.press(link)
        [cookie] = pressed.all("set-cookie")
        assert (pressed.status, pressed.header("location")) == (303, "./")
        return await self.ask("/_preview/", headers=(("cookie", cookie.partition(";")[0]),))

    def links(self, result: str) -> float:
        return self.site.metric("preview_links_total", result=result)


@asynccontextmanager
async def place(
    folder: Path, *, prefix: str = "", proxies: Proxies | None = None, evaluate: Evaluate = trace
) -> AsyncIterator[Place]:
    async with site(folder, proxies=proxies) as here, stage(evaluate=evaluate) as play:
        play.recorder._counted = here.ingest.metrics.previewed
        mounted = f"/{prefix.strip('/')}" if prefix else ""
        here.ingest.preview = Previewing(play.recorder, here.ingest.metrics, mounted)
        yield Place(here, play, public_app(here.ingest, prefix=prefix), play.session())


def test_a_link_puts_the_mark_into_the_browser_once_the_button_is_pressed(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with place(tmp_path) as here:
            link = here.link()
            answer = await here.press(link)
            assert (answer.status, answer.body) == (303, b"")
            mark = here.session.mark
            line = f"tc_preview={mark}; Path=/; Max-Age=43200; HttpOnly; SameSite=Lax"
            assert answer.all("set-cookie") == [line]
            assert (answer.header("cache-control"), answer.header("referrer-policy")) == ("no-store", "same-origin")
            again = await here.press(link)
            assert (again.status, again.all("set-cookie")) == (404, [])
            assert (await here.ask(link)).status == 404
            assert (here.links("opened"), here.links("refused")) == (1, 2)

    run(scenario())


def test_the_page_that_says_that_preview_is_on_can_be_loaded_anew(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with place(tmp_path) as here:
            page = await here.entered(here.link())
            assert b"Preview is on in this browser" in page.body
            assert here.session.mark.encode() not in page.body
            again = await here.ask("/_preview/", headers=(("cookie", f"tc_preview={here.session.mark}"),))
            assert again == page
            # A guess would be counted, and would lock its sender out in the end.
            assert here.links("refused") == 0

    run(scenario())


def test_a_request_for_a_link_is_in_no_preview_whatever_comes_of_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with place(tmp_path) as here:
            link, nothing = here.link(), await here.ask("/elsewhere")
            mark = ("x-gtm-server-preview", here.session.mark)
            await here.press(link)
            here.session.rules = [rule({"path": "/"})]
            tail = here.stage.tail()
            here.stage.time.now += FRESH_SECONDS
            for inside in (mark, ("cookie", f"tc_preview={here.session.mark}"), ("x-other", "")):
                for target in (link, "/_preview/wrong", "/_preview/a/b"):
                    for method in ("POST", "PUT"):
                        assert await here.ask(target, method=method, headers=(inside,)) == nothing
            assert (await here.stage.records(here.session), await here.stage.records(tail)) == ([], [])

    run(scenario())


def test_a_link_that_a_messenger_fetches_stays_good(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with place(tmp_path) as here:
            link, ends = here.link(), here.session.ends
            here.stage.time.now += 299
            for method in ("GET", "HEAD", "GET"):
                answer = await here.ask(link, method=method, headers=(("sec-fetch-site", "cross-site"),))
                assert (answer.status, answer.all("set-cookie")) == (200, [])
            page = answer.body.decode()
            assert '<form method="post">' in page
            assert "Switch preview on in this browser" in page
            assert not any(secret in page for secret in (here.session.mark, link.rpartition("/")[2]))
            assert here.session.ends == ends
            assert (await here.press(link)).status == 303
            assert (here.links("opened"), here.links("refused")) == (1, 0)

    run(scenario())


@pytest.mark.parametrize("pressed", [False, True])
def test_the_pages_of_a_link_hold_no_script_and_tell_nobody_their_address(tmp_path: Path, *, pressed: bool) -> None:
    async def scenario() -> None:
        async with place(tmp_path) as here:
            answer = await (here.entered(here.link()) if pressed else here.ask(here.link()))
            assert answer.header("content-type") == "text/html; charset=utf-8"
            assert answer.header("cache-control") == "no-store"
            assert answer.header("referrer-policy") == "same-origin"
            style = answer.body.partition(b"<style>")[2].partition(b"</style>")[0]
            alone = base64.b64encode(hashlib.sha256(style).digest()).decode()
            policy = (answer.header("content-security-policy") or "").split("; ")
            assert policy[0] == "default-src 'none'"
            assert policy[1] == f"style-src 'sha256-{alone}'"
            assert policy[2:] == ["base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'"]
            assert b"<script" not in answer.body

    run(scenario())


@pytest.mark.parametrize(
    "headers",
    [
        (("sec-fetch-site", "cross-site"),),
        (("sec-fetch-site", "same-site"), ("origin", "https://shop.example")),
        (("sec-fetch-site", "none"), ("origin", "null")),
        (("origin", "https://evil.example"),),
        (("origin", "null"),),
    ],
)
def test_another_sites_page_switches_nothing_on(tmp_path: Path, headers: Any) -> None:
    async def scenario() -> None:
        async with place(tmp_path) as here:
            link = here.link()
            answer = await here.ask(link, method="POST", headers=headers)
            assert (answer.status, answer.all("set-cookie")) == (403, [])
            assert b"Another site's page asked for it" in answer.body
            wrong = await here.ask("/_preview/wrong", method="POST", headers=headers)
            assert wrong == await here.ask("/elsewhere", method="POST")
            assert (here.links("opened"), here.links("refused")) == (0, 1)
            assert (await here.press(link)).status == 303

    run(scenario())


def test_whoever_is_in_a_preview_leaves_it_where_they_came_in(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with place(tmp_path) as here:
            link, inside = here.link(), (("cookie", f"tc_preview={here.session.mark}"),)
            assert b"Leave the preview" in (await here.entered(link)).body
            for address in (link, "/_preview/"):
                page = await here.ask(address, headers=inside)
                assert (page.status, page.all("set-cookie")) == (200, [])
                assert b'<button name="leave" value="yes">' in page.body
                assert here.session.mark.encode() not in page.body
            left = await here.press("/_preview/", headers=inside, chunks=(b"leave=yes",))
            assert left.all("set-cookie") == ["tc_preview=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"]
            assert b"Preview is off in this browser" in left.body
            assert await here.stage.records(here.session) == []

    run(scenario())


def test_who_is_in_no_preview_cannot_leave_one_and_learns_of_none(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with place(tmp_path) as here:
            nothing = await here.ask("/elsewhere", method="POST")
            for headers in ((), (("cookie", "tc_preview=wrong"),)):
                assert (await here.ask("/_preview/", headers=headers)).status == 404
                assert await here.press("/_preview/", headers=headers, chunks=(b"leave=yes",)) == nothing
            inside = (("cookie", f"tc_preview={here.session.mark}"), ("sec-fetch-site", "cross-site"))
            other = await here.ask("/_preview/", method="POST", headers=inside, chunks=(b"leave=yes",))
            assert other.all("set-cookie") == []

    run(scenario())


def test_a_new_link_leads_from_one_preview_into_another(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with place(tmp_path) as here:
            other = here.stage.session()
            page = await here.ask(here.link(), headers=(("cookie", f"tc_preview={other.mark}"),))
            assert b"Switch preview on in this browser" in page.body

    run(scenario())


@pytest.mark.parametrize("headers", [(), (("origin", "http://shop.example"),)])
def test_a_browser_that_says_less_is_let_in_too(tmp_path: Path, headers: Any) -> None:
    async def scenario() -> None:
        async with place(tmp_path) as here:
            assert (await here.ask(here.link(), method="POST", headers=headers)).status == 303

    run(scenario())


@pytest.mark.parametrize("mode", ["dry", "test", "send"])
def test_the_links_pages_say_what_becomes_of_hits(tmp_path: Path, mode: Any) -> None:
    said = {"dry": b"nothing of them is sent", "test": b"as a test event", "send": b"as real events"}

    async def scenario() -> None:
        async with place(tmp_path) as here:
            here.session.mode = mode
            link = here.link()
            for body in ((await here.ask(link)).body, (await here.entered(link)).body):
                assert [each for each, sentence in said.items() if sentence in body] == [mode]

    run(scenario())


@pytest.mark.parametrize(
    ("proto", "proxies", "secure"),
    [("https", TRUSTED, True), ("http, https", TRUSTED, True), ("http", TRUSTED, False), ("https", None, False)],
)
def test_the_cookie_is_secure_where_a_proxy_of_ours_says_https(
    tmp_path: Path, proto: str, proxies: Proxies | None, secure: bool
) -> None:
    async def scenario() -> None:
        async with place(tmp_path, proxies=proxies) as here:
            headers = (("x-forwarded-proto", proto), ("x-forwarded-for", "203.0.113.9"))
            [line] = (await here.press(here.link(), headers=headers)).all("set-cookie")
            assert ("; Secure" in line) is secure

    run(scenario())


@pytest.mark.parametrize("folder", ["/metrics", ""])
def test_a_link_works_under_a_folder_whether_the_proxy_takes_it_off_or_not(tmp_path: Path, folder: str) -> None:
    async def scenario() -> None:
        async with place(tmp_path, prefix="/metrics") as here:
            link = folder + here.link()
            assert (await here.ask(link)).status == 200
            [line] = (await here.press(link)).all("set-cookie")
            assert "; Path=/metrics;" in line

    run(scenario())


def test_a_link_that_is_wrong_or_old_is_like_any_address_at_which_there_is_nothing(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with place(tmp_path) as here:
            nothing = await here.ask("/elsewhere")
            old = here.link()
            here.stage.time.now += 301
            for target in (
                old,
                "/_preview/",
                "/_preview/wrong",
                "/_preview/%00",
                "/_preview",
                f"/_preview/{'a' * 5000}",
            ):
                assert await here.ask(target) == nothing
                assert await here.press(target) == nothing
            for method in ("PUT", "DELETE", "OPTIONS"):
                assert await here.ask(here.link(), method=method) == nothing
            assert here.links("opened") == 0
            here.stage.sessions.end(here.session)
            here.site.ingest.preview = None
            assert await here.ask("/_preview/wrong") == nothing

    run(scenario())


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_whoever_guesses_codes_is_refused_for_a_while(tmp_path: Path, method: str) -> None:
    async def scenario() -> None:
        async with place(tmp_path) as here:
            for number in range(MOST_WRONG):
                await here.ask(f"/_preview/{number}", method=method)
            link = here.link()
            for again, well in ((here.ask, 200), (here.press, 303)):
                assert (await again(link)).status == 404
                assert (await again(here.link(), peer="198.51.100.8")).status == well
            assert (here.links("refused"), here.links("locked")) == (MOST_WRONG, 2)
            here.stage.time.now += WRONG_SECONDS
            assert (await here.press(link)).status == 303

    run(scenario())


@pytest.mark.parametrize(
    ("peer", "headers"),
    [("10.0.0.7", ()), ("10.0.0.7", (("x-forwarded-for", "198.51.100.9"),)), ("127.0.0.1", ())],
    ids=["private", "unnamed proxy", "own"],
)
def test_where_a_sender_may_be_everybody_nobody_is_locked_out(tmp_path: Path, peer: str, headers: Any) -> None:
    async def scenario() -> None:
        async with place(tmp_path) as here:
            for number in range(MOST_WRONG * 2):
                await here.press(f"/_preview/{number}", peer=peer, headers=headers)
            assert (await here.press(here.link(), peer=peer, headers=headers)).status == 303
            assert (here.links("refused"), here.links("locked")) == (MOST_WRONG * 2, 0)

    run(scenario())


def test_past_as_many_hits_with_a_mark_as_may_wait_the_answer_is_to_come_back(tmp_path: Path) -> None:
    go_on = threading.Event()

    async def scenario() -> None:
        async with place(tmp_path, evaluate=slow(go_on)) as here:
            mark = ("x-gtm-server-preview", here.session.mark)
            waiting = [asyncio.create_task(here.ask(headers=(mark,))) for _ in range(MOST_WAITING)]
            for _ in range(100):
                await asyncio.sleep(0)
            answer = await here.ask(headers=(mark,))
            assert (answer.status, answer.header("retry-after")) == (503, "5")
            assert answer.body == b"Not now: come back in a few seconds.\n"
            assert (await here.ask()).status == 204
            go_on.set()
            assert [each.status for each in await asyncio.gather(*waiting)] == [204] * MOST_WAITING
            assert here.site.metric("preview_hits_total", result="refused") == 1
            assert await here.site.waiting() == 1

    run(scenario())


@pytest.mark.parametrize("how", ["cookie", "header"])
def test_a_marked_hit_is_the_drafts_and_reaches_neither_store_nor_vendor(tmp_path: Path, how: str) -> None:
    async def scenario() -> None:
        async with place(tmp_path) as here:
            mark = here.session.mark
            header = ("cookie", f"a=b; tc_preview={mark}") if how == "cookie" else ("x-gtm-server-preview", mark)
            answer = await here.ask("/collect?name=purchase&status=200&body=hello", headers=(header,))
            assert (answer.status, answer.body) == (200, b"hello")
            assert "pixel=1" in answer.all("set-cookie")[0]
            assert "x-gtm-server-preview" not in (answer.header("x-sees") or "")
            assert await here.site.waiting() == 0
            assert len(await here.stage.records(here.session)) == 1
            assert here.stage.vendor.got == []
            assert here.site.metric("preview_hits_total", result="marked") == 1
            assert here.site.metric("hits_accepted_total") == 0

    run(scenario())


def test_a_wrong_mark_is_ignored_and_counted_and_the_hit_is_taken_as_always(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with place(tmp_path) as here:
            target = "/collect?name=purchase&status=200"
            usual = await here.ask(target, headers=(("x-gtm-server-preview", ""),))
            for header in (("x-gtm-server-preview", "wrong"), ("cookie", "tc_preview=wrong")):
                answer = await here.ask(target, headers=(header,))
                assert (answer.status, answer.body) == (usual.status, usual.body)
            assert await here.site.waiting() == 3
            assert await here.stage.records(here.session) == []
            assert here.site.metric("preview_hits_total", result="ignored") == 2

    run(scenario())


def test_a_hit_by_rule_runs_live_unchanged_and_the_draft_beside_it_never_sends(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with place(tmp_path) as here:
            target = "/collect?name=purchase&cookie=c"
            here.session.mode = "send"
            before = await here.ask(target)
            here.session.rules = [rule({"path": "/collect"})]
            assert await here.ask(target) == before
            assert before.all("set-cookie") == ["seen=c; Path=/; Domain=shop.example; Secure; SameSite=Lax"]
            assert await here.site.waiting() == 2
            [record] = await here.stage.records(here.session)
            assert (record["source"], len(record["outgoing"])) == ("rule", 2)
            assert [cookie["name"] for cookie in record["reply"]["cookies"]] == ["seen"]
            assert here.stage.vendor.got == []
            assert here.site.metric("preview_hits_total", result="by_rule") == 1

    run(scenario())


def test_a_hit_of_a_tail_runs_live_unchanged_and_is_looked_at_after_its_reply(tmp_path: Path) -> None:
    looked: list[bool] = []

    def traced(*given: Any) -> Any:
        looked.append(True)
        return trace(*given)

    async def scenario() -> None:
        async with place(tmp_path, evaluate=traced) as here:
            target = "/collect?name=purchase&cookie=c&email=jane.doe@example.com"
            before = await here.ask(target)
            tail = here.stage.tail()
            here.stage.time.now += FRESH_SECONDS
            assert await here.ask(target) == before
            assert looked == []
            assert await here.site.waiting() == 2
            [record] = await here.stage.records(tail)
            assert (record["source"], len(record["outgoing"]), record["reply"]["status"]) == ("tail", 2, before.status)
            assert "jane.doe" not in str(record)
            assert here.stage.vendor.got == []
            assert await here.site.waiting() == 2
            assert here.site.metric("preview_hits_total", result="tailed") == 1

    run(scenario())


def test_while_no_session_is_open_a_mark_leads_nowhere_and_the_log_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with place(tmp_path) as here:
            here.site.ingest.preview = None
            await here.ask(headers=(("x-gtm-server-preview", ""), ("cookie", "tc_preview=")))
            assert here.site.metric("preview_hits_total", result="ignored") == 0
            for header in (("x-gtm-server-preview", here.session.mark), ("cookie", f"tc_preview={here.session.mark}")):
                await here.ask(headers=(header,))
            assert await here.site.waiting() == 3
            assert here.site.metric("preview_hits_total", result="ignored") == 2
            assert here.site.metric("preview_hits_total", result="marked") == 0
            assert (await here.ask(here.link())).status == 404
            assert here.session.mark not in caplog.text

    with caplog.at_level("INFO", "container.preview"):
        run(scenario())
    assert [line.message for line in caplog.records] == ["preview.mark_ignored count=1"]


def test_a_fault_of_the_recorder_breaks_no_hit(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with place(tmp_path, evaluate=failing) as here:
            here.session.rules = [rule({"path": "/collect"})]
            assert (await here.ask()).status == 204
            assert (await here.ask(headers=(("x-gtm-server-preview", here.session.mark),))).status == 204
            await here.stage.recorder.settled()
            assert await here.site.waiting() == 1
            assert here.site.metric("preview_hits_total", result="failed") == 2
            assert here.site.metric("hits_failed_total") == 0

    run(scenario())


def test_a_client_of_a_draft_that_raises_is_a_500_as_it_is_without_preview(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with place(tmp_path) as here:
            header = ("x-gtm-server-preview", here.session.mark)
            answer = await here.ask("/collect?name=raise_in_client&secret=s", headers=(header,))
            assert answer.status == 500
            assert answer.body.startswith(b"error ")
            assert here.site.metric("hits_failed_total") == 1
            [record] = await here.stage.records(here.session)
            assert record["console"]

    run(scenario())


def test_a_draft_that_answers_no_says_it_in_a_sentence(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with place(tmp_path) as here:
            answer = await here.ask("/collect", headers=(("x-gtm-server-preview", here.session.mark),))
            assert (answer.status, answer.body) == (404, (await here.ask("/elsewhere")).body)

    run(scenario())
