"""Who sent a hit: the peer, or what proxies that we trust say about it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from container.address import canonical_address

Networks = tuple[IPv4Network | IPv6Network, ...]


@dataclass(frozen=True, slots=True)
class Proxies:
    """The networks of the proxies in front of us. Without any, no header says anything about the visitor."""

    networks: Networks = ()

    def trusts(self, address: str | None) -> bool:
        """Whether the address is one of our proxies. `address`: in canonical form."""
        return bool(self.networks) and address is not None and _within(address, self.networks)

    def visitor(self, peer: str | None, forwarded_for: str) -> str | None:
        """The visitor's address: the first one, from the right, that is none of our proxies.

        `peer`: canonical address of the other end of the connection. `forwarded_for`: the `X-Forwarded-For` header.
        `None` when a proxy of ours names something that is no address. Each proxy appends whom it heard from, so what
        stands left of the first stranger is the stranger's own invention.
        """
        found = peer
        hops = forwarded_for.split(",") if forwarded_for else []
        while hops and self.trusts(found):
            found = canonical_address(hops.pop())
        return found


def network(text: str) -> IPv4Network | IPv6Network:
    """A network such as `10.0.0.0/8`, or a single address. Raises `ValueError` for anything else."""
    return ip_network(text.strip(), strict=False)


@lru_cache(maxsize=4096)
def _within(address: str, networks: Networks) -> bool:
    parsed = ip_address(address)
    return any(parsed in each for each in networks)
