"""Texts taken apart: JSON, parameters, addresses, cookies, percent signs, base64, one within the other."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from urllib.parse import unquote_plus

import orjson

from container.delivery import names
from container.delivery.row import FailedHit, Unpacked

MOST_DEEP = 6
"""Layers of encoding that are taken off, one within the other."""

SHORTEST_BASE64 = 8

_ESCAPED = re.compile(r"%[0-9A-Fa-f]{2}|\+")
_MORE = re.compile(r"[%+=&;\n{\[\"]")
"""Signs without which a text is a value, and nothing stands within it but what base64 hides."""

# Hashes in hexadecimal digits have no capital letters beside small ones; what people write has, in base64.
_BASE64 = re.compile(r"(?=[^a-z]*[a-z])(?=[^A-Z]*[A-Z])[A-Za-z0-9+/_-]+={0,2}", re.ASCII)
_STANDARD = str.maketrans("-_", "+/")
_GOOGLE_COOKIE = re.compile(r"GA1\.[0-9-]+\.(.+)", re.ASCII)
_PARTS = re.compile(r"[&;\n]")


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
    """The text, and the values within it: of JSON, of parameters and addresses, of cookies, encoded or not.

    Each with the path of names under which it stands.
    """
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
        return found if google is None else [*found, (names.inner(name, "client_id"), google[1])]
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
            yield names.inner(name, unquote_plus(key, errors="replace")), value
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
                within = names.inner(name, _label(value))
                left += [(names.inner(within, key), member) for key, member in value.items()]
            case list():
                left += [(name, member) for member in value]
            case int() | float() if not isinstance(value, bool):
                found.append((name, str(value)))


def _label(value: Mapping[str, object]) -> str:
    """What `{"name": "crm_id", "value": …}` calls its value."""
    stated = next((value[key] for key in ("name", "key") if key in value), None) if "value" in value else None
    return stated if isinstance(stated, str) else ""


def _from_base64(text: str) -> str:
    """The text that this is the base64 of, empty for other text."""
    if len(text) < SHORTEST_BASE64 or not _BASE64.fullmatch(text):
        return ""
    padded = text.translate(_STANDARD).rstrip("=")
    try:
        return base64.b64decode(padded + "=" * (-len(padded) % 4), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
