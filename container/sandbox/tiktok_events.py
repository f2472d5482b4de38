"""TikTok's events as an analyst reads them, from whatever was sent: nothing here raises or refuses."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from itertools import islice
from typing import Any

from container.sandbox.tiktok_fields import MOST_EVENTS
from container.sandbox.vendor import SeenEvent

_HASH = re.compile(r"[0-9A-Fa-f]{64}")
_LONGEST = 500
_MOST = 100
_BROWSER = ("ttclid", "ttp")


def seen_events(envelope: Mapping[str, Any]) -> tuple[SeenEvent, ...]:
    """The events of a request body."""
    data = envelope.get("data")
    return tuple(_seen(item) for item in data[:MOST_EVENTS]) if isinstance(data, list) else ()


def _seen(item: Any) -> SeenEvent:
    event = _mapping(item)
    user, properties = _mapping(event.get("user")), _mapping(event.get("properties"))
    contents, page, time = properties.get("contents"), _mapping(event.get("page")), event.get("event_time")
    others = (name for name in properties if name not in ("contents", "value", "currency"))
    more = {name: properties[name] for name in islice(others, _MOST)}
    if "limited_data_use" in event:
        more["limited_data_use"] = event["limited_data_use"]
    if "referrer" in page:
        more["referrer"] = page["referrer"]
    return SeenEvent(
        name=_shown(event.get("event", "")),
        event_id=_shown(event.get("event_id", "")),
        time=time if type(time) is int else None,
        value=properties.get("value"),
        currency=_shown(properties.get("currency", "")),
        contents=tuple(map(_mapping, contents[:MOST_EVENTS])) if isinstance(contents, list) else (),
        user={name: _identity(value) for name, value in islice(user.items(), _MOST) if name not in _BROWSER},
        browser={name: _shown(user[name]) for name in _BROWSER if name in user},
        page=_shown(page.get("url", "")),
        more={name: _shown(value) for name, value in more.items()},
    )


def _identity(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_identity, value))[:_LONGEST]
    shown = _shown(value)
    return f"{shown[:8]}…{shown[-4:]}" if _HASH.fullmatch(shown) else shown


def _shown(value: Any) -> str:
    written = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return written if len(written) <= _LONGEST else f"{written[:_LONGEST]}…"


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
