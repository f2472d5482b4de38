"""A frame is everything of a request but its item: what all requests of one batch have in common."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import blake2b
from typing import Any, Literal
from urllib.parse import quote, urlsplit

import orjson

from container.delivery.content import Content, envelope_content, text_content
from container.effects import Request
from container.header import OF_THE_CONNECTION, VISIBLE, is_token, one_line
from container.secret import Secret, SecretText

MOST_ITEMS, MOST_BYTES = 500, 1_000_000
"""A batch holds no more than this, whatever the vendor would take."""

Escape = Literal["json", "form", "raw"]
"""How the value of a secret is written into the body."""

_ORIGIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")
NOTHING = Content()
_FORM = "application/x-www-form-urlencoded"


class FrameError(ValueError):
    """A request that cannot be sent. The text says why, and quotes nothing of it."""


@dataclass(frozen=True)
class Frame:
    """`type` and `format` find `judge`. `head` and `tail` stand around the items; a body that is not batched has none.

    `most_items`, `most_bytes`: limits of a batch, the bytes counted without head and tail; 1 item: never batched.
    """

    type: str
    format: int
    method: str
    url: Content
    headers: tuple[tuple[str, Content], ...] = ()
    head: Content = NOTHING
    tail: Content = NOTHING
    escape: Escape = "raw"
    most_items: int = 1
    most_bytes: int = MOST_BYTES

    @cached_property
    def encoded(self) -> bytes:
        """The frame as JSON, the same bytes for the same frame."""
        headers = [[name, _packed(value)] for name, value in self.headers]
        around = [_packed(self.head), _packed(self.tail)]
        limits = [self.most_items, self.most_bytes]
        return orjson.dumps(
            [self.type, self.format, self.method, _packed(self.url), headers, around, self.escape, limits]
        )

    @cached_property
    def group(self) -> bytes:
        """12 bytes that rows of one batch share."""
        return blake2b(self.encoded, digest_size=12).digest()

    @cached_property
    def names(self) -> frozenset[str]:
        """The secrets in it."""
        contents = (self.url, self.head, self.tail, *(value for _, value in self.headers))
        return frozenset().union(*(content.names for content in contents))


@lru_cache(maxsize=256)
def frame_of(encoded: bytes) -> Frame:
    """The frame that `Frame.encoded` wrote. Raises `ValueError` or `TypeError` on anything else."""
    kind, version, method, url, headers, (head, tail), escape, limits = orjson.loads(encoded)
    unpacked = tuple((name, _unpacked(value)) for name, value in headers)
    return Frame(kind, version, method, _unpacked(url), unpacked, _unpacked(head), _unpacked(tail), escape, *limits)


@lru_cache(maxsize=256)
def shared(frame: Frame) -> Frame:
    """An equal frame that was here before, whose encoding is known already: an account's requests have the same."""
    return frame


def frame_for(type: str, format: int, request: Request) -> Frame:
    """The frame of a tag's request.

    Raises `FrameError` when the request has no http address or a header name that is none, `TypeError` when its
    envelope cannot be written as JSON, `UnicodeEncodeError` when it holds what is no text.
    """
    if not is_token(request.method):
        raise FrameError("the method is none")
    headers = [(name, text_content(value, one_line)) for name, value in request.headers.items()]
    if not all(is_token(name) for name, _ in headers):
        raise FrameError("a header name holds more than letters, digits and hyphens")
    kept = tuple(pair for pair in headers if pair[0].lower() not in OF_THE_CONNECTION)
    url = _url(request.url)
    batch = request.batch
    if request.body is not None and batch is None:
        return Frame(type, format, request.method.upper(), url, kept, escape="form" if _is_form(kept) else "raw")
    if batch is not None or request.json is not None:
        kept = kept if _has_type(kept) else (*kept, ("Content-Type", Content(b"application/json")))
    if batch is None:
        return Frame(type, format, request.method.upper(), url, kept, escape="json")
    head, tail = envelope_content(request.json, batch.path)
    most_bytes = max(min(batch.max_bytes, MOST_BYTES) - len(head.data) - len(tail.data), 1)
    # A vendor's test view shows requests one by one, and a test has to be seen at once. Cookies are one visitor's.
    alone = bool(request.test_code) or request.reply_cookies is not None
    most_items = 1 if alone else max(min(batch.max_items, MOST_ITEMS), 1)
    method = request.method.upper()
    return Frame(type, format, method, url, kept, head, tail, "json", most_items, most_bytes)


@lru_cache(maxsize=1024)
def endpoint(url: str, *, batched: bool) -> str:
    """What a lane calls the address: without user, query and fragment; unless `batched` it ends with the port.

    Raises `FrameError` when it is no http address with a host.
    """
    try:
        parts = urlsplit(url)
        port = "" if parts.port is None else f":{parts.port}"
    except ValueError:
        raise FrameError("the host or the port of the address is none") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise FrameError("the address is none of http or https, or has no host")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}{port}{parts.path if batched else ''}"


def _url(source: str | Secret | SecretText) -> Content:
    """Everything after the host quoted to visible ASCII; what is percent-encoded already stays so."""
    first, *rest = source.parts if isinstance(source, SecretText) else (source,)
    origin = _ORIGIN.match(first) if isinstance(first, str) else None
    if origin is None or not isinstance(first, str):
        raise FrameError("the address does not begin with a scheme and a host")
    host = origin[0].encode()
    content = text_content(SecretText((first[origin.end() :], *rest)), _quoted)
    return Content(host + content.data, tuple((len(host) + offset, name) for offset, name in content.places))


def _quoted(part: str) -> str:
    plain = part.isascii() and part.isprintable() and " " not in part
    return part if plain else quote(part, safe=VISIBLE)


def _has_type(headers: tuple[tuple[str, Content], ...]) -> bool:
    return any(name.lower() == "content-type" for name, _ in headers)


def _is_form(headers: tuple[tuple[str, Content], ...]) -> bool:
    return any(name.lower() == "content-type" and _FORM in value.shown.lower() for name, value in headers)


def _packed(content: Content) -> Any:
    shown = content.data.decode()
    return [shown, content.places] if content.places else shown


def _unpacked(packed: Any) -> Content:
    if isinstance(packed, str):
        return Content(packed.encode())
    shown, places = packed
    return Content(shown.encode(), tuple((offset, name) for offset, name in places))
