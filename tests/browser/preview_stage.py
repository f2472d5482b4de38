"""A real `serve` with preview, a sandbox beside it that its tags send to, and a shop whose pages send GA4 hits."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import canaries
from tests.browser.loopback import TRACK, answered, received_bodies, sandbox_running, shop_of
from tests.browser.tabs import WIDE, Tab, chromium
from tests.cli.processes import Serving, serving

TIKTOK_TOKEN = canaries.TOKEN
EMAIL = canaries.EMAIL

CONTAINER = """\
version: 1
container: {name: Trail Shop, id: SHOP-1}
consent: {default: denied}
clients: {GA4: {type: ga4}}
variables:
  Order Value: {type: event_data, key: value, default: 0}
triggers:
  All Pages: {events: page_view}
  Real Purchase:
    events: purchase
    when:
      - {variable: Order Value, greater_than: 0}
      - {value: "{{ event.transaction_id }}", does_not_match_regex: "^TEST-"}
tags:
  TikTok - events:
    type: tiktok_events_api
    triggers: [All Pages, Real Purchase]
    pixel_id: C1EXAMPLEPIXEL000000
    access_token: "${secret:TIKTOK_TOKEN}"
    endpoint: http://127.0.0.1:SANDBOX/open_api/v1.3/event/track/
    browser: {pixel: true, event_names: current}
"""
RULE = """      - {value: "{{ event.transaction_id }}", does_not_match_regex: "^TEST-"}\n"""

SHOP = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Trail Shop</title>
<h1>Trail Shop</h1><button>Buy</button><button>Order as a test</button><p></p>
<script>
  const common = {v: "2", tid: "G-EXAMPLE01", cid: "CLIENT_ID", gcs: "G111", dl: location.href, dt: document.title};
  async function hit(more) {
    const address = "CONTAINER/g/collect?" + new URLSearchParams({...common, ...more});
    await fetch(address, {method: "POST", mode: "no-cors", credentials: "include", keepalive: true});
    document.querySelector("p").textContent += more.en + " is sent. ";
  }
  const sale = (id) => hit({en: "purchase", cu: "EUR", "epn.value": "72.5", "ep.transaction_id": id,
    "ep.event_id": id + ".1", "ep.user_data.email": "EMAIL",
    pr1: "idSKU-1~nmTrail Shoe~brAcme~caShoes~pr30~qt2", pr2: "idSKU-2~nmWool Sock~pr12.5~qt1"});
  const [buy, test] = document.querySelectorAll("button");
  let orders = 1000;
  buy.addEventListener("click", () => sale("T-" + ++orders));
  test.addEventListener("click", () => sale("TEST-1"));
  hit({en: "page_view"});
</script>"""


@dataclass(frozen=True)
class Stage:
    """What a test needs: the analyst's tab, the servers, and the container file."""

    tab: Tab
    served: Serving
    file: Path
    sandbox: int
    shop: int

    async def begin(self) -> None:
        """Starts a preview as an analyst does: from the overview, which asks for the token."""
        await self.tab.open(self.served.admin)
        await self.tab.page.get_by_role("link", name="Preview").first.click()
        await self.press("Start preview")
        await self.tab.first("#strip").filter(has_text="Dry run: no vendor is called").wait_for()

    async def visit(self) -> Tab:
        """Follows a link of the panel Connect in another tab of the same browser, which then shows the shop."""
        await self.panel("Connect")
        await self.press("Make a link")
        visitor = await self.tab.another()
        await visitor.open(await self.tab.page.get_by_label("The link", exact=True).inner_text())
        await visitor.page.get_by_role("button").click()
        await visitor.page.get_by_role("heading", name="Preview is on in this browser").wait_for()
        await visitor.open(f"http://127.0.0.1:{self.shop}/?ttclid={canaries.CLICK_ID}")
        await visitor.until_says("page_view is sent.", within="p")
        return visitor

    async def press(self, name: str) -> None:
        await self.tab.page.get_by_role("button", name=name, exact=True).click()

    async def panel(self, name: str) -> None:
        button = self.tab.first(f"#panels button:text-is('{name}')")
        if await button.get_attribute("aria-current") != "true":
            await button.click()
        await self.tab.first(f"#panels [aria-current=true]:text-is('{name}')").wait_for()

    async def look(self, event: str, number: int) -> None:
        """Opens an event of the list: the one with this name in this request."""
        await self.tab.page.locator(f'.event[data-number="{number}"]').filter(has_text=event).click()
        await self.tab.first(f"#shown h2:has-text('{event}')").filter(has_text=f"request {number},").wait_for()

    async def choose(self, tab: str) -> None:
        await self.tab.page.get_by_role("tab", name=tab, exact=True).click()
        await self.tab.page.get_by_role("tab", name=tab, exact=True, selected=True).wait_for()

    async def mode(self, name: str) -> None:
        await self.tab.page.locator("#modes label").filter(has_text=name).click()
        await self.tab.first("#strip").filter(has_text=f"{name}: ").wait_for()

    async def draft(self, text: str) -> None:
        await self.panel("Draft")
        await self.tab.page.get_by_label("The draft").fill(text)
        await self.press("Use this draft")

    def received(self) -> list[dict[str, Any]]:
        """The bodies that the sandbox got."""
        return received_bodies(self.sandbox)

    def unmarked(self, order: str) -> None:
        """Somebody else buys, who knows nothing of a preview."""
        hit = "v=2&tid=G-EXAMPLE01&cid=3.4&gcs=G111&dl=https%3A%2F%2Fwww.shop.example%2F&en=purchase&epn.value=5&cu=EUR"
        answered(f"{self.served.public}/g/collect?{hit}&ep.transaction_id={order}&ep.event_id={order}.1")


@asynccontextmanager
async def stage(folder: Path) -> AsyncIterator[Stage]:
    environment = {"TIKTOK_TOKEN": TIKTOK_TOKEN, "TAG_CONTAINER_ADMIN_TOKEN": canaries.ADMIN_TOKEN}
    options = ("--allow-publish", "--allow-egress", "127.0.0.0/8")
    with sandbox_running() as sandbox:
        text = CONTAINER.replace("SANDBOX", str(sandbox))
        with serving(folder, *options, text=text, environment=environment) as served:
            page = SHOP.replace("CONTAINER", served.public).replace("CLIENT_ID", canaries.CLIENT_ID)
            with shop_of({"/": page.replace("EMAIL", EMAIL).encode()}) as shop:
                async with chromium(password=canaries.ADMIN_TOKEN) as tab:
                    await tab.size(WIDE)
                    yield Stage(tab, served, folder / "container.yaml", sandbox, shop.port)


__all__ = ["CONTAINER", "EMAIL", "RULE", "TRACK", "Stage", "stage"]
