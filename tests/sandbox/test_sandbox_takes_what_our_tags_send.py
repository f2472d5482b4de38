"""Whatever a tag sends in one of its cases, the stand-in of its vendor accepts: it was written apart from the tag."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from container.component import Component
from container.config.registry import discover
from container.sandbox.vendor import Incoming, Vendor
from container.sandbox.vendors import vendors
from container.testing import Case, _found, cases_in

TAGS = Path(__file__).resolve().parents[1] / "tags"
ADDRESSES = {"tiktok": "", "meta": "/meta", "ga4": "/ga4"}
"""What stands in the sandbox before the path that the vendor has."""

LATE_SECONDS = 30
NOT_KNOWN = ("Batch.0.page",)
"""Whether TikTok insists on the page is not known; a note tells the analyst that it is missing."""

ELSEWHERE = {"of_analytics_360": "a property of Analytics 360 takes more than the stand-in knows of"}


def our_cases() -> Iterator[tuple[Vendor, Component, Case]]:
    for component in discover().of_kind("tag"):
        for vendor in vendors():
            if component.type.startswith(vendor.name):
                yield from ((vendor, component, case) for case in cases_in(TAGS / component.type) if is_ours(case))


def is_ours(case: Case) -> bool:
    """Whether it sends to the vendor: not to a proxy, nor to another server container."""
    return "endpoint" not in case.given["settings"] and case.path.stem not in ELSEWHERE


CASES = list(our_cases())


def incoming(request: Mapping[str, Any], before: str) -> Incoming:
    """The request as it arrives half a minute after it was made."""
    parts, document = urlsplit(request["url"]), request.get("json")
    body = request.get("body") or "" if document is None else json.dumps(document)
    times = [event.get("event_time", 0) for event in (document or {}).get("data", ())]
    micros = [(document or {}).get("timestamp_micros", 0) // 1_000_000]
    now = max([*times, *micros, 0]) + LATE_SECONDS
    headers = {name.lower(): str(value) for name, value in request["headers"].items()}
    return Incoming(request["method"], before + parts.path, parts.query, headers, body.encode(), now, "R1")


def test_every_vendor_has_cases() -> None:
    assert {vendor.name for vendor, _, _ in CASES} == {"tiktok", "meta", "ga4"}


@pytest.mark.parametrize(
    ("vendor", "component", "case"), CASES, ids=[f"{component.type}-{case.path.stem}" for _, component, case in CASES]
)
def test_what_a_case_sends_is_accepted(vendor: Vendor, component: Component, case: Case) -> None:
    for request in _found(component, case)["requests"]:
        checked = vendor.check(incoming(request, ADDRESSES[vendor.name]))
        assert [reason for reason in checked.reasons if not reason.startswith(NOT_KNOWN)] == []
