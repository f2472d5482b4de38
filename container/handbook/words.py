"""What a field takes, in an analyst's words: read from its annotation, its default and its marks."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from container.component import required
from container.config.annotations import site
from container.config.flow import flow
from container.fields import (
    Confidential,
    Duration,
    FromEvent,
    Instant,
    Many,
    Network,
    Pattern,
    Range,
    SecretField,
    Settings,
)
from container.outgoing import Url
from container.shape import missing

NEEDED, NOTHING = "**needed**", "–"

_MARKS: Sequence[tuple[Any, str]] = [
    (get_args(SecretField)[1], "secret"),
    (get_args(Network)[1], "network or address"),
    (get_args(Url)[1], "http address"),
    (get_args(Confidential)[1], "any value"),
    (get_args(Duration)[1], "length of time"),
    (get_args(Instant)[1], "time with its zone"),
    (get_args(Range)[2], "two numbers"),
]
_AS_TUPLE = get_args(Many[str])[1].func
_PLAIN: Mapping[Any, str] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "`true` or `false`",
    Any: "any value",
    object: "any value",
    Pattern: "pattern (RE2)",
}


def takes(annotation: Any) -> str:
    """The kind of value: `text`, `number, or a list of them` …"""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        marked = next((words for mark, words in _MARKS if mark in arguments[1:]), None)
        if marked is None and _is_many(annotation):
            return f"{takes(get_args(arguments[0])[0])}, or a list"
        return marked or takes(arguments[0])
    if origin in (Union, types.UnionType):
        return ", or ".join(dict.fromkeys(takes(option) for option in arguments if option is not types.NoneType))
    if origin is Literal:
        return _one_of([f"`{flow(each)}`" for each in arguments])
    if isinstance(origin, type) and issubclass(origin, Mapping):
        members = takes(arguments[1])
        return "mapping" if members in ("any value", "mapping") else f"mapping of {members}"
    if origin in (list, tuple):
        return f"list of {takes(arguments[0])}"
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        return "mapping"
    return _PLAIN.get(annotation, "value")


def references(annotation: Any) -> str:
    """Whether `{{ Name }}` may stand in the value."""
    if get_args(Url)[1] in getattr(annotation, "__metadata__", ()):
        return "in path and query"
    here = site(annotation)
    items = [item for option in here.options for item in get_args(option)]
    modes = {here.mode, *(site(item).mode for item in items)}
    if "secret" in modes:
        return "one that is a secret"
    if "confidential" in modes:
        return "yes, secrets too"
    return "yes" if "dynamic" in modes else "no"


def default(info: FieldInfo) -> str:
    """What counts when nothing is written: the usual place in the event, a value, or nothing."""
    if isinstance(info.default, FromEvent):
        places = ", then ".join(f"`{path}`" for path in info.default.paths)
        return f"{places} of the event{'; ' + NEEDED if required(info) else ''}"
    if info.is_required():
        return NEEDED
    stated = None if info.default_factory else info.default
    if missing(stated):
        return NOTHING
    return f"`{flow(stated)}`"


def inner_settings(annotation: Any) -> type[Settings] | None:
    """The settings model that an annotation is or holds, unless it is written as one value."""
    if get_args(Url)[1] in getattr(annotation, "__metadata__", ()):
        return None
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        return annotation
    return next((found for found in map(inner_settings, get_args(annotation)) if found), None)


def _is_many(annotation: Any) -> bool:
    """Whether a single value may stand for a list of one."""
    return any(getattr(mark, "func", None) is _AS_TUPLE for mark in get_args(annotation)[1:])


def _one_of(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
