"""Settings made of values that are of the right kind already. Most are, and then nothing has to be validated."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from math import isfinite
from typing import Any

from container.fields import Settings, dynamic_kind
from container.secret import Secret, SecretText

Assemble = Callable[[dict[str, Any]], Settings | None]
"""Makes settings of all their values by field name, `None` when one of them has to be validated. Keeps the mapping."""

_EXACT = 2**53


def assembler(fixed: Settings, varying: Collection[str], inner: Mapping[str, Assemble | None]) -> Assemble | None:
    """Makes settings like `fixed`, of which the `varying` fields change. `inner`: those of them that are settings.

    `None` where only a validator can tell whether a value will do: for fields with conditions of their own.
    """
    model = type(fixed)
    suits = {name: _SUITS.get(dynamic_kind(model.model_fields[name])) for name in varying if name not in inner}
    if _has_validators(model) or not all(suits.values()) or not all(inner.values()):
        return None
    checks = [(name, check) for name, check in suits.items() if check]
    nested = [(name, assemble) for name, assemble in inner.items() if assemble]
    known = set(model.model_fields)

    def assemble(values: dict[str, Any]) -> Settings | None:
        for name, check in checks:
            value = values[name]
            if value is not None and not check(value):
                return None
        for name, assemble_inner in nested:
            made = assemble_inner(values[name])
            if made is None:
                return None
            values[name] = made
        return _made(model, values, known)

    return assemble


def _made(model: type[Settings], values: dict[str, Any], known: set[str]) -> Settings:
    """What the validator gives for valid values, without it."""
    made = model.__new__(model)
    put = object.__setattr__
    put(made, "__dict__", values)
    put(made, "__pydantic_fields_set__", known)
    put(made, "__pydantic_extra__", None)
    put(made, "__pydantic_private__", None)
    return made


def _has_validators(model: type[Settings]) -> bool:
    """Whether the model checks or changes more than the kinds of its fields."""
    found = model.__pydantic_decorators__
    return bool(found.field_validators or found.model_validators or found.validators or found.root_validators)


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


_SUITS: Mapping[Any, Callable[[Any], bool]] = {
    str: _is_text,
    float: _is_number,
    int: _is_whole,
    bool: _is_truth,
    Any: _is_anything,
}
