"""Items: `pr1=idSKU-1~nmMug~pr7.5`, pairs of a two-character key and its value, joined by `~`."""

from __future__ import annotations

import re
from typing import Any

from container.ga4.keys import CUSTOM_ITEM_INDEXES, ITEM_FIELDS
from container.ga4.values import number_or_text

# Read from left to right, `~~` is a literal tilde and a single one ends the pair. Nothing after the repetition can
# fail, so the expression never goes back.
_SEGMENT = re.compile(r"(?:[^~]+|~~)+")

_TEXTS = {key: field.name for key, field in ITEM_FIELDS.items() if field.kind == "text"}
_NUMBERS = {key: field.name for key, field in ITEM_FIELDS.items() if field.kind == "number"}
_CUSTOM_NAMES = {f"k{index}": index for index in CUSTOM_ITEM_INDEXES}
_CUSTOM_VALUES = {f"v{index}": index for index in CUSTOM_ITEM_INDEXES}


def item(text: str) -> dict[str, Any]:
    """One item under its long names: price, quantity, discount and index as numbers, everything else as text.

    Custom parameters stand under their own names, behind a standard field of that name. An unknown key keeps its two
    characters; what is shorter than a key is dropped, and so is a custom value without a name.
    """
    fields: dict[str, Any] = {}
    names: dict[str, str] = {}
    values: dict[str, str] = {}
    for segment in text.split("~") if "~~" not in text else _segments(text):
        key, value = segment[:2], segment[2:]
        if key in _TEXTS:
            fields[_TEXTS[key]] = value
        elif key in _NUMBERS:
            fields[_NUMBERS[key]] = number_or_text(value)
        elif key in _CUSTOM_NAMES:
            names[_CUSTOM_NAMES[key]] = value
        elif key in _CUSTOM_VALUES:
            values[_CUSTOM_VALUES[key]] = value
        elif len(key) == 2:
            fields[key] = value
    for index, name in names.items():
        if name:
            fields.setdefault(name, values.get(index, ""))
    return fields


def _segments(text: str) -> list[str]:
    return [segment.replace("~~", "~") for segment in _SEGMENT.findall(text)]
