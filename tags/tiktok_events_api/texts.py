"""Texts as TikTok may get them: what is stated and is no text is left out with a note."""

from __future__ import annotations

from container.api import normalise


def told_text(field: str, value: object, notes: list[str]) -> str | None:
    """The value as text. A field that is left out although something was stated is told in the notes."""
    found = normalise.plain(value)
    if found is None and value is not None and normalise.unusable(value):
        notes.append(f'"{field}" is left out: it is no text, or too long for one')
    return found
