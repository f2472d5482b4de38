"""From the parameters of a hit to event data: one mapping per event, under the names of GTM's server container."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
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

_Drawers = Sequence[dict[Any, Any]]
_Convert = Callable[[str], Any] | None
_Place = tuple[int, Any, _Convert]
"""Where a parameter goes while a hit is read: a drawer, its name there, and what makes its value of the text."""

_CONVERT: Mapping[Kind, _Convert] = {
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
    *("ep", "epn", "up", "upn", "sst"),
    *(ROOT, CLIENT_HINTS, SYSTEM_PROPERTIES),
    *(_ITEMS, _IF_STATED, _TEXT_USER_DATA, _NUMBER_USER_DATA, _CONSUMED),
)
"""In the order in which `_event_data` takes them."""

_LONGEST_ITEM_NUMBER = 6
LONGEST_REMEMBERED, MOST_REMEMBERED = 64, 4096
"""Names of parameters come from outside: so long ones are remembered, and so many."""


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
    lines = _lines(hit.body) if hit.body else ()
    if not lines and not shared.get("en"):
        return
    drawers, place = _sorted(shared), location_of(hit.headers)
    if not lines:
        yield shared, _event_data(drawers, hit, place)
    for line in lines:
        own = query_parameters(line)
        if own.get("en", shared.get("en")):
            yield {**shared, **own}, _event_data(_laid_over(drawers, _sorted(own)), hit, place)


def _lines(body: bytes) -> Sequence[str]:
    return [line for line in map(str.strip, body.decode("utf-8", "replace").split("\n")) if line]


def _sorted(parameters: Mapping[str, str]) -> _Drawers:
    drawers: _Drawers = [{} for _ in _DRAWERS]
    for key, value in parameters.items():
        drawer, name, convert = PLACES[key]
        drawers[drawer][name] = value if convert is None else convert(value)
    return drawers


def _laid_over(below: _Drawers, above: _Drawers) -> _Drawers:
    return [{**lower, **upper} if upper else lower for lower, upper in zip(below, above, strict=True)]


def _event_data(drawers: _Drawers, hit: Hit, place: dict[str, str]) -> dict[str, Any]:
    ep, epn, up, upn, sst, root, hints, system, items, stated, texts, numbers, _ = drawers
    data = {**ep, **epn, **root}
    place = stated.get("event_location") or place
    address = stated.get("ip_override") or hit.ip or _address_among(data)
    agent = hit.headers.get("user-agent")
    hints = {**hints}
    add_header_hints(hints, hit.headers)
    if texts or numbers or HASHED_USER_DATA in root:
        _add_user_data(data, {**texts, **numbers}, root.get(HASHED_USER_DATA))
    if up or upn:
        data[USER_PROPERTIES] = {**up, **upn}
    if hints:
        data[CLIENT_HINTS] = hints
    if system:
        data[SYSTEM_PROPERTIES] = {**system}
    data[SERVER_SIDE_PROPERTIES] = {**sst, "request_start_time_ms": hit.received}
    listed = [items[number] for number in sorted(items) if items[number]]
    if listed:
        data["items"] = listed
    if place:
        data["event_location"] = {**place}
    if address:
        data["ip_override"] = address
    if agent:
        data["user_agent"] = agent
    return data


def _add_user_data(data: dict[str, Any], stated: dict[str, Any], hashed: str | None) -> None:
    user_data = {**(hashed_user_data(hashed) if hashed else {}), **nested(stated)}
    if user_data:
        data[USER_DATA] = user_data


def _address_among(data: dict[str, Any]) -> str | None:
    """The address that is among the parameters of an event; what is there and is none is taken out."""
    stated = data.pop("ip_override", None)
    return canonical_address(stated) if isinstance(stated, str) else None


def _find_place(key: str) -> tuple[str, Any, _Convert]:
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


def _prefixed(prefix: str, name: str) -> tuple[str, Any, _Convert]:
    convert = _CONVERT[PREFIXES[prefix].kind]
    head, _, path = name.partition(".")
    if head == USER_DATA and path and PREFIXES[prefix].place == ROOT:
        return f"{prefix}.{USER_DATA}", path, convert
    return prefix, name, convert


def _is_item_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _LONGEST_ITEM_NUMBER


class _Places(dict[str, _Place]):
    """The places of parameters. Sites use the same few dozen again and again, so those are remembered.

    A dictionary answers in half the time that a function with a cache takes.
    """

    def __missing__(self, key: str) -> _Place:
        drawer, name, convert = _find_place(key)
        place = _DRAWERS.index(drawer), name, convert
        if len(key) <= LONGEST_REMEMBERED:
            if len(self) >= MOST_REMEMBERED:
                self.clear()
            self[key] = place
        return place


PLACES = _Places()
