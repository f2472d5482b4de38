"""What a container for preview carries besides: where a trace finds the values that were computed, and their words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from container.engine.scope import Getter, Scope
from container.event import nothing


@dataclass(frozen=True, slots=True)
class VariableProbe:
    """A variable, built-in or short form: the slot of its value, and where the value comes from, in words."""

    name: str
    type: str
    slot: int
    source: Callable[[Scope], str]


@dataclass(frozen=True, slots=True)
class SettingProbe:
    """A field of a tag's settings.

    `path`: its way through the settings; `field`: the same as YAML spells it. `written`: as the file has it, `None` for
    what it leaves out; `origin`: what it follows from where it changes with the event. `value`: what it is where
    it does not change, else `getter` gives it.
    """

    path: tuple[str, ...]
    field: str
    written: Any
    origin: str
    value: Any
    getter: Getter | None


@dataclass(frozen=True, slots=True)
class Probes:
    """`settings`: of each tag by name, field by field. `literals`: the texts that the analyst wrote into the file."""

    variables: Sequence[VariableProbe] = ()
    settings: Mapping[str, Sequence[SettingProbe]] = field(default_factory=nothing)
    literals: frozenset[str] = frozenset()
