"""Reading a Measurement Protocol request: JSON, who it was, event data, consent. The client's cases show the rest."""

from __future__ import annotations

from typing import Any

import pytest

from container.event import Consent, Hit
from container.ga4.measurement_protocol import CLICK_IDS, MEMBERS, MOST_MISPLACED, Refusal, events_of
from container.ga4.measurement_protocol_body import DEEPEST, read
from container.ga4.measurement_protocol_consent import MOST_TYPES, consent_of
from tests.ga4.measurement_protocol_hits import hit


def event_data(payload: dict[str, Any], *, visitor_sends: bool = False, of: Hit | None = None) -> dict[str, Any]:
    found = events_of(
        of or hit({"client_id": "1.2", "events": [{"name": "e"}], **payload}), visitor_sends=visitor_sends
    )
    assert not isinstance(found, Refusal)
    return found[0][0]


def refusal(body: Any, **more: Any) -> Refusal | None:
    found = events_of(hit(body, **more))
    return found if isinstance(found, Refusal) else None


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        (b'{"a": "caf\xe9"}', {"a": "caf\ufffd"}),
        (b'{"a": "cut \\ud83d"}', {"a": "cut \ufffd"}),
        (b'{"a": "\\uDC4D\\ud83d\\udc4d"}', {"a": "\ufffd\U0001f44d"}),
        (b'{"a": "\\\\ud83d \\ud83d\\n"}', {"a": "\\ud83d \ufffd\n"}),
        (b'{"a": 1, "a": 2}', {"a": 2}),
        (b'{"a": 123456789012345678901234567890}', {"a": "123456789012345678901234567890"}),
        (b'{"a": -9223372036854775809}', {"a": "-9223372036854775809"}),
        (b'{"a": [9223372036854775808, 18446744073709551615, 1e20]}', {"a": [2**63, 2**64 - 1, 1e20]}),
        (b'{"a": "18446744073709551616"}', {"a": "18446744073709551616"}),
        (b'{"a": "\\"x\\" : y", "b": "\\\\", "c": {"a": ":"}}', {"a": '"x" : y', "b": "\\", "c": {"a": ":"}}),
        (b" [] ", []),
    ],
)
def test_json_is_read_as_far_as_it_can_be(body: bytes, value: object) -> None:
    assert read(body) == (value, "")


@pytest.mark.parametrize(
    "body", [b"", b"{", b"NaN", b'{"a": Infinity}', b'{"a": 1e999}', b'{"a": "\\u12"}', b"a=b", b"\xff\xfe{\x00}\x00"]
)
def test_what_is_no_json_says_where(body: bytes) -> None:
    value, problem = read(body)
    assert value is None
    assert problem.startswith("The body is no JSON: line 1, column ")


@pytest.mark.parametrize("levels", [DEEPEST + 1, 1000, 100_000])
def test_deep_nesting_is_not_taken(levels: int) -> None:
    value, problem = read(b"[" * levels + b"]" * levels)
    assert value is None
    assert problem


def test_as_many_levels_as_are_allowed_are_read() -> None:
    value, problem = read(b"[" * (DEEPEST - 1) + b"1" + b"]" * (DEEPEST - 1))
    assert value
    assert problem == ""


@pytest.mark.parametrize(
    "identifying",
    [
        {"client_id": "1.2"},
        {"client_id": 12},
        {"app_instance_id": "whatever it looks like"},
        {"user_id": "u"},
        {"user_data": {"email_address": "ada@example.com"}},
        {"ttclid": "E.C.P."},
        {"events": [{"name": "e"}, {"name": "e", "params": {"fbclid": "x"}}]},
        {"events": [{"name": "e", "params": {"client_id": "1.2"}}]},
        {"events": [{"name": "e", "user_id": "u"}]},
        {"events": [{"name": "e", "params": {"page_location": "https://shop.example/?a=b&gclid=x"}}]},
    ],
)
def test_anything_that_identifies_the_visitor_will_do(identifying: dict[str, Any]) -> None:
    assert refusal({"events": [{"name": "e"}], **identifying}) is None


@pytest.mark.parametrize("name", CLICK_IDS)
def test_a_click_id_may_be_a_cookie_that_the_server_passes_on(name: str) -> None:
    assert refusal({"events": [{"name": "e"}]}, headers={"cookie": f"{name}=x"}) is None


@pytest.mark.parametrize(
    "blank",
    [
        {},
        {"client_id": ""},
        {"client_id": "  "},
        {"client_id": None},
        {"client_id": 1234567890.17},
        {"client_id": True},
        {"client_id": ["1.2"]},
        {"user_data": {}},
        {"user_data": "ada@example.com"},
        {"ttclid": ""},
        {"events": [{"name": "e", "params": {"page_location": "https://shop.example/?gclid="}}]},
        {"events": [{"name": "e", "params": {"page_location": ["https://shop.example/?gclid=x"]}}]},
    ],
)
def test_nobody_is_refused(blank: dict[str, Any]) -> None:
    found = refusal({"events": [{"name": "e"}], **blank})
    assert found is not None
    assert (found.status, found.reason[:6]) == (400, "Nobody")


@pytest.mark.parametrize(
    "events", [None, {}, "purchase", [], [None], [[]], [{}], [{"name": 5}], [{"name": ""}], [{"name": " "}]]
)
def test_what_is_no_list_of_named_events_is_refused(events: object) -> None:
    found = refusal({"client_id": "1.2", "events": events})
    assert found is not None
    assert found.status == 400


def test_there_is_an_end_to_parameters_in_the_wrong_place() -> None:
    misplaced = {f"p{number}": number for number in range(MOST_MISPLACED)}
    assert event_data(misplaced)["p99"] == 99
    found = refusal({"client_id": "1.2", "events": [{"name": "e"}], **misplaced, "one more": 1})
    assert found is not None
    assert found.status == 400


def test_the_first_time_that_is_one_counts() -> None:
    payload = {"timestamp_micros": 3 * 10**15, "events": [{"name": "e", "timestamp_micros": 0, "params": {}}]}
    assert event_data(payload)["timestamp_micros"] == 3 * 10**15
    payload["events"] = [{"name": "e", "timestamp_micros": -5, "params": {"timestamp_micros": "2e15"}}]
    assert event_data(payload)["timestamp_micros"] == 2 * 10**15


@pytest.mark.parametrize("stated", ["<timestamp_micros>", "2026-01-01", True, None, [], 0, -1])
def test_what_is_no_time_is_ignored(stated: object) -> None:
    event = {"name": "e", "timestamp_micros": stated, "params": {"timestamp_micros": stated}}
    assert "timestamp_micros" not in event_data({"timestamp_micros": stated, "events": [event]})


@pytest.mark.parametrize(
    ("parameters", "session"),
    [
        ({"session_id": "1763640000"}, "1763640000"),
        ({"session_id": 1763640000}, "1763640000"),
        ({"session_id": "S123456"}, "S123456"),
        ({"session_id": "", "ga_session_id": 5}, "5"),
        ({"session_id": 6, "ga_session_id": 5}, "6"),
        ({"session_id": True}, None),
        ({"session_id": [1]}, None),
    ],
)
def test_the_session_is_text(parameters: dict[str, Any], session: str | None) -> None:
    data = event_data({"events": [{"name": "e", "params": parameters}]})
    assert data.get("ga_session_id") == session
    assert data["session_id"] == parameters["session_id"]


@pytest.mark.parametrize(
    ("location", "found"),
    [
        ({"region_id": "US-CA", "country_id": "US"}, {"country": "US", "region": "CA"}),
        ({"region_id": "CA", "country_id": "US"}, {"country": "US", "region": "CA"}),
        ({"country_id": "DE"}, {"country": "DE"}),
        ({"continent_id": 19}, {"continent_id": "19"}),
    ],
)
def test_a_place_has_the_names_that_browsers_hits_give_it(location: dict[str, Any], found: dict[str, str]) -> None:
    assert event_data({"user_location": location})["event_location"] == found


def test_address_and_user_agent_of_a_visitor_fill_what_the_event_lacks() -> None:
    events = [{"name": "e", "params": {"ip_override": "192.0.2.1", "user_agent": ""}}]
    sent = hit({"client_id": "1.2", "events": events}, headers={"user-agent": "phone"}, ip="203.0.113.7")
    data = event_data({}, visitor_sends=True, of=sent)
    assert (data["ip_override"], data["user_agent"]) == ("192.0.2.1", "phone")
    abroad = hit(
        {"client_id": "1.2", "events": [{"name": "e"}]}, headers={"cf-ipcountry": "DE", "cf-region-code": "BE"}
    )
    assert event_data({}, visitor_sends=True, of=abroad)["event_location"] == {"country": "DE", "region": "BE"}
    assert "event_location" not in event_data({}, of=abroad)
    assert event_data({}, visitor_sends=True, of=hit({"client_id": "1.2", "events": [{"name": "e"}]})).keys() == {
        "client_id",
        "event_name",
        "x-ga-protocol_version",
        "x-ga-measurement_id",
    }


@pytest.mark.parametrize(
    ("stated", "found"),
    [
        ({"ip_override": " ::ffff:203.0.113.9 ", "user_agent": "phone"}, ("203.0.113.9", "phone")),
        ({"ip_override": "fe80::1%<script>", "user_agent": {"a": 1}}, (None, None)),
        ({"ip_override": "home", "user_agent": ["x"]}, (None, None)),
        ({"ip_override": 3405803785, "user_agent": True}, (None, None)),
    ],
)
def test_an_address_and_an_agent_are_checked_wherever_they_stand(
    stated: dict[str, Any], found: tuple[str | None, str | None]
) -> None:
    for body in ({"events": [{"name": "e", "params": stated}]}, {"events": [{"name": "e", **stated}]}, stated):
        data = event_data({}, of=hit({"client_id": "1.2", "events": [{"name": "e"}], **body}))
        assert (data.get("ip_override"), data.get("user_agent")) == found


def test_what_the_parameters_state_wrongly_the_visitors_device_fills() -> None:
    events = [{"name": "e", "params": {"ip_override": "home", "user_agent": [1]}}]
    sent = hit({"client_id": "1.2", "events": events}, headers={"user-agent": "phone"}, ip="203.0.113.7")
    data = event_data({}, visitor_sends=True, of=sent)
    assert (data["ip_override"], data["user_agent"]) == ("203.0.113.7", "phone")


def test_no_event_changes_the_next_one() -> None:
    events = [{"name": "a", "user_id": "u", "x": 1, "consent": {"ad_user_data": "DENIED"}}, {"name": "b"}]
    found = events_of(hit({"client_id": "1.2", "consent": {"ad_user_data": "GRANTED"}, "events": events}))
    assert not isinstance(found, Refusal)
    (first, denied), (second, granted) = found
    assert first.keys() - second.keys() == {"user_id", "x"}
    assert (denied.granted("ad_storage"), granted.granted("ad_storage")) == (False, True)


def test_members_are_no_parameters() -> None:
    data = event_data({name: {"a": 1} for name in MEMBERS - {"events", "client_id"}})
    assert data.keys() == {"client_id", "event_name", "x-ga-protocol_version", "x-ga-measurement_id"} | {
        "user_data",
        "device",
        "x-ga-mp2-user_properties",
    }


def states(consent: Consent) -> dict[str, str]:
    return {name: f"{signal.state} {signal.source}" for name, signal in consent.signals.items()}


@pytest.mark.parametrize(
    ("stated", "found"),
    [
        ({}, {}),
        ({"consent": "GRANTED"}, {}),
        ({"consent": {"ad_user_data": "MAYBE", "ad_personalization": None, "x": 1}}, {}),
        ({"consent": {"analytics_storage": " granted "}}, {"analytics_storage": "granted measurement_protocol"}),
        ({"consent": {"analytics_storage": False}}, {"analytics_storage": "denied measurement_protocol"}),
        (
            {"consent": {"ad_user_data": "DENIED"}},
            {"ad_user_data": "denied measurement_protocol", "ad_storage": "denied measurement_protocol"},
        ),
        (
            {"consent": {"ad_user_data": "GRANTED", "ad_storage": "DENIED"}},
            {"ad_user_data": "granted measurement_protocol", "ad_storage": "denied measurement_protocol"},
        ),
        ({"non_personalized_ads": True}, {"ad_personalization": "denied npa"}),
        ({"non_personalized_ads": "true"}, {"ad_personalization": "denied npa"}),
        ({"non_personalized_ads": 1}, {"ad_personalization": "denied npa"}),
        ({"non_personalized_ads": False}, {}),
        (
            {"non_personalized_ads": True, "consent": {"ad_personalization": "DENIED"}},
            {"ad_personalization": "denied measurement_protocol"},
        ),
    ],
)
def test_consent_is_what_is_said_and_nothing_more(stated: dict[str, Any], found: dict[str, str]) -> None:
    assert states(consent_of(stated)) == found


def test_a_block_without_end_is_cut() -> None:
    assert len(consent_of({"consent": {f"type_{number}": "DENIED" for number in range(1000)}}).signals) == MOST_TYPES


@pytest.mark.parametrize(
    ("written", "found"), [("20.0", 20), ("2e1", 20), ("200e-1", 20), ("20", 20), ("20.5", 20.5), ("1e300", 1e300)]
)
def test_a_whole_number_is_an_integer_however_it_is_written(written: str, found: float) -> None:
    value, problem = read(f'{{"events": [{{"params": {{"value": {written}, "text": "1.0"}}}}]}}'.encode())
    assert (value["events"][0]["params"], problem) == ({"value": found, "text": "1.0"}, "")
    assert type(value["events"][0]["params"]["value"]) is type(found)
