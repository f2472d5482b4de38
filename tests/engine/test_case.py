"""Hits from JSON, and outcomes as JSON in exactly the documented shape."""

from __future__ import annotations

import json
import re
from typing import Any

import orjson
import pytest

from container.api import Batch, Event, Note, Request, Secret, SecretText, SetCookie, Settings, bearer, tag
from container.case import DEFAULT_TIME, CaseError, event_from_json, event_json, hit_from_json, plain_json, request_json
from container.engine.simulate import simulate
from container.event import Consent, Hit, Signal
from container.secret import Secret as SecretName
from tests.engine.parts import URL, a_container, a_hit, a_tag, a_trigger, an_event

STATED = {
    "id": "000102030405060708090a0b0c0d0e0f",
    "method": "post",
    "path": "/g/collect",
    "query": "?v=2&en=purchase",
    "headers": {"Cookie": "_ttp=abc", "X-One": "1"},
    "body": "grüße",
    "ip": "203.0.113.9",
    "time": 1_700_000_000_123,
}


def test_a_hit_is_read_with_all_its_members() -> None:
    assert hit_from_json(STATED) == Hit(
        id=bytes(range(16)),
        received=1_700_000_000_123,
        method="POST",
        path="/g/collect",
        query="v=2&en=purchase",
        headers={"cookie": "_ttp=abc", "x-one": "1"},
        body="grüße".encode(),
        ip="203.0.113.9",
    )


def test_an_event_is_read_with_its_consent_and_shown_the_same_way() -> None:
    hit = hit_from_json({})
    stated = {"name": "a", "data": {"x": [1]}, "consent": {"ad_storage": "denied", "b": "granted"}}
    event = event_from_json(stated, hit)
    assert event == Event(
        "a", {"x": [1]}, hit, Consent({"ad_storage": Signal(False, "test"), "b": Signal(True, "test")})
    )
    assert event_json(event, event.consent) == stated
    assert event_from_json({}, hit) == event_from_json({"name": None, "data": None}, hit) == Event("", {}, hit)


@pytest.mark.parametrize(
    ("stated", "part"),
    [
        ([], "An event is an object"),
        ({"nam": "a"}, 'An event has no member "nam". It has name, data, consent.'),
        ({"name": 1}, 'The member "name" of an event is text.'),
        ({"data": []}, 'The member "data" of an event is an object.'),
        ({"consent": {"a": ["granted"]}}, "Consent is granted or denied"),
    ],
)
def test_what_is_no_event_is_refused(stated: object, part: str) -> None:
    with pytest.raises(CaseError, match=re.escape(part)):
        event_from_json(stated, hit_from_json({}))


@pytest.mark.parametrize("stated", [{}, dict.fromkeys(STATED), {"headers": {}, "ip": "", "path": ""}])
def test_members_that_are_absent_have_plain_defaults(stated: dict[str, Any]) -> None:
    hit = hit_from_json(stated)
    assert (hit.received, hit.method, hit.path, hit.query, hit.body, hit.ip) == (
        DEFAULT_TIME,
        "GET",
        "/",
        "",
        b"",
        None,
    )
    assert dict(hit.headers) == {}
    assert len(hit.id) == 16


def test_the_caller_says_when_a_hit_without_a_time_came_in() -> None:
    assert hit_from_json({}, received=5).received == 5
    assert hit_from_json({"time": 0}, received=5).received == 0


def test_an_id_is_made_from_the_rest_of_the_hit() -> None:
    first, same, other = (hit_from_json({"path": path, "query": "a"}).id for path in ("/a", "/a", "/b"))
    assert first == same != other
    assert hit_from_json({"query": "a", "path": "/a"}).id == first


def test_headers_of_one_name_are_joined_as_ingest_does_it() -> None:
    headers = {"Cookie": "a=1", "cookie": "b=2", "X-A": "1", "x-a": "2"}
    assert hit_from_json({"headers": headers}).headers == {"cookie": "a=1; b=2", "x-a": "1, 2"}


@pytest.mark.parametrize(
    ("stated", "part"),
    [
        ([], "object"),
        ("text", "object"),
        (None, "object"),
        ({"url": "/x"}, '"url"'),
        ({1: "x"}, '"1"'),
        ({"path": 5}, '"path"'),
        ({"headers": []}, '"headers"'),
        ({"headers": {"a": 1}}, '"a"'),
        ({"headers": {1: "a"}}, '"1"'),
        ({"body": b"raw"}, '"body"'),
        ({"time": "now"}, '"time"'),
        ({"time": 1.5}, '"time"'),
        ({"time": True}, '"time"'),
        ({"time": -1}, '"time"'),
        ({"time": 10**30}, '"time"'),
        ({"id": "xyz"}, '"id"'),
        ({"id": "00"}, '"id"'),
        ({"id": " ".join(["00"] * 16)}, '"id"'),
    ],
)
def test_a_hit_that_is_none_is_refused_with_the_member_that_is_wrong(stated: object, part: str) -> None:
    with pytest.raises(CaseError, match=part):
        hit_from_json(stated)


def test_text_that_is_no_unicode_does_no_harm_in_a_hit() -> None:
    hit = hit_from_json({"body": "a\ud800", "query": "\ud800", "headers": {"a": "\ud800"}})
    assert hit.body == b"a?"
    assert len(hit.id) == 16


class Sends(Settings):
    token: Secret


@tag("sends", consent=["ad_storage"])
def sends(settings: Sends, event: Event) -> list[Request | SetCookie | Note]:
    token = settings.token
    return [
        Request(
            "POST",
            URL,
            headers={"Access-Token": token_text(token)},
            json={"env": 1},
            item={"n": 1},
            batch=Batch("data", 5),
        ),
        Request("POST", URL, body="plain"),
        Request("POST", URL, body=SecretText(("key=", token))),
        Request("POST", URL, body=b"\xff"),
        Request("GET", SecretText((URL, "?key=", token))),
        SetCookie("c", "v", max_age=9),
        Note("a note"),
    ]


def token_text(token: SecretName) -> SecretText:
    return bearer(token)


def test_an_outcome_has_exactly_the_documented_shape() -> None:
    container = a_container(
        a_trigger("Refunds", events=("refund",)),
        a_tag("Sender", sends, {"token": "${secret:TOKEN}"}),
        a_tag("Silent", triggers=("Refunds",)),
    )
    hit = a_hit(an_event("purchase", {"value": 1.5, "list": (1,)}, {"ad_storage": "granted"}))
    outcome = simulate(container, hit)
    (event,) = outcome["events"]
    sender, silent = event["tags"]
    headers = {"Access-Token": "Bearer ${secret:TOKEN}"}
    assert outcome == {
        "id": "000102030405060708090a0b0c0d0e0f",
        "client": "Json",
        "reply": {"status": 202, "headers": [], "cookies": [{"name": "c", "value": "v", "max_age": 9}]},
        "events": [
            {
                "name": "purchase",
                "data": {"value": 1.5, "list": [1]},
                "consent": {
                    "ad_storage": "granted",
                    "analytics_storage": "granted",
                    "ad_user_data": "granted",
                    "ad_personalization": "granted",
                },
                "tags": [
                    {
                        "tag": "Sender",
                        "status": "fired",
                        "why": sender["why"],
                        "requests": [
                            {"method": "POST", "url": URL, "headers": headers, "json": {"env": 1, "data": [{"n": 1}]}},
                            {"method": "POST", "url": URL, "headers": {}, "body": "plain"},
                            {"method": "POST", "url": URL, "headers": {}, "body": "key=${secret:TOKEN}"},
                            {"method": "POST", "url": URL, "headers": {}, "body": "\ufffd"},
                            {"method": "GET", "url": URL + "?key=${secret:TOKEN}", "headers": {}, "body": ""},
                        ],
                    },
                    {"tag": "Silent", "status": "not_triggered", "why": silent["why"], "requests": []},
                ],
            }
        ],
    }
    assert sender["why"].endswith("; a note")
    assert orjson.loads(orjson.dumps(outcome)) == outcome == json.loads(json.dumps(outcome))


def test_a_request_in_an_inner_list_of_its_envelope_is_shown_there() -> None:
    request = Request("POST", URL, json={"a": {"b": 1}}, item=SecretName("S"), batch=Batch("a.items", 5))
    assert request_json(request)["json"] == {"a": {"b": 1, "items": ["${secret:S}"]}}


def test_plain_json_keeps_json_and_says_the_rest_as_near_as_it_can() -> None:
    deep: Any = "bottom"
    for _ in range(2000):
        deep = [deep]
    value = {
        "json": [None, True, 1, 1.5, "x", {"a": ()}],
        "large": 2**70,
        "huge": 10**400,
        "broken \ud800": "\ud800",
        "secret": SecretName("S"),
        "text": SecretText(("a ", SecretName("S"))),
        "bytes": b"x",
        5: {6: 7},
        "deep": deep,
    }
    shown = plain_json(value)
    innermost = shown.pop("deep")
    depth = 0
    while isinstance(innermost, list):
        (innermost,) = innermost
        depth += 1
    assert innermost == "…"
    assert 50 < depth < 250
    assert shown == {
        "json": [None, True, 1, 1.5, "x", {"a": []}],
        "large": float(2**70),
        "huge": None,
        "broken ?": "?",
        "secret": "${secret:S}",
        "text": "a ${secret:S}",
        "bytes": "b'x'",
        "5": {"6": 7},
    }


def test_plain_json_turns_read_only_mappings_into_objects() -> None:
    assert plain_json(Hit(bytes(16), 0).headers) == {}
