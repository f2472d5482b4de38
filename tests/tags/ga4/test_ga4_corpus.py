"""Every hit of the corpus through client and tag: it comes out with the same events, and what is lost is listed."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from container.event import Event, Hit
from container.ga4.measurement_protocol_validation import messages_of
from container.shape import missing
from tests.tags.ga4.sending import (
    NOW,
    RELAY,
    SECRET,
    events_in,
    parameters_of,
    read_again,
    sent,
    server_events_in,
)

ROOT = Path(__file__).resolve().parents[3]
CORPUS = Path(os.environ.get("CORPUS_DIR", ROOT.parent / "shared" / "corpus"))

pytestmark = pytest.mark.corpus

TO_CONTAINERS_ALONE = frozenset({"x-ga-mp2-richsstsse"})
"""What even another container does not get: it asks for an answer that only a browser can read."""

NOT_TO_GOOGLE = TO_CONTAINERS_ALONE | {"x-sst-system_properties", "user_data"}
"""What is left behind on purpose: it is meant for server containers, or goes as `em` instead."""

PATH = "/debug/mp/collect"
EXCUSED = re.compile(r"^(?:events|app_instance_id)$|items\[\d+\]$")
"""What is the sender's: the name of the event, the id of an app, and an item without id and name."""


def _hits(path: str) -> list[dict[str, Any]]:
    file = CORPUS / "ga4_hits.json"
    listed = json.loads(file.read_text(encoding="utf-8")) if file.exists() else []
    return [one for one in listed if one["path"].endswith(path)]


HITS = _hits("/g/collect")
SERVER_HITS = _hits("/mp/collect")


def _events(one: Mapping[str, Any]) -> list[Event]:
    return events_in(**{name: one[name] for name in ("method", "path", "query", "headers", "body")})


def _lost(event: Event, *, apart: frozenset[str], **stated: Any) -> Iterator[str]:
    """What came in, and does not come out, or comes out otherwise, and what nobody has sent."""
    data, consent = read_again(sent(event, **stated))
    # What came in the clear has no other place than this one.
    hashed = {"x-ga-em"} if "user_data" in apart and "x-ga-em" not in event.data else set[str]()
    for name in sorted({*event.data, *data} - apart - hashed):
        if event.data.get(name) != data.get(name) or type(event.data.get(name)) is not type(data.get(name)):
            yield f"{event.name}, {name}: {event.data.get(name)!r} in, {data.get(name)!r} out"
    if consent != event.consent:
        yield f"{event.name}, consent: {event.consent} in, {consent} out"


def test_the_corpus_is_there() -> None:
    if not HITS:
        pytest.skip(f"there is no ga4_hits.json in {CORPUS.name}; CORPUS_DIR says where it is")
    assert len([one for one in HITS if _events(one)]) >= 55


@pytest.mark.parametrize("one", HITS, ids=lambda one: str(one["id"]))
def test_nothing_of_a_hit_is_lost_on_its_way_to_google(one: dict[str, Any]) -> None:
    assert [lost for event in _events(one) for lost in _lost(event, apart=NOT_TO_GOOGLE)] == []


@pytest.mark.parametrize("one", HITS, ids=lambda one: str(one["id"]))
def test_nothing_of_a_hit_is_lost_on_its_way_to_another_container(one: dict[str, Any]) -> None:
    events = _events(one)
    assert [lost for event in events for lost in _lost(event, apart=TO_CONTAINERS_ALONE, **RELAY)] == []


@pytest.mark.parametrize("one", HITS, ids=lambda one: str(one["id"]))
def test_user_data_goes_to_google_in_hashed_form_only(one: dict[str, Any]) -> None:
    for event in _events(one):
        found = parameters_of(sent(event))
        assert not [name for name in found if "user_data" in name]
        assert ("em" in found) == ("user_data" in event.data)


@pytest.mark.parametrize("one", SERVER_HITS, ids=lambda one: str(one["id"]))
def test_what_leaves_of_a_servers_events_is_valid_and_whole(one: dict[str, Any]) -> None:
    for event in server_events_in(**{name: one[name] for name in ("method", "path", "query", "headers", "body")}):
        # Most of the corpus happened long ago, which GA4 would not take any more.
        data = {name: value for name, value in event.data.items() if name not in ("timestamp_micros", "event_time")}
        request = sent(replace(event, data=data), measurement_id="G-ABC123XYZ9", api_secret=SECRET)
        query = "firebase_app_id=1" if "app_instance_id" in request.document else ""
        told = messages_of(Hit(bytes(16), NOW, "POST", PATH, query, body=json.dumps(request.document).encode()))
        assert [message for message in told if not EXCUSED.search(message["fieldPath"])] == []
        params = request.item["params"]
        for name in ("transaction_id", "value", "currency", "coupon", "tax", "shipping"):
            assert params.get(name) == (None if missing(data.get(name)) else data[name])
        assert len(params.get("items", ())) == len(data.get("items", ()))
