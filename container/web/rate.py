"""How many hits one address may send: a bucket of tokens for each, and a bounded number of buckets."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from socket import AF_INET6, inet_pton
from typing import Protocol

from container.web.addresses import is_near

MOST_ADDRESSES = 100_000
"""So many are remembered. Of more, the one that was silent for longest is forgotten: its bucket is the fullest."""

BURST_SECONDS = 4
"""A bucket holds the hits of so many seconds, since a page that opens sends several at once."""

_SECOND = 1_000_000_000
_BURST = BURST_SECONDS * _SECOND


class Buckets(Protocol):
    """What is remembered of addresses: when the bucket of each is full again, on the clock of the limit."""

    def full_at(self, whose: str | bytes, now: int) -> int:
        """When it is; `now` or before it where nothing is remembered."""
        ...

    def keep(self, whose: str | bytes, full_at: int) -> None:
        """Remembers it."""
        ...


class OwnBuckets:
    """Those of one process."""

    def __init__(self) -> None:
        self._full_at: OrderedDict[str | bytes, int] = OrderedDict()

    def full_at(self, whose: str | bytes, now: int) -> int:
        return self._full_at.get(whose, now)

    def keep(self, whose: str | bytes, full_at: int) -> None:
        self._full_at[whose] = full_at
        self._full_at.move_to_end(whose)
        if len(self._full_at) > MOST_ADDRESSES:
            self._full_at.popitem(last=False)

    @property
    def remembered(self) -> int:
        """How many addresses have a bucket."""
        return len(self._full_at)


@dataclass(frozen=True, slots=True)
class RateLimit:
    """`per_second`: hits that an address may send, 0 for any number. `clock`: monotonic, in nanoseconds.

    Of a bucket only the moment is kept at which it will be full again (GCRA): each hit moves it on by the time that
    one token takes to come back.
    """

    per_second: int = 0
    clock: Callable[[], int] = time.monotonic_ns
    buckets: Buckets = field(default_factory=OwnBuckets)

    def wait(self, address: str | None) -> float:
        """0 where a hit of this address is taken, else after how many seconds the next one would be.

        `address`: in canonical form. One that is near is never made to wait: it may be a proxy that nobody named, and
        stand for every visitor. Nor is an unset one.
        """
        if not self.per_second or address is None:
            return 0.0
        buckets, now, whose = self.buckets, self.clock(), _counted_together(address)
        before = max(buckets.full_at(whose, now), now)
        full_at = before + _SECOND // self.per_second
        if full_at - now > _BURST and not is_near(address):
            buckets.keep(whose, before)
            return (full_at - now - _BURST) / _SECOND
        buckets.keep(whose, full_at)
        return 0.0


def _counted_together(address: str) -> str | bytes:
    """An address of IPv4, or the /64 of one of IPv6: within it, every visitor chooses an address as they like."""
    return inet_pton(AF_INET6, address)[:8] if ":" in address else address
