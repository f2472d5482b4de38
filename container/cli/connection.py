"""One connection of a listener: what is too much, too slow or in doubt is counted, and answered in a sentence.

The parser and the requests that run are the server library's. What this module leans on of it is in
`tests/cli/test_connection_contract.py`.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Any, NoReturn, TypeVar

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from container.address import canonical_address
from container.cli.crowd import Crowd
from container.cli.framing import (
    NO_BODY,
    START_LINE_OVERHEAD,
    WATCHED,
    Body,
    announced_body,
    has_large_chunks,
    is_large_head,
    outgrows,
    plain_address,
    plain_head,
)
from container.cli.refusals import (
    ADDRESS_TOO_LONG,
    BAD_CHUNKS,
    BODY_TOO_LARGE,
    BODY_TOO_SLOW,
    HEAD_TOO_SLOW,
    HEADERS_TOO_LARGE,
    NO_HOST,
    NO_ROOM,
    OTHER_VERSION,
    TOO_MANY_AHEAD,
    UNKNOWN_METHOD,
    Refused,
    unreadable,
)

Found = TypeVar("Found", bytes, Body)

MOST_AHEAD = 10
"""Requests that may wait on one connection for the answer to the one before."""

HEALTHY = b"/healthy"
"""Paths that end so are answered on a spare connection too."""

_BETWEEN, _HEAD, _BODY = range(3)
_STALLED = 4
"""How much longer a body may stand still than a connection without a request, when room is needed."""

_LEFT_OF_ENDLESS = 65_536
"""Bytes that are still read of a body that could not be read to its end anyway."""


class Connection(HttpToolsProtocol):
    """HTTP/1.1 on one connection. `crowd`: the others, and what holds for all of them."""

    crowd = Crowd()

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._limits = self.crowd.limits
        self.heard = self.since = monotonic()
        self._place = _BETWEEN
        self._chunk = 0
        """Bytes of what is being read, if it began between two requests."""
        self._fed = 0
        """Bytes of the head, or of the body and what is around it, as they came in."""
        self._body = 0
        self._chunked = self._has_body = False
        self._watched: list[tuple[bytes, bytes]] = []
        self._own: RequestResponseCycle | None = None
        """What answers the request that is being read, once its head is complete."""
        self._upgrading = False
        self._fault: Refused | None = None
        self._deaf = False
        """Nothing more is read on it: what comes is thrown away, as far as `_left` goes."""
        self._left = self._limits.discarded_bytes
        self._later: Refused | None = None
        """What is said once the requests before it are answered."""
        self.ended = False
        self._spare = False
        self._unread_since = 0.0
        self._ours = self._patient = False

    # The connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as the library's own
        super().connection_made(transport)
        peer = canonical_address(self.client[0]) if self.client else None
        self._ours = peer is not None and self.crowd.trusts(peer)
        self._patient = self._ours or (peer is not None and self.crowd.near(peer))
        place = self.crowd.join(self)
        self._spare = place == "spare"
        if place == "outside":
            self.crowd.refused(NO_ROOM.reason)
            self._deaf = self.ended = True
            transport.write(NO_ROOM.answer)
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.crowd.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            self._discard(len(data))
            return
        if self.transport.is_closing():
            return
        self.heard = monotonic()
        if self._place == _BETWEEN:
            self._chunk = len(data)
        else:
            self._chunk = 0
            self._fed += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._plainly(data[upgrade.args[0] :])
        except httptools.HttpParserError as problem:
            if not self.ended:
                self._refuse(self._fault or unreadable(str(problem), data))
        else:
            if self._place != _BETWEEN:
                self._weigh()

    def shutdown(self) -> None:
        """The listener stops: a connection that was told to go has had its time."""
        if self.ended:
            self.transport.close()
        super().shutdown()

    def pause_writing(self) -> None:
        self._unread_since = monotonic()
        super().pause_writing()

    # What the parser finds

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._place = _HEAD
        self.since = self.heard
        self._fed, self._chunk = self._chunk, 0
        self._body = 0
        if self._watched:
            self._watched = []

    def on_url(self, url: bytes) -> None:
        """Raises for an address without end: it would only fill the memory."""
        super().on_url(url)
        if len(self.url) > self._limits.path_and_query_bytes + START_LINE_OVERHEAD:
            self._stop(ADDRESS_TOO_LONG)

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        self.headers.append((name, value))
        if name in WATCHED:
            self._watched.append((name, value))

    def on_headers_complete(self) -> None:
        self._place = _BODY
        self._check()
        if self.parser.should_upgrade():
            # A tunnel stays one however its request is read.
            if self._upgrading or self.parser.get_method() == b"CONNECT":
                self._stop(UNKNOWN_METHOD)
            self._upgrading = True
            return
        self._upgrading = False
        self._fed = 0
        self.since = self.heard
        self.scope["state"]["arrived"] = self.heard
        super().on_headers_complete()
        if self.ended:
            # It was told to go: what follows in the same bytes is not looked at.
            raise ValueError
        self._own = self.cycle
        # Trailers come after all that they could speak of has been decided: nobody reads them.
        self.headers = []
        if self._spare:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        self._body += len(body)
        if self._body > self._limits.body_bytes:
            self._stop(BODY_TOO_LARGE)
        super().on_body(body)

    def on_message_complete(self) -> None:
        if not self._upgrading:
            self._place, self._own = _BETWEEN, None
            self.complete()

    def complete(self) -> None:
        """All of the request is there."""
        super().on_message_complete()

    def is_coming(self, cycle: RequestResponseCycle) -> bool:
        """Whether the request has a body that is not complete."""
        return self._has_body and self._place == _BODY and cycle is self.cycle

    def on_response_complete(self) -> None:
        """As the library's own, without a timer for each request: the crowd looks after those that wait."""
        self.server_state.total_requests += 1
        self.heard = self.since = monotonic()
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            cycle, application = self.pipeline.pop()
            self._start_asgi_task(cycle, application)
        elif self._later is not None:
            self.answer(self._later)

    # What is refused

    def _check(self) -> None:
        """Raises for a head that is too large, or of which it is in doubt what it asks for and where it ends."""
        if is_large_head(self.headers, self._fed, self._limits):
            self._stop(HEADERS_TOO_LARGE)
        version = self.parser.get_http_version()
        if version not in ("1.1", "1.0"):
            self._stop(OTHER_VERSION)
        hosts = [value for name, value in self._watched if name == b"host"]
        if len(hosts) != 1 and (hosts or version == "1.1"):
            self._stop(NO_HOST)
        if self.url[:1] != b"/":
            self.url = self._accepted(plain_address(self.url, self.parser.get_method(), hosts))
        if self._spare and not self.url.partition(b"?")[0].endswith(HEALTHY):
            self._stop(NO_ROOM)
        # Most requests are a GET, of which only the host is watched.
        body = NO_BODY
        if len(self._watched) > len(hosts):
            body = self._accepted(announced_body(self._watched, version))
        self._chunked, self.expect_100_continue = body.chunked, body.waits
        self._has_body = body.chunked or body.length > 0
        if body.length > self._limits.body_bytes:
            if body.length > self._limits.body_bytes + self._left:
                self._left = min(self._left, _LEFT_OF_ENDLESS)
            self._stop(BODY_TOO_LARGE)
        if len(self.pipeline) >= MOST_AHEAD:
            self._stop(TOO_MANY_AHEAD)

    def _accepted(self, found: Found | Refused) -> Found:
        if isinstance(found, Refused):
            self._stop(found)
        return found

    def _weigh(self) -> None:
        """Refuses what has come of a head, or around a body, when it is too much before its end is there."""
        if self._place == _HEAD:
            if outgrows(self.headers, self._fed, self._limits):
                self._refuse(HEADERS_TOO_LARGE)
        elif self._chunked and has_large_chunks(self._fed, self._body):
            self._refuse(BAD_CHUNKS)

    def _stop(self, fault: Refused) -> NoReturn:
        """Leaves the parser, which takes any exception for an error in the request."""
        self._fault = fault
        raise ValueError(fault.status)

    def _refuse(self, refused: Refused) -> None:
        """Says no, and reads nothing more: where one request went wrong, nobody knows where the next begins."""
        self._deaf = True
        self.crowd.refused(refused.reason)
        own = self._own
        if own is None:
            if self._idle:
                self.answer(refused)
            else:
                self._later = refused
        elif own.response_complete:
            self._part()
        elif self.pipeline:
            # It has not begun: the requests before it get their answers first.
            self.pipeline.popleft()
            self._later = refused
        elif own.response_started:
            own.keep_alive = False
        else:
            # Whoever reads the body hears that its sender is gone.
            own.disconnected = True
            own.message_event.set()
            self.answer(refused)

    def answer(self, refused: Refused) -> None:
        """Says no, and ends the connection."""
        if not self.transport.is_closing():
            self.transport.write(refused.answer)
            self._part()

    def _part(self) -> None:
        """Ends our half of the connection.

        Closing all of it while something is still coming would take the answer away from a sender who has not read it.
        """
        self._deaf = self.ended = True
        self.heard = self.since = monotonic()
        self.flow.resume_reading()
        if not self.transport.is_closing():
            self.transport.write_eof()

    def _discard(self, size: int) -> None:
        self.heard = monotonic()
        self._left -= size
        if self._left < 0:
            self.transport.abort()

    def _plainly(self, rest: bytes) -> None:
        """Reads a request that asks for another protocol as if it did not, so that its body is read too.

        The parser takes what follows such a head for that protocol. Some senders ask in each first request.
        """
        version = self.parser.get_http_version().encode()
        head = plain_head(self.parser.get_method(), self.url, version, headers=self.headers)
        self.parser = httptools.HttpRequestParser(self)
        self._place = _BETWEEN
        Connection.data_received(self, head + rest)

    # How long it takes

    @property
    def half(self) -> bool:
        """Whether a request has begun whose body is not complete."""
        return self.cycle is not None and self.cycle.more_body and not self.cycle.response_complete

    @property
    def yields(self) -> bool:
        """Whether it may be closed to make room: nothing was asked on it for a while, or only half, or it stalls."""
        if self._ours or self._deaf or self.transport.is_closing():
            return False
        settled = self.crowd.times.settled
        if self._place == _BODY:
            return self.half and not self.pipeline and monotonic() - self.heard > _STALLED * settled
        return self._idle and monotonic() - self.since > settled

    def leave(self) -> None:
        """Ends it, to make room."""
        self._deaf = self.ended = True
        if self._place != _BETWEEN:
            slow = HEAD_TOO_SLOW if self._place == _HEAD else BODY_TOO_SLOW
            self.crowd.refused(slow.reason)
            self.transport.write(slow.answer)
        self.transport.close()

    def look(self, now: float) -> None:
        """Ends it, or goes a step towards it, if something takes too long."""
        times = self.crowd.times
        if self.ended:
            if now - self.since > times.farewell or now - self.heard > times.farewell_pause:
                self.transport.abort()
        elif self.transport.is_closing():
            if now - self.since > times.unread:
                self.transport.abort()
        elif self.flow.write_paused:
            if now - self._unread_since > times.unread:
                self.transport.abort()
        elif not self._deaf and not self.flow.read_paused:
            self._look_at_what_comes(now)

    def _look_at_what_comes(self, now: float) -> None:
        times, taken = self.crowd.times, now - self.since
        if self._place == _HEAD:
            if taken > times.head:
                self._refuse(HEAD_TOO_SLOW)
        elif self._place == _BODY:
            slow = taken > times.slow_start and self._body < times.bytes_per_second * taken
            if slow or taken > times.body or now - self.heard > times.body_pause:
                self._refuse(BODY_TOO_SLOW)
        elif self._idle and taken > (times.proxy_waiting if self._patient else times.waiting):
            self.since = now
            self.transport.close()

    @property
    def _idle(self) -> bool:
        """Whether every request that was read has its answer."""
        return self.cycle is None or self.cycle.response_complete or self.cycle.disconnected


def half_sent(open_connections: Any) -> list[Connection]:
    """Those that wait for the rest of a request."""
    return [each for each in list(open_connections) if isinstance(each, Connection) and each.half]
