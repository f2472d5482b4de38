"""The one form in which an address of the internet is written down, wherever it came from."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from socket import AF_INET, inet_pton

_LONGEST = 100
"""No address is longer in any of its forms; what is longer is not worth remembering."""

# An address as proxies write it: in brackets, or with a port behind it, or both.
_WITH_PORT = re.compile(r"(?:\[([^\[\]]*)\]|([^\[\]:]*))(?::[0-9]{0,5})?")


def canonical_address(text: str) -> str | None:
    """An address in its shortest form, without port, brackets and IPv4 mapping; `None` for anything else."""
    return _canonical(text) if len(text) <= _LONGEST else None


@lru_cache(maxsize=4096)
def _canonical(text: str) -> str | None:
    text = text.strip()
    try:
        # What this reads has one form only.
        inet_pton(AF_INET, text)
    except (OSError, ValueError):
        return _canonical_otherwise(text)
    return text


def _canonical_otherwise(text: str) -> str | None:
    found = _WITH_PORT.fullmatch(text)
    try:
        address = ip_address(text if found is None else found[1] or found[2] or "")
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            # A scope is free text (`fe80::1%<script>`) and means something on one machine only.
            return None
        return str(address.ipv4_mapped or address)
    return str(address)
