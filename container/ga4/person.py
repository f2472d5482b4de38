"""User data as Google wants it: normalised by its rules and hashed, for a hit (`em`) and for the Measurement Protocol.

Names, e-mail addresses, phone numbers and streets are hashed; city, region, postal code and country are not.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

from container import normalise
from container.ga4.keys import ADDRESS_CODES, HASHED_CODES, HASHED_VERSION
from container.shape import missing

MOST_VALUES, MOST_ADDRESSES = 3, 2
"""So many e-mail addresses, phone numbers and addresses of one visitor Google takes."""

_GOOGLE_MAIL = frozenset({"gmail.com", "googlemail.com"})
_DIGITS_AND_PUNCTUATION = re.compile(r"[0-9!-/:-@\[-`{-~]")
_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")
_BETWEEN_DIGITS = re.compile(r"[\s()./-]+")
_WITHOUT_PLUS = re.compile(r"[1-9][0-9]{9,14}", re.ASCII)

_Normal = Callable[[str], str | None]


class Hash(NamedTuple):
    """A hash in hexadecimals. `given`: somebody else made it."""

    hexadecimal: str
    given: bool

    @property
    def on_the_wire(self) -> str:
        """As Google's library writes it: in base64 what it hashed, as it came what the site did."""
        if self.given:
            return self.hexadecimal
        return urlsafe_b64encode(bytes.fromhex(self.hexadecimal)).decode().rstrip("=")


class Person(NamedTuple):
    """What Google gets of a visitor. Addresses: by the codes of `em`."""

    emails: list[Hash]
    phones: list[Hash]
    addresses: list[dict[str, Hash | str]]

    @property
    def em(self) -> str:
        """The parameter `em`, before the query's own encoding; empty where nothing is known."""
        segments = [f"em.{found.on_the_wire}" for found in self.emails]
        segments += [f"pn.{found.on_the_wire}" for found in self.phones]
        for position, address in enumerate(self.addresses):
            segments += [f"{code}{position}.{_on_the_wire(value)}" for code, value in address.items()]
        return "~".join([f"tv.{HASHED_VERSION}", *segments]) if segments else ""

    @property
    def document(self) -> dict[str, Any]:
        """The member `user_data` of a Measurement Protocol request; empty where nothing is known."""
        listed = {HASHED_CODES["em"]: self.emails, HASHED_CODES["pn"]: self.phones}
        found: dict[str, Any] = {
            name: [each.hexadecimal for each in hashes] for name, hashes in listed.items() if hashes
        }
        if self.addresses:
            found["address"] = [
                {ADDRESS_CODES[code]: _in_json(value) for code, value in address.items()} for address in self.addresses
            ]
        return found


def person(user_data: Mapping[str, Any], notes: list[str]) -> Person:
    """The visitor of this user data. What is left out is told in the notes, without the value.

    A value of 64 hexadecimal digits is a hash already, under any of its names.
    """
    addresses = [] if _ADDRESS_NAMES.isdisjoint(user_data) else _addresses(user_data, notes)
    country = next((str(found["co"]) for found in addresses if "co" in found), None)

    def telephone(value: str) -> str | None:
        return normalise.phone(value, region=country) or _international(value)

    emails = _hashes(user_data, _EMAIL_NAMES, email, notes)
    phones = _hashes(user_data, _PHONE_NAMES, telephone, notes)
    if len(addresses) > MOST_ADDRESSES:
        notes.append(f'values of "user_data.address" are left out: there are more than {MOST_ADDRESSES}')
    return Person(emails, phones, addresses[:MOST_ADDRESSES])


def email(value: str) -> str | None:
    """An e-mail address in lower case; without the dots of its name where Google's mail ignores them."""
    address = normalise.email(value)
    if address is None:
        return None
    name, _, domain = address.partition("@")
    if "." not in domain.strip("."):
        return None
    return f"{name.replace('.', '')}@{domain}" if domain in _GOOGLE_MAIL else address


def _international(value: str) -> str | None:
    """A number that lacks only its plus sign, as Google's library reads it."""
    digits = _BETWEEN_DIGITS.sub("", value)
    return f"+{digits}" if _WITHOUT_PLUS.fullmatch(digits) else None


def _name(value: str) -> str | None:
    return _DIGITS_AND_PUNCTUATION.sub("", value.lower()).strip() or None


def _street(value: str) -> str | None:
    return _PUNCTUATION.sub("", value.lower()).strip() or None


def _code(value: str) -> str | None:
    return value.replace(".", "").replace("~", "").strip() or None


def _country(value: str) -> str | None:
    found = normalise.country(value)
    return None if found is None else found.upper()


_EMAIL_NAMES = ("email_address", "email", HASHED_CODES["em"])
_PHONE_NAMES = ("phone_number", "phone", HASHED_CODES["pn"])
_HASHED: Mapping[str, tuple[Sequence[str], _Normal]] = {
    "fn": (("first_name", ADDRESS_CODES["fn"]), _name),
    "ln": (("last_name", ADDRESS_CODES["ln"]), _name),
    "sa": (("street", ADDRESS_CODES["sa"]), _street),
}
_PLAIN: Mapping[str, tuple[str, _Normal]] = {
    code: (ADDRESS_CODES[code], normal)
    for code, normal in (("ct", _name), ("rg", _name), ("pc", _code), ("co", _country))
}
_ADDRESS_NAMES = frozenset(
    {"address", *(name for name, _ in _PLAIN.values()), *(name for names, _ in _HASHED.values() for name in names)}
)
"""Where user data has names and places, if it has any."""


def _addresses(user_data: Mapping[str, Any], notes: list[str]) -> list[dict[str, Hash | str]]:
    """The address, or several: a list, or a mapping with positions as keys; else what stands beside it."""
    stated = user_data.get("address")
    several = [stated] if isinstance(stated, Mapping) and "0" not in stated else normalise.each(stated)
    found = [known for each in several if isinstance(each, Mapping) and (known := _address(each, notes))]
    if found:
        return found
    beside = _address(user_data, notes)
    return [beside] if beside else []


def _address(stated: Mapping[str, Any], notes: list[str]) -> dict[str, Hash | str]:
    found: dict[str, Hash | str] = {}
    for code, (names, normal) in _HASHED.items():
        hashes = _hashes(stated, names, normal, notes, most=1)
        if hashes:
            found[code] = hashes[0]
    for code, (name, normal) in _PLAIN.items():
        value = stated.get(name)
        if value is None:
            continue
        trimmed = normalise.plain(value)
        kept = None if trimmed is None else normal(trimmed)
        if kept is not None:
            found[code] = kept
        elif not missing(value):
            notes.append(f'a value of "user_data.{name}" is left out: Google has no use for it')
    return found


def _hashes(
    stated: Mapping[str, Any], names: Sequence[str], normal: _Normal, notes: list[str], most: int = MOST_VALUES
) -> list[Hash]:
    """The hashes of all values under these names, of which the last one is for hashes alone, without duplicates."""
    found: dict[str, Hash] = {}
    for name in names:
        listed = stated.get(name)
        if not listed:
            continue
        for value in [listed] if isinstance(listed, str) else normalise.each(listed):
            digest = normalise.hashed(value, _nothing if name == names[-1] else normal)
            if digest is not None:
                found.setdefault(digest, Hash(digest, _is_hash_of_others(value, digest)))
            elif not missing(value):
                notes.append(f'a value of "user_data.{name}" is left out: Google has no use for it')
    if len(found) > most:
        notes.append(f'values of "user_data.{names[0]}" are left out: there are more than {most}')
        return list(found.values())[:most]
    return list(found.values())


def _is_hash_of_others(value: object, digest: str) -> bool:
    return isinstance(value, str) and len(value) >= len(digest) and value.strip().lower() == digest


def _nothing(_value: str) -> None:
    """The normal form of what has to be a hash already."""


def _on_the_wire(value: Hash | str) -> str:
    if isinstance(value, Hash):
        return value.on_the_wire
    return value.lower() if value.isascii() and value.isalnum() else quote(value.lower(), safe="")


def _in_json(value: Hash | str) -> str:
    return value.hexadecimal if isinstance(value, Hash) else value
