"""Every hit of the corpus through client and tag: it comes out with the same events, and what is lost is listed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from container.event import Event
from tests.tags.ga4.sending import RELAY, events_in, read_again, sent

ROOT = Path(__file__).resolve().parents[3]
CORPUS = Path(os.environ.get("CORPUS_DIR", ROOT.parent / "shared" / "corpus"))

pytestmark = pytest.mark.corpus

TO_CONTAINERS_ALONE = frozenset({"x-ga-mp2-richsstsse"})
"""What even another container does not get: it asks for an answer that only a browser can read."""

NOT_TO_GOOGLE = TO_CONTAINERS_ALONE | {"x-sst-system_properties", "user_data"}
"""What is left behind on purpose: it is meant for server containers, or goes as `em` instead."""


def _hits() -> list[dict[str, Any]]:
    file = CORPUS / "ga4_hits.json"
    listed = json.loads(file.read_text(encoding="utf-8")) if file.exists() else []
    return [one for one in listed if one["path"].endswith("/g/collect")]


HITS = _hits()


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
        request = sent(event)
        assert "user_data" not in f"{request.url}{request.body}"
        assert ("em=" in f"{request.url}{request.body}") == ("user_data" in event.data or "x-ga-em" in event.data)
