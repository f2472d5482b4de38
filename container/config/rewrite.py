"""Values of a container file written anew in place: everything around them keeps every byte."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from container.config.flow import flow, in_double_quotes
from container.config.problem import LINE_BREAK
from container.config.source import Entry, Listing, Node, Scalar, Table, read

Path = tuple[str | int, ...]

SHARED = "stands behind an anchor that other places share"
BARE = "has no colon behind its key"
UNREADABLE = "is in a file that cannot be read"

_SIGN = re.compile(r"\{\{|(?<=\$)\$\{|\$\{(?!secret:[A-Za-z_][A-Za-z0-9_]*\})", re.ASCII)
_DOUBLED = {"{{": "{{{{", "${": "$${"}


@dataclass(frozen=True, slots=True)
class Rewritten:
    """The new text, and why the values at some paths could not be written: the end of a sentence about each."""

    text: str
    refused: Mapping[Path, str]


def rewritten(text: str, values: Mapping[Path, Any], *, references: bool = True) -> Rewritten:
    """The text of a YAML file with new values at these paths. A list that grows or shrinks keeps the items it has.

    A single value may be named as item 0 of a list. Paths that lead into one another, or nowhere, are not expected.
    `references`: whether the file is read for references, so that the signs of one are doubled in a value.
    """
    root = read(text).root
    if root is None:
        return Rewritten(text, dict.fromkeys(values, UNREADABLE))
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    file = _File(text.removeprefix(mark))
    refused = {}
    for path, value in values.items():
        try:
            file.change(root, path, _without_references(value) if references else value)
        except _RefusedError as reason:
            refused[path] = str(reason)
    return Rewritten(mark + file.changed(), refused)


def exactly(value: Any) -> str:
    """A JSON value as YAML on one line, which is read as exactly this value: nothing in it is a reference."""
    return flow(_without_references(value))


class _RefusedError(Exception):
    """The value cannot be written; the text says why.

    `SHARED`: it stands somewhere else too, since it is reached through an alias or a merge, or has an anchor.
    """


@dataclass
class _File:
    """The text, and what is to be changed in it: start, end and new text of stretches that do not overlap."""

    text: str
    edits: list[tuple[int, int, str]] = field(default_factory=list)
    lines: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self.lines = [0, *(ending.end() for ending in LINE_BREAK.finditer(self.text))]

    def changed(self) -> str:
        """The text with all changes."""
        found = self.text
        for start, end, new in sorted(self.edits, reverse=True):
            found = found[:start] + new + found[end:]
        return found

    def change(self, root: Node, path: Path, value: Any) -> None:
        """Notes what has to change for the value at the path to be this one. Raises `_RefusedError`."""
        node: Node = root
        key: Scalar | None = None
        low = 0
        for step in path:
            if isinstance(node, Table) and isinstance(step, str):
                self._start(node, low)
                entry: Entry = node.entries[step]
                low = self._end(entry.key, self._start(node, low))
                node, key = entry.value, entry.key
            elif isinstance(node, Listing) and isinstance(step, int):
                low = self._ends(node.items[:step], self._start(node, low))
                node, key = node.items[step], None
            elif step != 0:
                raise _RefusedError(SHARED)
        self._write(node, key, value, low)

    def _write(self, node: Node, key: Scalar | None, value: Any, low: int) -> None:
        start, end = self._start(node, low), self._end(node, low)
        if isinstance(value, list) and isinstance(node, Listing) and node.items and value:
            self._resize(node, value, start)
        elif isinstance(value, list) and isinstance(node, Table) and value:
            self._wrap(node, value[1:], start, end)
        elif isinstance(node, Scalar):
            self._replace_scalar(node, value, start, end)
        else:
            # A list may stand right below its key; what replaces it has to be further in.
            level = key is not None and not node.flow and node.place.column <= key.place.column
            self.edits.append((start, end, ("  " if level else "") + flow(value)))

    def _replace_scalar(self, node: Scalar, value: Any, start: int, end: int) -> None:
        new = _like(node.raw, value)
        if not node.raw:
            before = self.text[:start].rstrip(" ")
            if not before.endswith((":", "-")):
                raise _RefusedError(BARE)
            new = new if self.text[:start].endswith(" ") else f" {new}"
        self.edits.append((start, end, new))

    def _resize(self, node: Listing, value: list[Any], start: int) -> None:
        """Takes items off the end of a list, or adds some. The others are compared item by item another time."""
        kept = min(len(node.items), len(value))
        low = self._ends(node.items[:kept], start)
        if len(node.items) > len(value):
            end = self._ends(node.items[kept:], low)
            last, end = (low, end) if node.flow else (self._line_end(low), self._line_end(end))
            self.edits.append((last, end, ""))
        elif node.flow:
            self.edits.append((low, low, "".join(f", {flow(item)}" for item in value[kept:])))
        else:
            self._append(value[kept:], node.place.column - 1, low)

    def _wrap(self, node: Table, more: Sequence[Any], start: int, end: int) -> None:
        """Makes a single mapping the first item of a list."""
        raw = self.text[start:end]
        if node.flow:
            self.edits.append((start, end, "[" + ", ".join([raw, *map(flow, more)]) + "]"))
            return
        deeper = re.sub(r"(\r\n|[\r\n])(?=[^\r\n])", r"\1  ", raw)
        self.edits.append((start, end, f"- {deeper}"))
        self._append(more, node.place.column - 1, end)

    def _append(self, items: Sequence[Any], indent: int, end: int) -> None:
        ending = "\r\n" if "\r\n" in self.text else "\n"
        at = self._line_end(end)
        self.edits.append((at, at, "".join(f"{ending}{' ' * indent}- {flow(item)}" for item in items)))

    def _line_end(self, position: int) -> int:
        found = LINE_BREAK.search(self.text, position)
        return found.start() if found else len(self.text)

    def _start(self, node: Node, low: int) -> int:
        """Where the node begins; anchors stand before their aliases, so what is used here stands behind `low`."""
        start = self.lines[node.place.line - 1] + node.place.column - 1
        if start < low or node.raw.startswith("&") or not self.text.startswith(node.raw, start):
            raise _RefusedError(SHARED)
        return start

    def _end(self, node: Node, low: int) -> int:
        """Where the node ends. What YAML takes for the end of a block may have comments before it."""
        start = self._start(node, low)
        inner = _inner(node)
        if isinstance(node, Scalar) or node.flow:
            self._ends(inner, start)
            return start + len(node.raw)
        return self._ends(inner, start)

    def _ends(self, nodes: Sequence[Node], low: int) -> int:
        for node in nodes:
            low = self._end(node, low)
        return low


def _inner(node: Node) -> list[Node]:
    if isinstance(node, Listing):
        return list(node.items)
    if isinstance(node, Table):
        return [each for entry in node.entries.values() for each in (entry.key, entry.value)]
    return []


def _like(raw: str, value: Any) -> str:
    """The value, with the quotes that stood there if it is text."""
    if not isinstance(value, str) or raw[:1] not in ("'", '"'):
        return flow(value)
    if raw[0] == "'" and value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    return in_double_quotes(value)


def _without_references(value: Any) -> Any:
    """The value with the signs doubled that would begin a reference. Secrets stay: that is how they show."""
    if isinstance(value, Mapping):
        return {key: _without_references(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_without_references(member) for member in value]
    return _SIGN.sub(lambda sign: _DOUBLED[sign[0]], value) if isinstance(value, str) else value
