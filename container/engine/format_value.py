"""GTM's Format Value, plus types: what `format:` does to the value of a variable."""

from __future__ import annotations

from typing import Any

from container.config.model import Format
from container.secret import Secret, SecretText
from container.shape import number, text


def format_value(value: Any, format: Format) -> Any:
    """The value in its wanted form: text is trimmed, then spelled, then made the wanted type.

    What null, true or false are to become takes the place of the value, and of what the type made of it. It is spelled
    and typed itself, and stays as it was written if it is not of the type. Null and a missing value are one; without a
    replacement a value that is not of the type becomes `None`.
    """
    made = _typed(_spelled(value, format), format)
    replacement = _replacement(value, format)
    if replacement is None:
        replacement = _replacement(made, format)
    if replacement is None:
        return made
    spelled = _spelled(replacement, format)
    typed = _typed(spelled, format)
    return spelled if typed is None else typed


def _replacement(value: Any, format: Format) -> Any:
    if value is None:
        return format.null_to if format.undefined_to is None else format.undefined_to
    if isinstance(value, bool):
        return format.true_to if value else format.false_to
    return None


def _spelled(value: Any, format: Format) -> Any:
    if not isinstance(value, str):
        return value
    trimmed = value.strip() if format.trim else value
    if format.case is None:
        return trimmed
    return trimmed.lower() if format.case == "lower" else trimmed.upper()


def _typed(value: Any, format: Format) -> Any:
    kind = format.as_type
    if kind is None or value is None or isinstance(value, (Secret, SecretText)):
        return value  # a secret is filled in when the request leaves; its name is not its value
    if kind == "text":
        return text(value)
    if kind == "boolean":
        return {"true": True, "1": True, "false": False, "0": False}.get(text(value).strip().lower())
    stated = number(value)
    if stated is None or kind == "number":
        return stated
    return int(stated) if stated == int(stated) else None
