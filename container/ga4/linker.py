"""The cookie `FPLC`: the server's client id, sealed, so that a page may carry it to another site in a link.

Google's format is not public, and only the container that reads a token has to understand it. A token is
authenticated and encrypted with nothing but HMAC-SHA-256: its tag over time and id is also where the key stream starts
(a synthetic initialisation vector), so that no token needs chance.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode
from binascii import Error
from urllib.parse import unquote

VALID_SECONDS = 20 * 60 * 60
"""How long a token counts, and its cookie lives."""

CLOCKS_DIFFER_SECONDS = 10 * 60
"""A token from further ahead is not believed."""

_TAG_BYTES, _TIME_BYTES = 32, 8
_LONGEST = 1024


def sealed(key: bytes, client_id: str, now: int) -> str:
    """A token that holds the client id. `now`: Unix time in seconds."""
    content = now.to_bytes(_TIME_BYTES) + client_id.encode("utf-8", "replace")
    tag = _tag(key, content)
    return b64encode(tag + _covered(key, tag, content)).decode()


def unsealed(key: bytes, token: str, now: int) -> str | None:
    """The client id in a token of ours that still counts, else `None`. It may be percent-encoded, as in its cookie."""
    if len(token) > _LONGEST:
        return None
    try:
        # A plus sign that nobody encoded came as a space.
        data = b64decode(unquote(token).replace(" ", "+"), validate=True)
    except (Error, ValueError):
        return None
    tag = data[:_TAG_BYTES]
    content = _covered(key, tag, data[_TAG_BYTES:])
    if not hmac.compare_digest(tag, _tag(key, content)):
        return None
    age = now - int.from_bytes(content[:_TIME_BYTES])
    if not -CLOCKS_DIFFER_SECONDS <= age <= VALID_SECONDS:
        return None
    return content[_TIME_BYTES:].decode()


def _tag(key: bytes, content: bytes) -> bytes:
    return hmac.digest(key, b"fplc tag\0" + content, hashlib.sha256)


def _covered(key: bytes, tag: bytes, content: bytes) -> bytes:
    """The content under the key stream that the tag starts; the same again uncovers it."""
    blocks = range(len(content) // 32 + 1)
    stream = b"".join(hmac.digest(key, b"fplc stream\0" + tag + block.to_bytes(4), hashlib.sha256) for block in blocks)
    return bytes(mine ^ theirs for mine, theirs in zip(content, stream, strict=False))
