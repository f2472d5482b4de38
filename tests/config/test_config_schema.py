"""The JSON Schema says what the loader says, as far as a schema can."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from container.config.load import Loaded
from container.config.reference import json_schema
from container.config.registry import Registry, discover
from container.config.source import Listing, Node, Scalar, Table, read


@pytest.fixture(scope="module")
def schema(registry: Registry) -> dict[str, Any]:
    return json_schema(registry)


def data(text: str) -> Any:
    """The file as an editor sees it: plain values."""
    return plain(read(text).root)


def plain(node: Node | None) -> Any:
    match node:
        case Scalar():
            return node.value
        case Listing():
            return [plain(item) for item in node.items]
        case Table():
            return {key: plain(entry.value) for key, entry in node.entries.items()}
    return None


def test_the_schema_is_a_schema(schema: dict[str, Any]) -> None:
    Draft202012Validator.check_schema(schema)


def test_the_schema_is_the_same_each_time(schema: dict[str, Any], registry: Registry) -> None:
    assert json.dumps(json_schema(registry)) == json.dumps(schema)


def test_every_reference_in_the_schema_leads_somewhere(schema: dict[str, Any]) -> None:
    def references(node: Any) -> list[str]:
        if isinstance(node, list):
            return [found for each in node for found in references(each)]
        if isinstance(node, dict):
            own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
            return own + [found for each in node.values() for found in references(each)]
        return []

    names = {found.removeprefix("#/$defs/") for found in references(schema)}
    assert names
    assert names <= schema["$defs"].keys()


VALID = [
    "version: 1\ncontainer: {name: Shop, id: A}\nconsent: {default: denied}\n",
    'consent: {default: {ad_storage: granted, ad_user_data: "{{ cookie.choice }}"}}\n',
    "consent: {default: {{ cookie.choice }}}\n",
    "clients: {GA4: {type: ga4, priority: 10, paths: /g/collect, consent: {default: granted}}}\n",
    'clients: {GA4: {type: ga4, priority: "${PRIORITY}"}}\nvariables:\n',
    "variables: {A: {type: url, component: query, parameter: x, format: {as: text, case: lower}}}\n",
    'variables: {A: {type: regex_table, input: "{{ X }}", rows: [{pattern: ^a, value: {x: 1}}], default: [1]}}\n',
    "triggers: {A: {events: [a, b], events_matching: ^a, sample_percent: 5, when: {variable: X, equals: 1}}}\n",
    "triggers: {A: {type: event, when: [{any: [{value: x, is_set: true}, {not: {variable: X, between: [1, 2]}}]}]}}\n",
    "triggers: {A: {type: sometimes, chance: '{{ event.x }}'}, B: {type: sometimes, chance: 1}}\n",
    'tags: {A: {type: tiktok_events_api, triggers: A, pixel_id: C1, access_token: "${X}", browser: {pixel: true}}}\n',
    'tags: {A: {type: tiktok_events_api, triggers: [A], event_source_id: "{{ X }}", access_token: "{{ Y }}"}}\n',
    'tags: {A: {type: webhook, triggers: A, consent: not_needed, url: x, headers: {a: "{{ x }}"}, json: {a: [1]}}}\n',
]

INVALID = [
    ("version: 2\n", "$.version"),
    ("containr: {}\n", "$"),
    ("consent: {default: maybe}\n", "$.consent.default"),
    ("clients: {GA4: {type: g4}}\n", "$.clients.GA4"),
    ("clients: {GA4: {priority: 1}}\n", "$.clients.GA4"),
    ("clients: {GA4: {type: ga4, path: /x}}\n", "$.clients.GA4"),
    ("clients: {GA4: {type: ga4, priority: high}}\n", "$.clients.GA4.priority"),
    ("variables: {A: {type: url, component: all}}\n", "$.variables.A.component"),
    ("variables: {A: {type: cookie_value}}\n", "$.variables.A"),
    ("variables: {A: {type: template, format: {as: money}}}\n", "$.variables.A.format"),
    ("triggers: {A: {event: a}}\n", "$.triggers.A"),
    ("triggers: {A: {when: {variable: X}}}\n", "$.triggers.A.when"),
    ("triggers: {A: {when: {equals: X}}}\n", "$.triggers.A.when"),
    ("triggers: {A: {when: {variable: X, equal: 1}}}\n", "$.triggers.A.when"),
    ("triggers: {A: {type: sometimes, chance: often}}\n", "$.triggers.A.chance"),
    ("tags: {A: {type: plain_tag}}\n", "$.tags.A"),
    ("tags: {A: {type: webhook, triggers: A, url: x}}\n", "$.tags.A"),
    ("tags: {A: {type: tiktok_events_api, triggers: A, access_token: '${X}'}}\n", "$.tags.A"),
    ("tags: {A: {type: tiktok_events_api, triggers: A, pixel_id: C1, access_token: abc}}\n", "$.tags.A.access_token"),
    (
        "tags: {A: {type: tiktok_events_api, triggers: A, pixel_id: C, access_token: '${X}', browser: {pixl: true}}}\n",
        "$.tags.A.browser",
    ),
]


@pytest.mark.parametrize("text", VALID)
def test_a_valid_example_passes(schema: dict[str, Any], text: str) -> None:
    assert [error.message for error in Draft202012Validator(schema).iter_errors(data(text))] == []


@pytest.mark.parametrize(("text", "path"), INVALID)
def test_an_invalid_example_fails_where_it_is_wrong(schema: dict[str, Any], text: str, path: str) -> None:
    found = [error.json_path for error in Draft202012Validator(schema).iter_errors(data(text))]
    assert any(each.startswith(path) for each in found), found


@pytest.mark.parametrize("text", [text for text, _ in INVALID])
def test_the_loader_refuses_what_the_schema_refuses(load_text: Callable[..., Loaded], text: str) -> None:
    assert load_text(text).model is None


def test_usual_places_are_told_in_the_description(schema: dict[str, Any]) -> None:
    page = schema["$defs"]["tag.tiktok_events_api.Page"]["properties"]
    assert "`page_location`" in page["url"]["description"]


def test_types_are_described(schema: dict[str, Any]) -> None:
    types = {each["const"]: each["description"] for each in schema["$defs"]["tag"]["properties"]["type"]["oneOf"]}
    assert types["webhook"] == "Send something somewhere."


def test_the_schema_in_the_repository_is_the_installed_one() -> None:
    path = Path(__file__).parent.parent.parent / "container.schema.json"
    stale = "run: python -m container schema > container.schema.json"
    assert json.loads(path.read_text(encoding="utf-8")) == json_schema(discover()), stale
