"""How large an event may be: one that is too large would crowd out its batch, or be refused with it."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any

import orjson

from container.shape import text

LARGEST_EVENT = 200_000
"""Bytes. Few vendors name a limit; a batch has a megabyte."""


def fitting(
    item: dict[str, Any],
    notes: list[str],
    *,
    place: str,
    bulky: Sequence[str],
    own: Container[str],
    largest: int = LARGEST_EVENT,
) -> dict[str, Any]:
    """The event, of a size that a vendor takes: without its items if need be, else without what was passed on.

    `place`: the member that holds the items under the names `bulky`; `own`: its fields that no setting passes on.
    """
    if _size(item) <= largest:
        return item
    kept = {name: value for name, value in item.get(place, {}).items() if name not in bulky}
    told = " and ".join(f'"{place}.{name}"' for name in bulky) + " are left out: the event is too large with them"
    if _size({**item, place: kept}) > largest:
        kept = {name: value for name, value in kept.items() if name in own}
        told = f'the items and what "{place}.pass" names are left out: the event is too large with them'
    notes.append(told)
    return {**item, place: kept}


def _size(item: dict[str, Any]) -> int:
    """Bytes as JSON."""
    try:
        return len(orjson.dumps(item))
    except TypeError:
        return len(text(item).encode("utf-8", "surrogatepass"))
