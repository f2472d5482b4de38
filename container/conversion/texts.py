"""Texts as a vendor may get them: what is stated and is no text is left out with a note."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from container import normalise
from container.shape import missing

WRONG_KIND = "its value is of the wrong kind"


def told_text(field: str, value: object, notes: list[str]) -> str | None:
    """The value as text. A field that is left out although something was stated is told in the notes."""
    found = normalise.plain(value)
    if found is None and value is not None and normalise.unusable(value):
        notes.append(f'"{field}" is left out: it is no text, or too long for one')
    return found


def told_texts(
    place: str, given: Mapping[str, Any], data: Mapping[str, Any], notes: list[str], *, fields: Iterable[str]
) -> dict[str, str]:
    """Each field as the settings have it, else as event data of the same name; those that are left out are told."""
    found = {}
    for field in fields:
        stated = normalise.plain(given.get(field)) or data.get(field)
        if text := told_text(f"{place}.{field}", stated, notes):
            found[field] = text
    return found


def told_form(
    field: str,
    stated: object,
    normal: Callable[[str], str | None],
    notes: list[str],
    *,
    reason: str = WRONG_KIND,
) -> str | None:
    """The normal form of a text that is sent as it is; what is stated and has none is told."""
    trimmed = normalise.plain(stated)
    found = None if trimmed is None else normal(trimmed)
    if found is None and stated is not None and not missing(stated):
        notes.append(f'"{field}" is left out: {reason}')
    return found
