"""Which host a request is for, and whether this server answers for it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from container.address import canonical_address
from container.url import host_name
from container.web.addresses import is_near

_HOST = re.compile(r"(?:[A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_NAME = re.compile(r"(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}")


@dataclass(frozen=True, slots=True)
class Hosts:
    """The hosts that are answered for. Without any, all are.

    `names`: names and addresses, as `host_name` writes them. `domains`: each with a dot in front, for everything under
    it.
    """

    names: frozenset[str] = frozenset()
    domains: tuple[str, ...] = ()

    def allow(self, host: str) -> bool:
        """Whether a `Host` header names one of them, with whatever port."""
        if not self.names and not self.domains:
            return True
        name = _form(host)
        return name in self.names or (name.endswith(self.domains) and _NAME.fullmatch(name) is not None)


def allowed_hosts(stated: Iterable[str]) -> Hosts:
    """Hosts as an operator names them: `t.shop.example`, `*.shop.example`, an address. Raises `ValueError`."""
    names, domains = set(), []
    for each in stated:
        name = each.strip().lower().removesuffix(".")
        rest = name.removeprefix("*.")
        # In brackets nothing is taken for a port.
        address = canonical_address(f"[{rest.removeprefix('[').removesuffix(']')}]")
        if address is not None and rest == name:
            names.add(address)
        elif address is not None or not _NAME.fullmatch(rest):
            raise ValueError(f'"{each}" is no host')
        elif rest == name:
            names.add(name)
        else:
            domains.append(f".{rest}")
    return Hosts(frozenset(names), tuple(domains))


def is_host(text: str) -> bool:
    """Whether it is one name or address, and at most a port: all that a `Host` header may hold."""
    return _HOST.fullmatch(text) is not None


@lru_cache(maxsize=256)
def is_inside(host: str) -> bool:
    """Whether a `Host` header names this machine, or an address of a private network."""
    name = host_name(host)
    address = canonical_address(name)
    return name == "localhost" or (address is not None and is_near(address))


def as_forwarded(headers: Mapping[str, str]) -> Mapping[str, str]:
    """The headers of a proxy of ours, with the host that it was asked for in the place of the one that it asks for.

    `X-Forwarded-Host` counts if it is one host: a list says what each proxy was asked for, and nobody knows by whom.
    """
    stated = headers.get("x-forwarded-host", "").strip()
    if not stated or stated == headers.get("host") or not is_host(stated):
        return headers
    return MappingProxyType({**headers, "host": stated})


def _form(host: str) -> str:
    name = host_name(host)
    return canonical_address(name) or name
