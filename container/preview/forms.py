"""How the values look that are shown of a record: a method, an amount, words, a time, the parts of an address."""

from __future__ import annotations

import re

from container.delivery.masking import AMOUNTS
from container.delivery.masking import is_shown as is_shown_of_rows
from container.preview.plain import is_harmless

METHOD = re.compile(r"[A-Z]{3,7}", re.ASCII)
AMOUNT = re.compile(r"-?[0-9]{1,9}(?:\.[0-9]{1,6})?", re.ASCII)
WORDS = re.compile(
    r"[A-Za-z][A-Za-z_. -]{0,40}|[0-9]{1,6}|G1[01-]{2}|(?:G|GT|AW)-[A-Z0-9]{1,14}|UA(?:-[0-9]{1,9}){2}", re.ASCII
)
CONSENT = re.compile(r"[0-9]{2}[0-9a-z-]{4,20}", re.ASCII)
"""Of Google's consent mode, each letter a state."""
TIME = re.compile(r"1[0-9]{9}(?:[0-9]{3}){0,2}", re.ASCII)
ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)?([^/?#]*)([^?#]*)(\?[^#]*)?(#.*)?", re.ASCII | re.DOTALL)
HOST = re.compile(r"[A-Za-z0-9.-]+(?::[0-9]{1,5})?", re.ASCII)
ESCAPED = str.maketrans({sign: f"%{ord(sign):02X}" for sign in "%&#+"})
"""Signs that would read as the query's own."""
FORM = "x-www-form-urlencoded"
LONGEST_NUMBER = 6
HEX = re.compile(r"[0-9a-f]{32}", re.ASCII)


def is_shown(key: str, text: str, money: bool) -> bool:
    """Stricter than for deliveries: what is shown of a hit reads as words, as an amount, or as a time."""
    small = key.lower().removeprefix("x-ga-")
    if not (is_shown_of_rows(small, text, money=money) or is_harmless(small)):
        return False
    is_time = "time" in small and TIME.fullmatch(text)
    is_amount = small.endswith(tuple(AMOUNTS)) and AMOUNT.fullmatch(text)
    is_consent = small == "gcd" and CONSENT.fullmatch(text)
    return bool(is_time or is_amount or is_consent or WORDS.fullmatch(text))
