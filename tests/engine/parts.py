"""Small components, and a short way to a container and a hit, for the tests of the engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, get_type_hints

import orjson
from pydantic import TypeAdapter

import triggers.operators
from container.api import (
    Claim,
    Confidential,
    Consent,
    Dynamic,
    Event,
    Hit,
    Many,
    Reply,
    Request,
    Settings,
    Signal,
    client,
    tag,
)
from container.component import Component, component_of
from container.config.model import (
    Check,
    ClientModel,
    Condition,
    ConsentDefault,
    ContainerModel,
    Format,
    Group,
    TagModel,
    TransformationModel,
    TriggerModel,
    VariableModel,
)
from container.config.registry import Registry, components_in
from container.engine.compile import compile_container
from container.engine.container import Container
from container.engine.simulate import simulate
from container.template import parse

RECEIVED = 1_767_261_600_000
"""2026-01-01 10:00 UTC."""

OPERATORS = Registry.of(components_in(triggers.operators))
URL = "https://vendor.example/events"
TYPES = ("ad_storage", "analytics_storage", "ad_user_data", "ad_personalization")


class JsonHit(Settings):
    paths: Many[str] = ("/json",)
    claims: bool = True
    reply: Any = Reply(status=202)


@client("json_hit")
def json_hit(settings: JsonHit, hit: Hit) -> Claim | None:
    """Hands on what the body says: `{"events": [{"name", "data", "consent": {type: state}}]}`."""
    if not settings.claims:
        return None
    return Claim([_event(stated, hit) for stated in orjson.loads(hit.body)["events"]], settings.reply)


class Echo(Settings):
    json_body: Confidential = None
    note: Dynamic[str] | None = None


@tag("echo", consent=[])
def echo(settings: Echo, event: Event) -> Request:
    """Sends what it is told to."""
    return Request("POST", URL, json={"event": event.name, "said": settings.json_body})


def component(function: Callable[..., Any]) -> Component:
    found = component_of(function)
    assert found is not None
    return found


def parsed(value: Any) -> Any:
    """Configured values as the loader hands them over: texts with references become templates."""
    if isinstance(value, str):
        return parse(value)
    if isinstance(value, Mapping):
        return {key: parsed(member) for key, member in value.items()}
    return [parsed(member) for member in value] if isinstance(value, list) else value


def settings_of(function: Callable[..., Any], values: Mapping[str, Any]) -> Settings:
    model = component(function).settings
    assert model is not None
    return model.model_validate(parsed(values))


def a_client(
    name: str = "Json", *, priority: int = 0, consent: ConsentDefault | None = None, **values: Any
) -> ClientModel:
    return ClientModel(name, component(json_hit), settings_of(json_hit, values), priority, consent)


def a_variable(name: str, function: Callable[..., Any], format: Format | None = None, **values: Any) -> VariableModel:
    return VariableModel(name, component(function), settings_of(function, values), format)


def a_trigger(name: str, *when: Condition | Group, **details: Any) -> TriggerModel:
    return TriggerModel(name, when=when, **details)


def a_tag(
    name: str,
    function: Callable[..., Any] = echo,
    values: Mapping[str, Any] | None = None,
    *,
    triggers: tuple[str, ...] = ("All",),
    **details: Any,
) -> TagModel:
    return TagModel(name, component(function), settings_of(function, values or {}), triggers, **details)


def condition(left: str, *, variable: bool = False, ignore_case: bool = False, **checks: Any) -> Condition:
    """`condition("{{ event.value }}", greater_than=5)`; with `variable` the left side is written as a name."""
    made = tuple(_check(name, expected, ignore_case=ignore_case) for name, expected in checks.items())
    if variable:
        return Condition(parse("{{ " + left + " }}"), made, left)  # type: ignore[arg-type]  # no secret stands here
    return Condition(parse(left), made)  # type: ignore[arg-type]  # no secret stands here


def any_of(*members: Condition | Group) -> Group:
    return Group("any", members)


def all_of(*members: Condition | Group) -> Group:
    return Group("all", members)


def none_of(*members: Condition | Group) -> Group:
    return Group("not", members)


Part = ClientModel | VariableModel | TriggerModel | TagModel | TransformationModel


def a_transformation(
    name: str, function: Callable[..., Any], values: Mapping[str, Any], *tags: str, **details: Any
) -> TransformationModel:
    """A transformation of the event that these tags see."""
    return TransformationModel(name, component(function), settings_of(function, values), tags or ("Tag",), **details)


def a_model(*parts: Part, consent: ConsentDefault = "granted") -> ContainerModel:
    """A container of these parts. Without a client it has the JSON one; the trigger "All" is always there."""
    clients = {part.name: part for part in parts if isinstance(part, ClientModel)}
    return ContainerModel(
        name="Shop",
        id="SHOP-1",
        version="v-abc",
        consent_default=consent,
        clients=clients or {"Json": a_client()},
        variables={part.name: part for part in parts if isinstance(part, VariableModel)},
        triggers={"All": TriggerModel("All")} | {part.name: part for part in parts if isinstance(part, TriggerModel)},
        tags={part.name: part for part in parts if isinstance(part, TagModel)},
        transformations={part.name: part for part in parts if isinstance(part, TransformationModel)},
    )


def a_container(
    *parts: Part,
    consent: ConsentDefault = "granted",
    debug: bool = False,
) -> Container:
    return compile_container(a_model(*parts, consent=consent), debug=debug)


def an_event(name: Any = "purchase", data: Any = None, consent: Mapping[str, str] | None = None) -> dict[str, Any]:
    return {"name": name, "data": data or {}, "consent": consent or {}}


def a_hit(*events: Mapping[str, Any], **details: Any) -> Hit:
    body = orjson.dumps({"events": events or (an_event(),)})
    return Hit(**{"id": bytes(range(16)), "received": RECEIVED, "path": "/json", "body": body, **details})


def hit_of(name: str = "purchase", **data: Any) -> Hit:
    """A hit with one event."""
    return a_hit(an_event(name, data))


def tags_of(container: Container, hit: Hit, event: int = 0) -> dict[str, dict[str, Any]]:
    """What `simulate` says about each tag on one event."""
    return {each["tag"]: each for each in simulate(container, hit)["events"][event]["tags"]}


def said(container: Container, hit: Hit, tag: str = "Tag") -> Any:
    """What the one request of an `echo` tag says."""
    found = tags_of(container, hit)[tag]
    assert found["status"] == "fired", found
    return found["requests"][0]["json"]["said"]


def value_of(reference: str, hit: Hit, *variables: VariableModel, **details: Any) -> Any:
    """What a reference is worth for the hit's event; `None` when it has no value."""
    container = a_container(*variables, a_tag("Tag", echo, {"json_body": {"value": reference}}), **details)
    return (said(container, hit) or {}).get("value")


def _check(name: str, expected: Any, *, ignore_case: bool) -> Check:
    found = OPERATORS.operator(name)
    assert found is not None, name
    operator, negated = found
    annotation = get_type_hints(operator.function, include_extras=True)["expected"]
    checked = TypeAdapter(annotation).validate_python(parsed(expected))
    return Check(name, operator, checked, negated, ignore_case)


def _event(stated: Mapping[str, Any], hit: Hit) -> Event:
    signals = {name: Signal(state == "granted", "gcs") for name, state in (stated.get("consent") or {}).items()}
    return Event(stated["name"], stated["data"], hit, Consent(signals))
