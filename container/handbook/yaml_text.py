"""Values as an analyst would write them in YAML."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from container.config.source import typed
from container.config.unquoted import quoted
from container.fields import Pattern
from container.shape import text

_PLAIN = re.compile(r"[A-Za-z0-9_/](?:[A-Za-z0-9_/+.@$%=;-]|:(?=\S)| (?=[^#\s]))*", re.ASCII)
LONGEST_LINE = 100


def flow(value: Any) -> str:
    """The value on one line, quotes only where they are needed."""
    if isinstance(value, str):
        return _scalar(value)
    if isinstance(value, Pattern):
        return _scalar(value.source)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_scalar(str(key))}: {flow(member)}" for key, member in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(flow, value)) + "]"
    return "null" if value is None else text(value)


def named(section: str, name: str, keys: Mapping[str, Any]) -> str:
    """A section of a container with one named thing in it: on one line if it is short, else a line for each key."""
    line = f"  {name}: {flow(keys)}"
    if len(line) <= LONGEST_LINE:
        return f"{section}:\n{line}"
    return "\n".join([f"{section}:", f"  {name}:", *_lines(keys)])


def _lines(keys: Mapping[str, Any]) -> Iterable[str]:
    return (f"    {key}: {flow(value)}" for key, value in keys.items())


def _scalar(value: str) -> str:
    if not value.isprintable():
        return '"' + "".join(map(_escaped, value)) + '"'
    plain = _PLAIN.fullmatch(value) and isinstance(typed(value), str)
    return value if plain else quoted(value)


def _escaped(sign: str) -> str:
    return sign if sign.isprintable() and sign not in '"\\' else f"\\U{ord(sign):08x}"
