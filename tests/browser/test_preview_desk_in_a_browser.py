"""An analyst at the desk with a real browser: what is asked before, what is not lost, keys, and lines to copy."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.loopback import shop_of
from tests.browser.preview_parts import Desk, looking
from tests.browser.tabs import CHROMIUM, NARROW
from tests.preview.page_parts import DENIED, PURCHASE, STRANGE, TEST_ORDER, live
from tests.preview.test_stated import GOOD, WRONG

pytestmark = [
    pytest.mark.chromium,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]

DRAFT = "textarea.file"
SECRET = 'it\'s a "secret" $HOME `id`'  # what a shell must not read


async def button(here: Desk, name: str, within: str = "body") -> None:
    await here.tab.page.locator(within).get_by_role("button", name=name, exact=True).first.click()


async def using(here: Desk, change: Callable[[str], str]) -> str:
    """Uses a draft that is the live file with a change."""
    if await here.tab.page.locator(DRAFT).count() == 0:
        await here.panel("draft")
    text = change(here.bench.file.text)
    await here.tab.page.locator(DRAFT).fill(text)
    await button(here, "Use this draft")
    return text


def dry(text: str) -> str:
    return text.replace("^TEST-", "^DRY-")


def test_publish_asks_with_what_changes_and_takes_a_note(tmp_path: Path) -> None:
    async def work(here: Desk) -> None:
        text = await using(here, dry)
        await here.tab.until_says("What the draft changes: 1 thing")
        await button(here, "Publish the draft")
        await here.tab.until_says("Publish the draft?", "Real Purchase", "DRY-", within="dialog")
        await here.tab.picture(tmp_path / "publish.png")
        await button(here, "Cancel", "dialog")
        assert here.bench.published == []
        await button(here, "Publish the draft")
        await here.tab.page.get_by_label("Note, kept with the version").fill("No test orders.")
        await button(here, "Publish", "dialog")
        await here.tab.until_says("The draft is live.", within=".toast")
        assert (here.bench.published, here.bench.notes) == ([text], ["No test orders."])
        assert await here.tab.page.locator("dialog").count() == 0

    looking(tmp_path, work)


def test_a_draft_that_fails_its_own_tests_is_told_of_and_can_be_published(tmp_path: Path) -> None:
    said = '1 of 4 tests fails: "Test orders are not reported".'

    async def work(here: Desk) -> None:
        text = await using(here, dry)
        await here.tab.until_says(said, within=".toast")
        await here.tab.until_says(said, within=".draft .tested.bad")
        assert "No problems." not in await here.tab.text()
        await here.tab.picture(tmp_path / "failing.png")
        await button(here, "Publish the draft")
        await here.tab.until_says(said, "You can publish it all the same.", within="dialog")
        await button(here, "Cancel", "dialog")
        await here.tab.until("location.hash === '#draft'")
        await here.tab.page.reload()
        await here.tab.first('[data-panel="draft"][aria-current=true]').wait_for()
        await here.tab.until_says(said, within=".draft .tested.bad")
        await using(here, lambda text: text.replace("TEST-", "DRY-"))
        await here.tab.until_says("All 4 tests pass.", within=".draft .tested:not(.bad)")
        await here.tab.until_says("No problems.")
        await button(here, "Publish the draft")
        assert "tests" not in await here.tab.text("dialog > .inside > p")
        await button(here, "Cancel", "dialog")
        await using(here, dry)
        await here.tab.until_says(said, within=".draft .tested.bad")
        await button(here, "Publish the draft")
        await button(here, "Publish", "dialog")
        await here.tab.until_says("The draft is live.", within=".toast")
        assert here.bench.published == [text]

    looking(tmp_path, work)


def test_why_nothing_was_published_is_said_once_and_where_it_was_asked(tmp_path: Path) -> None:
    async def work(here: Desk) -> None:
        await using(here, dry)
        await button(here, "Publish the draft")
        here.bench.publishes = False
        await button(here, "Publish", "dialog")
        await here.tab.until_says("This server does not publish.", within="dialog .wrong")
        assert await here.tab.page.locator(".toast.bad").count() == 0
        # Chromium says that it got a 403.
        here.tab.said.clear()

    looking(tmp_path, work)


def test_restore_asks_with_what_changes_and_the_list_says_who_and_why(tmp_path: Path) -> None:
    async def work(here: Desk) -> None:
        await here.panel("draft")
        await here.tab.until_says("Live until", "Replaced by", "admin_token", "Test orders are no sales.")
        await button(here, "Show changes")
        await here.tab.until_says("Real Purchase", "DRY-", within="dialog")
        await button(here, "Close", "dialog")
        await button(here, "Restore")
        await here.tab.until_says("Restore the version that was live until", "DRY-", within="dialog")
        assert here.bench.published == []
        await here.tab.key("Escape")
        await button(here, "Restore")
        await button(here, "Restore it", "dialog")
        await here.tab.until_says("The earlier version is live again.", within=".toast")
        assert here.bench.published == ["version 1"]

    looking(tmp_path, work)


def test_what_was_typed_and_is_not_used_keeps_publish_off_also_after_restore(tmp_path: Path) -> None:
    async def work(here: Desk) -> None:
        text = await using(here, dry)
        await here.tab.page.locator("button.publish:enabled").wait_for()
        await here.tab.page.locator(DRAFT).fill(text + "\n# not used yet\n")
        await here.tab.until_says("The text has changed. Use it first.")
        await button(here, "Restore")
        await button(here, "Restore it", "dialog")
        await here.tab.until_says("The earlier version is live again.", within=".toast")
        assert await here.tab.page.locator("button.publish").is_disabled()
        assert "Use it first" in await here.tab.text()
        await here.tab.page.locator(DRAFT).fill(text)
        await here.tab.page.locator("button.publish:enabled").wait_for()
        assert not await here.tab.page.get_by_text("Use it first").is_visible()

    looking(tmp_path, work)


def test_errors_stand_before_warnings_and_the_cursor_at_the_first(tmp_path: Path) -> None:
    async def work(here: Desk) -> None:
        unused = "\ntriggers:\n  Never:\n    events: never\n"
        text = await using(here, lambda text: text.replace("\ntriggers:\n", unused) + "\nnothing: 1\n")
        await here.tab.until_says("1 error: not used.", within=".toast.bad")
        said = await here.tab.page.locator(".problems li > p").all_inner_texts()
        assert "error[unknown-key]" in said[0]
        assert "warning[unused-trigger]" in said[1]
        line = text[: text.index("nothing: 1")].count("\n")
        selected = f"(t => t.value.slice(0, t.selectionStart).split('\\n').length)(document.querySelector('{DRAFT}'))"
        assert await here.tab.value(selected) == line + 1
        await using(here, lambda text: text.replace("\ntriggers:\n", unused))
        await here.tab.until_says("The draft is used from the next request on, with 1 warning.", within=".toast")
        assert await here.tab.page.locator(".toast.bad").count() == 0

    looking(tmp_path, work)


def test_what_was_typed_is_thrown_away_only_after_a_question(tmp_path: Path) -> None:
    async def work(here: Desk) -> None:
        asked: list[str] = []

        async def stay(question: Any) -> None:
            asked.append(question.type)
            await question.accept()

        here.tab.page.on("dialog", stay)
        await here.panel("draft")
        await here.tab.page.locator(DRAFT).fill("version: 1")
        await button(here, "Back to live")
        await here.tab.until_says("is not used yet", within="dialog")
        await button(here, "Cancel", "dialog")
        assert await here.tab.page.locator(DRAFT).input_value() == "version: 1"
        await here.tab.page.reload()
        assert asked == ["beforeunload"]
        await here.panel("draft")
        await here.tab.page.locator(DRAFT).fill("version: 1")
        await button(here, "Back to live")
        await button(here, "Back to live", "dialog")
        await here.tab.until_says("runs the live file again", within=".toast")
        await here.tab.page.reload()
        assert asked == ["beforeunload"]

    looking(tmp_path, work)


def test_ending_asks_and_leads_to_a_page_that_says_so(tmp_path: Path) -> None:
    async def work(here: Desk) -> None:
        await here.panel("connect")
        await here.tab.until_says("unless it is used")
        await button(here, "End this preview")
        await button(here, "Cancel", "dialog")
        assert here.session in here.bench.sessions.all(0)
        await button(here, "End this preview")
        await button(here, "End it", "dialog")
        await here.tab.until_says("The preview is over.", "Start preview", within="main")
        assert here.session not in here.bench.sessions.all(0)

    looking(tmp_path, work)


def test_the_list_tells_one_purchase_from_another(tmp_path: Path) -> None:
    async def work(here: Desk) -> None:
        here.bench.masks = True
        cheap = PURCHASE["query"].replace("T-1001", "T-4").replace("72.5", "59.8")
        for hit in (PURCHASE, {**PURCHASE, "query": cheap}, DENIED):
            here.bench.keep(here.session, hit)
        await here.tab.until_says("#1 purchase · T-1001 · 72.50 EUR", within='[data-number="1"]')
        await here.tab.until_says("#2 purchase · T-4 · 59.80 EUR", within='[data-number="2"]')
        assert (await here.tab.text('[data-number="3"]')).split() == ["#3", "page_view", "0", "tags", "fired"]
        assert await here.tab.page.get_by_title("1 tag fired").count() == 2

    looking(tmp_path, work)


def test_a_comparison_has_a_heading_a_close_and_marks_what_differs(tmp_path: Path) -> None:
    lit = "document.querySelectorAll('[role=tab][aria-selected=true]').length"

    async def work(here: Desk) -> None:
        here.bench.keep(here.session, PURCHASE)
        await here.look(1)
        await here.choose("Outgoing")
        await button(here, "Compare")
        await here.tab.until_says("There is no draft: live is shown.")
        assert await here.tab.page.locator(".beside th").all_inner_texts() == ["Tag", "Live"]
        assert await here.tab.value(lit) == 0
        await here.tab.key("Enter")
        await here.tab.first('[data-tab="Outgoing"][aria-selected=true]').wait_for()

        await using(here, lambda text: text.replace("C1EXAMPLEPIXEL000000", "C2EXAMPLEPIXEL000000"))
        await here.tab.until_says("What the draft changes")
        await here.look(1)
        await button(here, "Compare")
        await here.tab.until_says("Live and draft, side by side", "differs")
        await here.tab.picture(tmp_path / "compare.png")
        marked = await here.tab.page.locator("mark").all_inner_texts()
        assert [line.strip() for line in marked] == [
            f'"event_source_id": "C{number}EXAMPLEPIXEL000000",' for number in (1, 2)
        ]
        await here.choose("Tags")
        assert await here.tab.page.locator(".compared").count() == 0

    looking(tmp_path, work)


def test_a_difference_in_what_is_masked_is_said_and_shown_when_it_is_revealed(tmp_path: Path) -> None:
    async def work(here: Desk) -> None:
        here.bench.masks = True
        here.bench.keep(here.session, {**PURCHASE, "query": f"{PURCHASE['query']}&ep.one=Secret-1-x&ep.two=Secret-2-x"})
        here.bench.file = live(here.bench.file.text.replace("{{ Page Group }}", "{{ event.one }}"))
        await using(here, lambda text: text.replace("event.one", "event.two"))
        await here.tab.until_says("What the draft changes")
        await here.look(1)
        await button(here, "Compare")
        await here.tab.until_says("differs", "The difference is in what is masked. Reveal shows it.")
        assert await here.tab.page.locator("mark").count() == 0
        await button(here, "Reveal")
        await here.tab.until_says("Live and draft, side by side", "Secret-1-x", "Secret-2-x")
        marked = await here.tab.page.locator("mark").all_inner_texts()
        assert [line.strip() for line in marked] == [f'"description": "Secret-{number}-x"' for number in (1, 2)]
        assert "in what is masked" not in await here.tab.text()
        await button(here, "Mask it again")
        await here.tab.until_says("The difference is in what is masked.")
        assert "Secret" not in await here.tab.text()

    looking(tmp_path, work)


def test_the_keys_lead_from_the_list_to_the_tabs_and_back(tmp_path: Path) -> None:
    focused = "document.activeElement.dataset"

    async def work(here: Desk) -> None:
        for hit in (PURCHASE, STRANGE):
            here.bench.keep(here.session, hit)
        await here.tab.until("document.querySelectorAll('.hit').length === 2")
        for key in ("Enter", "l", "ArrowRight"):
            await here.tab.page.locator('[data-number="1"]').focus()
            await here.tab.key(key)
            await here.tab.until(f"{focused}.tab === 'Tags'")
            await here.tab.key("Escape")
            await here.tab.until(f"{focused}.number === '1'")
        await here.tab.key("?")
        await here.tab.until_says("From the list to what is shown", within="dialog")
        await here.tab.key("j")
        await here.tab.key("Escape")
        await here.tab.until(f"document.querySelector('dialog') === null && {focused}.number === '1'")
        await here.tab.page.locator("#skip").focus()
        await here.tab.key("Enter")
        await here.tab.until(f"{focused}.tab === 'Tags'")

    looking(tmp_path, work)


def test_the_address_holds_what_is_shown_for_a_reload_and_for_who_looks_on(tmp_path: Path) -> None:
    async def work(here: Desk) -> None:
        for hit in (PURCHASE, TEST_ORDER):
            here.bench.keep(here.session, hit)
        await here.look(1)
        await here.choose("Event Data")
        await here.tab.until("location.hash === '#1.0.Event-Data'")
        await here.tab.page.reload()
        await here.tab.first('[data-tab="Event Data"][aria-selected=true]').wait_for()
        await here.tab.until_says("request 1,", "T-1001")
        await here.open(f"/shared/{here.session.share}#2.0.Outgoing")
        await here.tab.first('[data-tab="Outgoing"][aria-selected=true]').wait_for()
        await here.tab.until_says("request 2,")
        await here.open(f"/{here.session.id}")
        await here.open(f"/{here.session.id}#draft")
        await here.tab.first('[data-panel="draft"][aria-current=true]').wait_for()

    looking(tmp_path, work)


def test_a_request_that_is_not_kept_is_told_of(tmp_path: Path) -> None:
    async def work(here: Desk) -> None:
        await here.open(f"/{here.session.id}#7.0.Tags")
        await here.tab.until_says("no longer kept", within=".toast.bad")
        await here.tab.first('[data-panel="summary"][aria-current=true]').wait_for()
        # Chromium says that it got a 404.
        here.tab.said.clear()

    looking(tmp_path, work)


def test_a_curl_line_asks_the_shell_for_the_secret_and_for_nothing_else(tmp_path: Path) -> None:
    async def work(here: Desk) -> None:
        with shop_of({}) as shop:
            headers = [
                ["Host", "vendor.example"],
                ["content-length", "999"],
                ["Access-Token", "${secret:TIKTOK_TOKEN}"],
            ]
            body = json.dumps({"token": "a${secret:TIKTOK_TOKEN}z", "said": "it's ${secret:HOME} $HOME"})
            given = ["POST", f"http://127.0.0.1:{shop.port}/track", headers, body, ["TIKTOK_TOKEN"]]
            line = await here.tab.page.evaluate(
                "async (given) => (await import('/static/preview-dom.js')).curl(...given)", given
            )
            first, rest = line.split("\n", 1)
            assert first.startswith("# Needs TIKTOK_TOKEN")
            assert "vendor.example" not in rest
            assert "999" not in rest
            environment = {**os.environ, "TIKTOK_TOKEN": SECRET, "no_proxy": "*"}
            script = line.replace("curl ", "curl --silent --max-time 30 ", 1)
            await asyncio.to_thread(subprocess.run, ["bash", "-c", script], env=environment, check=True)
            got = shop.seen.get(timeout=30)
            assert got == body.replace("${secret:TIKTOK_TOKEN}", SECRET)

    looking(tmp_path, work)


def test_the_page_hands_the_names_of_secrets_to_its_curl_lines(tmp_path: Path) -> None:
    async def work(here: Desk) -> None:
        await here.tab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        here.bench.keep(here.session, PURCHASE)
        await here.look(1)
        await here.choose("Outgoing")
        await button(here, "Copy as curl")
        await here.tab.first("button:text-is('Copied')").wait_for()
        assert '"$TIKTOK_TOKEN"' in await here.tab.value("navigator.clipboard.readText()")

    looking(tmp_path, work)


def test_compose_says_what_its_button_does(tmp_path: Path) -> None:
    async def work(here: Desk) -> None:
        await here.panel("compose")
        await here.tab.first("button:text-is('Run it')").wait_for()
        await here.tab.click(".modes .send")
        await here.tab.first("#shown button:text-is('Send')").wait_for()
        await here.tab.click(".modes .dry")
        await here.panel("connect")
        await here.tab.page.get_by_label("TikTok - events").fill("TEST1")
        await button(here, "Keep")
        await here.tab.until_says("1 test code kept for this session. Now choose Test events.", within=".toast")
        await button(here, "Dismiss")
        assert await here.tab.page.locator(".toast").count() == 0

    looking(tmp_path, work)


def test_a_link_is_made_of_an_address_alone_and_the_page_says_what_the_server_says(tmp_path: Path) -> None:
    async def work(here: Desk) -> None:
        await here.panel("connect")
        field = here.tab.page.get_by_label("Address of your container")
        for stated in ("not a url", "ftp://x", "https://h/path?x=1", ""):
            await field.fill(stated)
            await button(here, "Make a link")
            await here.tab.until_says(WRONG[stated], within="label:has([type=url])")
            assert "https://YOUR-HOST/g/collect" in await here.tab.page.get_by_label("curl line").inner_text()
        assert await here.tab.page.get_by_label("The link", exact=True).count() == 0
        await field.fill(" https://Tags.shop.example/metrics/ ")
        await button(here, "Make a link")
        await here.tab.until_says("https://tags.shop.example/metrics/_preview/", within="[aria-label='The link']")
        assert await here.tab.page.locator("label:has([type=url]) .wrong").inner_text() == ""
        said = "async (given) => given.map((await import('/static/preview-address.js')).wrongAddress)"
        assert await here.tab.page.evaluate(said, [*WRONG, *GOOD]) == [*WRONG.values(), *[""] * len(GOOD)]

    looking(tmp_path, work)


def test_a_line_that_is_no_header_is_named_and_nothing_runs(tmp_path: Path) -> None:
    async def work(here: Desk) -> None:
        await here.tab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        await here.panel("compose")
        headers = here.tab.page.get_by_label("Headers, one per line")
        for wrong in ("x-one: 1\n\nx-two 2\nx-three: 3", "a:b\n\n : 2"):
            await headers.fill(wrong)
            for name in ("Run it", "Compare live and draft", "Copy as curl"):
                await button(here, name)
                await here.tab.until_says("Line 3 is no header", within="label:has([aria-invalid])")
        assert here.bench.stated == []
        assert await here.tab.page.get_by_role("button", name="Copied").count() == 0
        await headers.fill("x-one: 1:2\n\n x-two :")
        await button(here, "Run it")
        await here.tab.first("[data-tab]").wait_for()
        assert [each["headers"] for each in here.bench.stated] == [[["x-one", "1:2"], ["x-two", ""]]]

    looking(tmp_path, work)


def test_what_is_refused_is_said_until_something_is_done(tmp_path: Path) -> None:
    async def work(here: Desk) -> None:
        await here.panel("compose")
        path = here.tab.page.get_by_label("Path", exact=True)
        await path.fill("nowhere")
        for name, said in (("Compare live and draft", 1), ("Run it", 2)):
            await button(here, name)
            await here.tab.until_says("The path begins with a slash.", within=".toast.bad")
            assert len(here.tab.said) == said
            if said == 1:
                await button(here, "Dismiss")
        # Chromium says that it got a 422, and nothing of a fault in the script.
        assert all("status of 422" in each for each in here.tab.said)
        here.tab.said.clear()
        await path.fill("/g/collect")
        await button(here, "Run it")
        await here.tab.first("[data-tab]").wait_for()
        assert await here.tab.page.locator(".toast").count() == 0

    looking(tmp_path, work)


def test_of_a_test_code_it_is_said_what_became_of_it(tmp_path: Path) -> None:
    async def work(here: Desk) -> None:
        await here.panel("connect")
        field = here.tab.page.get_by_label("TikTok - events")
        await button(here, "Keep")
        await here.tab.until_says("No test code was entered, so none is kept.", within=".toast")
        await field.fill("TEST 12345 <b>")
        await button(here, "Keep")
        await here.tab.until_says("letters and digits alone", within="label:has([name='TikTok - events'])")
        assert here.session.test_codes == {}
        await field.fill("TEST12345")
        await button(here, "Keep")
        await here.tab.until_says("1 test code kept", within=".toast")
        assert here.session.test_codes == {"TikTok - events": "TEST12345"}
        assert await here.tab.page.locator(".wrong:not(:empty)").count() == 0
        await field.fill("")
        await button(here, "Keep")
        await here.tab.until_says("Removed: the test code of TikTok - events. No tag has one now", within=".toast")
        assert here.session.test_codes == {}
        # Chromium says that it got a 422.
        here.tab.said.clear()

    looking(tmp_path, work)


def test_every_mistake_of_a_rule_stands_beside_its_field(tmp_path: Path) -> None:
    async def work(here: Desk) -> None:
        await here.panel("connect")
        await here.tab.page.get_by_label("Address or network").fill("300.1.1.1")
        await here.tab.page.get_by_label("Path (pattern)").fill("(")
        await button(here, "Add")
        await here.tab.until_says("300.1.1.1 is no address", within="label:has([name=address])")
        await here.tab.until_says("a regular expression", within="label:has([name=path])")
        # Chromium says that it got a 422.
        here.tab.said.clear()

    looking(tmp_path, work)


def test_a_server_that_is_gone_is_no_good_news(tmp_path: Path) -> None:
    async def work(here: Desk) -> None:
        await here.tab.until("document.body.dataset.mode === 'dry'")
        good = "getComputedStyle(document.querySelector('#strip')).backgroundColor"
        before = await here.tab.value(good)
        here.bench.sessions.end(here.session)
        await here.tab.until_says("This preview is over", within="#strip")
        assert await here.tab.value(good) != before
        # Chromium says that it got a 404.
        here.tab.said.clear()

    looking(tmp_path, work)


def test_a_narrow_screen_calls_its_list_requests_and_shows_that_tabs_follow(tmp_path: Path) -> None:
    async def work(here: Desk) -> None:
        here.bench.keep(here.session, PURCHASE)
        await here.tab.until("document.querySelectorAll('.hit').length === 1")
        shown = await here.tab.page.locator("#panels button:visible").all_inner_texts()
        assert shown == ["Requests", "Summary", "Connect", "Compose", "Draft"]
        await here.look(1)
        shadows = "getComputedStyle(document.querySelector('.tabs')).backgroundAttachment"
        assert (await here.tab.value(shadows)).startswith("local, local, scroll, scroll")
        await here.tab.picture(tmp_path / "narrow.png")

    looking(tmp_path, work, size=NARROW)
