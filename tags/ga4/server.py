"""An event by the Measurement Protocol: what no browser sent, or what is to leave as if none had."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from container.api import (
    Batch,
    Event,
    Request,
    SecretText,
    Skip,
    filled,
    ga4_person,
    ga4_rules,
    moment,
    normalise,
    number,
    text,
)
from tags.ga4.consent import server_consent
from tags.ga4.parameters import ANALYTICS_360, RELAYED, STANDARD, Limits, parameters, user_properties, within
from tags.ga4.settings import SERVER_PATH, Ga4Tag
from tags.ga4.size import fitting
from tags.ga4.view import (
    NO_MEASUREMENT_ID,
    SESSION_ID,
    USER_DATA,
    USER_ID,
    USER_PROPERTIES,
    View,
    address,
    public_address,
)

BATCH = Batch("events", max_items=ga4_rules.MOST_EVENTS, max_bytes=ga4_rules.MOST_BYTES - 1)
OLDEST_MS = ga4_rules.OLDEST_HOURS * 3_600_000
BROWSERS = ("Mozilla/", "Opera/")
"""How the user agents of browsers begin. By any other one Google would take a visitor for a program."""

UNSIGNED = "no browser sent this event, and by the Measurement Protocol it needs api_secret"
UNSIGNED_OF_A_BROWSER = "`protocol` has the hit leave by the Measurement Protocol, which needs api_secret"

Json = dict[str, Any]


def server_request(settings: Ga4Tag, event: Event, seen: View, notes: list[str]) -> Request | Skip:
    """The request of one event, which events of the same visitor may join."""
    limits = RELAYED if settings.relay else ANALYTICS_360 if settings.analytics_360 else STANDARD
    stream = _stream(settings, seen)
    visitor = {"client_id" if stream[0] == "measurement_id" else "app_instance_id": ""}
    visitor = {name: normalise.plain(seen.data.get(name)) or "" for name in visitor}
    skip = _lacking(settings, event, seen, stream, visitor)
    if skip is not None:
        return skip
    envelope = {**visitor, **_envelope(settings, event, seen, limits, notes)}
    item = _item(settings, event, seen, limits, notes)
    if not settings.relay:
        fit = fitting(envelope, item, notes)
        if isinstance(fit, Skip):
            return fit
        envelope, item = fit
    return Request(
        "POST",
        _url(settings, stream),
        headers={"Content-Type": "application/json"},
        json=envelope,
        item=item,
        batch=BATCH,
        account=stream[1],
    )


def _stream(settings: Ga4Tag, seen: View) -> tuple[str, str]:
    """The name of the stream's parameter in the address, and the stream: of a website or of an app."""
    app = normalise.plain(settings.firebase_app_id)
    if app and (not seen.measurement_id or "app_instance_id" in seen.data):
        return "firebase_app_id", app
    return "measurement_id", seen.measurement_id


def _lacking(settings: Ga4Tag, event: Event, seen: View, stream: tuple[str, str], visitor: Json) -> Skip | None:
    """Why GA4 would make nothing of the event; `None` where it would."""
    [(name, identity)] = visitor.items()
    if not stream[1]:
        return Skip(NO_MEASUREMENT_ID, incomplete=True)
    if settings.api_secret is None and not settings.relay:
        return Skip(UNSIGNED_OF_A_BROWSER if seen.of_browser else UNSIGNED, incomplete=True)
    if not identity:
        return Skip(f"it has no {name}: GA4 counts no event without one", incomplete=True)
    if settings.relay:
        return None
    elsewhere = seen.name in ga4_rules.EVENTS_OF_APPS and stream[0] != "firebase_app_id"
    reserved = seen.name in ga4_rules.RESERVED_EVENTS or seen.name.startswith(ga4_rules.RESERVED_PREFIXES)
    if reserved or elsewhere:
        return Skip(f'"{seen.name}" is an event that only Google itself may send; `event` can rename it')
    if event.hit.received - event.time > OLDEST_MS:
        return Skip(f"GA4 takes events for {ga4_rules.OLDEST_HOURS} hours, and this one is older")
    return None


def _url(settings: Ga4Tag, stream: tuple[str, str]) -> str | SecretText:
    name, value = stream
    url = f"{address(settings, SERVER_PATH)}{name}={quote(value.encode('utf-8', 'replace'), safe='')}"
    secret = settings.api_secret
    return url if secret is None else SecretText((f"{url}&api_secret=", secret))


def _envelope(settings: Ga4Tag, event: Event, seen: View, limits: Limits, notes: list[str]) -> Json:
    """What holds for all events of a request, without the visitor's id."""
    data = seen.data
    agent = normalise.plain(_of_visitor(settings, seen, "user_agent", event.hit.headers.get("user-agent")))
    stated_address = _of_visitor(settings, seen, "ip_override", event.hit.ip)
    found = {
        "user_id": _user_id(data, notes),
        "timestamp_micros": event.time * 1000 if _states_its_time(event) else None,
        "user_properties": user_properties(data.get(USER_PROPERTIES), limits, notes),
        "user_data": _user_data(settings, data.get(USER_DATA), notes),
        "consent": server_consent(event),
        "ip_override": None if settings.redact_ip else public_address(stated_address, notes),
        "device": _device(data.get("device")),
        "user_agent": agent if agent and (settings.relay or agent.startswith(BROWSERS)) else None,
    }
    found["user_location"] = _location(data.get("event_location"), alone=not found["ip_override"])
    return filled(**found)


def _of_visitor(settings: Ga4Tag, seen: View, name: str, of_hit: str | None) -> Any:
    """What the event says, else the hit. A browser's hit has it in the event, unless somebody took it out there."""
    taken_out = seen.of_browser or name in settings.drop_parameters
    return seen.data.get(name) or (None if taken_out else of_hit)


def _item(settings: Ga4Tag, event: Event, seen: View, limits: Limits, notes: list[str]) -> Json:
    data = seen.data
    params: Json = {}
    session = _session(data, notes)
    if session is not None:
        params["session_id"] = session
    params["engagement_time_msec"] = max(1, number(data.get("engagement_time_msec")) or 1)
    if settings.debug_mode:
        params["debug_mode"] = 1
    item = {"name": _name(seen.name, notes), "params": within(parameters(data, limits, notes) | params, limits, notes)}
    return item if _states_its_time(event) else {**item, "timestamp_micros": _micros(event)}


def _name(name: str, notes: list[str]) -> str:
    if not ga4_rules.NAME.fullmatch(name) or len(name) > ga4_rules.LONGEST_NAME:
        notes.append(
            f"GA4 may not count the event: its name has to begin with a letter, with {ga4_rules.LONGEST_NAME} letters, "
            "digits and underscores at most"
        )
    return name.encode("utf-8", "replace").decode()


def _user_id(data: Mapping[str, Any], notes: list[str]) -> str | None:
    stated = normalise.plain(data.get(USER_ID))
    if stated is not None and len(stated) > ga4_rules.LONGEST_USER_ID:
        notes.append(f'"user_id" is left out: it is longer than {ga4_rules.LONGEST_USER_ID} characters')
        return None
    return stated


def _session(data: Mapping[str, Any], notes: list[str]) -> str | None:
    stated = normalise.plain(data.get(SESSION_ID)) or normalise.plain(data.get("session_id"))
    if stated is not None and stated.isascii() and stated.isdigit():
        return stated
    told = "it is missing" if stated is None else "it is left out, since it is no number"
    notes.append(f'"session_id": {told}. GA4 counts the event to no session')
    return None


def _states_its_time(event: Event) -> bool:
    """Whether the event has an `event_time`, which then stands where Google's example of a single event has it."""
    stated = event.data.get("event_time")
    return stated is not None and moment(stated) == event.time


def _micros(event: Event) -> int:
    """The event's time, as exact as its sender said it."""
    stated = number(event.data.get("timestamp_micros"))
    if stated is not None and stated >= 10**14 and moment(stated) == event.time:
        return int(stated)
    return event.time * 1000


def _user_data(settings: Ga4Tag, stated: object, notes: list[str]) -> Any:
    if not isinstance(stated, Mapping):
        return None
    return stated if settings.relay else ga4_person(stated, notes).document


def _device(stated: object) -> dict[str, str]:
    listed = stated.items() if isinstance(stated, Mapping) else ()
    return {name: found for name, value in listed if (found := normalise.plain(value)) is not None}


def _location(stated: object, *, alone: bool) -> dict[str, str]:
    """Where the visitor is. GA4 prefers it to the address, so it is only sent where it knows more, or is `alone`."""
    if not isinstance(stated, Mapping):
        return {}
    given = {name: text(value).strip() for name, value in stated.items() if isinstance(value, str)}
    country = given.get("country", "").upper()
    region = given.get("region", "").upper()
    coded = {
        "country_id": country,
        "region_id": f"{country}-{region}",
        "subcontinent_id": given.get("subcontinent_id", ""),
        "continent_id": given.get("continent_id", ""),
    }
    found = {name: value for name, value in coded.items() if ga4_rules.LOCATION_FORMS[name][0].fullmatch(value)}
    city = normalise.plain(given.get("city"))
    if city is not None:
        return {"city": city, **found}
    return found if alone else {}
