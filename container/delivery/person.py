"""Whether something holds a person: their address, number or id in every spelling in which it may stand there.

Each value of a text is compared as a whole. Long ones are also looked for inside of text, where nothing may stand
beside them that would make them another: what is deleted for one person must not be somebody else's. Digits alone may
be anybody's, so the name above them has to say whose they are.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from container.delivery import names
from container.delivery.texts import values
from container.normalise import calling_code, email, phone, plain

Identifier = Literal["email", "phone", "user_id", "client_id", "event_id"]

SHORTEST_INSIDE = 6
"""Characters of an id that is looked for inside of text and under any name; a shorter one is anybody's."""

SHORTEST_NUMBER = 15
"""Digits of an id of two numbers, such as a client id, that counts under any name."""

_HASH = re.compile(r"[0-9A-Fa-f]{64}", re.ASCII)
_DIGITS = re.compile(r"[0-9]+", re.ASCII)
_NUMBERS = re.compile(r"[0-9 .,:/+-]+", re.ASCII)
_NO_DIGIT = re.compile(r"[^0-9]")
_LIKE_PHONE = re.compile(r"[+(0-9][0-9 ().+/-]{5,62}[0-9]", re.ASCII)
_BESIDE = frozenset("._-+%@'")
"""Beside an address or an id, with a letter or a digit behind it, these are a part of it."""


class NobodyError(ValueError):
    """What was stated is nobody's. The text says why, and what to write."""


@dataclass(frozen=True)
class Person:
    """Whoever is to be forgotten: `values` by what they are, as they were stated."""

    values: tuple[tuple[Identifier, str], ...]

    @cached_property
    def spellings(self) -> frozenset[str]:
        """In small letters, plain and hashed: what is this person's wherever it stands."""
        found = {each for kind, value in self.values for each in _spelled(kind, value)}
        return frozenset(each for each in found if not _needs_name(each))

    @cached_property
    def named(self) -> tuple[tuple[Identifier, str], ...]:
        """Ids that are anybody's unless their name says otherwise."""
        stated = [(kind, value.lower()) for kind, value in self.values if kind != "phone"]
        return tuple((kind, value) for kind, value in stated if _needs_name(value))

    @cached_property
    def digits(self) -> frozenset[str]:
        """The digits of phone numbers with the code of the country."""
        return frozenset(each for number in self._phones for each in _international(number))

    @cached_property
    def national(self) -> frozenset[str]:
        """The digits of phone numbers without it: in other countries, and among orders, they are others'."""
        return frozenset(each for number in self._phones for each in _national(number))

    @property
    def _phones(self) -> Iterator[str]:
        return (value for kind, value in self.values if kind == "phone" and not _HASH.fullmatch(value))

    def keys(self, counted_by: str) -> tuple[str, ...]:
        """What `once_per` may have counted by, where its key is written so."""
        stated = [value for _, value in self.values if not _needs_name(value)]
        named = [value for kind, value in self.values if kind != "phone" and _is_called(kind, counted_by)]
        numbers = sorted(self.digits | self.national) if names.of_a_phone(counted_by) else ()
        return tuple(dict.fromkeys((*stated, *named, *numbers, *sorted(self.spellings))))

    def within(self, texts: Iterable[tuple[str, str]]) -> bool:
        """Whether one of the texts, each with the name under which it stands, holds the person."""
        found = [(name, value.strip().lower()) for name, text in texts for name, value in values(name, text)]
        if any(self._is(name, value) for name, value in found):
            return True
        # All at once, since hardly any row holds one of them.
        whole = "\n".join([value for _, value in found])
        return any(_is_alone(whole, each) for each in self.spellings) or self._told(whole)

    def _is(self, name: str, small: str) -> bool:
        """Whether a value as a whole is the person's."""
        if small in self.spellings:
            return True
        if any(small == each and _is_called(kind, name) for kind, each in self.named):
            return True
        if not self.digits or not _LIKE_PHONE.fullmatch(small):
            return False
        number = _NO_DIGIT.sub("", small)
        if number in self.digits:
            return small.startswith("+") or names.of_a_phone(name) or not names.of_a_thing(name)
        return number in self.national and names.of_a_phone(name)

    def _told(self, whole: str) -> bool:
        """Whether digits stand in a text behind a word that says whose they are, as in `/account/104233`."""
        for kind, each in self.named:
            says = names.says_event if kind == "event_id" else names.says_person
            if each in whole and any(says(names.before(whole, begin)) for begin in _alone(whole, each)):
                return True
        return any(
            each in whole and any(names.of_a_phone(names.before(whole, begin)) for begin in _alone(whole, each))
            for each in self.digits
        )


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
        yield phone(stated) or stated
        yield from _international(stated)
        yield from (each for each in _national(stated) if len(each) > SHORTEST_INSIDE)
    if kind == "client_id":
        yield from (f"GA1.{depth}.{stated}" for depth in (1, 2, 3))


def _international(value: str) -> Iterator[str]:
    """The digits of a number with the code of its country."""
    digits = _NO_DIGIT.sub("", phone(value) or "")
    yield from (digits, f"00{digits}")


def _national(value: str) -> Iterator[str]:
    """The digits of a number without the code of its country."""
    form = phone(value) or ""
    code = calling_code(form) if form else None
    if code is not None:
        own = _NO_DIGIT.sub("", form).removeprefix(str(code))
        yield from (own, f"0{own}")


def _needs_name(value: str) -> bool:
    """Whether a value may be anybody's: a short one, a number, or a few digits with signs between them."""
    if len(value) < SHORTEST_INSIDE or _DIGITS.fullmatch(value):
        return True
    numbers = not value.startswith("+") and _NUMBERS.fullmatch(value) is not None
    return numbers and len(_NO_DIGIT.sub("", value)) < SHORTEST_NUMBER


def _is_called(kind: Identifier, name: str) -> bool:
    return names.of_an_event(name) if kind == "event_id" else names.of_a_person(name)


def _alone(text: str, wanted: str) -> Iterator[int]:
    """Where it stands in the text with nothing beside it that belongs to a longer address, number or id."""
    begin = text.find(wanted)
    while begin >= 0:
        end = begin + len(wanted)
        if not _belongs(text[max(begin - 2, 0) : begin][::-1]) and not _belongs(text[end : end + 2]):
            yield begin
        begin = text.find(wanted, begin + 1)


def _is_alone(text: str, wanted: str) -> bool:
    return any(True for _ in _alone(text, wanted))


def _belongs(beside: str) -> bool:
    """Whether these characters, nearest first, are a part of what they stand beside."""
    if not beside:
        return False
    return beside[0].isalnum() or (beside[0] in _BESIDE and beside[1:].isalnum())
