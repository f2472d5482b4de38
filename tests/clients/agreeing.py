"""How what a client read is compared with what a record of the corpus says."""

from __future__ import annotations

from typing import Any


def holds(expected: Any, found: Any) -> bool:
    """As a subset, inside mappings too; types count, but a whole number is a whole number in any of JSON's forms."""
    if isinstance(expected, dict):
        return isinstance(found, dict) and all(holds(value, found.get(name)) for name, value in expected.items())
    if isinstance(expected, list):
        return isinstance(found, list) and len(found) == len(expected) and all(map(holds, expected, found))
    if isinstance(expected, (int, float)) and not isinstance(expected, bool):
        return isinstance(found, (int, float)) and not isinstance(found, bool) and found == expected
    return type(found) is type(expected) and found == expected
