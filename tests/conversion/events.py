"""Events for the tests of what conversion tags share."""

from __future__ import annotations

import hashlib
from typing import Any

from container.event import Event, Hit

NOW = 1_767_261_700_000


def event(
    name: str = "purchase", *, ip: str | None = None, headers: dict[str, str] | None = None, **data: Any
) -> Event:
    return Event(name, data, Hit(bytes(16), NOW, headers=headers or {}, ip=ip))


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
