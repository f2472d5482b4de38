"""The stand-in Meta: what it accepts, what it refuses, with which code and in which words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from container.sandbox.meta import MetaSettings, check
from container.sandbox.vendor import Checked, Incoming
from tests.sandbox.meta_parts import ABSENT, HASH, HEADERS, NOW, PATH, PURCHASE, changed

ANY = MetaSettings()
DAY = 86_400
HASH_OF_NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
EXTINFO = ["a2", *[""] * 15]
APP = {"advertiser_tracking_enabled": 1, "application_tracking_enabled": True, "extinfo": EXTINFO}


def sent(
    body: Any,
    *,
    settings: MetaSettings = ANY,
    path: str = PATH,
    method: str = "POST",
    query: str = "",
    headers: Mapping[str, str] = MappingProxyType({}),
) -> Checked:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    incoming = Incoming(method, path, query, headers={**HEADERS, **headers}, body=raw, now=NOW, request_id="R1")
    return check(incoming, settings)


def event(path: str, value: Any) -> Any:
    return changed(f"data.0.{path}", value)


def error_of(checked: Checked) -> dict[str, Any]:
    found: dict[str, Any] = checked.answer.document["error"]
    return found


def test_a_correct_purchase_is_accepted_without_a_word() -> None:
    checked = sent(PURCHASE)
    assert checked.accepted
    assert (checked.reasons, checked.remarks) == ((), ())
    assert checked.answer.status == 200
    assert checked.answer.document == {
        "events_received": 1,
        "messages": [],
        "fbtrace_id": checked.answer.document["fbtrace_id"],
    }
    assert (checked.account, checked.test_code) == ("123456789012345", "")


REFUSED = [
    ("event_name", ABSENT, None, "event_name: Missing data"),
    ("event_name", 5, None, "event_name: Not a valid string"),
    ("event_name", " ", None, "event_name: Field may not be empty"),
    ("event_time", ABSENT, None, "event_time: Missing data"),
    ("event_time", "1767261600", None, "event_time: Not a valid integer"),
    ("event_time", (NOW - 5) * 1000, None, "event_time: Not a Unix time in seconds: this looks like milliseconds"),
    ("event_time", 0, None, "event_time: Not a Unix time in seconds"),
    ("event_time", NOW - 7 * DAY - 1, 2804003, "event_time: Too far in the past: Meta takes it within 7 days"),
    ("event_time", NOW + 2 * DAY, None, "event_time: The time is in the future"),
    ("event_id", 5, None, "event_id: Not a valid string"),
    ("action_source", ABSENT, None, "action_source: Missing data"),
    ("action_source", "web", None, "action_source: Must be one of: website"),
    ("event_source_url", ABSENT, None, "event_source_url: Missing: an event of a website needs it"),
    ("event_source_url", "/thanks", None, "event_source_url: Not a valid URL"),
    ("event_source_url", "http://[", None, "event_source_url: Not a valid URL"),
    ("opt_out", "no", None, "opt_out: Not a valid boolean"),
    ("user_data", ABSENT, None, "user_data: Missing data"),
    ("user_data", {}, 2804050, "user_data: This recognises nobody"),
    ("user_data", {"client_user_agent": "UA"}, 2804050, "user_data: This recognises nobody"),
    ("user_data", {"client_user_agent": "UA", "country": HASH, "ct": HASH}, 2804050, "user_data: This recognises"),
    ("user_data", {"fn": HASH, "ge": HASH}, 2804050, "user_data: This recognises nobody"),
    ("user_data.em", ["jane@example.com"], None, "user_data.em.0: Not hashed"),
    ("user_data.em", "jane@example.com", None, "user_data.em: Not hashed"),
    ("user_data.em", [HASH_OF_NOTHING], None, "user_data.em.0: This is the hash of an empty text"),
    ("user_data.em", [HASH, None], None, "user_data.em.1: Field may not be null"),
    ("user_data.ph", ["+442079460958"], None, "user_data.ph.0: Not hashed"),
    ("user_data.ph", [442079460958], None, "user_data.ph.0: Not a valid string"),
    ("user_data.fn", "jane", None, "user_data.fn: Not hashed"),
    ("user_data.country", "gb", None, "user_data.country: Not hashed"),
    ("user_data.db", "19900131", None, "user_data.db: Not hashed"),
    ("user_data.external_id", [""], None, "user_data.external_id.0: Field may not be empty"),
    ("user_data.client_ip_address", "somewhere", None, "user_data.client_ip_address: Not a valid IP address"),
    ("user_data.client_user_agent", ABSENT, None, "user_data.client_user_agent: Missing: an event of a website"),
    ("user_data.client_user_agent", "", None, "user_data.client_user_agent: Field may not be empty"),
    ("user_data.fbp", 5, None, "user_data.fbp: Not a valid string"),
    ("custom_data", "x", None, "custom_data: Not a valid object"),
    ("custom_data.value", ABSENT, None, "custom_data.value: Missing: a Purchase needs it"),
    ("custom_data.value", "much", None, "custom_data.value: Not a valid number"),
    ("custom_data.value", True, None, "custom_data.value: Not a valid number"),
    ("custom_data.currency", ABSENT, 2804010, "custom_data.currency: Missing: a Purchase needs it"),
    ("custom_data.currency", "pounds", None, "custom_data.currency: Not an ISO 4217 currency code"),
    ("custom_data.contents", {}, None, "custom_data.contents: Not a valid list"),
    ("custom_data.contents.0.id", ABSENT, None, "custom_data.contents.0.id: Missing data"),
    ("custom_data.contents.0.quantity", 1.5, None, "custom_data.contents.0.quantity: Not a valid integer"),
    ("custom_data.num_items", "3", None, "custom_data.num_items: Not a valid integer"),
    ("custom_data.delivery_category", "drone", None, "custom_data.delivery_category: Must be one of: in_store"),
    ("data_processing_options", "LDU", None, "data_processing_options: Not a valid list"),
    ("data_processing_options", ["XYZ"], None, "data_processing_options: The only option is LDU"),
    ("data_processing_options_state", "CA", None, "data_processing_options_state: Not a valid integer"),
    ("app_data", {**APP, "extinfo": ["a2"]}, 2804043, "app_data.extinfo: It has 1 members, not 16"),
    ("app_data", {**APP, "extinfo": "a2"}, 2804043, "app_data.extinfo: Not a valid list"),
    ("app_data", {**APP, "extinfo": [""] * 16}, 2804043, "app_data.extinfo: The first member is i2"),
    ("app_data", {**APP, "advertiser_tracking_enabled": "yes"}, None, "app_data.advertiser_tracking_enabled: Not 0"),
]


@pytest.mark.parametrize(("path", "value", "subcode", "message"), REFUSED)
def test_a_wrong_field_is_refused_as_meta_refuses(path: str, value: Any, subcode: int | None, message: str) -> None:
    checked = sent(event(path, value))
    assert not checked.accepted
    assert checked.answer.status == 400
    found = error_of(checked)
    assert (found["message"], found["type"], found["code"]) == ("Invalid parameter", "OAuthException", 100)
    assert (found.get("error_subcode"), found["is_transient"]) == (subcode, False)
    assert found["error_user_msg"].startswith(f"data.0.{message}")
    assert found["error_user_title"]
    assert found["fbtrace_id"].startswith("A")


def test_an_event_that_is_too_old_has_metas_title() -> None:
    assert error_of(sent(event("event_time", NOW - 8 * DAY)))["error_user_title"] == "Event Timestamp Too Old"


@pytest.mark.parametrize(("days", "accepted"), [(8, True), (61, True), (63, False)])
def test_a_shop_may_send_for_longer(days: int, accepted: bool) -> None:
    body = changed("action_source", "physical_store", start=PURCHASE["data"][0])
    checked = sent({**PURCHASE, "data": [{**body, "event_time": NOW - days * DAY}]})
    assert checked.accepted is accepted


ENVELOPES = [
    ("data", ABSENT, "data: Missing data"),
    ("data", {}, "data: Not a valid list"),
    ("data", [], "data: There is no event in it"),
    ("data", [{}] * 1001, "data: More than 1000 events in one request"),
    ("data", ["x"], "data.0: Not a valid object"),
    ("test_event_code", 5, "test_event_code: Not a valid string"),
]


@pytest.mark.parametrize(("path", "value", "message"), ENVELOPES)
def test_a_wrong_envelope_is_refused(path: str, value: Any, message: str) -> None:
    assert error_of(sent(changed(path, value)))["error_user_msg"].startswith(message)


def test_one_bad_event_refuses_the_whole_request() -> None:
    good, bad = PURCHASE["data"][0], event("event_time", "now")["data"][0]
    checked = sent({**PURCHASE, "data": [good, bad, good]})
    assert error_of(checked)["error_user_msg"] == "data.1.event_time: Not a valid integer."
    assert len(checked.events) == 3


def test_a_thousand_events_are_received() -> None:
    assert sent({**PURCHASE, "data": PURCHASE["data"] * 1000}).answer.document["events_received"] == 1000


def test_a_thousand_bad_events_leave_a_short_list_of_reasons() -> None:
    assert len(sent({**PURCHASE, "data": [{}] * 1000}).reasons) == 50


DOORS: list[tuple[dict[str, Any], int, int, int | None]] = [
    ({"path": "/meta/events"}, 400, 2500, None),
    ({"path": "/meta/25/1/events"}, 400, 2500, None),
    ({"method": "GET"}, 400, 100, 33),
    ({"body": changed("access_token", ABSENT)}, 400, 104, None),
    ({"body": changed("access_token", " ")}, 400, 104, None),
    ({"body": changed("access_token", "refused-token")}, 401, 190, 460),
    ({"body": b"{}", "headers": {"authorization": "Bearer refused-token"}}, 401, 190, 460),
    ({"body": b"{", "query": "access_token=a"}, 400, 100, None),
    ({"headers": {"content-type": "text/plain"}}, 400, 100, None),
    ({"settings": MetaSettings(tokens={"other": []})}, 401, 190, None),
    ({"settings": MetaSettings(tokens={"a-very-secret-token": ["7"]})}, 400, 100, 33),
]


@pytest.mark.parametrize(("given", "status", "code", "subcode"), DOORS)
def test_what_is_wrong_at_the_door_has_its_own_code(
    given: dict[str, Any], status: int, code: int, subcode: int | None
) -> None:
    checked = sent(**{"body": PURCHASE, **given})
    assert checked.answer.status == status
    assert (error_of(checked)["code"], error_of(checked).get("error_subcode")) == (code, subcode)
    assert not checked.accepted


def test_a_token_with_a_right_on_the_pixel_is_accepted() -> None:
    assert sent(PURCHASE, settings=MetaSettings(tokens={"a-very-secret-token": ["123456789012345"]})).accepted


REMARKED = [
    ("event_id", ABSENT, "event_id"),
    ("event_name", "A" * 51, "event_name"),
    ("event_time", NOW + 700, "event_time"),
    ("user_data.em", [HASH.upper()], "user_data.em.0"),
    ("user_data.em", [], "user_data.em"),
    ("user_data.fbc", "AbCdEf", "user_data.fbc"),
    ("user_data.fbp", "fb.1.1767200000.1234567890", "user_data.fbp"),
    ("user_data.client_ip_address", "10.0.0.1", "user_data.client_ip_address"),
    ("user_data.colour", "red", "user_data.colour"),
    ("custom_data.currency", "gbp", "custom_data.currency"),
    ("custom_data.value", "72.50", "custom_data.value"),
    ("custom_data.value", -1, "custom_data.value"),
    ("custom_data.content_type", "shoe", "custom_data.content_type"),
    ("custom_data.contents.0.quantity", -1, "custom_data.contents.0.quantity"),
    ("custom_data.own", None, "custom_data.own"),
    ("data_processing_options", ["LDU"], "data_processing_options_country"),
    ("colour", "red", "colour"),
]


@pytest.mark.parametrize(("path", "value", "remarked"), REMARKED)
def test_what_is_hardly_meant_is_accepted_with_a_remark(path: str, value: Any, remarked: str) -> None:
    checked = sent(event(path, value))
    assert checked.accepted, checked.reasons
    assert [remark.split(": ")[0] for remark in checked.remarks] == [f"data.0.{remarked}"]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("user_data.external_id", "User-1001"),
        ("user_data.external_id", [1001, "User-1001"]),
        ("user_data.fbc", "fb.2.1767200000000.AbC-dEf_g.AQYBAQIA"),
        ("user_data.fbp", "fb.1.1767200000000.1234567890.Bg"),
        ("custom_data.value", 0),
        ("custom_data.membership", {"level": "gold"}),
        ("data_processing_options", []),
        ("app_data", APP),
    ],
)
def test_what_meta_takes_is_accepted_without_a_word(path: str, value: Any) -> None:
    checked = sent(event(path, value))
    assert (checked.reasons, checked.remarks) == ((), ())


def test_a_value_without_a_currency_is_remarked_on_where_it_is_no_purchase() -> None:
    lead = {**PURCHASE["data"][0], "event_name": "Lead", "custom_data": {"value": 5}}
    checked = sent({**PURCHASE, "data": [lead]})
    assert checked.accepted
    assert [remark.split(": ")[0] for remark in checked.remarks] == ["data.0.custom_data.currency"]


@pytest.mark.parametrize(("source", "lacks"), [("app", "app_data"), ("business_messaging", "messaging_channel")])
def test_other_sources_need_something_of_their_own(source: str, lacks: str) -> None:
    body = event("action_source", source)
    assert error_of(sent(body))["error_user_msg"].startswith(f"data.0.{lacks}: Missing")
    given = {"app_data": APP, "messaging_channel": "whatsapp"}[lacks]
    assert sent(changed(f"data.0.{lacks}", given, start=body)).accepted


@pytest.mark.parametrize(
    ("given", "remarked"),
    [
        ({"path": "/meta/v16.0/123456789012345/events"}, "Version 16.0 is retired"),
        ({"path": "/meta/v25.0/DEMOMETAPIXEL/events"}, "Does not look like the id of a pixel"),
        ({"query": "access_token=a"}, "access_token: In an address it ends up in logs"),
    ],
)
def test_an_address_that_is_hardly_meant_is_remarked_on(given: dict[str, Any], remarked: str) -> None:
    checked = sent(PURCHASE, **given)
    assert checked.accepted
    assert checked.remarks[0].startswith(remarked)


def test_what_was_seen_is_readable_and_shortens_hashes() -> None:
    seen = sent(changed("test_event_code", "TEST12345"))
    assert seen.test_code == "TEST12345"
    [found] = seen.events
    assert (found.name, found.event_id, found.time) == ("Purchase", "o-1001", NOW - 100)
    assert (found.value, found.currency, found.page) == (72.5, "GBP", "https://shop.example.com/thanks")
    assert found.user["em"] == f"{HASH[:8]}…{HASH[-4:]}"
    assert found.browser == {"fbc": "fb.1.1767200000000.AbCdEf", "fbp": "fb.1.1767200000000.1234567890"}
    assert [content["id"] for content in found.contents] == ["SKU-1", "SKU-2"]
    assert found.more["action_source"] == "website"
    assert found.more["order_id"] == "T-1001"


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def in_metas_form(checked: Checked) -> None:
    document = checked.answer.document
    assert ("error" in document) is (checked.answer.status != 200) is (not checked.accepted) is bool(checked.reasons)
    json.dumps(document)


@given(st.binary())
def test_any_bytes_are_answered_in_metas_form(body: bytes) -> None:
    in_metas_form(sent(body, query="access_token=a"))


@given(st.sampled_from(sorted({row[0] for row in REFUSED})), JSON_VALUES)
def test_any_value_in_any_field_is_answered_in_metas_form(path: str, value: Any) -> None:
    in_metas_form(sent(event(path, value)))


@given(st.dictionaries(st.sampled_from(["data", "access_token", "test_event_code", "x"]), JSON_VALUES))
def test_any_envelope_is_answered_in_metas_form(envelope: dict[str, Any]) -> None:
    in_metas_form(sent(envelope))


@given(st.text(), st.text())
def test_any_address_is_answered_in_metas_form(path: str, query: str) -> None:
    in_metas_form(sent(PURCHASE, path=path, query=query))
