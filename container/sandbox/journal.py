"""What the sandbox received: the last requests, numbered, in memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from container.event import nothing
from container.sandbox.vendor import SeenEvent

KEPT_BYTES = 32_000_000

Verdict = Literal["accepted", "refused", "faulted"]

EventKey = tuple[str, str, str, str]
"""Vendor, account, name and event id: what vendors deduplicate by."""


@dataclass(frozen=True, slots=True)
class Received:
    """One request and what became of it.

    `time`: Unix milliseconds. `verdict`: `accepted`, `refused`, or `faulted` when a fault answered instead of the check
    (whose `reasons` are kept all the same). `copies`: by position of the event, the number of the earlier accepted
    request with the same event. `answer` is JSON, text, or `None` for a broken connection. `size`: bytes of the body.
    """

    vendor: str
    method: str
    path: str
    verdict: Verdict
    status: int | None
    answer: Any
    number: int = 0
    time: int = 0
    headers: Mapping[str, str] = field(default_factory=nothing)
    account: str = ""
    test_code: str = ""
    events: Sequence[SeenEvent] = ()
    copies: Mapping[int, int] = field(default_factory=dict)
    reasons: Sequence[str] = ()
    remarks: Sequence[str] = ()
    fault: Mapping[str, Any] | None = None
    body: Any = None
    text: str | None = None
    size: int = 0


class Journal:
    """The last `keep` requests, fewer if they are large. Numbers go on after `clear`."""

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._received: deque[Received] = deque()
        self._first: dict[EventKey, int] = {}
        self._bytes = 0
        self._last = 0

    @property
    def last(self) -> int:
        """The highest number given out, 0 at the start."""
        return self._last

    def next_number(self) -> int:
        self._last += 1
        return self._last

    def since(self, number: int) -> list[Received]:
        """The requests after this number, in the order in which they arrived."""
        return [each for each in self._received if each.number > number]

    def copies(self, vendor: str, account: str, events: Sequence[SeenEvent]) -> dict[int, int]:
        """Which of the events were in an accepted request before, and in which."""
        keys = {position: _key(vendor, account, event) for position, event in enumerate(events) if event.event_id}
        return {position: self._first[key] for position, key in keys.items() if key in self._first}

    def add(self, received: Received) -> None:
        self._received.append(received)
        self._bytes += received.size
        if received.verdict == "accepted":
            for key in _keys(received):
                self._first.setdefault(key, received.number)
        while len(self._received) > self._keep or (self._bytes > KEPT_BYTES and len(self._received) > 1):
            self._forget(self._received.popleft())

    def clear(self) -> None:
        self._received.clear()
        self._first.clear()
        self._bytes = 0

    def _forget(self, received: Received) -> None:
        self._bytes -= received.size
        for key in _keys(received):
            if self._first.get(key) == received.number:
                del self._first[key]


def _keys(received: Received) -> list[EventKey]:
    return [_key(received.vendor, received.account, event) for event in received.events if event.event_id]


def _key(vendor: str, account: str, event: SeenEvent) -> EventKey:
    return vendor, account, event.name, event.event_id
