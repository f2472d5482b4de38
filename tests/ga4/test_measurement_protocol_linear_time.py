"""Twice the body takes about twice the time, whatever it holds, in the client and in the validator."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from clients.measurement_protocol import MeasurementProtocol, measurement_protocol
from container.event import Hit
from tests.ga4.measurement_protocol_hits import hit

SIZE = 40_000
HOSTILE: dict[str, Callable[[int], Any]] = {
    "no json": lambda n: b"x" * n,
    "brackets": lambda n: b"[" * n,
    "flat list": lambda n: [1] * (n // 3),
    "backslashes": lambda n: b'{"a": "' + b"\\" * n,
    "escapes": lambda n: b'{"a": "' + b"\\ud83d" * (n // 6) + b'"}',
    "bytes": lambda n: b'{"a": "' + b"\xff" * n + b'"}',
    "digits": lambda n: b'{"a": ' + b"9" * n + b"}",
    "events": lambda n: request(events=[{"name": "e"}] * (n // 13)),
    "events over a long request": lambda n: request(events=[{"name": "e"}] * 100, user_data={"a": ["b"] * (n // 5)}),
    "parameters": lambda n: request(events=[{"name": "e", "params": {f"p{i}": 1 for i in range(n // 10)}}]),
    "parameters beside their place": lambda n: request(**{f"p{i}": 1 for i in range(n // 10)}),
    "parameters beside their events": lambda n: request(
        events=[{"name": "e"}] * 100, **{f"p{i}": 1 for i in range(n // 10)}
    ),
    "consent of each event": lambda n: request(
        events=[{"name": "e", "consent": {}}] * 100, consent={f"p{i}": "GRANTED" for i in range(n // 20)}
    ),
    "bad names": lambda n: request(events=[{"name": "e", "params": {f"-{i}": None for i in range(n // 10)}}]),
    "items": lambda n: request(events=[{"name": "e", "params": {"items": [{"item_id": "a"}] * (n // 20)}}]),
    "good names": lambda n: request(events=[{"name": "e" * n}]),
    "user properties": lambda n: request(user_properties={f"p{i}": {"value": 1} for i in range(n // 20)}),
    "consent": lambda n: request(consent={f"p{i}": "GRANTED" for i in range(n // 20)}),
    "hashes": lambda n: request(user_data={"sha256_email_address": ["a" * 64] * (n // 70)}),
    "address": lambda n: request(ip_override=":" * n),
    "page": lambda n: {"events": [{"name": "e", "params": {"page_location": "https://a/?" + "&" * n}}]},
    "pages": lambda n: {"events": [{"name": "e", "params": {"page_location": "?a"}}] * (n // 50)},
    "session": lambda n: request(session_id="1" * n),
    "time": lambda n: request(timestamp_micros="1" * n),
    "region": lambda n: request(user_location={"region_id": "-" * n}),
}


def request(**members: Any) -> dict[str, Any]:
    return {"client_id": "1.2", "events": [{"name": "e"}], **members}


def seconds(sent: Hit) -> float:
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        measurement_protocol(MeasurementProtocol(), sent)
        best = min(best, time.process_time() - start)
    return best


@pytest.mark.parametrize("path", ["/mp/collect", "/debug/mp/collect"])
@pytest.mark.parametrize("kind", HOSTILE)
def test_eight_times_the_body_does_not_take_forty_times_as_long(kind: str, path: str) -> None:
    bodies = [HOSTILE[kind](size) for size in (SIZE, 8 * SIZE)]
    small, large = (
        seconds(hit(body if isinstance(body, bytes) else json.dumps(body).encode(), path=path)) for body in bodies
    )
    assert large < 40 * max(small, 0.001), (small, large)


def test_a_long_query_is_read_in_linear_time() -> None:
    small, large = (seconds(hit(request(), query="&a=1" * size)) for size in (SIZE // 4, 2 * SIZE))
    assert large < 40 * max(small, 0.001), (small, large)
