"""The example of a shop: one purchase is seen accepted by the stand-ins of TikTok, Meta and GA4."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shop import DENIED, NO_ADVERTISING, VENDORS, Shop, shop_running

pytestmark = pytest.mark.slow


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with shop_running(tmp_path) as found:
        yield found


def seen(requests: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    return sorted((each["vendor"], each["verdict"], each["events"][0]["name"]) for each in requests)


def test_one_purchase_is_accepted_by_all_three(shop: Shop) -> None:
    shop.order("T-1001")
    found = shop.received(3)
    assert seen(found) == [
        ("ga4", "accepted", "purchase"),
        ("meta", "accepted", "Purchase"),
        ("tiktok", "accepted", "Purchase"),
    ]
    assert [(each["reasons"], each["remarks"]) for each in found] == [([], [])] * 3
    ids = {each["vendor"]: each["events"][0]["event_id"] for each in found}
    assert ids == {"ga4": "T-1001", "meta": "T-1001.1", "tiktok": "T-1001.1"}
    assert {(each["events"][0]["value"], each["events"][0]["currency"]) for each in found} == {(72.5, "EUR")}
    assert {len(each["events"][0]["contents"]) for each in found} == {2}


def test_without_consent_the_right_ones_stay_silent(shop: Shop) -> None:
    shop.order("T-1", DENIED)
    shop.order("T-2", NO_ADVERTISING)
    shop.order("T-3")
    found = shop.received(4)
    orders = sorted((each["vendor"], each["events"][0]["event_id"]) for each in found)
    assert orders == [("ga4", "T-2"), ("ga4", "T-3"), ("meta", "T-3.1"), ("tiktok", "T-3.1")]


def test_a_fault_of_one_vendor_holds_up_no_other(shop: Shop) -> None:
    shop.fault({"error": 2, "vendor": "meta"})
    shop.order("T-1001")
    found = shop.received(4)
    verdicts = {name: [each["verdict"] for each in found if each["vendor"] == name] for name in VENDORS}
    assert verdicts == {"ga4": ["accepted"], "meta": ["faulted", "accepted"], "tiktok": ["accepted"]}
