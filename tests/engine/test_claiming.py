"""Which client takes a hit, and what happens to one that nobody takes."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from clients.ga4 import Ga4, ga4
from clients.measurement_protocol import MeasurementProtocol, measurement_protocol
from container.api import Claim, Consent, Event, Hit, Reply, Settings, Signal, client
from container.config.model import ClientModel
from container.engine.run import run
from container.engine.simulate import simulate
from container.secret import Secret, digest
from tests.engine.parts import a_client, a_container, a_hit, a_tag, component, echo


def claiming(*clients: ClientModel, hit: Hit | None = None) -> str | None:
    return run(a_container(*clients, a_tag("Tag")), hit or a_hit()).client


def test_a_client_of_higher_priority_is_asked_first() -> None:
    assert claiming(a_client("First"), a_client("Important", priority=1)) == "Important"


def test_among_equals_the_client_that_stands_first_in_the_file_is_asked_first() -> None:
    assert claiming(a_client("B", priority=5), a_client("A", priority=5)) == "B"


def test_a_client_that_passes_leaves_the_hit_to_the_next() -> None:
    assert claiming(a_client("Choosy", priority=9, claims=False), a_client("Open")) == "Open"


def test_a_client_is_offered_only_hits_on_its_paths() -> None:
    assert claiming(a_client("Elsewhere", priority=9, paths="/other"), a_client("Here")) == "Here"


@pytest.mark.parametrize("path", ["/json", "/mounted/json"])
def test_a_path_matches_at_the_end(path: str) -> None:
    assert claiming(a_client(), hit=a_hit(path=path)) == "Json"


@pytest.mark.parametrize("path", ["/xjson", "/json/more", "/"])
def test_a_path_matches_at_a_segments_border_only(path: str) -> None:
    assert claiming(a_client(), hit=a_hit(path=path)) is None


def test_a_client_without_paths_is_offered_every_hit() -> None:
    assert claiming(a_client(paths=()), hit=a_hit(path="/anything")) == "Json"


@pytest.mark.parametrize("priority", [0, 9])
def test_a_client_does_not_listen_where_another_ones_longer_path_matches(priority: int) -> None:
    clients = a_client("Any", priority=priority, paths="/json"), a_client("Shop", paths="/shop/json")
    assert claiming(*clients, hit=a_hit(path="/mounted/shop/json")) == "Shop"
    assert claiming(*clients, hit=a_hit(path="/mounted/json")) == "Any"
    assert claiming(*clients, hit=a_hit(path="/workshop/json")) == "Any"


def test_a_hit_that_the_client_of_the_longer_path_passes_is_unclaimed() -> None:
    clients = a_client("Any", paths="/json"), a_client("Shop", paths="/shop/json", claims=False)
    assert claiming(*clients, hit=a_hit(path="/shop/json")) is None


def test_clients_that_name_the_same_path_keep_their_order() -> None:
    clients = a_client("First", paths=("/json", "/shop/json")), a_client("Second", paths="/shop/json")
    assert claiming(*clients, hit=a_hit(path="/shop/json")) == "First"


@pytest.mark.parametrize("method", ["OPTIONS", "POST"])
def test_what_comes_to_the_measurement_protocol_is_not_for_the_browsers_client(method: str) -> None:
    secret = Secret("MP", digest("known"))
    container = a_container(
        ClientModel("GA4", component(ga4), Ga4(), priority=10),
        ClientModel("MP", component(measurement_protocol), MeasurementProtocol(api_secret=(secret,))),
    )
    query = "v=2&tid=G-ABC&cid=1.2&en=purchase"
    for path in ("/mp/collect", "/debug/mp/collect", "/mounted/mp/collect"):
        outcome = run(container, a_hit(path=path, method=method, query=query))
        assert (outcome.client, outcome.reply.status) == ("MP", 405 if method == "OPTIONS" else 401)
    assert run(container, a_hit(path="/collect", method=method, query=query)).client == "GA4"


def test_an_unclaimed_hit_is_answered_with_404_and_leads_to_nothing() -> None:
    outcome = run(a_container(a_client(claims=False), a_tag("Tag")), a_hit())
    assert (outcome.client, outcome.reply.status, outcome.planned, outcome.fired) == (None, 404, (), ())


def test_an_unclaimed_hit_has_no_client_and_no_events_in_a_simulation() -> None:
    hit = a_hit()
    assert simulate(a_container(a_client(claims=False)), hit) == {
        "id": hit.id.hex(),
        "client": None,
        "reply": {"status": 404, "headers": [], "cookies": []},
        "events": [],
    }


def test_a_client_without_settings_works() -> None:
    @client("bare")
    def bare(settings: Settings, hit: Hit) -> Claim:
        return Claim((), Reply(status=200))

    model = ClientModel("Bare", component(bare), None)
    assert run(a_container(model), a_hit(path="/any")).reply.status == 200


def test_an_event_keeps_everything_that_the_client_said_about_it() -> None:
    stated = Event("sign_up", {"a": 1}, a_hit(), Consent({"ad_storage": Signal(True, "gcs")}), client="", index=0)
    seen: list[Event] = []

    @client("other")
    def other(settings: Settings, hit: Hit) -> Claim:
        return Claim((stated, stated))

    container = a_container(
        ClientModel("Other", component(other), None), a_tag("Tag", _watching(seen)), consent={"ad_user_data": "denied"}
    )
    run(container, a_hit())
    own = {"client", "index", "consent"}
    for field in dataclasses.fields(Event):
        if field.name not in own:
            assert getattr(seen[1], field.name) == getattr(stated, field.name)
    assert [(event.client, event.index) for event in seen] == [("Other", 0), ("Other", 1)]
    assert seen[0].consent.signals["ad_storage"] == Signal(True, "gcs")


def _watching(seen: list[Event]) -> Any:
    from_echo = component(echo)

    def watching(settings: Any, event: Event) -> None:
        seen.append(event)

    watching.__dict__["__component__"] = dataclasses.replace(from_echo, function=watching)
    return watching
