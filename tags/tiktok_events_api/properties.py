"""What it was about: the items, the money, and the words around them, under TikTok's names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from container.api import Event, conversion, missing, text
from tags.tiktok_events_api.settings import Properties, TikTokEventsApi

_LISTED = """
    AED ARS AUD BDT BHD BIF BOB BRL CAD CHF CLP CNY COP CRC CZK DKK DZD EGP EUR GBP GTQ HKD HNL HUF IDR ILS INR
    ISK JPY KES KHR KRW KWD KZT MAD MOP MXN MYR NGN NIO NOK NZD OMR PEN PHP PKR PLN PYG QAR RON RUB SAR SEK SGD
    THB TRY TWD UAH USD VES VND ZAR
"""
CURRENCIES = frozenset(_LISTED.split())
"""What TikTok lists. What it does with others is not documented: they are sent, with a note."""

TEXTS = tuple((field, f"properties.{field}") for field in ("order_id", "search_string", "description", "shop_id"))
CONTENT_TYPES = ("product", "product_group")
CUSTOMER_TYPES: Mapping[str, str] = {"new": "new", "returning": "returning", "true": "new", "false": "returning"}
"""TikTok's words, and those of a field that says whether the customer is new, as GA4's `new_customer`."""

OWN = frozenset(Properties.model_fields)
DEEPEST, passable = conversion.DEEPEST, conversion.passable


def properties(settings: TikTokEventsApi, event: Event, notes: list[str]) -> dict[str, Any]:
    """The properties object. What is left out for its kind is told in the notes."""
    given = settings.properties
    items = conversion.items_of(given.contents, notes, field="properties.contents")
    lines = conversion.lines(items, notes, field="properties.contents")
    ids = conversion.ids(given.content_ids, lines, notes, field="properties.content_ids")
    content_type = conversion.content_type(
        given.content_type, items, notes, field="properties.content_type", types=CONTENT_TYPES
    )
    sent: dict[str, Any] = {}
    if lines:
        sent["contents"] = [_content(line) for line in lines]
        content_type = content_type or "product"
    if content_type:
        sent["content_type"] = content_type
    if ids:
        sent["content_ids"] = ids
    if (num_items := conversion.num_items(given.num_items, lines)) is not None:
        sent["num_items"] = num_items
    currency = conversion.currency(
        given.currency, items, notes, field="properties.currency", listed=CURRENCIES, vendor="TikTok"
    )
    if currency:
        sent["currency"] = currency
    if (value := conversion.value(given.value, lines)) is not None:
        sent["value"] = value
    _add_texts(sent, given, notes)
    if customer_type := _customer_type(given, event.data, notes):
        sent["customer_type"] = customer_type
    if not given.passed:
        return sent
    return conversion.passed(given.passed, event.data, own=OWN) | sent


def _add_texts(sent: dict[str, Any], given: Properties, notes: list[str]) -> None:
    for field, path in TEXTS:
        if (stated := getattr(given, field)) and (found := conversion.told_text(path, stated, notes)):
            sent[field] = found


def _content(line: conversion.Line) -> dict[str, Any]:
    identity, name, category, brand, price, quantity, _, _ = line
    content: dict[str, Any] = {}
    if identity:
        content["content_id"] = identity
    if name:
        content["content_name"] = name
    if category:
        content["content_category"] = category
    if brand:
        content["brand"] = brand
    if price is not None:
        content["price"] = price
    content["quantity"] = quantity
    return content


def _customer_type(given: Properties, data: Mapping[str, Any], notes: list[str]) -> str | None:
    for stated in (given.customer_type, data.get("customer_type"), data.get("new_customer")):
        if stated is not None and not missing(stated):
            break
    else:
        return None
    found = CUSTOMER_TYPES.get(text(stated).strip())
    if found is None:
        notes.append('"properties.customer_type" is left out: it is neither "new" nor "returning"')
    return found
