"""Small things about the objects of a record that is masked: their names, and what stands in them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

HOW_SENT = frozenset(
    (
        *("cache-control", "vary", "date", "connection", "server", "retry-after", "transfer-encoding", "pragma"),
        *("access-control-allow-methods", "access-control-allow-credentials", "allow", "sec-fetch-mode"),
        *("sec-fetch-site", "sec-fetch-dest", "dnt", "sec-gpc"),
    )
)
"""Headers beside those of deliveries that say how something was sent, and not by whom."""

OURS = frozenset(("hit", "told", "events", "tags", "requests", "reply", "outgoing", "answer", "data", "name", "event"))
"""Names in the structure of a record that are shown whoever sent the same: the page knows it by them."""

ABOUT = frozenset({("conditions", "text"), ("variables", "from"), ("settings", "from")})
"""Where we say what the analyst wrote: with names of cookies and parameters, which a sentence might not show."""

SAID = frozenset({("answer", "outgoing"), ("reply", ""), ("reply", "told")})
"""Answers to requests: vendors', and those of our clients."""

ANSWERED = " and answered "

NUMBERS = frozenset({"at", "number", "seconds", "status", "attempt", "bytes", "max_age", "row", "time", "ends"})

ATTRIBUTES = frozenset({"path", "domain", "max-age", "expires", "secure", "httponly", "samesite", "partitioned"})


def put(found: dict[str, Any], name: str, value: Any) -> None:
    """Puts it under this name, or under another one where two names look alike when they are masked."""
    number = 1
    wanted = name
    while wanted in found:
        number += 1
        wanted = f"{name} ({number})"
    found[wanted] = value


def named(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """An object of these, each `put` there."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        put(found, name, value)
    return found


def json_of(text: str) -> dict[str, Any] | list[Any] | None:
    """The object or the list that the text is in JSON, `None` where it is neither."""
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return document if isinstance(document, (dict, list)) else None


def is_word(value: Any) -> bool:
    """Whether it reads as a currency."""
    return isinstance(value, str) and len(value) == 3 and value.isalpha()


def content_type(headers: Any) -> str:
    """The kind of a body by its headers, as pairs or as an object; empty where they do not say it."""
    pairs = headers.items() if isinstance(headers, dict) else headers if isinstance(headers, list) else ()
    found = (pair for pair in pairs if len(pair) == 2 and str(pair[0]).lower() == "content-type")
    return next((str(pair[1]).lower() for pair in found), "")
