"""A vendor's names for events, as data, and which of them an event gets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from container import normalise
from container.effects import Skip
from container.event import NOTHING, Event

AUTOMATIC_PREFIX = "video_"
AUTOMATIC = frozenset(
    {
        "click",
        "first_visit",
        "file_download",
        "form_start",
        "form_submit",
        "scroll",
        "session_start",
        "user_engagement",
    }
)
"""What GA4 sends by itself: nothing that an advertiser would want as a custom event."""

REFUND = "refund"

Unmapped = Literal["custom", "skip"]


@dataclass(frozen=True, slots=True)
class EventNames:
    """`standard`: GA4's names to the vendor's; `own`: the vendor's names, which an event may have already."""

    standard: Mapping[str, str]
    own: frozenset[str]
    automatic: frozenset[str] = AUTOMATIC


def event_name(
    names: EventNames,
    event: Event,
    *,
    given: str | None,
    event_map: Mapping[str, str],
    browser_events: Mapping[str, str] = NOTHING,
    unmapped: Unmapped = "custom",
    vendor: str,
) -> str | Skip:
    """The name under which the vendor gets the event, or why it does not get it."""
    found = known_name(names, event.name, given=given, event_map=event_map, browser_events=browser_events)
    return found or other_name(names, event.name, unmapped=unmapped, vendor=vendor)


def known_name(
    names: EventNames,
    name: str,
    *,
    given: str | None,
    event_map: Mapping[str, str],
    browser_events: Mapping[str, str] = NOTHING,
) -> str | None:
    """The name that the settings say, else the built-in map, else the event's own if it is the vendor's already."""
    plain = normalise.plain
    return (
        (given and plain(given))
        or (name in event_map and plain(event_map[name]))
        or (name in browser_events and plain(browser_events[name]))
        or names.standard.get(name)
        or (name if name in names.own else None)
    )


def other_name(names: EventNames, name: str, *, unmapped: Unmapped, vendor: str) -> str | Skip:
    """The name of an event that no map names: its own, as a custom event, unless it is better not sent."""
    if unmapped == "skip":
        return Skip(f'no map names "{name}", and unmapped is "skip"')
    if name in names.automatic or name.startswith(AUTOMATIC_PREFIX):
        return Skip(f'"{name}" is an automatic event of GA4; event_map can name it')
    if name == REFUND:
        return Skip(f"{vendor} has no event for refunds; event_map can name one")
    return normalise.plain(name) or Skip("the event has no usable name")
