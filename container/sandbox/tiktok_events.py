"""TikTok's events as an analyst reads them, from whatever was sent: nothing here raises or refuses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from container.sandbox.seen import identities, mapping, members, objects, picked, shown
from container.sandbox.vendor import SeenEvent

_BROWSER = ("ttclid", "ttp")
_APART = ("contents", "value", "currency")


def seen_events(envelope: Mapping[str, Any]) -> tuple[SeenEvent, ...]:
    """The events of a request body."""
    return tuple(map(_seen, objects(envelope.get("data"))))


def _seen(event: Mapping[str, Any]) -> SeenEvent:
    user, properties = mapping(event.get("user")), mapping(event.get("properties"))
    page, time = mapping(event.get("page")), event.get("event_time")
    return SeenEvent(
        name=shown(event.get("event", "")),
        event_id=shown(event.get("event_id", "")),
        time=time if type(time) is int else None,
        value=properties.get("value"),
        currency=shown(properties.get("currency", "")),
        contents=objects(properties.get("contents")),
        user=identities(user, but=_BROWSER),
        browser=picked(user, _BROWSER),
        page=shown(page.get("url", "")),
        more={**members(properties, but=_APART), **picked(event, ("limited_data_use",)), **picked(page, ("referrer",))},
    )
