"""What a connection says to a request that never becomes a hit: a status, and one sentence."""

from __future__ import annotations

import re
from dataclasses import dataclass

from container.web.metrics import Refusal


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a request is not read. `answer`: what is written, headers and all. `reason`: the metric's label."""

    status: int
    reason: Refusal
    answer: bytes


def _refused(status: int, phrase: str, reason: Refusal, sentence: str, header: str = "") -> Refused:
    answer = (
        f"HTTP/1.1 {status} {phrase}\r\n{header}content-type: text/plain; charset=utf-8\r\n"
        f"content-length: {len(sentence) + 1}\r\nconnection: close\r\n\r\n{sentence}\n"
    )
    return Refused(status, reason, answer.encode())


_AGAIN = "retry-after: 5\r\n"
_BAD, _UNKNOWN, _LATE = "Bad Request", "Not Implemented", "Request Timeout"

NOT_HTTP = _refused(400, _BAD, "not_http", "The request is not HTTP.")
TLS = _refused(400, _BAD, "not_http", "This port speaks HTTP: TLS ends at the proxy in front of it.")
UNCLEAR_END = _refused(400, _BAD, "not_http", "The request does not say clearly where it ends.")
BAD_CHUNKS = _refused(400, _BAD, "not_http", "The chunks of the body cannot be read.")
BAD_HEADER = _refused(400, _BAD, "not_http", "A header cannot be read.")
BAD_ADDRESS = _refused(400, _BAD, "not_http", "The address cannot be read.")
NO_HOST = _refused(400, _BAD, "no_host", "The request does not name one host.")
UNKNOWN_METHOD = _refused(501, _UNKNOWN, "not_http", "This method is not known here.")
UNKNOWN_CODING = _refused(501, _UNKNOWN, "not_http", "Of transfer codings only chunked is taken.")
OTHER_VERSION = _refused(505, "HTTP Version Not Supported", "not_http", "Only HTTP/1.1 and HTTP/1.0 are taken.")
ADDRESS_TOO_LONG = _refused(414, "URI Too Long", "query_too_long", "The address is too long.")
HEADERS_TOO_LARGE = _refused(431, "Request Header Fields Too Large", "headers_too_large", "The headers are too large.")
BODY_TOO_LARGE = _refused(413, "Content Too Large", "body_too_large", "The body is too large.")
ENCODED = _refused(
    415,
    "Unsupported Media Type",
    "encoded",
    "A body is taken in no content coding: send it as it is.",
    "accept-encoding: identity\r\n",
)
HEAD_TOO_SLOW = _refused(408, _LATE, "too_slow", "The headers did not come in time.")
BODY_TOO_SLOW = _refused(408, _LATE, "too_slow", "The body did not come in time.")
TOO_MANY_AHEAD = _refused(
    429, "Too Many Requests", "too_many", "Too many requests wait on this connection.", "retry-after: 1\r\n"
)
NO_ROOM = _refused(503, "Service Unavailable", "no_room", "Not now: come back in a few seconds.", _AGAIN)
OVERLOADED = _refused(503, "Service Unavailable", "overload", "Not now: come back in a few seconds.", _AGAIN)
OVERLOADED_GOES_ON = OVERLOADED.answer.replace(b"connection: close\r\n", b"")
"""The same where the connection takes further requests."""

_ANY_METHOD = re.compile(rb"(?:\r?\n)*[A-Za-z][A-Za-z0-9_-]{0,31} [!-~]{1,2000} HTTP/")
_TLS = b"\x16\x03"

# Words of the parser's own, in lower case, which a test holds it to; what it says in others is no HTTP.
_OF_PARSER = (
    ("pause on pri", OTHER_VERSION),
    ("http version", OTHER_VERSION),
    ("chunk", BAD_CHUNKS),
    ("content-length", UNCLEAR_END),
    ("transfer-encoding", UNCLEAR_END),
    ("header", BAD_HEADER),
    ("after start line", BAD_HEADER),
    ("url", BAD_ADDRESS),
)


def unreadable(problem: str, data: bytes) -> Refused:
    """What to say to a request that the parser gave up on. `data`: what came last."""
    said = problem.lower()
    if data.startswith(_TLS):
        return TLS
    if "method" in said and _ANY_METHOD.match(data):
        return UNKNOWN_METHOD
    return next((refused for words, refused in _OF_PARSER if words in said), NOT_HTTP)
