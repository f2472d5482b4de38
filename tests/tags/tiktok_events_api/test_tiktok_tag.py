"""What holds for every event: the tag never raises, and what it sends has the kinds that TikTok wants."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from container.effects import Note, Request, SetCookie, Skip
from container.event import Event, Hit
from container.secret import SecretText
from container.testing import resolved
from tags.tiktok_events_api import tiktok_events_api
from tags.tiktok_events_api.names import APP, CURRENT, LEGACY
from tags.tiktok_events_api.properties import DEEPEST, passable
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

HASH = r"[0-9a-f]{64}"
USER_FORMS = {
    **dict.fromkeys(("email", "phone", "external_id", "first_name", "last_name", "zip_code", "idfa", "gaid"), HASH),
    "country": "[a-z]{2}",
    "locale": "[a-z]{2,3}(-[A-Za-z0-9]{1,8})*",
}
PROPERTY_KINDS: Mapping[str, type | tuple[type, ...]] = {
    "value": (int, float),
    "num_items": int,
    **dict.fromkeys(("contents", "content_ids"), list),
    **dict.fromkeys(("currency", "content_type", "order_id", "search_string", "shop_id", "customer_type"), str),
}


def effects_of(name: str, data: Mapping[str, Any], hit: Hit, **stated: Any) -> list[Any] | Skip:
    event = Event(name, data, hit)
    made = resolved(TikTokEventsApi, {"pixel_id": "P", "access_token": TOKEN, **stated}, event)
    assert isinstance(made, TikTokEventsApi)
    return tiktok_events_api(made, event)


def purchase(data: Mapping[str, Any], **stated: Any) -> Request:
    effects = effects_of("purchase", data, Hit(bytes(16), 1_767_261_600_000), **stated)
    assert isinstance(effects, list)
    request = effects[0]
    assert isinstance(request, Request)
    return request


@given(name=NAMES, data=DATA, stated=SETTINGS, headers=HEADERS, ip=st.none() | st.text(st.characters(), max_size=5))
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_event_makes_the_tag_raise_or_send_a_wrong_kind(
    name: str, data: dict[str, Any], stated: dict[str, Any], headers: dict[str, str], ip: str | None
) -> None:
    effects = effects_of(name, data, Hit(bytes(16), 1_767_261_600_000, headers=headers, ip=ip), **stated)
    if isinstance(effects, Skip):
        assert effects.reason
        return
    request, *others = effects
    assert all(isinstance(effect, (SetCookie, Note)) for effect in others)
    document = orjson.loads(orjson.dumps(request.document))
    event = document["data"][0]
    assert isinstance(event["event"], str)
    assert isinstance(event["event_time"], int)
    assert isinstance(event.get("event_id", ""), str)
    assert "" not in leaves(document)
    assert None not in leaves(document)
    for field, value in event.get("user", {}).items():
        for text in value if isinstance(value, list) else [value]:
            assert re.fullmatch(USER_FORMS.get(field, "(?s:.+)"), text), field
    for field, value in event.get("properties", {}).items():
        assert isinstance(value, PROPERTY_KINDS.get(field, object)), field
    for content in event.get("properties", {}).get("contents", []):
        assert isinstance(content.get("quantity"), int)
        assert isinstance(content.get("price", 0), (int, float))
        assert isinstance(content.get("content_id", ""), str)


@given(ANYTHING)
def test_a_passed_value_is_json_for_any_reader(value: Any) -> None:
    orjson.dumps(passable(value))


def test_a_passed_value_has_a_floor() -> None:
    value: Any = "bottom"
    for _ in range(DEEPEST + 5):
        value = [value]
    assert "bottom" not in str(passable(value))


def test_the_token_travels_as_a_reference_and_without_bearer() -> None:
    token = purchase({}).headers["Access-Token"]
    assert isinstance(token, SecretText)
    assert str(token) == TOKEN


def test_events_of_one_account_can_share_a_request() -> None:
    request = purchase({})
    assert request.batch is not None
    assert (request.batch.path, request.batch.max_items, request.account) == ("data", 500, "P")
    assert "data" not in request.json


def test_a_test_code_stands_in_the_envelope_and_marks_the_lane() -> None:
    request = purchase({"test_event_code": "FROM_THE_HIT"}, test_event_code="TEST1")
    assert request.test_code == "TEST1"
    assert request.json["test_event_code"] == "TEST1"


def test_a_hit_cannot_turn_an_event_into_a_test_event() -> None:
    request = purchase({"test_event_code": "FROM_THE_HIT"})
    assert request.test_code == ""
    assert "test_event_code" not in request.json


def test_two_events_of_a_hit_get_two_made_ids() -> None:
    hit = Hit(bytes(16), 1_767_261_600_000)
    made = resolved(
        TikTokEventsApi,
        {"pixel_id": "P", "access_token": TOKEN, "browser": {"pixel": False}},
        Event("purchase", {}, hit),
    )
    assert isinstance(made, TikTokEventsApi)
    ids = []
    for name, index in (("purchase", 0), ("purchase", 1), ("add_to_cart", 0), ("purchase", 0)):
        effects = tiktok_events_api(made, Event(name, {}, hit, index=index))
        assert isinstance(effects, list)
        assert isinstance(effects[0], Request)
        ids.append(effects[0].item["event_id"])
    assert len(set(ids)) == 3
    assert ids[0] == ids[3]


def test_the_cookie_is_lax_and_readable_for_the_pixel() -> None:
    hit = Hit(bytes(16), 1_767_261_600_000)
    effects = effects_of("page_view", {"page_location": "https://a.example/?ttclid=E.C.P.1"}, hit)
    assert isinstance(effects, list)
    assert effects[1] == SetCookie(
        "ttclid", "E.C.P.1", max_age=2_592_000, domain="auto", path="/", secure=True, http_only=False, same_site="lax"
    )


def test_a_note_never_holds_the_value() -> None:
    secret = "Ada-Lovelace-0171"
    data = {
        "event_time": secret,
        "currency": secret,
        "ip_override": secret,
        "language": f"{secret}!",
        "customer_type": secret,
        "items": [{"price": secret, "quantity": secret}, secret],
        "user_data": {"email": secret, "phone_number": secret, "address": {"country": secret}},
    }
    effects = effects_of("purchase", data, Hit(bytes(16), 1_767_261_600_000))
    assert isinstance(effects, list)
    notes = [effect.text for effect in effects if isinstance(effect, Note)]
    assert len(notes) > 8
    assert not any(secret in note for note in notes)


@pytest.mark.parametrize(("ga4", "tiktok"), CURRENT.items())
def test_legacy_names_differ_in_two_events_only(ga4: str, tiktok: str) -> None:
    assert (LEGACY[ga4] == tiktok) == (ga4 not in ("purchase", "generate_lead"))


def leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for member in value.values() for leaf in leaves(member)]
    return [leaf for member in value for leaf in leaves(member)] if isinstance(value, list) else [value]
