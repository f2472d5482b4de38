"""An event by the Measurement Protocol in a size that GA4 takes: it throws away whole requests, and says nothing."""

from __future__ import annotations

from typing import Any

from container.api import Skip, ga4_rules, text

LARGEST = ga4_rules.MOST_BYTES - 10_000
"""In bytes of JSON, with a reserve."""

_NOT_VITAL = ("device", "user_location", "user_agent", "user_data", "user_properties")
"""What stands around an event, and can be missed."""

Json = dict[str, Any]


def fitting(envelope: Json, item: Json, notes: list[str]) -> tuple[Json, Json] | Skip:
    """Envelope and event, without their largest members where they are too large together."""
    too_much = _bytes({**envelope, "events": [item]}) - LARGEST
    if too_much <= 0:
        return envelope, item
    around, params = dict(envelope), dict(item["params"])
    members = [(_bytes(around[name]), name, around) for name in _NOT_VITAL if name in around]
    members += [(_bytes(value), name, params) for name, value in params.items()]
    for size, name, place in sorted(members, key=lambda member: member[0], reverse=True):
        if too_much > 0:
            del place[name]
            too_much -= size
            notes.append(f'"{name}" is left out: the event is too large with it')
    if too_much > 0:
        return Skip(f"it is too large: GA4 takes less than {ga4_rules.MOST_BYTES} bytes")
    return around, {**item, "params": params}


def _bytes(value: Any) -> int:
    return len(text(value).encode("utf-8", "replace"))
