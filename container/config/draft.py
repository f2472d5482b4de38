"""A container file while it is read: what was found wrong, and what refers to what."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from container.config.annotations import Mode
from container.config.problem import Level, Place, Problem, did_you_mean, problem
from container.config.registry import Registry

MOST_COMPARISONS = 200_000
"""So many names are compared, at most, to suggest the right one: a file full of mistakes is read in time, too."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The named thing that is being read. `kind` is the word for it: `tag`, `variable` …; `place` is its name's."""

    kind: str
    name: str
    place: Place

    def __str__(self) -> str:
        return f'{self.kind} "{self.name}"' if self.name else self.kind


@dataclass(frozen=True, slots=True)
class Use:
    """A reference somewhere in the file. `asks`: it only asks whether there is a value."""

    name: str
    mode: Mode
    place: Place
    owner: Owner
    asks: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """A value that a variable may have, from one of its fields: where a secret may hide."""

    field: str
    value: Any
    place: Place


@dataclass
class Draft:
    """`strict`: whether an unset reference is an error. `spoiled`: values about which a problem says enough.

    `folder`: where the files are that the text names; `None` when they are not to be read.
    `texts`: fixed texts where references could stand. `hidden`: where a secret stands in plain text, never to be shown.
    """

    registry: Registry
    environment: Mapping[str, str]
    secrets: Callable[[str], str | None]
    strict: bool
    problems: list[Problem] = field(default_factory=list)
    uses: list[Use] = field(default_factory=list)
    texts: list[Use] = field(default_factory=list)
    results: dict[str, list[Result]] = field(default_factory=dict)
    spoiled: set[Place] = field(default_factory=set)
    hidden: list[Place] = field(default_factory=list)
    comparisons_left: int = MOST_COMPARISONS
    folder: Path | None = None

    @cached_property
    def secret_fields(self) -> frozenset[str]:
        """The names under which settings take a secret."""
        return self.registry.secret_fields()

    def report(self, code: str, place: Place, sentence: str, *, hint: str = "", level: Level | None = None) -> None:
        self.problems.append(problem(code, place, sentence, hint=hint, level=level))

    def suggest(self, name: str, known: Mapping[str, int | None] | Iterable[str]) -> str:
        """A hint with the nearest known name; empty when none is near, or when enough names were compared."""
        lines = known if isinstance(known, Mapping) else dict.fromkeys(known)
        self.comparisons_left -= len(lines)
        return did_you_mean(name, lines) if self.comparisons_left > 0 else ""
