"""What may be shown of a text that a vendor wrote: short, printable, and nothing in it that may be a person's."""

from __future__ import annotations

import re

LONGEST = 200
"""Characters that are shown."""

_READ = 2000
_PERSONAL = re.compile(
    r"[^\s\"'<>(),;:=]{1,64}(?:@|%40)[^\s\"'<>(),;]{1,64}"  # an e-mail address
    r"|[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{0,4}){3,7}"  # an IPv6 address
    r"|\d{1,3}(?:\.\d{1,3}){3}"  # an IPv4 address
    r"|\+?\d(?:[ ().-]{0,2}\d){6,}"  # a phone number, or any long number
    r"|[0-9A-Za-z+/_=-]{20,}"  # a hash, a token, a click id
)


def excerpt(text: str) -> str:
    """The text's beginning, with `…` for what is left out and `*` for what may be personal."""
    read = _PERSONAL.sub("*", text[:_READ])
    plain = "".join(character if character.isprintable() else " " for character in read)
    shown = " ".join(plain.split())
    return shown if len(shown) <= LONGEST else shown[: LONGEST - 1] + "…"
