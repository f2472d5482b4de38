"""Variables that need no declaration: GTM's built-in ones, a few of ours, and the short forms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from container.engine.scope import Getter, Scope
from container.event import Event
from container.fields import Settings
from container.shape import at, text
from container.url import UrlParts
from variables.cookie_value import CookieValue, cookie_value
from variables.event_data import EventData, event_data
from variables.query_parameter import QueryParameter, query_parameter
from variables.request_header import RequestHeader, request_header

_LARGEST_RANDOM = 2**31


def short_form(name: str) -> Getter | None:
    """The getter of `event.value`, `cookie._ttp`, `header.referer` and the like; `None` for any other name."""
    form, _, rest = name.partition(".")
    make = _SHORT_FORMS.get(form) if rest else None
    return None if make is None else make(rest)


def is_quick(name: str) -> bool:
    """Whether the variable takes less than it takes to remember its value."""
    form, _, rest = name.partition(".")
    return is_plain(rest) if rest and form == "event" else name in BUILT_IN and name not in _WORTH_KEEPING


def is_plain(key: str) -> bool:
    """Whether a key of the event data is one look-up and no way to a value inside."""
    return "." not in key and key != "event_name"


def _event_data(key: str) -> Getter:
    return lambda scope: scope.original.data.get(key)


def _of_event(read: Callable[[Event], Any]) -> Getter:
    return lambda scope: read(scope.original)


def _component(read: Callable[[Any, Event], Any], settings: Settings) -> Getter:
    return lambda scope: read(settings, scope.original)


def _page(part: Callable[[UrlParts], str | None]) -> Getter:
    return lambda scope: part(scope.page) if scope.page.full else None


def _region(event: Event) -> str | None:
    places = (at(event.data, f"event_location.{part}") for part in ("country", "region"))
    return "-".join(text(place) for place in places if place) or None


def _random_number(event: Event) -> int:
    return int.from_bytes(event.hit.random(f"Random Number {event.index}")) % _LARGEST_RANDOM


def _consent(name: str) -> Getter:
    def state(scope: Scope) -> str:
        return scope.signal(name).state

    return state


BUILT_IN: Mapping[str, Getter] = {
    "Client Name": _of_event(lambda event: event.client),
    "Event Name": _of_event(lambda event: event.name),
    "Page Hostname": _page(lambda page: page.hostname),
    "Page Path": _page(lambda page: page.path),
    "Page URL": _page(lambda page: page.full),
    "Query String": _of_event(lambda event: event.hit.query or None),
    "Random Number": _of_event(_random_number),
    "Request Method": _of_event(lambda event: event.hit.method),
    "Request Path": _of_event(lambda event: event.hit.path),
    "Visitor Region": _of_event(_region),
    "Event ID": _of_event(lambda event: event.sender_id or None),
    "IP Address": _of_event(lambda event: event.data.get("ip_override") or event.hit.ip),
    "User Agent": _of_event(lambda event: event.data.get("user_agent") or event.hit.headers.get("user-agent")),
    "Referrer": _of_event(lambda event: event.data.get("page_referrer")),
}
"""Built-in variables that read the event. The container's own (`Container ID` …) are added when it is compiled."""

_WORTH_KEEPING = frozenset({"Random Number", "Visitor Region"})

_SHORT_FORMS: Mapping[str, Callable[[str], Getter]] = {
    "event": lambda key: _event_data(key) if is_plain(key) else _component(event_data, EventData(key=key)),
    "cookie": lambda name: _component(cookie_value, CookieValue(cookie=name)),
    "header": lambda name: _component(request_header, RequestHeader(header=name)),
    "request_query": lambda name: _component(query_parameter, QueryParameter(parameter=name)),
    "page_query": lambda name: _page(lambda page: page.parameters.get(name)),
    "consent": _consent,
}
