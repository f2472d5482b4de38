"""From the container's file to what leaves and what the visitor's browser keeps: loader, client, engine and tag."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from container.config.load import Loaded, load
from container.config.registry import discover
from container.effects import SetCookie
from container.engine.compile import compile_container
from container.engine.run import run
from container.event import Hit
from tests.tags.meta_conversions_api.anything import NOW, PIXEL, effects_of, notes_in

FILE = """\
version: 1
container: {name: Shop}
clients:
  Servers: {type: measurement_protocol}
triggers:
  Views: {events: [page_view]}
tags:
  Meta:
    type: meta_conversions_api
    triggers: Views
    consent: not_needed
    pixel_id: "PIXEL"
    access_token: "${secret:META_TOKEN}"
"""
VIEW = {
    "event_id": "e1",
    "page_location": "https://shop.example.com/",
    "user_agent": "UA/1.0",
    "ip_override": "81.2.69.142",
}


def loaded(*settings: str) -> Loaded:
    text = FILE.replace("PIXEL", PIXEL) + "".join(f"    {line}\n" for line in settings)
    found = load(
        text,
        filename="container.yaml",
        registry=discover(),
        environment={},
        secrets={"META_TOKEN": "meta-token-of-tests"}.get,
        strict_environment=True,
    )
    assert "meta-token-of-tests" not in found.report()
    return found


def through(data: Mapping[str, Any], *settings: str, cookies: str = "") -> tuple[dict[str, Any], list[SetCookie]]:
    """The event as Meta gets it, and the cookies that the visitor gets."""
    container = loaded(*settings)
    assert container.model is not None, container.report()
    body = json.dumps({"client_id": "1.2", "events": [{"name": "page_view", "params": {**VIEW, **data}}]}).encode()
    headers = {"cookie": cookies, "host": "t.shop.example.com", "content-type": "application/json"}
    hit = Hit(bytes(16), NOW, "POST", "/mp/collect", "measurement_id=G-1&api_secret=x", headers, body)
    outcome = run(compile_container(container.model), hit)
    [planned] = outcome.planned
    item: dict[str, Any] = planned.request.item
    return item, list(outcome.finished().cookies)


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ("LDU", ["LDU"]),
        ("ldu", ["LDU"]),
        (["LDU", "GDPR"], ["LDU"]),
        (["LDU", None], ["LDU"]),
        (["GDPR", {"x": 1}, " ldu "], ["LDU"]),
        ("LDU, GDPR", ["LDU"]),
        ('["LDU"]', ["LDU"]),
        ("GDPR", None),
        ([5], None),
        ({"a": "LDU"}, None),
        ("LDU_NO", None),
    ],
)
def test_nothing_beside_it_takes_limited_data_use_away(options: object, sent: list[str] | None) -> None:
    item, _ = through({"options": options}, 'data_processing_options: "{{ event.options }}"')
    assert item.get("data_processing_options") == sent
    assert ("data_processing_options_country" in item) == (sent is not None)
    told = notes_in(effects_of("page_view", VIEW, data_processing_options=options))
    assert any("data_processing_options" in note for note in told) == (options not in ("LDU", "ldu", '["LDU"]'))


@pytest.mark.parametrize("written", ["LDU", "ldu", "[LDU]", "[Ldu, LDU]", '["{{ event.x }}", LDU]', '"{{ event.x }}"'])
def test_limited_data_use_may_be_written_in_any_case(written: str) -> None:
    assert loaded(f"data_processing_options: {written}").model is not None


@pytest.mark.parametrize("written", ["LMU", "[LDU, GDPR]", "GDPR", "[1]", "{a: LDU}", "[[LDU]]", "true", '[LDU, ""]'])
def test_an_option_that_meta_does_not_know_is_refused_where_it_is_written(written: str) -> None:
    found = loaded(f"data_processing_options: {written}")
    assert found.model is None
    assert "data_processing_options" in found.report()
