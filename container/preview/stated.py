"""The address of the public listener as an analyst states it. The page says the same (`preview-address.js`)."""

from __future__ import annotations

import re

_PARTS = re.compile(r"(https?)://([^/?#\\]*)(.*)", re.ASCII | re.IGNORECASE | re.DOTALL)
_HOST = re.compile(
    r"((?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}\.?|\[[0-9a-f:.]{2,45}\])(?::(.*))?", re.ASCII | re.IGNORECASE | re.DOTALL
)
_PORT = re.compile(r"[0-9]{1,5}", re.ASCII)
_PATH = re.compile(r"[a-z0-9/._~-]*", re.ASCII | re.IGNORECASE)
_LONGEST_HOST, _HIGHEST_PORT = 255, 65535

NONE = "Write the address of your container, such as https://tags.shop.example."
NO_SCHEME = "The address begins with https:// or http://, such as https://tags.shop.example."
WITH_QUERY = "The address has no query and no fragment: leave out what begins with ? or #."
WITH_USER = "The address names no user: leave out what stands before the @."
NO_HOST = "The address has a host behind https://, such as tags.shop.example; write letters beyond a to z as xn--…"
NO_PORT = "The port of the address is a number from 1 to 65535, such as https://tags.shop.example:8443."
NO_PATH = "The path of the address has letters, digits, and the signs / . _ ~ - alone, such as /metrics."


def stated_address(stated: str) -> str:
    """Scheme, host, port and path, without a slash in the end. Raises `ValueError` with a sentence."""
    found = _PARTS.fullmatch(stated.strip())
    if found is None:
        raise ValueError(NO_SCHEME if stated.strip() else NONE)
    scheme, netloc, path = found.groups()
    if wrong := _wrong(netloc, path):
        raise ValueError(wrong)
    return f"{scheme.lower()}://{netloc.lower()}{path.rstrip('/')}"


def _wrong(netloc: str, path: str) -> str:
    """What is wrong with it, empty for nothing."""
    if "?" in path or "#" in path:
        return WITH_QUERY
    if "@" in netloc:
        return WITH_USER
    found = _HOST.fullmatch(netloc)
    if found is None or len(found[1]) > _LONGEST_HOST:
        return NO_HOST
    if found[2] is not None and not (_PORT.fullmatch(found[2]) and 0 < int(found[2]) <= _HIGHEST_PORT):
        return NO_PORT
    return "" if _PATH.fullmatch(path) else NO_PATH
