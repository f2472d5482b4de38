"""What an analyst writes of a request to an address of their own: the address, names of headers, values in text.

The origin of an address is fixed when it is read. What an event brings along is encoded where it stands, so that it can
add no segment, no parameter and no header.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Annotated, Any
from urllib.parse import quote, quote_plus, unquote

from pydantic import AfterValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from container.fields import Confidential, Dynamic, Settings
from container.header import OF_THE_CONNECTION, VISIBLE, is_token, one_line
from container.secret import Secret, SecretText
from container.shape import missing, text
from container.template import Template
from container.url import is_host, url_parts

_CONTROL = re.compile(r"[\x00-\x1f\x7f\u0085\u2028\u2029]")
_ORIGIN = re.compile(r"https?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?(?=[/?]|$)", re.IGNORECASE)
_UNSET_ORIGIN = re.compile(r"(?:https?://)?(?:[^/?{}]*\$\{[^{}]*\})+[^/?{}]*(?=[/?]|$)(?!//)", re.IGNORECASE)
_DOTS = (".", "..")


class AddressPart(Settings):
    value: Dynamic[Any] = Field(default=None, description="What comes from the event.")
    after: str = Field(default="", description="The text that follows it.")
    in_path: bool = Field(default=False, description="Whether it stands in the path, not in the query.")


class Start(str):
    """The beginning of an address that was read: its origin is known to be one."""

    __slots__ = ()


class Address(Settings):
    """An http address in pieces. One that passed validation can be sent to."""

    start: Start = Field(description="The text up to the first reference: scheme, host and port at least.")
    parts: tuple[AddressPart, ...] = Field(default=(), description="The references, each with the text after it.")

    @cached_property
    def url(self) -> str:
        """The address, with every value percent-encoded."""
        return self.start + "".join(f"{_in_url(text(part.value))}{part.after}" for part in self.parts)


class _UrlField:
    """Marks an http address, in whose path and query references may stand."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_wrap_validator_function(_address, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "pattern": r"^([Hh][Tt][Tt][Pp][Ss]?://|\$\{)"}


Url = Annotated[Address, _UrlField()]
"""An http address: scheme, host and port written out, references in path and query."""


def _header_name(name: str) -> str:
    if not is_token(name):
        raise PydanticCustomError("wrong_type", "the name of a header holds letters, digits and hyphens")
    if name.lower() in OF_THE_CONNECTION:
        raise PydanticCustomError("wrong_type", "this header belongs to the connection and is not yours to write")
    return name


def _distinct(headers: dict[str, Any]) -> dict[str, Any]:
    if len({name.lower() for name in headers}) < len(headers):
        raise PydanticCustomError("wrong_type", "a header is there twice; capital and small letters make no difference")
    return headers


Headers = Annotated[dict[Annotated[str, AfterValidator(_header_name)], Confidential], AfterValidator(_distinct)]
"""Headers of a request by name: none that belong to the connection."""


class OneBody:
    """Marks a field that holds the body of a request. `others`: fields declared before it that would hold it too.

    `own_type`: whether the body has a content type of its own, which no header may contradict.
    """

    def __init__(self, *others: str, own_type: bool = False) -> None:
        self.others = others
        self.own_type = own_type

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_after_validator_function(self._check, handler(source))

    def _check(self, value: Any, info: ValidationInfo) -> Any:
        if value is None:
            return value
        if info.data.get("method") == "GET":
            raise PydanticCustomError("wrong_type", "a GET request has no body; `query` takes parameters")
        if any(info.data.get(other) is not None for other in self.others):
            raise PydanticCustomError("wrong_type", "a request has one body: write one of json, form and text")
        if self.own_type and any(name.lower() == "content-type" for name in info.data.get("headers", ())):
            raise PydanticCustomError("wrong_type", "a form has its own Content-Type: take that header out")
        return value


def with_query(url: str, query: Mapping[str, Any]) -> str | SecretText:
    """The address with further parameters. A list gives one for each item; what is missing is left out."""
    parts = _pairs(query, _in_url)
    return _joined([url, "&" if "?" in url else "?", *parts]) if parts else url


def form_text(fields: Mapping[str, Any]) -> str | SecretText:
    """The fields as a form sends them. A list gives one for each item; what is missing is left out."""
    return _joined(_pairs(fields, _in_form))


def header_text(value: Any) -> str | SecretText | None:
    """The value of a header, percent-encoded where it is not ASCII; `None` for one that would break the line."""
    parts = _parts(value)
    if any(isinstance(part, str) and _CONTROL.search(part) for part in parts):
        return None
    return _joined([part if isinstance(part, Secret) else one_line(part) for part in parts])


def body_text(value: Any) -> str | SecretText:
    """The text form of a value, in which secrets stay places."""
    return _joined(_parts(value))


def script_text(value: Any) -> str:
    """The value as JSON that stays inside a script element, whatever it holds."""
    # In a list, so that a text has its quotes as well.
    written = text([value])[1:-1] or "null"
    return written.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def secret_inside(value: Any) -> bool:
    """Whether a mapping or a list has a secret in it: as text, such a value could only show the secret's name."""
    members = value.values() if isinstance(value, Mapping) else value if isinstance(value, (list, tuple)) else ()
    return any(isinstance(member, (Secret, SecretText)) or secret_inside(member) for member in members)


def _address(value: Any, handler: Callable[[Any], Address]) -> Address:
    if isinstance(value, (str, Template)):
        return _read(value.parts if isinstance(value, Template) else (value,))
    if isinstance(value, (Secret, SecretText)):
        raise PydanticCustomError("secret_leak", "a secret may not stand in an address; `query` and headers take one")
    if isinstance(value, Mapping) and not isinstance(value.get("start"), Start):
        raise PydanticCustomError("wrong_type", "an address is written like https://hooks.shop.example/orders")
    made = handler(value)
    if (position := _gap(made)) is not None:
        raise PydanticCustomError("no_address", "a value in the path is empty", {"part": position})
    if _leads_out(made):
        raise PydanticCustomError("no_address", "a value in the path would lead out of it")
    return made


def _read(parts: Iterable[Any]) -> Address:
    """The address that configuration means."""
    start, *rest = parts
    if not isinstance(start, str):
        start, rest = "", [start, *rest]
    _check_start(start, followed=bool(rest))
    in_path = "?" not in start
    first, found = _literal(start), list[AddressPart]()
    for part in rest:
        if isinstance(part, Secret):
            raise PydanticCustomError("secret_leak", "a secret may not stand in an address")
        if isinstance(part, str):
            found[-1] = found[-1].model_copy(update={"after": _literal(part, in_path=in_path)})
            in_path = in_path and "?" not in part
        else:
            found.append(AddressPart(value=Template((part,)), in_path=in_path))
    return Address(start=Start(first), parts=tuple(found))


def _check_start(start: str, *, followed: bool) -> None:
    """What comes before the first reference holds the whole origin. An unset `${NAME}` in it is told of elsewhere."""
    origin = _ORIGIN.match(start) or _UNSET_ORIGIN.match(start)
    if followed and (origin is None or origin.end() == len(start)):
        raise PydanticCustomError("not_dynamic", "scheme, host and port are written out, and a / follows them")
    if origin is None:
        raise PydanticCustomError("wrong_type", "an address is written like https://hooks.shop.example/orders")
    if origin.re is _ORIGIN and origin[1] and not 0 < int(origin[1]) < 65536:
        raise PydanticCustomError("wrong_type", "there is no such port")
    if origin.re is _ORIGIN and not is_host(url_parts(origin[0]).hostname):
        raise PydanticCustomError("wrong_type", "a host is a name, or a whole address such as 203.0.113.7")


def _literal(part: str, *, in_path: bool = True) -> str:
    """Written text as it is sent: what is percent-encoded stays, what cannot be sent is encoded."""
    if "#" in part:
        raise PydanticCustomError("wrong_type", "what follows a # in an address is never sent")
    if in_path and any(unquote(segment) in _DOTS for segment in part.partition("?")[0].split("/")[1:]):
        raise PydanticCustomError("wrong_type", "an address is written without . and .. in its path")
    return quote(part, safe=VISIBLE)


def _gap(address: Address) -> int | None:
    """Which reference in the path has no value, if one has none."""
    parts = enumerate(address.parts)
    return next((position for position, part in parts if part.in_path and missing(part.value)), None)


def _leads_out(address: Address) -> bool:
    """Whether values turn a segment of the path into one that leads elsewhere. Written text was checked when read."""
    if not any(part.in_path for part in address.parts):
        return False
    path = address.url.partition("?")[0]
    return any(unquote(segment) in _DOTS for segment in path.split("/")[3:])


def _pairs(fields: Mapping[str, Any], encode: Callable[[str], str]) -> list[str | Secret]:
    found: list[str | Secret] = []
    for name, stated in fields.items():
        for value in stated if isinstance(stated, (list, tuple)) else [stated]:
            if not missing(value):
                encoded = [part if isinstance(part, Secret) else encode(part) for part in _parts(value)]
                found += ["&" if found else "", encode(name), "=", *encoded]
    return found


def _parts(value: Any) -> tuple[str | Secret, ...]:
    """The text form of a value, its secrets apart."""
    if isinstance(value, SecretText):
        return value.parts
    return (value,) if isinstance(value, Secret) else (text(value),)


def _joined(parts: Iterable[str | Secret]) -> str | SecretText:
    merged = tuple(_merged(parts))
    return "".join(map(str, merged)) if not any(isinstance(p, Secret) for p in merged) else SecretText(merged)


def _merged(parts: Iterable[str | Secret]) -> Iterator[str | Secret]:
    waiting = ""
    for part in parts:
        if isinstance(part, Secret):
            yield from (waiting, part) if waiting else (part,)
            waiting = ""
        else:
            waiting += part
    if waiting:
        yield waiting


def _in_url(value: str) -> str:
    return quote(value.encode("utf-8", "replace"), safe="")


def _in_form(value: str) -> str:
    return quote_plus(value.encode("utf-8", "replace"))
