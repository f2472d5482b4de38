"""Which values of a hit are nobody's: what was bought, the number of the order, the page, as far as it reads as words.

A name alone is not enough: a shop's mistake may put an address where a product's name belongs. So a value is shown if
both its name and its letters say so. What a visitor is known by elsewhere in a record is masked here as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Literal

from container.delivery.masking import AMOUNTS

Sort = Literal["words", "id", "place", "event", "amount"]

_WORDS = frozenset(
    (
        *("itemname", "itembrand", "itemcategory", "itemvariant", "itemlistname", "affiliation", "coupon", "brand"),
        *("promotionname", "creativename", "creativeslot", "contentname", "contentcategory"),
    )
)
_IDS = frozenset(("itemid", "itemlistid", "promotionid", "contentid", "contentids", "transactionid", "orderid"))
_PLACES = frozenset(
    (
        *("pagelocation", "pagereferrer", "pagepath", "pagehostname", "pageurl", "eventsourceurl", "dl", "dr", "dp"),
        *("dh", "url", "referrer", "referer", "origin"),
    )
)

_ITEM: Mapping[str, str] = dict(
    (
        *(("id", "item_id"), ("nm", "item_name"), ("br", "item_brand"), ("va", "item_variant"), ("cp", "coupon")),
        *(("ca", "item_category"), ("c2", "item_category"), ("c3", "item_category"), ("c4", "item_category")),
        *(("c5", "item_category"), ("li", "item_list_id"), ("ln", "item_list_name"), ("af", "affiliation")),
        *(("pr", "price"), ("ds", "price"), ("qt", "quantity")),
    )
)
"""What two letters mean at the beginning of a part of GA4's `pr1`."""

_ORDERS = frozenset(("transactionid", "orderid"))
_AMOUNTS = AMOUNTS | {"discount"}
_HARMLESS = frozenset(("paymenttype", "protocolversion"))

_CURRENCY = "(?:[A-Z]{3}|[€$£¥])"
_AMOUNT = re.compile(
    rf"(?:{_CURRENCY} ?)?-?(?:[0-9]{{1,6}}|[0-9]{{1,3}}[., ’'][0-9]{{3}})(?:[.,][0-9]{{1,2}})?(?: ?{_CURRENCY})?",
    re.ASCII,
)
"""As people write it: `59,80`, `1.234,50 EUR`. No number that is long enough for an id."""

_NO_AMOUNT = frozenset(
    ("nan", "undefined", "null", "none", "infinity", "-infinity", "[object object]", "true", "false")
)
"""What a page's script writes where it has no amount."""

_EVENT_ID = re.compile(
    r"(?:[A-Za-z]{1,16}[_.:#-]?){1,4}[0-9]{1,6}(?:[_.:#-](?:[0-9]{1,4}|[A-Za-z]{1,16})){0,3}", re.ASCII
)
_BESIDE_ORDER = re.compile(r"[A-Za-z_.:#-]{0,32}[0-9]{0,4}[A-Za-z_.:#-]{0,16}", re.ASCII)
_LONGEST_EVENT_ID = 64

_NO_LETTER = re.compile(r"[^a-z]")
_PRODUCT = re.compile(r"pr[0-9]{1,3}", re.ASCII)
_PART = re.compile(r"(?<!~)~(?!~)")

_READS_AS_WORDS = re.compile(r"[\w(][\w .,:;/&'’()|#*°~\"–-]{0,79}")
_TOO_MANY_DIGITS = re.compile(r"[0-9](?:[ ()./-]?[0-9]){6}")
_JOINED = re.compile(r"[^\W\d][.:]\w|\w:\w|\w\.[^\W\d]")
"""Letters on both sides of a point or a colon, as in hosts and codes."""
_LONG_CODE = re.compile(r"(?=[A-Za-z_-]*[0-9])[A-Za-z0-9_-]{20}", re.ASCII)
_READS_AS_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_#/-]{0,31}(?:\.[A-Za-z0-9_#/-]{1,8})?", re.ASCII)
_OF_MANY = re.compile(r"[0-9a-f]{32}|[0-9]+\.[0-9]+|00[0-9]{8,}", re.ASCII)
"""A hash, a client id of Google's or an IP address, a telephone number with its country."""

_PATH_WORD = re.compile(r"(?:[a-z]+|[0-9]{1,4})(?:[_.-]{1,2}(?:[a-z]+|[0-9]{1,4})){0,11}", re.ASCII)
_VERSION = re.compile(r"v?[0-9]{1,3}(?:\.[0-9]{1,3})?", re.ASCII)
_HOST_ALONE = re.compile(r"(?:[a-z0-9-]{1,63}\.){1,8}[a-z]{2,24}", re.ASCII)
_LONGEST_WORD = 24
_LONGEST_SEGMENT = 80
_OF_PEOPLE = frozenset(
    (
        *("account", "accounts", "author", "authors", "customer", "customers", "friend", "friends", "invite", "member"),
        *("members", "people", "person", "profile", "profiles", "u", "user", "users", "reset", "token", "unsubscribe"),
        *("verify", "search", "s"),
    )
)
"""What follows one of these in a path is somebody's, or what somebody typed."""

_FROM_DATA = re.compile(r'event data "([^"]+)"')
_REFERENCE = re.compile(r"\{\{ *(.+?) *\}\}")


def sort_of(name: str) -> Sort | None:
    """What values under this name are, `None` for all that may be somebody's."""
    letters = _letters(name)
    if letters == "eventid":
        return "event"
    if letters in _AMOUNTS:
        return "amount"
    if letters in _WORDS:
        return "words"
    if letters in _IDS:
        return "id"
    return "place" if letters in _PLACES else None


def reads_as(sort: Sort, text: str) -> bool:
    """Whether the text reads as words about goods, or as the number of goods or of an order."""
    if sort == "words":
        odd = (pattern.search(text) for pattern in (_TOO_MANY_DIGITS, _JOINED, _LONG_CODE))
        return bool(_READS_AS_WORDS.fullmatch(text)) and not any(odd)
    if sort == "amount":
        return _AMOUNT.fullmatch(text.strip()) is not None or text.strip().casefold() in _NO_AMOUNT
    return sort == "id" and bool(_READS_AS_ID.fullmatch(text)) and not _OF_MANY.fullmatch(text)


def is_order(name: str) -> bool:
    """Whether the number of an order stands under this name."""
    return _letters(name) in _ORDERS


def is_harmless(name: str) -> bool:
    """Whether a word under this name is nobody's, beside those that deliveries show."""
    return _letters(name) in _HARMLESS


def reads_as_event_id(text: str, orders: Collection[str]) -> bool:
    """Whether it is made of words and few digits, or of the number of an order. `orders`: their numbers."""
    if len(text) > _LONGEST_EVENT_ID:
        return False
    rest = (text.replace(order, "", 1) for order in orders if order in text)
    return _EVENT_ID.fullmatch(text) is not None or any(_BESIDE_ORDER.fullmatch(each) for each in rest)


def is_host(text: str) -> bool:
    """Whether it is the name of a host, and nothing else."""
    return _HOST_ALONE.fullmatch(text) is not None


def words_of(segment: str, before: str) -> list[str] | None:
    """The words of a part of a page's path, `None` where it may be more than words. `before`: the part before it."""
    if _VERSION.fullmatch(segment) and before not in _OF_PEOPLE:
        return []
    if before in _OF_PEOPLE or len(segment) > _LONGEST_SEGMENT or not _PATH_WORD.fullmatch(segment):
        return None
    words = re.split(r"[_.-]+", segment)
    return words if max(map(len, words)) <= _LONGEST_WORD else None


def is_product(name: str) -> bool:
    """Whether GA4 writes a product under this name of a parameter."""
    return _PRODUCT.fullmatch(name) is not None


def product(text: str, shown: Callable[[str, str], str], hide: Callable[[str, str], str]) -> str:
    """A product as GA4 writes it, part by part. `shown`: by name and value; `hide`: for what else there is."""
    parts = []
    for part in _PART.split(text):
        name = _ITEM.get(part[:2])
        if name and part[2:]:
            parts.append(part[:2] + shown(name, part[2:].replace("~~", "~")).replace("~", "~~"))
        else:
            parts.append(hide("", part) if part else part)
    return "~".join(parts)


def sources(record: Any, within: str = "") -> Iterator[tuple[str, str]]:
    """The variables of a record that hold a member of the event's data: their names, and its name."""
    if isinstance(record, list):
        for member in record:
            yield from sources(member, within)
    if not isinstance(record, dict):
        return
    name, stated = record.get("name"), record.get("from")
    if within == "variables" and isinstance(name, str) and isinstance(stated, str):
        found = _FROM_DATA.match(stated)
        if found:
            yield name, found[1]
    elif within in ("", "told", "events"):
        for key in ("told", "events", "variables"):
            if key in record:
                yield from sources(record[key], key)


def source_of(beside: Mapping[str, Any], known: Mapping[str, str]) -> str:
    """The name of what a value was made of, empty where nothing says it. `known`: `sources`."""
    stated, text = beside.get("from"), beside.get("text")
    if isinstance(text, str):
        reference = _REFERENCE.match(text)
        if reference:
            return _referred(reference[1], known)
        named = max((name for name in known if text.startswith(f"{name} ")), key=len, default="")
        return known.get(named, "")
    if not isinstance(stated, str):
        return ""
    reference = _REFERENCE.fullmatch(stated)
    if reference:
        return _referred(reference[1], known)
    found = _FROM_DATA.match(stated)
    return found[1] if found else ""


def _letters(name: str) -> str:
    return _NO_LETTER.sub("", name.lower().removeprefix("x-ga-").removeprefix("ep.").removeprefix("epn."))


def _referred(name: str, known: Mapping[str, str]) -> str:
    form, point, rest = name.partition(".")
    return rest if point and form == "event" else known.get(name, name)
