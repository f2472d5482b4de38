"""From configuration to closures: templates, variables and settings become functions of a scope."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from container.component import required
from container.engine.coerce import Lack, Lacking, coerced
from container.engine.scope import Getter, Scope
from container.engine.size import joined
from container.fields import FromEvent, Settings
from container.secret import SecretText
from container.shape import first_at, missing
from container.template import Reference, Template

Lookup = Callable[[Reference], Getter]
"""Finds the getter of a reference."""

Build = Callable[[Scope], Settings | Lacking]
"""Makes the settings of a component for the scope's event."""


def template_getter(template: Template, lookup: Lookup) -> Getter:
    """The value of a template. Exactly one reference keeps its type; inside text values take their text form."""
    whole = template.whole
    if whole is not None:
        return lookup(whole)
    parts = [lookup(part) if isinstance(part, Reference) else part for part in template.parts]

    def join(scope: Scope) -> str | SecretText | None:
        return joined([part(scope) if callable(part) else part for part in parts], template, scope)

    return join


def value_getter(value: Any, lookup: Lookup) -> Getter | None:
    """The getter of a value with references inside, `None` for a fixed one. Members without a value are left out."""
    if isinstance(value, Template):
        return template_getter(value, lookup)
    if isinstance(value, Settings):
        collect = _settings_getter(value, lookup, "")
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
    collect = _settings_getter(fixed, lookup, "")
    if collect is None:
        return lambda _scope: fixed

    def build(scope: Scope) -> Settings | Lacking:
        lacking: list[Lack] = []
        values = collect(scope, lacking)
        if lacking:
            return Lacking(tuple(lacking))
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
    """A field of settings. `getter`: `None` if fixed. `blank`: it is `None` without a value. `where`: in words."""

    name: str
    getter: Getter | None
    blank: bool
    required: bool
    where: str


def _field(settings: Settings, name: str, lookup: Lookup) -> _Field:
    value, info = getattr(settings, name), type(settings).model_fields[name]
    usual = _usual_getter(info.default.paths) if isinstance(info.default, FromEvent) else None
    getter = usual if isinstance(value, FromEvent) else value_getter(value, lookup)
    places = info.default.paths if isinstance(info.default, FromEvent) else ()
    if getter is not None and usual is not None and getter is not usual and not info.default.unwritten_only:
        getter = _either(getter, usual)
    stated = [str(value)] if isinstance(value, Template) else []
    where = " or ".join(stated + [f"{{{{ event.{place} }}}}" for place in places])
    return _Field(name, getter, usual is not None or info.is_required(), required(info), where)


def _usual_getter(paths: tuple[str, ...]) -> Getter:
    """The first of the places with a value. Most fields have one, a plain key: one look-up."""
    if len(paths) == 1 and "." not in paths[0]:
        key = paths[0]
        return lambda scope: scope.original.data.get(key)
    return lambda scope: first_at(scope.original.data, paths)


def _either(stated: Getter, usual: Getter) -> Getter:
    def get(scope: Scope) -> Any:
        value = stated(scope)
        return usual(scope) if missing(value) else value

    return get


def _settings_getter(settings: Settings, lookup: Lookup, prefix: str) -> Collect | None:
    """Collects the fields of settings; `None` when all of them are fixed."""
    fields = [_field(settings, name, lookup) for name in type(settings).model_fields]
    values = {field.name: getattr(settings, field.name) for field in fields}
    inner = {
        name: _settings_getter(value, lookup, f"{prefix}{name}.")
        for name, value in values.items()
        if isinstance(value, Settings)
    }
    nested = [(name, collect) for name, collect in inner.items() if collect is not None]
    dynamic = [(field.name, field.getter, field) for field in fields if field.getter and field.name not in inner]
    if not dynamic and not nested:
        return None
    varying = {name for name, _ in nested} | {name for name, _, _ in dynamic}
    fixed = {name: value for name, value in values.items() if name not in varying}

    def collect(scope: Scope, lacking: list[Lack]) -> dict[str, Any]:
        values = dict(fixed)
        for name, get, field in dynamic:
            value = get(scope)
            if not missing(value):
                values[name] = value
            elif field.required:
                lacking.append(Lack(prefix + name, field.where))
            elif field.blank:
                values[name] = None
        for name, inner in nested:
            values[name] = inner(scope, lacking)
        return values

    return collect


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
