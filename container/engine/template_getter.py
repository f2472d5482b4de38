"""Templates of the configuration as functions of a scope."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from container.engine.scope import Getter, Scope
from container.secret import Secret, SecretText
from container.shape import text
from container.template import Reference, Template

Lookup = Callable[[Reference], Getter]
"""Finds the getter of a reference."""


def template_getter(template: Template, lookup: Lookup) -> Getter:
    """The value of a template. Exactly one reference keeps its type; inside text values take their text form."""
    whole = template.whole
    if whole is not None:
        return lookup(whole)
    parts = [lookup(part) if isinstance(part, Reference) else part for part in template.parts]

    def join(scope: Scope) -> str | SecretText:
        values = [part(scope) if callable(part) else part for part in parts]
        if any(isinstance(value, (Secret, SecretText)) for value in values):
            return _with_secrets(values)
        return "".join(map(text, values))

    return join


def _with_secrets(values: list[Any]) -> SecretText:
    parts: list[str | Secret] = []
    for value in values:
        if isinstance(value, SecretText):
            parts.extend(value.parts)
        else:
            parts.append(value if isinstance(value, Secret) else text(value))
    return SecretText(tuple(parts))
