"""Who the visitor is, and whether they are let in: what proxies may say, the hosts we answer for, the rate of hits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from container.web.addresses import Proxies, is_near
from container.web.hosts import Hosts, as_forwarded, is_inside
from container.web.noticed import Unset
from container.web.rate import RateLimit

# Only a proxy writes these; a browser's own requests never hold one.
_FORWARDING = frozenset(
    {
        b"cf-connecting-ip",
        b"fastly-client-ip",
        b"forwarded",
        b"forwarded-for",
        b"true-client-ip",
        b"via",
        b"x-client-ip",
        b"x-cluster-client-ip",
        b"x-envoy-external-address",
        b"x-forwarded",
        b"x-forwarded-by",
        b"x-forwarded-for",
        b"x-forwarded-host",
        b"x-forwarded-port",
        b"x-forwarded-proto",
        b"x-forwarded-server",
        b"x-original-forwarded-for",
        b"x-real-ip",
    }
)


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who sent a hit. `ip`: `None` when nobody knows, and `unset` says why. `headers`: with the host they asked for.

    `lost_host`: whether the proxy put an address of its own in its place.
    """

    ip: str | None
    headers: Mapping[str, str]
    unset: Unset | None = None
    lost_host: bool = False


@dataclass(frozen=True, slots=True)
class Barred:
    """A hit that is not let in. `wait`: after how many seconds it would be, 0 for never."""

    status: int
    reason: Literal["host_not_allowed", "rate_limited"]
    wait: float = 0.0


@dataclass(frozen=True, slots=True)
class Front:
    """What stands between the internet and a hit."""

    proxies: Proxies = field(default_factory=Proxies)
    hosts: Hosts = field(default_factory=Hosts)
    rate: RateLimit = field(default_factory=RateLimit)

    def visitor(self, peer: str | None, headers: Mapping[str, str], raw: Sequence[tuple[bytes, bytes]]) -> Visitor:
        """The visitor. `headers`: without those of strangers about addresses; `raw`: all of them, in lower case."""
        if peer is None:
            return Visitor(None, headers)
        if not self.proxies.trusts(peer):
            if is_near(peer) and _is_forwarded(raw):
                # It is a proxy, and its address is nobody's who visited.
                return Visitor(None, headers, "unnamed_proxy")
            return Visitor(peer, headers)
        headers, forwarded = as_forwarded(headers), headers.get("x-forwarded-for", "")
        if forwarded:
            found = self.proxies.visitor(peer, forwarded)
            if found is None:
                return Visitor(None, headers, "no_address")
            return Visitor(found, headers, lost_host=is_inside(headers.get("host", "")) and not is_near(found))
        return Visitor(None, headers, "no_forwarded_for") if _is_forwarded(raw) else Visitor(peer, headers)

    def barred(self, visitor: Visitor) -> Barred | None:
        """Why the hit is not let in, `None` when it is."""
        if not self.hosts.allow(visitor.headers.get("host", "")):
            return Barred(421, "host_not_allowed")
        wait = self.rate.wait(visitor.ip)
        # A proxy of ours that names nobody, such as for a check of its own, may stand for all visitors.
        if wait and not self.proxies.trusts(visitor.ip):
            return Barred(429, "rate_limited", wait)
        return None


def _is_forwarded(raw: Sequence[tuple[bytes, bytes]]) -> bool:
    return not _FORWARDING.isdisjoint([name for name, _ in raw])
