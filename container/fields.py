"""What a settings model is made of beyond plain types: patterns, networks, secrets, references, places in the event."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from ipaddress import IPv4Network, IPv6Network, ip_network
from types import NoneType, UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import re2
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainValidator,
    WithJsonSchema,
)
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from container.secret import Secret, SecretText
from container.shape import missing, moment, number, shortest, text
from container.template import Template
from container.url import is_host, url_parts

T = TypeVar("T")

LONGEST_SUBJECT = 8192
"""A pattern looks at so many characters of a text."""

MOST_STEPS = 1600
"""So many steps may quantifiers add to a pattern; with more, a text of that length takes longer than a hit may."""

TOO_MANY_STEPS = "its numbers in braces come to too many steps: take * or +, or smaller numbers"
"""What is said of a pattern with more."""

_PREVIEW_ONLY = "x-preview-only"
_QUANTIFIER = re.compile(
    # First what is no quantifier, whatever stands in it.
    r"(\\Q.*?(?:\\E|\Z)|\\[pPx]\{[^}]*\}|\\.|\[\^?\]?(?:\\.|\[:\^?\w+:\]|[^\]\\])*\]|\(\?)"
    r"|[*+?]|\{\d+(?:,\d*)?\}",
    re.ASCII | re.DOTALL,
)
_WIDE = re.compile(r"(\\\\)|\\x\{0*[0-9A-Fa-f]{3,6}\}")
_GROUP = re.compile(r"\$([0-9])")
_FOLDED_BEYOND_ASCII = re.compile(r"[kKsS][?*+{]")
_ADDRESS = re.compile(r"https?://(?:[\w.\-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?(?:[/?][^\s#]*)?", re.IGNORECASE)
_DURATION = re.compile(r"(\d{1,6})(ms|s|m|h|d)", re.ASCII)
_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_ZONED = re.compile(r"T.*(Z|[+-]\d\d:?\d\d)$", re.ASCII)


class Settings(BaseModel):
    """The settings of a component: strict, frozen, no unknown fields."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, arbitrary_types_allowed=True)


Path = Annotated[str, Field(pattern="^/.*[^/]$")]
"""A path that a client listens on, its end at least."""


class Pattern:
    """A regular expression of the configuration: RE2, so linear in time. Texts are cut at 8,192 characters."""

    def __init__(self, source: str, *, ignore_case: bool = False) -> None:
        self.source = source
        # Bytes, because for text the library reckons positions in letters, of which nobody here makes use.
        self._compiled = re2.compile(source.encode(), _options(ignore_case=ignore_case))

    @cached_property
    def ignoring_case(self) -> Pattern:
        """The same pattern for text in any case."""
        return Pattern(self.source, ignore_case=True)

    def found(self, subject: str) -> bool:
        """Whether there is a match anywhere."""
        return self._compiled.search(_subject(subject)) is not None

    def search(self, subject: str) -> Sequence[str] | None:
        """The first match anywhere: the whole match and its groups (missing ones empty), else `None`."""
        return _groups(self._compiled.search(_subject(subject)))

    def fullmatch(self, subject: str) -> Sequence[str] | None:
        """The match of the whole text and its groups, else `None`."""
        return _groups(self._compiled.fullmatch(_subject(subject)))

    def __repr__(self) -> str:
        return f"Pattern({self.source!r})"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(_pattern)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "format": "regex"}


def fill_groups(value: Any, groups: Sequence[str]) -> Any:
    """The value with `$0` to `$9` in its text replaced by what a pattern captured, in lists and mappings too.

    So is the text beside a secret. What was captured is not looked at again: a `$1` in it stays.
    """
    if isinstance(value, str):
        return _GROUP.sub(lambda sign: groups[int(sign[1])] if int(sign[1]) < len(groups) else sign[0], value)
    if isinstance(value, SecretText):
        return SecretText(tuple(fill_groups(part, groups) for part in value.parts))
    if isinstance(value, Mapping):
        return {key: fill_groups(member, groups) for key, member in value.items()}
    return [fill_groups(member, groups) for member in value] if isinstance(value, (list, tuple)) else value


class _Dynamic:
    """Marks what may hold `{{ Name }}`: a template passes while loading, its value is coerced per event."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_wrap_validator_function(partial(_dynamic, _COERCIONS.get(source)), handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        inner = handler(schema["schema"])
        if inner in ({}, {"type": "string"}):
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
        return core_schema.no_info_plain_validator_function(_secret, serialization=core_schema.to_string_ser_schema())

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "pattern": r"^(\$\{.+\}|\{\{.+\}\})$"}


class _NetworkField:
    """Marks a network in CIDR form, or a single address."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(_network)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "examples": ["203.0.113.0/24"]}


Dynamic = Annotated[T, _Dynamic()]
"""`Dynamic[str]`: the analyst may write `{{ Name }}`; in the function it is a `str`."""

Confidential = Annotated[Any, _Confidential()]
"""Any JSON value, with references and secrets anywhere in it."""

SecretField = Annotated[Secret, _SecretField()]
"""What `api.Secret` is in a settings model."""

Network = Annotated[IPv4Network | IPv6Network, _NetworkField()]
"""A network such as `203.0.113.0/24`; a single address is a network of one."""


def _endpoint(value: str) -> str:
    found = _ADDRESS.fullmatch(value)
    whole = found is not None and int(found[1] or 443) < 65536 and value.isprintable()
    # A reference that is not set stands for itself, and is reported as such.
    if not (whole and is_host(url_parts(value).hostname)) and "${" not in value:
        raise PydanticCustomError("endpoint", "write a whole address, such as https://vendor.example/events")
    return value


def _as_tuple(value: object) -> object:
    if isinstance(value, list):
        return tuple(value)
    return value if isinstance(value, tuple) or value is None else (value,)


def _ordered(value: tuple[float, float]) -> tuple[float, float]:
    if value[0] > value[1]:
        raise PydanticCustomError("range", "the smallest number comes first")
    return value


Endpoint = Annotated[str, AfterValidator(_endpoint)]
"""Where a tag sends to: an http or https address with a host, without user and fragment."""


def _milliseconds(value: object) -> int:
    if isinstance(value, str) and (found := _DURATION.fullmatch(value.strip())):
        return int(found[1]) * _UNITS[found[2]]
    raise PydanticCustomError("duration", "a length of time is written like 30s, 15m, 24h or 7d")


def _instant(value: object) -> int:
    stated = value.strip() if isinstance(value, str) else ""
    if _ZONED.search(stated) and (found := moment(stated)) is not None:
        return found
    raise PydanticCustomError("instant", "a time is written with its zone, like 2026-11-27T00:00:00+01:00")


Duration = Annotated[
    int,
    PlainValidator(_milliseconds, json_schema_input_type=str),
    WithJsonSchema({"type": "string", "examples": ["24h"]}),
]
"""A length of time such as `24h`, in milliseconds."""

Instant = Annotated[
    int,
    PlainValidator(_instant, json_schema_input_type=str),
    WithJsonSchema({"type": "string", "examples": ["2026-11-27T00:00:00+01:00"]}),
]
"""A moment in ISO 8601 with its time zone, in Unix milliseconds."""

Many = Annotated[tuple[T, ...], BeforeValidator(_as_tuple)]
"""A list, for which a single value is accepted too."""


Range = Annotated[
    tuple[float, float],
    BeforeValidator(_as_tuple),
    AfterValidator(_ordered),
    Field(description="The smallest and the largest number.", examples=[[10, 20]]),
]
"""Two numbers: the smallest and the largest."""


@dataclass(frozen=True, slots=True)
class FromEvent:
    """The usual places of a field in the event: the first path with a value counts.

    `unwritten_only`: they count where nothing is written, not where what is written has no value.
    """

    paths: tuple[str, ...]
    unwritten_only: bool = False


def from_event(
    *paths: str, description: str | None = None, examples: list[Any] | None = None, unwritten_only: bool = False
) -> Any:
    """The default of a `Dynamic` field: the first of these places in the event data that has a value.

    It counts as well where what is written has no value, unless `unwritten_only`.
    """
    default = FromEvent(paths, unwritten_only)
    return Field(default=default, description=description, examples=examples, validate_default=False)


def preview_only(description: str, *, examples: list[Any] | None = None) -> Any:
    """An optional `Dynamic` field of a tag: a value with references in it counts in preview only, fixed text always."""
    extra: dict[str, Any] = {_PREVIEW_ONLY: True}
    return Field(default=None, description=description, examples=examples, json_schema_extra=extra)


def is_preview_only(info: FieldInfo) -> bool:
    """Whether the field was made by `preview_only`."""
    return isinstance(info.json_schema_extra, dict) and _PREVIEW_ONLY in info.json_schema_extra


def dynamic_kind(info: FieldInfo) -> Any:
    """The `T` of a `Dynamic[T]` field, optional or not; `None` for one with further conditions, and for all others."""
    kind, marks = info.annotation, info.metadata
    if get_origin(kind) in (Union, UnionType):
        kind, *others = [member for member in get_args(kind) if member is not NoneType]
        marks = [*marks, *others]
    if get_origin(kind) is Annotated:
        kind, *inner = get_args(kind)
        marks = [*marks, *inner]
    return kind if len(marks) == 1 and isinstance(marks[0], _Dynamic) else None


def _subject(text: str) -> bytes:
    """What a pattern looks at. RE2 reads UTF-8, which has no surrogates: each becomes a question mark."""
    return text[:LONGEST_SUBJECT].encode("utf-8", "replace")


def _options(*, ignore_case: bool = False, in_bytes: bool = False) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 8 << 20
    options.case_sensitive = not ignore_case
    if in_bytes:
        options.encoding = re2.Options.Encoding.LATIN1
    return options


def _added_steps(source: str) -> int:
    """How many steps quantifiers add: `a{500}` has 499 more than `a`. Counted in bytes, or `.` would be nine."""
    narrow = _WIDE.sub(lambda found: found[1] or r"\xff", source)
    plain = _QUANTIFIER.sub(lambda found: found[1] or "", narrow)
    options = _options(in_bytes=True)
    try:
        whole, rest = re2.compile(narrow.encode(), options), re2.compile(plain.encode(), options)
    except re2.error:
        # A few ways to write a range have no meaning in bytes.
        plain = _QUANTIFIER.sub(lambda found: found[1] or "", source)
        whole, rest = re2.compile(source, _options()), re2.compile(plain, _options())
    return int(whole.programsize - rest.programsize)


def _added_by_case(source: str) -> int:
    """How many more where case is ignored: four for each `k` or `s`, since a sign beyond ASCII counts as one too."""
    return 4 * len(_FOLDED_BEYOND_ASCII.findall(source))


def _groups(match: Any) -> Sequence[str] | None:
    return (
        None
        if match is None
        else tuple((group or b"").decode("utf-8", "replace") for group in (match[0], *match.groups()))
    )


def _pattern(value: object) -> Pattern:
    if isinstance(value, Pattern):
        return value
    if not isinstance(value, str):
        raise PydanticCustomError("pattern_type", "a pattern is text")
    try:
        made = Pattern(value)
        added = _added_steps(value)
        steps = max(added, (added + _added_by_case(value)) // 2)
    except UnicodeEncodeError:
        raise PydanticCustomError("bad_regex", "a pattern holds no surrogates") from None
    except re2.error as problem:
        raise PydanticCustomError("bad_regex", "{problem}", {"problem": _re2_message(problem)}) from None
    if steps > MOST_STEPS:
        raise PydanticCustomError("bad_regex", TOO_MANY_STEPS)
    return made


def _re2_message(problem: re2.error) -> str:
    stated = problem.args[0]
    return stated.decode(errors="replace") if isinstance(stated, bytes) else str(stated)


def _network(value: object) -> IPv4Network | IPv6Network:
    if isinstance(value, (IPv4Network, IPv6Network)):
        return value
    try:
        return ip_network(value if isinstance(value, str) else "", strict=False)
    except ValueError:
        raise PydanticCustomError("network", "a network is written like 203.0.113.0/24") from None


def _secret(value: object) -> Secret | Template:
    if isinstance(value, Secret) or (isinstance(value, Template) and value.whole):
        return value
    raise PydanticCustomError("literal_secret", "a secret is written as a reference")


def _dynamic(coerce: Callable[[object], object] | None, value: Any, handler: Callable[[Any], Any]) -> Any:
    if isinstance(value, Template):
        return value
    if isinstance(value, (Secret, SecretText)):
        raise PydanticCustomError("secret_leak", "a secret may not stand here")
    made = handler(coerce(value) if coerce and not missing(value) else value)
    return shortest(made) if isinstance(made, float) else made


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
