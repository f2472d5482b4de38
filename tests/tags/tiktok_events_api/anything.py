"""Events of every kind, sound and broken, for what has to hold for all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from container.effects import Skip
from container.event import Event, Hit
from container.testing import resolved
from tags.tiktok_events_api import tiktok_events_api
from tags.tiktok_events_api.names import APP, CURRENT
from tags.tiktok_events_api.settings import TikTokEventsApi

TOKEN = "${secret:TIKTOK_TOKEN}"
KEYS = [
    *(
        "event_id",
        "event_time",
        "user_id",
        "external_id",
        "page_location",
        "page_referrer",
        "language",
        "ttclid",
        "ttp",
    ),
    *("ip_override", "user_agent", "value", "currency", "transaction_id", "search_term", "new_customer", "items"),
    *("customer_type", "content_type", "user_data", "email", "phone", "common_cookie", "contents", "lead_id", "app_id"),
    *("idfa", "gaid", "att_status", "lead_event_source", "shop_id", "timestamp_micros"),
]
ITEM_KEYS = ["item_id", "id", "item_name", "item_brand", "item_category", "price", "quantity", "currency"]
USER_KEYS = ["email_address", "email", "phone_number", "sha256_email_address", "address", "first_name", "0"]
WORDS = st.sampled_from(
    [
        "a@b.example",
        "+491713920012",
        "https://a.example/?ttclid=x",
        "1.5",
        "0",
        "US",
        "new",
        "::ffff:10.0.0.1",
        "a" * 64,
    ]
)
LEAF = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8) | WORDS
ANYTHING = st.recursive(
    LEAF,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*ITEM_KEYS, *USER_KEYS]) | st.text(st.characters(), max_size=3), inner)
    ),
    max_leaves=6,
)
ITEMS = st.lists(st.dictionaries(st.sampled_from(ITEM_KEYS), LEAF, max_size=5), max_size=3)
USER_DATA = st.dictionaries(st.sampled_from(USER_KEYS), ANYTHING, max_size=4)
DATA = st.fixed_dictionaries(
    {}, optional={key: {"items": ITEMS, "user_data": USER_DATA}.get(key, st.nothing()) | ANYTHING for key in KEYS}
)
NAMES = st.sampled_from([*CURRENT, *APP, "refund", "scroll", "custom"]) | st.text(st.characters(), max_size=5)
SETTINGS = st.fixed_dictionaries(
    {"event_source": st.sampled_from(["web", "app", "offline", "crm"])},
    optional={
        "limited_data_use": st.booleans(),
        "test_event_code": st.sampled_from(["", "TEST1", "\ud800"]),
        "phone_region": st.sampled_from(["DE", "US", "?"]),
        "cookies": st.just({"ttp": True}),
        "browser": st.fixed_dictionaries(
            {"pixel": st.booleans(), "event_names": st.sampled_from(["current", "legacy"])},
        ),
        "properties": st.just({"pass": KEYS}),
        "user": st.fixed_dictionaries({}, optional={"email": ANYTHING, "phone": ANYTHING, "ttclid": st.text()}),
    },
)
HEADERS = st.fixed_dictionaries(
    {}, optional={"cookie": st.text(st.characters()), "user-agent": st.text(st.characters())}
)


def effects_of(name: str, data: Mapping[str, Any], hit: Hit, **stated: Any) -> list[Any] | Skip:
    event = Event(name, data, hit)
    made = resolved(TikTokEventsApi, {"pixel_id": "P", "access_token": TOKEN, **stated}, event)
    assert isinstance(made, TikTokEventsApi)
    return tiktok_events_api(made, event)
