"""What it was about: the items of a sale, read once for every vendor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from container import normalise
from container.conversion.texts import told_text
from container.shape import missing, number

ID_KEYS = ("item_id", "id", "sku", "product_id", "content_id")
NAME_KEYS = ("item_name", "content_name")
BRAND_KEYS = ("item_brand", "brand")
CATEGORY_KEYS = ("item_category", "item_category2", "item_category3", "item_category4", "item_category5")
OTHER_CATEGORY_KEYS = ("content_category", "category")
_DEEPER_KEYS = frozenset(CATEGORY_KEYS[1:])
_ONE_LEVEL_KEYS = (CATEGORY_KEYS[0], *OTHER_CATEGORY_KEYS)

Item = Mapping[str, Any]


class Line(NamedTuple):
    """One item. `quantity` is 1 where none is stated; `sound`: whether price and quantity can be reckoned with."""

    id: str | None
    name: str | None
    category: str | None
    brand: str | None
    price: int | float | None
    quantity: int
    sound: bool
    item: Item


def items_of(value: object, notes: list[str], *, field: str) -> list[Item]:
    """The items of a list. `field`: how the settings call it, for notes."""
    if not value and missing(value):
        return []
    if not isinstance(value, (list, tuple)):
        notes.append(f'"{field}" is left out: it is no list of items')
        return []
    items = [item for item in value if isinstance(item, (dict, Mapping))]
    if len(items) < len(value):
        notes.append(f'entries of "{field}" are left out: they are no items')
    return items


def lines(items: Sequence[Item], notes: list[str], *, field: str) -> list[Line]:
    """What is known of each item, without those of which nothing is."""
    return [line for item in items if (line := _line(item, field, notes)) is not None]


def ids(given: object, lines: Sequence[Line], notes: list[str], *, field: str) -> list[str]:
    """The ids that are stated, else those of the items."""
    if given is not None:
        stated = [told_text(field, member, notes) for member in normalise.each(given)]
        if known := [found for found in stated if found is not None]:
            return known
    return [line.id for line in lines if line.id]


def num_items(given: object, lines: Sequence[Line]) -> int | None:
    """How many pieces: as stated, else of all items together."""
    if given is not None:
        return normalise.whole(given)
    return normalise.whole(sum([line.quantity for line in lines])) if lines else None


def content_type(
    given: str | None, items: Sequence[Item], notes: list[str], *, field: str, types: Sequence[str]
) -> str | None:
    """The stated kind, else the first item's that has one: an older interface of TikTok has it there."""
    stated = given and normalise.plain(given)
    if stated in types:
        return stated
    if stated:
        known = " nor ".join(f'"{each}"' for each in types)
        notes.append(f'"{field}" is left out: it is neither {known}')
    for item in items:
        if "content_type" in item:
            found = item["content_type"]
            return found if isinstance(found, str) and found in types else None
    return None


def _line(item: Item, field: str, notes: list[str]) -> Line | None:
    get, plain = item.get, normalise.plain
    price, quantity = number(get("price")), normalise.whole(get("quantity"))
    sound = (price is not None and quantity is not None) or _is_sound(item, price, quantity, notes)
    # GA4's own key is nearly always the one.
    identity = plain(get("item_id")) or _first_text(item, ID_KEYS, notes)
    name = plain(get("item_name")) or _first_text(item, NAME_KEYS, notes)
    category = _category(item, notes)
    brand = plain(get("item_brand")) or _first_text(item, BRAND_KEYS, notes)
    if price is None and not (identity or name or category or brand):
        notes.append(f'an entry of "{field}" is left out: nothing in it is known')
        return None
    return Line(identity, name, category, brand, price, 1 if quantity is None else quantity, sound, item)


def _is_sound(item: Item, price: object, quantity: object, notes: list[str]) -> bool:
    """Whether what is not known of price and quantity is not stated either."""
    stated = (("price", price), ("quantity", quantity))
    unsound = [key for key, found in stated if found is None and not missing(item.get(key))]
    notes += [f'"{key}" of an item is left out: its value is of the wrong kind' for key in unsound]
    return not unsound


def _category(item: Item, notes: list[str]) -> str | None:
    if _DEEPER_KEYS.isdisjoint(item):
        return _first_text(item, _ONE_LEVEL_KEYS, notes)
    keys = tuple(filter(item.__contains__, CATEGORY_KEYS))
    if len(keys) < 2:
        return _first_text(item, keys + OTHER_CATEGORY_KEYS, notes)
    levels = [_first_text(item, (key,), notes) for key in keys]
    return " > ".join(filter(None, levels)) or _first_text(item, OTHER_CATEGORY_KEYS, notes)


def _first_text(item: Item, keys: Sequence[str], notes: list[str]) -> str | None:
    for key in keys:
        value = item.get(key)
        if value is None:
            continue
        if (found := normalise.plain(value)) is not None:
            return found
        if normalise.unusable(value):
            notes.append(f'"{key}" of an item is left out: its value is of the wrong kind')
    return None
