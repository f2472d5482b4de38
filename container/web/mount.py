"""A proxy's folder in front of our paths: taken off, unless the proxy has done so."""

from __future__ import annotations

import re

from container.engine.container import Container

# What needs no percent sign in a path (RFC 3986, section 2.3) means the same with one.
_UNRESERVED = re.compile(rb"%(2[DdEe]|3[0-9]|[46][1-9A-Fa-f]|[57][0-9Aa]|5[Ff]|7[Ee])")
_SLASHES = re.compile(rb"//+")


def unmounted(path: bytes, mounted: bytes, container: Container) -> bytes | None:
    """The path as a client knows it, `None` for one that is not under our folder. `mounted`: such as `/metrics`.

    A folder may be called like the beginning of a client's path (`/g` and `/g/collect`): the whole of such a path is
    what the proxy has left.
    """
    whole = plain(path)
    if (
        whole == b"/healthy"
        or whole.startswith(b"/_preview/")
        or _is_a_clients(whole.decode("utf-8", "replace"), container)
    ):
        return whole
    if whole.startswith(mounted + b"/"):
        return whole[len(mounted) :]
    return whole if any(not client.paths for client in container.clients) else None


def plain(path: bytes) -> bytes:
    """The path without doubled slashes and needless percent signs; an encoded slash is part of a name, and stays."""
    if b"%" in path:
        path = _UNRESERVED.sub(lambda found: bytes([int(found[1], 16)]), path)
    return _SLASHES.sub(b"/", path) if b"//" in path else path


def _is_a_clients(path: str, container: Container) -> bool:
    return any(path in client.paths for client in container.clients)
