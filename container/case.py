"""Hits, requests and values as JSON: what `simulate`, golden files and the tests of a container read and show."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Literal

import orjson

from container.effects import Request, SetCookie
from container.event import Consent, Event, Hit, Signal
from container.secret import Secret, SecretText
from container.shape import number

Status = Literal[
    "fired",
    "not_triggered",
    "blocked_by_exception",
    "blocked_by_consent",
    "blocked_by_once_per",
    "duplicate",
    "paused",
    "incomplete",
    "skipped",
    "failed",
]
"""What became of a tag on an event."""

DEFAULT_TIME = 1_767_261_600_000
"""When a hit is said to have come in if it does not say so itself: 2026-01-01 10:00 UTC, in milliseconds."""

LATEST_TIME = 253_402_300_799_999
"""The end of the year 9999, in milliseconds."""

DEEPEST = 100
"""Values nested deeper than this are not shown."""

_MEMBERS = {"id": str, "method": str, "path": str, "query": str, "headers": dict, "body": str, "ip": str, "time": int}

_EVENT_MEMBERS = {"name": str, "data": dict, "consent": dict}


class CaseError(ValueError):
    """A hit or an event that cannot be read; the text is a sentence for the person who wrote it."""


def hit_from_json(value: object, *, received: int = DEFAULT_TIME) -> Hit:
    """A hit from `{"id"?, "method", "path", "query", "headers", "body", "ip"?, "time"?}`.

    `id`: 32 hex digits; without one it is made from the rest. `received`: the time in milliseconds for a hit that says
    none. Raises `CaseError`.
    """
    if not isinstance(value, Mapping):
        raise CaseError("A hit is an object with method, path, query, headers and body.")
    _check_members(value, "a hit", _MEMBERS)
    time = value.get("time")
    if time is not None and not 0 <= time <= LATEST_TIME:
        raise CaseError(f'The member "time" of a hit is {_KIND_WORDS[int]} since 1970.')
    return Hit(
        id=_hit_id(value),
        received=received if time is None else time,
        method=(value.get("method") or "GET").upper(),
        path=value.get("path") or "/",
        query=(value.get("query") or "").removeprefix("?"),
        headers=_headers(value.get("headers") or {}),
        body=(value.get("body") or "").encode("utf-8", "replace"),
        ip=value.get("ip") or None,
    )


def request_json(request: Request) -> dict[str, Any]:
    """A request as it would go alone; secrets appear as references.

    Raises `TypeError`, `AttributeError` or `ValueError` for one that cannot be sent, because it holds what JSON cannot
    say.
    """
    headers = {name: str(value) for name, value in request.headers.items()}
    shown: dict[str, Any] = {"method": request.method, "url": str(request.url), "headers": headers}
    if request.document is not None:
        return {**shown, "json": _through_json(request.document)}
    body = request.body
    return {**shown, "body": body.decode("utf-8", "replace") if isinstance(body, bytes) else str(body or "")}


def event_from_json(value: object, hit: Hit) -> Event:
    """An event from `{"name"?, "data"?, "consent"?}`, as if it came with the hit. Raises `CaseError`."""
    if not isinstance(value, Mapping):
        raise CaseError("An event is an object with name, data and consent.")
    _check_members(value, "an event", _EVENT_MEMBERS)
    stated = value.get("consent") or {}
    if not all(state in ("granted", "denied") for state in stated.values()):
        raise CaseError("Consent is granted or denied, type by type.")
    consent = {name: Signal(state == "granted", "test") for name, state in stated.items()}
    return Event(value.get("name") or "", value.get("data") or {}, hit, Consent(consent))


def event_json(event: Event, consent: Consent) -> dict[str, Any]:
    """An event as it is shown, with the consent that counts for it."""
    stated = {name: signal.state for name, signal in consent.signals.items()}
    return {"name": event.name, "data": plain_json(event.data), "consent": stated}


def cookie_json(cookie: SetCookie) -> dict[str, Any]:
    """A cookie of a reply as it is shown."""
    return {"name": cookie.name, "value": cookie.value, "max_age": cookie.max_age}


def plain_json(value: Any) -> Any:
    """The value as plain JSON: secrets as references, tuples as lists, other mappings as objects.

    What JSON cannot say becomes text, a whole number beyond 64 bits a float, and what is nested too deep an ellipsis.
    """
    try:
        return _through_json(value)
    except TypeError:
        return _through_json(_sayable(value, 0))


def expects_nothing(expected: object) -> bool:
    """Whether it holds where nothing is: `None`, and a mapping with nothing but such members."""
    if isinstance(expected, Mapping) and expected:
        return all(map(expects_nothing, expected.values()))
    return expected is None


def _check_members(stated: Mapping[Any, Any], what: str, members: Mapping[str, type]) -> None:
    """Raises `CaseError` for a member that does not exist, or that is of the wrong kind."""
    for name, member in stated.items():
        kind = members.get(name)
        if kind is None:
            raise CaseError(f'{what.capitalize()} has no member "{name}". It has {", ".join(members)}.')
        if member is not None and not (isinstance(member, kind) and not isinstance(member, bool)):
            raise CaseError(f'The member "{name}" of {what} is {_KIND_WORDS[kind]}.')


def _headers(stated: Mapping[object, object]) -> dict[str, str]:
    """Names in lower case, repeated ones joined, as ingest does it."""
    headers: dict[str, str] = {}
    for name, value in stated.items():
        if not isinstance(value, str) or not isinstance(name, str):
            raise CaseError(f'The header "{name}" of a hit is text.')
        key = name.lower()
        separator = "; " if key == "cookie" else ", "
        headers[key] = f"{headers[key]}{separator}{value}" if key in headers else value
    return headers


def _hit_id(value: Mapping[str, Any]) -> bytes:
    stated = value.get("id")
    if stated is None:
        seed = orjson.dumps(plain_json(value), option=orjson.OPT_SORT_KEYS)
        return hashlib.sha256(seed).digest()[:16]
    try:
        found = bytes.fromhex(stated)
    except ValueError:
        found = b""
    if len(found) != 16 or len(stated) != 32:
        raise CaseError('The member "id" of a hit is 32 hexadecimal digits.')
    return found


def _through_json(value: Any) -> Any:
    # Without the second option orjson would write out a secret's fields.
    option = orjson.OPT_NON_STR_KEYS | orjson.OPT_PASSTHROUGH_DATACLASS
    return orjson.loads(orjson.dumps(value, default=_plain, option=option))


def _plain(value: object) -> object:
    if isinstance(value, (Secret, SecretText)):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError("a value that JSON cannot say")


def _sayable(value: Any, depth: int) -> Any:
    if depth == DEEPEST and isinstance(value, (Mapping, list, tuple)):
        return "…"
    if isinstance(value, Mapping):
        return {_unicode(str(key)): _sayable(member, depth + 1) for key, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [_sayable(member, depth + 1) for member in value]
    if value is None or isinstance(value, (bool, float)):
        return value
    if isinstance(value, int):
        return number(value)
    return _unicode(str(value))


def _unicode(text: str) -> str:
    """The text without lone surrogates, which are no Unicode."""
    return text.encode("utf-8", "replace").decode()


_KIND_WORDS = {str: "text", dict: "an object", int: "a whole number of milliseconds"}
