"""One connection of a listener: what the server library would shout about is counted, and answered in a sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

Unread = Literal["not_http", "query_too_long"]
LONGEST_ADDRESS = 65_000
"""Bytes of a path and query that are read at all; the library can say nothing about longer ones."""

_SENTENCES = {
    "not_http": (b"400 Bad Request", b"The request is not HTTP.\n"),
    "query_too_long": (b"414 URI Too Long", b"The address is too long.\n"),
}


class Connection(HttpToolsProtocol):
    """HTTP/1.1 on one connection. `refused` is told of what could not be read."""

    refused: Callable[[Unread], None] = staticmethod(lambda _reason: None)

    def on_url(self, url: bytes) -> None:
        """Raises for an address without end: it would only fill the memory."""
        super().on_url(url)
        if len(self.url) > LONGEST_ADDRESS:
            raise ValueError("the address is too long")

    def data_received(self, data: bytes) -> None:
        # What is too long or no HTTP reaches `send_400_response`; the rest of it is of no interest.
        if not self.transport.is_closing():
            super().data_received(data)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  # the library says it in its own words
        """Instead of the library's own."""
        reason: Unread = "query_too_long" if len(self._address()) > LONGEST_ADDRESS else "not_http"
        self.refused(reason)
        status, sentence = _SENTENCES[reason]
        self.transport.write(
            b"HTTP/1.1 %s\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\n"
            b"connection: close\r\n\r\n%s" % (status, len(sentence), sentence)
        )
        self.transport.close()

    def _unsupported_upgrade_warning(self) -> None:
        """An upgrade that is asked for may be left alone: the request is answered as any other."""

    def _address(self) -> bytes:
        """As far as it was read; before the first request there is none."""
        return getattr(self, "url", b"")

    @property
    def half(self) -> bool:
        """Whether a request has begun whose body is not complete."""
        return self.cycle is not None and self.cycle.more_body and not self.cycle.response_complete


def connections(refused: Callable[[Unread], None]) -> type[Connection]:
    """The kind of connection that tells `refused`."""
    return type("ToldConnection", (Connection,), {"refused": staticmethod(refused)})


def half_sent(open_connections: Any) -> list[Connection]:
    """Those that wait for the rest of a request."""
    return [each for each in list(open_connections) if isinstance(each, Connection) and each.half]
