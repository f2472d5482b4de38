"""The client against real requests, and against the events that other implementations were given."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from clients.measurement_protocol import MeasurementProtocol, measurement_protocol
from container.case import hit_from_json
from container.effects import Claim
from container.event import Event
from container.ga4.keys import USER_PROPERTIES
from tests.clients.agreeing import holds

ROOT = Path(__file__).resolve().parents[2]
CORPUS = ROOT / os.environ.get("CORPUS_DIR", "../shared/corpus")
TIME = 1_700_000_123_456
BY_REQUEST = MeasurementProtocol(visitor_address="request")

pytestmark = pytest.mark.corpus


def records(name: str) -> list[dict[str, Any]]:
    file = CORPUS / name
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else []


HITS = records("ga4_hits.json")
REQUESTS = [one for one in HITS if one["path"].endswith("/mp/collect")]
CASES = records("mapping_cases.json")


def test_the_corpus_is_there() -> None:
    if not HITS or not CASES:
        pytest.skip(f"there is no ga4_hits.json or mapping_cases.json in {CORPUS.name}; CORPUS_DIR says where it is")
    assert len(REQUESTS) > 40
    assert len(CASES) > 300


def claimed(one: Mapping[str, Any]) -> Claim | None:
    members = {name: one[name] for name in ("method", "path", "query", "headers", "body")}
    return measurement_protocol(MeasurementProtocol(), hit_from_json(members))


@pytest.mark.parametrize("one", REQUESTS, ids=lambda one: str(one["id"]))
def test_every_request_is_claimed_and_every_sure_fact_is_right(one: dict[str, Any]) -> None:
    expected = one["expected"]
    claim = claimed(one)
    assert (claim is not None and claim.reply.status == 204) == (expected["claimed"] == "yes")
    events = claim.events if claim else ()
    if "events_unsure" not in expected:
        assert len(events) == len(expected["events"])
    wrong = [
        f"event {index}, {key}: expected {facts[key]!r}, found {found(event, key)!r}"
        for index, (event, facts, sure) in enumerate(
            zip(events, expected["events"], expected["sure"], strict="events_unsure" not in expected)
        )
        for key in sure
        if not holds(facts[key], found(event, key))
    ]
    assert wrong == []


DIFFERENT = {("mp_rudder_38_login", "consent"): "it grants personalised ads and asks for none: denied wins"}


@pytest.mark.parametrize("one", REQUESTS, ids=lambda one: str(one["id"]))
def test_the_good_guesses_are_right_too(one: dict[str, Any]) -> None:
    claim = claimed(one)
    assert claim is not None
    for event, facts in zip(claim.events, one["expected"]["events"], strict=True):
        differing = [key for key in facts if not holds(facts[key], found(event, key))]
        assert differing == [key for key in facts if (one["id"], key) in DIFFERENT]


@pytest.mark.parametrize(
    "one", [one for one in HITS if one["path"].endswith("/g/collect")], ids=lambda one: str(one["id"])
)
def test_a_hit_of_a_browser_is_not_taken_for_a_request(one: dict[str, Any]) -> None:
    claim = claimed(one)
    assert claim is not None
    assert (tuple(claim.events), claim.reply.status) in (((), 400), ((), 405))


NAMED_TWICE = {
    f"tiktok/rudder_tiktok_ads_offline_events_{number}@rudderstack": "the name of the event wins over a parameter"
    for number in ("07", "08")
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["id"]))
def test_every_case_gives_the_event_data_that_others_were_given(case: dict[str, Any]) -> None:
    mp = case["ga4"]["mp"]
    cookies = "; ".join(f"{name}={value}" for name, value in mp["cookies"].items())
    given = {
        "method": mp["method"],
        "path": mp["path"],
        "query": urlencode(mp["query"]),
        "headers": {**mp["headers"], **({"cookie": cookies} if cookies else {})},
        "body": json.dumps(mp["body"]),
        "ip": mp["headers"].get("x-forwarded-for"),
        "time": TIME,
    }
    claim = measurement_protocol(BY_REQUEST, hit_from_json(given))
    assert claim is not None
    assert claim.reply.status == 204
    [event] = claim.events
    data = dict(case["ga4"]["event_data"])
    if case["id"] in NAMED_TWICE:
        assert (data.pop("event_name"), event.name) == ("CompletePayment", mp["body"]["events"][0]["name"])
    assert {key: event.data.get(key) for key in data} == data
    assert [key for key, value in data.items() if type(event.data[key]) is not type(value)] == []


def found(event: Event, key: str) -> Any:
    """The value under the corpus's neutral name."""
    match key:
        case "consent":
            return {name: signal.state for name, signal in event.consent.signals.items()}
        case "user_properties":
            return event.data.get(USER_PROPERTIES)
        case _:
            return event.data.get(key)
