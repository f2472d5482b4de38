"""An analyst looks at the sandbox's page in a real browser: who got the purchase, and what was wrong."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.browser.tabs import CHROMIUM, NARROW, SCHEMES, WIDE, Tab, chromium
from tests.cli.shop import DENIED, NO_ADVERTISING, shop_running

pytestmark = [
    pytest.mark.chromium,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]

TITLES = ("TikTok Events API", "Meta Conversions API", "Google Analytics 4")
_SHOWN = "[...document.querySelectorAll('.request:not([hidden])')]"
_VENDORS = f"{_SHOWN}.map((card) => card.dataset.vendor + ' ' + card.dataset.verdict).sort().join(', ')"


async def cards(tab: Tab) -> str:
    return str(await tab.value(_VENDORS))


def test_one_purchase_is_seen_accepted_three_times_and_a_refused_one_with_its_reason(tmp_path: Path) -> None:
    with shop_running(tmp_path) as shop:

        async def look() -> None:
            async with chromium() as tab:
                await tab.size(WIDE)
                await tab.open(shop.sandbox)
                await tab.until_says("Nothing yet", *TITLES, "/meta", "/ga4", within="#nothing")
                shop.order("T-1001")
                await tab.until(f"{_SHOWN}.length === 3")
                assert await cards(tab) == "ga4 accepted, meta accepted, tiktok accepted"
                for title in TITLES:
                    card = tab.page.locator(".request").filter(has_text=title)
                    assert await card.locator(".pill").inner_text() == "Accepted"
                    assert "72.5 EUR" in await card.inner_text()
                await tab.page.locator("#shown-vendor").select_option("meta")
                assert await cards(tab) == "meta accepted"
                await tab.page.locator("#shown-vendor").select_option("")

                shop.order("T-1002", DENIED)
                shop.order("T-1003", NO_ADVERTISING)
                await tab.until(f"{_SHOWN}.length === 4")
                assert await tab.page.locator(".request").first.get_attribute("data-vendor") == "ga4"

                await tab.page.locator("#vendor").select_option("meta")
                await tab.page.get_by_role("button", name="connection breaks").click()
                await tab.page.locator("details.vendor", has_text="Google Analytics 4").locator("summary").click()
                await tab.page.get_by_role("button", name="503 not available").click()
                await tab.until_says("close: true, vendor: meta", "page: 503, vendor: ga4", within="#script")
                shop.order("T-1004")
                await tab.until(f"{_SHOWN}.filter((card) => card.dataset.verdict === 'faulted').length === 2")
                await tab.until_says("Fault: connection broken", "Fault: 503", within="#received")
                for size in (WIDE, NARROW):
                    await tab.size(size)
                    for scheme in SCHEMES:
                        await tab.scheme(scheme)
                        assert await tab.value("document.documentElement.scrollWidth <= innerWidth")
                assert tab.said == []

        asyncio.run(look())
