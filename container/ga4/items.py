"""Items: `pr1=idSKU-1~nmMug~pr7.5`, pairs of a two-character key and its value, joined by `~`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from container.ga4.keys import CUSTOM_ITEM_INDEXES, ITEM_FIELDS
from container.ga4.values import number_or_text
from container.shape import text

# Read from left to right, `~~` is a literal tilde and a single one ends the pair. Nothing after the repetition can
# fail, so the expression never goes back.
_SEGMENT = re.compile(r"(?:[^~]+|~~)+")

_TEXTS = {key: field.name for key, field in ITEM_FIELDS.items() if field.kind == "text"}
_NUMBERS = {key: field.name for key, field in ITEM_FIELDS.items() if field.kind == "number"}
_NUMBER_NAMES = frozenset(_NUMBERS.values())
_KEYS = {field.name: key for key, field in ITEM_FIELDS.items()}
_CUSTOM_NAMES = {f"k{index}": index for index in CUSTOM_ITEM_INDEXES}
_CUSTOM_VALUES = {f"v{index}": index for index in CUSTOM_ITEM_INDEXES}


def item(written: str) -> dict[str, Any]:
    """One item under its long names: price, quantity, discount and index as numbers, everything else as text.

    Custom parameters stand under their own names, behind a standard field of that name, and are numbers where that
    field is one. An unknown key keeps its two
    characters; what is shorter than a key is dropped, and so is a custom value without a name.
    """
    fields: dict[str, Any] = {}
    names: dict[str, str] = {}
    values: dict[str, str] = {}
    for segment in written.split("~") if "~~" not in written else _segments(written):
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
            value = values.get(index, "")
            fields.setdefault(name, number_or_text(value) if name in _NUMBER_NAMES else value)
    return fields


def written_item(fields: Mapping[str, Any], notes: list[str]) -> str:
    """An item as the wire has it: fields of the protocol under their two characters, others as custom parameters.

    What is `None` is left out. Custom parameters for which no index is left are told in the notes.
    """
    pairs: list[str] = []
    index = 0
    for name, value in fields.items():
        if value is None or not name:
            continue
        stated = value if type(value) is str else text(value)
        if name in _KEYS:
            pairs.append(_KEYS[name] + stated)
        elif index < len(CUSTOM_ITEM_INDEXES):
            pairs += (f"k{CUSTOM_ITEM_INDEXES[index]}{name}", f"v{CUSTOM_ITEM_INDEXES[index]}{stated}")
            index += 1
        else:
            notes.append(f"parameters of an item are left out: there are more than {len(CUSTOM_ITEM_INDEXES)}")
    written = "~".join(pairs)
    # Hardly any item has a tilde in it.
    return written if written.count("~") < len(pairs) else "~".join([pair.replace("~", "~~") for pair in pairs])


def _segments(written: str) -> list[str]:
    return [segment.replace("~~", "~") for segment in _SEGMENT.findall(written)]
