"""The event as this tag sends it: who and where filled in from cookies, and what the settings add and take away."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from container.api import Event, Hit, conversion, ga4_from_browser, ga4_nested, missing, normalise
from tags.ga4.settings import CHECKING_PATH, HOSTS, SERVER_PATH, WEB_PATH, Ga4Tag

USER_PROPERTIES, USER_DATA, HASHED = "x-ga-mp2-user_properties", "user_data", "x-ga-em"
VERSION, MEASUREMENT_ID = "x-ga-protocol_version", "x-ga-measurement_id"
CLIENT_ID, USER_ID, SESSION_ID = "client_id", "user_id", "ga_session_id"

_OF_PERSON = f"{USER_DATA}."
_VERSION_2 = re.compile(r"(?:^|[&\n])v=2(?:[&\r\n]|$)")

NO_MEASUREMENT_ID = "it has no measurement_id: neither the tag nor the hit names one"


class View(NamedTuple):
    """An event ready to be written in either protocol. `data`: its own, so that a writer may take from it.

    `of_browser`: whether the hit came by the protocol of Google's library for browsers.
    """

    name: str
    data: dict[str, Any]
    measurement_id: str
    of_browser: bool


def view(settings: Ga4Tag, event: Event, notes: list[str]) -> View:
    """The event under the names of event data, whatever protocol it came by."""
    measurement_id = normalise.plain(settings.measurement_id) or ""
    data: dict[str, Any] = {VERSION: "2", MEASUREMENT_ID: None, **event.data}
    for name in settings.drop_parameters:
        data.pop(name, None)
    if settings.parameters:
        data |= {name: value for name, value in settings.parameters.items() if not missing(value)}
        _gather_person(settings, data)
    data[MEASUREMENT_ID] = measurement_id or None
    _identify(settings, data)
    if settings.user_properties or settings.drop_user_properties:
        data[USER_PROPERTIES] = _user_properties(settings, data.get(USER_PROPERTIES))
    if USER_DATA in data or HASHED in data:
        _hide_person(settings, event, data, notes)
    if (missing(data.get(CLIENT_ID)) or missing(data.get(SESSION_ID))) and may_read_cookies(event):
        data = _with_cookies(settings, event, data)
    return View(normalise.plain(settings.event) or event.name, data, measurement_id, speaks_web(event.hit))


def speaks_web(hit: Hit) -> bool:
    """Whether a hit came by the protocol of Google's library for browsers."""
    if _VERSION_2.search(hit.query):
        return True
    body = hit.body.lstrip()[:1]
    return body not in (b"", b"{") and _VERSION_2.search(hit.body.decode("latin-1")) is not None


def may_read_cookies(event: Event) -> bool:
    """Whether the visitor lets anybody look into the browser's cookies."""
    return event.consent.state("analytics_storage") != "denied"


def public_address(stated: object, notes: list[str]) -> str | None:
    """An address that can be the visitor's. Any other one is told."""
    reason = "it is no public address"
    return conversion.told_form("ip_override", stated, normalise.public_address, notes, reason=reason)


def address(settings: Ga4Tag, path: str) -> str:
    """Where requests of the protocol with this path go, up to the first parameter."""
    stated = settings.endpoint
    if stated is None:
        return f"{HOSTS[settings.region]}{path}?"
    base, _, query = stated.partition("?")
    base = base.rstrip("/")
    checks = path == SERVER_PATH and base.endswith(CHECKING_PATH)
    base = base.removesuffix(WEB_PATH).removesuffix(CHECKING_PATH).removesuffix(SERVER_PATH)
    return f"{base}{CHECKING_PATH if checks else path}?{query and query + '&'}"


def _gather_person(settings: Ga4Tag, data: dict[str, Any]) -> None:
    """Puts what the settings add to user data by paths where user data stands: it is nothing to send as it is."""
    paths = [name for name in settings.parameters if name.startswith(_OF_PERSON) and name in data]
    if paths:
        added = {name.removeprefix(_OF_PERSON): data.pop(name) for name in paths}
        stated = data.get(USER_DATA)
        data[USER_DATA] = {**(stated if isinstance(stated, Mapping) else {}), **ga4_nested(added)}


def _user_properties(settings: Ga4Tag, stated: object) -> dict[str, Any]:
    kept = stated.items() if isinstance(stated, Mapping) else ()
    found = {name: value for name, value in kept if name not in settings.drop_user_properties}
    return found | {name: value for name, value in settings.user_properties.items() if not missing(value)}


def _identify(settings: Ga4Tag, data: dict[str, Any]) -> None:
    """Puts in the ids that the settings state."""
    if settings.client_id is not None:
        data[CLIENT_ID] = settings.client_id
    if settings.user_id is not None:
        data[USER_ID] = settings.user_id
    if settings.session_id is not None:
        data[SESSION_ID] = settings.session_id


def _with_cookies(settings: Ga4Tag, event: Event, data: Mapping[str, Any]) -> dict[str, Any]:
    """The event with what the browser's cookies say, without what the settings drop."""
    found = {**ga4_from_browser(event.hit, [data]).data[0]}
    for name in settings.drop_parameters:
        if name not in data:
            found.pop(name, None)
    return found


def _hide_person(settings: Ga4Tag, event: Event, data: dict[str, Any], notes: list[str]) -> None:
    """Takes out what Google may not have of a person."""
    denied = event.consent.state("ad_user_data") == "denied"
    if denied and settings.user_data == "send":
        notes.append('"user_data" is left out: consent for ad_user_data is denied')
    if denied or settings.user_data == "drop":
        data.pop(USER_DATA, None)
        data.pop(HASHED, None)
