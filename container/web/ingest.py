"""The way in: an ASGI scope becomes a `Hit`, the container runs, its deliveries go to disk, the reply leaves.

Raw ASGI, because this is the path that every hit takes. The answer leaves after the commit, so that a 2xx is a promise.
"""

from __future__ import annotations

import logging
import math
import os
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import chain
from operator import itemgetter, methodcaller
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from container.delivery.awaited import Awaited
from container.delivery.counters import Counters
from container.delivery.row import Acceptance, Letter, acceptance
from container.delivery.store import Accepted, StoreError, StoreFilledError
from container.delivery.told import Repeats, quoted
from container.effects import Reply
from container.engine.container import Container
from container.engine.outcome import Guard, Outcome
from container.engine.run import run
from container.event import Hit
from container.place import is_address_header
from container.preview.marks import Ignored, marks_of
from container.web.addresses import peer_address
from container.web.current import Current
from container.web.front import Front, Visitor
from container.web.health import Health
from container.web.hosts import is_host
from container.web.metrics import Metrics, Refusal, unavailable
from container.web.relayed import Expected, completed, expect, forget
from container.web.reply import carries_body, header_lines
from container.web.slow import SLOW_SECONDS, Slow

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
RawHeaders = Sequence[tuple[bytes, bytes]]
Accept = Callable[[Acceptance], Awaitable[Accepted]]
"""`Store.accept`: resolves when everything that the hit leads to is on disk."""

Evaluate = Callable[[Container, Hit], Outcome]

RETRY_AFTER_SECONDS = 5
LONGEST_REMEMBERED = 64
"""Bytes of a header's name; what is longer is read anew each time."""


_NEVER: Mapping[str, float] = {}
_SENTENCES = {
    400: "The request cannot be read.",
    401: "The secret is missing or wrong.",
    403: "This is not allowed.",
    404: "There is nothing at this address.",
    405: "This method is not taken here.",
    413: "The body is too large.",
    414: "The address is too long.",
    421: "This host is not served here.",
    429: "Too many requests: come back later.",
    431: "The headers are too large.",
    503: "Not now: come back in a few seconds.",
}

logger = logging.getLogger("container.web")


@dataclass(frozen=True, slots=True)
class Limits:
    """What is read of a request, in bytes.

    Of a body that is too large, `discarded_bytes` are read and thrown away, since most senders look for an answer
    only after they have sent all of it.
    """

    path_and_query_bytes: int = 16_384
    headers: int = 100
    header_bytes: int = 32_768
    body_bytes: int = 1_000_000
    discarded_bytes: int = 8_000_000


class Preview(Protocol):
    """What looks at hits while a preview is open."""

    async def take(self, hit: Hit, live: Callable[[Hit], Awaitable[Reply]]) -> Reply:
        """The reply to a hit. `live`: what the container in force makes of it."""
        ...


class IngestError(Exception):
    """Why a request does not become a hit. `RefusedError` and `DisconnectedError` are the two kinds."""


class RefusedError(IngestError):
    """The request is not taken. `reason` is the metric's label.

    `wait`: after how many seconds it would be taken, 0 for never.
    """

    def __init__(self, status: int, reason: Refusal, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.wait = wait


class DisconnectedError(IngestError):
    """The sender went away before the body was complete. Nobody is left to answer."""


@dataclass(slots=True, eq=False)
class Ingest:
    """The ASGI application of the paths that clients listen on. `clock`: Unix time in seconds.

    `repeats`: what the log knows already about tags that fail. `awaited`: deliveries for whose answers those to hits
    wait, `None` where other processes deliver. `preview`: set while a preview is open, and only then; nothing else of
    this changes. `ignored`: hits that are marked for a preview when there is none.
    """

    current: Current
    accept: Accept
    metrics: Metrics
    health: Health
    front: Front = field(default_factory=Front)
    limits: Limits = field(default_factory=Limits)
    counters: Counters = field(default_factory=Counters)
    repeats: Repeats = field(default_factory=Repeats)
    evaluate: Evaluate = run
    slow: Slow = field(default_factory=Slow)
    clock: Callable[[], float] = time.time
    awaited: Awaited | None = None
    preview: Preview | None = None
    ignored: Ignored = field(default_factory=Ignored)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request: always with a reply of the container's client, or with a status that says why not."""
        # A hit that had to wait for its turn was there before us.
        begun = scope.get("state", _NEVER).get("arrived") or time.monotonic()
        try:
            hit = await self._read(scope, receive)
        except RefusedError as refused:
            self.metrics.refused[refused.reason].inc()
            logger.debug("hit.refused status=%d reason=%s", refused.status, refused.reason)
            await respond(scope, send, refusal(refused), closing=not self._stays_open(scope, refused))
        except DisconnectedError:
            return
        else:
            preview = self.preview
            if preview is None and any(marks_of(hit)):
                self.metrics.previewed("ignored")
                self.ignored.saw()
            reply = await (self._take(hit) if preview is None else self._previewed(preview, hit))
            await respond(scope, send, reply, host=hit.headers.get("host", ""))
        finally:
            self.metrics.reply_seconds.observe(time.monotonic() - begun)

    async def _read(self, scope: Scope, receive: Receive) -> Hit:
        """The request as a hit. Raises `RefusedError` past a limit and `DisconnectedError`."""
        path, query = scope["raw_path"] or b"/", scope["query_string"]
        check_limits(scope["headers"], path, query, self.limits)
        peer = peer_address(scope["client"])
        headers = read_headers(scope["headers"], from_proxy=self.front.proxies.trusts(peer))
        host = headers.get("host")
        # Two of them were joined, and are none.
        if not is_host(host) if host is not None else scope["http_version"] == "1.1":
            raise RefusedError(400, "no_host")
        visitor = self._admitted(self.front.visitor(peer, headers, scope["headers"]), peer)
        return Hit(
            id=os.urandom(16),
            received=int(self.clock() * 1000),
            method=scope["method"],
            path=path.decode("utf-8", "replace"),
            query=query.decode("utf-8", "replace"),
            headers=visitor.headers,
            body=await read_body(receive, self.limits),
            ip=visitor.ip,
        )

    def _admitted(self, visitor: Visitor, peer: str | None) -> Visitor:
        """The visitor, if they are let in. Raises `RefusedError`."""
        if visitor.unset is not None and peer is not None:
            self.metrics.without_address[visitor.unset].inc()
            self.health.noticed.proxy(visitor.unset, peer)
        if visitor.lost_host and peer is not None:
            self.health.noticed.proxy("lost_host", peer)
        barred = self.front.barred(visitor)
        if barred is None:
            return visitor
        self.health.noticed.refused("flood" if barred.reason == "rate_limited" else "other_host")
        raise RefusedError(barred.status, barred.reason, barred.wait)

    def _stays_open(self, scope: Scope, refused: RefusedError) -> bool:
        """Whether the connection is kept: it may be a proxy's, and carry the hits of others next."""
        return refused.status in (421, 429) and stated_length(scope["headers"]) <= self.limits.body_bytes

    async def _previewed(self, preview: Preview, hit: Hit) -> Reply:
        try:
            return stated(await preview.take(hit, self._take))
        except Exception as problem:  # noqa: BLE001  # a fault of ours ends one request, not the process
            return self._failed(hit, problem)

    async def _take(self, hit: Hit) -> Reply:
        """The reply, once everything that the hit leads to is on disk."""
        container = self.current.container
        expected: Sequence[Expected] = ()
        try:
            begun = time.monotonic()
            outcome = self.evaluate(container, hit)
            took = time.monotonic() - begun
            self.metrics.evaluation_seconds.observe(took)
            if took > SLOW_SECONDS:
                self.metrics.slow.inc()
                self.slow.saw(container, hit)
            written = acceptance(outcome, now=hit.received)
            accepted = Accepted()
            if outcome.awaited:
                expected = expect(self.awaited, outcome, written)
            if not written.empty:
                accepted = await self.accept(written)
                self.health.store_worked()
        except StoreError as problem:
            forget(expected)
            self.metrics.unavailable.labels(unavailable(problem)).inc()
            # Its limits are no fault of the disk: what matters more may come in, and `/ready` says how full it is.
            if not isinstance(problem, StoreFilledError):
                self.health.store_failed(str(problem))
            return stated(Reply(503, (("retry-after", str(RETRY_AFTER_SECONDS)),)))
        except Exception as problem:  # noqa: BLE001  # a fault of ours ends one request, not the process
            return self._failed(hit, problem)
        self._count(container, outcome, accepted.taken)
        for letter in (*written.letters, *accepted.overflowed):
            self._tell(letter, now=hit.received)
        if logger.isEnabledFor(logging.DEBUG):
            status, rows = outcome.reply.status, len(written.rows)
            line = "hit.taken id=%s client=%s status=%d events=%d rows=%d"
            logger.debug(line, hit.id.hex(), quoted(outcome.client or ""), status, outcome.events, rows)
        reply = outcome.finished(accepted.taken)
        if expected:
            reply = await completed(expected, reply, accepted, self.metrics)
        return stated(reply)

    def _failed(self, hit: Hit, problem: Exception) -> Reply:
        """Names the hit and the line of ours that raised, and nothing that the hit held: messages quote values."""
        self.metrics.failed.inc()
        place = traceback.extract_tb(problem.__traceback__)[-1]
        where = f"{Path(place.filename).name}:{place.lineno}"
        logger.error("hit.failed id=%s error=%s at=%s", hit.id.hex(), type(problem).__name__, where)
        return Reply(500, (("content-type", "text/plain; charset=utf-8"),), f"error {hit.id.hex()}\n".encode())

    def _count(self, container: Container, outcome: Outcome, taken: frozenset[Guard]) -> None:
        if outcome.client is None:
            self.metrics.refused["unclaimed"].inc()
            return
        if outcome.reply.status >= 400:
            self.metrics.refused["by_client"].inc()
        elif outcome.events:
            self.metrics.accepted.inc()
        self.metrics.tags.add(container, outcome, taken)

    def _tell(self, letter: Letter, *, now: int) -> None:
        """A delivery that is dead from the start: counted each time, told of when it is news."""
        lane = str(letter.lane)
        self.counters.buried(lane, {letter.tag: 1}, letter.reason)
        tag, reason, note = letter.tag, letter.reason, letter.note

        def line(number: int, since: str) -> None:
            if reason == "tag_failed":
                failed = "tag.failed tag=%s hits=%d reason=%s since=%s"
                logger.error(failed, quoted(tag), number, quoted(note), quoted(since))
            else:
                stated = "delivery.buried tag=%s lane=%s rows=%d reason=%s note=%s since=%s"
                logger.error(stated, quoted(tag), quoted(lane), number, reason, quoted(note), quoted(since))

        self.repeats.happened(f"{tag} {lane}", f"{reason} {note}", line, now=now)


def check_limits(headers: RawHeaders, path: bytes, query: bytes, limits: Limits) -> None:
    """Raises `RefusedError` for an address or headers past the limits; the server in front of us sets none."""
    if len(path) + len(query) > limits.path_and_query_bytes:
        raise RefusedError(414, "query_too_long")
    if len(headers) > limits.headers or sum(map(len, chain.from_iterable(headers))) > limits.header_bytes:
        raise RefusedError(431, "headers_too_large")


def stated_length(headers: RawHeaders) -> float:
    """How long the body is said to be; without end where that is not said, or not in one number."""
    found = {name.lower(): value for name, value in headers}
    if b"transfer-encoding" in found:
        return math.inf
    length = found.get(b"content-length", b"0")
    return int(length) if length.isdigit() and len(length) < 20 else math.inf


def read_headers(raw: RawHeaders, *, from_proxy: bool) -> Mapping[str, str]:
    """Headers by lower-case name, repeated ones joined. Only a proxy of ours may speak about the visitor's address."""
    names = [*map(_FIRST, raw)]
    if max(map(len, names), default=0) <= LONGEST_REMEMBERED and (from_proxy or not any(map(_is_of_proxies, names))):
        found = dict(zip(map(_header_name, names), map(_AS_TEXT, map(_SECOND, raw)), strict=True))
        if len(found) == len(names):
            return MappingProxyType(found)
    return MappingProxyType(_joined_headers(raw, from_proxy=from_proxy))


def _joined_headers(raw: RawHeaders, *, from_proxy: bool) -> dict[str, str]:
    found: dict[str, str] = {}
    for raw_name, raw_value in raw:
        name, value = _AS_TEXT(raw_name).lower(), _AS_TEXT(raw_value)
        if is_address_header(name) and not from_proxy:
            continue
        if name in found:
            value = f"{found[name]}{'; ' if name == 'cookie' else ', '}{value}"
        found[name] = value
    return found


_FIRST, _SECOND, _AS_TEXT = itemgetter(0), itemgetter(1), methodcaller("decode", "latin-1")


# Browsers send the same few dozen names with each hit.
@lru_cache(maxsize=1024)
def _header_name(raw: bytes) -> str:
    return raw.decode("latin-1").lower()


@lru_cache(maxsize=1024)
def _is_of_proxies(raw: bytes) -> bool:
    return is_address_header(_header_name(raw))


async def read_body(receive: Receive, limits: Limits) -> bytes:
    """The whole body, counted while it comes in: what its sender states about its length is not believed."""
    chunks: list[bytes] = []
    size = 0
    while size <= limits.body_bytes + limits.discarded_bytes:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise DisconnectedError
        chunk = message.get("body", b"")
        size += len(chunk)
        if size <= limits.body_bytes:
            chunks.append(chunk)
        if not message.get("more_body", False):
            break
    if size > limits.body_bytes:
        raise RefusedError(413, "body_too_large")
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


async def respond(scope: Scope, send: Send, reply: Reply, *, host: str = "", closing: bool = False) -> None:
    """Sends the reply. `closing`: this connection takes no further request."""
    headers = header_lines(reply, host)
    if closing:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    body = reply.body if carries_body(reply.status) and scope["method"] != "HEAD" else b""
    await send({"type": "http.response.body", "body": body})


def refusal(refused: RefusedError) -> Reply:
    """The answer to a request that does not become a hit."""
    retry = (("retry-after", str(math.ceil(refused.wait))),) if refused.wait else ()
    return stated(Reply(refused.status, retry))


def stated(reply: Reply) -> Reply:
    """The reply, with a sentence where it says no and nothing else. Nothing of the request stands in it."""
    sentence = _SENTENCES.get(reply.status, "The request is not taken." if reply.status >= 400 else "")
    if not sentence or reply.body or any(name.lower() == "content-type" for name, _ in reply.headers):
        return reply
    headers = (*reply.headers, ("content-type", "text/plain; charset=utf-8"))
    return replace(reply, headers=headers, body=f"{sentence}\n".encode())
