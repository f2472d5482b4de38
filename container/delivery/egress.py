"""Which addresses a request may go to: public ones, and those that the operator allowed.

Checked on the address that a socket is about to connect to, so that no name, redirect or odd notation gets around it.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

Network = IPv4Network | IPv6Network

_REFUSED = tuple(
    ip_network(stated)
    for stated in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
        "::/16",  # unspecified, loopback, compatible and mapped
        "64:ff9b::/96",  # NAT64
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/23",  # Teredo, ORCHID and other special purposes
        "2001:db8::/32",
        "2002::/16",  # 6to4
        "3fff::/20",
        "5f00::/16",
        "fc00::/7",
        "fe80::/9",  # link-local and site-local
        "ff00::/8",
    )
)


@dataclass
class Attempts:
    """The addresses that were refused while one request looked for a connection."""

    refused: list[str] = field(default_factory=list)


attempts: ContextVar[Attempts | None] = ContextVar("attempts", default=None)


class AddressRefusedError(OSError):
    """A connection to this address is not allowed."""


def allowed(address: str, exceptions: Sequence[Network] = ()) -> bool:
    """Whether a connection to a numeric address may be made. What is no address may not."""
    try:
        parsed: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    if any(parsed in network for network in exceptions):
        return True
    return not any(parsed in network for network in _REFUSED)


def guarded_socket(
    address: tuple[Any, Any, int, str, tuple[Any, ...]], exceptions: Sequence[Network] = ()
) -> socket.socket:
    """A socket for one entry of `getaddrinfo`. Raises `AddressRefusedError` before anything is sent to a bad one."""
    family, kind, protocol, _, target = address
    host = str(target[0])
    if not allowed(host, exceptions):
        noted = attempts.get()
        if noted is not None:
            noted.refused.append(host)
        raise AddressRefusedError(f"a connection to {host} is not allowed")
    return socket.socket(family, kind, protocol)
