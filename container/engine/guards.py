"""Guards: keys that a delivery takes when it is accepted, so that `once_per` and the duplicate window hold.

The store takes them with the deliveries, in one transaction. `Memory` does the same without a store.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from container.effects import Request
from container.engine.outcome import Guard
from container.secret import Secret, SecretText
from container.shape import text

DUPLICATE_WINDOW_MS = 48 * 3_600_000
"""How long a copy of an event counts as one."""

_DUMP = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS | orjson.OPT_PASSTHROUGH_DATACLASS


def once_per_guard(tag: str, key: str, *, until: int, planned: tuple[str, ...]) -> Guard:
    """The guard of a tag's `once_per` for this key."""
    return Guard(_digest("once_per", tag, key), "once_per", until, planned)


def duplicate_guard(
    tag: str,
    event_name: str,
    sender_id: str,
    *,
    requests: Sequence[Request],
    time_fields: Sequence[str],
    until: int,
    planned: tuple[str, ...],
) -> Guard | None:
    """The guard against copies of what a tag sends for an event with a sender's id.

    A copy has the same address, account and payload, times aside: one that adds or changes a field is sent, because
    vendors merge. `None` for a payload that JSON cannot say, which no row can hold either.
    """
    try:
        payloads = [_payload(request, time_fields) for request in requests]
    except TypeError:
        return None
    return Guard(_digest("duplicate", tag, event_name, sender_id, payloads=payloads), "duplicate", until, planned)


class Memory:
    """Guards as a store keeps them, for runs that keep nothing. A new one is fresh."""

    def __init__(self) -> None:
        self._until: dict[bytes, int] = {}

    @property
    def held(self) -> int:
        """How many were taken so far."""
        return len(self._until)

    def take(self, guards: Sequence[Guard], *, now: int) -> frozenset[Guard]:
        """The guards that somebody had before. The rest is taken, a delivery's guards all or none."""
        taken: set[Guard] = set()
        for together in by_delivery(guards).values():
            before = [guard for guard in together if self._until.get(guard.key, 0) > now]
            taken.update(before)
            if not before:
                self._until |= {guard.key: guard.until for guard in together}
        return frozenset(taken)


def by_delivery(guards: Sequence[Guard]) -> Mapping[tuple[str, ...], Sequence[Guard]]:
    """The guards by the delivery that they belong to, in order."""
    found: dict[tuple[str, ...], list[Guard]] = {}
    for guard in guards:
        found.setdefault(guard.planned, []).append(guard)
    return found


def _payload(request: Request, time_fields: Sequence[str]) -> bytes:
    content = _without(request.json if request.item is None else request.item, time_fields)
    body = request.body.decode("latin-1") if isinstance(request.body, bytes) else request.body
    envelope = None if request.item is None else _without(request.json, time_fields)
    about = [request.method, request.url, request.headers, request.account, request.test_code, envelope]
    return orjson.dumps([*about, content, body], default=_plain, option=_DUMP)


def _without(content: Any, fields: Sequence[str]) -> Any:
    """The content without those of its fields."""
    if not fields or not isinstance(content, (dict, Mapping)):
        return content
    return {name: value for name, value in content.items() if name not in fields}


def _plain(value: object) -> object:
    if isinstance(value, (Secret, SecretText)):
        return str(value)
    return dict(value) if isinstance(value, Mapping) else text(value)


def _digest(*names: str, payloads: Sequence[bytes] = ()) -> bytes:
    """SHA-256 of the parts, each behind its length, so that no two lists of parts are the same bytes."""
    named = "".join([f"{len(name)}:{name}" for name in names]).encode("utf-8", "surrogatepass")
    framed = [piece for payload in payloads for piece in (len(payload).to_bytes(8), payload)]
    return hashlib.sha256(b"".join((named, *framed))).digest()
