"""Phone numbers in E.164: what every vendor hashes, and what hardly any visitor types."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection

import phonenumbers

_LONGEST = 64
_E164 = re.compile(r"\+[1-9][0-9]{7,14}", re.ASCII)
_EXTENSION = re.compile(r"(?:;?ext(?:ension)?\.?|x|#)[ .:=]*[0-9]{1,8}$", re.ASCII | re.IGNORECASE)
_CODES = frozenset(map(str, phonenumbers.COUNTRY_CODE_TO_REGION_CODE))
_LETTER, _NO_DIGIT = re.compile(r"[^\W\d_]"), re.compile(r"[^0-9]")


def phone(value: str, region: str | None = None, *, bare_codes: Collection[int] = ()) -> str | None:
    """A phone number in E.164 with its plus sign: 8 to 15 digits.

    `region` (ISO 3166, such as `DE`) is for numbers without a calling code; without it those are nothing. A number has
    to be possible, not valid: lists of valid ranges age. Numbers of the calling codes in `bare_codes` come without
    plus and code.
    """
    form = value if _is_international(value) else _international(value, region)
    if form is None or not bare_codes:
        return form
    code = calling_code(form)
    return form.removeprefix(f"+{code}") if code in bare_codes else form


def calling_code(form: str) -> int | None:
    """The calling code of a number in E.164."""
    end = _end_of_code(form)
    return None if end is None else int(form[1:end])


def _international(value: str, region: str | None) -> str | None:
    if len(value) > _LONGEST:
        return None
    stated = _EXTENSION.sub("", unicodedata.normalize("NFKC", value).strip())
    if not stated.isascii():
        stated = "".join(str(int(sign)) if sign.isdecimal() else sign for sign in stated)
    if _LETTER.search(stated):
        return None
    has_plus = stated.lstrip("( ").startswith("+")
    digits = _NO_DIGIT.sub("", stated.replace("(0)", "") if has_plus else stated)
    if digits.startswith("00") and not has_plus:
        has_plus, digits = True, digits[2:]
    form = f"+{digits}"
    if has_plus:
        return form if _is_international(form) else _looked_up(form, None)
    return _looked_up(digits, region)


def is_region(text: str) -> bool:
    """Whether it is a country, two letters, whose phone numbers are known."""
    return text.upper() in phonenumbers.SUPPORTED_REGIONS


def _is_international(form: str) -> bool:
    """Whether this is E.164, and certainly so: a zero after the calling code may be a trunk prefix."""
    if not _E164.fullmatch(form):
        return False
    end = _end_of_code(form)
    return end is not None and form[end] != "0"


def _end_of_code(form: str) -> int | None:
    """Where the calling code ends. No code is the beginning of another."""
    for end in (2, 3, 4):
        if form[1:end] in _CODES:
            return end
    return None


def _looked_up(digits: str, region: str | None) -> str | None:
    try:
        parsed = phonenumbers.parse(digits, region.upper() if region else None)
    except phonenumbers.NumberParseException:
        return None
    form: str = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    return form if phonenumbers.is_possible_number(parsed) and _E164.fullmatch(form) else None
