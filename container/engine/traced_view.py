"""What a tag saw of an event, as a trace shows it: each transformation with what it changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from container.case import plain_json
from container.engine.attempt import attempt
from container.engine.container import View
from container.engine.scope import Scope
from container.engine.traced_conditions import conditions_told
from container.engine.view import changed
from container.event import Event

EVENT_NAME = "event_name"
"""The key under which a change of the event's name is shown."""


def transformations_told(view: View, original: Scope) -> list[dict[str, Any]]:
    """The transformations in their order. A consent default that raises left nothing to transform: the tags say so."""
    found = attempt(lambda scope: scope.event, original)
    return [] if found.raised else list(_each(view, original, found.value))


def _each(view: View, original: Scope, event: Event) -> Iterator[dict[str, Any]]:
    for transformation in view.transformations:
        after = attempt(partial(changed, transformation, event=event), original)
        yield {
            "name": transformation.name,
            "type": transformation.component.type,
            "applied": after.value is not None,
            "changes": [] if after.value is None else list(_changes(_data(event), _data(after.value), "")),
            "conditions": conditions_told(transformation.when, original),
            "notes": after.notes,
        }
        event = after.value or event


def _data(event: Event) -> Mapping[str, Any]:
    data = plain_json(event.data)
    return {**data, EVENT_NAME: event.name}


def _changes(before: Mapping[str, Any], after: Mapping[str, Any], above: str) -> Iterator[dict[str, Any]]:
    """What differs, by dot path; within lists no further."""
    for key in dict.fromkeys((*before, *after)):
        old, new = before.get(key), after.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from _changes(old, new, f"{above}{key}.")
        elif old != new or (key in before) is not (key in after):
            change = "changed" if key in before and key in after else "added" if key in after else "removed"
            yield {"key": f"{above}{key}", "change": change, "before": old, "after": new}
