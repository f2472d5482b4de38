"""How large an event may be: one that is too large would crowd out its batch, or be refused with it."""

from __future__ import annotations

from typing import Any

from container.api import text
from tags.tiktok_events_api.settings import Properties

LARGEST_EVENT = 200_000
"""Bytes. TikTok names no limit; others send a megabyte at once at most."""


def fitting(item: dict[str, Any], notes: list[str]) -> dict[str, Any]:
    """The event, of a size that TikTok takes: without its items if need be, else without what was passed on."""
    if _size(item) <= LARGEST_EVENT:
        return item
    properties = {name: value for name, value in item["properties"].items() if name not in ("contents", "content_ids")}
    told = '"properties.contents" and "properties.content_ids" are left out: the event is too large with them'
    if _size({**item, "properties": properties}) > LARGEST_EVENT:
        properties = {name: value for name, value in properties.items() if name in Properties.model_fields}
        told = 'the items and what "properties.pass" names are left out: the event is too large with them'
    notes.append(told)
    return {**item, "properties": properties}


def _size(item: dict[str, Any]) -> int:
    """Bytes as JSON."""
    written = text(item)
    return len(written) if written.isascii() else len(written.encode("utf-8", "surrogatepass"))
