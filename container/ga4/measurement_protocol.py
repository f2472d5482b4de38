"""From the JSON of a Measurement Protocol request to event data, or to the reason why it is not taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from container.address import canonical_address
from container.event import Consent, Hit
from container.ga4.keys import USER_DATA, USER_PROPERTIES
from container.ga4.measurement_protocol_body import read
from container.ga4.measurement_protocol_consent import consent_of, no_personalisation
from container.ga4.values import location
from container.place import location_of
from container.shape import filled, missing, moment, number
from container.url import query_parameters, url_parts

MOST_EVENTS = 100
"""Google documents 25. More are taken, since nothing is gained by losing them; past this all of them are refused."""

MOST_MISPLACED = 100
"""Parameters that stand beside the members of a request are in each of its events, so there is an end to them."""

IDENTIFIERS = ("client_id", "app_instance_id", "user_id")

CLICK_IDS = (
    *("gclid", "gbraid", "wbraid", "dclid", "fbclid", "fbc", "_fbc", "ttclid", "msclkid", "li_fat_id"),
    *("ScCid", "sccid", "epik", "twclid", "rdt_cid"),
)
"""What an ad platform adds to an address to recognise a click, and the cookies and parameters named after it."""

CONSENT = frozenset({"consent", "non_personalized_ads"})
MEMBERS = CONSENT | {
    *IDENTIFIERS,
    *("timestamp_micros", "user_properties", "user_data", "user_location", "ip_override", "device", "user_agent"),
    *("validation_behavior", "events"),
}
"""What the protocol knows at the top of a body."""

OF_EVENT = frozenset({"name", "params", "timestamp_micros"})
"""What it knows of an event."""

_OF_VISITOR = frozenset({"ip_override", "user_agent"})

_NOBODY = (
    'Nobody could be recognised by this: it has none of "client_id", "app_instance_id", "user_id", "user_data" and '
    "no click id."
)

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not taken: the status of the answer, and a sentence for whoever sent it."""

    status: int
    reason: str


def events_of(hit: Hit, *, visitor_sends: bool = False) -> list[tuple[Json, Consent]] | Refusal:
    """The event data and the consent of each event of a request; a request is taken whole or not at all.

    Parameters keep their types and stand at the root. Members of the request win over parameters of the same name; a
    member of the wrong kind is left out. `visitor_sends`: the request comes from the visitor's own device, so that its
    address, user agent and place are the visitor's, where the body does not state them.
    """
    payload, problem = read(hit.body, strictly=True)
    if problem:
        return Refusal(400, problem)
    if not isinstance(payload, dict):
        return Refusal(400, "The body is JSON, but no object with events.")
    misplaced = {name: value for name, value in payload.items() if name not in MEMBERS}
    refusal = _refusal(payload.get("events"), len(misplaced))
    if refusal is not None:
        return refusal
    events: list[Json] = payload["events"]
    shared = {**_members(payload), **_of_query(hit)}
    parameters = [_parameters(misplaced, event) for event in events]
    members = [_members(event) for event in events]
    if not _is_identified(hit, [shared, *parameters, *members]):
        return Refusal(400, _NOBODY)
    consent = consent_of(payload)
    visitor = _visitor(hit) if visitor_sends else {}
    return [
        (
            _event_data(payload, event, given, {**shared, **own}, visitor),
            consent_of(payload, event) if event.keys() & CONSENT else consent,
        )
        for event, given, own in zip(events, parameters, members, strict=True)
    ]


def _visitor(hit: Hit) -> Json:
    """What a request of the visitor's own device says by itself: address, user agent, and the place by its proxy."""
    place = location_of(hit.headers)
    return filled(ip_override=hit.ip, user_agent=hit.headers.get("user-agent"), event_location=place)


def _refusal(events: object, misplaced: int) -> Refusal | None:
    if not isinstance(events, list) or not events:
        return Refusal(400, '"events" is missing: a list with at least one event.')
    if len(events) > MOST_EVENTS:
        return Refusal(413, f"There are {len(events)} events; {MOST_EVENTS} are taken at once. Nothing was taken.")
    for index, event in enumerate(events):
        name = event.get("name") if isinstance(event, dict) else None
        if not isinstance(name, str) or not name.strip():
            return Refusal(400, f'"events[{index}]" has no name. Nothing was taken.')
    if misplaced > MOST_MISPLACED:
        return Refusal(400, f"There are {misplaced} parameters outside of events. Nothing was taken.")
    return None


def _parameters(misplaced: Json, event: Json) -> Json:
    """The parameters of an event: its own, then what stands beside them, then what the request has beside its members.

    Senders put `session_id` or `debug_mode` into the wrong place; nothing of it is lost. What is null is absent.
    """
    own = event.get("params")
    places = (
        misplaced,
        {name: value for name, value in event.items() if name not in MEMBERS and name not in OF_EVENT},
        own if isinstance(own, dict) else {},
    )
    return {name: value for place in places for name, value in place.items() if value is not None}


def _members(stated: Json) -> Json:
    """The members that the protocol knows, under the names of event data."""
    personalised = no_personalisation(stated)
    found = {
        **{name: _identifier(stated.get(name)) for name in IDENTIFIERS},
        USER_DATA: _mapping(stated.get("user_data")),
        USER_PROPERTIES: _user_properties(stated.get("user_properties")),
        "event_location": _location(stated.get("user_location")),
        "ip_override": _address(stated),
        "device": _mapping(stated.get("device")),
        "user_agent": _text(stated.get("user_agent")),
        "x-ga-npa": None if personalised is None else str(int(personalised)),
    }
    return filled(**found)


def _of_query(hit: Hit) -> Json:
    query = query_parameters(hit.query)
    stated = {
        "x-ga-protocol_version": "2",
        "x-ga-measurement_id": query.get("measurement_id"),
        "firebase_app_id": query.get("firebase_app_id"),
    }
    return filled(**stated)


def _event_data(payload: Json, event: Json, parameters: Json, members: Json, visitor: Json) -> Json:
    data = {**_believed(parameters), **members, "event_name": event["name"]}
    data.update({name: value for name, value in visitor.items() if missing(data.get(name))})
    session = _text(data.get("session_id")) or _text(data.get("ga_session_id"))
    if session:
        data["ga_session_id"] = session
    engagement = number(data.get("engagement_time_msec"))
    if engagement is not None:
        data["engagement_time_msec"] = engagement
    micros = _micros(event.get("timestamp_micros"), data.pop("timestamp_micros", None), payload.get("timestamp_micros"))
    if micros is not None:
        data["timestamp_micros"] = micros
    return data


def _believed(parameters: Json) -> Json:
    """The parameters, of address and user agent only what is one: tags take them for the visitor's."""
    if parameters.keys().isdisjoint(_OF_VISITOR):
        return parameters
    rest = {name: value for name, value in parameters.items() if name not in _OF_VISITOR}
    return {**rest, **filled(ip_override=_address(parameters), user_agent=_text(parameters.get("user_agent")))}


def _address(stated: Mapping[str, Any]) -> str | None:
    return canonical_address(_text(stated.get("ip_override")))


def _is_identified(hit: Hit, places: Sequence[Json]) -> bool:
    """Whether anything in the request could tell a vendor who it was."""
    if any(not missing(place.get(name)) for place in places for name in (*IDENTIFIERS, USER_DATA, *CLICK_IDS)):
        return True
    if any(hit.cookies.get(name) for name in CLICK_IDS):
        return True
    return any(_has_click_id(place.get("page_location")) for place in places)


def _has_click_id(page: object) -> bool:
    parameters = url_parts(page).parameters if isinstance(page, str) else {}
    return any(parameters.get(name) for name in CLICK_IDS)


def _user_properties(stated: object) -> Json:
    """The values without the wrappers around them. A property whose value is null is absent."""
    found = _mapping(stated).items()
    values = ((name, each.get("value") if isinstance(each, dict) else each) for name, each in found)
    return {name: value for name, value in values if value is not None}


def _location(stated: object) -> dict[str, str]:
    """City, country and region under the names that browsers' hits give them: region `US-CA` is `CA` in `US`."""
    given = {name: _text(value) for name, value in _mapping(stated).items()}
    region = given.get("region_id", "")
    # ISO 3166-2 has the country in front; a region without it is taken as it stands.
    of_region = location(region) if "-" in region else {"region": region}
    country = given.get("country_id") or of_region.get("country")
    rest = {name: given.get(name) for name in ("city", "subcontinent_id", "continent_id")}
    return filled(country=country, region=of_region.get("region"), **rest)


def _micros(*stated: object) -> int | None:
    """The first that is a time: of the event, of its parameters, of the request."""
    for value in stated:
        found = number(value)
        if found is not None and moment(found) is not None:
            return int(found)
    return None


def _identifier(value: object) -> str:
    """The text of an id, empty for none. A number with a fraction has lost digits on its way, so it is none."""
    text = _text(value)
    return text if text.strip() else ""


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
