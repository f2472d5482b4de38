"""The example of a shop with three destinations, as a demonstration that runs, and what its sandbox received."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests import canaries
from tests.cli.processes import PATIENCE_SECONDS, ROOT, serving

SHOP = ROOT / "docs" / "examples" / "shop.yaml"
VENDORS = ("ga4", "meta", "tiktok")
AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Safari/537.36"
HEADERS: Mapping[str, str] = {
    "cookie": "_ttp=2aBrowserId; _fbp=fb.1.1767200000000.1234567890",
    "user-agent": AGENT,
    "x-forwarded-for": "81.2.69.142",
}
ORDER = (
    "v=2&tid=G-SHOP000001&cid=1234567890.1767200000&sid=1767261500&sct=1&seg=1&_p=1&ul=en-gb&en=purchase&cu=EUR"
    "&epn.value=72.5&dl=https%3A%2F%2Fwww.shop.example%2Fthanks%3Fttclid%3DE.C.P.click%26fbclid%3DAbCdEf&dt=Thanks"
    f"&ep.user_data.email={canaries.EMAIL}&pr1=idSKU-1~nmTea%20pot~pr30~qt2&pr2=idSKU-2~nmCup~pr12.5~qt1"
)
GRANTED, NO_ADVERTISING, DENIED = "G111", "G101", "G100"


@dataclass(frozen=True)
class Shop:
    """`public`: where hits go. `sandbox`: the address of its page."""

    public: str
    sandbox: str

    def order(self, number: str, consent: str = GRANTED) -> None:
        """Sends a purchase as a browser does, with an event id that the pixels have too."""
        query = f"{ORDER}&gcs={consent}&ep.transaction_id={number}&ep.event_id={number}.1"
        with httpx.Client(trust_env=False, timeout=PATIENCE_SECONDS) as browser:
            assert browser.post(f"{self.public}/g/collect?{query}", headers=HEADERS).status_code == 204

    def fault(self, written: Mapping[str, Any]) -> None:
        with httpx.Client(trust_env=False, timeout=PATIENCE_SECONDS) as analyst:
            assert analyst.post(f"{self.sandbox}faults", json=written).status_code == 200

    def received(self, requests: int) -> list[dict[str, Any]]:
        """What the sandbox received, once it is so much."""
        until = time.monotonic() + PATIENCE_SECONDS
        with httpx.Client(trust_env=False, timeout=PATIENCE_SECONDS) as analyst:
            while True:
                found: list[dict[str, Any]] = analyst.get(f"{self.sandbox}received").json()["received"]
                if len(found) >= requests or time.monotonic() > until:
                    return found
                time.sleep(0.05)


@contextmanager
def shop_running(folder: Path) -> Iterator[Shop]:
    """`serve --demo` over the example: none of its secrets is set, so all of it goes to the sandbox."""
    text = SHOP.read_text(encoding="utf-8")
    with serving(folder, "--demo", "--trusted-proxy", "127.0.0.1/32", text=text, environment={}) as served:
        yield Shop(served.public, served.wait_for(r"^\s+Open\s+(\S+)\s+what the sandbox received")[1])
