"""From the parameters of a hit to event data: one mapping per event, under the names of GTM's server container."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from container.address import canonical_address
from container.event import Hit
from container.ga4.client_hints import add_header_hints, full_version_list
from container.ga4.hashed import hashed_user_data
from container.ga4.items import item
from container.ga4.keys import (
    CLIENT_HINTS,
    CONSUMED,
    FIELDS,
    HASHED_USER_DATA,
    ITEM_PREFIX,
    PREFIXES,
    ROOT,
    SERVER_SIDE_PROPERTIES,
    SYSTEM_PREFIX,
    SYSTEM_PROPERTIES,
    UNKNOWN_PREFIX,
    USER_DATA,
    USER_PROPERTIES,
    Kind,
)
from container.ga4.user_data import nested
from container.ga4.values import flag_or_text, location, number_or_text
from container.place import location_of
from container.url import query_parameters

_Drawers = dict[str, dict[Any, Any]]
_Place = tuple[str, Any, Callable[[str], Any] | None]
"""Where a parameter goes while a hit is read: a drawer, its name there, and what makes its value of the text."""

_CONVERT: Mapping[Kind, Callable[[str], Any] | None] = {
    "text": None,
    "number": number_or_text,
    "flag": flag_or_text,
    "brands": full_version_list,
    "location": location,
    "address": canonical_address,
}
_ITEMS, _IF_STATED, _CONSUMED = "items", "if stated", "consumed"
_TEXT_USER_DATA, _NUMBER_USER_DATA = "ep.user_data", "epn.user_data"
_DRAWERS = (
    *PREFIXES,
    *(ROOT, CLIENT_HINTS, SYSTEM_PROPERTIES),
    *(_ITEMS, _IF_STATED, _CONSUMED, _TEXT_USER_DATA, _NUMBER_USER_DATA),
)
_LONGEST_ITEM_NUMBER = 6
_LONGEST_REMEMBERED = 64


def events_of(hit: Hit) -> Iterator[tuple[dict[str, str], dict[str, Any]]]:
    """Each event of a hit that has a name: its parameters as sent, and its event data.

    The query is shared; every line of the body is laid over it and is one event. Without a line the query alone is
    one. Lines end in LF or CRLF and are form-encoded, whatever the content type says. One line is read at a time,
    since many short lines over a long query are more work than their bytes suggest.

    A parameter of the protocol wins over an event parameter (`ep.`) of the same name, and a number (`epn.`) over a
    text. Blank values are kept as empty texts; absent ones are absent. User data in the clear wins over hashed user
    data of the same name, and a stated place over what a proxy says.
    """
    shared = query_parameters(hit.query)
    drawers = _sort({name: {} for name in _DRAWERS}, shared)
    lines = [line for line in map(str.strip, hit.body.decode("utf-8", "replace").split("\n")) if line]
    if not lines and shared.get("en"):
        yield shared, _event_data(drawers, hit)
    for line in lines:
        own = query_parameters(line)
        if own.get("en", shared.get("en")):
            copies = {name: dict(content) for name, content in drawers.items()}
            yield {**shared, **own}, _event_data(_sort(copies, own), hit)


def _sort(drawers: _Drawers, parameters: Mapping[str, str]) -> _Drawers:
    for key, value in parameters.items():
        drawer, name, convert = _KNOWN.get(key) or (_place if len(key) <= _LONGEST_REMEMBERED else _find_place)(key)
        drawers[drawer][name] = value if convert is None else convert(value)
    return drawers


def _event_data(drawers: _Drawers, hit: Hit) -> dict[str, Any]:
    items, stated = drawers[_ITEMS], drawers[_IF_STATED]
    add_header_hints(drawers[CLIENT_HINTS], hit.headers)
    data = {**drawers["ep"], **drawers["epn"], **drawers[ROOT]}
    groups: dict[str, Any] = {
        USER_DATA: _user_data(drawers),
        USER_PROPERTIES: {**drawers["up"], **drawers["upn"]},
        CLIENT_HINTS: drawers[CLIENT_HINTS],
        SYSTEM_PROPERTIES: drawers[SYSTEM_PROPERTIES],
        SERVER_SIDE_PROPERTIES: {**drawers["sst"], "request_start_time_ms": hit.received},
        "items": [items[number] for number in sorted(items) if items[number]],
        "event_location": stated.get("event_location") or location_of(hit.headers),
        "ip_override": stated.get("ip_override") or hit.ip or _address_among(data),
        "user_agent": hit.headers.get("user-agent"),
    }
    data.update({name: value for name, value in groups.items() if value})
    return data


def _address_among(data: dict[str, Any]) -> str | None:
    """The address that is among the parameters of an event; what is there and is none is taken out."""
    stated = data.pop("ip_override", None)
    return canonical_address(stated) if isinstance(stated, str) else None


def _user_data(drawers: _Drawers) -> dict[str, Any]:
    stated = nested({**drawers[_TEXT_USER_DATA], **drawers[_NUMBER_USER_DATA]})
    hashed = drawers[ROOT].get(HASHED_USER_DATA)
    return {**hashed_user_data(hashed), **stated} if hashed else stated


def _find_place(key: str) -> _Place:
    field = FIELDS.get(key)
    if field is not None:
        drawer = _IF_STATED if field.kind in ("address", "location") else field.place
        return drawer, field.name, _CONVERT[field.kind]
    prefix, _, name = key.partition(".")
    if name and prefix in PREFIXES:
        return _prefixed(prefix, name)
    if key.startswith(ITEM_PREFIX) and _is_item_number(key[2:]):
        return _ITEMS, int(key[2:]), item
    if not key or key in CONSUMED:
        return _CONSUMED, key, None
    if key.startswith(SYSTEM_PREFIX) and key != SYSTEM_PREFIX:
        return SYSTEM_PROPERTIES, key[1:], None
    return ROOT, UNKNOWN_PREFIX + key, None


# Sites use the same few dozen keys again and again.
_place = lru_cache(maxsize=4096)(_find_place)
_KNOWN = {key: _find_place(key) for key in FIELDS}


def _prefixed(prefix: str, name: str) -> _Place:
    convert = _CONVERT[PREFIXES[prefix].kind]
    head, _, path = name.partition(".")
    if head == USER_DATA and path and PREFIXES[prefix].place == ROOT:
        return f"{prefix}.{USER_DATA}", path, convert
    return prefix, name, convert


def _is_item_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _LONGEST_ITEM_NUMBER
