"""Located values as plain ones, shaped by the annotation of the field that takes them."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from pydantic import AliasChoices, BaseModel

from container.config.draft import Draft, Mode, Owner, Result
from container.config.fill import filled
from container.config.source import Entry, Listing, Node, Scalar
from container.fields import Confidential, Dynamic, SecretField
from container.secret import Secret

_CONFIDENTIAL = get_args(Confidential)[1]
_DYNAMIC = get_args(Dynamic[str])[1]
_SECRET = get_args(SecretField)[1]

SHOWN = object()
"""Marks what is compared with something that is shown, in which secrets are their own text."""

ANYTHING = Confidential
"""The annotation of a value about which nothing is known: its references count, nothing else is judged."""


@dataclass(frozen=True, slots=True)
class Site:
    """What an annotation says: what may stand there, and the types it names."""

    mode: Mode
    options: tuple[Any, ...]

    def holds(self, kind: type) -> bool:
        return any(option is kind or get_origin(option) is kind for option in self.options)


def site(annotation: Any, inherited: Mode = "typed") -> Site:
    """Reads an annotation. Inside a confidential, a dynamic or a shown value everything is so."""
    options: list[Any] = []
    markers: list[Any] = []
    waiting = [annotation]
    while waiting:
        current = waiting.pop()
        if get_origin(current) is Annotated:
            markers += current.__metadata__
            waiting.append(get_args(current)[0])
        elif get_origin(current) in (Union, types.UnionType):
            waiting += get_args(current)
        else:
            options.append(current)
    return Site(_mode(markers, options, inherited), tuple(options))


def fields_of(model: type[BaseModel]) -> dict[str, Any]:
    """The annotations of a model by every name that YAML may use for the field."""
    hints = get_type_hints(model, include_extras=True)
    return {key: hints[name] for name, info in model.model_fields.items() for key in _keys(name, info.validation_alias)}


def plain(draft: Draft, node: Node, annotation: Any, *, owner: Owner, field: str, inherited: Mode = "typed") -> Any:
    """The value of a node for a field with this annotation. What may not stand there is reported."""
    here = site(annotation, inherited)
    if here.mode == "confidential" and inherited != "confidential" and owner.kind == "variable":
        value = _plain(draft, node, here, owner=owner, field=field)
        draft.results.setdefault(owner.name, []).append(Result(field, value, node.place))
        return value
    return _plain(draft, node, here, owner=owner, field=field)


def plain_table(
    draft: Draft, entries: Mapping[str, Entry], annotations: Mapping[str, Any], *, owner: Owner
) -> dict[str, Any]:
    """The fields of a component as plain values; those it does not have are read for their references."""
    return {
        key: plain(draft, entry.value, annotations.get(key, ANYTHING), owner=owner, field=key)
        for key, entry in entries.items()
    }


def keys_at(annotations: Mapping[str, Any], path: Sequence[str | int]) -> list[str]:
    """The keys that may stand inside the value at a path, as far as a settings model says so."""
    here: Any = None
    for step in path:
        annotation = annotations.get(step) if isinstance(step, str) else _items(here, 0)
        here = site(annotation)
        annotations = _model_fields(here)
    return list(annotations)


def _mode(markers: Sequence[Any], options: Sequence[Any], inherited: Mode) -> Mode:
    if SHOWN in markers or inherited == "shown":
        return "shown"
    if _SECRET in markers or Secret in options:
        return "secret"
    if _CONFIDENTIAL in markers or inherited == "confidential":
        return "confidential"
    if inherited == "fixed":
        return "fixed"
    if _DYNAMIC in markers or inherited == "dynamic":
        return "dynamic"
    return "fixed" if Any in options or object in options else "typed"


def _plain(draft: Draft, node: Node, here: Site, *, owner: Owner, field: str) -> Any:
    below: Mode = "typed" if here.mode == "secret" else here.mode
    if isinstance(node, Scalar):
        items = _items(here, 0)
        if here.mode != "typed" or items is None:
            return filled(draft, node, here.mode, owner)
        # A single value where a list of them is taken.
        return plain(draft, node, items, owner=owner, field=field, inherited=below)
    if isinstance(node, Listing):
        values = [
            plain(draft, item, _items(here, at) or _unknown(here), owner=owner, field=field, inherited=below)
            for at, item in enumerate(node.items)
        ]
        return tuple(values) if here.holds(tuple) else values
    members = _members(here)
    return {
        key: plain(draft, entry.value, members(key), owner=owner, field=field, inherited=below)
        for key, entry in node.entries.items()
    }


def _items(here: Site, position: int) -> Any | None:
    """The annotation of an item, `None` where no list is taken."""
    for option in here.options:
        arguments = get_args(option)
        origin = get_origin(option)
        if origin is tuple and arguments:
            return arguments[min(position, len(arguments) - 1)] if arguments[-1] is not ... else arguments[0]
        if isinstance(origin, type) and issubclass(origin, Sequence) and arguments:
            return arguments[0]
    return None


def _model_fields(here: Site) -> Mapping[str, Any]:
    """The fields that a mapping may have here, by the first model among the options."""
    for option in here.options:
        if isinstance(option, type) and issubclass(option, BaseModel):
            return fields_of(option)
    return {}


def _members(here: Site) -> Callable[[str], Any]:
    """The annotation of a member by its key."""
    annotations = _model_fields(here)
    for option in () if annotations else here.options:
        origin = get_origin(option)
        if isinstance(origin, type) and issubclass(origin, Mapping):
            inner = get_args(option)[1]
            return lambda _key: inner
    return lambda key: annotations.get(key, _unknown(here))


def _unknown(here: Site) -> Any:
    """The annotation of what no annotation describes: as the value around it says, if that says anything."""
    return ANYTHING if here.mode in ("typed", "secret") else Any


def _keys(name: str, alias: Any) -> list[str]:
    choices = alias.choices if isinstance(alias, AliasChoices) else [alias]
    return [choice for choice in choices if isinstance(choice, str)] or [name]
