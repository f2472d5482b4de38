"""How large an event may be, and what it goes without if it is larger."""

from __future__ import annotations

from typing import Any

from container.api import conversion
from tags.tiktok_events_api.settings import Properties

LARGEST_EVENT = conversion.LARGEST_EVENT
"""TikTok names no limit; others send a megabyte at once at most."""

BULKY, OWN = ("contents", "content_ids"), frozenset(Properties.model_fields)


def fitting(item: dict[str, Any], notes: list[str]) -> dict[str, Any]:
    """The event, of a size that TikTok takes."""
    return conversion.fitting(item, notes, place="properties", bulky=BULKY, own=OWN)
