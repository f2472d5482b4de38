"""A compiled container: frozen data and closures, ready to take hits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from container.component import Component
from container.config.model import Check, Condition, Delivery, Group, OncePer, Schedule
from container.effects import Claim
from container.engine.probes import Probes
from container.engine.resolve import Build
from container.engine.scope import ConsentDefaults, Getter, Scope
from container.event import Hit
from container.fields import Pattern, Settings
from container.url import path_matches

Test = Callable[[Scope], bool]


MOST_NAMES, LONGEST_NAME = 1024, 100
"""So many names are remembered, and none that is longer: names come from outside."""


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

    @property
    def heard(self) -> Sequence[str]:
        """The names of events that it hears, and the patterns between slashes; empty: every event."""
        return [*sorted(self.events), *(f"/{pattern.source}/" for pattern in self.events_matching)]

    def hears(self, event_name: str) -> bool:
        if not self.events and not self.events_matching:
            return True
        return event_name in self.events or any(pattern.found(event_name) for pattern in self.events_matching)


@dataclass(frozen=True, slots=True)
class CompiledTransformation:
    """`when`: all have to hold, for the event as it came."""

    name: str
    component: Component
    build: Build
    when: Sequence[CompiledCondition]


@dataclass(frozen=True, slots=True)
class View:
    """The transformations of some tags, in order. Tags with the same ones share the view and its memo.

    `number`: position among the views of the container.
    """

    number: int
    transformations: Sequence[CompiledTransformation]


@dataclass(frozen=True, slots=True)
class CompiledTag:
    """`order`: position in the file. `consent`: the types that have to be granted. `view`: what it sees of the event.

    `once_per_key`: the getter of its key, asked of the event as it came. `notes`: what is true of it at every event.
    """

    name: str
    order: int
    component: Component
    triggers: Sequence[CompiledTrigger]
    exceptions: Sequence[CompiledTrigger]
    consent: Sequence[str]
    paused: bool
    build: Build
    notes: Sequence[str] = ()
    view: View | None = None
    schedule: Schedule | None = None
    once_per: OncePer | None = None
    once_per_key: Getter | None = None
    delivery: Delivery = field(default_factory=Delivery)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A tag on events of one name, with those of its triggers and exceptions that hear the name."""

    tag: CompiledTag
    triggers: Sequence[CompiledTrigger]
    exceptions: Sequence[CompiledTrigger]


class Hearing:
    """The tags of a container in firing order, and what each of them hears."""

    def __init__(self, tags: Sequence[CompiledTag]) -> None:
        self._tags = tags
        self._remembered = lru_cache(MOST_NAMES)(self._concerned)

    def concerned(self, event_name: str) -> Sequence[Candidate]:
        """The tags that may fire on an event of this name."""
        if len(event_name) > LONGEST_NAME:
            return self._concerned(event_name)
        return self._remembered(event_name)

    def all(self, event_name: str) -> Sequence[Candidate]:
        """Every tag, those included that do not hear the name."""
        return [
            Candidate(tag, _hearing(tag.triggers, event_name), _hearing(tag.exceptions, event_name))
            for tag in self._tags
        ]

    def _concerned(self, event_name: str) -> Sequence[Candidate]:
        return [candidate for candidate in self.all(event_name) if candidate.triggers]


def _hearing(triggers: Sequence[CompiledTrigger], event_name: str) -> Sequence[CompiledTrigger]:
    return [trigger for trigger in triggers if trigger.hears(event_name)]


@dataclass(frozen=True, slots=True)
class CompiledClient:
    """`paths`: each with the longer ones of other clients that end in it. Empty: it is offered every hit."""

    name: str
    function: Callable[[Any, Hit], Claim | None]
    settings: Settings
    paths: Mapping[str, Sequence[str]]
    consent_defaults: ConsentDefaults

    def listens(self, path: str) -> bool:
        """Whether one of its paths matches, and no other client's longer one: who names a path exactly gets it."""
        if path in self.paths:
            return True
        own = (longer for listened, longer in self.paths.items() if path_matches((listened,), path))
        return not self.paths or any(not path_matches(longer, path) for longer in own)


@dataclass(frozen=True, slots=True)
class Container:
    """`clients` in order of priority, `tags` in firing order; `hearing`: which of them an event concerns.

    `probes`: what `trace` reads besides, of a container for preview; the live one has none.
    """

    name: str
    id: str
    version: str
    clients: Sequence[CompiledClient]
    tags: Sequence[CompiledTag]
    hearing: Hearing
    slots: int
    consent_defaults: ConsentDefaults
    debug: bool = False
    probes: Probes | None = None
