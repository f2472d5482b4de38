"""Why a hit led to no event: the sentence names what to change in the hit or in the container."""

from __future__ import annotations

from typing import Any

import pytest

from container.api import Claim, Reply, Settings, client
from container.case import hit_from_json
from container.config.model import ClientModel
from container.config.registry import discover
from container.engine.container import Container
from container.engine.simulate import simulate
from container.event import Hit
from tests.containers_of import container_of
from tests.engine.parts import a_container, a_hit, component

REGISTRY = discover()
GA4 = "GA4: {type: ga4, measurement_ids: [G-A, G-B]}"
PROTOCOL = 'Server: {type: measurement_protocol, api_secret: "${secret:KEY}", measurement_ids: [G-A]}'
PAGE_VIEW = "v=2&tid=G-A&en=page_view"


def compiled(*clients: str) -> Container:
    text = "version: 1\nclients:\n" + "".join(f"  {each}\n" for each in clients)
    return container_of(text, REGISTRY, lambda name: f"value of {name}")


def outcome(hit: dict[str, Any], *clients: str) -> dict[str, Any]:
    return simulate(compiled(*(clients or (GA4,))), hit_from_json(hit))


@pytest.mark.parametrize(
    ("hit", "reason"),
    [
        ({"path": "/x", "query": PAGE_VIEW}, 'client "GA4" listens on /g/collect or /collect, not on "/x"'),
        ({"path": "/g/collect?v=2"}, 'the path of the hit holds a "?": what follows it belongs into "query"'),
        ({"query": "tid=G-A&en=a"}, "there is no v in the query, where GA4 has v=2"),
        ({"query": "v=1&tid=G-A&en=a"}, 'v is "1" in the query, where GA4 has v=2'),
        ({"query": "v=2&tid=G-C&en=a"}, 'the measurement id is "G-C", and it takes G-A and G-B only'),
        ({"query": "v=2&en=a"}, "the query has no measurement id, and it takes G-A and G-B only"),
        ({"query": "v=2&tid=G-A"}, "the query has no event name (en)"),
        ({"method": "PUT", "query": PAGE_VIEW}, "the method is PUT"),
        ({"method": "PUT", "query": "v=2&en=a&tid=G-C"}, 'the method is PUT and the measurement id is "G-C", and it'),
        ({}, "there is no v in the query, where GA4 has v=2 and the query has no measurement id, and it takes G-A"),
        ({"body": "v=1&tid=G-A&en=a"}, "found no event of its own in the hit"),
    ],
)
def test_the_reason_says_what_made_a_client_pass_the_hit_on(hit: dict[str, Any], reason: str) -> None:
    found = outcome({"path": "/g/collect", **hit})
    assert (found["client"], found["events"], found["reply"]["status"]) == (None, [], 404)
    assert found["why"].startswith("no client took the hit: ")
    assert reason in found["why"]


def test_without_a_list_any_measurement_id_would_do() -> None:
    why = outcome({"path": "/g/collect", "query": "v=2&en=a"}, "GA4: {type: ga4}")["why"]
    assert why.endswith("listens on this path, but the query has no measurement id")


@pytest.mark.parametrize("path", ["/mp/collect", "/debug/mp/collect", "/metrics/mp/collect"])
@pytest.mark.parametrize("client", [GA4, "GA4: {type: ga4}"])
def test_what_a_server_sends_needs_a_client_of_its_own(client: str, path: str) -> None:
    hit = {"method": "POST", "path": path, "query": "measurement_id=G-A&api_secret=x", "body": '{"events": []}'}
    assert outcome(hit, client)["why"] == (
        'no client took the hit: client "GA4" takes what browsers send: '
        "a hit on /mp/collect needs a client of type measurement_protocol, and the container has none"
    )


def test_a_client_for_servers_says_itself_why_it_passed_a_hit_on() -> None:
    why = outcome({"method": "POST", "path": "/mp/collect", "query": "measurement_id=G-Z"}, GA4, PROTOCOL)["why"]
    assert "a client of type measurement_protocol; client" in why
    assert 'client "Server" listens on this path, but the measurement id is "G-Z"' in why


def test_a_hit_in_the_words_of_a_browser_is_held_against_them_wherever_it_comes() -> None:
    why = outcome({"path": "/mp/collect", "query": "v=2&tid=G-Z&en=a"})["why"]
    assert 'listens on this path, but the measurement id is "G-Z", and it takes G-A and G-B only' in why


def test_every_client_says_why() -> None:
    ga4 = "GA4: {type: ga4, paths: /g/collect}"
    found = outcome({"method": "POST", "path": "/mp/collect", "query": "measurement_id=G-Z"}, ga4, PROTOCOL)
    assert 'client "GA4" listens on /g/collect, not on "/mp/collect"' in found["why"]
    assert (
        'client "Server" listens on this path, but the measurement id is "G-Z", and it takes G-A only' in found["why"]
    )


def test_a_refusal_shows_what_the_sender_is_told() -> None:
    found = outcome({"method": "POST", "path": "/mp/collect", "query": "measurement_id=G-A"}, GA4, PROTOCOL)
    assert (found["client"], found["reply"]["status"], found["events"]) == ("Server", 401, [])
    assert "api_secret" in found["reply"]["body"]
    assert found["why"] == f'client "Server" read no event and answered 401: {found["reply"]["body"]}'


def test_a_hit_with_events_needs_no_reason() -> None:
    found = outcome({"path": "/g/collect", "query": PAGE_VIEW})
    assert "why" not in found
    assert "body" not in found["reply"]


def test_a_container_without_clients_says_so() -> None:
    model = compiled(GA4)
    bare = Container(model.name, model.id, model.version, (), (), model.hearing, 0, model.consent_defaults)
    assert simulate(bare, a_hit())["why"] == "no client took the hit: the container has no client"


def test_a_body_that_is_no_text_is_not_shown() -> None:
    @client("image")
    def image(settings: Settings, hit: Hit) -> Claim:
        return Claim((), Reply(status=200, body=b"GIF89a\xff"))

    found = simulate(a_container(ClientModel("Image", component(image), None)), a_hit())
    assert "body" not in found["reply"]
    assert found["why"] == 'client "Image" read no event and answered 200'
