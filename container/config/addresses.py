"""Addresses of requests that cannot be sent to, and what was meant by them."""

from __future__ import annotations

import re
from urllib.parse import unquote

from container.config.origins import origin_of

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+-]*):/+|(https?):|//", re.IGNORECASE)
_REST = re.compile(r"([^/?#]*)([^#]*)", re.DOTALL)
_DOTS = re.compile(r"\.{2,}")
_WITH_SCHEME = re.compile(r"https?://[^/?#]*", re.IGNORECASE)

_OF_A_USER = 'write user and password as `headers: {Authorization: "Basic ${secret:NAME}"}`'


def for_address(written: str) -> str:
    """What to write instead of an address that is none."""
    found = _SCHEME.match(written.strip())
    rest = _REST.match(written.strip(), 0 if found is None else found.end())
    if rest is None or "${" in written:
        return ""
    if "@" in rest[1]:
        return _OF_A_USER
    named = found is not None and "http" in (str(found[1]).lower(), str(found[2]).lower())
    host = _DOTS.sub(".", rest[1])
    origin = origin_of(f"http://{host}" if named else f"https://{host}" if found else host)
    if not origin or not ("." in host or ":" in host or host == "localhost"):
        return ""
    return f"write {origin}{_path(rest[2])}"


def for_secret_in(before: str, sign: str) -> str:
    """Where a secret belongs that stands in an address. `before`: what precedes it; empty where that is no address."""
    origin = _WITH_SCHEME.match(before)
    if origin is None:
        return ""
    if origin.end() == len(before):
        return _OF_A_USER
    query = before.partition("?")[2]
    name = query.rpartition("&")[2].removesuffix("=")
    return f'use the field `query`, as in `query: {{{name or "key"}: "{sign}"}}`' if query else ""


def _path(rest: str) -> str:
    """Path and query with the dots of the path followed."""
    path, mark, query = rest.partition("?")
    kept: list[str] = []
    for segment in path.split("/"):
        stated = unquote(segment)
        if stated == "..":
            kept = kept[:-1] if len(kept) > 1 else kept
        elif stated != ".":
            kept.append(segment)
    return "/".join(kept) + mark + query
