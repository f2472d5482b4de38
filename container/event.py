"""What comes in: a `Hit` is one HTTP request, an `Event` is one thing that happened, read out of a hit.

Both are frozen. Time and identity are the hit's own: components read no clock and no random source.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal

from container.shape import moment, text

ConsentState = Literal["granted", "denied", "unset"]

CONSENT_TYPES = ("ad_storage", "analytics_storage", "ad_user_data", "ad_personalization")
"""Google's consent types; the language accepts further names."""

FUTURE_TOLERANCE_MS = 10 * 60 * 1000
"""A sender's time further ahead of the arrival than this is not believed."""

NOTHING: Mapping[str, Any] = MappingProxyType({})
"""An empty read-only mapping."""


def nothing() -> Mapping[str, Any]:
    """An empty read-only mapping, the default of frozen data."""
    return NOTHING


@dataclass(frozen=True, init=False)
class Hit:
    """One HTTP request, as ingest determined it.

    `id`: 16 bytes, random per hit. `received`: Unix time in milliseconds. `path` and `query` are raw, the query without
    its question mark. `headers`: names in lower case, repeated ones joined by ", " (cookies by "; ").
    `ip`: the visitor's address, `None` when it could not be determined.
    """

    id: bytes
    received: int
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    ip: str | None

    def __init__(
        self,
        id: bytes,
        received: int,
        method: str = "GET",
        path: str = "/",
        query: str = "",
        headers: Mapping[str, str] = NOTHING,
        body: bytes = b"",
        ip: str | None = None,
    ) -> None:
        # All at once: set one by one, the members of a frozen class take three times as long.
        self.__dict__.update(
            id=id, received=received, method=method, path=path, query=query, headers=headers, body=body, ip=ip
        )

    @cached_property
    def cookies(self) -> Mapping[str, str]:
        """Cookies by name, values as sent but without quotes around them; of several with one name the first counts."""
        found: dict[str, str] = {}
        for pair in self.headers.get("cookie", "").split(";"):
            name, equals, value = pair.partition("=")
            name = name.strip()
            if equals and name not in found:
                value = value.strip()
                found[name] = _unquoted(value) if value[:1] == '"' else value
        return MappingProxyType(found)

    def random(self, purpose: str) -> bytes:
        """32 bytes that are the same for this hit and purpose, and unrelated to any other."""
        return hmac.digest(self.id, purpose.encode("utf-8", "surrogatepass"), hashlib.sha256)


@dataclass(frozen=True, slots=True)
class Signal:
    """What was said about one consent type, and by whom (`gcd`, `gcs`, `npa`, `measurement_protocol`, `default`)."""

    granted: bool
    source: str

    @property
    def state(self) -> Literal["granted", "denied"]:
        return "granted" if self.granted else "denied"


@dataclass(frozen=True, slots=True)
class Consent:
    """What the visitor allowed. A type without a signal is unset, which is not the same as denied."""

    signals: Mapping[str, Signal] = field(default_factory=nothing)

    def state(self, name: str) -> ConsentState:
        signal = self.signals.get(name)
        return "unset" if signal is None else signal.state

    def granted(self, name: str) -> bool:
        signal = self.signals.get(name)
        return signal is not None and signal.granted

    def source(self, name: str) -> str:
        """Where the state comes from; empty for an unset type."""
        signal = self.signals.get(name)
        return "" if signal is None else signal.source


_NO_CONSENT = Consent()


@dataclass(frozen=True, init=False)
class Event:
    """One event: its name, its event data under GTM's common names, and the hit it came with.

    `data`: JSON values, shared and never changed; a change is a new event. `client`: name of the client that claimed
    the hit. `index`: position within the hit.
    """

    name: str
    data: Mapping[str, Any]
    hit: Hit
    consent: Consent
    client: str
    index: int

    def __init__(
        self,
        name: str,
        data: Mapping[str, Any],
        hit: Hit,
        consent: Consent = _NO_CONSENT,
        client: str = "",
        index: int = 0,
    ) -> None:
        # As of a hit.
        self.__dict__.update(name=name, data=data, hit=hit, consent=consent, client=client, index=index)

    @cached_property
    def time(self) -> int:
        """Unix time in milliseconds: the sender's `event_time`, `timestamp_micros` or `timestamp`, else the arrival.

        A time more than ten minutes ahead of the arrival is not believed.
        """
        latest = self.hit.received + FUTURE_TOLERANCE_MS
        for key in ("event_time", "timestamp_micros", "timestamp"):
            stated = moment(self.data.get(key))
            if stated is not None and stated <= latest:
                return stated
        return self.hit.received

    @property
    def sender_id(self) -> str:
        """The sender's `event_id` as trimmed text, empty when there is none."""
        value = self.data.get("event_id")
        return "" if isinstance(value, (list, tuple, Mapping)) else text(value).strip()


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[-1] == '"' else value
