"""The JSON Schema of the container language, made from the components that exist: editors complete YAML with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from pydantic import AliasChoices, BaseModel, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from container.component import Component, Kind
from container.config.annotations import fields_of, site
from container.config.conditions import GROUPS, IGNORE_CASE, operands
from container.config.keys import (
    VERSION,
    ClientKeys,
    ConsentKeys,
    ContainerKeys,
    TagKeys,
    TransformationKeys,
    TriggerKeys,
    VariableKeys,
)
from container.config.registry import Registry
from container.config.stories import REQUESTS
from container.config.story_keys import EventKeys, ExpectKeys, HitKeys, ReplyKeys, RequestKeys
from container.fields import FromEvent, Many, Settings

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_FROM_EVENT = "x-from-event"
_AS_TUPLE = get_args(Many[str])[1].func
_ENVIRONMENT = {"type": "string", "pattern": r"\$\{.+\}"}
_KEYS: Mapping[Kind, type[Settings]] = {
    "client": ClientKeys,
    "variable": VariableKeys,
    "trigger": TriggerKeys,
    "tag": TagKeys,
    "transformation": TransformationKeys,
}
_PLURAL: Mapping[Kind, str] = {
    "client": "clients",
    "variable": "variables",
    "trigger": "triggers",
    "tag": "tags",
    "transformation": "transformations",
}
_ABOUT: Mapping[Kind, str] = {
    "client": "Clients read the events out of a hit. The name is the key.",
    "variable": "Variables read a value of the event; `{{ Name }}` is that value.",
    "trigger": "Triggers say on which events tags fire.",
    "tag": "Tags send something when one of their triggers fires.",
    "transformation": "Transformations change what tags see of the event.",
}


def json_schema(registry: Registry) -> dict[str, Any]:
    """The schema of a whole container file, draft 2020-12. The same registry always gives the same schema."""
    definitions: dict[str, Any] = {"conditions": _conditions(), "condition": _condition(registry)}
    properties: dict[str, Any] = {
        "version": {"const": VERSION, "description": "The version of the container language."},
        "container": _definition(definitions, ContainerKeys, "container")
        | {"description": "What the container is called."},
        "consent": _definition(definitions, ConsentKeys, "consent")
        | {"description": "What holds when a hit says nothing about consent."},
    }
    for kind, plural in _PLURAL.items():
        definitions[kind] = _kind(definitions, registry, kind)
        members = {"type": ["object", "null"], "additionalProperties": {"$ref": f"#/$defs/{kind}"}}
        properties[plural] = {"description": _ABOUT[kind], **members}
    properties["tests"] = _tests(definitions)
    return {
        "$schema": DIALECT,
        "title": "container.yaml",
        "description": "A tag container.",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "$defs": dict(sorted(definitions.items())),
    }


class _Generator(GenerateJsonSchema):
    """pydantic's schema as YAML is written: `${…}` for numbers and choices, single values for lists, both aliases."""

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        if isinstance(schema.get("default"), FromEvent):
            return self.generate_inner(schema["schema"]) | {_FROM_EVENT: schema["default"].paths}
        return super().default_schema(schema)

    def int_schema(self, schema: core_schema.IntSchema) -> JsonSchemaValue:
        return _or_environment(super().int_schema(schema))

    def float_schema(self, schema: core_schema.FloatSchema) -> JsonSchemaValue:
        return _or_environment(super().float_schema(schema))

    def bool_schema(self, schema: core_schema.BoolSchema) -> JsonSchemaValue:
        return _or_environment(super().bool_schema(schema))

    def literal_schema(self, schema: core_schema.LiteralSchema) -> JsonSchemaValue:
        return _or_environment(super().literal_schema(schema))

    def function_before_schema(self, schema: core_schema.BeforeValidatorFunctionSchema) -> JsonSchemaValue:
        found = super().function_before_schema(schema)
        if schema["function"]["function"] is _AS_TUPLE and "items" in found:
            return {"anyOf": [found["items"], found]}
        return found

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        found = super().model_schema(schema)
        model: type[BaseModel] = schema["cls"]
        for name, annotation in fields_of(model).items():
            if name in found["properties"]:
                found["properties"][name] = _as_taken(found["properties"][name], annotation)
        for info in schema["cls"].model_fields.values():
            if isinstance(info.validation_alias, AliasChoices):
                _offer_aliases(found, [str(choice) for choice in info.validation_alias.choices])
        return found


def _or_environment(schema: JsonSchemaValue) -> JsonSchemaValue:
    return {"anyOf": [schema, _ENVIRONMENT]}


def _as_taken(schema: JsonSchemaValue, annotation: Any) -> JsonSchemaValue:
    """With numbers and booleans where the text of a dynamic field is wanted: they take their text form."""
    here = site(annotation)
    items = [item for option in here.options for item in get_args(option)]
    if any(each.mode == "dynamic" and str in each.options for each in (here, *map(site, items))):
        return _with_numbers(schema)
    return schema


def _with_numbers(schema: JsonSchemaValue) -> JsonSchemaValue:
    if schema.get("type") == "string":
        return schema | {"type": ["string", "number", "boolean"]}
    found = dict(schema)
    if "items" in found:
        found["items"] = _with_numbers(found["items"])
    if "anyOf" in found:
        found["anyOf"] = [_with_numbers(each) for each in found["anyOf"]]
    return found


def _offer_aliases(schema: JsonSchemaValue, names: Sequence[str]) -> None:
    properties, needed = schema["properties"], schema.get("required", [])
    first = next(name for name in names if name in properties)
    for name in names:
        properties.setdefault(name, properties[first])
    if first in needed:
        needed.remove(first)
        schema.setdefault("allOf", []).append({"oneOf": [{"required": [name]} for name in names]})


def _definition(definitions: dict[str, Any], model: type[BaseModel], prefix: str) -> dict[str, Any]:
    """The schema of a model. What it refers to is added to the definitions under a name of its own."""
    found = model.model_json_schema(
        schema_generator=_Generator, ref_template=f"#/$defs/{prefix}.{{model}}", mode="validation"
    )
    for name, inner in found.pop("$defs", {}).items():
        definitions[f"{prefix}.{name}"] = _tidy(inner)
    tidy: dict[str, Any] = _tidy(found)
    return tidy


def _tidy(schema: Any) -> Any:
    """Without the titles that pydantic makes of names, and with the usual places of a field in its description."""
    if isinstance(schema, list):
        return [_tidy(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: _tidy(value) for key, value in schema.items() if not _is_noise(key, value)}
    paths = found.pop(_FROM_EVENT, None)
    if paths:
        places = ", then ".join(f"`{path}`" for path in paths)
        found["description"] = f"{found.get('description', '')} Default: {places} of the event.".strip()
    return found


def _is_noise(key: str, value: Any) -> bool:
    return (key == "title" and isinstance(value, str)) or (key == "default" and value is None)


def _kind(definitions: dict[str, Any], registry: Registry, kind: Kind) -> dict[str, Any]:
    """The schema of one named thing: which keys it may have depends on its type."""
    components = registry.of_kind(kind)
    types = [{"const": each.type, "description": each.summary} for each in components]
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {"type": {"oneOf": types} if types else {"type": "string"}},
    }
    if kind != "trigger":
        schema["required"] = ["type"]
    for component in components:
        name = f"{kind}.{component.type}"
        definitions[name] = _component(definitions, component, name)
        condition: dict[str, Any] = {"properties": {"type": {"const": component.type}}}
        if (kind, component.type) != ("trigger", "event"):
            condition["required"] = ["type"]
        schema.setdefault("allOf", []).append({"if": condition, "then": {"$ref": f"#/$defs/{name}"}})
    return schema


def _component(definitions: dict[str, Any], component: Component, name: str) -> dict[str, Any]:
    common = _definition(definitions, _KEYS[component.kind], component.kind)
    own = _definition(definitions, component.settings or Settings, name)
    needed = [key for key in own.get("required", []) if key != "type"]
    if component.kind == "tag":
        needed.append("triggers")
        needed += [] if component.consent_declared else ["consent"]
    properties = common["properties"] | own.get("properties", {}) | {"type": {"const": component.type}}
    if component.kind in ("trigger", "transformation"):
        properties["when"] = {"$ref": "#/$defs/conditions", "description": "Conditions; all of them have to hold."}
    found: dict[str, Any] = {
        "description": component.summary,
        "type": "object",
        "properties": properties,
        "required": needed,
        "additionalProperties": False,
    }
    return found | ({"allOf": own["allOf"]} if "allOf" in own else {})


def _tests(definitions: dict[str, Any]) -> dict[str, Any]:
    """The schema of the tests, and of what they are made of."""
    for model in (HitKeys, EventKeys, RequestKeys, ExpectKeys, ReplyKeys):
        name = f"test.{model.__name__.removesuffix('Keys').lower()}"
        definitions[name] = _definition(definitions, model, "test")
    requests = _one_or_more({"$ref": "#/$defs/test.request"})
    about = "Its requests in their order, when it sends several."
    definitions["test.expect"]["properties"][REQUESTS] = {"description": about, **requests}
    hit = {"anyOf": [{"$ref": "#/$defs/test.hit"}, {"type": "string"}]}
    expect = {"type": "object", "additionalProperties": _one_or_more({"$ref": "#/$defs/test.expect"})}
    properties = {
        "hit": {"description": "The hit, or the file that holds it; several in their order.", **_one_or_more(hit)},
        "event": {"description": "An event, in place of a hit.", "$ref": "#/$defs/test.event"},
        "expect": {"description": "By tag what becomes of it; with several events a list, event by event.", **expect},
        "reply": {
            "description": "What the visitor's browser gets; with several hits a list, hit by hit.",
            **_one_or_more({"$ref": "#/$defs/test.reply"}),
        },
    }
    definitions["test"] = {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "allOf": [
            {"oneOf": [{"required": ["hit"]}, {"required": ["event"]}]},
            {"anyOf": [{"required": ["expect"]}, {"required": ["reply"]}]},
        ],
    }
    members = {"type": ["object", "null"], "additionalProperties": {"$ref": "#/$defs/test"}}
    return {"description": "The container's own tests, run by `tag-container test`.", **members}


def _one_or_more(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "array", "items": schema}]}


def _conditions() -> dict[str, Any]:
    one = {"$ref": "#/$defs/condition"}
    return {"anyOf": [one, {"type": "array", "items": one, "minItems": 1}]}


def _condition(registry: Registry) -> dict[str, Any]:
    """A comparison with its operators, or a group of conditions."""
    properties: dict[str, Any] = {
        "variable": {"type": "string", "description": "The name of a variable, without braces."},
        "value": {"type": ["string", "number", "boolean"], "description": "Text with `{{ references }}` in it."},
        IGNORE_CASE: {"type": "boolean", "description": "Whether capital and small letters count as the same."},
    }
    for name, (operator, negated) in sorted(registry.operators.items()):
        annotation = operands(operator)[1]
        expected = _as_taken(TypeAdapter(annotation).json_schema(schema_generator=_Generator), annotation)
        summary = f"Not: {operator.summary}" if negated else operator.summary
        properties[name] = _tidy(expected) | {"description": summary}
    operators = [{"required": [name]} for name in sorted(registry.operators)]
    comparison = {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "allOf": [{"oneOf": [{"required": ["variable"]}, {"required": ["value"]}]}, {"anyOf": operators}],
    }
    groups = [
        {
            "type": "object",
            "properties": {kind: {"$ref": "#/$defs/conditions"}},
            "required": [kind],
            "additionalProperties": False,
        }
        for kind in GROUPS
    ]
    return {"anyOf": [comparison, *groups]}
