"""The validator of the Measurement Protocol: what Google would say about a request. Nothing is recorded."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any

from container.address import canonical_address
from container.event import Hit
from container.ga4 import measurement_protocol_rules as rules
from container.ga4.measurement_protocol import MEMBERS
from container.ga4.measurement_protocol_body import read
from container.ga4.measurement_protocol_event_checks import events as checked_events
from container.ga4.measurement_protocol_message import (
    Json,
    Message,
    Stream,
    listed,
    name_of,
    no_object,
    shown,
    time_of,
    too_long,
    too_many,
    unknown,
    value_of,
)
from container.shape import missing
from container.url import query_parameters

MOST_MESSAGES = 100
"""A longer list helps nobody; without an end the answer could be many times the request."""


def messages_of(hit: Hit) -> list[dict[str, str]]:
    """Everything that is wrong with a request, in the order of the protocol; empty for a valid one."""
    payload, problem = read(hit.body)
    if problem or not isinstance(payload, dict):
        return [Message("", problem or "The body is JSON, but no object.", "VALUE_INVALID").document]
    events = payload.get("events")
    stream = Stream(
        received=hit.received,
        app="firebase_app_id" in query_parameters(hit.query),
        strict=payload.get("validation_behavior") == "ENFORCE_RECOMMENDATIONS",
        alone=isinstance(events, list) and len(events) == 1,
    )
    found = chain(
        _size(hit.body),
        _duplicates(hit.body),
        unknown(payload, MEMBERS, ""),
        _identifiers(payload, stream),
        _members(payload, stream),
        _user_properties(payload.get("user_properties"), stream),
        _user_data(payload.get("user_data")),
        _consent(payload.get("consent")),
        _location(payload.get("user_location")),
        checked_events(events, stream),
    )
    return [message.document for message in islice(found, MOST_MESSAGES)]


def _size(body: bytes) -> Iterator[Message]:
    if len(body) >= rules.MOST_BYTES:
        yield Message("", f"The body has {len(body)} bytes; {rules.MOST_BYTES} are too many.", "VALUE_OUT_OF_BOUNDS")


def _duplicates(body: bytes) -> Iterator[Message]:
    """Names that one object has twice. Nobody knows which was meant: they are not taken."""
    twice: dict[str, None] = {}

    def members(pairs: list[tuple[str, Any]]) -> None:
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                twice[name] = None
            seen.add(name)

    # What could not be read as it stands has been repaired, and is not looked through.
    try:
        json.loads(body, object_pairs_hook=members)
    except ValueError:
        return
    for name in twice:
        yield Message(shown(name), f"The name {shown(name)} is in one object twice.", "NAME_DUPLICATED")


def _identifiers(payload: Json, stream: Stream) -> Iterator[Message]:
    wanted = "app_instance_id" if stream.app else "client_id"
    stated = payload.get(wanted)
    if missing(stated):
        yield Message(wanted, f"{wanted} is required.", "VALUE_REQUIRED")
    elif not isinstance(stated, str):
        yield Message(wanted, f"{wanted} is text.", "VALUE_INVALID")
    elif stream.app and not rules.APP_INSTANCE_ID.fullmatch(stated):
        yield Message(wanted, f"{wanted} has 32 hexadecimal digits.", "VALUE_INVALID")


def _members(payload: Json, stream: Stream) -> Iterator[Message]:
    for name in ("user_id", "user_agent", "ip_override", "validation_behavior"):
        if name in payload and not isinstance(payload[name], str):
            yield Message(name, f"{name} is text.", "VALUE_INVALID")
    user_id, ip, behavior = (payload.get(name) for name in ("user_id", "ip_override", "validation_behavior"))
    if isinstance(user_id, str) and len(user_id) > rules.LONGEST_USER_ID:
        yield too_long("user_id", rules.LONGEST_USER_ID)
    if isinstance(ip, str) and canonical_address(ip) is None:
        yield Message("ip_override", "ip_override is an IPv4 or IPv6 address.", "VALUE_INVALID")
    if isinstance(behavior, str) and behavior not in rules.VALIDATION_BEHAVIORS:
        yield Message("validation_behavior", f"It is {listed(rules.VALIDATION_BEHAVIORS)}.", "VALUE_INVALID")
    if not isinstance(payload.get("non_personalized_ads", False), bool):
        yield Message("non_personalized_ads", "non_personalized_ads is true or false.", "VALUE_INVALID")
    yield from time_of(payload, "", stream)
    device = payload.get("device", {})
    if not isinstance(device, dict):
        yield no_object("device")
        return
    for name, value in device.items():
        if not isinstance(value, str):
            yield Message(f"device.{shown(name)}", "A property of a device is text.", "VALUE_INVALID")


def _user_properties(stated: Any, stream: Stream) -> Iterator[Message]:
    if stated is None:
        return
    if not isinstance(stated, dict):
        yield no_object("user_properties")
        return
    if len(stated) > rules.MOST_USER_PROPERTIES:
        yield too_many("user_properties", len(stated), rules.MOST_USER_PROPERTIES, "user properties")
    for name, wrapped in stated.items():
        path = f"user_properties.{shown(name)}"
        yield from name_of(path, f"User property {shown(name)}", name, longest=rules.LONGEST_USER_PROPERTY_NAME)
        if name in rules.RESERVED_USER_PROPERTIES or name.startswith(rules.RESERVED_USER_PROPERTY_PREFIXES):
            yield Message(path, f"User property {shown(name)} is reserved.", "NAME_RESERVED")
        if not isinstance(wrapped, dict) or "value" not in wrapped:
            yield Message(path, 'A user property is an object with a "value".', "VALUE_REQUIRED")
            continue
        yield from value_of(f"{path}.value", wrapped["value"], rules.LONGEST_USER_PROPERTY_VALUE)
        yield from time_of(wrapped, f"{path}.", stream)


def _user_data(stated: Any) -> Iterator[Message]:
    if stated is None:
        return
    if not isinstance(stated, dict):
        yield no_object("user_data")
        return
    yield from _hashes(stated, rules.HASHED_USER_DATA, "user_data")
    addresses = stated.get("address", [])
    for index, each in enumerate(addresses if isinstance(addresses, list) else [addresses]):
        path = f"user_data.address[{index}]" if isinstance(addresses, list) else "user_data.address"
        if isinstance(each, dict):
            yield from _hashes(each, rules.HASHED_ADDRESS, path)
        else:
            yield no_object(path)


def _hashes(stated: Json, names: Iterable[str], prefix: str) -> Iterator[Message]:
    for name in names:
        given = stated.get(name, [])
        values = given if isinstance(given, list) else [given]
        if not all(isinstance(value, str) and rules.HASH.fullmatch(value) for value in values):
            sentence = f"{name} is a SHA-256 hash: 64 hexadecimal digits in lower case."
            yield Message(f"{prefix}.{name}", sentence, "VALUE_INVALID")


def _consent(stated: Any) -> Iterator[Message]:
    if stated is None:
        return
    if not isinstance(stated, dict):
        yield no_object("consent")
        return
    for name, state in stated.items():
        if state not in rules.CONSENT_STATES:
            path = f"consent.{shown(name)}"
            yield Message(path, f"A consent is {listed(rules.CONSENT_STATES)}.", "VALUE_INVALID")


def _location(stated: Any) -> Iterator[Message]:
    if stated is None:
        return
    if not isinstance(stated, dict):
        yield no_object("user_location")
        return
    yield from unknown(stated, ("city", *rules.LOCATION_FORMS), "user_location.")
    if not isinstance(stated.get("city", ""), str):
        yield Message("user_location.city", "city is text.", "VALUE_INVALID")
    for name, (form, words) in rules.LOCATION_FORMS.items():
        value = stated.get(name)
        if value is not None and not (isinstance(value, str) and form.fullmatch(value)):
            yield Message(f"user_location.{name}", f"{name} is text, {words}.", "VALUE_INVALID")
