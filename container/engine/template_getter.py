"""Templates of the configuration as functions of a scope."""

from __future__ import annotations

from collections.abc import Callable

from container.engine.scope import Getter, Scope
from container.engine.size import joined
from container.secret import SecretText
from container.template import Reference, Template

Lookup = Callable[[Reference], Getter]
"""Finds the getter of a reference."""


def template_getter(template: Template, lookup: Lookup) -> Getter:
    """The value of a template. Exactly one reference keeps its type; inside text values take their text form."""
    whole = template.whole
    if whole is not None:
        return lookup(whole)
    parts = [lookup(part) if isinstance(part, Reference) else part for part in template.parts]

    def join(scope: Scope) -> str | SecretText | None:
        return joined([part(scope) if callable(part) else part for part in parts], template, scope)

    return join
