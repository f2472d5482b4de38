"""Meta's events as an analyst reads them, from whatever was sent: nothing here raises or refuses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from container.sandbox.seen import identities, mapping, members, objects, picked, shown
from container.sandbox.vendor import SeenEvent

_BROWSER = ("fbc", "fbp")
_APART = ("contents", "value", "currency")
_AROUND = (
    *("action_source", "referrer_url", "opt_out", "data_processing_options", "data_processing_options_country"),
    *("data_processing_options_state", "app_data", "messaging_channel"),
)


def seen_events(envelope: Mapping[str, Any]) -> tuple[SeenEvent, ...]:
    """The events of a request body."""
    return tuple(map(_seen, objects(envelope.get("data"))))


def _seen(event: Mapping[str, Any]) -> SeenEvent:
    user, custom, time = mapping(event.get("user_data")), mapping(event.get("custom_data")), event.get("event_time")
    return SeenEvent(
        name=shown(event.get("event_name", "")),
        event_id=shown(event.get("event_id", "")),
        time=time if type(time) is int else None,
        value=custom.get("value"),
        currency=shown(custom.get("currency", "")),
        contents=objects(custom.get("contents")),
        user=identities(user, but=_BROWSER),
        browser=picked(user, _BROWSER),
        page=shown(event.get("event_source_url", "")),
        more={**picked(event, _AROUND), **members(custom, but=_APART)},
    )
