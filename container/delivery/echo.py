"""What an answer may quote of the request that it answers."""

from __future__ import annotations

from collections.abc import Sequence
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
        _add_texts(row.item.data, found)
    _add_texts(frame.head.data + frame.tail.data, found)
    return frozenset(found)


def _add_texts(body: bytes, found: set[str]) -> None:
    """The texts in a body: of JSON its values, of a form its fields, else its words."""
    try:
        left = [orjson.loads(body)]
    except orjson.JSONDecodeError:
        text = body.decode(errors="replace")
        found.update(value for _, value in parse_qsl(text))
        found.update(text.split())
        return
    # Some thousand values of a batch: what takes long here keeps hits waiting.
    while left:
        value = left.pop()
        if isinstance(value, str):
            found.add(value)
        elif isinstance(value, dict):
            left += value.values()
        elif isinstance(value, list):
            left += value
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found.add(str(value))
