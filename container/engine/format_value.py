"""GTM's Format Value, plus types: what `format:` does to the value of a variable."""

from __future__ import annotations

from typing import Any

from container.config.model import Format
from container.secret import Secret, SecretText
from container.shape import number, text


def format_value(value: Any, format: Format) -> Any:
    """The value after replacements, trimming, case and type. A value that is not of the wanted type becomes `None`."""
    replaced = _replaced(value, format)
    if isinstance(replaced, str):
        replaced = _spelled(replaced, format)
    return replaced if format.as_type is None else _typed(replaced, format.as_type)


def _replaced(value: Any, format: Format) -> Any:
    if value is None:
        return format.null_to if format.undefined_to is None else format.undefined_to
    if value is True and format.true_to is not None:
        return format.true_to
    return format.false_to if value is False and format.false_to is not None else value


def _spelled(value: str, format: Format) -> str:
    trimmed = value.strip() if format.trim else value
    if format.case is None:
        return trimmed
    return trimmed.lower() if format.case == "lower" else trimmed.upper()


def _typed(value: Any, kind: str) -> Any:
    if value is None or isinstance(value, (Secret, SecretText)):
        return value  # a secret is filled in when the request leaves; its name is not its value
    if kind == "text":
        return text(value)
    if kind == "boolean":
        return {"true": True, "1": True, "false": False, "0": False}.get(text(value).strip().lower())
    stated = number(value)
    if stated is None or kind == "number":
        return stated
    return int(stated) if stated == int(stated) else None
