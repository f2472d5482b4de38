"""Variables as a trace shows them: those that were computed, each with where its value came from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from container.config.model import Format, VariableModel
from container.engine.attempt import attempt
from container.engine.coerce import Lacking
from container.engine.probes import VariableProbe
from container.engine.resolve import settings_builder
from container.engine.scope import UNSET, Scope
from container.engine.traced_values import in_words, kind_of
from container.engine.values import Values
from container.event import Event
from container.fields import Settings
from container.shape import at, missing, text

LONGEST_SOURCE = 300
"""Words about where a value came from are cut after so many characters."""

Source = Callable[[Scope], str]


class Computed(NamedTuple):
    """The values of a scope by slot, as they were at one moment, and what was noted about them."""

    values: Sequence[Any]
    noted: Mapping[int, Sequence[str]]


def computed(scope: Scope) -> Computed:
    """What is computed so far: what a trace itself asks for comes after it."""
    return Computed(tuple(scope.values), dict(scope.noted))


def probe_of(name: str, slot: int, values: Values) -> VariableProbe:
    """The probe of a variable, a built-in one or a short form."""
    model = values.model.variables.get(name)
    if model is not None:
        return VariableProbe(name, model.component.type, slot, _declared(model, values))
    form, _, rest = name.partition(".")
    # A built-in variable has no dot in its name.
    return VariableProbe(name, form if rest else "built_in", slot, _short_form(form, rest) if rest else _built_in(name))


def variables_told(probes: Sequence[VariableProbe], found: Computed, scope: Scope) -> list[dict[str, Any]]:
    """The variables whose values were computed, in the order in which the container asked for them."""
    return [_told(probe, found, scope) for probe in probes if found.values[probe.slot] is not UNSET]


def _told(probe: VariableProbe, found: Computed, scope: Scope) -> dict[str, Any]:
    value = found.values[probe.slot]
    source = attempt(probe.source, scope)
    words = source.notes[-1] if source.raised else str(source.value)
    return {
        "name": probe.name,
        "type": probe.type,
        "value": in_words(value),
        "kind": kind_of(value),
        "from": words if len(words) <= LONGEST_SOURCE else words[:LONGEST_SOURCE] + "…",
        "notes": found.noted.get(probe.slot, ()),
    }


def _declared(model: VariableModel, values: Values) -> Source:
    written, says = model.settings or Settings(), model.component.source
    if says is None:
        words = _of_settings(model.component.type, written)
        return lambda _scope: words + _formatted(model.format)
    build = settings_builder(model.settings, values.getter)

    def source(scope: Scope) -> str:
        made = build(scope)
        return says(written if isinstance(made, Lacking) else made, written) + _formatted(model.format)

    return source


def _of_settings(type: str, written: Settings) -> str:
    """For a type that says nothing itself: its name, and what was written for it."""
    stated = [f"{name} {text(in_words(getattr(written, name)))}" for name in sorted(written.model_fields_set)]
    return f'a variable of type "{type}"' + (f" with {', '.join(stated)}" if stated else "")


def _formatted(format: Format | None) -> str:
    if format is None:
        return ""
    words = [f"as {format.as_type}"] if format.as_type else []
    words += [f"in {format.case} case"] if format.case else []
    words += ["trimmed"] if format.trim else []
    replaced = (format.null_to, format.undefined_to, format.true_to, format.false_to)
    words += ["with replacements"] if any(each is not None for each in replaced) else []
    return f", {' and '.join(words)}" if words else ""


def _short_form(form: str, rest: str) -> Source:
    if form == "consent":
        return lambda scope: f'consent to "{rest}" ({scope.signal(rest).source})'
    return lambda _scope: _SHORT_FORMS[form].format(rest)


def _built_in(name: str) -> Source:
    own = _CHOICES.get(name)
    return lambda scope: _BUILT_IN[name] if own is None else own(scope.original)


def _address(event: Event) -> str:
    return (
        "the address that the hit came from" if missing(event.data.get("ip_override")) else 'event data "ip_override"'
    )


def _user_agent(event: Event) -> str:
    return 'header "user-agent" of the hit' if missing(event.data.get("user_agent")) else 'event data "user_agent"'


def _region(event: Event) -> str:
    places = [f"event_location.{part}" for part in ("country", "region")]
    known = [f'"{place}"' for place in places if at(event.data, place)]
    return f"event data {' and '.join(known)}" if known else 'event data "event_location"'


_SHORT_FORMS: Mapping[str, str] = {
    "event": 'event data "{}"',
    "cookie": 'cookie "{}"',
    "header": 'header "{}" of the hit',
    "request_query": 'parameter "{}" in the query of the hit',
    "page_query": 'parameter "{}" in the address of the page',
}

_BUILT_IN: Mapping[str, str] = {
    "Client Name": "the client that took the hit",
    "Container ID": "the id in the container file",
    "Container Version": "a digest of the container file",
    "Debug Mode": "whether this is preview",
    "Event Name": "the name of the event",
    "Page Hostname": "the host in the address of the page",
    "Page Path": "the path in the address of the page",
    "Page URL": 'event data "page_location"',
    "Query String": "the query of the hit",
    "Random Number": "drawn for this event from the id of the hit",
    "Request Method": "the method of the hit",
    "Request Path": "the path of the hit",
    "Event ID": 'event data "event_id"',
    "Referrer": 'event data "page_referrer"',
}

_CHOICES: Mapping[str, Callable[[Event], str]] = {
    "IP Address": _address,
    "User Agent": _user_agent,
    "Visitor Region": _region,
}
