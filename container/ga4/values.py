"""Single values of the wire: numbers, flags and regions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from container.shape import number, text

_is_amount = re.compile(r"(?:0|[1-9][0-9]*)\.[0-9]+").fullmatch
_FLAGS = {"1": True, "0": False, "true": True, "false": False}


def number_or_text(value: str) -> int | float | str:
    """The number, or the text as it came when JSON's grammar knows no such number (`NaN`, `00123`, `1e999`)."""
    # What most of them are needs a fifth of the time that any number does.
    if len(value) < 16:
        if value.isdecimal() and value.isascii():
            if value[0] != "0" or value == "0":
                return int(value)
        elif _is_amount(value):
            amount = float(value)
            return int(amount) if amount.is_integer() else amount
    found = number(value)
    return value if found is None else found


def flag_or_text(value: str) -> bool | str:
    """`1` and `0` as booleans; what is neither stays as it came."""
    return _FLAGS.get(value, value)


def location(value: str) -> dict[str, str]:
    """`US-CA` as country and region, `US` as the country; empty parts are left out."""
    country, _, region = value.partition("-")
    return {name: part for name, part in (("country", country), ("region", region)) if part}


def written_text(value: Any) -> str | None:
    """A text. Each of these gives `None` for a value that would not be read as the same again."""
    return value if isinstance(value, str) else None


def written_number(value: Any) -> str | None:
    """A number, or a text that is none."""
    if isinstance(value, str):
        return value if isinstance(number_or_text(value), str) else None
    found = number(value)
    return None if found is None else text(found)


def written_flag(value: Any) -> str | None:
    """A boolean as `1` or `0`, or a text that is neither."""
    if isinstance(value, bool):
        return "1" if value else "0"
    return value if isinstance(value, str) and value not in _FLAGS else None


def written_location(value: Any) -> str | None:
    """Country and region as `US-CA`; empty where neither is known."""
    if not isinstance(value, Mapping):
        return None
    country, region = (part if isinstance(part, str) else "" for part in map(value.get, ("country", "region")))
    return f"{country}-{region}" if region else country
