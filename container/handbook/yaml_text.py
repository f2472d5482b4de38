"""Sections of a container as an analyst would write them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from container.config.flow import flow

LONGEST_LINE = 100


def named(section: str, name: str, keys: Mapping[str, Any]) -> str:
    """A section of a container with one named thing in it: on one line if it is short, else a line for each key."""
    line = f"  {name}: {flow(keys)}"
    if len(line) <= LONGEST_LINE:
        return f"{section}:\n{line}"
    return "\n".join([f"{section}:", f"  {name}:", *_lines(keys)])


def _lines(keys: Mapping[str, Any]) -> Iterable[str]:
    return (f"    {key}: {flow(value)}" for key, value in keys.items())
