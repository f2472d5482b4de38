"""What `trace` really tells of the hits of all example containers, with a visitor put into each of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from container.engine.compile import compile_container
from container.engine.trace import trace
from container.event import Hit
from container.preview.masking import masked
from tests import canaries
from tests.engine.test_trace import MODELS

VISITOR = canaries.Search(
    (
        *(canaries.EMAIL, canaries.PHONE, canaries.FIRST_NAME, canaries.LAST_NAME, canaries.STREET, canaries.CITY),
        *(canaries.POSTAL_CODE, canaries.IP, canaries.USER_AGENT, canaries.COOKIE, canaries.CLIENT_ID),
        *(canaries.USER_ID, canaries.PAGE, canaries.SEARCH),
    )
)


def _visited(hit: Hit) -> Hit:
    """The hit of a visitor who is known by everything."""
    body = hit.body
    if body[:1] == b"{":
        body = json.dumps({**json.loads(body), "user_id": canaries.USER_ID, "user_data": canaries.USER_DATA}).encode()
    return Hit(
        id=hit.id,
        received=hit.received,
        method=hit.method,
        path=hit.path,
        query=f"{hit.query}&{canaries.QUERY}" if hit.query else canaries.QUERY,
        headers={**hit.headers, **canaries.HEADERS},
        body=body,
        ip=canaries.IP,
    )


def _record(hit: Hit, told: dict[str, Any]) -> dict[str, Any]:
    shown = {
        "method": hit.method,
        "path": hit.path,
        "query": hit.query,
        "headers": [list(pair) for pair in hit.headers.items()],
        "body": hit.body.decode(errors="replace"),
        "ip": hit.ip,
    }
    return {"number": 1, "at": hit.received, "hit": shown, "told": told, "reply": told["reply"], "outgoing": []}


@pytest.mark.parametrize("file", MODELS)
def test_no_example_shows_its_visitor(file: str) -> None:
    model = MODELS[file]
    container = compile_container(model, debug=True)
    for hit in [_visited(hit) for story in model.tests for hit in story.hits][:25]:
        record = _record(hit, trace(container, hit).told)
        assert VISITOR.within(json.dumps(record))
        assert not VISITOR.within(json.dumps(masked(record)))


@pytest.mark.parametrize("file", MODELS)
def test_tags_reasons_and_statuses_of_examples_are_readable(file: str) -> None:
    model = MODELS[file]
    container = compile_container(model, debug=True)
    for hit in [hit for story in model.tests for hit in story.hits][:10]:
        told = trace(container, hit).told
        for event, shown in zip(told["events"], masked(_record(hit, told))["told"]["events"], strict=True):
            assert [each["tag"] for each in shown["tags"]] == [each["tag"] for each in event["tags"]]
            assert [each["status"] for each in shown["tags"]] == [each["status"] for each in event["tags"]]
            assert [each["name"] for each in shown["variables"]] == [each["name"] for each in event["variables"]]
            assert shown["data"].keys() == event["data"].keys()
