"""Small things about the objects of a record that is masked: their names, and what stands in them."""

from __future__ import annotations

from typing import Any

HOW_SENT = frozenset(
    (
        *("cache-control", "vary", "date", "connection", "server", "retry-after", "transfer-encoding", "pragma"),
        *("access-control-allow-methods", "access-control-allow-credentials", "allow", "sec-fetch-mode"),
        *("sec-fetch-site", "sec-fetch-dest", "dnt", "sec-gpc"),
    )
)
"""Headers beside those of deliveries that say how something was sent, and not by whom."""


def put(found: dict[str, Any], name: str, value: Any) -> None:
    """Puts it under this name, or under another one where two names look alike when they are masked."""
    number = 1
    wanted = name
    while wanted in found:
        number += 1
        wanted = f"{name} ({number})"
    found[wanted] = value


def is_word(value: Any) -> bool:
    """Whether it reads as a currency."""
    return isinstance(value, str) and len(value) == 3 and value.isalpha()


def content_type(headers: Any) -> str:
    """The kind of a body by its headers, as pairs or as an object; empty where they do not say it."""
    pairs = headers.items() if isinstance(headers, dict) else headers if isinstance(headers, list) else ()
    found = (pair for pair in pairs if len(pair) == 2 and str(pair[0]).lower() == "content-type")
    return next((str(pair[1]).lower() for pair in found), "")
