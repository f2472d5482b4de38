"""`trace`: the outcome of `run`, what `simulate` says, and how it came to that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings

from container.api import Event, Hit, Request, Settings, Skip, tag, variable
from container.case import hit_from_json
from container.config.load import load
from container.config.model import ContainerModel
from container.config.registry import discover
from container.engine.compile import compile_container
from container.engine.container import Container
from container.engine.guards import Memory
from container.engine.run import run
from container.engine.simulate import simulate
from container.engine.story import secret_text
from container.engine.trace import trace
from tests.engine.parts import (
    URL,
    a_client,
    a_container,
    a_hit,
    a_model,
    a_tag,
    a_trigger,
    a_variable,
    an_event,
    condition,
    hit_of,
)
from tests.engine.test_any_hit import demanding, hits
from tests.engine.test_guards import once_per

ROOT = Path(__file__).resolve().parents[2]
FILES = [
    ROOT / "container.yaml",
    *sorted((ROOT / "docs" / "examples").rglob("*.yaml")),
    *sorted((ROOT / "tests" / "containers").glob("*.yaml")),
]
OWN_OF_EVENT = {"sender_id", "event_id_source", "variables"}
OWN_OF_TAG = {"type", "notes", "settings", "triggers", "exceptions", "consent", "view", "identifiers"}


def model_of(path: Path) -> ContainerModel:
    text = path.read_text(encoding="utf-8")
    loaded = load(
        text, filename=path.name, registry=discover(), environment={}, secrets=secret_text, strict_environment=False
    )
    assert loaded.model is not None, loaded.report()
    return loaded.model


MODELS = {path.relative_to(ROOT).as_posix(): model_of(path) for path in FILES}


def every_hit() -> Iterator[Hit]:
    for model in MODELS.values():
        yield from (hit for story in model.tests for hit in story.hits)
    for path in sorted((ROOT / "tests" / "containers" / "hits").glob("*.jsonl")):
        yield from (hit_from_json(orjson.loads(line)) for line in path.read_bytes().splitlines())


def without_what_is_told(told: Mapping[str, Any]) -> dict[str, Any]:
    """What `simulate` would say of it."""
    events = []
    for event in told["events"]:
        states = {name: "granted" if each["granted"] else "denied" for name, each in event["consent"].items()}
        tags = [{key: each[key] for key in each.keys() - OWN_OF_TAG} for each in event["tags"]]
        events.append({**{key: event[key] for key in event.keys() - OWN_OF_EVENT}, "consent": states, "tags": tags})
    return {**told, "events": events}


def told_of(container: Container, hit: Hit) -> dict[str, Any]:
    """The first event as it is told."""
    found: dict[str, Any] = trace(container, hit).told["events"][0]
    return found


@pytest.mark.parametrize("name", MODELS)
def test_every_hit_has_the_outcome_of_run_and_is_told_as_simulate_says(name: str) -> None:
    container = compile_container(MODELS[name], debug=True)
    live = compile_container(MODELS[name])
    for hit in every_hit():
        found = trace(container, hit)
        assert repr(found.outcome) == repr(run(container, hit))
        assert found.outcome.planned == run(live, hit).planned
        assert without_what_is_told(found.told) == simulate(container, hit)
        assert orjson.loads(orjson.dumps(found.told)) == found.told


@settings(max_examples=150, deadline=None)
@given(hit=hits())
def test_nothing_in_a_hit_makes_a_trace_raise_or_differ(hit: Hit) -> None:
    found = trace(DEMANDING, hit)
    assert repr(found.outcome) == repr(run(DEMANDING, hit))
    assert without_what_is_told(found.told) == simulate(DEMANDING, hit)
    assert orjson.loads(orjson.dumps(found.told)) == found.told


DEMANDING = demanding(debug=True)


def test_deep_nesting_is_told() -> None:
    deep = b"[" * 900 + b"]" * 900
    container = a_container(
        a_trigger("T", condition("{{ event.x }}", is_set=True)),
        a_tag("Sends", values={"json_body": "{{ event.x }}"}, triggers=("T",)),
        debug=True,
    )
    hit = hit_of(x="marker")
    hit = Hit(hit.id, hit.received, path="/json", body=hit.body.replace(b'"marker"', deep))
    found = trace(container, hit)
    assert found.outcome.fired == ("Sends",)
    assert orjson.dumps(found.told)


def test_the_live_container_carries_nothing_for_it() -> None:
    model = a_model(a_trigger("T", condition("{{ event.x }}", equals=1)), a_tag("Tag", triggers=("T",)))
    live = compile_container(model)
    assert live.probes is None
    assert live.slots == 0
    assert compile_container(model, debug=True).slots == 1


def test_of_a_live_container_neither_variables_nor_settings_are_told() -> None:
    container = a_container(a_tag("Tag", values={"json_body": "{{ Page Path }}"}))
    found = told_of(container, hit_of())
    assert found["variables"] == []
    assert [each["settings"] for each in found["tags"]] == [[]]
    assert [each["status"] for each in found["tags"]] == ["fired"]


def test_a_hit_that_nobody_takes_says_why() -> None:
    container = a_container(a_client(claims=False), debug=True)
    found = trace(container, a_hit())
    assert repr(found.outcome) == repr(run(container, a_hit()))
    assert found.told["events"] == []
    assert "no client took the hit" in found.told["why"]


def test_guards_are_those_that_were_handed_in() -> None:
    container = a_container(a_tag("Tag", once_per=once_per("{{ event.order }}")), debug=True)
    guards = Memory()
    statuses = [trace(container, hit_of(order="A"), guards).told["events"][0]["tags"][0]["status"] for _ in "12"]
    assert statuses == ["fired", "blocked_by_once_per"]
    assert told_of(container, hit_of(order="A"))["tags"][0]["status"] == "fired"


def test_each_consent_type_names_its_source() -> None:
    container = a_container(
        a_tag("Tag", consent=("ad_storage", "own")), consent={"own": "granted", "ad_user_data": "denied"}, debug=True
    )
    found = told_of(container, a_hit(an_event(consent={"ad_storage": "denied"})))
    assert found["consent"]["ad_storage"] == {"granted": False, "source": "gcs"}
    assert found["consent"]["own"] == {"granted": True, "source": "default"}
    assert found["tags"][0]["consent"] == [
        {"type": "ad_storage", "granted": False, "source": "gcs"},
        {"type": "own", "granted": True, "source": "default"},
    ]


@variable("raising")
def raising(settings: Settings, event: Event) -> str:
    """Cannot be computed."""
    raise KeyError("ada@example.com")


def test_a_consent_default_that_raises_is_told_without_its_text() -> None:
    model = a_model(
        a_variable("Broken", raising),
        a_tag("Needs", consent=("own",)),
        a_tag("Needs nothing"),
        consent=condition("{{ Broken }}").left,  # type: ignore[arg-type]  # a template
    )
    found = trace(compile_container(model, debug=True), a_hit(an_event(consent={"ad_storage": "granted"})))
    (event,) = found.told["events"]
    assert event["consent"] == {"ad_storage": {"granted": True, "source": "gcs"}}
    (needed,) = event["tags"][0]["consent"]
    assert needed["granted"] is False
    assert needed["source"].startswith("raised KeyError in ")
    assert event["tags"][0]["status"] == "failed"
    assert b"ada@" not in orjson.dumps(found.told)


@tag("knowing", consent=[], identifiers=("email", "click_id"))
def knowing(settings: Settings, event: Event) -> Request | Skip:
    """Knows two ways to recognise a visitor."""
    return Skip("nothing today") if event.name == "nothing" else Request("POST", URL, json={"email": "x"})


def test_a_tag_is_told_with_its_type_its_notes_and_the_identifiers_that_it_declares() -> None:
    (found,) = told_of(a_container(a_tag("Tag", knowing), debug=True), hit_of("nothing"))["tags"]
    assert (found["type"], found["identifiers"]) == ("knowing", ["email", "click_id"])
    assert (found["status"], found["why"], found["notes"]) == ("skipped", "nothing today", [])


@pytest.mark.parametrize(
    ("query", "data", "source"),
    [
        ("", {}, None),
        ("", {"event_id": "e-1"}, 'event data "event_id"'),
        ("ep.event_id=other", {"event_id": "e-1"}, 'event data "event_id"'),
        ("v=2&ep.event_id=e-1", {"event_id": " e-1 "}, 'parameter "ep.event_id" in the query of the hit'),
        ("epn.event_id=7", {"event_id": 7}, 'parameter "epn.event_id" in the query of the hit'),
    ],
)
def test_the_senders_event_id_says_where_it_came_from(query: str, data: dict[str, Any], source: str | None) -> None:
    found = told_of(a_container(debug=True), a_hit(an_event(data=data), query=query))
    assert found["event_id_source"] == source
    assert bool(found["sender_id"]) is (source is not None)
