"""What holds for every event: the tag never raises, and what it sends has the kinds that TikTok wants."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from container.component import component_of
from container.effects import Note, Request, SetCookie, Skip
from container.event import Event, Hit
from container.secret import SecretText
from container.testing import resolved
from tags.tiktok_events_api import tiktok_events_api
from tags.tiktok_events_api.names import CURRENT, LEGACY
from tags.tiktok_events_api.properties import DEEPEST, passable
from tags.tiktok_events_api.settings import TikTokEventsApi
from tests.tags.tiktok_events_api.anything import ANYTHING, DATA, HEADERS, NAMES, SETTINGS, TOKEN, effects_of

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


HIT = Hit(bytes(16), 1_767_261_600_000)


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


def test_a_test_code_may_come_from_a_variable() -> None:
    request = purchase({"market_test_code": "TEST2"}, test_event_code="{{ event.market_test_code }}")
    assert request.test_code == "TEST2"


def test_the_tag_needs_consent_for_ads_and_for_their_user_data() -> None:
    mark = component_of(tiktok_events_api)
    assert mark is not None
    assert mark.consent == ("ad_storage", "ad_user_data")


@pytest.mark.parametrize("source", ["web", "app", "offline", "crm"])
def test_the_address_is_that_of_the_current_interface(source: str) -> None:
    request = purchase({"app_id": "1", "lead_id": "1"}, event_source=source)
    assert str(request.url) == "https://business-api.tiktok.com/open_api/v1.3/event/track/"
    assert {"event_source", "event_source_id"} == set(request.json)


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


def test_content_ids_of_no_use_give_way_to_those_of_the_items() -> None:
    request = purchase({"items": [{"item_id": "A"}, {"item_name": "Shoe"}]}, properties={"content_ids": [{}, None]})
    assert request.item["properties"]["content_ids"] == ["A"]


def test_a_pixel_id_of_no_use_is_left_out() -> None:
    made = resolved(TikTokEventsApi, {"pixel_id": " undefined ", "access_token": TOKEN}, Event("purchase", {}, HIT))
    assert isinstance(made, TikTokEventsApi)
    effects = tiktok_events_api(made, Event("purchase", {}, HIT))
    assert isinstance(effects, list)
    request = effects[0]
    assert isinstance(request, Request)
    assert (request.json, request.account) == ({"event_source": "web"}, "")


@pytest.mark.parametrize(
    ("received", "stated", "expected"),
    [(500, {}, 0), (1_767_261_600_000, {"event_time": "1970-01-01T00:00:00.500Z"}, 0)],
)
def test_the_first_second_of_all_is_a_time(received: int, stated: dict[str, Any], expected: int) -> None:
    effects = effects_of("purchase", stated, Hit(bytes(16), received))
    assert isinstance(effects, list)
    assert effects[0].item["event_time"] == expected
