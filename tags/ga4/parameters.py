"""Parameters, items and user properties of the Measurement Protocol, within Google's limits.

What is too long is cut as Google cuts it, what Google has no place for is left out; both are told in the notes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from container.api import ga4_rules as rules
from container.api import missing, normalise, number


@dataclass(frozen=True, slots=True)
class Limits:
    """What a property takes: parameters of an event, and characters of a value."""

    parameters: int = rules.MOST_PARAMETERS
    value: int = rules.LONGEST_VALUE


STANDARD = Limits()
ANALYTICS_360 = Limits(parameters=100, value=500)
RELAYED = Limits(parameters=1000, value=normalise.LONGEST_TEXT)
"""Another container makes its own choice."""

ESSENTIAL = (
    *("session_id", "engagement_time_msec", "debug_mode", "transaction_id", "value", "currency", "items", "tax"),
    *("shipping", "coupon", "page_location", "page_referrer", "page_title"),
)
"""What stays when there are too many parameters."""

CAMPAIGN: Mapping[str, str] = {
    "campaign_name": "campaign",
    "campaign_source": "source",
    "campaign_medium": "medium",
    "campaign_term": "term",
    "campaign_content": "content",
}
"""Names that a campaign's parameters have in this protocol."""

APART = frozenset(
    (
        *("event_name", "client_id", "user_id", "app_instance_id", "firebase_app_id", "user_data", "client_hints"),
        *("event_location", "ip_override", "user_agent", "device", "timestamp_micros", "event_time", "timestamp"),
        *("ga_session_id", "ga_session_number", "session_id", "engagement_time_msec"),
    )
)
"""Event data that has another place in a request, or none."""

OF_BROWSERS = frozenset({"event_id", "language", "screen_resolution", "viewport_size", "page_encoding"})
"""What GA4 makes nothing of as a parameter, and what would use up the place of one."""

_INTERNAL = "x-"
_CURRENCY = "currency"
_KEPT = "Google keeps this name for itself"


def parameters(data: Mapping[str, Any], limits: Limits, notes: list[str]) -> dict[str, Any]:
    """The parameters of an event, without those of its session."""
    apart = APART if limits is RELAYED else APART | OF_BROWSERS
    found: dict[str, Any] = {}
    for name, value in data.items():
        if name in apart or name.startswith(_INTERNAL) or missing(value):
            continue
        if name == "items":
            if listed := _items(value, limits, notes):
                found[name] = listed
        elif _is_name(name, notes):
            longest = max(limits.value, rules.LONGEST_VALUES.get(name, 0))
            kept = _value(name, value, longest, notes)
            if kept is not None and limits is RELAYED:
                found[name] = kept
            elif kept is not None:
                found[CAMPAIGN.get(name, name)] = _meant(name, kept, rules.NUMBERS, notes)
    return found


def within(found: dict[str, Any], limits: Limits, notes: list[str]) -> dict[str, Any]:
    """As many parameters as a property takes, the essential ones first."""
    if len(found) <= limits.parameters:
        return found
    left_out = len(found) - limits.parameters
    notes.append(f"{left_out} parameters are left out: GA4 takes {limits.parameters} of an event")
    order = [name for name in ESSENTIAL if name in found]
    order += [name for name in found if name not in ESSENTIAL]
    return {name: found[name] for name in order[: limits.parameters]}


def user_properties(stated: object, limits: Limits, notes: list[str]) -> dict[str, Any]:
    """The user properties, each in the wrapper of the protocol."""
    listed = stated.items() if isinstance(stated, Mapping) else ()
    longest = limits.value if limits is RELAYED else rules.LONGEST_USER_PROPERTY_VALUE
    found: dict[str, Any] = {}
    for name, value in listed:
        if missing(value) or not _is_name_of_user_property(name, notes):
            continue
        kept = _value(name, value, longest, notes)
        if kept is not None:
            found[name] = {"value": kept}
    if len(found) > rules.MOST_USER_PROPERTIES and limits is not RELAYED:
        notes.append(f"user properties are left out: GA4 takes {rules.MOST_USER_PROPERTIES} of a request")
        return dict(list(found.items())[: rules.MOST_USER_PROPERTIES])
    return found


def is_name_of_parameter(name: str) -> bool:
    """Whether GA4 can have a parameter of this name."""
    return not _fault(name)


def is_name_of_user_property(name: str) -> bool:
    """Whether GA4 can have a user property of this name."""
    return not _fault_of_user_property(name)


def _items(stated: object, limits: Limits, notes: list[str]) -> list[dict[str, Any]]:
    listed: Sequence[Any] = stated if isinstance(stated, (list, tuple)) else ()
    items = [made for each in listed if isinstance(each, Mapping) and (made := _item(each, limits, notes))]
    if len(items) < len(listed) or not listed:
        notes.append('entries of "items" are left out: they are no items')
    if len(items) > rules.MOST_ITEMS:
        notes.append(f'entries of "items" are left out: GA4 takes {rules.MOST_ITEMS} of an event')
    return items[: rules.MOST_ITEMS]


def _item(stated: Mapping[str, Any], limits: Limits, notes: list[str]) -> dict[str, Any]:
    return dict(_fields(stated, limits, notes))


def _fields(stated: Mapping[str, Any], limits: Limits, notes: list[str]) -> Iterator[tuple[str, Any]]:
    custom = 0
    for name, value in stated.items():
        if missing(value) or not _is_name(name, notes):
            continue
        kept = _value(name, value, limits.value, notes)
        if kept is None:
            continue
        if name not in rules.ITEM_PARAMETERS:
            custom += 1
            if custom > rules.MOST_CUSTOM_ITEM_PARAMETERS:
                notes.append(
                    f"parameters of an item are left out: there are more than {rules.MOST_CUSTOM_ITEM_PARAMETERS}"
                )
                continue
        yield name, kept if limits is RELAYED else _meant(name, kept, rules.ITEM_NUMBERS, notes)


def _value(name: str, value: Any, longest: int, notes: list[str]) -> Any:
    """A value that is text, a number, true or false; texts are cut."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        if len(value) > longest and len(value.strip()) > longest:
            notes.append(f'"{_shown(name)}" is cut after {longest} characters, as GA4 does')
            value = value.strip()[:longest]
        kept = normalise.plain(value)
        if kept is None and normalise.unusable(value):
            notes.append(f'"{_shown(name)}" is left out: it is no text')
        return kept
    found = number(value)
    if found is None:
        notes.append(f'"{_shown(name)}" is left out: GA4 takes single values')
    return found


def _meant(name: str, value: Any, numbers: Collection[str], notes: list[str]) -> Any:
    """A text as what GA4 reads it for: a number to add up, a currency. What is neither goes as it came."""
    if not isinstance(value, str):
        return value
    meant: float | str | None
    if name in numbers:
        meant, wanted = number(value), "a number, such as 72.50"
    elif name == _CURRENCY:
        meant, wanted = normalise.currency(value), "three letters, such as EUR"
    else:
        return value
    if meant is None:
        notes.append(f'GA4 makes nothing of "{name}": it has to be {wanted}')
        return value
    return meant


def _is_name(name: str, notes: list[str]) -> bool:
    if fault := _fault(name):
        notes.append(f'"{_shown(name)}" is left out: {fault}')
    return not fault


def _is_name_of_user_property(name: str, notes: list[str]) -> bool:
    if fault := _fault_of_user_property(name):
        notes.append(f'user property "{_shown(name)}" is left out: {fault}')
    return not fault


# A site has the same few dozen names again and again.
@lru_cache(maxsize=1024)
def _fault(name: str) -> str:
    if not rules.NAME.fullmatch(name) or len(name) > rules.LONGEST_NAME:
        return "no parameter of GA4 can be called so"
    kept = name in rules.RESERVED_PARAMETERS or name.startswith(rules.RESERVED_PREFIXES)
    return _KEPT if kept else ""


@lru_cache(maxsize=256)
def _fault_of_user_property(name: str) -> str:
    if not rules.NAME.fullmatch(name) or len(name) > rules.LONGEST_USER_PROPERTY_NAME:
        return "none of GA4 can be called so"
    kept = name in rules.RESERVED_USER_PROPERTIES or name.startswith(rules.RESERVED_USER_PROPERTY_PREFIXES)
    return _KEPT if kept else ""


def _shown(name: str) -> str:
    """A name as a note may hold it: it comes from a hit."""
    return name[: rules.LONGEST_NAME].encode("ascii", "replace").decode()
