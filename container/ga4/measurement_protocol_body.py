"""The body of a Measurement Protocol request as JSON, read as far as it can be."""

from __future__ import annotations

import re
from typing import Any

import orjson

from container.shape import shortest

DEEPEST = 64
"""Values nested deeper are not taken: what is sent on has to be written again, with more around it."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_WHOLE = re.compile(rb"[0-9](\.|[eE])[0-9+-]")
"""What a body holds that may have a whole number written as a fraction."""

# Every escape is one match, so that a backslash that is escaped itself begins none. Of surrogates only pairs are text.
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<lone>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)


def read(body: bytes) -> tuple[Any, str]:
    """The value, and a sentence that says why there is none, empty if there is one.

    A byte order mark is skipped. Bytes that are no UTF-8 and surrogates without a partner, which senders leave behind
    when they cut a text, become U+FFFD: one character is not worth an order. Whole numbers are integers, as in hits of
    browsers: `20.0` is 20.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        try:
            value = orjson.loads(_repaired(body))
        except orjson.JSONDecodeError as problem:
            return None, f"The body is no JSON: line {problem.lineno}, column {problem.colno} cannot be read."
    if _deeper(value, DEEPEST):
        return None, f"The body is nested deeper than {DEEPEST} levels."
    return (_shortest(value) if _WHOLE.search(body) else value), ""


def _repaired(body: bytes) -> bytes:
    text = body.removeprefix(_BYTE_ORDER_MARK).decode("utf-8", "replace").encode()
    return _ESCAPE.sub(lambda escape: rb"\ufffd" if escape["lone"] else escape[0], text)


def _shortest(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _shortest(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_shortest(member) for member in value]
    return shortest(value) if isinstance(value, float) else value


def _deeper(value: Any, levels: int) -> bool:
    layer = [value]
    for _ in range(levels):
        layer = [inner for each in layer if isinstance(each, (dict, list)) for inner in _members(each)]
    return bool(layer)


def _members(value: dict[str, Any] | list[Any]) -> Any:
    return value.values() if isinstance(value, dict) else value
