"""What it was about: the items, the money, and the words around them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from container.api import Event, conversion, filled, normalise, number
from tags.meta_conversions_api.currencies import CURRENCIES
from tags.meta_conversions_api.settings import Custom, MetaConversionsApi

CONTENT_TYPES = ("product", "product_group", "destination", "flight", "hotel", "vehicle", "home_listing")
DELIVERY_CATEGORIES = frozenset({"in_store", "curbside", "home_delivery"})

TEXTS = ("order_id", "search_string", "status")
OF_EVENT = ("content_name", "content_category", "predicted_ltv", "delivery_category")
OWN = Custom.model_fields.keys()

CONTENTS = "custom.contents"


def custom_data(settings: MetaConversionsApi, event: Event, notes: list[str]) -> dict[str, Any]:
    """The custom data. What is left out for its kind is told in the notes."""
    given, sent = settings.custom, dict[str, Any]()
    items = _in_one_form(conversion.items_of(given.contents, notes, field=CONTENTS))
    lines = conversion.lines(items, notes, field=CONTENTS)
    if (value := conversion.value(given.value, lines)) is not None:
        sent["value"] = value
    if currency := _currency(given, items, notes):
        sent["currency"] = currency
    if contents := _contents(lines, notes):
        sent["contents"] = contents
    if ids := conversion.ids(given.content_ids, lines, notes, field="custom.content_ids"):
        sent["content_ids"] = ids
    if content_type := _content_type(given, items, notes) or ("product" if contents or ids else None):
        sent["content_type"] = content_type
    if (num_items := conversion.num_items(given.num_items, lines)) is not None:
        sent["num_items"] = num_items
    sent |= _words(given, event.data, notes)
    return conversion.passed(given.passed, event.data, own=OWN) | sent if given.passed else sent


def _in_one_form(items: list[conversion.Item]) -> list[conversion.Item]:
    """The items with their price where GA4 has it; in Meta's own form it has another name."""
    return [{"price": item["item_price"], **item} if "item_price" in item else item for item in items]


def _contents(lines: Sequence[conversion.Line], notes: list[str]) -> list[dict[str, Any]]:
    """The items that have an id: of the others Meta can make nothing."""
    contents: list[dict[str, Any]] = []
    for line in lines:
        if not line.id:
            notes.append('an entry of "custom.contents" is left out: it has no item_id')
            continue
        content: dict[str, Any] = {"id": line.id, "quantity": line.quantity}
        if line.price is not None:
            content["item_price"] = line.price
        if "delivery_category" in line.item and (found := _delivery(line.item["delivery_category"], notes)):
            content["delivery_category"] = found
        contents.append(content)
    return contents


def _content_type(given: Custom, items: Sequence[conversion.Item], notes: list[str]) -> str | None:
    return conversion.content_type(given.content_type, items, notes, field="custom.content_type", types=CONTENT_TYPES)


def _currency(given: Custom, items: Sequence[conversion.Item], notes: list[str]) -> str | None:
    found = conversion.currency(
        given.currency, items, notes, field="custom.currency", listed=CURRENCIES, vendor="ISO 4217"
    )
    return found if found in CURRENCIES else None


def _words(given: Custom, data: Mapping[str, Any], notes: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    stated = given.__dict__
    for field in TEXTS:
        if (value := stated[field]) and (text := conversion.told_text(f"custom.{field}", value, notes)):
            found[field] = text
    for field in OF_EVENT:
        if field in data or stated[field] is not None:
            found |= _of_event(field, conversion.first_stated(stated[field], (data,), (field,)), notes)
    return found


def _of_event(field: str, value: Any, notes: list[str]) -> dict[str, Any]:
    """A field that has no other place in the event than its own name."""
    if field == "delivery_category":
        return filled(delivery_category=_delivery(value, notes))
    if field != "predicted_ltv":
        return filled(**{field: conversion.told_text(f"custom.{field}", value, notes)})
    worth = number(value)
    if worth is None and value is not None:
        notes.append('"custom.predicted_ltv" is left out: it is no number')
    return filled(predicted_ltv=worth)


def _delivery(value: object, notes: list[str]) -> str | None:
    found = normalise.plain(value)
    if found is None or found in DELIVERY_CATEGORIES:
        return found
    notes.append('a "delivery_category" is left out: it is none of in_store, curbside and home_delivery')
    return None
