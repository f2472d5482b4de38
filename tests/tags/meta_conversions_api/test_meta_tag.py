"""What holds for every event: the tag never raises, and what it sends has the kinds that Meta wants."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from container.component import component_of
from container.effects import Note, Request, SetCookie, Skip
from container.event import Hit
from container.sandbox.meta import MetaSettings, check
from container.sandbox.vendor import Incoming
from container.secret import SecretText
from tags.meta_conversions_api import BATCH, meta_conversions_api
from tags.meta_conversions_api.user import IDENTIFIERS, TOO_BROAD, is_usable
from tests.tags.meta_conversions_api.anything import (
    ANYTHING,
    DATA,
    EXTINFO,
    HEADERS,
    HIT,
    KEYS,
    NAMES,
    NOW,
    PIXEL,
    SETTINGS,
    SOUND,
    SOURCES,
    TOKEN,
    effects_of,
    notes_in,
    request_in,
)

HASH = "[0-9a-f]{64}"
VISIBLE = "[!-~]+"
HASHED = ("em", "ph", "external_id", "fn", "ln", "ct", "st", "zp", "country", "ge", "db")
USER_FORMS = {
    **dict.fromkeys(HASHED, HASH),
    "fbc": rf"fb\.[0-9]+\.[0-9]+\.{VISIBLE}",
    "fbp": rf"fb\.[0-9]+\.[0-9]+\.{VISIBLE}",
    "client_ip_address": "[0-9a-fA-F.:]+",
}
LISTS = ("em", "ph", "external_id")
CUSTOM_KINDS: Mapping[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("value", "predicted_ltv"), (int, float)),
    "num_items": int,
    **dict.fromkeys(("contents", "content_ids"), list),
    **dict.fromkeys(
        ("currency", "content_type", "order_id", "search_string", "content_name", "content_category", "status"), str
    ),
}
GOOD = {
    "page_location": "https://shop.example.com/",
    "user_agent": "UA/1.0",
    "ip_override": "81.2.69.142",
    "extinfo": EXTINFO,
    "advertiser_tracking_enabled": 1,
    "application_tracking_enabled": 1,
    "value": 5,
    "currency": "EUR",
    "event_id": "e1",
}

PERSON = {
    "email": "Ada.Lovelace@Example.com",
    "phone": "+44 (0)20 7946 0958",
    "customer": "Customer-4711-x",
    "first": "Augustadaking",
    "last": "Lovelacebyron",
    "postcode": "SW1A 1AA",
    "city": "Ockhamville",
    "birthday": "1815-12-10",
}
"""What Meta gets hashed or not at all."""

SIGNS = ["ada.lovelace", "79460958", "7946 0958", "customer-4711", "augusta", "byron", "sw1a", "ockham", "1815"]
"""Pieces of it that would give it away."""

PERSONAL = st.sampled_from(list(PERSON.values()))
BROKEN = PERSONAL | st.lists(PERSONAL, max_size=3) | PERSONAL.map(lambda text: {"0": text, "x": [text]}) | st.none()
USER_DATA = st.dictionaries(
    st.sampled_from(
        [
            *("email", "email_address", "sha256_email_address", "phone_number", "sha256_phone_number", "external_id"),
            *("first_name", "last_name", "sha256_first_name", "postal_code", "city", "region", "country", "gender"),
            "date_of_birth",
        ]
    ),
    BROKEN,
)
PEOPLE = st.fixed_dictionaries(
    dict(SOUND),
    optional={
        "user_data": st.builds(lambda data, address: {**data, "address": address}, USER_DATA, USER_DATA | BROKEN),
        **dict.fromkeys(("email", "phone", "user_id", "external_id"), BROKEN),
        **dict.fromkeys(("event_time", "items", "content_type", "delivery_category"), BROKEN),
    },
)
LARGE = st.sampled_from([10**400, -(10**400), 2**64, 1e308, -1e308, math.inf, -math.inf, math.nan, 5e-324, "1e999"])
LONG = st.sampled_from(["x" * 4096, "ü" * 5000, "\0" * 4096, "\U0001f600" * 4000, "\ud800" * 9, "9" * 500])
HUGE_ITEM = st.dictionaries(st.sampled_from(["item_id", "item_name", "price", "quantity"]), LARGE | LONG)
HUGE = st.fixed_dictionaries(
    dict(SOUND),
    optional={
        **{key: LARGE | LONG | st.lists(LONG, max_size=3) for key in KEYS if key not in SOUND},
        "items": st.builds(lambda item, times: [item] * times, HUGE_ITEM, st.integers(0, 3000)),
        "user_data": st.builds(lambda many: {"email": [f"{n}@a.example" for n in range(many)]}, st.integers(0, 3000)),
    },
)


def sent(name: str = "purchase", data: Mapping[str, Any] = GOOD, hit: Hit = HIT, **stated: Any) -> Request:
    request = request_in(effects_of(name, data, hit, **stated))
    assert request is not None
    return request


@given(name=NAMES, data=DATA, stated=SETTINGS, headers=HEADERS, ip=st.none() | st.text(st.characters(), max_size=5))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_event_makes_the_tag_raise_or_send_a_wrong_kind(
    name: str, data: dict[str, Any], stated: dict[str, Any], headers: dict[str, str], ip: str | None
) -> None:
    effects = effects_of(name, data, Hit(bytes(16), NOW, headers=headers, ip=ip), **stated)
    request = request_in(effects)
    if request is None:
        return
    assert all(isinstance(effect, (SetCookie, Note)) for effect in effects[1:])
    document = orjson.loads(orjson.dumps({**request.document, "access_token": str(TOKEN)}))
    [event] = document["data"]
    assert isinstance(event["event_name"], str)
    assert event["event_name"]
    assert isinstance(event["event_time"], int)
    assert NOW // 1000 - 62 * 86400 <= event["event_time"] <= NOW // 1000
    assert isinstance(event.get("event_id", ""), str)
    assert None not in leaves(document)
    assert is_usable(event["user_data"])
    assert event["user_data"].keys() <= set(IDENTIFIERS)
    for field, value in event["user_data"].items():
        assert isinstance(value, list) == (field in LISTS), field
        for text in value if isinstance(value, list) else [value]:
            assert re.fullmatch(USER_FORMS.get(field, "(?s:.+)"), text), field
    custom = event.get("custom_data", {})
    for field, value in custom.items():
        assert isinstance(value, CUSTOM_KINDS.get(field, object)), field
    for content in custom.get("contents", []):
        assert isinstance(content["id"], str)
        assert isinstance(content["quantity"], int)
        assert isinstance(content.get("item_price", 0), (int, float))
    if event["event_name"] == "Purchase":
        assert {"value", "currency"} <= custom.keys()
    if stated["action_source"] == "website":
        assert event["event_source_url"]
        assert event["user_data"]["client_user_agent"]
    if stated["action_source"] == "app":
        assert len(event["app_data"]["extinfo"]) == 16


HITS = st.builds(
    lambda headers, ip: Hit(bytes(16), NOW, headers=headers, ip=ip),
    HEADERS,
    st.sampled_from([None, "81.2.69.142", "x"]),
)
OCCASIONS = st.tuples(NAMES, DATA | PEOPLE | HUGE, HITS, SETTINGS)


@given(occasions=st.lists(OCCASIONS, min_size=1, max_size=5), late_seconds=st.integers(0, 60))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_meta_takes_what_is_sent_and_no_event_takes_its_batch_along(
    occasions: list[tuple[str, dict[str, Any], Hit, dict[str, Any]]], late_seconds: int
) -> None:
    made = [request_in(effects_of(name, data, hit, **stated)) for name, data, hit, stated in occasions]
    items = [request.item for request in made if request is not None]
    if not items:
        return
    body = orjson.dumps({"data": items, "access_token": "t"})
    path, now = f"/meta/v25.0/{PIXEL}/events", NOW // 1000 + late_seconds
    incoming = Incoming("POST", path, headers={"content-type": "application/json"}, body=body, now=now)
    checked = check(incoming, MetaSettings())
    assert (checked.reasons, checked.answer.status) == ((), 200)
    assert checked.answer.document["events_received"] == len(items)


@given(name=NAMES, data=PEOPLE, source=st.sampled_from(SOURCES))
@settings(max_examples=150, deadline=None)
def test_nothing_personal_is_sent_in_the_clear(name: str, data: dict[str, Any], source: str) -> None:
    effects = effects_of(name, data, action_source=source, messaging_channel="messenger")
    request = request_in(effects)
    if request is not None:
        items = {
            **request.item,
            "custom_data": {**request.item.get("custom_data", {}), "contents": [], "content_ids": []},
        }
        shown = json.dumps(items, ensure_ascii=False).lower()
        assert [sign for sign in SIGNS if sign in shown] == []
    told = " ".join(notes_in(effects)).lower()
    assert [sign for sign in SIGNS if sign in told] == []


def test_the_signs_of_a_person_are_seen_where_they_are() -> None:
    """The test above would see them: as a free text they are sent as they are."""
    shown = json.dumps(sent("search", {**GOOD, "search_term": PERSON["email"]}).item).lower()
    assert SIGNS[0] in shown


@given(name=NAMES | LONG, data=HUGE, stated=SETTINGS)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_number_is_endless_and_no_event_too_large(name: str, data: dict[str, Any], stated: dict[str, Any]) -> None:
    request = request_in(effects_of(name, data, **stated))
    if request is None:
        return
    assert len(orjson.dumps(request.item)) <= BATCH.max_bytes
    assert all(math.isfinite(value) and abs(value) < 2**1024 for value in leaves(request.item) if is_number(value))
    assert len(request.item["user_data"].get("em", "")) <= 100


@given(st.lists(ANYTHING, max_size=3))
@settings(deadline=None)
def test_a_list_of_anything_is_no_reason_to_raise(values: list[Any]) -> None:
    for key in KEYS:
        effects_of("purchase", {**GOOD, key: values}, custom={"pass": KEYS})


def test_an_event_with_too_many_items_goes_without_them_and_says_so() -> None:
    items = [{"item_id": f"A-{n}" + "n" * 100, "price": 1} for n in range(3000)]
    effects = effects_of("purchase", {**GOOD, "items": items})
    request = request_in(effects)
    assert request is not None
    assert request.item["custom_data"] == {"value": 5, "currency": "EUR", "content_type": "product", "num_items": 3000}
    assert any("too large" in note for note in notes_in(effects))


def test_the_tokens_travel_in_the_body_and_never_in_the_address() -> None:
    request = sent(appsecret_proof="${secret:META_PROOF}")
    for name, secret in (("access_token", TOKEN), ("appsecret_proof", "${secret:META_PROOF}")):
        assert isinstance(request.json[name], SecretText)
        assert str(request.json[name]) == secret
    assert isinstance(request.url, str)
    assert "secret" not in request.url
    assert list(request.headers) == ["Content-Type"]


def test_without_a_proof_none_is_sent() -> None:
    assert set(sent().json) == {"access_token"}


def test_events_of_one_pixel_can_share_a_request() -> None:
    request = sent()
    assert request.batch is not None
    assert (request.batch.path, request.batch.max_items, request.account) == ("data", 500, PIXEL)
    assert "data" not in request.json


def test_a_test_code_marks_the_lane_and_a_hit_cannot_bring_one() -> None:
    assert sent(test_event_code="TEST1").test_code == "TEST1"
    request = sent(data={**GOOD, "test_event_code": "FROM_THE_HIT"})
    assert request.test_code == ""
    assert "test_event_code" not in request.json


def test_the_tag_needs_consent_for_ads_and_for_their_user_data() -> None:
    mark = component_of(meta_conversions_api)
    assert mark is not None
    assert mark.consent == ("ad_storage", "ad_user_data")


@pytest.mark.parametrize(
    ("cookie", "stated"),
    [("_fbc", {}), ("_fbp", {"cookies": {"fbp": True}})],
)
def test_a_cookie_is_lax_and_readable_for_the_pixel(cookie: str, stated: dict[str, Any]) -> None:
    data = {**GOOD, "page_location": "https://shop.example.co.uk/?fbclid=C1"}
    [made] = [
        each for each in effects_of("page_view", data, **stated) if isinstance(each, SetCookie) and each.name == cookie
    ]
    assert made == SetCookie(
        cookie, made.value, max_age=7_776_000, domain="auto", path="/", secure=True, http_only=False, same_site="lax"
    )
    assert made.value.startswith(f"fb.2.{NOW}.")


def test_a_made_browser_id_is_the_same_for_all_events_of_a_hit_and_for_no_other() -> None:
    stated = {"cookies": {"fbp": True}}
    ids = [
        sent(name, hit=hit, **stated).item["user_data"]["fbp"]
        for name, hit in (("page_view", HIT), ("purchase", HIT), ("purchase", Hit(b"x" * 16, NOW)))
    ]
    assert ids[0] == ids[1] != ids[2]
    assert re.fullmatch(rf"fb\.1\.{NOW}\.[1-9][0-9]*", ids[0])


@pytest.mark.parametrize("source", [source for source in SOURCES if source != "website"])
def test_other_sources_set_no_cookies(source: str) -> None:
    data = {**GOOD, "fbclid": "C1"}
    effects = effects_of("page_view", data, action_source=source, messaging_channel="messenger", cookies={"fbp": True})
    assert request_in(effects) is not None
    assert not [effect for effect in effects if isinstance(effect, SetCookie)]


def test_a_note_never_holds_the_value() -> None:
    secret = "Ada-Lovelace-0171"
    data = {
        **GOOD,
        **dict.fromkeys(("event_time", "ip_override", "content_type", "delivery_category", "fbc", "fbp"), secret),
        "currency": f"{secret}!",
        "items": [{"price": secret, "quantity": secret}, secret],
        "user_data": {"email": secret, "phone_number": secret, "gender": secret, "address": {"country": secret}},
        "extinfo": [secret],
        "advertiser_tracking_enabled": secret,
    }
    for source in SOURCES:
        notes = notes_in(effects_of("add_to_cart", data, action_source=source, messaging_channel="messenger"))
        assert len(notes) > 8
        assert not any(secret in note for note in notes)


@pytest.mark.parametrize("broad", TOO_BROAD)
def test_what_is_too_broad_is_so_in_parts_too(broad: frozenset[str]) -> None:
    assert not is_usable(dict.fromkeys(broad, "x"))
    for field in broad:
        assert not is_usable(dict.fromkeys(broad - {field}, "x"))
    assert is_usable(dict.fromkeys({*broad, "em"}, "x"))


def test_an_incomplete_event_keeps_the_notes_that_say_why() -> None:
    effects = effects_of("purchase", {**GOOD, "currency": "euros"})
    assert isinstance(effects[0], Skip)
    assert effects[0].incomplete is True
    assert notes_in(effects) == ['"custom.currency" is left out: it is no currency in three letters, such as EUR']


def leaves(value: Any) -> list[Any]:
    return list(_leaves(value))


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for member in value:
            yield from _leaves(member)
    else:
        yield value


@pytest.mark.parametrize(
    ("field", "wanted"),
    [
        ("country", "two letters, such as DE"),
        ("ge", '"m" or "f"'),
        ("db", "a date, YYYYMMDD or YYYY-MM-DD"),
    ],
)
def test_a_note_says_which_form_a_value_should_have(field: str, wanted: str) -> None:
    found = notes_in(effects_of("purchase", GOOD, user={field: "nothing of the kind"}))
    assert f'"user.{field}" is left out: it takes {wanted}' in found
