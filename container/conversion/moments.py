"""When it happened, and under which id."""

from __future__ import annotations

from dataclasses import replace

from container import normalise
from container.conversion.texts import told_text
from container.event import Event
from container.shape import missing, moment


def event_time(given: object, event: Event, notes: list[str]) -> int:
    """Unix time in milliseconds: the setting, the sender's time, the arrival; none that lies ahead of the arrival."""
    timed = event if given is None else replace(event, data={**event.data, "event_time": given})
    time, stated = timed.time, timed.data.get("event_time")
    if stated is not None and not missing(stated) and moment(stated) != time:
        notes.append('"event_time" is not used: it is no time, or one that has not come yet')
    return time


def event_id(given: str | None, event: Event, notes: list[str], *, made: bool, without: str) -> str | None:
    """The sender's id: the setting, event data. A missing one is made from the hit if it may be `made`.

    That may be where no pixel could have sent another one; else `without` says what it means that there is none.
    """
    stated = (given and normalise.plain(given)) or told_text("event_id", event.data.get("event_id"), notes)
    if stated:
        return stated
    if made:
        return event.hit.random(f"event_id {event.index} {event.name!a}").hex()[:32]
    notes.append(without)
    return None
