"""The shape of JSON values: what counts as missing, dot paths, the text form, numbers and times."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?", re.ASCII)
_LONGEST_NUMBER = 400
_ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def missing(value: object) -> bool:
    """`None`, empty text, an empty list and an empty mapping are missing. 0 and `False` are values."""
    return value is None or (isinstance(value, (str, list, tuple, Mapping)) and not value)


def filled(**fields: Any) -> dict[str, Any]:
    """The fields that are not missing."""
    return {name: value for name, value in fields.items() if not missing(value)}


def at(data: object, path: str) -> Any:
    """The value at a dot path (`user_data.address.0.city`), or `None`. A key that holds the dots itself wins."""
    if isinstance(data, Mapping) and path in data:
        return data[path]
    head, dot, rest = path.partition(".")
    found = _member(data, head)
    return at(found, rest) if dot and found is not None else (None if dot else found)


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
            return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
        case Mapping() | list() | tuple():
            return orjson.dumps(value, default=_plain, option=orjson.OPT_NON_STR_KEYS).decode()
    return str(value)


def number(value: object) -> int | float | None:
    """The value as a number, if it is one or is text in JSON's grammar for one; else `None`.

    Whole numbers beyond 64 bits become floats; what is too large for a double, `NaN` and booleans are no numbers.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        value = value.strip()
        if len(value) > _LONGEST_NUMBER or not (found := _NUMBER.fullmatch(value)):
            return None
        value = float(value) if found[2] or found[3] or len(value) > 19 else int(value)
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**64 else float(value) if abs(value) < 1 << 1023 else None
    return value if isinstance(value, float) and math.isfinite(value) else None


def moment(value: object) -> int | None:
    """A time in Unix milliseconds, from seconds, milliseconds, microseconds (by size) or ISO 8601; else `None`."""
    stated = number(value)
    if stated is None:
        return _iso(value.strip()) if isinstance(value, str) else None
    if stated <= 0:
        return None
    while stated >= 1e11:
        stated /= 1000
    return round(stated * 1000)


def _iso(value: str) -> int | None:
    if len(value) > 40 or not _ISO_DATE.match(value):
        return None
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError:
        return None
    stated = parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    try:
        return round(stated.timestamp() * 1000)
    except (OverflowError, ValueError):
        return None


def _member(data: object, key: str) -> Any:
    if isinstance(data, Mapping):
        return data.get(key)
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)) and key.isascii() and key.isdigit():
        position = int(key) if len(key) < 6 else len(data)
        return data[position] if position < len(data) else None
    return None


def _plain(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else str(value)
