"""How much it was worth: the stated total and currency, else what the items say."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from container import normalise
from container.conversion.items import Item, Line
from container.shape import missing, number


def value(given: object, lines: Sequence[Line]) -> int | float | None:
    """The stated total, else the sum over the items. A sum with a gap would be a wrong total."""
    stated = number(given)
    if stated is not None or not lines:
        return stated
    priced = [(line.price, line.quantity) for line in lines if line.price is not None]
    return normalise.total(priced) if priced and all(line.sound for line in lines) else None


def currency(
    given: str | None,
    items: Sequence[Item],
    notes: list[str],
    *,
    field: str,
    listed: Collection[str] = (),
    vendor: str = "",
) -> str | None:
    """The stated currency, else the first one of an item. `listed`: those that the vendor names, if it names any."""
    if given in listed:
        return given
    stated = given or next((item["currency"] for item in items if not missing(item.get("currency"))), None)
    code = normalise.currency(normalise.plain(stated) or "")
    if code is None and stated is not None:
        notes.append(f'"{field}" is left out: it is no currency in three letters, such as EUR')
    if code is not None and listed and code not in listed:
        notes.append(f'{vendor} does not list the currency "{code}"')
    return code
