"""A container as it was read: names, components and settings, all checked. Frozen; the engine compiles it.

Settings may still hold `Template`s where the component says `Dynamic`, and `Secret`s where they are allowed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from container.component import Component, Pattern, Settings
from container.event import Event, Hit, nothing
from container.outgoing import Address
from container.template import Template

ConsentDefault = Mapping[str, Literal["granted", "denied"] | Template] | Literal["granted", "denied"] | Template
"""For consent types that a hit says nothing about: one state, one reference, or a state per type."""


@dataclass(frozen=True, slots=True)
class Check:
    """One operator with its right side: `expected` is validated by the operator's annotation, or a template.

    `name` is as the analyst wrote it (`does_not_equal`); `negated` says that it is the opposite of `operator`.
    """

    name: str
    operator: Component
    expected: Any
    negated: bool = False
    ignore_case: bool = False


@dataclass(frozen=True, slots=True)
class Condition:
    """A left side and the checks that all have to hold for it. `variable` is its name, if it was written so."""

    left: Template | str
    checks: tuple[Check, ...]
    variable: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """`any`, `all` or `not` over conditions; `not` holds when not all of them hold."""

    kind: Literal["any", "all", "not"]
    members: tuple[Condition | Group, ...]


@dataclass(frozen=True, slots=True)
class Format:
    """GTM's Format Value, plus types. Applied in this order: replacements, trim, case, type."""

    case: Literal["lower", "upper"] | None = None
    trim: bool = False
    as_type: Literal["text", "number", "integer", "boolean"] | None = None
    null_to: Any = None
    undefined_to: Any = None
    true_to: Any = None
    false_to: Any = None


@dataclass(frozen=True, slots=True)
class ClientModel:
    name: str
    component: Component
    settings: Settings | None
    priority: int = 0
    consent_default: ConsentDefault | None = None


@dataclass(frozen=True, slots=True)
class VariableModel:
    name: str
    component: Component
    settings: Settings | None
    format: Format | None = None


@dataclass(frozen=True, slots=True)
class TriggerModel:
    """`events` and `events_matching` empty: every event. `when`: all hold. `component` is `None` for type `event`."""

    name: str
    component: Component | None = None
    settings: Settings | None = None
    events: tuple[str, ...] = ()
    events_matching: tuple[Pattern, ...] = ()
    when: tuple[Condition | Group, ...] = ()
    sample_percent: float | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a tag may fire: from `since` on and before `until`, in Unix milliseconds; `None`: no limit."""

    since: int | None = None
    until: int | None = None


@dataclass(frozen=True, slots=True)
class OncePer:
    """A tag fires once for each value of `key` within so many milliseconds."""

    key: Template | str
    within: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a tag says about its deliveries, in milliseconds and events per request; `None`: the usual."""

    linger: int | None = None
    give_up_after: int | None = None
    batch: int | None = None


@dataclass(frozen=True, slots=True)
class TagModel:
    """`triggers` and `exceptions` are names. `consent`: the types it needs, already the tag's own or its type's."""

    name: str
    component: Component
    settings: Settings | None
    triggers: tuple[str, ...]
    exceptions: tuple[str, ...] = ()
    consent: tuple[str, ...] = ()
    priority: int = 0
    paused: bool = False
    schedule: Schedule | None = None
    once_per: OncePer | None = None
    delivery: Delivery = Delivery()

    @property
    def address(self) -> str:
        """Where it sends, as far as the file says: empty where the tag type knows the address itself."""
        stated = getattr(self.settings, "endpoint", None) or getattr(self.settings, "url", None)
        return stated.start if isinstance(stated, Address) else stated if isinstance(stated, str) else ""

    @property
    def relays(self) -> bool:
        """Whether the file says that it sends to another server, whose cookies are the visitor's."""
        return not self.paused and getattr(self.settings, "relay", False) is True


@dataclass(frozen=True, slots=True)
class TransformationModel:
    """`tags`: the names of those that see the changed event."""

    name: str
    component: Component
    settings: Settings | None
    tags: tuple[str, ...]
    when: tuple[Condition | Group, ...] = ()
    priority: int = 0


@dataclass(frozen=True, slots=True)
class StoryModel:
    """One of the container's own tests: hits in their order or one event, and what is expected of them.

    `expect`: for each tag what becomes of it, event by event; of a request what was written. `reply`: hit by hit.
    """

    name: str
    hits: tuple[Hit, ...] = ()
    event: Event | None = None
    expect: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=nothing)
    reply: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class ContainerModel:
    """One container file. `version`: a short digest of the file before references were filled in."""

    name: str
    id: str
    version: str
    consent_default: ConsentDefault = "denied"
    clients: Mapping[str, ClientModel] = field(default_factory=nothing)
    variables: Mapping[str, VariableModel] = field(default_factory=nothing)
    triggers: Mapping[str, TriggerModel] = field(default_factory=nothing)
    tags: Mapping[str, TagModel] = field(default_factory=nothing)
    transformations: Mapping[str, TransformationModel] = field(default_factory=nothing)
    tests: Sequence[StoryModel] = ()
