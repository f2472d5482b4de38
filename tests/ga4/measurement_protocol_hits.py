"""Hits and bodies for the tests of the Measurement Protocol."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from container.event import Hit
from container.ga4.measurement_protocol import CLICK_IDS, MEMBERS, OF_EVENT

RECEIVED = 1_763_640_124_000

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([2**63, 2**64, -(2**63) - 1, 10**400, 1763640123456000])
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(
        ["GRANTED", "DENIED", "203.0.113.7", "US-CA", "\ud800", "https://shop.example/?ttclid=1", "a" * 300]
    )
)
NAMES = st.sampled_from(
    sorted({*MEMBERS, *OF_EVENT, *CLICK_IDS, "session_id", "engagement_time_msec", "items", "page_location", "value"})
) | st.text(max_size=3)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=8
)
EVENTS = st.lists(
    st.dictionaries(NAMES, JSON, max_size=4).map(lambda event: {"name": "purchase", "params": {}, **event})
    | st.fixed_dictionaries({"name": st.just("e"), "params": st.dictionaries(NAMES, JSON, max_size=5)})
    | JSON,
    max_size=3,
)
REQUESTS = st.builds(
    lambda members, own, events: {**members, "client_id": "1.2", **own, "events": events},
    st.dictionaries(NAMES, JSON, max_size=5),
    st.dictionaries(st.sampled_from(["client_id", "user_data", "consent"]), JSON, max_size=2),
    EVENTS,
)
BODIES = (
    st.binary()
    | (JSON | REQUESTS).map(lambda value: json.dumps(value).encode())
    | REQUESTS.map(lambda value: json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"))
)


def hit(
    body: Any = b"",
    *,
    query: str = "measurement_id=G-ABC123XYZ9",
    path: str = "/mp/collect",
    method: str = "POST",
    headers: Mapping[str, str] | None = None,
    ip: str | None = None,
) -> Hit:
    """A hit with these bytes, or with this value as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Hit(bytes(16), RECEIVED, method, path, query, headers or {}, content, ip)
