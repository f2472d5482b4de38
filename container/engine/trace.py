"""One hit through the container with all that preview shows: what `simulate` says, and how it came to that."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

from container.case import event_json
from container.engine.attempt import attempt
from container.engine.container import CompiledTag, Container
from container.engine.guards import Memory
from container.engine.outcome import Guard, Outcome
from container.engine.probes import Probes
from container.engine.scope import Scope
from container.engine.simulate import DecidedEvent, DecidedTag, decided, shown, shown_tag
from container.engine.traced_conditions import trigger_told
from container.engine.traced_settings import settings_told
from container.engine.traced_variables import Computed, computed, variables_told
from container.engine.traced_view import transformations_told
from container.engine.view import view_of
from container.event import Event, Hit, Signal
from container.url import query_parameters

BARE = Probes()
"""For a container that was not compiled for preview: of it neither variables nor settings are told."""

_IDS = ("ep.event_id", "epn.event_id", "event_id")
"""Parameters of a query in which a sender's event id comes."""


class Traced(NamedTuple):
    """`outcome`: as `run` gives it for the same container. `told`: all that was decided, as plain JSON.

    `taken`: the guards that earlier hits hold.
    """

    outcome: Outcome
    told: dict[str, Any]
    taken: Collection[Guard] = ()


class _Moment(NamedTuple):
    """What was computed when all was decided: for the event as it came, and by number for each view of it."""

    original: Computed
    views: Mapping[int, Computed]


def trace(container: Container, hit: Hit, guards: Memory | None = None) -> Traced:
    """Runs the hit, and tells how it went. The container should be compiled with `debug`. `guards`: as for `simulate`.

    All is decided before anything is told, so that telling changes nothing. Never raises for what a hit contains.
    """
    found = decided(container, hit, guards or Memory())
    probes = container.probes or BARE
    moments = iter([_moment(each.scope) for each in found.events])
    told = shown(found, lambda each, taken: _event(probes, each, taken, next(moments)))
    return Traced(found.outcome, told, found.taken)


def _moment(scope: Scope) -> _Moment:
    return _Moment(computed(scope), {number: computed(seen) for number, seen in scope.views.items()})


def _event(probes: Probes, each: DecidedEvent, taken: Collection[Guard], moment: _Moment) -> dict[str, Any]:
    scope = each.scope
    event = scope.original
    consent = attempt(lambda scope: scope.consent, scope).value or event.consent
    return {
        **event_json(event, consent),
        "consent": {name: _signal(signal) for name, signal in consent.signals.items()},
        "sender_id": event.sender_id,
        "event_id_source": _event_id_source(event),
        "variables": list(_variables(probes, each, moment)),
        "tags": [_tag(probes, tag, scope, taken) for tag in each.tags],
    }


def _event_id_source(event: Event) -> str | None:
    if not event.sender_id:
        return None
    stated = query_parameters(event.hit.query)
    found = next((name for name in _IDS if stated.get(name, "").strip() == event.sender_id), None)
    return 'event data "event_id"' if found is None else f'parameter "{found}" in the query of the hit'


def _variables(probes: Probes, each: DecidedEvent, moment: _Moment) -> Iterator[dict[str, Any]]:
    """The variables of the event as it came, and those that are different for what some tags see of it."""
    original = variables_told(probes.variables, moment.original, each.scope)
    yield from ({**row, "seen_by": []} for row in original)
    for number, found in moment.views.items():
        tags = [tag.tag.name for tag in each.tags if tag.tag.view is not None and tag.tag.view.number == number]
        for row in variables_told(probes.variables, found, each.scope.views[number]):
            if row not in original:
                yield {**row, "seen_by": tags}


def _tag(probes: Probes, each: DecidedTag, scope: Scope, taken: Collection[Guard]) -> dict[str, Any]:
    tag = each.tag
    seen = scope if tag.view is None else attempt(partial(view_of, tag.view), scope).value
    return {
        **shown_tag(each, scope, taken),
        "type": tag.component.type,
        "notes": list(dict.fromkeys(each.decision.notes)),
        "settings": [] if seen is None else settings_told(probes.settings.get(tag.name, ()), tag, seen),
        "triggers": [trigger_told(trigger, scope) for trigger in tag.triggers],
        "exceptions": [trigger_told(trigger, scope) for trigger in tag.exceptions],
        "consent": list(_consent(tag.consent, scope)),
        "view": _view(tag, scope, seen),
        "identifiers": tag.component.identifiers,
    }


def _view(tag: CompiledTag, scope: Scope, seen: Scope | None) -> dict[str, Any]:
    """Without a transformation the tag sees the event as it came: no name and no data of its own."""
    if tag.view is None:
        return {"transformations": [], "name": None, "data": None}
    event = None if seen is None else seen.original
    return {
        "transformations": transformations_told(tag.view, scope),
        "name": event and event.name,
        "data": event and event.data,
    }


def _consent(types: Iterable[str], scope: Scope) -> Iterator[dict[str, Any]]:
    for name in types:
        found = attempt(_signal_of(name), scope)
        yield {"type": name, **_signal(Signal(False, found.notes[-1]) if found.raised else found.value)}


def _signal_of(name: str) -> Callable[[Scope], Signal]:
    return lambda scope: scope.signal(name)


def _signal(signal: Signal) -> dict[str, Any]:
    return {"granted": signal.granted, "source": signal.source}
