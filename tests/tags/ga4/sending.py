"""From a hit over the client to the tag, and what leaves read again as another server would."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from clients.ga4 import Ga4, ga4
from clients.measurement_protocol import MeasurementProtocol, measurement_protocol
from container.case import hit_from_json
from container.effects import Note, Request, Skip
from container.event import Consent, Event, Hit
from container.ga4 import consent_of, events_of
from container.testing import resolved
from tags.ga4 import ga4 as ga4_tag
from tags.ga4.settings import Ga4Tag

NOW = 1_767_261_600_000
SECRET = "${secret:GA4_API_SECRET}"
RELAY: Mapping[str, Any] = {"relay": True, "endpoint": "https://sgtm.shop.example"}


def events_in(**members: Any) -> list[Event]:
    """The events that the client reads out of a hit; none where it does not take it."""
    claim = ga4(Ga4(), hit_from_json({"method": "POST", "path": "/g/collect", "time": NOW, **members}))
    return [] if claim is None else list(claim.events)


def server_events_in(**members: Any) -> list[Event]:
    """The same for what servers send."""
    hit = hit_from_json({"method": "POST", "path": "/mp/collect", "time": NOW, **members})
    claim = measurement_protocol(MeasurementProtocol(), hit)
    return [] if claim is None else list(claim.events)


def effects_of(event: Event, **stated: Any) -> list[Any] | Skip:
    made = resolved(Ga4Tag, stated, event)
    assert isinstance(made, Ga4Tag)
    return ga4_tag(made, event)


def sent(event: Event, **stated: Any) -> Request:
    """The request that the tag makes of the event."""
    effects = effects_of(event, **stated)
    assert isinstance(effects, list), effects
    request = effects[0]
    assert isinstance(request, Request)
    return request


def notes_of(event: Event, **stated: Any) -> list[str]:
    effects = effects_of(event, **stated)
    assert isinstance(effects, list), effects
    return [effect.text for effect in effects if isinstance(effect, Note)]


def hit_of(request: Request) -> Hit:
    """The request as whoever receives it sees it."""
    assert isinstance(request.url, str)
    assert request.body is None or isinstance(request.body, str)
    headers = {name.lower(): str(value) for name, value in request.headers.items()}
    address = urlsplit(request.url)
    return Hit(bytes(16), NOW, request.method, address.path, address.query, headers, (request.body or "").encode())


def read_again(request: Request) -> tuple[dict[str, Any], Consent]:
    """The only event of a request, as event data, and its consent."""
    [(parameters, data)] = events_of(hit_of(request))
    return data, consent_of(parameters)


def parameters_of(request: Request) -> dict[str, str]:
    """The parameters of a request, whether they stand in the query or in the body."""
    [(parameters, _)] = events_of(hit_of(request))
    return parameters
