"""What of a record is of the configuration: names, types and settings as the analyst wrote them. No visitor sent it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from container.config.model import ContainerModel
from container.engine.container import Container
from container.fields import Settings

SENT = frozenset(
    (
        *("data", "json", "value", "before", "after", "expected", "headers", "cookies", "url", "path", "query", "body"),
        *("body_base64", "ip", "sender_id"),
    )
)
"""Under these names stands what a visitor sent, or what was made of it."""

_CONFIGURED = frozenset({"tag", "client", "field", "written"})
"""Under these names stands what the analyst wrote."""

_CONFIGURED_PARTS = frozenset({"tags", "triggers", "exceptions", "variables", "transformations"})
"""The members of these have a name and a type of the configuration."""

_QUOTED = re.compile(r'"([^"]+)"')


def written(value: Any, within: str = "") -> Iterator[str]:
    """The texts of the configuration in the structure of a record, where no visitor can have put them."""
    if isinstance(value, list):
        for member in value:
            yield from written(member, within)
    if not isinstance(value, dict):
        return
    for key, member in value.items():
        if is_configured(key, within):
            yield from (each for each in (member,) if isinstance(each, str) and each)
        elif key == "value" and _is_fixed(value, within):
            yield from _texts(member)
        elif key not in SENT:
            yield from written(member, key)


def _is_fixed(beside: Mapping[str, Any], within: str) -> bool:
    """Whether a setting has its value from the configuration alone: as it is written, or one text where nothing is.

    A value with references deep inside has no single place that it is from.
    """
    if within != "settings" or beside.get("from") != "":
        return False
    value, as_written = beside.get("value"), beside.get("written")
    return isinstance(value, str) if as_written is None else value == as_written


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str() if value:
            yield value
        case list():
            for member in value:
                yield from _texts(member)
        case dict():
            for member in value.values():
                yield from _texts(member)


def expected(value: Any, within: str = "") -> Iterator[str]:
    """What the conditions of a record compare with, as it is written in them."""
    if isinstance(value, list):
        for member in value:
            yield from expected(member, within)
    if not isinstance(value, dict):
        return
    for key, member in value.items():
        if (within, key) == ("conditions", "text") and isinstance(member, str):
            yield from _QUOTED.findall(member)
        elif key not in SENT:
            yield from expected(member, key)


def given_by(model: ContainerModel) -> Iterator[str]:
    """What the variables of a file give that no hit brings along: constants, defaults, the values of tables."""
    for variable in model.variables.values():
        if variable.settings is not None:
            for name in ("default", "value", "table", "rows"):
                yield from _literals(getattr(variable.settings, name, None))


def literals_in(container: Container) -> frozenset[str]:
    """The texts that the analyst wrote into the file of a container for preview."""
    return frozenset() if container.probes is None else container.probes.literals


def _literals(value: Any) -> Iterator[str]:
    match value:
        case str() if value:
            yield value
        case Mapping():
            for member in value.values():
                yield from _literals(member)
        case list() | tuple():
            for member in value:
                yield from _literals(member)
        case Settings():
            yield from _literals(getattr(value, "value", None))


def is_configured(key: str, within: str) -> bool:
    return key in _CONFIGURED or (key in ("name", "type") and within in _CONFIGURED_PARTS)
