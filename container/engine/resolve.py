"""From configuration to closures: values and settings become functions of a scope."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from container.component import required
from container.engine.assemble import Assemble, Varying, assembler
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
        getters = _settings_getter(value, lookup, "")
        return None if getters is None else lambda scope: getters[0](scope, [])
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
    getters = _settings_getter(fixed, lookup, "")
    if getters is None:
        return lambda _scope: fixed
    collect, assemble = getters

    def build(scope: Scope) -> Settings | Lacking:
        if assemble is not None:
            before = len(scope.notes)
            ready = assemble(scope)
            if ready is not None:
                return ready
            # All is asked for again, and noted again.
            del scope.notes[before:]
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


def varying_field(settings: Settings, name: str, lookup: Lookup) -> Varying | None:
    """The field, `None` if it is fixed or holds settings."""
    value, info = getattr(settings, name), type(settings).model_fields[name]
    # Settings in settings are collected field by field, by whoever asks.
    if isinstance(value, Settings):
        return None
    places = info.default.paths if isinstance(info.default, FromEvent) else ()
    usual = _usual_getter(places) if places else None
    stated = None if isinstance(value, FromEvent) else value_getter(value, lookup)
    getter = stated or (usual if isinstance(value, FromEvent) else None)
    if getter is None:
        return None
    if stated is not None and usual is not None and not info.default.unwritten_only:
        getter = _either(stated, usual)
    key = places[0] if getter is usual and len(places) == 1 and "." not in places[0] else None
    words = [str(value)] if isinstance(value, Template) else []
    where = " or ".join(words + [f"{{{{ event.{place} }}}}" for place in places])
    blank = bool(places) or info.is_required()
    unknown = blank or info.default_factory_takes_validated_data
    default = None if unknown else info.get_default(call_default_factory=True)
    joined = info.is_required() and isinstance(value, Template) and value.whole is None
    return Varying(name, getter, default, required(info), where, key, blank, joined)


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


def _settings_getter(settings: Settings, lookup: Lookup, prefix: str) -> tuple[Collect, Assemble | None] | None:
    """Collects the fields of settings, and makes settings of them; `None` when all of them are fixed."""
    values = {name: getattr(settings, name) for name in type(settings).model_fields}
    varying = [field for name in values if (field := varying_field(settings, name, lookup)) is not None]
    inner = {
        name: getters
        for name, value in values.items()
        if isinstance(value, Settings) and (getters := _settings_getter(value, lookup, f"{prefix}{name}."))
    }
    if not varying and not inner:
        return None
    # A default is the validator's to set: it would be checked like a value.
    unset = {field.name for field in varying if not field.blank}
    start = {name: value for name, value in values.items() if name not in unset}
    start |= {field.name: None for field in varying if field.blank}

    def collect(scope: Scope, lacking: list[Lack]) -> dict[str, Any]:
        values = start.copy()
        for field in varying:
            value = field.getter(scope)
            if value or not missing(value):
                values[field.name] = value
            elif field.required or (field.joined and value is None):
                lacking.append(Lack(prefix + field.name, field.where))
        for name, (collect_inner, _) in inner.items():
            values[name] = collect_inner(scope, lacking)
        return values

    return collect, assembler(settings, varying, {name: assemble for name, (_, assemble) in inner.items()})


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
