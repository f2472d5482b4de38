"""The stand-in GA4: it answers 204 whatever is wrong, and its page says what GA4 would not count."""

from __future__ import annotations

import json
import os
import re
from copy import deepcopy
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from container.sandbox.ga4 import COLLECT, DEBUG, PROTOCOL, Ga4Settings, check
from container.sandbox.vendor import Checked, Incoming
from tests.sandbox.parts import Sandbox

NOW = 1_767_261_700
ANY = Ga4Settings()
AGENT = MappingProxyType({"user-agent": "UA/1.0"})
HIT = {"v": "2", "tid": "G-ABC123XYZ9", "cid": "1.2", "sid": "1767261500", "_uip": "81.2.69.142", "gcs": "G111"}
PURCHASE = {
    **HIT,
    "en": "purchase",
    "dl": "https://shop.example/thanks",
    "cu": "EUR",
    "epn.value": "72.5",
    "ep.transaction_id": "T-1001",
    "pr1": "idSKU-1~nmTea pot~pr30~qt2",
    "pr2": "idSKU-2~pr12.5",
}
ORDER: dict[str, Any] = {
    "client_id": "1.2",
    "ip_override": "81.2.69.142",
    "timestamp_micros": (NOW - 100) * 1_000_000,
    "user_data": {"sha256_email_address": ["a" * 64], "address": [{"city": "London"}]},
    "events": [
        {
            "name": "purchase",
            "params": {
                "session_id": "1767261500",
                "engagement_time_msec": 1,
                "transaction_id": "T-1001",
                "value": 72.5,
                "currency": "EUR",
                "items": [{"item_id": "SKU-1", "price": 30, "quantity": 2}],
            },
        }
    ],
}
QUERY = "measurement_id=G-ABC123XYZ9&api_secret=a-secret"


def collected(parameters: dict[str, str], *, body: bytes = b"", method: str = "POST", headers: Any = AGENT) -> Checked:
    return check(Incoming(method, COLLECT, urlencode(parameters), headers, body, NOW), ANY)


def sent(body: Any, *, path: str = PROTOCOL, query: str = QUERY, method: str = "POST", settings: Any = ANY) -> Checked:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return check(Incoming(method, path, query, {}, raw, NOW), settings)


def without(name: str) -> dict[str, str]:
    return {key: value for key, value in PURCHASE.items() if key != name}


def test_a_correct_hit_is_counted_without_a_word() -> None:
    checked = collected(PURCHASE)
    assert (checked.accepted, checked.reasons, checked.remarks) == (True, (), ())
    assert (checked.answer.status, checked.answer.text) == (204, "")
    assert checked.account == "G-ABC123XYZ9"


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ({"api_secret": "s3cret"}, ""),
        ({"access_token": "s3cret", "API_Secret": "s3cret"}, ""),
        ({}, "en=purchase&api_secret=s3cret\r\nen=scroll&access_token=s3cret"),
        ({"ep.api_secret": "s3cret", "up.access_token": "s3cret"}, ""),
        ({"dl": "https://shop.example/?a=b&access_token=s3cret#x", "dr": "https://a.example/?api_secret=s3cret"}, ""),
        ({"dl": "https://shop.example/?to=/x%3Faccess_token%3Ds3cret"}, ""),
        ({}, '{"api_secret": "s3cret", "access_token":"s3cret"}'),
    ],
)
def test_no_secret_of_a_hit_is_kept(query: dict[str, str], body: str) -> None:
    sandbox = Sandbox()
    sandbox.call("POST", f"{COLLECT}?{urlencode({**PURCHASE, **query})}", content=body.encode())
    shown = json.dumps(sandbox.received())
    assert "s3cret" not in shown
    assert re.search("api_secret|access_token", shown)
    assert "T-1001" in shown


def test_the_secrets_of_two_hits_can_be_told_apart() -> None:
    bodies = [
        collected({**PURCHASE, "api_secret": secret}).body["query"]["api_secret"] for secret in ("a1", "a1", "b2")
    ]
    assert bodies[0] == bodies[1] != bodies[2]


@pytest.mark.parametrize("path", [PROTOCOL, DEBUG, "/ga4/else"])
@pytest.mark.parametrize(
    "body", ['{"api_secret": "s3cret", "events": []}', '{"api_secret": "s3cret"', "access_token=s3cret"]
)
def test_no_secret_of_an_order_is_kept(path: str, body: str) -> None:
    sandbox = Sandbox()
    sandbox.call("POST", f"{path}?{QUERY.replace('a-secret', 's3cret')}", content=body.encode())
    [kept] = sandbox.received()
    assert kept["path"] == path
    assert "s3cret" not in json.dumps(kept)


REFUSED = [
    (without("v"), "v: It is 2 for GA4"),
    ({**PURCHASE, "v": "1"}, "v: It is 2 for GA4"),
    (without("tid"), "tid: Missing"),
    (without("cid"), "cid: Missing"),
    (without("en"), "en: There is no event in it"),
    ({**PURCHASE, "en": "1st"}, "en: A name begins with a letter"),
    ({**PURCHASE, "en": "a" * 41}, "en: A name begins with a letter"),
    ({**PURCHASE, "ep.long": "a" * 17_000}, "The query is longer than"),
]


@pytest.mark.parametrize(("parameters", "reason"), REFUSED)
def test_what_cannot_be_counted_is_answered_204_all_the_same(parameters: dict[str, str], reason: str) -> None:
    checked = collected(parameters)
    assert checked.answer.status == 204
    assert not checked.accepted
    assert checked.reasons[0].startswith(reason)


def test_another_method_is_not_counted() -> None:
    assert collected(PURCHASE, method="PUT").reasons == ("It is GET or POST, not PUT.",)


REMARKED = [
    ({**PURCHASE, "tid": "DEMOMEASUREMENTID"}, "tid"),
    (without("sid"), "sid"),
    (without("_uip"), "_uip"),
    (without("cu"), "cu"),
    ({**PURCHASE, "cu": "eur"}, "cu"),
    (without("ep.transaction_id"), "ep.transaction_id"),
    ({key: value for key, value in PURCHASE.items() if not key.startswith("pr")}, "pr1"),
    ({**PURCHASE, "gcs": "G1"}, "gcs"),
    ({**PURCHASE, "gcd": "x"}, "gcd"),
    ({**PURCHASE, "richsstsse": ""}, "sst"),
    ({**PURCHASE, "sst.uc": "DE"}, "sst"),
    ({**PURCHASE, "en": "session_start"}, "en"),
    ({**PURCHASE, "epn.value": "much"}, "epn.value"),
    ({**PURCHASE, "ep.note": "write to jane@example.com"}, "ep.note"),
    ({**PURCHASE, "dl": "https://shop.example/?email=jane@example.com"}, "dl"),
    ({**PURCHASE, "ep.user_data.email": "jane@example.com"}, "ep.user_data.email"),
    ({**PURCHASE, f"ep.{'a' * 41}": "x"}, f"ep.{'a' * 41}"),
    ({**PURCHASE, "ep.note": "x" * 501}, "ep.note"),
    ({**PURCHASE, "dt": "x" * 301}, "dt"),
    ({**PURCHASE, **{f"ep.a{number}": "x" for number in range(25)}}, "ep"),
    ({**PURCHASE, **{f"pr{number}": "ida" for number in range(1, 202)}}, "pr"),
]


@pytest.mark.parametrize(("parameters", "remarked"), REMARKED)
def test_what_is_hardly_meant_is_counted_with_a_remark(parameters: dict[str, str], remarked: str) -> None:
    checked = collected(parameters)
    assert checked.accepted, checked.reasons
    assert [remark.split(": ")[0] for remark in checked.remarks] == [remarked]


def test_a_hit_without_a_user_agent_is_remarked_on() -> None:
    assert [remark.split(":")[0] for remark in collected(PURCHASE, headers={}).remarks] == ["user-agent"]


def test_each_line_of_the_body_is_an_event() -> None:
    checked = collected(HIT, body=b"en=page_view&dl=https%3A%2F%2Fshop.example%2F\r\nen=scroll&epn.percent=90\r\n\r\n")
    assert checked.accepted
    assert [event.name for event in checked.events] == ["page_view", "scroll"]
    assert checked.events[1].more["epn.percent"] == "90"
    assert checked.body["query"] == HIT
    assert checked.body["events"][1] == {"en": "scroll", "epn.percent": "90"}


def test_a_line_without_a_name_is_told_and_the_others_are_named() -> None:
    checked = collected(HIT, body=b"en=page_view\nep.a=b\nen=1st")
    assert checked.reasons == (
        "en: 1 lines of the body have no event name.",
        "event 2: en: A name begins with a letter, and has 40 letters, digits and _ at most.",
    )


def test_more_than_a_browser_sends_is_remarked_on() -> None:
    checked = collected(HIT, body=b"\n".join([b"en=page_view&dt=" + b"a" * 800] * 21))
    assert [remark.partition(" than ")[0] for remark in checked.remarks[:2]] == [
        "More",
        "The body is longer",
    ]


def test_what_was_seen_of_a_hit_is_readable() -> None:
    [seen] = collected({**PURCHASE, "uid": "u1", "em": "", "_dbg": "1"}).events
    assert (seen.name, seen.event_id, seen.value, seen.currency) == ("purchase", "T-1001", 72.5, "EUR")
    assert (seen.page, seen.browser, seen.user) == ("https://shop.example/thanks", {"cid": "1.2"}, {"uid": "u1"})
    assert [(item["item_id"], item["price"]) for item in seen.contents] == [("SKU-1", 30), ("SKU-2", 12.5)]
    assert (seen.more["gcs"], seen.more["ep.transaction_id"]) == ("G111", "T-1001")


@pytest.mark.parametrize("path", ["/ga4", "/ga4/collect", "/ga4/g/collect/", "/ga4/mp/collect/x"])
def test_another_address_is_not_found(path: str) -> None:
    checked = check(Incoming("POST", path), ANY)
    assert (checked.answer.status, checked.accepted) == (404, False)
    assert "/ga4/g/collect, /ga4/mp/collect or /ga4/debug/mp/collect" in checked.reasons[0]


def test_a_correct_request_of_a_server_is_counted_without_a_word() -> None:
    checked = sent(ORDER)
    assert (checked.reasons, checked.remarks) == ((), ())
    assert (checked.answer.status, checked.answer.text, checked.account) == (204, "", "G-ABC123XYZ9")
    [seen] = checked.events
    assert (seen.name, seen.event_id, seen.time) == ("purchase", "T-1001", NOW - 100)
    assert (seen.value, seen.currency, seen.browser) == (72.5, "EUR", {"client_id": "1.2"})
    assert seen.user == {"sha256_email_address": "aaaaaaaa…aaaa", "city": "London"}


def changed(path: str, value: Any) -> Any:
    body = deepcopy(ORDER)
    *steps, last = path.split(".")
    target: Any = body
    for step in steps:
        target = target[int(step) if step.isdigit() else step]
    if value is None:
        del target[last]
    else:
        target[last] = value
    return body


WRONG = [
    (b"{", ""),
    (changed("client_id", None), "client_id"),
    (changed("events.0.name", "session_start"), "events"),
    (changed("timestamp_micros", NOW * 1000), "timestamp_micros"),
    (changed("user_data.sha256_email_address", ["jane@example.com"]), "user_data.sha256_email_address"),
]


@pytest.mark.parametrize(("body", "field"), WRONG)
def test_a_wrong_request_of_a_server_is_told_by_the_debug_address_alone(body: Any, field: str) -> None:
    silent, told = sent(body), sent(body, path=DEBUG)
    assert silent.answer.status == 204
    assert told.answer.status == 200
    [message] = told.answer.document["validationMessages"]
    assert message["fieldPath"] == field
    assert silent.reasons == told.reasons
    assert message["description"] in silent.reasons[0]
    assert message["validationCode"] in silent.reasons[0]
    assert (silent.test_code, told.test_code) == ("", "")


@pytest.mark.parametrize("identifier", ["UA-1234567-1", "ua-1234567-1", "g-abc123xyz9", "G-abc123"])
def test_an_id_that_google_drops_is_dropped_without_a_word(identifier: str) -> None:
    checked = collected({**PURCHASE, "tid": identifier})
    assert (checked.accepted, checked.answer.status, checked.answer.text) == (False, 204, "")
    assert [reason.split(":")[0] for reason in checked.reasons] == ["tid"]
    checked = sent(ORDER, query=f"measurement_id={identifier}&api_secret=a")
    assert [reason.split(":")[0] for reason in checked.reasons] == ["measurement_id"]


def test_events_for_debugview_say_so() -> None:
    assert sent(changed("events.0.params.debug_mode", 1)).test_code == "debug"
    assert collected({**PURCHASE, "_dbg": "1"}).test_code == "debug"


def test_equal_remarks_of_one_batch_stand_as_one() -> None:
    checked = collected(HIT, body=b"\n".join([b"en=add_to_cart&epn.value=1&ep.a1=a@b.example&ep.a2=a@b.example"] * 3))
    assert checked.remarks == (
        "event 1: ep.a1: Looks like an e-mail address in the clear, which Google forbids. (and 2 more like it)",
        "event 1: ep.a2: Looks like an e-mail address in the clear, which Google forbids. (and 2 more like it)",
        "event 1: cu: A value without a currency counts for nothing. (and 2 more like it)",
    )
    body = json.loads(json.dumps(ORDER))
    body["events"] = [{"name": "login", "params": {}}] * 2
    remarks = sent(body).remarks
    assert (
        "events.0.params.session_id: Without it the event is in no session, and not in realtime. (and 1 more like it)"
        in remarks
    )
    assert len(set(remarks)) == len(remarks)
    assert not any("events.1" in remark for remark in remarks)


def test_the_debug_address_has_nothing_to_say_of_a_valid_request() -> None:
    assert sent(ORDER, path=DEBUG).answer.document == {"validationMessages": []}


@pytest.mark.parametrize(
    ("query", "settings", "reason"),
    [
        ("api_secret=a", ANY, "measurement_id: Missing"),
        ("measurement_id=G-A", ANY, "api_secret: Missing"),
        ("measurement_id=G-A&api_secret=refused-secret", ANY, "api_secret: There is no such secret (14 characters"),
        ("measurement_id=G-A&api_secret=b", Ga4Settings(secrets={"a": ["G-A"]}), "api_secret: There is no such secret"),
        ("measurement_id=G-A&api_secret=a", Ga4Settings(secrets={"a": ["G-B"]}), "api_secret: The secret is not of"),
    ],
)
def test_a_wrong_secret_is_answered_204_all_the_same(query: str, settings: Ga4Settings, reason: str) -> None:
    checked = sent(ORDER, query=query, settings=settings)
    assert checked.answer.status == 204
    assert [each.startswith(reason) for each in checked.reasons] == [True]
    assert "refused-secret" not in str(checked)


def test_a_secret_of_the_stream_is_accepted() -> None:
    assert sent(ORDER, settings=Ga4Settings(secrets={"a-secret": ["G-ABC123XYZ9"]})).accepted


def test_a_stream_of_an_app_is_known_by_its_own_id() -> None:
    body = {**changed("client_id", None), "app_instance_id": "a" * 32}
    checked = sent(body, query="firebase_app_id=1%3A2%3Aandroid%3A3&api_secret=a")
    assert (checked.reasons, checked.account) == ((), "1:2:android:3")


def test_reading_is_not_sending() -> None:
    checked = sent(b"", method="GET")
    assert (checked.answer.status, checked.reasons[0]) == (404, "It is POST, not GET.")


@pytest.mark.parametrize(
    ("path", "value", "remarked"),
    [
        ("events.0.params.session_id", None, "events.0.params.session_id"),
        ("events.0.params.engagement_time_msec", None, "events.0.params.engagement_time_msec"),
        ("events.0.params.transaction_id", None, "events.0.params.transaction_id"),
        ("ip_override", None, "ip_override"),
        ("non_personalized_ads", True, "non_personalized_ads"),
        ("timestamp_micros", (NOW - 80 * 3600) * 1_000_000, "timestamp_micros"),
        ("timestamp_micros", (NOW + 300) * 1_000_000, "timestamp_micros"),
        ("events.0.timestamp_micros", (NOW - 80 * 3600) * 1_000_000, "events.0.timestamp_micros"),
    ],
)
def test_what_a_server_forgets_is_remarked_on(path: str, value: Any, remarked: str) -> None:
    checked = sent(changed(path, value))
    assert remarked in [remark.split(": ")[0] for remark in checked.remarks]


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.text(), st.binary())
def test_any_hit_is_answered_204(query: str, body: bytes) -> None:
    checked = check(Incoming("POST", COLLECT, query, AGENT, body, NOW), ANY)
    assert checked.answer.status == 204
    assert checked.accepted is not bool(checked.reasons)
    json.dumps(checked.body)


@given(st.dictionaries(st.sampled_from([*PURCHASE, "ep.user_data.address", "pr9", "up.a", "em"]), st.text()))
def test_any_parameters_are_answered_204(parameters: dict[str, str]) -> None:
    assert collected(parameters).answer.status == 204


@given(st.dictionaries(st.sampled_from([*ORDER, "user_id", "consent", "x"]), JSON_VALUES), st.text())
def test_any_request_of_a_server_is_answered_204(body: dict[str, Any], query: str) -> None:
    assert sent(body, query=query).answer.status == 204


@given(st.binary())
def test_any_bytes_of_a_server_are_told_of_by_the_debug_address(body: bytes) -> None:
    assert sent(body, path=DEBUG).answer.status == 200


CORPUS = Path(__file__).resolve().parents[2] / os.environ.get("CORPUS_DIR", "../shared/corpus") / "ga4_hits.json"
HITS = json.loads(CORPUS.read_text(encoding="utf-8")) if CORPUS.exists() else []
OF_BROWSERS = [
    each
    for each in HITS
    if each["path"].endswith("/g/collect") and each["id"].startswith(("gtag_", "mini_", "dbg_", "mc_"))
]


@pytest.mark.corpus
def test_the_corpus_is_there() -> None:
    if not HITS:
        pytest.skip(f"there is no {CORPUS.name} in {CORPUS.parent.name}; CORPUS_DIR says where it is")
    assert len(OF_BROWSERS) > 20


@pytest.mark.corpus
@pytest.mark.parametrize("one", OF_BROWSERS, ids=lambda one: str(one["id"]))
def test_what_real_browsers_send_is_counted(one: dict[str, Any]) -> None:
    body = (one["body"] or "").encode()
    checked = check(Incoming(one["method"], COLLECT, one["query"] or "", AGENT, body, NOW), ANY)
    if one["expected"]["claimed"] == "yes" and not one["notes"].startswith("odd:"):
        assert checked.reasons == ()
        assert len(checked.events) == len(one["expected"]["events"])
