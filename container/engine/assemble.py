"""Settings made of values that are of the right kind already. Most are, and then nothing has to be validated."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from typing import Any, NamedTuple, get_args

from pydantic.fields import FieldInfo

from container.engine.scope import Getter, Scope
from container.fields import Settings, dynamic_kind
from container.secret import Secret, SecretText
from container.shape import missing

Assemble = Callable[[Scope], Settings | None]
"""Makes settings for an event; `None` where a value has to be validated, or is missing that has to be there."""

Check = Callable[[Any], bool]

_EXACT = 2**53


class Varying(NamedTuple):
    """A field that changes with the event. `default`: what it is without a value; `where`: its value is, in words.

    `key`: of the event data, for a field that is this value and nothing else. `blank`: without a value it is `None`.
    `joined`: it has to be written and is a text of several parts, which is `None` only where it is too long.
    """

    name: str
    getter: Getter
    default: Any
    required: bool
    where: str
    key: str | None
    blank: bool
    joined: bool


def assembler(fixed: Settings, varying: Sequence[Varying], inner: Mapping[str, Assemble | None]) -> Assemble | None:
    """Makes settings like `fixed`, of which the `varying` fields change. `inner`: fields that are settings and change.

    `None` where only a validator can tell whether a value will do: for fields with conditions of their own.
    """
    model = type(fixed)
    checks = [check for field in varying if (check := _SUITS.get(dynamic_kind(model.model_fields[field.name])))]
    nested = [(name, assemble) for name, assemble in inner.items() if assemble]
    if not _is_plain(model) or len(checks) < len(varying) or len(nested) < len(inner):
        return None
    if not all(_is_plain_field(model.model_fields[name], type(getattr(fixed, name))) for name in inner):
        return None
    fields = [(field, check, _is_needed(field, check)) for field, check in zip(varying, checks, strict=True)]
    looked_up = [(each.name, each.key, check) for each, check, needed in fields if each.key and not needed]
    computed = [(each.name, each.getter, check, needed) for each, check, needed in fields if needed or not each.key]
    known = set(model.model_fields)
    start = {name: getattr(fixed, name) for name in model.model_fields} | {each.name: each.default for each in varying}
    bare = _made(model, start, known)
    pick = _picker(looked_up, computed)

    def assemble(scope: Scope) -> Settings | None:
        found = pick(scope)
        if found is None:
            return None
        for name, assemble_inner in nested:
            found[name] = made = assemble_inner(scope)
            if made is None:
                return None
        return _made(model, start | found, known) if found else bare

    return assemble


def _picker(
    looked_up: Sequence[tuple[str, str, Check]], computed: Sequence[tuple[str, Getter, Check, bool]]
) -> Callable[[Scope], dict[str, Any] | None]:
    """Finds the values that there are, `None` as soon as one will not do or lacks though it is needed."""

    def pick(scope: Scope) -> dict[str, Any] | None:
        found: dict[str, Any] = {}
        data = scope.original.data
        for name, key, check in looked_up:
            value = data.get(key)
            if value is None or (not value and missing(value)):
                continue
            if not check(value):
                return None
            found[name] = value
        for name, get, check, needed in computed:
            value = get(scope)
            if value is None or (not value and missing(value)):
                if needed:
                    return None
            elif check(value):
                found[name] = value
            else:
                return None
        return found

    return pick


def _is_needed(field: Varying, check: Check) -> bool:
    """Whether nothing can be assembled without a value: for one that has to be there, or a default to be validated."""
    return field.required or field.joined or not (field.default is None or check(field.default))


def _made(model: type[Settings], values: dict[str, Any], known: set[str]) -> Settings:
    """What the validator gives for valid values, without it."""
    made = model.__new__(model)
    put = object.__setattr__
    put(made, "__dict__", values)
    put(made, "__pydantic_fields_set__", known)
    put(made, "__pydantic_extra__", None)
    put(made, "__pydantic_private__", None)
    return made


def _is_plain(model: type[Settings]) -> bool:
    """Whether the model checks and changes nothing but the kinds of its fields."""
    found = model.__pydantic_decorators__
    own = (found.field_validators, found.model_validators, found.validators, found.root_validators)
    more = (*own, model.__private_attributes__, model.__pydantic_post_init__)
    takes_data = any(info.default_factory_takes_validated_data for info in model.model_fields.values())
    return model.model_config == Settings.model_config and not takes_data and not any(more)


def _is_plain_field(info: FieldInfo, model: type[Settings]) -> bool:
    """Whether the field takes settings of this kind, without conditions of its own."""
    return not info.metadata and model in (info.annotation, *get_args(info.annotation))


def _is_text(value: Any) -> bool:
    return type(value) is str and (value.isascii() or _is_unicode(value))


def _is_unicode(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_number(value: Any) -> bool:
    if type(value) is float:
        # One that is whole becomes an integer.
        return isfinite(value) and not value.is_integer()
    return _is_whole(value)


def _is_whole(value: Any) -> bool:
    return type(value) is int and -_EXACT < value < _EXACT


def _is_truth(value: Any) -> bool:
    return type(value) is bool


def _is_anything(value: Any) -> bool:
    return not isinstance(value, (float, Secret, SecretText))


_SUITS: Mapping[Any, Check] = {
    str: _is_text,
    float: _is_number,
    int: _is_whole,
    bool: _is_truth,
    Any: _is_anything,
}
