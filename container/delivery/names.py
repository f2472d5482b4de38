"""What a name says about the value under it: a person's id, an event's, a phone number, or something that is nobody's.

Names are paths, as in `user_properties.crm_id.value`. The last part decides; where it says nothing, the one before.
Within a part it is the last word: `shop_user_id` is a person's, `user_order_id` is not.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

LONGEST_PATH = 200
"""Characters of a path that are kept: its end."""

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", re.ASCII)
_SAYS_NOTHING = frozenset(
    (
        *("id", "ids", "value", "values", "v", "number", "no", "nr", "num", "code", "key", "ref", "reference"),
        *("string", "int", "integer", "long", "double", "float", "text", "raw", "hash", "hashed", "sha"),
    )
)
"""Words that do not say whose value it is."""

_PERSON = (
    *("user", "customer", "client", "visitor", "person", "member", "account", "subscriber", "contact", "lead"),
    *("profile", "shopper", "buyer", "guest", "patient", "crm", "loyalty", "external", "device", "browser"),
    *("anonymous", "kunde", "klant", "cliente", "utilisateur", "nutzer", "gebruiker", "besucher"),
)
"""Parts of words: `customerid`, `Kundennummer`."""

_PERSON_WORDS = frozenset({"uid", "cid", "login"})
_EVENT_WORDS = frozenset({"event", "events", "eid", "dedup", "deduplication", "conversion", "conversions", "message"})
_PHONE = ("phone", "telef", "mobil", "whatsapp", "msisdn")
_PHONE_WORDS = frozenset({"tel", "ph", "cell", "call", "sms", "fax", "gsm", "handy", "wa", "me"})
_SELLERS_WORDS = frozenset({"ad", "ads", "advertiser"})
_THING_WORDS = frozenset(
    (
        *("transaction", "tid", "order", "purchase", "invoice", "receipt", "payment", "cart", "basket", "checkout"),
        *("booking", "ticket", "shipment", "item", "product", "content", "sku", "variant", "article", "category"),
        *("brand", "coupon", "promotion", "promo", "offer", "list", "gtin", "ean", "upc", "mpn", "barcode"),
        *("session", "page", "location", "url", "uri", "link", "href", "referrer", "referer", "dl", "dr", "path"),
        *("campaign", "ad", "adset", "adgroup", "creative", "keyword", "video", "form", "store", "shop", "merchant"),
        *("pixel", "measurement", "property", "stream", "container", "tag", "dataset", "app", "api", "version"),
        *("price", "tax", "shipping", "revenue", "amount", "total", "discount", "quantity", "qty", "count", "currency"),
        *("time", "timestamp", "date", "duration", "width", "height", "request", "trace", "zip", "postal", "postcode"),
        *("lifetime", "ltv", "age", "score", "points", "balance", "level", "rank", "visits", "agent", "categories"),
    )
)
_END = re.compile(r"(?:ids?|no|nr|number)\Z")
_BEFORE = re.compile(r"([a-z][a-z_.-]{0,60})[^a-z0-9\n]{1,6}\Z", re.ASCII)
_FAR = 70


def inner(name: str, key: str) -> str:
    """The name of what stands under a key within that."""
    return f"{name}.{key}"[-LONGEST_PATH:] if name else key[-LONGEST_PATH:]


def before(text: str, begin: int) -> str:
    """The word that stands right before this place in a text in small letters, such as `account` before `/4711`."""
    found = _BEFORE.search(text[max(begin - _FAR, 0) : begin])
    return found[1] if found else ""


def of_a_person(name: str) -> bool:
    """Whether a person's id stands under such a name: `user_id`, `crmId`, `customer.number`, or an `id` of no thing."""
    return says_person(name) or (_said(name).has_id and not of_a_thing(name))


def says_person(name: str) -> bool:
    """The same, of names that speak of a person in so many words."""
    words = _said(name).words
    told = any(word in _PERSON_WORDS or any(part in word for part in _PERSON) for word in words)
    return told and not of_a_thing(name)


def of_an_event(name: str) -> bool:
    """Whether an event's id stands under such a name."""
    said = _said(name)
    return said.ends_in(_EVENT_WORDS) or (said.has_id and not said.ends_in(_THING_WORDS) and not says_person(name))


def says_event(name: str) -> bool:
    """The same, of names that speak of an event in so many words."""
    return _said(name).ends_in(_EVENT_WORDS)


def of_a_phone(name: str) -> bool:
    """Whether a phone number stands under such a name."""
    return any(word in _PHONE_WORDS or any(part in word for part in _PHONE) for word in _said(name).words)


def of_a_thing(name: str) -> bool:
    """Whether what stands there is an order's, a product's, an event's, an amount, a time: nobody's number."""
    said = _said(name)
    return said.ends_in(_THING_WORDS | _EVENT_WORDS) or not _SELLERS_WORDS.isdisjoint(said.words)


class _Said(NamedTuple):
    """The words of a name that say something, and whether it speaks of an id."""

    words: tuple[str, ...]
    has_id: bool

    def ends_in(self, words: frozenset[str]) -> bool:
        if not self.words:
            return False
        last = self.words[-1]
        short = _END.sub("", last)
        return not words.isdisjoint((last, last.removesuffix("s"), short, short.removesuffix("s")))


@lru_cache(maxsize=4096)
def _said(name: str) -> _Said:
    has_id = False
    for part in reversed(name.split(".")):
        words = [word.lower() for word in _WORD.findall(part)]
        has_id = has_id or "id" in words or "ids" in words
        telling = tuple(word for word in words if word not in _SAYS_NOTHING)
        if telling:
            return _Said(telling, has_id)
    return _Said((), has_id)
