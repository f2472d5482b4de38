"""The shape of JSON values: what counts as missing, dot paths, the text form, numbers and times."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

_DUMP = orjson.OPT_NON_STR_KEYS | orjson.OPT_PASSTHROUGH_DATACLASS
"""A secret is a dataclass: it has to show as its reference, never as its fields."""

_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?", re.ASCII)
_LONGEST_NUMBER = 400
_LATEST_SECONDS = 10**11
_DEEPEST_JSON = 254
_EXACT = 2**53
_ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def missing(value: object) -> bool:
    """`None`, empty text, an empty list and an empty mapping are missing. 0 and `False` are values."""
    return not value and (value is None or isinstance(value, (str, list, tuple, Mapping)))


def filled(**fields: Any) -> dict[str, Any]:
    """The fields that are not missing."""
    return {name: value for name, value in fields.items() if value or (value is not None and not missing(value))}


def at(data: object, path: str) -> Any:
    """The value at a dot path (`user_data.address.0.city`), or `None`. A key that holds the dots itself wins."""
    found, rest, dot = data, path, "."
    while dot and found is not None:
        if (type(found) is dict or isinstance(found, Mapping)) and rest in found:
            return found[rest]
        head, dot, rest = rest.partition(".")
        found = _member(found, head)
    return found


def first_at(data: object, paths: Iterable[str]) -> Any:
    """The first value along the paths that is not missing, else `None`."""
    for path in paths:
        found = at(data, path)
        if not missing(found):
            return found
    return None


def text(value: object) -> str:
    """The text form of a value: numbers shortest (`20.0` is `20`), `true`/`false`, nothing for `None`, compact JSON."""
    match value:
        case str():
            return value
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return str(int(value)) if value.is_integer() and abs(value) < 1e21 else repr(value).replace("e-0", "e-")
        case dict() | list() | tuple() | Mapping():
            return _json(value)
    return str(value)


def number(value: object) -> int | float | None:
    """The value as a number, if it is one or is text in JSON's grammar for one; else `None`.

    A float that is whole becomes an integer, as its shortest form. Whole numbers beyond 64 bits become floats; what is
    too large for a double, `NaN` and booleans are no numbers.
    """
    if type(value) is float:
        return shortest(value) if math.isfinite(value) else None
    if type(value) is int and -_EXACT < value < _EXACT:
        return value
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, str):
        value = value.strip()
        if len(value) > _LONGEST_NUMBER or not (found := _NUMBER.fullmatch(value)):
            return None
        value = float(value) if found[2] or found[3] else int(value)
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**64 else _double(value)
    return shortest(value) if isinstance(value, float) and math.isfinite(value) else None


def shortest(value: float) -> int | float:
    """The same number, as an integer where it is whole and a double holds it exactly: 20 for 20.0."""
    return int(value) if value.is_integer() and abs(value) < _EXACT else value


def moment(value: object) -> int | None:
    """A time in Unix milliseconds, from seconds, milliseconds, microseconds (by size) or ISO 8601; else `None`.

    ISO 8601 without a zone is UTC. Times before 1970 are none.
    """
    if value is None:
        return None
    stated = number(value)
    if stated is None:
        return _iso(value.strip()) if isinstance(value, str) else None
    if stated < 1:
        return None
    if stated < _LATEST_SECONDS:
        return round(stated * 1000)
    if stated < _LATEST_SECONDS * 1000:
        return round(stated)
    return round(stated / 1000) if stated < _LATEST_SECONDS * 1_000_000 else None


def _iso(value: str) -> int | None:
    if len(value) > 40 or not _ISO_DATE.match(value):
        return None
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError:
        return None
    stated = parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    milliseconds = round(stated.timestamp() * 1000)
    return milliseconds if milliseconds > 0 else None


def _double(value: int) -> float | None:
    try:
        return float(value)
    except OverflowError:
        return None


def _member(data: object, key: str) -> Any:
    if type(data) is dict or isinstance(data, Mapping):
        return data.get(key)
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)) and key.isascii() and key.isdigit():
        position = int(key) if len(key) < 6 else len(data)
        return data[position] if position < len(data) else None
    return None


def _json(value: object) -> str:
    """Compact JSON. What even the standard library's cannot write is empty, and so is what is nested too deep."""
    try:
        return orjson.dumps(value, default=_plain, option=_DUMP).decode()
    except TypeError:
        pass  # whole numbers beyond 64 bits, lone surrogates, deep nesting
    if _deeper(value, _DEEPEST_JSON):
        return ""
    try:
        return json.dumps(value, default=_plain, ensure_ascii=False, separators=(",", ":"))
    except TypeError:
        return ""


def _deeper(value: object, levels: int) -> bool:
    """Whether values are nested deeper. Not left to a RecursionError, which depends on who calls."""
    layer: list[Any] = [value]
    for _ in range(levels):
        inner = (member.values() if isinstance(member, Mapping) else member for member in layer)
        layer = [member for members in inner for member in members if isinstance(member, (Mapping, list, tuple))]
        if not layer:
            return False
    return True


def _plain(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else str(value)
