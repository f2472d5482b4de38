"""The body of a Measurement Protocol request as JSON, read as far as it can be."""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

from container.shape import shortest

DEEPEST = 64
"""Values nested deeper are not taken: what is sent on has to be written again, with more around it."""

MOST_VALUES = 50_000
"""A hundred orders of thirty lines have fewer. Many short values are much work for few bytes."""

LONGEST_NAME, LONGEST_TEXT = 1024, 65_536
"""In characters. Vendors take far less."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_WHOLE = re.compile(rb"[0-9](\.|[eE])[0-9+-]")
"""What a body holds that may have a whole number written as a fraction."""

_LONGEST_WHOLE = 20

_NAMED = re.compile(rb'"[ \t\r\n]*:')
"""The end of each name, and now and then of something within a text."""

_LONG_NUMBER = re.compile(rb"[0-9]{19}")
"""What a body holds that may have a whole number beyond 64 bits."""

# Every escape is one match, so that a backslash that is escaped itself begins none. Of surrogates only pairs are text.
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<lone>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)


def read(body: bytes, *, strictly: bool = False) -> tuple[Any, str]:
    """The value, and a sentence that says why there is none, empty if there is one.

    A byte order mark is skipped. Bytes that are no UTF-8 and surrogates without a partner, which senders leave behind
    when they cut a text, become U+FFFD: one character is not worth an order. Whole numbers are integers, as in hits of
    browsers: `20.0` is 20. Those beyond 64 bits are ids, of which each digit counts: they become text.
    `strictly`: there is no value either where an object has a name twice, or where names and texts are too long.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        body = _repaired(body)
        try:
            value = orjson.loads(body)
        except orjson.JSONDecodeError as problem:
            return None, f"The body is no JSON: line {problem.lineno}, column {problem.colno} cannot be read."
    names, longest, fault = _walked(value)
    if strictly and not fault:
        fault = longest or _twice(names, body)
    if fault:
        return None, fault
    if _LONG_NUMBER.search(body):
        value = json.loads(body, parse_int=_whole)
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


def _walked(value: Any) -> tuple[int, str, str]:
    """How many names the value has, which name or text is too long, and what else is too much; empty if nothing is."""
    layer, values, names, longest_name, longest_text = [value], 0, 0, 0, 0
    for _ in range(DEEPEST):
        values += len(layer)
        if values > MOST_VALUES:
            return names, "", f"The body has more than {MOST_VALUES} values."
        inner: list[Any] = []
        for each in layer:
            if isinstance(each, str):
                longest_text = max(longest_text, len(each))
            elif isinstance(each, dict) and each:
                names += len(each)
                longest_name = max(longest_name, max(map(len, each)))
                inner += each.values()
            elif isinstance(each, list):
                inner += each
        layer = inner
        if not layer:
            break
    deep = f"The body is nested deeper than {DEEPEST} levels." if layer else ""
    return names, _too_long(longest_name, longest_text), deep


def _too_long(name: int, text: int) -> str:
    if name > LONGEST_NAME:
        return f"A name in the body is longer than {LONGEST_NAME} characters."
    return f"A text in the body is longer than {LONGEST_TEXT} characters." if text > LONGEST_TEXT else ""


def _twice(names: int, body: bytes) -> str:
    """Looked for only where more seems to be named than was found, which is quicker to see."""
    found = names < len(_NAMED.findall(body)) and _has_a_name_twice(body)
    return "An object of the body has the same name twice." if found else ""


def _has_a_name_twice(body: bytes) -> bool:
    twice = False

    def members(pairs: list[tuple[str, Any]]) -> None:
        nonlocal twice
        twice = twice or len({name for name, _ in pairs}) < len(pairs)

    json.loads(body, object_pairs_hook=members, parse_int=str)
    return twice


def _whole(digits: str) -> int | str:
    found = int(digits) if len(digits) <= _LONGEST_WHOLE else None
    return digits if found is None or not -(2**63) <= found < 2**64 else found
