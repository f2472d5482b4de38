"""The same events as other implementations got: where all of them agree, the tag agrees with them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from container.effects import Request
from container.event import Event, Hit
from container.testing import resolved
from tags.tiktok_events_api import tiktok_events_api
from tags.tiktok_events_api.settings import TikTokEventsApi

ROOT = Path(__file__).resolve().parents[3]
CORPUS = ROOT / os.environ.get("CORPUS_DIR", "../shared/corpus")
TIME = 1_700_000_123_456

PATHS: Mapping[str, str] = {
    "event": "event",
    "event_id": "event_id",
    "page_url": "page.url",
    "page_referrer": "page.referrer",
    **{
        field: f"user.{field}"
        for field in ("ip", "user_agent", "email", "phone", "external_id", "ttclid", "ttp", "first_name", "last_name")
    },
    **{field: f"user.{field}" for field in ("city", "state", "country", "zip_code")},
    **{field: f"properties.{field}" for field in ("currency", "value", "order_id", "content_type")},
}
OF_EACH_ITEM = {"content_ids": "content_id", "prices": "price", "quantities": "quantity"}


def records(name: str) -> list[dict[str, Any]]:
    path = CORPUS / name
    return json.loads(path.read_text()) if path.is_file() else []


DIFFERENCES = {
    (record["group"], record["field"])
    for record in records("deliberate_differences.json")
    if record["platform"] == "tiktok"
}
COMPARABLE = [
    (record, field)
    for record in records("mapping_cases.json")
    if record["platform"] == "tiktok" and isinstance(record["expected"].get("json", {}).get("data"), list)
    for field in record.get("agreement", {}).get("all_agree", [])
]


@pytest.mark.corpus
@pytest.mark.skipif(not COMPARABLE, reason=f"there is no corpus in {CORPUS.name} (CORPUS_DIR)")
@pytest.mark.parametrize(
    ("record", "field"), COMPARABLE, ids=[f"{record['id']}-{field}" for record, field in COMPARABLE]
)
def test_the_tag_agrees_where_all_others_do(record: dict[str, Any], field: str) -> None:
    differs = {(record["group"], field), (record["group"], "*")} & DIFFERENCES
    agrees = value_of(sent(record), field) == value_of(record["expected"]["json"], field)
    assert agrees != bool(differs), "an idle entry in the list of differences" if agrees else "a difference"


def sent(record: dict[str, Any]) -> dict[str, Any]:
    """What the tag makes of the record's event, with names in the style of the others."""
    data, mp = record["ga4"]["event_data"], record["ga4"]["mp"]
    cookies = "; ".join(f"{name}={value}" for name, value in mp["cookies"].items())
    event = Event(data["event_name"], data, Hit(bytes(16), TIME, headers={"cookie": cookies}))
    stated = {
        "pixel_id": record["expected"]["json"]["event_source_id"],
        "access_token": "${secret:TIKTOK_TOKEN}",
        "browser": {"event_names": "legacy"},
    }
    settings = resolved(TikTokEventsApi, stated, event)
    assert isinstance(settings, TikTokEventsApi)
    effects = tiktok_events_api(settings, event)
    request = effects[0] if isinstance(effects, list) else None
    return dict(request.document) if isinstance(request, Request) else {"data": [{}]}


def value_of(body: Mapping[str, Any], field: str) -> Any:
    """The field of a request, in one form: a list of one is its member, texts of numbers are texts."""
    item = body["data"][0]
    if field == "event_source_id":
        return body.get(field)
    contents = item.get("properties", {}).get("contents", [])
    if field in OF_EACH_ITEM:
        return [content.get(OF_EACH_ITEM[field]) for content in contents]
    if field == "content_type" and contents and "content_type" in contents[0]:
        return contents[0]["content_type"]
    found: Any = item
    for step in PATHS[field].split("."):
        found = found.get(step, {})
    return found[0] if isinstance(found, list) and len(found) == 1 else found
