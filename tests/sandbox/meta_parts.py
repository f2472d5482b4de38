"""A purchase as Meta wants it, and copies of it with something changed."""

from __future__ import annotations

from copy import deepcopy
from hashlib import sha256
from typing import Any

NOW = 1_767_261_700
PATH = "/meta/v25.0/123456789012345/events"
HEADERS = {"content-type": "application/json"}
ABSENT = object()


def hashed(value: str) -> str:
    return sha256(value.encode()).hexdigest()


HASH = hashed("jane@example.com")

PURCHASE: dict[str, Any] = {
    "data": [
        {
            "event_name": "Purchase",
            "event_time": NOW - 100,
            "event_id": "o-1001",
            "event_source_url": "https://shop.example.com/thanks",
            "referrer_url": "https://shop.example.com/pay",
            "action_source": "website",
            "user_data": {
                "em": [HASH],
                "ph": [hashed("442079460958")],
                "fn": hashed("jane"),
                "country": hashed("gb"),
                "external_id": [hashed("user-1001")],
                "client_ip_address": "81.2.69.142",
                "client_user_agent": "UA/1.0",
                "fbc": "fb.1.1767200000000.AbCdEf",
                "fbp": "fb.1.1767200000000.1234567890",
            },
            "custom_data": {
                "currency": "GBP",
                "value": 72.5,
                "order_id": "T-1001",
                "content_type": "product",
                "content_ids": ["SKU-1", "SKU-2"],
                "num_items": 3,
                "contents": [{"id": "SKU-1", "quantity": 2, "item_price": 30}, {"id": "SKU-2", "quantity": 1}],
            },
        }
    ],
    "access_token": "a-very-secret-token",
}


def changed(path: str, value: Any, *, start: Any = PURCHASE) -> Any:
    """A copy of the body with the value at the dot path; `ABSENT` takes it away."""
    body = deepcopy(start)
    *steps, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    target = body
    for step in steps:
        target = target[step]
    if value is ABSENT:
        del target[last]
    else:
        target[last] = value
    return body
