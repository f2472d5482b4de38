"""An analyst at work, over a real server: a shop sends hits, a draft is tried, and nothing leaves unless it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests import canaries
from tests.browser.loopback import received_events
from tests.browser.preview_stage import EMAIL, RULE, TRACK, Stage, stage
from tests.browser.tabs import CHROMIUM, pictures

pytestmark = [
    pytest.mark.chromium,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]

PAGE_VIEW, PURCHASE = 1, 2
"""Requests of the session in their order."""


def on_stage(folder: Path, story: Callable[[Stage], Awaitable[None]]) -> None:
    """Plays it, and sees that the analyst's page had nothing to complain of."""

    async def played() -> None:
        async with stage(folder) as here:
            await story(here)
            assert here.tab.said == []

    asyncio.run(played())


def test_a_shop_in_another_tab_fills_the_list_and_each_tab_tells_of_its_purchase(tmp_path: Path) -> None:
    shown = {
        "Tags": ("Fired (1)", "TikTok - events", "Real Purchase", "Order Value greater than 0", "value: 72.5"),
        "Variables": ("Order Value", "72.5", 'event data "value"'),
        "Event Data": ("transaction_id", "page_location", "user_data"),
        "Consent": ("ad_storage", "granted", "gcs"),
        "Request": ("/g/collect", "ep.transaction_id", "referer", "Reply", "204"),
        "Outgoing": ("POST http://127.0.0.1:", TRACK, "Dry run: not sent", "${secret:TIKTOK_TOKEN}", "Purchase"),
        "Conversions": ("Match quality", "Click id", "Completeness", "Deduplication", 'ttq.track("Purchase"'),
        "Console": ("tag TikTok - events", '"user.ip" is left out'),
    }

    async def story(here: Stage) -> None:
        await here.begin()
        await here.tab.until_says("Waiting for requests", within="#empty")
        visitor = await here.visit()
        await here.tab.until_says("page_view", within="#hits")
        await visitor.page.get_by_role("button", name="Buy").click()
        await here.tab.until_says("purchase", within="#hits")
        await here.tab.until_says("2 requests", within="#count")
        await here.look("purchase", PURCHASE)
        for name, words in shown.items():
            await here.choose(name)
            if name == "Tags":
                await here.tab.click("details.tag > summary")
            await here.tab.until_says(*words)
            assert not canaries.EVERYTHING.within(await here.tab.text()), name
        await here.choose("Outgoing")
        await here.press("Reveal")
        await here.tab.until_says("Shown whole", '"order_id": "T-1001"')
        await here.choose("Event Data")
        await here.tab.until_says(EMAIL)
        assert here.received() == [], "a dry run sends nothing"

    on_stage(tmp_path, story)


def test_a_mistake_is_shown_in_place_and_a_better_draft_changes_what_happens(tmp_path: Path) -> None:
    async def story(here: Stage) -> None:
        await here.begin()
        visitor = await here.visit()
        await visitor.page.get_by_role("button", name="Order as a test").click()
        await here.tab.until_says("purchase", within="#hits")
        await here.look("purchase", PURCHASE)
        await here.tab.until_says("Fired (0)", "not triggered")
        await pictures(here.tab, "why-not")

        live = here.file.read_text()
        await here.draft(live.replace("greater_than: 0", "greater_then: 0"))
        await here.tab.until_says("greater_then", "Did you mean", within=".problems")
        line = live[: live.index("greater_than")].count("\n") + 1
        await here.tab.until_says(str(line), within=".numbers .bad")
        assert "of the live file" in await here.tab.text(".top"), "a draft with a mistake is not used"
        await pictures(here.tab, "problem")

        await here.draft(live.replace(RULE, ""))
        await here.tab.until_says("of a draft", within=".top")
        await here.tab.until_says("What the draft changes: 1 thing", "Real Purchase", "does_not_match_regex")
        await pictures(here.tab, "difference", ".change")
        await visitor.page.get_by_role("button", name="Order as a test").click()
        await here.look("purchase", 3)
        await here.tab.until_says("Fired (1)")
        await here.press("Compare")
        await here.tab.until_says("differs", "not triggered", "fired")
        await pictures(here.tab, "changed")
        assert here.received() == [], "a draft that is tried sends nothing"
        assert here.file.read_text() == live

    on_stage(tmp_path, story)


def test_only_what_the_mode_says_reaches_the_vendor(tmp_path: Path) -> None:
    async def story(here: Stage) -> None:
        await here.begin()
        visitor = await here.visit()
        buy = visitor.page.get_by_role("button", name="Buy")
        await here.panel("Connect")
        await here.tab.page.get_by_label("TikTok - events").fill("TEST12345")
        await here.tab.click("form:has([name='TikTok - events']) button")
        await here.tab.until_says("1 test code kept", within=".toast")

        await here.mode("Test events")
        await buy.click()
        await here.look("purchase", 2)
        await here.choose("Outgoing")
        await here.tab.until_says("delivered (200)")
        await here.mode("Send")
        await buy.click()
        await here.look("purchase", 3)
        await here.tab.until_says("delivered (200)")
        await pictures(here.tab, "sent")
        codes = [body.get("test_event_code") for body in here.received()]
        assert codes == ["TEST12345", None], "nothing was sent before, and each but once"

        await here.mode("Dry run")
        await buy.click()
        await here.look("purchase", 4)
        await here.tab.until_says("Dry run: not sent")
        assert len(here.received()) == 2

    on_stage(tmp_path, story)


def test_a_draft_is_published_and_the_file_before_it_is_restored(tmp_path: Path) -> None:
    async def story(here: Stage) -> None:
        await here.begin()
        live = here.file.read_text()
        assert await here.tab.page.locator("button.publish").count() == 0
        await here.draft(live.replace(RULE, ""))
        await here.tab.until_says("What the draft changes: 1 thing")
        await here.press("Publish the draft")
        await here.tab.until_says("does_not_match_regex", within="dialog")
        assert here.file.read_text() == live
        await here.tab.page.get_by_label("Note, kept with the version").fill("Test orders count.")
        await pictures(here.tab, "publish")
        await here.press("Publish")
        await here.tab.until_says("The draft is live.", within=".toast")
        assert here.file.read_text() == live.replace(RULE, "")
        here.unmarked("TEST-2")
        found = await asyncio.to_thread(received_events, here.sandbox, 1)
        assert [event["event_id"] for event in found] == ["TEST-2.1"], "the published file is in force"
        await pictures(here.tab, "versions", "button:text-is('Restore')")

        await here.tab.until_says("Live until", "admin_token", "Test orders count.")
        await here.press("Restore")
        await here.tab.until_says("does_not_match_regex", within="dialog")
        await here.press("Restore it")
        await here.tab.until_says("The earlier version is live again.", within=".toast")
        assert here.file.read_text() == live
        here.unmarked("TEST-3")
        here.unmarked("T-4")
        found = await asyncio.to_thread(received_events, here.sandbox, 2)
        assert [event["event_id"] for event in found] == ["TEST-2.1", "T-4.1"], "the restored file is in force"
        here.served.wait_for(r'preview\.published .*note="Test orders count\."')
        here.served.wait_for(r"preview\.restored ")

    on_stage(tmp_path, story)
