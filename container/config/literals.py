"""The texts that an analyst wrote into a container file, as far as values of hits are held against them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from container.config.model import Check, Condition, ContainerModel, Group
from container.fields import Pattern, Settings

_OF_VARIABLES = ("default", "value", "table", "rows")


def literals_of(model: ContainerModel) -> Iterator[str]:
    """Names, events of triggers, right sides of conditions, and what variables give or look up. No secret."""
    yield from (*model.clients, *model.variables, *model.triggers, *model.tags, *model.transformations)
    for variable in model.variables.values():
        for name in _OF_VARIABLES:
            yield from _texts(getattr(variable.settings, name, None))
    for trigger in model.triggers.values():
        yield from _texts(trigger.events)
        yield from (f"/{pattern.source}/" for pattern in trigger.events_matching)
        yield from _texts(trigger.when)
    for transformation in model.transformations.values():
        yield from _texts(transformation.when)


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str() if value:
            yield value
        case Pattern():
            yield value.source
        case Check():
            yield from _texts(value.expected)
        case Condition():
            yield from _texts(value.checks)
        case Group():
            yield from _texts(value.members)
        case Mapping():
            yield from _texts((*value, *value.values()))
        case list() | tuple():
            for member in value:
                yield from _texts(member)
        case Settings():
            yield from _texts([member for _, member in value])
