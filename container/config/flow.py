"""Values as an analyst would write them in YAML, on one line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from container.config.source import typed
from container.config.unquoted import quoted
from container.fields import Pattern
from container.shape import text

_PLAIN = re.compile(r"[A-Za-z0-9_/](?:[A-Za-z0-9_/+.@$%=;-]|:(?=\S)| (?=[^#\s]))*", re.ASCII)
_WORDS = frozenset({"null", "yes", "no", "on", "off", "y", "n"})
"""Text to us, and something else to other readers of YAML: quotes spare everybody the question."""
_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"}


def flow(value: Any) -> str:
    """The value on one line, quotes only where they are needed. References in it stay references."""
    if isinstance(value, str):
        return _scalar(value)
    if isinstance(value, Pattern):
        return _scalar(value.source)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_scalar(str(key))}: {flow(member)}" for key, member in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(flow, value)) + "]"
    if isinstance(value, float):
        # In a container file only what has decimals may have an exponent.
        digits, e, exponent = repr(value).partition("e")
        return digits + (".0" if e and "." not in digits else "") + e + exponent
    return "null" if value is None else text(value)


def in_double_quotes(value: str) -> str:
    """The text in double quotes, whatever signs are in it."""
    return '"' + "".join(map(_escaped, value)) + '"'


def _scalar(value: str) -> str:
    if not value.isprintable():
        return in_double_quotes(value)
    plain = _PLAIN.fullmatch(value) and isinstance(typed(value), str) and value.lower() not in _WORDS
    return value if plain else quoted(value)


def _escaped(sign: str) -> str:
    if sign.isprintable() and sign not in '"\\':
        return sign
    return _SHORT.get(sign) or (f"\\u{ord(sign):04x}" if ord(sign) < 0x10000 else f"\\U{ord(sign):08x}")
