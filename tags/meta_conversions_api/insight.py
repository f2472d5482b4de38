"""What preview says of a conversion for Meta: whether it is whole, and the line of the pixel it belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from container.api import Wanted, script_text
from tags.meta_conversions_api.names import NAMES

COMPLETENESS = (
    Wanted("custom_data.contents", "a list, each with id", "Send items, each with item_id.", each="id"),
    Wanted("custom_data.content_type", '"product" or "product_group"', "It follows from items."),
    Wanted("custom_data.value", "a number", "Send value: the sum of what was sold."),
    Wanted("custom_data.currency", "three capital letters", "Send currency beside value."),
    Wanted("custom_data.order_id", "the order's number", "Send transaction_id."),
    Wanted("event_id", "the id that the pixel sends too", "Send event_id, and give the pixel the same."),
    Wanted(
        "event_source_url", "the full address of the page", "Send page_location.", where=("action_source", "website")
    ),
)

_OF_SERVER = frozenset({"order_id"})
"""Members that the pixel does not know."""


def pixel(item: Mapping[str, Any]) -> str:
    """What the page has to run. The id stands in the fourth argument: among the properties it does nothing."""
    name, about, identifier = (item.get(key) for key in ("event_name", "custom_data", "event_id"))
    if not isinstance(name, str) or item.get("action_source") != "website":
        return ""
    given = about if isinstance(about, Mapping) else {}
    told = {key: value for key, value in given.items() if key not in _OF_SERVER}
    method = "track" if name in NAMES.own else "trackCustom"
    last = f", {script_text({'eventID': identifier})}" if isinstance(identifier, str) and identifier else ""
    return f"fbq({script_text(method)}, {script_text(name)}, {script_text(told)}{last});"
