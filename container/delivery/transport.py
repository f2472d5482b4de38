"""The only module that calls vendors, and the only one that knows the value of a secret."""

from __future__ import annotations

import asyncio
import logging
import re
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal
from urllib.parse import quote_plus

import aiohttp
import httpx
import httpx_aiohttp
import orjson
from aiohttp.abc import AbstractResolver
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.tracing import Trace

from container.delivery import egress
from container.delivery.built import Built, Escape, Fill, StandIns, for_url
from container.delivery.content import joined
from container.delivery.excerpt import excerpt
from container.delivery.store import ClaimedRow
from container.effects import Response
from container.secret import Known, Secret

RESOLVE_SECONDS, CONNECT_SECONDS, TOTAL_SECONDS = 2.0, 2.0, 15.0
ADDRESS_KEPT_SECONDS = 10.0
LONGEST_ANSWER = 256 * 1024
"""Bytes of an answer that are read, as they come from the wire; the rest is left there."""

USER_AGENT = "tag-container"
_CHATTY = ("httpx", "httpcore", "aiohttp.client", "aiohttp.internal")

_HAVE_A_TYPE = frozenset({"PATCH", "POST", "PUT"})

Cause = Literal["no_answer", "missing_secret", "address_refused"]
Reveal = Callable[[str], str | None]
"""The value of a secret, `None` when it is not set."""


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """The vendor said nothing that could be read. `reason` holds no address and no secret."""

    cause: Cause
    reason: str


class _SecretMissingError(Exception):
    pass


class _ControlCharacterError(Exception):
    pass


class Transport:
    """Sends what was claimed. `reveal` is asked anew each time, so a changed secret counts from the next request."""

    def __init__(self, transport: httpx.AsyncBaseTransport, reveal: Reveal, *, total: float = TOTAL_SECONDS) -> None:
        _keep_quiet()
        # httpx-aiohttp takes `pool` for all that comes before the request: finding the address, connecting, TLS.
        timeout = httpx.Timeout(total, connect=CONNECT_SECONDS, pool=RESOLVE_SECONDS + CONNECT_SECONDS)
        # Without httpx.AsyncClient: of its redirects, cookies, proxies and logins a delivery may have none.
        self._transport = transport
        self._timeout = timeout.as_dict()
        self._reveal = reveal
        self._total = total
        self._known = Known()

    async def send(
        self, rows: Sequence[ClaimedRow], *, now: int, resent: Callable[[], None] = lambda: None
    ) -> Response | NoAnswer:
        """Sends rows of one frame as one request, within the total time. Never raises but for cancellation.

        `resent` is called when it goes once more, since an idle connection turned out to be gone.
        """
        noted = egress.Attempts()
        egress.attempts.set(noted)
        try:
            request = self._request(rows, self._fill)
            _sending.set(_Sending(str(request.url), resent))
            async with asyncio.timeout(self._total):
                return await self._exchange(request, items=len(rows), now=now)
        except _SecretMissingError as problem:
            return NoAnswer("missing_secret", str(problem))
        except TimeoutError:
            return NoAnswer("no_answer", "no answer in time")
        # aiohttp raises plain ones where its httpx transport knows no name for them.
        except (httpx.HTTPError, httpx.InvalidURL, aiohttp.ClientError, OSError, ValueError) as problem:
            _let_go(problem)
            if noted.refused:
                stated = f"{noted.refused[0]} is no public address; --allow-egress opens it"
                return NoAnswer("address_refused", stated)
            return NoAnswer("no_answer", _sentence(problem))

    def shown(self, text: str, sent: Iterable[str] = ()) -> str:
        """The text as people may see it: `excerpt`, and without the value of any secret that was ever sent.

        `sent`: texts of the request, which an answer may quote.
        """
        return excerpt(self._known.masked(text, lambda name: str(Secret(name))), sent)

    def built(self, rows: Sequence[ClaimedRow]) -> Built:
        """What `send` would send, made by the same code, without the value of any secret.

        Raises `ValueError` for an address that httpx does not take; `send` gives no answer then.
        """
        stand_ins = StandIns()
        try:
            request = self._request(rows, stand_ins.fill)
        except (httpx.InvalidURL, ValueError):
            raise ValueError("the address is none") from None
        headers = tuple(request.headers.items())
        return Built(request.method, stand_ins.named(str(request.url)), headers, request.content)

    def bare(self, text: str) -> str:
        """The text with the value of any secret that was ever sent as `${secret:NAME}`, and nothing else masked."""
        return self._known.masked(text, lambda name: str(Secret(name)))

    async def close(self) -> None:
        """Closes the connections."""
        await self._transport.aclose()

    def _fill(self, name: str, escape: Escape) -> bytes:
        value = self._reveal(name)
        if not value:
            raise _SecretMissingError(f'the secret "{name}" is not set')
        self._known.learn(name, value)
        try:
            return escape(value)
        # orjson's own error is no UnicodeEncodeError, and of a text it refuses nothing else.
        except (UnicodeEncodeError, orjson.JSONEncodeError):
            raise _SecretMissingError(f'the secret "{name}" is not UTF-8') from None
        except _ControlCharacterError:
            stated = f'the secret "{name}" holds a line break or a control character and cannot stand in a header'
            raise _SecretMissingError(stated) from None

    def _request(self, rows: Sequence[ClaimedRow], fill: Fill) -> httpx.Request:
        frame = rows[0].frame
        in_body = partial(fill, escape=_BODY[frame.escape])
        in_header = partial(fill, escape=_in_header)
        in_url = partial(fill, escape=for_url)
        items = joined(row.item.filled(in_body) for row in rows)
        headers = [(name.encode(), value.filled(in_header)) for name, value in frame.headers]
        stated = {name.lower() for name, _ in frame.headers}
        if "user-agent" not in stated:
            headers.append((b"User-Agent", USER_AGENT.encode()))
        headers.append((b"Accept-Encoding", b"identity"))
        content = b"".join((frame.head.filled(in_body), items, frame.tail.filled(in_body)))
        # aiohttp would add these two behind our back, and what is built would not be what is sent.
        if "accept" not in stated:
            headers.append((b"Accept", b"*/*"))
        if "content-type" not in stated and (content or frame.method in _HAVE_A_TYPE):
            headers.append((b"Content-Type", b"application/octet-stream"))
        return httpx.Request(
            frame.method,
            frame.url.filled(in_url).decode(),
            headers=headers,
            content=content,
            extensions={"timeout": self._timeout},
        )

    async def _exchange(self, request: httpx.Request, *, items: int, now: int) -> Response:
        answer = await self._transport.handle_async_request(request)
        body = bytearray()
        try:
            if not isinstance(answer.stream, httpx.AsyncByteStream):
                raise httpx.ReadError("the answer cannot be read here")
            # Not `aiter_raw`, which refuses the answers of httpx.MockTransport; neither decodes anything.
            async for chunk in answer.stream:
                body += chunk
                if len(body) >= LONGEST_ANSWER:
                    break
        finally:
            await answer.aclose()
            # It and its stream hold each other, and the request: half a megabyte until a collection comes by.
            answer.stream = _READ
        headers = {name.lower(): value for name, value in answer.headers.items()}
        cookies = tuple(answer.headers.get_list("set-cookie")) if "set-cookie" in headers else ()
        return Response(answer.status_code, headers, bytes(body[:LONGEST_ANSWER]), now, items, cookies)


def vendor_transport(
    allowed: Sequence[egress.Network] = (),
    *,
    resolver: AbstractResolver | None = None,
    address_kept: float = ADDRESS_KEPT_SECONDS,
) -> httpx.AsyncBaseTransport:
    """The transport of production: aiohttp's connections, none of them to a private address unless `allowed`.

    Keeps no cookies, follows nothing, decodes nothing, and takes nothing from the environment. `resolver`: finds the
    addresses of a name, the operating system's by default; `address_kept`: seconds until it is asked anew.
    """

    def session() -> aiohttp.ClientSession:
        connector = _Connector(
            limit=0,
            ssl=httpx.create_ssl_context(trust_env=False),
            socket_factory=partial(egress.guarded_socket, exceptions=tuple(allowed)),
            keepalive_timeout=10,
            resolver=resolver,
            ttl_dns_cache=address_kept,
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            middlewares=(_as_planned,),
        )

    return httpx_aiohttp.AiohttpTransport(trust_env=False, client=session)


class _BrokenError(aiohttp.ClientConnectionError):
    pass


@dataclass(slots=True)
class _Sending:
    """One request on its way: its address as it was planned, and what carries it. `fresh`: by no idle connection."""

    address: str
    resent: Callable[[], None]
    carrier: _Carrier | None = None
    fresh: bool = False

    @property
    def was_idle(self) -> bool:
        """Whether it went over a connection that others had used, and nothing of an answer came."""
        return self.carrier is not None and self.carrier.carried > 1 and not self.carrier.heard


class _Carrier(ResponseHandler):
    """A connection that knows how many requests it has carried, and whether the last one was answered at all."""

    carried = 0
    heard = False

    def data_received(self, data: bytes) -> None:
        self.heard = True
        super().data_received(data)


class _Connector(aiohttp.TCPConnector):
    """Uses no connection on which a vendor spoke unasked: aiohttp would take that for the next request's answer."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        # By assignment, since aiohttp has no argument for it; its type knows the parent only.
        self._factory = partial(_Carrier, loop=self._loop)  # type: ignore[assignment]

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109  # the parameter is aiohttp's
    ) -> Connection:
        sending = _sending.get()
        unasked = 0
        while unasked < _MOST_UNASKED:
            found = await super().connect(req, traces, timeout)
            carrier = found.protocol
            assert isinstance(carrier, _Carrier)  # noqa: S101  # the factory makes no others
            idle = carrier.carried > 0
            if not carrier.should_close and not (idle and sending.fresh):
                sending.carrier, carrier.heard = carrier, False
                carrier.carried += 1
                return found
            unasked += carrier.should_close
            found.close()
        raise aiohttp.ServerDisconnectedError("it speaks unasked")


async def _as_planned(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """aiohttp writes `%2F` of a query as `/`, which is not what preview showed and what somebody may have signed.

    A vendor may hang up on an idle connection in the moment in which we use it: it gets the request once more, on a
    new connection.
    """
    sending = _sending.get()
    request.url = type(request.url)(sending.address, encoded=True)
    try:
        return await _carried(request, handler)
    except _BrokenError:
        if not sending.was_idle:
            raise
    sending.fresh, sending.carrier = True, None
    sending.resent()
    return await _carried(request, handler)


async def _carried(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Under their own names aiohttp would send some requests again by itself."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError, aiohttp.ClientConnectionResetError) as problem:
        raise _BrokenError("the connection broke") from problem


_MOST_UNASKED = 8
"""So many connections are given up for one request, since a lane may have left two."""

_READ = httpx.ByteStream(b"")
"""What is left of an answer that was read."""

_sending: ContextVar[_Sending] = ContextVar("sending")
_LINE_BREAKS = re.compile(r"[\x00-\x1f\x7f]")


def _in_header(value: str) -> bytes:
    if _LINE_BREAKS.search(value):
        raise _ControlCharacterError
    return value.encode()


_BODY: Mapping[str, Callable[[str], bytes]] = {
    "json": lambda value: orjson.dumps(value)[1:-1],
    "form": lambda value: quote_plus(value).encode(),
    "raw": str.encode,
}


def _sentence(problem: Exception) -> str:
    # The cause, since httpx-aiohttp calls whatever happens to a connection a timeout.
    cause = problem.__cause__ or problem
    if isinstance(cause, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError):
        return "the certificate is not accepted"
    if isinstance(cause, TimeoutError | httpx.TimeoutException):
        return "no answer in time"
    if isinstance(cause, aiohttp.ClientConnectorDNSError):
        return "no connection: the name of the host is not known"
    if isinstance(cause, aiohttp.ClientConnectorError | httpx.ConnectError):
        return "no connection"
    return "the connection broke, or the answer is no HTTP"


def _let_go(problem: BaseException) -> None:
    """What an error's frames hold, the request among it, goes now: they hold the error as well."""
    each: BaseException | None = problem
    seen: set[int] = set()
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        traceback.clear_frames(each.__traceback__)
        each = each.__cause__ or each.__context__


def _keep_quiet() -> None:
    """These libraries write addresses, and with them tokens, into the log."""
    for name in _CHATTY:
        logger = logging.getLogger(name)
        if _only_warnings not in logger.filters:
            logger.addFilter(_only_warnings)


def _only_warnings(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING
