"""A real browser visits a shop: GA4 hits go to the container, the right TikTok events come out of it."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.loopback import Shop, answered, free_port, received_events, running, sandbox_running, shop_of
from tests.browser.tabs import CHROMIUM, PATIENCE_SECONDS, chromium

CLIENT = Path(__file__).parent / "node_modules" / "@minimal-analytics" / "ga4" / "dist" / "index.js"

CLICK_ID = "E.C.P.CqwBYrowserTest_Case-Kept.0123456789"
BROWSER_ID = "01K0T8BYGJH63785W68YS5NN1R_.tt.1"
EMAIL_HASH = "86e0b9e56c17cc4d12387e1949b85053fbe73bc3ce5a1188713a9d300cc6133d"

CONTAINER = """
version: 1
container: {name: Browser test, id: SHOP-E2E}
consent: {default: denied}
clients:
  GA4: {type: ga4}
triggers:
  Shop: {events: [page_view, purchase]}
tags:
  TikTok:
    type: tiktok_events_api
    triggers: [Shop]
    pixel_id: CBROWSERTEST00000000
    access_token: "${secret:TIKTOK_TOKEN}"
    endpoint: http://127.0.0.1:SANDBOX/open_api/v1.3/event/track/
    browser: {pixel: true, event_names: current}
"""

LANDING = """<!doctype html><meta charset="utf-8"><title>Trail Shop</title>
<script>
  document.cookie = "_ttp=BROWSER_ID; path=/";
  window.minimalAnalytics = {analyticsEndpoint: "http://localhost:CONTAINER/g/collect"};
</script>
<script src="/ga4.js"></script>
<script>
  track("G-BROWSER001", {event: {gcs: "G111", "ep.event_id": "page-1"}});
  setInterval(() => { if (document.cookie.includes("ttclid=")) location.href = "/thanks"; }, 50);
</script>"""

THANKS = """<!doctype html><meta charset="utf-8"><title>Thank you</title>
<script>window.minimalAnalytics = {analyticsEndpoint: "http://localhost:CONTAINER/g/collect"};</script>
<script src="/ga4.js"></script>
<script>
  track("G-BROWSER001", {type: "purchase", event: {
    gcs: "G111", cu: "EUR", "epn.value": 72.5, "ep.transaction_id": "T-1001", "ep.event_id": "T-1001.1",
    pr1: "idSKU-1~nmTrail Shoe ~~ blue~brAcme~caShoes~c2Running~pr30~qt2", pr2: "idSKU-2~nmWool Sock~pr12.5~qt1",
    "ep.user_data.email": " Jane.Doe@Example.com"}});
  fetch("/seen", {method: "POST", body: document.cookie});
</script>"""


@pytest.fixture
def sandbox() -> Iterator[int]:
    with sandbox_running() as port:
        yield port


@pytest.fixture
def container(tmp_path: Path, sandbox: int) -> Iterator[int]:
    file = tmp_path / "container.yaml"
    file.write_text(CONTAINER.replace("SANDBOX", str(sandbox)))
    port = free_port()
    places = ["--port", str(port), "--admin-port", str(free_port()), "--data", str(tmp_path / "data")]
    command = [sys.executable, "-m", "container", "serve", "--config", str(file), "--allow-egress", "127.0.0.0/8"]
    with running(*command, *places, env={"TIKTOK_TOKEN": "browser-test-token"}):
        answered(f"http://127.0.0.1:{port}/healthy")
        yield port


@pytest.fixture
def shop(container: int) -> Iterator[Shop]:
    pages = {"/": LANDING, "/thanks": THANKS}
    filled = {
        path: page.replace("CONTAINER", str(container)).replace("BROWSER_ID", BROWSER_ID).encode()
        for path, page in pages.items()
    }
    with shop_of({**filled, "/ga4.js": CLIENT.read_bytes()}) as found:
        yield found


@pytest.mark.chromium
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
@pytest.mark.skipif(not CLIENT.exists(), reason="the npm package is not installed: npm ci --prefix tests/browser")
def test_a_purchase_in_chromium_reaches_tiktok_right_to_the_field(shop: Shop, sandbox: int) -> None:
    url = f"http://localhost:{shop.port}/?ttclid={CLICK_ID}"

    async def visit() -> tuple[str, list[dict[str, Any]]]:
        async with chromium() as tab:
            await tab.open(url)
            seen = await asyncio.to_thread(shop.seen.get, timeout=PATIENCE_SECONDS)
            return seen, await asyncio.to_thread(received_events, sandbox, 2)

    cookies, received = asyncio.run(visit())
    events = {event["event"]: event for event in received}

    assert f"ttclid={CLICK_ID}" in cookies, "the reply's cookie is in the browser"
    page, purchase = events["Pageview"], events["Purchase"]
    assert page["event_id"] == "page-1"
    assert page["page"] == {"url": url}
    assert page["user"]["ttclid"] == CLICK_ID
    assert "properties" not in page

    agent, locale = purchase["user"].pop("user_agent"), purchase["user"].pop("locale")
    assert "Chrome" in agent
    assert locale.startswith("en")
    assert abs(purchase.pop("event_time") - time.time()) < 2 * PATIENCE_SECONDS
    assert purchase == {
        "event": "Purchase",
        "event_id": "T-1001.1",
        "user": {"ttclid": CLICK_ID, "ttp": BROWSER_ID, "email": EMAIL_HASH},
        "page": {"url": f"http://localhost:{shop.port}/thanks", "referrer": url},
        "properties": {
            "value": 72.5,
            "currency": "EUR",
            "order_id": "T-1001",
            "num_items": 3,
            "content_type": "product",
            "content_ids": ["SKU-1", "SKU-2"],
            "contents": [
                {
                    "content_id": "SKU-1",
                    "content_name": "Trail Shoe ~ blue",
                    "content_category": "Shoes > Running",
                    "brand": "Acme",
                    "price": 30,
                    "quantity": 2,
                },
                {"content_id": "SKU-2", "content_name": "Wool Sock", "price": 12.5, "quantity": 1},
            ],
        },
    }
