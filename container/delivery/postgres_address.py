"""The address of a database: read before anybody connects, so that no part of its password is repeated.

The driver names what it cannot read, and takes the rest of a password with an `@` or a `/` in it for a host or a port,
which it names as well.
"""

from __future__ import annotations

import psycopg
from psycopg.conninfo import conninfo_to_dict

from container.delivery.store import StoreRefusedError

UNREADABLE = (
    "the address in --store cannot be read. It is like postgresql://user:password@host:5432/database; in the user and "
    "the password write @ as %40, / as %2F, : as %3A, ? as %3F, % as %25 and a space as %20"
)


def check_address(url: str) -> None:
    """Raises `StoreRefusedError` where it would be read otherwise than it was meant. Never says what is in it."""
    try:
        ports = str(conninfo_to_dict(url).get("port") or "").replace(",", "")
    except psycopg.Error:
        raise StoreRefusedError(UNREADABLE) from None
    rest = url.partition("://")[2]
    # The user ends at the first @, if that is before the first slash.
    hosts = rest.partition("@")[2] if "@" in rest.partition("/")[0] else rest
    if "@" in hosts.partition("?")[0] or (ports and not ports.isdecimal()):
        raise StoreRefusedError(UNREADABLE)
