"""A hit as Google's library for browsers sends it: what came in, with what the tag adds and without what it drops."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from container.api import (
    OUR_COOKIES,
    Event,
    Hit,
    Request,
    Skip,
    ga4_clear_user_data,
    ga4_hashed_user_data,
    ga4_header_hints,
    ga4_line,
    ga4_parted,
    ga4_person,
    ga4_server_side_properties,
    ga4_written,
    normalise,
    query_parameters,
)
from tags.ga4.consent import hit_consent
from tags.ga4.settings import WEB_PATH, Ga4Tag
from tags.ga4.view import (
    CLIENT_ID,
    HASHED,
    NO_MEASUREMENT_ID,
    USER_DATA,
    VERSION,
    View,
    address,
    may_read_cookies,
    public_address,
)

LONGEST_ADDRESS = 2048
"""In characters. Where it would be longer, Google's library moves parameters into a line of the body."""

REPLY_SECONDS = 1.0
"""So long a browser waits for the cookies of another container."""

REDACTED = "::"
ANSWER_MARK = "x-ga-mp2-richsstsse"
_OF_SERVERS = ("timestamp_micros", "session_id", "device", "app_instance_id", "firebase_app_id")
"""Parameters of the Measurement Protocol that mean nothing in a browser's hit."""

_DBG = "x-ga-system_properties"
_WHOLE_PERSON = (f"ep.{USER_DATA}", f"epn.{USER_DATA}")
_OF_PERSON = (f"ep.{USER_DATA}.", f"epn.{USER_DATA}.")


def web_request(settings: Ga4Tag, event: Event, seen: View, notes: list[str]) -> Request | Skip:
    """The request of one event."""
    if not seen.measurement_id:
        return Skip(NO_MEASUREMENT_ID, incomplete=True)
    data, hit, url = seen.data, event.hit, address(settings, WEB_PATH)
    _take_out(settings, seen, notes)
    if not normalise.plain(data.get(CLIENT_ID)):
        notes.append("there is no client_id: GA4 counts no event without one")

    def came_as_parameter(name: str) -> bool:
        """Whether the sender of the hit stated an event parameter of this name."""
        parameters = (f"ep.{name}=", f"epn.{name}=")
        return seen.of_browser and any(each in hit.query or each.encode() in hit.body for each in parameters)

    made = ga4_written(seen.name, data, notes, came_as_parameter=came_as_parameter)
    made |= hit_consent(event, data)
    if settings.redact_ip:
        made["_uip"] = REDACTED
    in_clear = _add_person(settings, hit, made, data, notes)
    query, body = _laid_out(url, made, in_clear=in_clear)
    relays = settings.relay and seen.of_browser
    headers = _headers(data)
    return Request(
        "POST",
        f"{url}{query}",
        headers=headers | _of_visitor(settings, event, data, notes) if relays else headers,
        body=body,
        account=seen.measurement_id,
        reply_cookies=REPLY_SECONDS if relays else None,
    )


def _take_out(settings: Ga4Tag, seen: View, notes: list[str]) -> None:
    """Takes out what is meant for this container or for another protocol alone, and adds what the settings ask for."""
    data = seen.data
    data[VERSION] = "2"
    for name in (ANSWER_MARK,) if seen.of_browser else _OF_SERVERS:
        data.pop(name, None)
    stated = data.get("ip_override")
    if settings.redact_ip:
        data.pop("ip_override", None)
    elif stated and public_address(stated, notes) is None:
        del data["ip_override"]
    if settings.debug_mode:
        system = data.get(_DBG)
        data[_DBG] = {**(system if isinstance(system, Mapping) else {}), "dbg": "1"}
        data.setdefault("debug_mode", "true")


def _add_person(settings: Ga4Tag, hit: Hit, made: dict[str, str], data: Mapping[str, Any], notes: list[str]) -> bool:
    """Adds user data and what only server containers read; whether some of it is in the clear.

    `em` stays as the browser made it, unless there is more than it says.
    """
    hashed, stated = data.get(HASHED), data.get(USER_DATA)
    known = ga4_hashed_user_data(hashed) if isinstance(hashed, str) else {}
    kept = {name: value for name, value in known.items() if name in stated} if isinstance(stated, Mapping) else {}
    if len(kept) < len(known) or USER_DATA in settings.drop_parameters:
        # Somebody excluded user data, which `em` holds as well.
        hashed = ga4_person(kept, notes).em or None
    if settings.relay:
        made |= ga4_clear_user_data(stated, known) | ga4_server_side_properties(data) | _linker(hit)
        if isinstance(hashed, str):
            made["em"] = hashed
        return bool(_of_person(made))
    for name in _of_person(made):
        del made[name]
    if isinstance(hashed, str) and (stated is None or stated == known):
        made["em"] = hashed
    elif isinstance(stated, Mapping) and (em := ga4_person(stated, notes).em):
        made["em"] = em
    return False


def _of_person(made: Mapping[str, str]) -> list[str]:
    """The parameters that hold user data in the clear, in whatever form it was stated."""
    near = [name for name in made if USER_DATA in name]
    return [name for name in near if name in _WHOLE_PERSON or name.startswith(_OF_PERSON)]


def _linker(hit: Hit) -> dict[str, str]:
    """The linker's parameter, which is no event data: the other container sets the cookie for it."""
    stated = query_parameters(hit.query).get("_fplc") if "_fplc=" in hit.query else None
    return {"_fplc": stated} if stated else {}


def _laid_out(url: str, made: Mapping[str, str], *, in_clear: bool) -> tuple[str, str | None]:
    """Query and body: all in the query, if it fits and nobody's name is in it."""
    room = LONGEST_ADDRESS - len(url)
    if not in_clear:
        whole = ga4_line(made)
        if len(whole) <= room:
            return whole, None
    shared, page, own = ga4_parted(made)
    before = ga4_line({**shared, **page})
    if len(before) <= room or not page:
        return before, ga4_line(own)
    return ga4_line(shared), f"{ga4_line(own)}&{ga4_line(page)}"


def _headers(data: Mapping[str, Any]) -> dict[str, str]:
    """What the visitor's browser would say of itself."""
    headers = {"Content-Type": "text/plain;charset=UTF-8"}
    agent, hints = normalise.plain(data.get("user_agent")), data.get("client_hints")
    if agent:
        headers["User-Agent"] = agent
    return headers | ga4_header_hints(hints) if isinstance(hints, Mapping) else headers


def _of_visitor(settings: Ga4Tag, event: Event, data: Mapping[str, Any], notes: list[str]) -> dict[str, str]:
    """What another container has to know as well: from where the visitor comes, and cookies of the browser."""
    hit = event.hit
    stated = {
        "X-Forwarded-For": normalise.plain(data.get("ip_override")),
        "Cookie": _cookies(settings, event, notes),
        "Referer": hit.headers.get("referer"),
        "Origin": hit.headers.get("origin"),
    }
    return {name: value for name, value in stated.items() if value}


def _cookies(settings: Ga4Tag, event: Event, notes: list[str]) -> str:
    """The visitor's cookies that the settings name, as a browser would send them."""
    names, beginnings = _chosen(settings.relay_cookies)
    found = {
        name: value
        for name, value in event.hit.cookies.items()
        if (name in names or name.startswith(beginnings)) and name not in OUR_COOKIES
    }
    if found and not may_read_cookies(event):
        notes.append("the visitor's cookies are left out: consent for analytics_storage is denied")
        return ""
    return "; ".join(f"{name}={value}" for name, value in found.items())


# A tag has the same names for all events.
@lru_cache(maxsize=64)
def _chosen(written: tuple[str, ...]) -> tuple[frozenset[str], tuple[str, ...]]:
    """The names as they are, and what others have to begin with."""
    beginnings = tuple(name[:-1] for name in written if name.endswith("*"))
    return frozenset(name for name in written if not name.endswith("*")), beginnings
