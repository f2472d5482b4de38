"""The validator of the Measurement Protocol: what Google would say about the events of a request."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from container.ga4 import measurement_protocol_rules as rules
from container.ga4.measurement_protocol import OF_EVENT
from container.ga4.measurement_protocol_message import (
    Json,
    Message,
    Stream,
    name_of,
    no_object,
    shown,
    time_of,
    too_many,
    unknown,
    value_of,
)
from container.shape import missing, number


def events(stated: Any, stream: Stream) -> Iterator[Message]:
    if missing(stated):
        yield Message("events", "events is required: a list of 1 to 25 events.", "VALUE_REQUIRED")
        return
    if not isinstance(stated, list):
        yield Message("events", "events is a list.", "VALUE_INVALID")
        return
    if len(stated) > rules.MOST_EVENTS:
        yield too_many("events", len(stated), rules.MOST_EVENTS, "events")
    for index, event in enumerate(stated):
        path = f"events[{index}]"
        if not isinstance(event, dict):
            yield no_object(path)
            continue
        yield from unknown(event, OF_EVENT, f"{path}.")
        yield from _event_name(event.get("name"), path, stream)
        yield from time_of(event, f"{path}.", stream)
        parameters = event.get("params", {})
        if isinstance(parameters, dict):
            yield from _parameters(parameters, f"{path}.params", stream)
            yield from _recommended(event.get("name"), parameters, f"{path}.params", stream)
        else:
            yield no_object(f"{path}.params")


def _event_name(name: Any, path: str, stream: Stream) -> Iterator[Message]:
    """Google files what is wrong with the name of an event under "events"; of several, the sentence says which."""
    if missing(name):
        yield Message(f"{path}.name", "An event needs a name.", "VALUE_REQUIRED")
        return
    if not isinstance(name, str):
        yield Message(f"{path}.name", "The name of an event is text.", "VALUE_INVALID")
        return
    subject = f"Event name {shown(name)}" + ("" if stream.alone else f" ({path})")
    yield from name_of("events", subject, name, longest=rules.LONGEST_NAME)
    if name in rules.RESERVED_EVENTS:
        yield Message("events", f"{subject} is reserved.", "NAME_RESERVED")
    elif name in rules.EVENTS_OF_APPS and not stream.app:
        yield Message("events", f"{subject} is reserved for the streams of apps.", "NAME_RESERVED")


def _parameters(stated: Json, path: str, stream: Stream) -> Iterator[Message]:
    if len(stated) > rules.MOST_PARAMETERS:
        yield too_many(path, len(stated), rules.MOST_PARAMETERS, "parameters")
    for name, value in stated.items():
        place = f"{path}.{shown(name)}"
        yield from _parameter_name(place, name)
        if name == "items":
            yield from _items(value, place)
        elif name == "session_id":
            yield from _session(value, place)
        elif name == "engagement_time_msec" and number(value) is None:
            yield Message(place, "engagement_time_msec is a number.", "VALUE_INVALID")
        elif name != "timestamp_micros":
            yield from value_of(place, value, rules.LONGEST_VALUES.get(name, rules.LONGEST_VALUE))
    yield from time_of(stated, f"{path}.", stream)


def _parameter_name(place: str, name: str) -> Iterator[Message]:
    yield from name_of(place, f"Parameter {shown(name)}", name, longest=rules.LONGEST_NAME)
    if name in rules.RESERVED_PARAMETERS or name.startswith(rules.RESERVED_PREFIXES):
        yield Message(place, f"Parameter {shown(name)} is reserved.", "NAME_RESERVED")


def _session(value: Any, place: str) -> Iterator[Message]:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole and not (isinstance(value, str) and value.isascii() and value.isdigit()):
        yield Message(place, "session_id consists of digits.", "VALUE_INVALID")


def _items(stated: Any, path: str) -> Iterator[Message]:
    if not isinstance(stated, list):
        yield Message(path, "items is a list.", "VALUE_INVALID")
        return
    if len(stated) > rules.MOST_ITEMS:
        yield too_many(path, len(stated), rules.MOST_ITEMS, "items")
    for index, item in enumerate(stated):
        place = f"{path}[{index}]"
        if not isinstance(item, dict):
            yield no_object(place)
            continue
        if missing(item.get("item_id")) and missing(item.get("item_name")):
            yield Message(place, "An item needs item_id or item_name.", "VALUE_REQUIRED")
        custom = sum(name not in rules.ITEM_PARAMETERS for name in item)
        if custom > rules.MOST_CUSTOM_ITEM_PARAMETERS:
            yield too_many(place, custom, rules.MOST_CUSTOM_ITEM_PARAMETERS, "custom parameters")
        for name, value in item.items():
            yield from _parameter_name(f"{place}.{shown(name)}", name)
            yield from value_of(f"{place}.{shown(name)}", value, rules.LONGEST_VALUE)


def _recommended(name: Any, stated: Json, path: str, stream: Stream) -> Iterator[Message]:
    """What an event may lack, and is of little use without."""
    if not stream.strict:
        return
    if not missing(stated.get("value")) and missing(stated.get("currency")):
        yield Message(f"{path}.currency", "A value needs a currency.", "VALUE_REQUIRED")
    if name in ("purchase", "refund") and missing(stated.get("transaction_id")):
        sentence = "Without a transaction_id Google takes all such orders of a visitor for one."
        yield Message(f"{path}.transaction_id", sentence, "VALUE_REQUIRED")
