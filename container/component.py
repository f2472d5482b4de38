"""The contract of a component: one settings model, one plain function, one decorator that marks it.

The decorators hand the function back untouched, so a test calls it. `component_of` reads the mark.
"""

from __future__ import annotations

import builtins
import inspect
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import re2
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from container.effects import Response, Verdict
from container.secret import Secret, SecretText
from container.shape import missing, number, text
from container.template import Template

Kind = Literal["client", "variable", "operator", "trigger", "transformation", "tag"]
T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

LONGEST_SUBJECT = 8192
"""A pattern looks at so many characters of a text."""


class Settings(BaseModel):
    """The settings of a component: strict, frozen, no unknown fields."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, arbitrary_types_allowed=True, ser_json_inf_nan="strings"
    )


class Pattern:
    """A regular expression of the configuration: RE2, so linear in time. Texts are cut at 8,192 characters."""

    __slots__ = ("_compiled", "source")

    def __init__(self, source: str, *, ignore_case: bool = False) -> None:
        options = re2.Options()
        options.log_errors = False
        options.max_mem = 8 << 20
        options.case_sensitive = not ignore_case
        self.source = source
        self._compiled = re2.compile(source, options)

    def search(self, subject: str) -> Sequence[str] | None:
        """The first match anywhere: the whole match and its groups (missing ones empty), else `None`."""
        return _groups(self._compiled.search(subject[:LONGEST_SUBJECT]))

    def fullmatch(self, subject: str) -> Sequence[str] | None:
        """The match of the whole text and its groups, else `None`."""
        return _groups(self._compiled.fullmatch(subject[:LONGEST_SUBJECT]))

    def __repr__(self) -> str:
        return f"Pattern({self.source!r})"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(_pattern)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "format": "regex"}


class _Dynamic:
    """Marks what may hold `{{ Name }}`: a template passes while loading, its value is coerced per event."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_wrap_validator_function(partial(_dynamic, _COERCIONS.get(source)), handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        inner = handler(schema["schema"])
        if not inner or inner.get("type") == "string":
            return inner
        return {"anyOf": [inner, {"type": "string", "pattern": r"\{\{.+\}\}"}]}


class _Confidential:
    """Marks a value in which secrets may stand, besides references."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.any_schema(metadata={"confidential": True})

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {}


class _SecretField:
    """Marks a field that holds a secret: a reference to one, or to a variable whose value is one."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(_secret)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "pattern": r"^(\$\{.+\}|\{\{.+\}\})$"}


Dynamic = Annotated[T, _Dynamic()]
"""`Dynamic[str]`: the analyst may write `{{ Name }}`; in the function it is a `str`."""

Confidential = Annotated[Any, _Confidential()]
"""Any JSON value, with references and secrets anywhere in it."""

SecretField = Annotated[Secret, _SecretField()]
"""What `api.Secret` is in a settings model."""


def _as_tuple(value: object) -> object:
    if isinstance(value, list):
        return tuple(value)
    return value if isinstance(value, tuple) or value is None else (value,)


Many = Annotated[tuple[T, ...], BeforeValidator(_as_tuple)]
"""A list, for which a single value is accepted too."""


@dataclass(frozen=True, slots=True)
class FromEvent:
    """The usual places of a field in the event: the first path with a value counts."""

    paths: tuple[str, ...]


def from_event(*paths: str, description: str | None = None, examples: list[Any] | None = None) -> Any:
    """The default of a `Dynamic` field: the first of these places in the event data that has a value."""
    return Field(default=FromEvent(paths), description=description, examples=examples, validate_default=False)


@dataclass(frozen=True, slots=True)
class Component:
    """What the decorators know of a component. `format` is the version of the rows a tag's requests become."""

    kind: Kind
    type: str
    function: Callable[..., Any]
    settings: builtins.type[Settings] | None = None
    negated: str | None = None
    judge: Callable[[Response], Verdict] | None = None
    consent: tuple[str, ...] = ()
    consent_declared: bool = True
    max_age_hours: int | None = None
    identifiers: tuple[str, ...] = ()
    format: int = 1

    @property
    def summary(self) -> str:
        """The docstring's first sentence, the headline of the reference page."""
        return (inspect.getdoc(self.function) or "").split("\n\n")[0].replace("\n", " ")


def client(type: str) -> Callable[[F], F]:
    """Marks `(settings, hit) -> Claim | None`. A settings field `paths` names the paths that the engine offers it."""
    return _mark("client", type)


def variable(type: str) -> Callable[[F], F]:
    """Marks `(settings, event) ->` a JSON value or `None`."""
    return _mark("variable", type)


def trigger(type: str) -> Callable[[F], F]:
    """Marks `(settings, event) -> bool`."""
    return _mark("trigger", type)


def transformation(type: str) -> Callable[[F], F]:
    """Marks `(settings, event) ->` a new `Event`."""
    return _mark("transformation", type)


def operator(type: str, *, negated: str | None = None) -> Callable[[F], F]:
    """Marks `(actual, expected) -> bool`. `negated` is the name under which the exact opposite is offered."""
    return _mark("operator", type, negated=negated)


def tag(
    type: str,
    *,
    judge: Callable[[Response], Verdict] | None = None,
    consent: Sequence[str] | None = None,
    max_age_hours: int | None = None,
    identifiers: Sequence[str] = (),
    format: int = 1,
) -> Callable[[F], F]:
    """Marks `(settings, event) -> Request`, a list of effects, `Skip` or `None`.

    `judge` reads the vendor's answer, `by_status` when there is none. `consent`: the types the tag needs; without
    the argument every tag of this type has to say `consent:` itself. `max_age_hours`: what the vendor calls too old.
    `identifiers`: the ways to recognise a visitor that the vendor gets, for preview.
    """
    return _mark(
        "tag",
        type,
        judge=judge,
        consent=tuple(consent or ()),
        consent_declared=consent is not None,
        max_age_hours=max_age_hours,
        identifiers=tuple(identifiers),
        format=format,
    )


def component_of(function: object) -> Component | None:
    """The mark of a component's function, `None` for any other object."""
    found = getattr(function, "__dict__", {}).get("__component__")
    return found if isinstance(found, Component) else None


def dynamic_paths(model: type[BaseModel]) -> Mapping[str, tuple[str, ...]]:
    """The usual places in the event, by field, as `from_event` declared them."""
    defaults = {name: info.default for name, info in model.model_fields.items()}
    return {name: default.paths for name, default in defaults.items() if isinstance(default, FromEvent)}


def required(info: FieldInfo) -> bool:
    """Whether a value has to be there when the tag fires: it has no default, or only a place in the event."""
    return info.is_required() or (isinstance(info.default, FromEvent) and not _optional(info.annotation))


def _optional(annotation: Any) -> bool:
    return get_origin(annotation) in (Union, types.UnionType) and types.NoneType in get_args(annotation)


def _mark(kind: Kind, type: str, **details: Any) -> Callable[[F], F]:
    def mark(function: F) -> F:
        first = next(iter(inspect.signature(function).parameters))
        annotation = get_type_hints(function, include_extras=True).get(first)
        is_model = isinstance(annotation, builtins.type) and issubclass(annotation, Settings)
        settings = annotation if is_model else None
        function.__dict__["__component__"] = Component(kind, type, function, settings, **details)
        return function

    return mark


def _groups(match: Any) -> Sequence[str] | None:
    return None if match is None else (match[0], *(group or "" for group in match.groups()))


def _pattern(value: object) -> Pattern:
    if isinstance(value, Pattern):
        return value
    if not isinstance(value, str):
        raise PydanticCustomError("pattern_type", "a pattern is text")
    try:
        return Pattern(value)
    except re2.error as problem:
        raise PydanticCustomError("bad_regex", "{problem}", {"problem": _re2_message(problem)}) from None


def _re2_message(problem: re2.error) -> str:
    stated = problem.args[0] if problem.args else ""
    return stated.decode(errors="replace") if isinstance(stated, bytes) else str(stated)


def _secret(value: object) -> Secret | Template:
    if isinstance(value, Secret) or (isinstance(value, Template) and value.whole):
        return value
    raise PydanticCustomError("literal_secret", "a secret is written as a reference")


def _dynamic(coerce: Callable[[object], object] | None, value: Any, handler: Callable[[Any], Any]) -> Any:
    if isinstance(value, Template):
        return value
    if isinstance(value, (Secret, SecretText)):
        raise PydanticCustomError("secret_leak", "a secret may not stand here")
    return handler(coerce(value) if coerce and not missing(value) else value)


def _to_text(value: object) -> object:
    return text(value) if isinstance(value, (int, float)) else value


def _to_number(value: object) -> object:
    stated = number(value)
    return value if stated is None else float(stated)


def _to_integer(value: object) -> object:
    stated = number(value)
    return int(stated) if stated is not None and stated == int(stated) else value


def _to_boolean(value: object) -> object:
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


_COERCIONS: Mapping[Any, Callable[[object], object]] = {
    str: _to_text,
    float: _to_number,
    int: _to_integer,
    bool: _to_boolean,
}
