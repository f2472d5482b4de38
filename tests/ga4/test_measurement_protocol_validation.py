"""The validator: every limit and every rule about names, each from both sides."""

from __future__ import annotations

from typing import Any

import pytest

from container.ga4 import measurement_protocol_rules as rules
from container.ga4.measurement_protocol_validation import MOST_MESSAGES, messages_of
from tests.ga4.measurement_protocol_hits import RECEIVED, hit

APP = "firebase_app_id=1:2:android:3"
HOUR_MICROS = 3_600_000_000
NOW = RECEIVED * 1000
HASH = "a" * 64


def found(payload: Any, query: str = "measurement_id=G-1") -> list[tuple[str, str]]:
    messages = messages_of(hit(payload, query=query))
    assert all(message["description"].endswith(".") for message in messages)
    return [(message["fieldPath"], message["validationCode"]) for message in messages]


def request(**members: Any) -> dict[str, Any]:
    return {"client_id": "1.2", "events": [{"name": "sign_up"}], **members}


def event(name: Any = "sign_up", **parameters: Any) -> dict[str, Any]:
    return request(events=[{"name": name, "params": parameters}])


VALID: list[dict[str, Any]] = [
    request(),
    request(
        user_id="u" * 256, timestamp_micros=str(NOW), non_personalized_ads=False, user_agent="x", device={"a": "b"}
    ),
    request(timestamp_micros=NOW - 73 * HOUR_MICROS),
    request(timestamp_micros=NOW - 71 * HOUR_MICROS, validation_behavior="ENFORCE_RECOMMENDATIONS"),
    request(ip_override="2001:db8::1", validation_behavior="RELAXED"),
    request(consent={"ad_user_data": "GRANTED", "ad_personalization": "DENIED"}),
    request(user_location={"city": "Berlin", "region_id": "DE-BE", "country_id": "DE", "continent_id": "150"}),
    request(user_data={"sha256_email_address": HASH, "address": {"sha256_first_name": [HASH], "city": "berlin"}}),
    request(user_properties={f"p{n}": {"value": "v" * 36, "timestamp_micros": NOW} for n in range(25)}),
    request(user_properties={"n" * 24: {"value": 1}}),
    request(events=[{"name": "e" * 40, "timestamp_micros": NOW}] * 25),
    event(**{"p" * 40: "v" * 100, "flag": True, "number": 1.5}),
    event(**{f"p{n}": n for n in range(25)}),
    event(page_title="v" * 300, page_referrer="v" * 420, page_location="v" * 1000, timestamp_micros=NOW),
    event(session_id="1763640000", engagement_time_msec=1),
    event(session_id=1763640000, engagement_time_msec="1"),
    event(items=[{"item_id": "a", **{f"c{n}": "v" * 100 for n in range(27)}}, {"item_name": "b", "price": 1}]),
    event(items=[{"item_id": "a"}] * 200),
    {
        **event("purchase", value=1, currency="EUR", transaction_id="T"),
        "validation_behavior": "ENFORCE_RECOMMENDATIONS",
    },
    event("purchase", value=1),
]


@pytest.mark.parametrize("payload", VALID)
def test_what_google_takes_is_valid(payload: dict[str, Any]) -> None:
    assert found(payload) == []


STRICT = {"validation_behavior": "ENFORCE_RECOMMENDATIONS"}
INVALID: list[tuple[dict[str, Any], str, str]] = [
    ({"events": [{"name": "e"}]}, "client_id", "VALUE_REQUIRED"),
    (request(client_id=""), "client_id", "VALUE_REQUIRED"),
    (request(client_id=12), "client_id", "VALUE_INVALID"),
    (request(user_id="u" * 257), "user_id", "VALUE_OUT_OF_BOUNDS"),
    (request(user_id=5), "user_id", "VALUE_INVALID"),
    (request(user_agent=[]), "user_agent", "VALUE_INVALID"),
    (request(ip_override="home"), "ip_override", "VALUE_INVALID"),
    (request(ip_override=7), "ip_override", "VALUE_INVALID"),
    (request(validation_behavior="STRICT"), "validation_behavior", "VALUE_INVALID"),
    (request(non_personalized_ads="true"), "non_personalized_ads", "VALUE_INVALID"),
    (request(device="phone"), "device", "VALUE_INVALID"),
    (request(device={"brand": 5}), "device.brand", "VALUE_INVALID"),
    (request(debug_mode=True), "debug_mode", "VALUE_INVALID"),
    (request(timestamp_micros="<timestamp_micros>"), "timestamp_micros", "VALUE_INVALID"),
    (request(timestamp_micros=RECEIVED), "timestamp_micros", "VALUE_OUT_OF_BOUNDS"),
    (request(timestamp_micros=NOW - 73 * HOUR_MICROS, **STRICT), "timestamp_micros", "VALUE_OUT_OF_BOUNDS"),
    (request(timestamp_micros=NOW + 1, **STRICT), "timestamp_micros", "VALUE_OUT_OF_BOUNDS"),
    (request(consent=[]), "consent", "VALUE_INVALID"),
    (request(consent={"ad_user_data": "granted"}), "consent.ad_user_data", "VALUE_INVALID"),
    (request(user_location="Berlin"), "user_location", "VALUE_INVALID"),
    (request(user_location={"city": 5}), "user_location.city", "VALUE_INVALID"),
    (request(user_location={"town": "Berlin"}), "user_location.town", "VALUE_INVALID"),
    (request(user_location={"region_id": "CA"}), "user_location.region_id", "VALUE_INVALID"),
    (request(user_location={"country_id": "USA"}), "user_location.country_id", "VALUE_INVALID"),
    (request(user_location={"continent_id": 19}), "user_location.continent_id", "VALUE_INVALID"),
    (request(user_data=[]), "user_data", "VALUE_INVALID"),
    (request(user_data={"sha256_email_address": "a@b.c"}), "user_data.sha256_email_address", "VALUE_INVALID"),
    (
        request(user_data={"sha256_phone_number": [HASH, HASH.upper()]}),
        "user_data.sha256_phone_number",
        "VALUE_INVALID",
    ),
    (request(user_data={"address": {"sha256_street": 5}}), "user_data.address.sha256_street", "VALUE_INVALID"),
    (request(user_data={"address": [{}, "x"]}), "user_data.address[1]", "VALUE_INVALID"),
    (request(user_properties=[]), "user_properties", "VALUE_INVALID"),
    (request(user_properties={f"p{n}": {"value": 1} for n in range(26)}), "user_properties", "EXCEEDED_MAX_ENTITIES"),
    (request(user_properties={"plan": "gold"}), "user_properties.plan", "VALUE_REQUIRED"),
    (request(user_properties={"plan": {}}), "user_properties.plan", "VALUE_REQUIRED"),
    (request(user_properties={"plan": {"value": "v" * 37}}), "user_properties.plan.value", "VALUE_OUT_OF_BOUNDS"),
    (request(user_properties={"plan": {"value": []}}), "user_properties.plan.value", "VALUE_INVALID"),
    (
        request(user_properties={"plan": {"value": 1, "timestamp_micros": "x"}}),
        "user_properties.plan.timestamp_micros",
        "VALUE_INVALID",
    ),
    (request(user_properties={"n" * 25: {"value": 1}}), f"user_properties.{'n' * 25}", "NAME_INVALID"),
    (request(user_properties={"my-plan": {"value": 1}}), "user_properties.my-plan", "NAME_INVALID"),
    ({"client_id": "1.2"}, "events", "VALUE_REQUIRED"),
    (request(events=[]), "events", "VALUE_REQUIRED"),
    (request(events="purchase"), "events", "VALUE_INVALID"),
    (request(events=[{"name": "e"}] * 26), "events", "EXCEEDED_MAX_ENTITIES"),
    (request(events=["purchase"]), "events[0]", "VALUE_INVALID"),
    (request(events=[{}]), "events[0].name", "VALUE_REQUIRED"),
    (event(5), "events[0].name", "VALUE_INVALID"),
    (request(events=[{"name": "e", "parameters": {}}]), "events[0].parameters", "VALUE_INVALID"),
    (request(events=[{"name": "e", "params": []}]), "events[0].params", "VALUE_INVALID"),
    (request(events=[{"name": "e", "timestamp_micros": "x"}]), "events[0].timestamp_micros", "VALUE_INVALID"),
    (event("e" * 41), "events", "NAME_INVALID"),
    (event("my event"), "events", "NAME_INVALID"),
    (event("1st"), "events", "NAME_INVALID"),
    (event("_badEventName"), "events", "NAME_INVALID"),
    (event("größe"), "events", "NAME_INVALID"),
    (event(**{f"p{n}": n for n in range(26)}), "events[0].params", "EXCEEDED_MAX_ENTITIES"),
    (event(**{"p" * 41: 1}), f"events[0].params.{'p' * 41}", "NAME_INVALID"),
    (event(**{"my-price": 1}), "events[0].params.my-price", "NAME_INVALID"),
    (event(firebase_conversion=1), "events[0].params.firebase_conversion", "NAME_RESERVED"),
    (event(coupon="v" * 101), "events[0].params.coupon", "VALUE_OUT_OF_BOUNDS"),
    (event(page_title="v" * 301), "events[0].params.page_title", "VALUE_OUT_OF_BOUNDS"),
    (event(page_referrer="v" * 421), "events[0].params.page_referrer", "VALUE_OUT_OF_BOUNDS"),
    (event(page_location="v" * 1001), "events[0].params.page_location", "VALUE_OUT_OF_BOUNDS"),
    (event(note=None), "events[0].params.note", "VALUE_INVALID"),
    (event(meta={}), "events[0].params.meta", "VALUE_INVALID"),
    (event(session_id="S1"), "events[0].params.session_id", "VALUE_INVALID"),
    (event(session_id=True), "events[0].params.session_id", "VALUE_INVALID"),
    (event(session_id=1.5), "events[0].params.session_id", "VALUE_INVALID"),
    (event(engagement_time_msec="long"), "events[0].params.engagement_time_msec", "VALUE_INVALID"),
    (event(timestamp_micros="now"), "events[0].params.timestamp_micros", "VALUE_INVALID"),
    (event(items={}), "events[0].params.items", "VALUE_INVALID"),
    (event(items=[{"item_id": "a"}] * 201), "events[0].params.items", "EXCEEDED_MAX_ENTITIES"),
    (event(items=["a"]), "events[0].params.items[0]", "VALUE_INVALID"),
    (event(items=[{"price": 1}]), "events[0].params.items[0]", "VALUE_REQUIRED"),
    (
        event(items=[{"item_id": "a", **{f"c{n}": 1 for n in range(28)}}]),
        "events[0].params.items[0]",
        "EXCEEDED_MAX_ENTITIES",
    ),
    (event(items=[{"item_id": "v" * 101}]), "events[0].params.items[0].item_id", "VALUE_OUT_OF_BOUNDS"),
    (event(items=[{"item_id": "a", "b c": 1}]), "events[0].params.items[0].b c", "NAME_INVALID"),
    ({**event("view_item", value=0), **STRICT}, "events[0].params.currency", "VALUE_REQUIRED"),
    ({**event("purchase", transaction_id=""), **STRICT}, "events[0].params.transaction_id", "VALUE_REQUIRED"),
]


@pytest.mark.parametrize(("payload", "path", "code"), INVALID, ids=[f"{path}-{code}" for _, path, code in INVALID])
def test_what_google_does_not_take_is_named(payload: dict[str, Any], path: str, code: str) -> None:
    assert found(payload) == [(path, code)]


@pytest.mark.parametrize("name", sorted(rules.RESERVED_EVENTS))
def test_reserved_events_are_named_for_every_stream(name: str) -> None:
    assert found(event(name)) == [("events", "NAME_RESERVED")]
    app = {**event(name), "app_instance_id": "0" * 32}
    assert found(app, APP) == [("events", "NAME_RESERVED")]


@pytest.mark.parametrize("name", sorted(rules.EVENTS_OF_APPS))
def test_events_of_apps_are_reserved_on_websites(name: str) -> None:
    assert found(event(name)) == [("events", "NAME_RESERVED")]
    assert found({**event(name), "app_instance_id": "0" * 32}, APP) == []


@pytest.mark.parametrize("prefix", rules.RESERVED_PREFIXES)
def test_prefixes_of_parameters_are_reserved(prefix: str) -> None:
    assert (f"events[0].params.{prefix}x", "NAME_RESERVED") in found(event(**{f"{prefix}x": 1}))


@pytest.mark.parametrize(
    "name", [*sorted(rules.RESERVED_USER_PROPERTIES), *(f"{p}x" for p in rules.RESERVED_USER_PROPERTY_PREFIXES)]
)
def test_user_properties_have_reserved_names_too(name: str) -> None:
    assert (f"user_properties.{name}", "NAME_RESERVED") in found(request(user_properties={name: {"value": 1}}))


@pytest.mark.parametrize(
    ("stated", "code"),
    [(None, "VALUE_REQUIRED"), (5, "VALUE_INVALID"), ("0" * 31, "VALUE_INVALID"), ("x" * 32, "VALUE_INVALID")],
)
def test_an_app_is_recognised_by_its_instance(stated: object, code: str) -> None:
    assert found(request(app_instance_id=stated), APP) == [("app_instance_id", code)]


def test_of_several_events_the_sentence_says_which() -> None:
    [message] = messages_of(hit(request(events=[{"name": "a"}, {"name": "error"}])))
    assert message["description"] == "Event name error (events[1]) is reserved."


def test_a_body_of_130_kilobytes_is_too_large() -> None:
    body = b'{"client_id": "1.2", "events": [{"name": "e"}]}'
    padded = body + b" " * (rules.MOST_BYTES - len(body))
    assert found(padded) == [("", "VALUE_OUT_OF_BOUNDS")]
    assert found(padded[:-1]) == []


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff"])
def test_what_holds_no_request_is_one_message(body: bytes) -> None:
    assert found(body) == [("", "VALUE_INVALID")]


def test_a_name_that_an_object_has_twice_is_named_once() -> None:
    body = b'{"client_id": "1", "client_id": "2", "events": [{"name": "e", "params": {"a": 1, "a": 2, "a": 3}}]}'
    assert found(body) == [("a", "NAME_DUPLICATED"), ("client_id", "NAME_DUPLICATED")]


def test_what_had_to_be_repaired_is_not_looked_through_for_names() -> None:
    assert found(b'{"client_id": "1\xff", "client_id": "2", "events": [{"name": "e"}]}') == []


def test_names_without_end_are_cut() -> None:
    [message, _] = messages_of(hit(event(**{"p" * 5000: "v" * 200})))
    assert len(message["description"]) < 200
    assert len(message["fieldPath"]) < 200


def test_there_is_an_end_to_the_messages() -> None:
    assert len(found(event(items=[{}] * 5000))) == MOST_MESSAGES
