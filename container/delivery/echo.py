"""What an answer may quote of the request that it answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import orjson

from container.delivery.store import ClaimedRow


def sent_texts(rows: Sequence[ClaimedRow]) -> frozenset[str]:
    """Every text in a request that may be a visitor's: of its bodies, its address and its headers."""
    frame = rows[0].frame
    address = urlsplit(frame.url.shown)
    found = {value for _, value in parse_qsl(address.query)}
    found.update(unquote(segment) for segment in address.path.split("/"))
    found.update(value.shown for _, value in frame.headers)
    for row in rows:
        found.update(_texts_of(row.item.data))
    found.update(_texts_of(frame.head.data + frame.tail.data))
    return frozenset(found)


def _texts_of(body: bytes) -> Iterator[str]:
    """The texts in a body: of JSON its values, of a form its fields, else its words."""
    try:
        yield from _leaves(orjson.loads(body))
    except orjson.JSONDecodeError:
        text = body.decode(errors="replace")
        yield from (value for _, value in parse_qsl(text))
        yield from text.split()


def _leaves(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case bool() | None:
            return
        case int() | float():
            yield str(value)
        case dict():
            for member in value.values():
                yield from _leaves(member)
        case list():
            for member in value:
                yield from _leaves(member)
