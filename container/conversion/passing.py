"""Event data that a tag passes on as it is."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Any

from container import normalise
from container.shape import at, filled, number

DEEPEST = 16
"""Passed values are not followed further down than this."""


def passed(names: Iterable[str], data: Mapping[str, Any], *, own: Container[str]) -> dict[str, Any]:
    """The values of event data under the names, those aside that a field of the vendor's has: `own`."""
    return filled(**{name: passable(at(data, name)) for name in names if name not in own})


def passable(value: object, depth: int = 0) -> Any:
    """A JSON value that any reader takes: no text that is no UTF-8, no number that is none; else `None`."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return normalise.plain(value)
    if isinstance(value, (list, tuple)) and depth < DEEPEST:
        return [kept for member in value if (kept := passable(member, depth + 1)) is not None]
    if isinstance(value, Mapping) and depth < DEEPEST:
        kept_members = ((normalise.plain(key), passable(member, depth + 1)) for key, member in value.items())
        return {key: member for key, member in kept_members if key is not None and member is not None}
    return number(value)
