"""The forms in which Meta hashes what it may know of a person."""

from __future__ import annotations

import re
from datetime import date

from container.api import normalise
from tags.meta_conversions_api.states import US_STATES

LIMITED = "LDU"
"""The one option of limited data use."""

_DATE = re.compile(r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})(?:T.*)?", re.ASCII)
_REGION = re.compile(r"([A-Za-z]{2})-([A-Za-z0-9]{1,3})", re.ASCII)
_BLANKS = re.compile(r"\s+")
_WITHOUT_PLUS = re.compile(r"[1-9][0-9]{7,14}", re.ASCII)
_BESIDE_DIGITS = re.compile(r"[\s().\-/]")
_NO_DEVICE = re.compile(r"[0-]+", re.ASCII)
_WORD = re.compile(r"\w+")
_GENDERS = {"m": "m", "male": "m", "f": "f", "female": "f"}


def phone(value: str, region: str | None) -> str | None:
    """The digits of E.164, without its plus sign."""
    found = normalise.phone(value, region=region)
    return found and found[1:]


def bare_phone(value: str) -> str | None:
    """8 to 15 digits as they are: where nothing tells the country, Meta's own written form has no plus sign."""
    digits = _BESIDE_DIGITS.sub("", value)
    return digits if _WITHOUT_PLUS.fullmatch(digits) else None


def identity(value: str) -> str | None:
    """A customer number: lower case, without blanks."""
    return _BLANKS.sub("", value.lower()) or None


def city(value: str) -> str | None:
    """A city: letters of any script, in lower case."""
    found = normalise.place(value)
    return (found and "".join(sign for sign in found if not sign.isdigit())) or None


def state(value: str, country: str | None) -> str | None:
    """A state: of the United States two letters, elsewhere letters and digits in lower case. `US-CA` is `ca`."""
    stated = _REGION.fullmatch(value)
    if stated and country in (stated[1].lower(), None):
        return stated[2].lower()
    found = normalise.place(value)
    return US_STATES.get(found, found) if found and country == "us" else found


def gender(value: str) -> str | None:
    return _GENDERS.get(value.lower())


def birthday(value: str) -> str | None:
    """A date of birth, as `YYYYMMDD`."""
    stated = _DATE.fullmatch(value)
    if stated is None:
        return None
    try:
        return date(*map(int, stated.groups())).strftime("%Y%m%d")
    except ValueError:
        return None


def options(value: object) -> list[str]:
    """The options of data processing in capitals, in a list or in one text. What is none of Meta's stays among them."""
    return [
        word
        for member in normalise.each(value)
        for word in _WORD.findall((normalise.plain(member) or "?").upper()) or "?"
    ]


def device(value: str) -> str | None:
    """An advertising id; the one of only zeros is that of nobody."""
    return None if _NO_DEVICE.fullmatch(value) else value
