"""The client `measurement_protocol`: its cases, its settings, its secrets, and what tags see of a hit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from clients.measurement_protocol import MeasurementProtocol, measurement_protocol
from container.component import component_of
from container.config.load import load
from container.config.registry import discover
from container.effects import Claim
from container.event import Hit
from container.ga4.measurement_protocol import MOST_EVENTS
from container.secret import Secret, digest
from container.template import parse
from container.testing import Case, cases_in, run_case
from tests.ga4.measurement_protocol_hits import BODIES, hit

CASES = cases_in(Path(__file__).parent / "measurement_protocol")
OPEN = MeasurementProtocol()
GUARDED = MeasurementProtocol(api_secret=(Secret("NEW", digest("nëw")), Secret("OLD", digest("old"))))
ORDER: dict[str, Any] = {"client_id": "1.2", "events": [{"name": "purchase"}]}


@pytest.mark.parametrize("case", CASES, ids=[case.path.stem for case in CASES])
def test_a_case_comes_out_as_its_file_says(case: Case) -> None:
    component = component_of(measurement_protocol)
    assert component is not None
    assert run_case(component, case) == []


def claim(given: Hit, settings: MeasurementProtocol = OPEN) -> Claim:
    found = measurement_protocol(settings, given)
    assert found is not None
    return found


def test_events_are_counted_from_zero_within_their_hit() -> None:
    found = claim(hit({"client_id": "1.2", "events": [{"name": "one"}, {"name": "two"}]}))
    assert [(event.index, event.name) for event in found.events] == [(0, "one"), (1, "two")]


def test_as_many_events_as_are_allowed_are_all_taken() -> None:
    found = claim(hit({"client_id": "1.2", "events": [{"name": "tick"}] * MOST_EVENTS}))
    assert (len(found.events), found.reply.status) == (MOST_EVENTS, 204)


def test_a_hit_with_more_events_is_refused_whole() -> None:
    found = claim(hit({"client_id": "1.2", "events": [{"name": "tick"}] * (MOST_EVENTS + 1)}))
    assert (len(found.events), found.reply.status) == (0, 413)


@pytest.mark.parametrize("secret", ["n%C3%ABw", "old"])
def test_each_secret_opens_while_one_replaces_the_other(secret: str) -> None:
    found = claim(hit(ORDER, query=f"measurement_id=G-1&api_secret={secret}"), GUARDED)
    assert (len(found.events), found.reply.status) == (1, 204)


@pytest.mark.parametrize(
    "query", ["", "api_secret=", "api_secret=wrong", "api_secret=old&api_secret=", "api_secret=%FF"]
)
@pytest.mark.parametrize("path", ["/mp/collect", "/debug/mp/collect"])
def test_without_a_secret_nothing_is_taken_and_nothing_checked(query: str, path: str) -> None:
    found = claim(hit(ORDER, query=query, path=path), GUARDED)
    assert (len(found.events), found.reply.status) == (0, 401)
    assert "api_secret" in json.loads(found.reply.body)["reason"]


def test_a_secret_that_is_not_set_opens_to_nobody() -> None:
    unset = MeasurementProtocol(api_secret=(Secret("UNSET"),))
    assert claim(hit(ORDER, query="api_secret="), unset).reply.status == 401


def test_all_secrets_are_compared_whichever_is_right() -> None:
    compared: list[str] = []

    class Listening:
        def __init__(self, name: str) -> None:
            self.name = name

        def matches(self, candidate: str) -> bool:
            compared.append(self.name)
            return True

    settings = OPEN.model_copy(update={"api_secret": (Listening("first"), Listening("second"))})
    assert claim(hit(ORDER), settings).reply.status == 204
    assert compared == ["first", "second"]


def test_tags_never_see_the_secret() -> None:
    query = "measurement_id=G-1&api%5Fsecret=old&x=%26api_secret%3D"
    [event] = claim(hit(ORDER, query=query), GUARDED).events
    assert event.hit.query == "measurement_id=G-1&x=%26api_secret%3D"


def test_tags_do_not_take_the_sending_server_for_the_visitor() -> None:
    headers = {"user-agent": "curl/8", "cookie": "_ttp=abc", "x-forwarded-for": "198.51.100.20"}
    sent = hit(ORDER, headers=headers, ip="198.51.100.20")
    [of_server] = claim(sent).events
    assert (of_server.hit.ip, of_server.hit.headers) == (None, {"cookie": "_ttp=abc"})
    [of_visitor] = claim(sent, MeasurementProtocol(visitor_address="request")).events
    assert (of_visitor.hit.ip, of_visitor.hit.headers) == ("198.51.100.20", headers)
    assert (of_server.hit.id, of_server.hit.received) == (sent.id, sent.received)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "OPTIONS"])
def test_only_post_is_taken(method: str) -> None:
    found = claim(hit(ORDER, method=method))
    assert (len(found.events), found.reply.status) == (0, 405)
    assert ("Allow", "POST") in found.reply.headers


@pytest.mark.parametrize(
    ("paths", "path", "checks"),
    [
        (["/mp/collect"], "/mp/collect", False),
        (["/mp/collect"], "/mount/mp/collect", False),
        (["/mp/collect"], "/debug/mp/collect", True),
        (["/orders", "/debug/orders"], "/mount/debug/orders", True),
        (["/orders", "/debug/orders"], "/orders", False),
        (["/debug/orders"], "/debug/orders", True),
    ],
)
def test_debug_in_front_of_a_path_only_checks(paths: list[str], path: str, checks: bool) -> None:
    found = claim(hit(ORDER, path=path), MeasurementProtocol.model_validate({"paths": paths}))
    assert (len(found.events), found.reply.status) == ((0, 200) if checks else (1, 204))


@pytest.mark.parametrize("path", ["mp/collect", "/", "/mp/collect/", ""])
def test_a_path_starts_with_a_slash_and_does_not_end_with_one(path: str) -> None:
    with pytest.raises(ValidationError):
        MeasurementProtocol.model_validate({"paths": path})


def problems(clients: str, environment: Mapping[str, str] | None = None) -> list[tuple[int, str]]:
    loaded = load(
        f"version: 1\nclients:\n{clients}",
        filename="container.yaml",
        registry=discover(),
        environment=environment or {},
        secrets=lambda name: f"value of {name}",
        strict_environment=True,
    )
    return [(problem.line, problem.code) for problem in loaded.problems]


def test_a_client_with_a_secret_is_fine() -> None:
    assert problems('  MP: {type: measurement_protocol, api_secret: "${secret:MP_SECRET}"}') == []
    assert problems('  MP: {type: measurement_protocol, api_secret: ["${secret:NEW}", "${secret:OLD}"]}') == []
    assert problems('  MP: {type: measurement_protocol, api_secret: "${MP_SECRET}", consent: {default: granted}}') == []


def test_a_client_without_a_secret_is_an_open_endpoint() -> None:
    assert problems("  MP: {type: measurement_protocol}") == [(3, "open-endpoint")]
    assert problems("  MP: {type: measurement_protocol, api_secret: []}") == [(3, "open-endpoint")]


def test_a_second_client_for_the_same_hits_is_in_the_shade() -> None:
    secret = 'api_secret: "${secret:A}"'
    first = f"  All: {{type: measurement_protocol, {secret}}}\n"
    assert problems(first + f"  One: {{type: measurement_protocol, measurement_ids: G-1, {secret}}}") == [
        (4, "shadowed-client")
    ]
    assert problems(first + f"  Other: {{type: measurement_protocol, paths: /orders, {secret}}}") == []


def test_a_secret_is_neither_literal_nor_a_variable() -> None:
    assert problems("  MP: {type: measurement_protocol, api_secret: abc}") == [(3, "literal-secret")]
    variable = '\nvariables:\n  Key: {type: constant, value: "${secret:A}"}'
    assert (3, "not-dynamic") in problems('  MP: {type: measurement_protocol, api_secret: "{{ Key }}"}' + variable)
    with pytest.raises(ValidationError):
        MeasurementProtocol.model_validate({"api_secret": parse("{{ Key }}")})


@given(sent=BODIES, query=st.text(st.characters(exclude_categories=())), debug=st.booleans(), visitor=st.booleans())
def test_whatever_arrives_is_taken_or_refused_with_a_reason(
    sent: bytes, query: str, debug: bool, visitor: bool
) -> None:
    path = "/debug/mp/collect" if debug else "/mp/collect"
    settings = MeasurementProtocol(visitor_address="request" if visitor else "body")
    found = claim(hit(sent, query=query, path=path, headers={"user-agent": "x"}, ip="203.0.113.7"), settings)
    if debug:
        assert (found.events, found.reply.status) == ((), 200)
        assert isinstance(orjson.loads(found.reply.body)["validationMessages"], list)
    elif found.reply.status == 204:
        assert [orjson.loads(orjson.dumps(event.data))["event_name"] for event in found.events] == [
            event.name for event in found.events
        ]
        assert found.events
    else:
        assert found.reply.status in (400, 413)
        assert found.events == ()
        assert json.loads(found.reply.body)["reason"].endswith(".")
