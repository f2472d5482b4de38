"""Headers of HTTP: which names are some, which of them belong to the connection, and how a text becomes a value."""

from __future__ import annotations

import re
from urllib.parse import quote

OF_THE_CONNECTION = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Names (lower case) that nobody but the connection writes: whoever could would say where a message ends."""

VISIBLE = "".join(map(chr, range(0x21, 0x7F)))
"""The visible characters of ASCII: what is one of them needs no percent-encoding to be sent."""

# RFC 9110, section 5.6.2. Nobody has a longer name.
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")


def is_token(text: str) -> bool:
    """Whether it can be a method or the name of a header or a cookie."""
    return _TOKEN.fullmatch(text) is not None


def one_line(text: str) -> str:
    """Spaces stay; control characters and everything beyond ASCII are percent-encoded, so no header can be added."""
    return text if text.isascii() and text.isprintable() else quote(text.encode("utf-8", "replace"), safe=VISIBLE + " ")
