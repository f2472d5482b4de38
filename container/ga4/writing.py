"""From event data to the parameters of a hit: the way back, over the tables that reading goes by.

What is written is read as the same event data again. A value of another kind than its short name takes (`user_id` as
a number) can only have come as an event parameter, and goes out as one, unless the caller knows better.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yarl

from container.ga4.client_hints import only_of_headers, written_brands
from container.ga4.events import PLACES
from container.ga4.items import written_item
from container.ga4.keys import (
    CLIENT_HINTS,
    CONSUMED,
    FIELDS,
    HASHED_USER_DATA,
    ROOT,
    SERVER_SIDE_PROPERTIES,
    SYSTEM_PREFIX,
    SYSTEM_PROPERTIES,
    UNKNOWN_PREFIX,
    USER_DATA,
    USER_PROPERTIES,
    Kind,
)
from container.ga4.user_data import flattened
from container.ga4.values import written_flag, written_location, written_number, written_text
from container.shape import number, text

MOST_ITEMS = 200

_Write = Callable[[Any], str | None]

_WRITE: Mapping[Kind, _Write] = {
    "text": written_text,
    "number": written_number,
    "flag": written_flag,
    "brands": written_brands,
    "location": written_location,
    "address": written_text,
}
_OF_EVENT = frozenset({"en", "_et", "_fv", "_nsi", "_ss", "_c", "_ee", "edid"})
_OF_PAGE = frozenset(
    {"cc", "ci", "cm", "cn", "cs", "ck", "cu", "dl", "dr", "dt", "dh", "dp", "seg", "sid", "sct", "uid"}
)
_SHARED, _PAGE, _OWN = 0, 1, 2


def _drawer(key: str) -> int:
    return _OWN if key in _OF_EVENT else _PAGE if key in _OF_PAGE else _SHARED


_NAMED: Mapping[str, tuple[str, _Write, int]] = {
    found.name: (key, _WRITE[found.kind], _drawer(key))
    for key, found in FIELDS.items()
    if found.place == ROOT and key not in ("em", "en")
}
_HINTS: Mapping[str, tuple[str, _Write]] = {
    found.name: (key, _WRITE[found.kind]) for key, found in FIELDS.items() if found.place == CLIENT_HINTS
}
_OTHER_SYSTEM_KEYS = CONSUMED | {key for key, found in FIELDS.items() if found.place != SYSTEM_PROPERTIES}
_ARRIVAL = "request_start_time_ms"
"""What reading adds to the server-side properties by itself."""

_ELSEWHERE = frozenset({"event_name", "x-ga-js_client_id"})
"""Event data that is no parameter by itself: the name is stated apart, the browser's own id is for containers only."""

_TEXTS_ELSEWHERE = frozenset({"user_agent", HASHED_USER_DATA})
"""As texts they are a header, and for the caller to write."""

ITEMS = "items"
_MAPPINGS = frozenset({USER_DATA, USER_PROPERTIES, SYSTEM_PROPERTIES, SERVER_SIDE_PROPERTIES, CLIENT_HINTS})
_APART = _MAPPINGS | _TEXTS_ELSEWHERE | {ITEMS}

_EMPTY = yarl.URL()


@dataclass(frozen=True, slots=True)
class Written:
    """The parameters of one event. `shared`: of the visitor and the device; `page`: of page and session; `own`.

    Google's library puts the last of them into a line of the body where an address would become too long, and those of
    the page where that is not enough.
    """

    shared: dict[str, str] = field(default_factory=dict)
    page: dict[str, str] = field(default_factory=dict)
    own: dict[str, str] = field(default_factory=dict)


def _always(_name: str) -> bool:
    return True


def written(
    name: str, data: Mapping[str, Any], notes: list[str], *, came_as_parameter: Callable[[str], bool] = _always
) -> Written:
    """The parameters of an event, without user data, which goes to Google and to other containers in different forms.

    `came_as_parameter`: whether the sender stated a value of this name as an event parameter (`epn.user_id`). It is
    asked of values that their short name cannot hold; where it did not, they are put into it as text.
    What there is no room for is told in the notes.
    """
    made = Written()
    drawers = (made.shared, made.page, made.own)
    own = made.own
    own["en"] = name
    for stated, value in data.items():
        known = _NAMED.get(stated)
        if value is None or stated in _ELSEWHERE:
            continue
        if known is not None:
            key, write, drawer = known
            short = write(value)
            if short is None and write is not written_location and not came_as_parameter(stated):
                short = _forced(value)
            if short is None:
                _add(own, "ep", stated, value)
            # A place without a country has no parameter; every other empty text is one.
            elif short or write is not written_location:
                drawers[drawer][key] = short
        elif stated in _APART and _has_a_place_of_its_own(stated, value):
            if stated == ITEMS:
                own.update(_items(value, notes))
        elif stated.startswith(UNKNOWN_PREFIX) and _is_unknown(stated, value):
            made.shared[stated.removeprefix(UNKNOWN_PREFIX)] = value
        else:
            _add(own, "ep", stated, value)
    _add_mappings(made, data)
    return made


def line_of(parameters: Mapping[str, str]) -> str:
    """The parameters as a query string or a line of the body, blanks as `%20`."""
    return _EMPTY.with_query(parameters).raw_query_string.replace("+", "%20") if parameters else ""


def clear_user_data(user_data: object, known: Mapping[str, Any]) -> dict[str, str]:
    """The parameters in which another container gets user data as it is. `known`: what it gets in hashed form."""
    found: dict[str, str] = {}
    for name, value in user_data.items() if isinstance(user_data, Mapping) else ():
        if name not in known or value != known[name]:
            for path, leaf in flattened(value, f"{USER_DATA}.{name}"):
                _add(found, "ep", path, leaf)
    return found


def server_side_properties(data: Mapping[str, Any]) -> dict[str, str]:
    """The parameters `sst.…`, which are for server containers alone."""
    stated = data.get(SERVER_SIDE_PROPERTIES)
    forced = {name: _forced(value) for name, value in stated.items()} if isinstance(stated, Mapping) else {}
    return {f"sst.{name}": short for name, short in forced.items() if name and name != _ARRIVAL and short is not None}


def _add_mappings(made: Written, data: Mapping[str, Any]) -> None:
    hints, properties, system = data.get(CLIENT_HINTS), data.get(USER_PROPERTIES), data.get(SYSTEM_PROPERTIES)
    if isinstance(hints, Mapping) and not only_of_headers(hints):
        _add_hints(made.shared, hints)
    if isinstance(properties, Mapping):
        for name, value in properties.items():
            _add(made.own, "up", name, value)
    if isinstance(system, Mapping):
        for name, value in system.items():
            key, short = SYSTEM_PREFIX + name, _forced(value)
            if name and short is not None and key not in _OTHER_SYSTEM_KEYS:
                (made.own if key in _OF_EVENT else made.shared)[key] = short


def _add_hints(found: dict[str, str], hints: Mapping[str, Any]) -> None:
    for name, value in hints.items():
        # In its quotes a platform is the header's.
        if name not in _HINTS or (name == "platform" and isinstance(value, str) and value[:1] == '"'):
            continue
        key, write = _HINTS[name]
        short = write(value)
        if short is None and write is not written_brands:
            short = _forced(value)
        if short is not None:
            found[key] = short


def _add(found: dict[str, str], prefix: str, name: str, value: Any) -> None:
    """An event parameter (`ep`, `epn`) or a user property (`up`, `upn`): numbers are marked as such."""
    if not name or value is None:
        return
    if isinstance(value, str):
        found[f"{prefix}.{name}"] = value
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        stated = number(value)
        if stated is not None:
            found[f"{prefix}n.{name}"] = text(stated)
    else:
        found[f"{prefix}.{name}"] = text(value)


def _items(value: Sequence[Any], notes: list[str]) -> dict[str, str]:
    lines = [line for each in value if isinstance(each, Mapping) and (line := written_item(each, notes))]
    if len(lines) < len(value):
        notes.append('entries of "items" are left out: nothing is in them')
    if len(lines) > MOST_ITEMS:
        notes.append(f'entries of "items" are left out: there are more than {MOST_ITEMS}')
    return {f"pr{position}": line for position, line in enumerate(lines[:MOST_ITEMS], 1)}


def _has_a_place_of_its_own(stated: str, value: Any) -> bool:
    """Whether it is written as parameters of other kinds, as a header, or by the caller."""
    if stated in _MAPPINGS:
        return isinstance(value, Mapping)
    return isinstance(value, (list, tuple)) if stated == ITEMS else isinstance(value, str)


def _is_unknown(stated: str, value: Any) -> bool:
    """Whether it is read under this name again when it goes out under the rest of it."""
    key = stated.removeprefix(UNKNOWN_PREFIX)
    return isinstance(value, str) and PLACES[key][1:] == (stated, None)


def _forced(value: Any) -> str | None:
    """A single value as a short name takes it."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "1" if value else "0"
    return None if number(value) is None else text(number(value))
