"""The stand-in TikTok: what it accepts, what it refuses, with which code and which path."""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from container.sandbox.tiktok import TRACK, TikTokSettings, check
from container.sandbox.vendor import Checked, Incoming

NOW = 1_767_261_700
EXAMPLES: dict[str, Any] = json.loads((Path(__file__).parent / "example_bodies.json").read_text(encoding="utf-8"))
PURCHASE = EXAMPLES["Full purchase"]
HEADERS = {"access-token": "a-token", "content-type": "application/json"}
HASH = "848a771458438fc2ec420560d769fb9b9b86851ee338ec56517baabd79d3bb4f"
HASH_OF_NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
ABSENT = object()
ANY = TikTokSettings()


def sent(
    body: Any,
    *,
    settings: TikTokSettings = ANY,
    path: str = TRACK,
    method: str = "POST",
    headers: Mapping[str, str] = MappingProxyType({}),
) -> Checked:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return check(Incoming(method, path, headers={**HEADERS, **headers}, body=raw, now=NOW, request_id="R1"), settings)


def changed(path: str, value: Any, *, start: Any = PURCHASE) -> Any:
    """A copy of the body with the value at the dot path; `ABSENT` takes it away."""
    body = deepcopy(start)
    *steps, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    target = body
    for step in steps:
        target = target[step]
    if value is ABSENT:
        del target[last]
    else:
        target[last] = value
    return body


def answered(checked: Checked) -> tuple[int, str]:
    return checked.answer.document["code"], checked.answer.document["message"]


HELPFUL = {"Add to cart without value": ["Batch.0.user"]}
"""Correct bodies that could be better: there is no public address beside the user agent."""


@pytest.mark.parametrize("title", EXAMPLES)
def test_a_correct_body_is_accepted_without_a_word(title: str) -> None:
    checked = sent(EXAMPLES[title])
    assert checked.answer.document == {"code": 0, "message": "OK", "request_id": "R1", "data": {}}
    assert checked.accepted
    assert checked.reasons == ()
    assert [remark.split(":")[0] for remark in checked.remarks] == HELPFUL.get(title, [])


REFUSED_EVENTS = [
    ("event", ABSENT, 40002, "event: Missing data"),
    ("event", 5, 40002, "event: Not a valid string"),
    ("event", " ", 40002, "event: Field may not be empty"),
    ("event", None, 40002, "event: Field may not be null"),
    ("event_time", ABSENT, 40002, "event_time: Missing data"),
    ("event_time", 1767261600.5, 40002, "event_time: Not a valid integer"),
    ("event_time", 1767261600.0, 40002, "event_time: Not a valid integer"),
    ("event_time", "1767261600", 40002, "event_time: Not a valid integer"),
    ("event_time", True, 40002, "event_time: Not a valid integer"),
    ("event_time", 1767261600123, 40002, "event_time: Not a valid Unix time in seconds: this looks like milliseconds"),
    ("event_time", 0, 40002, "event_time: Not a valid Unix time"),
    ("event_time", NOW + 200_000, 40002, "event_time: The time is in the future"),
    ("event_id", 987654, 40002, "event_id: Not a valid string"),
    ("user", [], 40002, "user: Not a valid object"),
    ("user.email", "jane@example.com", 40062, "user.email: PII not hashed"),
    ("user.email", "", 40062, "user.email: PII not hashed"),
    ("user.email", HASH.upper(), 40062, "user.email: PII not hashed"),
    ("user.email", HASH[:63], 40062, "user.email: PII not hashed"),
    ("user.email", HASH + "\n", 40062, "user.email: PII not hashed"),
    ("user.email", [HASH, "jane@example.com"], 40062, "user.email.1: PII not hashed"),
    ("user.email", HASH_OF_NOTHING, 40002, "user.email: This is the hash of an empty text"),
    ("user.email", None, 40002, "user.email: Field may not be null"),
    ("user.phone", "+12133734253", 40062, "user.phone: PII not hashed"),
    ("user.phone", 12133734253, 40002, "user.phone: Not a valid string"),
    ("user.external_id", "User-1001", 40062, "user.external_id: PII not hashed"),
    ("user.first_name", "jane", 40062, "user.first_name: PII not hashed"),
    ("user.first_name", [HASH], 40002, "user.first_name: Not a valid string"),
    ("user.last_name", "doe", 40062, "user.last_name: PII not hashed"),
    ("user.zip_code", "94105", 40062, "user.zip_code: PII not hashed"),
    ("user.ttclid", 5, 40002, "user.ttclid: Not a valid string"),
    ("user.ttp", ["a"], 40002, "user.ttp: Not a valid string"),
    ("user.city", {}, 40002, "user.city: Not a valid string"),
    ("user.ip", "192.168.1.10", 40002, "user.ip: Not a public IP address"),
    ("user.ip", "::ffff:10.0.0.1", 40002, "user.ip: Not a public IP address"),
    ("user.ip", "100.64.0.1", 40002, "user.ip: Not a public IP address"),
    ("user.ip", "169.254.1.1", 40002, "user.ip: Not a public IP address"),
    ("user.ip", "127.0.0.1", 40002, "user.ip: Not a public IP address"),
    ("user.ip", "::1", 40002, "user.ip: Not a public IP address"),
    ("user.ip", "::", 40002, "user.ip: Not a public IP address"),
    ("user.ip", "fd00::1", 40002, "user.ip: Not a public IP address"),
    ("user.ip", "fe80::1%eth0", 40002, "user.ip: Not a public IP address"),
    ("user.ip", "ff02::1", 40002, "user.ip: Not a public IP address"),
    ("user.ip", "0.0.0.0", 40002, "user.ip: Not a public IP address"),
    ("user.ip", "239.1.1.1", 40002, "user.ip: Not a public IP address"),
    ("user.ip", "81.2.69.142, 10.0.0.1", 40002, "user.ip: Not a valid IP address"),
    ("user.ip", 1359102350, 40002, "user.ip: Not a valid string"),
    ("page", ABSENT, 40002, "page: Missing data"),
    ("page.url", ABSENT, 40002, "page.url: Missing data"),
    ("page.url", "", 40002, "page.url: Field may not be empty"),
    ("page.url", "/checkout", 40002, "page.url: Not a valid URL"),
    ("page.url", "http://[", 40002, "page.url: Not a valid URL"),
    ("page.referrer", 5, 40002, "page.referrer: Not a valid string"),
    ("properties", "x", 40002, "properties: Not a valid object"),
    ("properties.value", "72.5", 40002, "properties.value: Not a valid number"),
    ("properties.value", True, 40002, "properties.value: Not a valid number"),
    ("properties.currency", 978, 40002, "properties.currency: Not a valid string"),
    ("properties.contents", {}, 40002, "properties.contents: Not a valid list"),
    ("properties.contents.1", "SKU-2", 40002, "properties.contents.1: Not a valid object"),
    ("properties.contents.0.content_id", 900, 40002, "properties.contents.0.content_id: Not a valid string"),
    ("properties.contents.1.price", "12.50", 40002, "properties.contents.1.price: Not a valid number"),
    ("properties.contents.1.quantity", 1.0, 40002, "properties.contents.1.quantity: Not a valid integer"),
    ("properties.contents.1.quantity", "1", 40002, "properties.contents.1.quantity: Not a valid integer"),
    ("properties.content_ids", "SKU-1", 40002, "properties.content_ids: Not a valid list"),
    ("properties.content_ids", ["SKU-1", 2], 40002, "properties.content_ids.1: Not a valid string"),
    ("properties.num_items", 3.5, 40002, "properties.num_items: Not a valid integer"),
    ("properties.order_id", 1001, 40002, "properties.order_id: Not a valid string"),
    ("limited_data_use", "true", 40002, "limited_data_use: Not a valid boolean"),
    ("ad", {"attribution_share": 2}, 40002, "ad.attribution_share: Must be between 0 and 1"),
]


@pytest.mark.parametrize(("path", "value", "code", "message"), REFUSED_EVENTS)
def test_a_wrong_field_is_refused_with_its_code_and_path(path: str, value: Any, code: int, message: str) -> None:
    checked = sent(changed(f"data.0.{path}", value))
    assert answered(checked)[0] == code
    assert answered(checked)[1].startswith(f"Batch.0.{message}")
    assert not checked.accepted
    assert checked.answer.status == 200


REFUSED_ENVELOPES = [
    ("event_source", ABSENT, 40002, "event_source: Missing data"),
    ("event_source", "Web", 40002, "event_source: Must be one of: web, app, offline, crm."),
    ("event_source", 1, 40002, "event_source: Not a valid string"),
    ("event_source_id", ABSENT, 40002, "event_source_id: Missing data"),
    ("event_source_id", 12345, 40002, "event_source_id: Not a valid string"),
    ("event_source_id", "", 40002, "event_source_id: Field may not be empty"),
    ("data", ABSENT, 40002, "data: Missing data"),
    ("data", {}, 40002, "data: Not a valid list"),
    ("data", [], 40002, "data: Shorter than minimum length 1"),
    ("data", [{}] * 1001, 40061, "data: Longer than maximum length 1000"),
    ("data", ["x"], 40002, "Batch.0: Not a valid object"),
    ("test_event_code", 5, 40002, "test_event_code: Not a valid string"),
    ("partner_name", "Made up", 40063, "partner_name: Invalid partner name"),
]


@pytest.mark.parametrize(("path", "value", "code", "message"), REFUSED_ENVELOPES)
def test_a_wrong_envelope_is_refused_with_its_code_and_path(path: str, value: Any, code: int, message: str) -> None:
    checked = sent(changed(path, value))
    assert answered(checked)[0] == code
    assert answered(checked)[1].startswith(message)


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"access-token": ""}, 40104),
        ({"access-token": "Bearer a-token"}, 40105),
        ({"access-token": "bearer a-token"}, 40105),
        ({"access-token": "refused-token"}, 40105),
        ({"content-type": "text/plain"}, 40002),
        ({"content-type": ""}, 40002),
    ],
)
def test_a_wrong_header_is_refused_before_the_body_is_read(headers: dict[str, str], code: int) -> None:
    assert answered(sent(b"{", headers=headers))[0] == code


def test_a_content_type_with_a_charset_is_accepted() -> None:
    assert sent(PURCHASE, headers={"content-type": "Application/JSON; charset=utf-8"}).accepted


def test_a_token_without_a_right_on_the_pixel_is_no_permission() -> None:
    settings = TikTokSettings(tokens={"a-token": ["COTHERPIXEL987654321"]})
    assert answered(sent(PURCHASE, settings=settings))[0] == 40001


def test_a_token_with_a_right_on_the_pixel_is_accepted() -> None:
    assert sent(PURCHASE, settings=TikTokSettings(tokens={"a-token": [PURCHASE["event_source_id"]]})).accepted


def test_an_unknown_token_is_refused_when_tokens_are_known() -> None:
    assert answered(sent(PURCHASE, settings=TikTokSettings(tokens={"other": []})))[0] == 40105


@pytest.mark.parametrize(("method", "path"), [("POST", TRACK[:-1]), ("GET", TRACK), ("POST", "/open_api/v2.0/x/")])
def test_another_address_is_no_route(method: str, path: str) -> None:
    checked = sent(PURCHASE, method=method, path=path)
    assert (checked.answer.status, answered(checked)[0]) == (404, 40400)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff\xfe", b"NaN", b'{"a": Infinity}', b'{"a": 1e999}', b"[" * 5000, b"\xef\xbb\xbf{}"]
)
def test_a_body_that_is_not_json_is_a_parameter_error(body: bytes) -> None:
    assert answered(sent(body)) == (40002, "The request body is not valid JSON.")


def test_json_that_is_nested_too_deeply_is_refused() -> None:
    assert answered(sent(b"[" * 200 + b"]" * 200))[0] == 40002


def test_one_bad_event_refuses_the_batch_and_is_named_first() -> None:
    good, bad = PURCHASE["data"][0], changed("event_time", "now", start=PURCHASE["data"][0])
    worse = changed("user.email", "jane@example.com", start=good)
    checked = sent({**PURCHASE, "data": [good, bad, worse]})
    assert answered(checked) == (40002, "Batch.1.event_time: Not a valid integer.")
    assert [reason.split(":")[0] for reason in checked.reasons] == ["Batch.1.event_time", "Batch.2.user.email"]
    assert len(checked.events) == 3


def test_a_batch_of_a_thousand_is_accepted() -> None:
    assert sent({**PURCHASE, "data": PURCHASE["data"] * 1000}).accepted


def test_an_unknown_key_is_accepted_and_remarked_on() -> None:
    checked = sent(changed("data.0.properties.gtm_version", "1"))
    assert checked.accepted
    assert checked.remarks[0].startswith("Batch.0.properties.gtm_version: Not in the vendor's reference")


REMARKED = [
    ("event_id", ABSENT, "event_id"),
    ("event_time", NOW + 700, "event_time"),
    ("user", {}, "user"),
    ("user.ip", ABSENT, "user"),
    ("user.ttclid", "", "user.ttclid"),
    ("user.city", HASH, "user.city"),
    ("user.country", "Germany", "user.country"),
    ("user.locale", "english (uk)", "user.locale"),
    ("user.email", [], "user.email"),
    ("page.referrer", "nowhere", "page.referrer"),
    ("properties.currency", "gbp", "properties.currency"),
    ("properties.currency", ABSENT, "properties.currency"),
    ("properties.value", -1, "properties.value"),
    ("properties.content_type", "shoe", "properties.content_type"),
    ("properties.customer_type", "vip", "properties.customer_type"),
]


@pytest.mark.parametrize(("path", "value", "remarked"), REMARKED)
def test_what_is_hardly_meant_is_accepted_with_a_remark(path: str, value: Any, remarked: str) -> None:
    checked = sent(changed(f"data.0.{path}", value))
    assert checked.accepted
    assert [remark.split(": ")[0] for remark in checked.remarks] == [f"Batch.0.{remarked}"]


def test_limited_data_use_without_an_address_is_remarked_on() -> None:
    body = changed("data.0.user.ip", ABSENT, start=EXAMPLES["Search, limited data use, test event"])
    assert any(remark.startswith("Batch.0.limited_data_use") for remark in sent(body).remarks)


def test_an_unsupported_currency_is_refused_where_that_is_set() -> None:
    body, strict = changed("data.0.properties.currency", "BGN"), TikTokSettings(refuse_unsupported_currency=True)
    assert answered(sent(body, settings=strict)) == (
        40002,
        "Batch.0.properties.currency: Not among TikTok's supported currencies.",
    )
    assert sent(body).accepted


@pytest.mark.parametrize(
    "address", ["81.2.69.142", "::ffff:81.2.69.160", "2606:4700:4700::1111", "203.0.113.7", "2001:db8::7"]
)
def test_public_and_documentation_addresses_are_accepted(address: str) -> None:
    assert sent(changed("data.0.user.ip", address)).accepted


@pytest.mark.parametrize(
    ("title", "path", "value", "message"),
    [
        ("Offline purchase in a shop", "data.0.event", "my_event", "Batch.0.event: Offline events take standard"),
        ("CRM lead stage", "data.0.lead", ABSENT, "Batch.0.lead: Missing data"),
        ("CRM lead stage", "data.0.lead.lead_id", 7, "Batch.0.lead.lead_id: Not a valid string"),
    ],
)
def test_each_event_source_has_fields_of_its_own(title: str, path: str, value: Any, message: str) -> None:
    assert answered(sent(changed(path, value, start=EXAMPLES[title])))[1].startswith(message)


def test_an_app_event_needs_its_app() -> None:
    event = {"event": "Purchase", "event_time": NOW, "app": {"app_id": "com.example"}, "user": {"gaid": "a"}}
    body = {"event_source": "app", "event_source_id": "7000", "data": [event]}
    assert sent(body).accepted
    assert answered(sent(changed("data.0.app", ABSENT, start=body)))[1].startswith("Batch.0.app: Missing data")
    assert answered(sent(changed("data.0.user.att_status", "YES", start=body)))[1].startswith("Batch.0.user.att_status")


def test_an_old_offline_event_and_a_pixel_code_are_remarked_on() -> None:
    body = changed("data.0.event_time", NOW - 30 * 86400, start=EXAMPLES["Offline purchase in a shop"])
    remarks = sent({**body, "event_source_id": "CTESTPIXEL0123456789"}).remarks
    assert [remark.split(":")[0] for remark in remarks] == ["event_source_id", "Batch.0.event_time"]


def test_what_was_seen_is_readable_and_shortens_hashes() -> None:
    seen = sent(PURCHASE).events[0]
    assert (seen.name, seen.event_id, seen.time, seen.value, seen.currency) == (
        "Purchase",
        "1767261600123_482913",
        1767261600,
        72.5,
        "GBP",
    )
    assert seen.user["email"] == "86e0b9e5…133d"
    assert seen.browser == {"ttclid": "E.C.P.CookieClickId01", "ttp": "01K0T8BYGJH63785W68YS5NN1R_.tt.1"}
    assert [content["content_id"] for content in seen.contents] == ["SKU-1", "SKU-2"]
    assert seen.page == "https://shop.example.com/checkout/thanks?order=T-1001"


def test_a_thousand_bad_events_leave_a_short_list_of_reasons() -> None:
    checked = sent({**PURCHASE, "data": [{}] * 1000})
    assert len(checked.reasons) == 50


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.binary())
def test_any_bytes_are_answered_in_tiktoks_form(body: bytes) -> None:
    document = sent(body).answer.document
    assert set(document) == {"code", "message", "request_id", "data"}
    assert document["code"] != 0


@given(st.sampled_from(sorted({row[0] for row in REFUSED_EVENTS})), JSON_VALUES)
def test_any_value_in_any_field_is_answered_in_tiktoks_form(path: str, value: Any) -> None:
    checked = sent(changed(f"data.0.{path}", value))
    assert set(checked.answer.document) == {"code", "message", "request_id", "data"}
    assert checked.accepted is (checked.answer.document["code"] == 0) is (not checked.reasons)
    json.dumps(checked.answer.document)


@given(st.dictionaries(st.sampled_from(["event_source", "event_source_id", "data", "partner_name", "x"]), JSON_VALUES))
def test_any_envelope_is_answered_in_tiktoks_form(envelope: dict[str, Any]) -> None:
    assert set(sent(envelope).answer.document) == {"code", "message", "request_id", "data"}
