"""What a tag sees of an event: transformations take away, add and change before the tag reads its settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType

from container.engine.coerce import Lacking
from container.engine.container import CompiledTransformation, View
from container.engine.scope import Scope
from container.event import Event, Hit

ORDER = ("allow_parameters", "augment_event", "exclude_parameters")
"""With equal priority these types come in this order, others after them."""

_ADDRESS = "ip_override"
_HEADERS = {"user_agent": "user-agent", "page_location": "referer", "page_referrer": "referer"}
"""Event data, and the header of the hit that says the same or may stand in for it."""


def view_of(view: View, original: Scope) -> Scope:
    """The scope of the event as the view shows it, made once per event; the original's own if nothing is changed."""
    found = original.views.get(view.number)
    if found is None:
        found = original.views[view.number] = _changed(view, original)
    return found


def in_order(transformations: Sequence[tuple[int, CompiledTransformation]]) -> list[CompiledTransformation]:
    """Transformations with their priority: the higher first, then by type, then as they came."""
    ordered = sorted(transformations, key=lambda pair: (-pair[0], _place(pair[1].component.type)))
    return [transformation for _, transformation in ordered]


def changed(transformation: CompiledTransformation, original: Scope, event: Event) -> Event | None:
    """The event as one transformation leaves it, `None` where its conditions do not hold or a value of it lacks."""
    if not all(condition.test(original) for condition in transformation.when):
        return None
    settings = transformation.build(original)
    if isinstance(settings, Lacking):
        lacking = " and ".join(f'"{name}"' for name in settings.fields)
        original.notes.append(f'transformation "{transformation.name}" changes nothing: no value for {lacking}')
        return None
    found: Event = transformation.component.function(settings, event)
    return found


def _changed(view: View, original: Scope) -> Scope:
    """Conditions and added values read the original; its notes are those of the view."""
    event = original.event
    original.notes = []
    for transformation in view.transformations:
        event = changed(transformation, original, event) or event
    seen = event if event is original.event else replace(event, hit=_as_seen(original.event, event))
    return original.of_view(seen, original.notes)


def _as_seen(original: Event, changed: Event) -> Hit:
    """The hit without the visitor's address, user agent and page, where the event data was made to lack them."""
    hit = changed.hit
    if _ADDRESS in original.data and _ADDRESS not in changed.data:
        hit = replace(hit, ip=None)
    gone = {header for key, header in _HEADERS.items() if key in original.data and key not in changed.data}
    if not gone.isdisjoint(hit.headers):
        headers = {name: value for name, value in hit.headers.items() if name not in gone}
        hit = replace(hit, headers=MappingProxyType(headers))
    return hit


def _place(type: str) -> int:
    return ORDER.index(type) if type in ORDER else len(ORDER)
