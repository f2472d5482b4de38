"""What preview says of a conversion for TikTok: whether it is whole, and the line of the pixel it belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from container.api import Wanted, script_text

COMPLETENESS = (
    Wanted("properties.contents", "a list, each with content_id", "Send items, each with item_id.", each="content_id"),
    Wanted("properties.content_type", '"product" or "product_group"', "It follows from items."),
    Wanted("properties.value", "a number", "Send value: the sum of what was sold."),
    Wanted("properties.currency", "three capital letters", "Send currency beside value."),
    Wanted("properties.order_id", "the order's number", "Send transaction_id."),
    Wanted("event_id", "the id that the pixel sends too", "Send event_id, and give the pixel the same."),
    Wanted("page.url", "the full address of the page", "Send page_location.", where=("event_source", "web")),
)

_MEMBERS = ("contents", "content_type", "value", "currency")


def pixel(item: Mapping[str, Any]) -> str:
    """What the page has to run. The id is the third argument: among the properties it does nothing."""
    name, properties, identifier = (item.get(key) for key in ("event", "properties", "event_id"))
    if not isinstance(name, str):
        return ""
    given = properties if isinstance(properties, Mapping) else {}
    about = {key: given[key] for key in _MEMBERS if key in given}
    last = f", {script_text({'event_id': identifier})}" if isinstance(identifier, str) and identifier else ""
    return f"ttq.track({script_text(name)}, {script_text(about)}{last});"
