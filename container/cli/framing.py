"""Where a request ends, and for whom it is: what its headers say, as far as they agree and are not too many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from container.cli.refusals import (
    BAD_ADDRESS,
    ENCODED,
    NO_HOST,
    UNCLEAR_END,
    UNKNOWN_CODING,
    UNKNOWN_METHOD,
    Refused,
)
from container.web.ingest import Limits

WATCHED = frozenset({b"host", b"content-length", b"transfer-encoding", b"content-encoding", b"expect"})
"""The headers that it depends on; their names are in lower case here."""

START_LINE_OVERHEAD = 600
"""A method, a version, and the host of an address that names one."""

_LINE_OVERHEAD = 4
_CHUNK_OVERHEAD = 8
_OVERHEAD = 16_384
"""Bytes that a chunked body may have around it: so many, and so many for each of its own."""

Headers = Sequence[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Body:
    """What is announced of a body. `length`: its bytes, 0 where it is not said."""

    length: int = 0
    chunked: bool = False
    waits: bool = False
    """Whether its sender waits to be told to go on."""


NO_BODY = Body()


def announced_body(watched: Headers, version: str) -> Body | Refused:
    """What the headers say about the body. The parser has seen to it that each length is one, and stands alone."""
    length, coding, encoded, waits = 0, None, False, False
    stated = False
    for name, value in watched:
        if name == b"content-length":
            length, stated = int(value), True
        elif name == b"transfer-encoding":
            coding = value.strip().lower()
        elif name == b"content-encoding":
            encoded = encoded or value.strip().lower() not in (b"", b"identity")
        elif name == b"expect":
            waits = value.strip().lower() == b"100-continue"
    if coding is not None and (stated or version == "1.0"):
        return UNCLEAR_END
    if coding not in (None, b"chunked"):
        return UNKNOWN_CODING
    if encoded and (coding or length):
        return ENCODED
    return Body(length, chunked=coding is not None, waits=waits)


def plain_address(address: bytes, method: bytes, hosts: Sequence[bytes]) -> bytes | Refused:
    """What an address means that does not begin with a slash: `*`, or path and query behind a host, one of `hosts`."""
    if method == b"CONNECT":
        return UNKNOWN_METHOD
    if address == b"*":
        return address
    scheme, _, rest = address.partition(b"://")
    if scheme.lower() not in (b"http", b"https"):
        return BAD_ADDRESS
    authority = rest.replace(b"?", b"/").replace(b"#", b"/").partition(b"/")[0]
    if any(host.lower() != authority.lower() for host in hosts):
        return NO_HOST
    path = rest[len(authority) :]
    return path if path.startswith(b"/") else b"/" + path


def plain_head(method: bytes, address: bytes, version: bytes, *, headers: Headers) -> bytes:
    """The head of a request that asks for another protocol, without the wish."""
    lines = [b"%s %s HTTP/%s" % (method, address, version)]
    for name, value in headers:
        if name == b"connection":
            value = b", ".join(each for each in value.split(b",") if each.strip().lower() != b"upgrade")
        if name != b"upgrade":
            lines.append(b"%s: %s" % (name, value))
    return b"\r\n".join(lines) + b"\r\n\r\n"


def is_large_head(headers: Headers, fed: int, limits: Limits) -> bool:
    """Whether a head that is complete is too large. `fed`: the bytes in which it came, 0 where nobody counted."""
    if len(headers) > limits.headers:
        return True
    # Most heads came in fewer bytes than their names and values may have.
    counts = not fed or fed > limits.header_bytes
    return counts and sum(len(name) + len(value) for name, value in headers) > limits.header_bytes


def outgrows(headers: Headers, fed: int, limits: Limits) -> bool:
    """Whether a head is too large before its end has come."""
    most = limits.path_and_query_bytes + limits.header_bytes + limits.headers * _LINE_OVERHEAD
    return fed > most + START_LINE_OVERHEAD or len(headers) > limits.headers


def has_large_chunks(fed: int, body: int) -> bool:
    """Whether there is too much around a chunked body. `fed`: all its bytes; `body`: those that are its own."""
    return fed - body > _OVERHEAD + _CHUNK_OVERHEAD * body
