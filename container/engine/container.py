"""A compiled container: frozen data and closures, ready to take hits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from container.component import Component
from container.config.model import Check, Condition, Group
from container.effects import Claim
from container.engine.resolve import Build
from container.engine.scope import ConsentDefaults, Getter, Scope
from container.event import Hit
from container.fields import Pattern, Settings

Test = Callable[[Scope], bool]


@dataclass(frozen=True, slots=True)
class CompiledCondition:
    """A condition: `test` decides it, once per event; the rest says in words what it compared."""

    model: Condition | Group
    test: Test
    left: Getter | None = None
    checks: Sequence[tuple[Check, Test, Getter]] = ()
    members: Sequence[CompiledCondition] = ()


@dataclass(frozen=True, slots=True)
class CompiledTrigger:
    """`events` and `events_matching` empty: it hears every event.

    `holds` decides all but the event's name, once per event; the parts behind it say in words why.
    """

    name: str
    events: frozenset[str]
    events_matching: Sequence[Pattern]
    holds: Test
    conditions: Sequence[CompiledCondition]
    own: Test | None
    sampled: Test | None
    sample_percent: float | None = None

    def hears(self, event_name: str) -> bool:
        if not self.events and not self.events_matching:
            return True
        return event_name in self.events or any(pattern.search(event_name) for pattern in self.events_matching)


@dataclass(frozen=True, slots=True)
class CompiledTag:
    """`order`: position in the file. `consent`: the types that have to be granted."""

    name: str
    order: int
    component: Component
    triggers: Sequence[CompiledTrigger]
    exceptions: Sequence[CompiledTrigger]
    consent: Sequence[str]
    paused: bool
    build: Build


@dataclass(frozen=True, slots=True)
class CompiledClient:
    """`paths` empty: it is offered every hit."""

    name: str
    function: Callable[[Any, Hit], Claim | None]
    settings: Settings
    paths: Sequence[str]
    consent_defaults: ConsentDefaults


@dataclass(frozen=True, slots=True)
class Container:
    """`clients` in order of priority, `tags` in firing order; by event name only those that may fire on it."""

    name: str
    id: str
    version: str
    clients: Sequence[CompiledClient]
    tags: Sequence[CompiledTag]
    tags_by_event: Mapping[str, Sequence[CompiledTag]]
    other_tags: Sequence[CompiledTag]
    slots: int
    consent_defaults: ConsentDefaults
    debug: bool = False

    def candidates(self, event_name: str) -> Sequence[CompiledTag]:
        """The tags that may fire on an event of this name, in firing order."""
        return self.tags_by_event.get(event_name, self.other_tags)
