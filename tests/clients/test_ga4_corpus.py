"""The clients against real hits: everything that follows from the protocol beyond doubt comes out, with its type."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from container.case import hit_from_json
from container.config.registry import discover
from container.effects import Claim
from container.engine.container import Container
from container.engine.run import claim_hit
from container.event import Event
from container.ga4.keys import ITEM_FIELDS
from tests.clients.agreeing import holds
from tests.containers_of import container_of

ROOT = Path(__file__).resolve().parents[2]
CORPUS = Path(os.environ.get("CORPUS_DIR", ROOT.parent / "shared" / "corpus"))
STANDARD_ITEM_FIELDS = {field.name for field in ITEM_FIELDS.values()}

pytestmark = pytest.mark.corpus

CLIENTS = {"ga4": "/g/collect", "measurement_protocol": "/mp/collect"}
"""The clients of the corpus, and the end of the paths that they have to judge."""


def _hits() -> list[dict[str, Any]]:
    file = CORPUS / "ga4_hits.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else []


def _container() -> tuple[Container, tuple[str, ...]]:
    """A container of all clients that exist by now, and the paths of those that do not."""
    registry = discover()
    there = [name for name in CLIENTS if registry.find("client", name)]
    clients = ", ".join(f"{name}: {{type: {name}}}" for name in there)
    lacking = tuple(path for name, path in CLIENTS.items() if name not in there)
    return container_of(f"version: 1\nclients: {{{clients}}}\n", registry), lacking


CONTAINER, OTHER_PATHS = _container()
HITS = _hits()
JUDGED = [one for one in HITS if not (OTHER_PATHS and one["path"].endswith(OTHER_PATHS))]


def _claim(one: Mapping[str, Any]) -> Claim | None:
    members = {name: one[name] for name in ("method", "path", "query", "headers", "body")}
    client, claim = claim_hit(CONTAINER, hit_from_json(members))
    return None if client is None else claim


def test_the_corpus_is_there() -> None:
    if not HITS:
        pytest.skip(f"there is no ga4_hits.json in {CORPUS}; CORPUS_DIR says where it is")
    assert len([one for one in JUDGED if one["path"].endswith("/g/collect")]) >= 60


@pytest.mark.parametrize("one", JUDGED, ids=lambda one: str(one["id"]))
def test_a_hit_is_claimed_if_it_should_be_and_every_sure_fact_is_right(one: dict[str, Any]) -> None:
    expected = one["expected"]
    claim = _claim(one)
    assert (claim is not None) == (expected["claimed"] == "yes")
    events = claim.events if claim else ()
    if "events_unsure" not in expected:
        assert len(events) == len(expected.get("events", ()))
    wrong = [
        f"event {index}, {key}: expected {facts[key]!r}, found {_found(event, key)!r}"
        for index, (event, facts, sure) in enumerate(
            zip(
                events,
                expected.get("events", ()),
                expected.get("sure", ()),
                strict="events_unsure" not in expected,
            )
        )
        for key in sure
        if not holds(facts[key], _found(event, key))
    ]
    assert wrong == []


def _found(event: Event, key: str) -> Any:
    """The value under the corpus's neutral name."""
    match key:
        case "consent":
            return {name: signal.state for name, signal in event.consent.signals.items()}
        case "user_properties":
            return event.data.get("x-ga-mp2-user_properties")
        case "items_custom":
            items = event.data.get("items", [])
            return [{name: item[name] for name in item.keys() - STANDARD_ITEM_FIELDS} for item in items]
        case _:
            return event.data.get(key)
