"""What was expected beside what was found: every difference, with the way to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from container.case import expects_nothing, plain_json
from container.shape import text

LONGEST_SHOWN = 240
"""A value in a sentence is cut after so many characters."""


class _Nothing:
    def __repr__(self) -> str:
        return "NOTHING"


NOTHING: Any = _Nothing()
"""Stands for a key that is not there."""

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that is not as expected. `path`: the keys and positions that lead to it."""

    path: Path
    expected: Any
    found: Any

    def __str__(self) -> str:
        return f"{dotted(self.path)}: expected {shown(self.expected)}, found {shown(self.found)}"


def differences(found: Any, expected: Any, *, subset: bool, path: Path = ()) -> Iterator[Difference]:
    """Where the two differ. Numbers compare by value, texts and booleans by kind too, lists item by item.

    `subset`: only what is expected counts, and `None` expects that nothing is there.
    """
    if isinstance(expected, Mapping) and isinstance(found, Mapping):
        names = expected if subset else {**expected, **found}
        for name in names:
            inner = found.get(name, NOTHING), expected.get(name, NOTHING)
            yield from differences(*inner, subset=subset, path=(*path, name))
    elif isinstance(expected, list) and isinstance(found, list) and len(found) == len(expected):
        for position, inner in enumerate(zip(found, expected, strict=True)):
            yield from differences(*inner, subset=subset, path=(*path, position))
    elif not _equal(found, expected) and not (subset and found is NOTHING and expects_nothing(expected)):
        yield Difference(path, expected, found)


def dotted(path: Path) -> str:
    """The way as text: `json.data.0.event`."""
    return ".".join(map(str, path))


def shown(value: Any) -> str:
    """A value in a sentence: texts in quotes, the rest as JSON."""
    if value is NOTHING:
        return "nothing"
    json = text([plain_json(value)])[1:-1]
    return json if len(json) <= LONGEST_SHOWN else json[:LONGEST_SHOWN] + "…"


def _equal(found: Any, expected: Any) -> bool:
    return isinstance(found, bool) == isinstance(expected, bool) and bool(found == expected)
