"""Whether something holds a person: their address, number or id in every spelling in which it may stand there.

Texts are taken apart (JSON, parameters, addresses, cookies, percent signs, base64), and each value is compared as a
whole. Long values are also looked for inside of text, where nothing may stand beside them that would make them another:
what is deleted for one person must not be somebody else's.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal
from urllib.parse import unquote_plus

import orjson

from container.delivery.row import FailedHit, Unpacked
from container.normalise import calling_code, email, phone, plain

Identifier = Literal["email", "phone", "user_id", "client_id", "event_id"]

SHORTEST_INSIDE = 6
"""Characters of an id that is looked for inside of text and under any name; a shorter one is anybody's number."""

MOST_DEEP = 6
"""Layers of encoding that are taken off, one within the other."""

_HASH = re.compile(r"[0-9A-Fa-f]{64}", re.ASCII)
_ESCAPED = re.compile(r"%[0-9A-Fa-f]{2}|\+")
_MORE = re.compile(r"[%+=&;\n{\[\"]")
"""Signs without which a text is a value, and nothing stands within it but what base64 hides."""

SHORTEST_BASE64 = 8
# Hashes in hexadecimal digits have no capital letters beside small ones; what people write has, in base64.
_BASE64 = re.compile(r"(?=[^a-z]*[a-z])(?=[^A-Z]*[A-Z])[A-Za-z0-9+/_-]+={0,2}", re.ASCII)
_GOOGLE_COOKIE = re.compile(r"GA1\.[0-9-]+\.(.+)", re.ASCII)
_NO_DIGIT = re.compile(r"[^0-9]")
_LIKE_PHONE = re.compile(r"[+(0-9][0-9 ().+/-]{5,62}[0-9]", re.ASCII)
_PARTS = re.compile(r"[&;\n]")
_BESIDE = frozenset("._-+%@'")
"""Beside an address or an id, with a letter or a digit behind it, these are a part of it."""

_NAMES_OF_IDS = ("id", "user", "customer", "client", "visitor", "person", "member", "account")


class NobodyError(ValueError):
    """What was stated is nobody's. The text says why, and what to write."""


@dataclass(frozen=True)
class Person:
    """Whoever is to be forgotten: `values` by what they are, as they were stated, `texts` in all their spellings."""

    values: tuple[tuple[Identifier, str], ...]

    @cached_property
    def spellings(self) -> frozenset[str]:
        """In small letters, plain and hashed."""
        return frozenset(each for kind, value in self.values for each in _spelled(kind, value))

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """What `once_per` may have counted by."""
        stated = [value.strip() for _, value in self.values]
        return tuple(dict.fromkeys((*stated, *sorted(self.spellings))))

    @cached_property
    def inside(self) -> tuple[str, ...]:
        return tuple(each for each in self.spellings if len(each) >= SHORTEST_INSIDE)

    @cached_property
    def digits(self) -> frozenset[str]:
        """Of phone numbers, however they are written."""
        numbers = [value for kind, value in self.values if kind == "phone" and not _HASH.fullmatch(value)]
        return frozenset(each for number in numbers for each in _national(number))

    def within(self, texts: Iterable[tuple[str, str]]) -> bool:
        """Whether one of the texts, each with the name under which it stands, holds the person."""
        found = [(name, value.strip().lower()) for name, text in texts for name, value in values(name, text)]
        if any(self._is(name, value) for name, value in found):
            return True
        # All at once, since hardly any row holds one of them.
        whole = "\n".join([value for _, value in found])
        return any(_stands_alone(whole, each) for each in self.inside if each in whole)

    def _is(self, name: str, small: str) -> bool:
        if small in self.spellings:
            return len(small) >= SHORTEST_INSIDE or _is_of_an_id(name)
        if not self.digits or not _LIKE_PHONE.fullmatch(small):
            return False
        return _NO_DIGIT.sub("", small) in self.digits


def person(
    *,
    email: str | None = None,
    phone: str | None = None,
    user_id: str | None = None,
    client_id: str | None = None,
    event_id: str | None = None,
) -> Person:
    """The person of these identifiers. Raises `NobodyError`."""
    stated: dict[Identifier, str | None] = {
        "email": email,
        "phone": phone,
        "user_id": user_id,
        "client_id": client_id,
        "event_id": event_id,
    }
    values = tuple((kind, _checked(kind, value)) for kind, value in stated.items() if value is not None)
    if not values:
        raise NobodyError("Say who: an e-mail address, a phone number, a user id, a client id or an event id.")
    return Person(values)


def texts_of(found: Unpacked | FailedHit) -> Iterator[tuple[str, str]]:
    """Everything in a row or a hit that may hold somebody, each with its name."""
    if isinstance(found, Unpacked):
        frame = found.frame
        yield "", frame.url.data.decode(errors="replace")
        yield from ((name, value.data.decode(errors="replace")) for name, value in frame.headers)
        envelope = b"".join((frame.head.data, found.item.data, frame.tail.data))
        yield "", envelope.decode(errors="replace")
    else:
        hit = found.hit
        yield "", f"{hit.path}?{hit.query}"
        yield from hit.headers.items()
        yield "", hit.body.decode(errors="replace")
        yield "ip", hit.ip or ""


def values(name: str, text: str) -> list[tuple[str, str]]:
    """The text, and the values within it: of JSON, of parameters and addresses, of cookies, encoded or not."""
    found: list[tuple[str, str]] = []
    left = [(name, text, 0)]
    while left:
        name, text, depth = left.pop()
        found.append((name, text))
        if depth < MOST_DEEP and text:
            left += [(key, value, depth + 1) for key, value in _inner(name, text)]
    return found


def _inner(name: str, text: str) -> list[tuple[str, str]]:
    """What stands in a text one layer deeper."""
    decoded = _from_base64(text)
    found = [(name, decoded)] if decoded else []
    if not _MORE.search(text):
        google = _GOOGLE_COOKIE.fullmatch(text)
        return found if google is None else [*found, ("client_id", google[1])]
    document = _document(text)
    if document is not None:
        _leaves(name, document, found)
        return found
    pairs = list(_pairs(name, text)) if "=" in text or "\n" in text else []
    if pairs or not _ESCAPED.search(text):
        return found + pairs
    plain_text = unquote_plus(text, errors="replace")
    return found if plain_text == text else [*found, (name, plain_text)]


def _pairs(name: str, text: str) -> Iterator[tuple[str, str]]:
    """Names and values of a query, a form, cookies, or GA4's lines."""
    before, mark, query = text.partition("?")
    if mark and "=" not in before:
        yield name, before
        text = query
    for part in map(str.strip, _PARTS.split(text)):
        key, equals, value = part.partition("=")
        if equals and value and key:
            yield unquote_plus(key, errors="replace"), value
        elif part and len(part) < len(text.strip()):
            yield name, part


def _document(text: str) -> object:
    """The JSON object, list or text, `None` for other text."""
    if text[:1] not in '{["' and text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        found: object = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return found


def _leaves(name: str, document: object, found: list[tuple[str, str]]) -> None:
    """Adds the texts and numbers of a document, however deep it is, and the names of its members."""
    left: list[tuple[str, object]] = [(name, document)]
    while left:
        name, value = left.pop()
        match value:
            case str():
                found.append((name, value))
            case dict():
                found += [(name, key) for key in value]
                left += value.items()
            case list():
                left += [(name, member) for member in value]
            case int() | float() if not isinstance(value, bool):
                found.append((name, str(value)))


def _from_base64(text: str) -> str:
    """The text that this is the base64 of, empty for other text."""
    if len(text) < SHORTEST_BASE64 or not _BASE64.fullmatch(text):
        return ""
    padded = text.translate(_STANDARD).rstrip("=")
    try:
        return base64.b64decode(padded + "=" * (-len(padded) % 4), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""


_STANDARD = str.maketrans("-_", "+/")


def _checked(kind: Identifier, value: str) -> str:
    stated = plain(value)
    if stated is None:
        raise NobodyError(f"The {_CALLED[kind]} is empty, or no text.")
    if _HASH.fullmatch(stated):
        return stated
    if kind == "email" and email(stated) is None:
        raise NobodyError("The e-mail address is none: write it like ada@shop.example.")
    if kind == "phone" and phone(stated) is None:
        raise NobodyError("The phone number needs its country: write it like +31 6 12345678.")
    return stated


_CALLED: dict[Identifier, str] = {
    "email": "e-mail address",
    "phone": "phone number",
    "user_id": "user id",
    "client_id": "client id",
    "event_id": "event id",
}


def _spelled(kind: Identifier, value: str) -> Iterator[str]:
    """A value as tags send it, and as senders do: plain, and as hashes of it."""
    if _HASH.fullmatch(value):
        yield value.lower()
        return
    for form in _forms(kind, value):
        yield form.lower()
        for digest in (hashlib.sha256, hashlib.sha1, hashlib.md5):
            found = digest(form.encode("utf-8", "surrogatepass"), usedforsecurity=False)
            yield found.hexdigest()
        raw = hashlib.sha256(form.encode("utf-8", "surrogatepass")).digest()
        # Compared in small letters, as everything is: two hashes that differ in case only do not happen.
        yield base64.b64encode(raw).decode().lower()
        yield base64.urlsafe_b64encode(raw).decode().rstrip("=").lower()


def _forms(kind: Identifier, value: str) -> Iterator[str]:
    """The spellings of which a sender or a tag may make a hash."""
    stated = value.strip()
    yield from (stated, stated.lower(), stated.upper())
    if kind == "email":
        yield email(stated) or stated
    if kind == "phone":
        form = phone(stated) or stated
        digits = _NO_DIGIT.sub("", form)
        yield from (form, digits, f"00{digits}")
        yield from (each for each in _national(stated) if len(each) > SHORTEST_INSIDE)
    if kind == "client_id":
        yield from (f"GA1.{depth}.{stated}" for depth in (1, 2, 3))


def _national(value: str) -> Iterator[str]:
    """The digits of a number with and without the code of its country."""
    form = phone(value) or ""
    digits = _NO_DIGIT.sub("", form)
    code = calling_code(form) if form else None
    yield from (digits, f"00{digits}")
    if code is not None:
        own = digits.removeprefix(str(code))
        yield from (own, f"0{own}")


def _is_of_an_id(name: str) -> bool:
    small = name.lower()
    return any(word in small for word in _NAMES_OF_IDS)


def _stands_alone(text: str, wanted: str) -> bool:
    """Whether it stands in the text with nothing beside it that belongs to a longer address, number or id."""
    begin = text.find(wanted)
    while begin >= 0:
        end = begin + len(wanted)
        if not _belongs(text[max(begin - 2, 0) : begin][::-1]) and not _belongs(text[end : end + 2]):
            return True
        begin = text.find(wanted, begin + 1)
    return False


def _belongs(beside: str) -> bool:
    """Whether these characters, nearest first, are a part of what they stand beside."""
    if not beside:
        return False
    return beside[0].isalnum() or (beside[0] in _BESIDE and beside[1:].isalnum())
