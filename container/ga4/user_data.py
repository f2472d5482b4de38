"""User data: `address.0.city` and its like, flattened by the sender, as one nested object again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DEEPEST = 8
"""Deeper paths keep their rest as a name. Senders need three steps; JSON writers have a limit."""


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values by dot path as nested mappings; a mapping whose keys are all numbers becomes a list, gaps closed.

    Where a path leads through a place that has a value itself, the longer path wins.
    """
    tree: dict[str, Any] = {}
    for path, value in values.items():
        *steps, last = path.split(".", DEEPEST - 1)
        node = tree
        for step in steps:
            below = node.get(step)
            if not isinstance(below, dict):
                below = node[step] = {}
            node = below
        if not isinstance(node.get(last), dict):
            node[last] = value
    return {name: _with_lists(value) for name, value in tree.items()}


def _with_lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    members = {name: _with_lists(member) for name, member in value.items()}
    if all(name.isascii() and name.isdigit() for name in members):
        # Shorter first, then by text: the order of the numbers, without making numbers of endless digits.
        return [members[name] for name in sorted(members, key=lambda name: (len(name), name))]
    return members
