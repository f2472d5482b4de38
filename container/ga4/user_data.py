"""User data: `address.0.city` and its like, flattened by the sender, as one nested object again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

DEEPEST = 8
"""Deeper paths keep their rest as a name. Senders need three steps; JSON writers have a limit."""


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values by dot path as nested mappings; a mapping whose keys are all numbers becomes a list, gaps closed.

    Where a path leads through a place that has a value itself, the longer path wins.
    """
    tree: dict[str, Any] = {}
    for path, value in values.items():
        node, last = _way(tree, path) if "." in path else (tree, path)
        if not isinstance(node.get(last), dict):
            node[last] = value
    for name, value in tree.items():
        if isinstance(value, dict):
            tree[name] = _with_lists(value)
    return tree


def flattened(value: Any, path: str, depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Path and value of everything inside, positions of lists as numbers: what `nested` makes one object of again."""
    if depth <= DEEPEST and isinstance(value, Mapping):
        for name, member in value.items():
            yield from flattened(member, f"{path}.{name}", depth + 1)
    elif depth <= DEEPEST and isinstance(value, (list, tuple)):
        for position, member in enumerate(value):
            yield from flattened(member, f"{path}.{position}", depth + 1)
    elif value is not None:
        yield path, value


def _way(tree: dict[str, Any], path: str) -> tuple[dict[str, Any], str]:
    """The mapping that holds the path's last step, made where it is not there yet, and that step."""
    *steps, last = path.split(".", DEEPEST - 1)
    node = tree
    for step in steps:
        below = node.get(step)
        if not isinstance(below, dict):
            below = node[step] = {}
        node = below
    return node, last


def _with_lists(value: dict[str, Any]) -> Any:
    members = {name: _with_lists(member) if isinstance(member, dict) else member for name, member in value.items()}
    if all(name.isascii() and name.isdigit() for name in members):
        # Shorter first, then by text: the order of the numbers, without making numbers of endless digits.
        return [members[name] for name in sorted(members, key=lambda name: (len(name), name))]
    return members
