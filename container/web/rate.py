"""How many hits one address may send: a bucket of tokens for each, and a bounded number of buckets."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from socket import AF_INET6, inet_pton

from container.web.addresses import is_near

MOST_ADDRESSES = 100_000
"""So many are remembered. Of more, the one that was silent for longest is forgotten: its bucket is the fullest."""

BURST_SECONDS = 4
"""A bucket holds the hits of so many seconds, since a page that opens sends several at once."""

_SECOND = 1_000_000_000
_BURST = BURST_SECONDS * _SECOND


@dataclass(frozen=True, slots=True)
class RateLimit:
    """`per_second`: hits that an address may send, 0 for any number. `clock`: monotonic, in nanoseconds.

    Of a bucket only the moment is kept at which it will be full again (GCRA): each hit moves it on by the time that
    one token takes to come back.
    """

    per_second: int = 0
    clock: Callable[[], int] = time.monotonic_ns
    _full_at: OrderedDict[str | bytes, int] = field(default_factory=OrderedDict)

    def wait(self, address: str | None) -> float:
        """0 where a hit of this address is taken, else after how many seconds the next one would be.

        `address`: in canonical form. One that is near is never made to wait: it may be a proxy that nobody named, and
        stand for every visitor. Nor is an unset one.
        """
        if not self.per_second or address is None:
            return 0.0
        buckets, now, whose = self._full_at, self.clock(), _counted_together(address)
        full_at = max(buckets.get(whose, now), now) + _SECOND // self.per_second
        if full_at - now > _BURST and not is_near(address):
            buckets.move_to_end(whose)
            return (full_at - now - _BURST) / _SECOND
        buckets[whose] = full_at
        buckets.move_to_end(whose)
        if len(buckets) > MOST_ADDRESSES:
            buckets.popitem(last=False)
        return 0.0

    @property
    def remembered(self) -> int:
        """How many addresses have a bucket."""
        return len(self._full_at)


def _counted_together(address: str) -> str | bytes:
    """An address of IPv4, or the /64 of one of IPv6: within it, every visitor chooses an address as they like."""
    return inet_pton(AF_INET6, address)[:8] if ":" in address else address
