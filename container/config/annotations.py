"""What the annotation of a field says: what may stand there, what it holds, and by which names it goes in YAML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import AliasChoices, BaseModel
from pydantic.fields import FieldInfo

from container.fields import Confidential, Dynamic, SecretField
from container.secret import Secret

Mode = Literal["secret", "confidential", "dynamic", "fixed", "typed", "shown"]
"""What may stand in a value: a secret only; secrets and references; references; neither; what its type says; secrets,
as the text that is shown of them."""

MOST_MODELS = 1024
"""The annotations of so many models are kept once they are read: every tag of a type asks for them again."""

SHOWN = object()
"""Marks what is compared with something that is shown, in which secrets are their own text."""

_CONFIDENTIAL = get_args(Confidential)[1]
_DYNAMIC = get_args(Dynamic[str])[1]
_SECRET = get_args(SecretField)[1]


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
        elif get_origin(current) in (Union, UnionType):
            waiting += get_args(current)
        else:
            options.append(current)
    return Site(_mode(markers, options, inherited), tuple(options))


@lru_cache(MOST_MODELS)
def fields_of(model: type[BaseModel]) -> Mapping[str, Any]:
    """The annotations of a model by every name that YAML may use for the field."""
    hints = get_type_hints(model, include_extras=True)
    named = {
        key: hints[name] for name, info in model.model_fields.items() for key in keys_of(name, info.validation_alias)
    }
    return MappingProxyType(named)


@lru_cache(MOST_MODELS)
def infos_of(model: type[BaseModel]) -> Mapping[str, FieldInfo]:
    """What a model says of its fields, by every name that YAML may use for them."""
    named = {key: info for name, info in model.model_fields.items() for key in keys_of(name, info.validation_alias)}
    return MappingProxyType(named)


def model_of(annotation: Any) -> type[BaseModel] | None:
    """The first model that the annotation names, for the value or for the items of a list."""
    here = site(annotation)
    options = (*here.options, *site(items_of(here, 0)).options)
    return next((each for each in options if isinstance(each, type) and issubclass(each, BaseModel)), None)


def takes_secret(annotation: Any) -> bool:
    """Whether the value is a secret, or a list of them."""
    here = site(annotation)
    return here.mode == "secret" or site(items_of(here, 0)).mode == "secret"


def keys_at(annotations: Mapping[str, Any], path: Sequence[str | int]) -> list[str]:
    """The keys that may stand inside the value at a path, as far as a settings model says so."""
    here: Any = None
    for step in path:
        annotation = annotations.get(step) if isinstance(step, str) else items_of(here, 0)
        here = site(annotation)
        annotations = model_fields(here) or model_fields(site(items_of(here, 0)))
    return list(annotations)


def items_of(here: Site, position: int) -> Any | None:
    """The annotation of an item, `None` where no list is taken."""
    for option in here.options:
        arguments = get_args(option)
        origin = get_origin(option)
        if origin is tuple and arguments:
            return arguments[min(position, len(arguments) - 1)] if arguments[-1] is not ... else arguments[0]
        if isinstance(origin, type) and issubclass(origin, Sequence) and arguments:
            return arguments[0]
    return None


def model_fields(here: Site) -> Mapping[str, Any]:
    """The fields that a mapping may have here, by the first model among the options."""
    for option in here.options:
        if isinstance(option, type) and issubclass(option, BaseModel):
            return fields_of(option)
    return {}


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


def keys_of(name: str, alias: Any) -> list[str]:
    """The names under which YAML may write a field, the usual one first."""
    choices = alias.choices if isinstance(alias, AliasChoices) else [alias]
    return [choice for choice in choices if isinstance(choice, str)] or [name]
