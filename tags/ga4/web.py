"""A hit as Google's library for browsers sends it: what came in, with what the tag adds and without what it drops."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from container.api import (
    Event,
    Ga4Written,
    Hit,
    Request,
    Skip,
    at,
    ga4_clear_user_data,
    ga4_gcs,
    ga4_hashed_user_data,
    ga4_header_hints,
    ga4_line,
    ga4_person,
    ga4_server_side_properties,
    ga4_written,
    normalise,
    query_parameters,
)
from tags.ga4.settings import WEB_PATH, Ga4Tag
from tags.ga4.view import CLIENT_ID, HASHED, MEASUREMENT_ID, NO_MEASUREMENT_ID, USER_DATA, View, address

LONGEST_ADDRESS = 2048
"""In characters. Where it would be longer, Google's library moves parameters into a line of the body."""

REPLY_SECONDS = 1.0
"""So long a browser waits for the cookies of another container."""

REDACTED = "::"
OUR_COOKIES = frozenset({"tc_preview"})
"""Cookies of ours, which are no other server's business."""

ANSWER_MARK = "x-ga-mp2-richsstsse"
_TYPE = "text/plain;charset=UTF-8"
_VERSION_2 = re.compile(r"(?:^|[&\n])v=2(?:[&\r\n]|$)")
_OF_SERVERS = frozenset({"timestamp_micros", "session_id", "device", "app_instance_id", "firebase_app_id"})
"""Parameters of the Measurement Protocol that mean nothing in a browser's hit."""

VERSION = "x-ga-protocol_version"
_DBG, _NPA, _GCS, _GCD = "x-ga-system_properties", "x-ga-npa", "x-ga-gcs", "x-ga-gcd"


def speaks_web(hit: Hit) -> bool:
    """Whether a hit came by the protocol of Google's library for browsers."""
    if _VERSION_2.search(hit.query):
        return True
    body = hit.body.lstrip()[:1]
    return body not in (b"", b"{") and _VERSION_2.search(hit.body.decode("latin-1")) is not None


def web_request(settings: Ga4Tag, event: Event, seen: View, notes: list[str]) -> Request | Skip:
    """The request of one event."""
    if not seen.measurement_id:
        return Skip(NO_MEASUREMENT_ID, incomplete=True)
    data = _told(settings, event, seen)
    if not normalise.plain(data.get(CLIENT_ID)):
        notes.append("there is no client_id: GA4 counts no event without one")
    came = _Came(event.hit)
    made = ga4_written(seen.name, data, notes, came_as_parameter=came.as_parameter)
    made.shared.update(_consent(event, data))
    if settings.redact_ip:
        made.shared["_uip"] = REDACTED
    in_clear = _add_person(settings, event, made, data, notes)
    query, body = _laid_out(address(settings, WEB_PATH), made, in_clear=in_clear)
    return Request(
        "POST",
        f"{address(settings, WEB_PATH)}?{query}",
        headers={"Content-Type": _TYPE, **_headers(settings, event, data)},
        body=body,
        account=seen.measurement_id,
        reply_cookies=REPLY_SECONDS if settings.relay and speaks_web(event.hit) else None,
    )


class _Came:
    """What the sender of a hit stated as event parameters."""

    def __init__(self, hit: Hit) -> None:
        self._hit = hit

    def as_parameter(self, name: str) -> bool:
        if not speaks_web(self._hit):
            return False
        stated = query_parameters(self._hit.query + "&" + self._hit.body.decode("utf-8", "replace").replace("\n", "&"))
        return f"ep.{name}" in stated or f"epn.{name}" in stated


def _told(settings: Ga4Tag, event: Event, seen: View) -> dict[str, Any]:
    """The event data of a hit that leaves: nothing that is meant for this container or for another protocol alone."""
    apart = {ANSWER_MARK} if speaks_web(event.hit) else {ANSWER_MARK, *_OF_SERVERS}
    if settings.redact_ip:
        apart.add("ip_override")
    kept: dict[str, Any] = {VERSION: "2", MEASUREMENT_ID: seen.measurement_id}
    kept |= {name: value for name, value in seen.data.items() if name not in apart}
    kept[VERSION] = "2"
    if settings.debug_mode:
        system = kept.get(_DBG)
        kept[_DBG] = {**(system if isinstance(system, Mapping) else {}), "dbg": "1"}
        kept.setdefault("debug_mode", "true")
    return kept


def _consent(event: Event, data: Mapping[str, Any]) -> dict[str, str]:
    """Signals of consent that the hit does not have, and that are known all the same."""
    if _GCD in data or _GCS in data:
        return {}
    copy = at(data, "x-sst-system_properties.gcd")
    if isinstance(copy, str):
        return {"gcd": copy}
    states = ga4_gcs(event.consent)
    found = {} if states is None else {"gcs": states}
    if _NPA not in data and event.consent.state("ad_personalization") == "denied":
        found["npa"] = "1"
    return found


def _add_person(settings: Ga4Tag, event: Event, made: Ga4Written, data: Mapping[str, Any], notes: list[str]) -> bool:
    """Adds user data and what only server containers read; whether some of it is in the clear.

    `em` stays as the browser made it, unless there is more than it says.
    """
    hashed, stated = data.get(HASHED), data.get(USER_DATA)
    known = ga4_hashed_user_data(hashed) if isinstance(hashed, str) else {}
    if settings.relay:
        clear = dict(ga4_clear_user_data(stated, known))
        made.own.update(clear)
        made.shared.update(ga4_server_side_properties(data))
        made.shared.update(_linker(event.hit))
        if isinstance(hashed, str):
            made.shared["em"] = hashed
        return bool(clear)
    made.own.pop(f"ep.{USER_DATA}", None)
    if isinstance(hashed, str) and (stated is None or stated == known):
        made.shared["em"] = hashed
    elif isinstance(stated, Mapping) and (em := ga4_person(stated, notes).em):
        made.shared["em"] = em
    return False


def _linker(hit: Hit) -> Iterator[tuple[str, str]]:
    """The linker's parameter, which is no event data: the other container sets the cookie for it."""
    if "_fplc=" in hit.query and (stated := query_parameters(hit.query).get("_fplc")):
        yield "_fplc", stated


def _laid_out(address: str, made: Ga4Written, *, in_clear: bool) -> tuple[str, str | None]:
    """Query and body: all in the query, if it fits and nobody's name is in it."""
    shared, page, own = map(ga4_line, (made.shared, made.page, made.own))
    before = "&".join(filter(None, (shared, page)))
    whole = f"{before}&{own}"
    if len(address) + 1 + len(whole) <= LONGEST_ADDRESS and not in_clear:
        return whole, None
    if len(address) + 1 + len(before) <= LONGEST_ADDRESS or not page:
        return before, own
    return shared, f"{own}&{page}"


def _headers(settings: Ga4Tag, event: Event, data: Mapping[str, Any]) -> dict[str, str]:
    """What the visitor's browser would say of itself; to another container also who it is and from where."""
    agent = normalise.plain(data.get("user_agent"))
    hints = data.get("client_hints")
    headers = ga4_header_hints(hints) if isinstance(hints, Mapping) else {}
    if agent:
        headers["User-Agent"] = agent
    if not settings.relay or not speaks_web(event.hit):
        return headers
    visitor = normalise.plain(data.get("ip_override"))
    if visitor:
        headers["X-Forwarded-For"] = visitor
    if cookies := _cookies(event.hit):
        headers["Cookie"] = cookies
    return headers | {name: found for name in ("Referer", "Origin") if (found := event.hit.headers.get(name.lower()))}


def _cookies(hit: Hit) -> str:
    return "; ".join(f"{name}={value}" for name, value in hit.cookies.items() if name not in OUR_COOKIES)
