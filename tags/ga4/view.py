"""The event as this tag sends it: who and where filled in from cookies, and what the settings add and take away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from container.api import Event, ga4_from_browser, missing, normalise
from tags.ga4.settings import HOSTS, SERVER_PATH, WEB_PATH, Ga4Tag

USER_PROPERTIES, USER_DATA, HASHED = "x-ga-mp2-user_properties", "user_data", "x-ga-em"
MEASUREMENT_ID, CLIENT_ID, USER_ID, SESSION_ID = "x-ga-measurement_id", "client_id", "user_id", "ga_session_id"

NO_MEASUREMENT_ID = "it has no measurement_id: neither the tag nor the hit names one"


class View(NamedTuple):
    """An event's name and data, ready to be written in either protocol."""

    name: str
    data: Mapping[str, Any]
    measurement_id: str


def view(settings: Ga4Tag, event: Event, notes: list[str]) -> View:
    """The event under the names of event data, whatever protocol it came by."""
    data: dict[str, Any] = {**event.data}
    for name in settings.drop_parameters:
        data.pop(name, None)
    data |= {name: value for name, value in settings.parameters.items() if not missing(value)}
    measurement_id = normalise.plain(settings.measurement_id) or ""
    stated = {MEASUREMENT_ID: measurement_id or None, CLIENT_ID: settings.client_id, USER_ID: settings.user_id}
    data |= {name: value for name, value in {**stated, SESSION_ID: settings.session_id}.items() if value is not None}
    if settings.user_properties or settings.drop_user_properties:
        data[USER_PROPERTIES] = _user_properties(settings, data.get(USER_PROPERTIES))
    data = _without_user_data(settings, event, data, notes)
    if event.consent.state("analytics_storage") != "denied":
        data = {**ga4_from_browser(event.hit, [data]).data[0]}
    return View(normalise.plain(settings.event) or event.name, data, measurement_id)


def address(settings: Ga4Tag, path: str) -> str:
    """Where requests of the protocol with this path go."""
    stated = settings.endpoint
    if stated is None:
        return HOSTS[settings.region] + path
    base = stated.partition("?")[0].rstrip("/")
    return base.removesuffix(WEB_PATH).removesuffix("/debug" + SERVER_PATH).removesuffix(SERVER_PATH) + path


def _user_properties(settings: Ga4Tag, stated: object) -> dict[str, Any]:
    kept = stated.items() if isinstance(stated, Mapping) else ()
    found = {name: value for name, value in kept if name not in settings.drop_user_properties}
    return found | {name: value for name, value in settings.user_properties.items() if not missing(value)}


def _without_user_data(settings: Ga4Tag, event: Event, data: dict[str, Any], notes: list[str]) -> dict[str, Any]:
    """The data without what Google may not have of a person."""
    if USER_DATA not in data and HASHED not in data:
        return data
    denied = event.consent.state("ad_user_data") == "denied" and not settings.relay
    if denied and settings.user_data == "send":
        notes.append('"user_data" is left out: consent for ad_user_data is denied')
    if denied or settings.user_data == "drop":
        return {name: value for name, value in data.items() if name not in (USER_DATA, HASHED)}
    return data
