"""The forms in which vendors want personal data and money. A vendor's differences are arguments, data beside its tag.

Every function takes what a hit may hold and gives the normal form, or `None` (or an empty list) when there is none:
nothing is guessed, and nothing raises. Linear time; texts that are too long for their kind are refused unread.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from functools import lru_cache
from ipaddress import IPv6Address, ip_network
from socket import AF_INET, inet_pton
from typing import Any

from container.normalise.telephone import calling_code, phone
from container.shape import missing, number, text

__all__ = [
    "EMPTY_HASH",
    "LARGEST_WHOLE",
    "LONGEST_TEXT",
    "calling_code",
    "country",
    "currency",
    "each",
    "email",
    "hashed",
    "hashes",
    "is_hash",
    "locale",
    "name",
    "phone",
    "place",
    "plain",
    "postal_code",
    "public_address",
    "total",
    "unusable",
    "whole",
]

EMPTY_HASH = hashlib.sha256(b"").hexdigest()
"""What a careless sender makes of a missing value. It identifies nobody and is never passed on."""

LARGEST_WHOLE = 2**53
"""Beyond this, JSON's numbers are not exact for every reader."""

LONGEST_TEXT = 4096
"""Characters of a text. A longer one is a mistake or an attack, and is nothing."""

_NO_TEXT = frozenset({"", "undefined", "null"})
_LONGEST_NAME = 256
_ASCII_PUNCTUATION = re.compile(r"[^a-z0-9\s]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_HASH = re.compile(r"[0-9A-Fa-f]{64}", re.ASCII)
_LOCALE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{1,8}){0,8}", re.ASCII)
_CURRENCY = re.compile(r"[A-Za-z]{3}", re.ASCII)
_COUNTRY = re.compile(r"[A-Za-z]{2}", re.ASCII)
_DENIED = """0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.168.0.0/16 224.0.0.0/3
    ::/127 fc00::/7 fe80::/10 fec0::/10 ff00::/8"""
_NOT_PUBLIC = {
    version: [
        (int(network.netmask), int(network.network_address))
        for network in map(ip_network, _DENIED.split())
        if network.version == version
    ]
    for version in (4, 6)
}
_DOUBTFUL = frozenset(first >> 24 for _, first in _NOT_PUBLIC[4]) | frozenset(range(224, 256))
"""First bytes of IPv4 addresses that may not be public; all others are."""

_LONGEST_LOCALE = 80


def plain(value: object) -> str | None:
    """Text or a number as trimmed text. Empty text, a browser's `undefined` and `null`, text that is no UTF-8 or has
    more than 4,096 characters, booleans and everything else are nothing.
    """
    if isinstance(value, str):
        trimmed = value.strip()
        if trimmed in _NO_TEXT or len(trimmed) > LONGEST_TEXT:
            return None
        return trimmed if trimmed.isascii() or not _SURROGATE.search(trimmed) else None
    if value is None:
        return None
    return text(value) if isinstance(value, (int, float)) and number(value) is not None else None


def unusable(value: object) -> bool:
    """Whether something is stated that is no text: neither missing, nor one of the words for nothing."""
    nothing = value.strip() in _NO_TEXT if isinstance(value, str) else missing(value)
    return not nothing and plain(value) is None


def each(value: object) -> list[Any]:
    """The values of a list, of a mapping with positions as keys (`{"0": …}`), or the one value itself."""
    if isinstance(value, (list, tuple)):
        return list(value)
    if isinstance(value, Mapping):
        return [member for key, member in value.items() if isinstance(key, str) and key.isdecimal()]
    return [] if value is None else [value]


def hashes(value: object, normal: Callable[[str], str | None]) -> tuple[list[str], int]:
    """SHA-256 of each value's normal form, in order and without duplicates, and how many values have none."""
    if isinstance(value, str):
        single = hashed(value, normal)
        return ([], 1) if single is None else ([single], 0)
    found = [hashed(member, normal) for member in each(value)]
    return list(dict.fromkeys(digest for digest in found if digest)), found.count(None)


def hashed(value: object, normal: Callable[[str], str | None]) -> str | None:
    """SHA-256 of the normal form in lower-case hex. 64 hex digits are a hash already and only lower-cased."""
    trimmed = plain(value)
    if trimmed is None:
        return None
    if len(trimmed) == 64 and _HASH.fullmatch(trimmed):
        lower = trimmed.lower()
        return None if lower == EMPTY_HASH else lower
    form = normal(trimmed)
    return hashlib.sha256(form.encode()).hexdigest() if form else None


def is_hash(value: object) -> bool:
    """Whether a value is a hash already: 64 hex digits, perhaps with blanks around them."""
    trimmed = plain(value)
    return trimmed is not None and _HASH.fullmatch(trimmed) is not None


def email(value: str) -> str | None:
    """An e-mail address in lower case: exactly one `@` with something on both sides, no white space. Dots stay."""
    address = value.strip().lower()
    name, _, domain = address.partition("@")
    return address if name and domain and "@" not in domain and len(address.split()) == 1 else None


def name(value: str) -> str | None:
    """A person's name: lower case, letters and digits of any script, single blanks; punctuation goes."""
    if value.isascii() and value.isalnum():
        return value.lower()
    if value.isascii():
        kept = _ASCII_PUNCTUATION.sub("", value.lower())
    else:
        kept = "".join(sign for sign in _composed(value) if sign.isspace() or _word(sign))
    return " ".join(kept.split()) or None


def place(value: str) -> str | None:
    """A city, state or region: lower case, letters and digits of any script, without blanks."""
    if value.isascii() and value.isalnum():
        return value.lower()
    return "".join(filter(_word, _composed(value))) or None


def country(value: str) -> str | None:
    """A country as ISO 3166-1 alpha-2 in lower case."""
    return value.lower() if _COUNTRY.fullmatch(value) else None


def postal_code(value: str, country: str | None = None) -> str | None:
    """A postal code: lower case, no blanks and hyphens; the first five digits in the country `us`."""
    joined = "".join(value.lower().replace("-", "").split())
    return (joined[:5] if country == "us" and joined.isdecimal() else joined) or None


def public_address(value: str) -> str | None:
    """An IP address that can be a visitor's: neither private, local, shared, multicast, reserved nor unspecified.

    Documentation ranges pass. An IPv4 address mapped into IPv6 is unwrapped.
    """
    try:
        packed = inet_pton(AF_INET, value)
    except (OSError, ValueError):
        return _public_ipv6(value)
    return value if packed[0] not in _DOUBTFUL or _is_public(int.from_bytes(packed), 4) else None


def locale(value: str) -> str | None:
    """A language tag in the case of BCP 47: `en-US`, `zh-Hans-CN`."""
    return _locale(value) if len(value) <= _LONGEST_LOCALE else None


@lru_cache(maxsize=512)
def _locale(value: str) -> str | None:
    if not _LOCALE.fullmatch(value):
        return None
    language, *parts = value.lower().replace("_", "-").split("-")
    extended = next((position for position, part in enumerate(parts) if len(part) == 1), len(parts))
    cased = [part.upper() if len(part) == 2 else part.title() if len(part) == 4 else part for part in parts[:extended]]
    return "-".join([language, *cased, *parts[extended:]])


def currency(value: str) -> str | None:
    """A currency code of three letters in upper case. Whether it exists is for the vendor to say."""
    return value.upper() if _CURRENCY.fullmatch(value) else None


def whole(value: object) -> int | None:
    """A whole number, also from a text; `None` for fractions and for what is too large to be exact."""
    if type(value) is int:
        return value if -LARGEST_WHOLE <= value <= LARGEST_WHOLE else None
    stated = number(value)
    return int(stated) if stated is not None and stated == int(stated) and abs(stated) <= LARGEST_WHOLE else None


def total(lines: Iterable[tuple[int | float, int]]) -> int | float | None:
    """The sum of price times quantity in decimal arithmetic: 1.1 * 3 is 3.3."""
    amount = sum((Decimal(str(price)) * quantity for price, quantity in lines), Decimal())
    return number(int(amount) if amount == amount.to_integral_value() else float(amount))


def _public_ipv6(value: str) -> str | None:
    try:
        address = IPv6Address(value)
    except ValueError:
        return None
    if address.ipv4_mapped:
        return public_address(str(address.ipv4_mapped))
    return value if "%" not in value and _is_public(int(address), 6) else None


def _is_public(bits: int, version: int) -> bool:
    return not any(bits & mask == start for mask, start in _NOT_PUBLIC[version])


def _composed(value: str) -> str:
    """The text in lower case, its accents in one form. Composing is not linear, so there is a longest text."""
    return unicodedata.normalize("NFC", value.lower()) if len(value) <= _LONGEST_NAME else ""


def _word(sign: str) -> bool:
    return sign.isalnum() or unicodedata.category(sign).startswith("M")
