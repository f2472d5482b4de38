"""User data that the browser hashed: `tv.1~em.<hash>~ct0.<text>`, as the parameter `em`."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from container.ga4.keys import ADDRESS_CODES, HASHED_CODES, HASHED_VERSION

LONGEST = 8192
"""Real ones have some hundred characters; longer ones are cut."""

_SEGMENT = re.compile(r"([a-z]{2})(\d{0,2})\.(.*)", re.DOTALL | re.ASCII)
_HEXADECIMAL = re.compile(r"[0-9a-fA-F]{64}")
_BASE64 = re.compile(r"[A-Za-z0-9_-]{43}")


def hashed_user_data(value: str) -> dict[str, Any]:
    """The user data in `em` (after the query's own decoding) under GTM's names, hashes as lower-case hexadecimals.

    Several values of one field are a list; addresses are a list in the order of their numbers, gaps closed. An error
    mark in place of a hash is no value. Another version of the format is not read.
    """
    found: dict[str, list[str]] = {}
    addresses: dict[int, dict[str, str]] = {}
    for code, number, text in _segments(value[:LONGEST]):
        if code == "tv":
            if text != HASHED_VERSION:
                return {}
        elif code in HASHED_CODES:
            found.setdefault(HASHED_CODES[code], []).extend(_hashes(text))
        elif code in ADDRESS_CODES:
            name = ADDRESS_CODES[code]
            for part in _hashes(text) if name.startswith("sha256_") else [text] if text else []:
                addresses.setdefault(int(number or "0"), {})[name] = part
    fields: dict[str, Any] = {
        name: values[0] if len(values) == 1 else values for name, values in found.items() if values
    }
    if addresses:
        fields["address"] = [addresses[position] for position in sorted(addresses)]
    return fields


def _segments(value: str) -> Iterator[tuple[str, str, str]]:
    """Code, number and value of each segment. The sender encoded the whole a second time, so values are decoded."""
    for segment in value.split("~"):
        found = _SEGMENT.fullmatch(segment)
        if found:
            yield found[1], found[2], unquote(found[3])


def _hashes(text: str) -> list[str]:
    """The hash in hexadecimals, as base64 without padding it has 43 characters; nothing for what is no hash."""
    if _HEXADECIMAL.fullmatch(text):
        return [text.lower()]
    return [urlsafe_b64decode(f"{text}=").hex()] if _BASE64.fullmatch(text) else []
