"""Addresses of peers, proxies and visitors: which of them are ours, and which are near."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from container.address import canonical_address

Networks = tuple[IPv4Network | IPv6Network, ...]

# Not `is_private`, which also says so of addresses that documentation and measurements use.
_NEAR: Networks = tuple(
    map(
        ip_network,
        (
            "127.0.0.0/8",
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "169.254.0.0/16",
            "100.64.0.0/10",
            "::1/128",
            "fc00::/7",
            "fe80::/10",
        ),
    )
)
_MAPPED = IPv6Network("::ffff:0:0/96")


# Compared by identity: networks are slow to hash, and this is a key for each hit.
@dataclass(frozen=True, slots=True, eq=False)
class Proxies:
    """The networks of the proxies in front of us. Without any, no header says anything about the visitor."""

    networks: Networks = ()

    def trusts(self, address: str | None) -> bool:
        """Whether the address is one of our proxies. `address`: in canonical form."""
        return bool(self.networks) and address is not None and _is_trusted(address, self)

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


def peer_address(client: tuple[str, int] | None) -> str | None:
    """The canonical address of the other end of a connection, `None` for a socket that has none.

    The kernel writes a zone behind a link-local one (`fe80::1%eth0`); it says on which of our own interfaces.
    """
    return None if client is None else canonical_address(client[0].partition("%")[0])


@lru_cache(maxsize=4096)
def is_near(address: str) -> bool:
    """Whether an address in canonical form is this machine's own or of a private network: nobody's on the internet."""
    return _is_in(address, _NEAR)


def network(text: str) -> IPv4Network | IPv6Network:
    """A network such as `10.0.0.0/8`, or a single address. Raises `ValueError` for anything else.

    One of IPv4 that is written in IPv6 (`::ffff:10.0.0.0/104`) is what it means, as the addresses are.
    """
    if "%" in text:
        raise ValueError(f"{text!r} has a zone, so it does not appear to be a network of more than one machine")
    found = ip_network(text.strip(), strict=False)
    if isinstance(found, IPv6Network) and found.subnet_of(_MAPPED):
        first = int(found.network_address) - int(_MAPPED.network_address)
        return IPv4Network((first, found.prefixlen - _MAPPED.prefixlen))
    return found


@lru_cache(maxsize=4096)
def _is_trusted(address: str, proxies: Proxies) -> bool:
    return _is_in(address, proxies.networks)


def _is_in(address: str, networks: Networks) -> bool:
    parsed = ip_address(address)
    return any(parsed in each for each in networks)
