"""The values that a variable may have, found by the members they hold, so that many rows cost no more than they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from container.config.draft import Result


@dataclass(frozen=True)
class Rows:
    """`values` in the order of the file."""

    values: Sequence[Result]

    def perhaps_holding(self, path: str) -> Sequence[Result]:
        """Those that may have a member, every other one is a mapping without it; all of them for no path."""
        if not path:
            return self.values
        head = path.partition(".")[0]
        exact = self._by_key.get(path, ()) if path != head else ()
        found = {id(each): each for each in (*self._by_key.get(head, ()), *exact, *self._others)}
        return list(found.values())

    @cached_property
    def defaults(self) -> Sequence[Result]:
        return [each for each in self.values if each.field == "default"]

    @cached_property
    def _by_key(self) -> Mapping[str, Sequence[Result]]:
        found: dict[str, list[Result]] = {}
        for each in self.values:
            for key in each.value if isinstance(each.value, Mapping) else ():
                found.setdefault(key, []).append(each)
        return found

    @cached_property
    def _others(self) -> Sequence[Result]:
        return [each for each in self.values if not isinstance(each.value, Mapping)]
