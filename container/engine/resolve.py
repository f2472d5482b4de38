"""From configuration to closures: values and settings become functions of a scope."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from container.component import required
from container.engine.assemble import Assemble, assembler
from container.engine.coerce import Lack, Lacking, coerced
from container.engine.scope import Getter, Scope
from container.engine.template_getter import Lookup, template_getter
from container.fields import FromEvent, Settings
from container.shape import first_at, missing
from container.template import Template

Build = Callable[[Scope], Settings | Lacking]
"""Makes the settings of a component for the scope's event."""


def value_getter(value: Any, lookup: Lookup) -> Getter | None:
    """The getter of a value with references inside, `None` for a fixed one. Members without a value are left out."""
    if isinstance(value, Template):
        return template_getter(value, lookup)
    if isinstance(value, Settings):
        collect, _ = _settings_getter(value, lookup, "")
        return None if collect is None else lambda scope: collect(scope, [])
    if isinstance(value, Mapping):
        return _mapping_getter(value, lookup)
    if isinstance(value, (list, tuple)):
        return _list_getter(value, lookup)
    return None


def settings_builder(settings: Settings | None, lookup: Lookup, *, owner: str = "") -> Build:
    """Makes the settings for an event. Fixed settings are made once and shared.

    A value that is missing or of the wrong kind: an optional field is left out, a field with a default takes it, and a
    required one makes the result `Lacking`. Wrong kinds leave a note in the scope, in which `owner` follows the field.
    """
    fixed = Settings() if settings is None else settings
    collect, assemble = _settings_getter(fixed, lookup, "")
    if collect is None:
        return lambda _scope: fixed

    def build(scope: Scope) -> Settings | Lacking:
        lacking: list[Lack] = []
        values = collect(scope, lacking)
        if lacking:
            return Lacking(tuple(lacking))
        if assemble is not None and (ready := assemble(values)) is not None:
            return ready
        left_out: list[str] = []
        made = coerced(fixed, values, left_out)
        for name in left_out:
            scope.notes.append(f'"{name}" {owner}is left out: its value is of the wrong kind')
        return made

    return build


def getter_of(value: Any, lookup: Lookup) -> Getter:
    """The getter of any configured value."""
    getter = value_getter(value, lookup)
    return getter if getter is not None else lambda _scope: value


Collect = Callable[[Scope, list[Lack]], dict[str, Any]]
"""Gives the fields of settings as plain values, and adds what has to be there and is not."""


@dataclass(frozen=True, slots=True)
class _Field:
    """A field of settings. `getter`: `None` if fixed. `default`: what it is without a value. `where`: in words.

    `joined`: it has to be written and is a text of several parts, which has no value only where it is too long.
    """

    name: str
    getter: Getter | None
    default: Any
    required: bool
    where: str
    joined: bool


def _field(settings: Settings, name: str, lookup: Lookup) -> _Field:
    value, info = getattr(settings, name), type(settings).model_fields[name]
    usual = _usual_getter(info.default.paths) if isinstance(info.default, FromEvent) else None
    # Settings in settings are collected field by field, by whoever asks.
    stands = isinstance(value, (FromEvent, Settings))
    getter = usual if stands else value_getter(value, lookup)
    places = info.default.paths if isinstance(info.default, FromEvent) else ()
    if getter is not None and usual is not None and getter is not usual and not info.default.unwritten_only:
        getter = _either(getter, usual)
    stated = [str(value)] if isinstance(value, Template) else []
    where = " or ".join(stated + [f"{{{{ event.{place} }}}}" for place in places])
    blank = usual is not None or info.is_required()
    default = None if blank else info.get_default(call_default_factory=True)
    joined = info.is_required() and isinstance(value, Template) and value.whole is None
    return _Field(name, getter, default, required(info), where, joined)


def _usual_getter(paths: tuple[str, ...]) -> Getter:
    """The first of the places with a value. Most are plain keys: one look-up."""
    key, *others = paths
    if "." in key:
        return lambda scope: first_at(scope.original.data, paths)
    if not others:
        return lambda scope: scope.original.data.get(key)

    def get(scope: Scope) -> Any:
        data = scope.original.data
        value = data.get(key)
        return first_at(data, others) if missing(value) else value

    return get


def _either(stated: Getter, usual: Getter) -> Getter:
    def get(scope: Scope) -> Any:
        value = stated(scope)
        return usual(scope) if missing(value) else value

    return get


def _settings_getter(settings: Settings, lookup: Lookup, prefix: str) -> tuple[Collect | None, Assemble | None]:
    """Collects the fields of settings, and makes settings of them; twice `None` when all of them are fixed."""
    fields = [_field(settings, name, lookup) for name in type(settings).model_fields]
    values = {field.name: getattr(settings, field.name) for field in fields}
    inner = {
        name: _settings_getter(value, lookup, f"{prefix}{name}.")
        for name, value in values.items()
        if isinstance(value, Settings)
    }
    nested = [(name, collect) for name, (collect, _) in inner.items() if collect is not None]
    dynamic = [(field.name, field.getter, field) for field in fields if field.getter and field.name not in inner]
    if not dynamic and not nested:
        return None, None
    varying = {*(name for name, _ in nested), *(name for name, _, _ in dynamic)}
    without = {field.name: field.default for field in fields if field.getter} | {name: None for name, _ in nested}
    start = values | without

    def collect(scope: Scope, lacking: list[Lack]) -> dict[str, Any]:
        values = start.copy()
        for name, get, field in dynamic:
            value = get(scope)
            if value or not missing(value):
                values[name] = value
            elif field.required or (field.joined and value is None):
                lacking.append(Lack(prefix + name, field.where))
        for name, collect_inner in nested:
            values[name] = collect_inner(scope, lacking)
        return values

    assemblers = {name: inner[name][1] for name, _ in nested}
    return collect, assembler(settings, varying, assemblers)


def _mapping_getter(value: Mapping[str, Any], lookup: Lookup) -> Getter | None:
    members = {key: value_getter(member, lookup) for key, member in value.items()}
    if not any(members.values()):
        return None

    def collect(scope: Scope) -> dict[str, Any]:
        found = {key: value[key] if getter is None else getter(scope) for key, getter in members.items()}
        return {key: found[key] for key in found if members[key] is None or not _absent(found[key], value[key])}

    return collect


def _list_getter(value: list[Any] | tuple[Any, ...], lookup: Lookup) -> Getter | None:
    members = [(member, value_getter(member, lookup)) for member in value]
    if not any(getter for _, getter in members):
        return None
    kind = type(value)

    def collect(scope: Scope) -> list[Any] | tuple[Any, ...]:
        found = [(stated if getter is None else getter(scope), stated, getter) for stated, getter in members]
        return kind(member for member, stated, getter in found if getter is None or not _absent(member, stated))

    return collect


def _absent(member: Any, stated: Any) -> bool:
    """Whether a member has no value. Empty text is one; a list or mapping in which nothing has a value is none."""
    return member is None if isinstance(stated, Template) else missing(member)
