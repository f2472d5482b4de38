"""What it was about: the items, the money, and the words around them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from container.api import Event, at, filled, missing, normalise, number, text
from tags.tiktok_events_api.settings import Properties, TikTokEventsApi
from tags.tiktok_events_api.texts import told_text

_LISTED = """
    AED ARS AUD BDT BHD BIF BOB BRL CAD CHF CLP CNY COP CRC CZK DKK DZD EGP EUR GBP GTQ HKD HNL HUF IDR ILS INR
    ISK JPY KES KHR KRW KWD KZT MAD MOP MXN MYR NGN NIO NOK NZD OMR PEN PHP PKR PLN PYG QAR RON RUB SAR SEK SGD
    THB TRY TWD UAH USD VES VND ZAR
"""
CURRENCIES = frozenset(_LISTED.split())
"""What TikTok lists. What it does with others is not documented: they are sent, with a note."""

TEXTS = tuple((field, f"properties.{field}") for field in ("order_id", "search_string", "description", "shop_id"))
CONTENT_TYPES = frozenset({"product", "product_group"})
CUSTOMER_TYPES: Mapping[str, str] = {"new": "new", "returning": "returning", "true": "new", "false": "returning"}
"""TikTok's words, and those of a field that says whether the customer is new, as GA4's `new_customer`."""

ID_KEYS = ("item_id", "id", "sku", "product_id", "content_id")
NAME_KEYS = ("item_name", "content_name")
BRAND_KEYS = ("item_brand", "brand")
CATEGORY_KEYS = ("item_category", "item_category2", "item_category3", "item_category4", "item_category5")
OTHER_CATEGORY_KEYS = ("content_category", "category")

DEEPEST = 16
"""Passed values are not followed further down than this."""


class Line(NamedTuple):
    """One item: what TikTok gets of it, and whether its price and quantity can be reckoned with."""

    content: Mapping[str, Any]
    price: int | float | None
    quantity: int
    sound: bool


def properties(settings: TikTokEventsApi, event: Event, notes: list[str]) -> dict[str, Any]:
    """The properties object. What is left out for its kind is told in the notes."""
    given = settings.properties
    items = _items(given.contents, notes)
    lines = [line for item in items if (line := _line(item, notes)) is not None]
    ids = _ids(given, lines, notes)
    content_type = _content_type(given, items, notes)
    sent: dict[str, Any] = {}
    if lines:
        sent["contents"] = [line.content for line in lines]
        content_type = content_type or "product"
    if content_type:
        sent["content_type"] = content_type
    if ids:
        sent["content_ids"] = ids
    if (num_items := _num_items(given, lines)) is not None:
        sent["num_items"] = num_items
    if currency := _currency(given, items, notes):
        sent["currency"] = currency
    if (value := _value(given, lines)) is not None:
        sent["value"] = value
    for field, path in TEXTS:
        if (stated := getattr(given, field)) and (found := told_text(path, stated, notes)):
            sent[field] = found
    if customer_type := _customer_type(given, event.data, notes):
        sent["customer_type"] = customer_type
    return _passed(given, event.data) | sent if given.passed else sent


def passable(value: object, depth: int = 0) -> Any:
    """A JSON value that any reader takes: no text that is no UTF-8, no number that is none; else `None`."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return normalise.plain(value)
    if isinstance(value, (list, tuple)) and depth < DEEPEST:
        return [kept for member in value if (kept := passable(member, depth + 1)) is not None]
    if isinstance(value, Mapping) and depth < DEEPEST:
        kept_members = ((normalise.plain(key), passable(member, depth + 1)) for key, member in value.items())
        return {key: member for key, member in kept_members if key is not None and member is not None}
    return number(value)


def _items(value: object, notes: list[str]) -> list[Mapping[str, Any]]:
    if not value and missing(value):
        return []
    if not isinstance(value, (list, tuple)):
        notes.append('"properties.contents" is left out: it is no list of items')
        return []
    items = [item for item in value if isinstance(item, (dict, Mapping))]
    if len(items) < len(value):
        notes.append('entries of "properties.contents" are left out: they are no items')
    return items


def _line(item: Mapping[str, Any], notes: list[str]) -> Line | None:
    get, plain = item.get, normalise.plain
    price, quantity = number(get("price")), normalise.whole(get("quantity"))
    sound = (price is not None and quantity is not None) or _is_sound(item, price, quantity, notes)
    content: dict[str, Any] = {}
    # GA4's own key is nearly always the one.
    if identity := plain(get("item_id")) or _first_text(item, ID_KEYS, notes):
        content["content_id"] = identity
    if name := plain(get("item_name")) or _first_text(item, NAME_KEYS, notes):
        content["content_name"] = name
    if category := _category(item, notes):
        content["content_category"] = category
    if brand := plain(get("item_brand")) or _first_text(item, BRAND_KEYS, notes):
        content["brand"] = brand
    if price is not None:
        content["price"] = price
    if not content:
        notes.append('an entry of "properties.contents" is left out: nothing in it is known')
        return None
    content["quantity"] = pieces = 1 if quantity is None else quantity
    return Line(content, price, pieces, sound)


def _is_sound(item: Mapping[str, Any], price: object, quantity: object, notes: list[str]) -> bool:
    """Whether what is not known of price and quantity is not stated either."""
    stated = (("price", price), ("quantity", quantity))
    unsound = [key for key, found in stated if found is None and not missing(item.get(key))]
    notes += [f'"{key}" of an item is left out: its value is of the wrong kind' for key in unsound]
    return not unsound


def _category(item: Mapping[str, Any], notes: list[str]) -> str | None:
    keys = tuple(filter(item.__contains__, CATEGORY_KEYS))
    if len(keys) < 2:
        return _first_text(item, keys + OTHER_CATEGORY_KEYS, notes)
    levels = [_first_text(item, (key,), notes) for key in keys]
    return " > ".join(filter(None, levels)) or _first_text(item, OTHER_CATEGORY_KEYS, notes)


def _ids(given: Properties, lines: Sequence[Line], notes: list[str]) -> list[str]:
    """What is stated, else those of the items."""
    if given.content_ids is not None:
        stated = [told_text("properties.content_ids", member, notes) for member in normalise.each(given.content_ids)]
        if known := [found for found in stated if found is not None]:
            return known
    return [line.content["content_id"] for line in lines if "content_id" in line.content]


def _content_type(given: Properties, items: Sequence[Mapping[str, Any]], notes: list[str]) -> str | None:
    """The stated kind, else the first item's: the older interface has it there."""
    stated = given.content_type and normalise.plain(given.content_type)
    if stated in CONTENT_TYPES:
        return stated
    if stated:
        notes.append('"properties.content_type" is left out: it is neither "product" nor "product_group"')
    for item in items:
        if "content_type" in item:
            found = item["content_type"]
            return found if isinstance(found, str) and found in CONTENT_TYPES else None
    return None


def _num_items(given: Properties, lines: Sequence[Line]) -> int | None:
    if given.num_items is not None:
        return normalise.whole(given.num_items)
    return normalise.whole(sum([line.quantity for line in lines])) if lines else None


def _currency(given: Properties, items: Sequence[Mapping[str, Any]], notes: list[str]) -> str | None:
    if given.currency in CURRENCIES:
        return given.currency
    stated = given.currency or next((item["currency"] for item in items if not missing(item.get("currency"))), None)
    code = normalise.currency(normalise.plain(stated) or "")
    if code is None and stated is not None:
        notes.append('"properties.currency" is left out: it is no currency code')
    if code is not None and code not in CURRENCIES:
        notes.append(f'TikTok does not list the currency "{code}"')
    return code


def _value(given: Properties, lines: Sequence[Line]) -> int | float | None:
    """The stated total, else the sum over the items. A sum with a gap would be a wrong total."""
    stated = number(given.value)
    if stated is not None or not lines:
        return stated
    priced = [(line.price, line.quantity) for line in lines if line.price is not None]
    return normalise.total(priced) if priced and all(line.sound for line in lines) else None


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


def _passed(given: Properties, data: Mapping[str, Any]) -> dict[str, Any]:
    own = type(given).model_fields
    return filled(**{name: passable(at(data, name)) for name in given.passed if name not in own})


def _first_text(item: Mapping[str, Any], keys: Sequence[str], notes: list[str]) -> str | None:
    for key in keys:
        value = item.get(key)
        if value is None:
            continue
        if (found := normalise.plain(value)) is not None:
            return found
        if normalise.unusable(value):
            notes.append(f'"{key}" of an item is left out: its value is of the wrong kind')
    return None
