"""How large a value may become. What is made of other values can double with each of them, so there is an end to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from container.engine.scope import Scope
from container.secret import Secret, SecretText
from container.shape import text
from container.template import Template

LONGEST_TEXT = 65_536
"""Characters of a text with references in it."""

LARGEST_VALUE = 1_000_000
"""Characters of a list or a mapping that a variable makes of other values: as much as a request may hold."""

_EACH = 16
"""What a value counts besides its characters, so that empty ones are not looked at for ever."""

_SHOWN = 80


def joined(values: Sequence[Any], template: Template, scope: Scope) -> str | SecretText | None:
    """The values of a template's parts as one text, `None` with a note when it would be too long."""
    made: str | SecretText
    if any(isinstance(value, (Secret, SecretText)) for value in values):
        made = _with_secrets(values)
        length = sum(len(part) for part in made.parts if isinstance(part, str))
    else:
        made = "".join(map(text, values))
        length = len(made)
    if length <= LONGEST_TEXT:
        return made
    shown = str(template)
    shown = shown if len(shown) <= _SHOWN else shown[:_SHOWN] + "…"
    scope.notes.append(f'"{shown}" has no value: it would hold more than {LONGEST_TEXT} characters')
    return None


def too_large(value: Any, most: int = LARGEST_VALUE) -> bool:
    """Whether a value is larger. Looks no further than that, however often its parts stand in it."""
    if type(value) is str:
        return len(value) + _EACH > most
    waiting = [value]
    while waiting and most >= 0:
        each = waiting.pop()
        if isinstance(each, Mapping):
            most -= sum(map(len, map(str, each)))
            waiting += each.values()
        elif isinstance(each, (list, tuple)):
            waiting += each
        most -= _EACH + (len(each) if isinstance(each, str) else 0)
    return most < 0


def _with_secrets(values: Sequence[Any]) -> SecretText:
    parts: list[str | Secret] = []
    for value in values:
        if isinstance(value, SecretText):
            parts.extend(value.parts)
        else:
            parts.append(value if isinstance(value, Secret) else text(value))
    return SecretText(tuple(parts))
