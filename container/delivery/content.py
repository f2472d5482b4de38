"""Bytes of a request with places for secrets in them.

A place is a byte offset and a name, kept apart from the bytes: text that merely looks like `${secret:NAME}` because a
hit brought it along is never filled in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from container.effects import splice
from container.secret import Secret, SecretText

_SECRET, _ITEMS = b"\0", b"\1"
"""Bytes that JSON text never holds raw, so they mark places in it without ambiguity."""


@dataclass(frozen=True, slots=True)
class Content:
    """`places`: byte offset and name of each secret, in ascending order; several may share an offset."""

    data: bytes = b""
    places: tuple[tuple[int, str], ...] = ()

    @property
    def names(self) -> frozenset[str]:
        return frozenset(name for _, name in self.places)

    def filled(self, value: Callable[[str], bytes]) -> bytes:
        """The bytes with `value(name)` at each place."""
        if not self.places:
            return self.data
        parts: list[bytes] = []
        position = 0
        for offset, name in self.places:
            parts += (self.data[position:offset], value(name))
            position = offset
        return b"".join((*parts, self.data[position:]))

    @property
    def shown(self) -> str:
        """The content as a person may see it, secrets as `${secret:NAME}`."""
        return self.filled(lambda name: str(Secret(name)).encode()).decode(errors="replace")


def text_content(
    source: str | bytes | Secret | SecretText, quoted: Callable[[str], str] = lambda part: part
) -> Content:
    """Text as UTF-8, its own parts passed through `quoted`. Raises `UnicodeEncodeError` on lone surrogates."""
    if isinstance(source, bytes):
        return Content(source)
    parts = source.parts if isinstance(source, SecretText) else (source,)
    data = bytearray()
    places: list[tuple[int, str]] = []
    for part in parts:
        if isinstance(part, Secret):
            places.append((len(data), part.name))
        else:
            data += quoted(part).encode()
    return Content(bytes(data), tuple(places))


def json_content(document: Any) -> Content:
    """The document as JSON. Raises `TypeError` on what JSON cannot say, and on text that is no Unicode."""
    raw, names = _dumped(document)
    return _content(raw, iter(names)) if names else Content(raw)


def envelope_content(envelope: Any, path: str) -> tuple[Content, Content]:
    """What stands before and after the items that are spliced into the list at the dot path of the envelope."""
    raw, names = _dumped(splice(envelope, path, [orjson.Fragment(_ITEMS)]))
    before, _, after = raw.partition(_ITEMS)
    remaining = iter(names)
    return _content(before, remaining), _content(after, remaining)


def joined(parts: Iterable[bytes]) -> bytes:
    """Items of a batch as they stand in its list."""
    return b",".join(parts)


def _dumped(document: Any) -> tuple[bytes, list[str]]:
    names: list[str] = []

    def plain(value: object) -> object:
        match value:
            case Secret():
                names.append(value.name)
                return orjson.Fragment(b'"' + _SECRET + b'"')
            case SecretText():
                names.extend(part.name for part in value.parts if isinstance(part, Secret))
                parts = (_SECRET if isinstance(part, Secret) else orjson.dumps(part)[1:-1] for part in value.parts)
                return orjson.Fragment(b'"' + b"".join(parts) + b'"')
            case Mapping():
                return dict(value)
        raise TypeError("a value that JSON cannot say")

    option = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_NON_STR_KEYS
    return orjson.dumps(document, default=plain, option=option), names


def _content(raw: bytes, names: Iterator[str]) -> Content:
    if _SECRET not in raw:
        return Content(raw)
    pieces = raw.split(_SECRET)
    places: list[tuple[int, str]] = []
    position = 0
    for piece in pieces[:-1]:
        position += len(piece)
        places.append((position, next(names)))
    return Content(b"".join(pieces), tuple(places))
