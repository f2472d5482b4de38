"""Events of every kind, sound and broken, for what has to hold for all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from container.effects import Note, Request, Skip
from container.event import Event, Hit
from container.testing import resolved
from tags.meta_conversions_api import meta_conversions_api
from tags.meta_conversions_api.names import NAMES as META
from tags.meta_conversions_api.settings import MetaConversionsApi

NOW = 1_767_261_600_000
HIT = Hit(bytes(16), NOW)
TOKEN = "${secret:META_TOKEN}"
PIXEL = "1234567890123456"
SOURCES = ("website", "app", "physical_store", "email", "business_messaging", "system_generated")
EXTINFO = ["i2", "com.example.shop", "", "1", "17.5", *[""] * 11]

KEYS = [
    *("event_id", "event_time", "user_id", "external_id", "page_location", "page_referrer", "fbc", "fbp", "fbclid"),
    *("ip_override", "user_agent", "value", "currency", "transaction_id", "search_term", "items", "contents"),
    *("content_type", "content_name", "content_category", "predicted_ltv", "delivery_category", "status"),
    *("user_data", "email", "phone", "common_cookie", "lead_id", "madid", "idfa", "gaid", "anon_id", "ctwa_clid"),
    *("subscription_id", "fb_login_id", "extinfo", "advertiser_tracking_enabled", "application_tracking_enabled"),
    *("campaign_ids", "install_referrer", "vendor_id", "x-fb-ck-fbc", "timestamp_micros"),
]
ITEM_KEYS = ["item_id", "id", "item_name", "price", "item_price", "quantity", "currency", "delivery_category"]
USER_KEYS = [
    *("email_address", "email", "phone_number", "sha256_phone_number", "sha256_email_address", "address", "first_name"),
    *("0", "gender", "date_of_birth", "region", "city", "country", "postal_code", "page_id", "_fbc"),
]
WORDS = st.sampled_from(
    [
        *("a@b.example", "+491713920012", "0171 3920012", "15550100123", "https://a.example/?fbclid=x", "1.5", "0"),
        *("US", "US-CA", "m", "1990-05-21", "::ffff:10.0.0.1", "81.2.69.142", "a" * 64, "fb.1.1.x", "EUR"),
    ]
)
LEAF = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8) | WORDS
TEXT = st.text(st.characters(exclude_characters="{"), max_size=8)
"""What settings may hold as it is: with a brace it could be a reference."""


def _anything(leaf: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        leaf,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from([*ITEM_KEYS, *USER_KEYS]) | st.text(st.characters(), max_size=3), inner)
        ),
        max_leaves=6,
    )


ANYTHING = _anything(LEAF)
WRITTEN = _anything(st.none() | st.booleans() | st.integers() | st.floats() | TEXT | WORDS)
ITEMS = st.lists(st.dictionaries(st.sampled_from(ITEM_KEYS), LEAF, max_size=5), max_size=3)
USER_DATA = st.dictionaries(st.sampled_from(USER_KEYS), ANYTHING, max_size=4)
SOUND = {
    "page_location": st.just("https://shop.example.com/?fbclid=C1"),
    "user_agent": st.just("UA/1.0"),
    "ip_override": st.just("81.2.69.142"),
    "extinfo": st.just(EXTINFO),
    "advertiser_tracking_enabled": st.just(value=True),
    "application_tracking_enabled": st.just("0"),
    "value": st.just(5),
    "currency": st.just("EUR"),
}
"""What events need to be taken at all: with nothing sound in them hardly one would be sent."""

DATA = st.fixed_dictionaries(
    {},
    optional={
        key: SOUND.get(key, st.nothing())
        | {"items": ITEMS, "contents": ITEMS, "user_data": USER_DATA}.get(key, st.nothing())
        | ANYTHING
        for key in KEYS
    },
) | st.fixed_dictionaries(dict(SOUND), optional={key: ANYTHING for key in KEYS if key not in SOUND})
NAMES = st.sampled_from([*META.standard, "refund", "scroll", "custom"]) | st.text(st.characters(), max_size=5)
SETTINGS = st.fixed_dictionaries(
    {"action_source": st.sampled_from(SOURCES), "messaging_channel": st.just("messenger")},
    optional={
        "opt_out": st.booleans(),
        "data_processing_options": WRITTEN,
        "data_processing_options_country": st.just("{{ event.value }}"),
        "test_event_code": st.sampled_from(["", "TEST1", "\ud800"]),
        "phone_region": st.sampled_from(["DE", "US", "?"]),
        "cookies": st.just({"fbp": True}),
        "browser": st.fixed_dictionaries({"pixel": st.booleans()}),
        "custom": st.just({"pass": KEYS, "status": "{{ event.status }}"}),
        "user": st.fixed_dictionaries({}, optional={"em": WRITTEN, "ph": WRITTEN, "fbc": TEXT, "ct": TEXT}),
    },
)
HEADERS = st.fixed_dictionaries(
    {}, optional={"cookie": st.text(st.characters()), "user-agent": st.text(st.characters()), "host": st.text()}
)


def effects_of(name: str, data: Mapping[str, Any], hit: Hit = HIT, **stated: Any) -> list[Any]:
    event = Event(name, data, hit)
    made = resolved(MetaConversionsApi, {"pixel_id": PIXEL, "access_token": TOKEN, **stated}, event)
    assert isinstance(made, MetaConversionsApi)
    effects = meta_conversions_api(made, event)
    return effects if isinstance(effects, list) else [effects]


def request_in(effects: list[Any]) -> Request | None:
    """What is sent, `None` when the tag sends nothing and says why."""
    first = effects[0]
    if isinstance(first, Skip):
        assert first.reason
        assert all(isinstance(effect, Note) for effect in effects[1:])
        return None
    assert isinstance(first, Request)
    return first


def notes_in(effects: list[Any]) -> list[str]:
    return [effect.text for effect in effects if isinstance(effect, Note)]
