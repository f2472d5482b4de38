"""Values as a trace shows them: what is no JSON in words, and a word for the kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from container.case import DEEPEST
from container.fields import FromEvent, Pattern, Settings
from container.outgoing import Address
from container.secret import Secret, SecretText
from container.template import Template


def in_words(value: Any, depth: int = 0) -> Any:
    """The value with references, patterns and settings in it as YAML writes them."""
    if isinstance(value, Template):
        return str(value)
    if isinstance(value, Pattern):
        return value.source
    if isinstance(value, FromEvent):
        return None
    if isinstance(value, Address):
        return value.start + "".join(f"{in_words(part.value)}{part.after}" for part in value.parts)
    if depth == DEEPEST:
        return value
    if isinstance(value, Settings):
        value = {name: getattr(value, name) for name in type(value).model_fields}
    if isinstance(value, Mapping):
        return {key: in_words(member, depth + 1) for key, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [in_words(member, depth + 1) for member in value]
    return value if value is None or isinstance(value, _SAYABLE) else str(value)


def kind_of(value: Any) -> str:
    """What sort of value it is: text, number, boolean, list, mapping, secret; "not set" for none."""
    if value is None:
        return "not set"
    return next((word for kind, word in _KINDS if isinstance(value, kind)), type(value).__name__)


_SAYABLE = (str, int, float, Secret, SecretText)

_KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "boolean"),
    ((int, float), "number"),
    (str, "text"),
    ((list, tuple), "list"),
    (Mapping, "mapping"),
    ((Secret, SecretText), "secret"),
)
