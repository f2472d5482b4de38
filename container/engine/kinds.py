"""What kind of value an operator compares, and what is said of a value of another kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_type_hints

from container.config.model import Check
from container.shape import number

NO_NUMBER = "text, and no number"


def no_number(value: Any, checks: Sequence[Check]) -> list[str]:
    """The note about text that is compared as a number and is none, such as `59,80`."""
    if not isinstance(value, str) or not value.strip() or number(value) is not None:
        return []
    return [NO_NUMBER] if any(_is_of_numbers(check) for check in checks) else []


def _is_of_numbers(check: Check) -> bool:
    return next(iter(get_type_hints(check.operator.function).values()), None) is float
