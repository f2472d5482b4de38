"""What components give back: what to send, what to answer, and how a vendor's answer is to be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, Literal

import orjson

from container.event import NOTHING, Event, nothing
from container.secret import SecretText

SHORTEST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 1.0, 3600.0
"""Between these a vendor's `Retry-After` is believed."""

LONGEST_REPLY_WAIT_SECONDS = 5.0
"""No hit's answer waits longer for the cookies of a request's response."""

_ABOUT_THE_REQUEST = frozenset({400, 409, 411, 412, 413, 414, 415, 416, 417, 422, 431})
"""Statuses of a vendor that has read what was sent and does not want it."""


@dataclass(frozen=True, slots=True)
class Batch:
    """How requests of one account may be joined: their items become the list at `path` of the shared envelope."""

    path: str
    max_items: int
    max_bytes: int = 1_000_000


@dataclass(frozen=True, init=False)
class Request:
    """What a tag wants sent.

    `json` is the body, or with `batch` the envelope into which `item` (and others like it) is spliced; `body` is for
    other content. `account` and `test_code` tell lanes apart: requests with a test code are never batched.
    `expires`: Unix milliseconds after which the vendor would call the event too old, so it is not sent any more.
    `reply_cookies`: so many seconds, at most 5, the hit's answer may wait for this request's response, to pass on the
    cookies that it sets; such a request is never batched. `None`: nothing waits.
    Secrets may stand in `url`, `headers`, `json` and `body`.
    """

    method: str
    url: str | SecretText
    headers: Mapping[str, str | SecretText]
    json: Any
    body: str | bytes | SecretText | None
    item: Any
    batch: Batch | None
    account: str
    test_code: str
    expires: int | None
    reply_cookies: float | None

    def __init__(
        self,
        method: str,
        url: str | SecretText,
        *,
        headers: Mapping[str, str | SecretText] = NOTHING,
        json: Any = None,
        body: str | bytes | SecretText | None = None,
        item: Any = None,
        batch: Batch | None = None,
        account: str = "",
        test_code: str = "",
        expires: int | None = None,
        reply_cookies: float | None = None,
    ) -> None:
        if reply_cookies is not None:
            reply_cookies = min(LONGEST_REPLY_WAIT_SECONDS, max(0.0, float(reply_cookies)))
        # All at once: set one by one, the members of a frozen class take three times as long.
        self.__dict__.update(
            method=method,
            url=url,
            headers=headers,
            json=json,
            body=body,
            item=item,
            batch=batch,
            account=account,
            test_code=test_code,
            expires=expires,
            reply_cookies=reply_cookies,
        )

    @property
    def document(self) -> Any:
        """The JSON body as it would go alone: the item in its envelope."""
        return self.json if self.batch is None else splice(self.json, self.batch.path, [self.item])


@dataclass(frozen=True, slots=True)
class Response:
    """A vendor's answer.

    `headers`: names in lower case. `body` may be cut short; `received` is Unix time in milliseconds; `items` the
    batch's size; `set_cookie` the headers of that name, one by one.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=nothing)
    body: bytes = b""
    received: int = 0
    items: int = 1
    set_cookie: Sequence[str] = ()

    def json(self) -> Any:
        """The body as JSON, `None` when it is none."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an answer means.

    `delivered`, of a batch all but the events at the places in `refused`, which are bad, and in `again`, which the
    vendor could not take now or did not mention; `retry`, the lane no sooner than `after`
    seconds; `refused`: this event is bad, of a batch the one at `index`, if the vendor named it, or the batch is
    `too_large`, as a status 413 says by itself; `credential`: key,
    account or address are refused, so no event would fare better: the lane pauses and keeps its rows. `about`: which
    of them, for the operator's eyes.
    """

    kind: Literal["delivered", "retry", "refused", "credential"]
    reason: str = ""
    after: float | None = field(default=None, kw_only=True)
    index: int | None = field(default=None, kw_only=True)
    refused: tuple[int, ...] = field(default=(), kw_only=True)
    again: tuple[int, ...] = field(default=(), kw_only=True)
    about: Literal["key", "address"] = field(default="key", kw_only=True)
    too_large: bool = field(default=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class SetCookie:
    """A cookie for the visitor. `domain` "auto" is the registrable domain, "" the host alone; `max_age` in seconds.

    `encoded`: the value is percent-encoded already, so that a percent sign in it stays one.
    """

    name: str
    value: str
    max_age: int | None = field(default=None, kw_only=True)
    domain: str = field(default="auto", kw_only=True)
    path: str = field(default="/", kw_only=True)
    secure: bool = field(default=True, kw_only=True)
    http_only: bool = field(default=False, kw_only=True)
    same_site: Literal["lax", "strict", "none"] = field(default="lax", kw_only=True)
    encoded: bool = field(default=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Reply:
    """What the visitor's browser gets. Clients set status and headers, tags may add cookies.

    `to_server`: the caller is a server that speaks for visitors, so it gets no cookies of theirs.
    """

    status: int = 204
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""
    cookies: Sequence[SetCookie] = ()
    to_server: bool = field(default=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Redirect:
    """Sends the visitor on to `url`, which a configured tag built."""

    url: str
    status: int = 302


@dataclass(frozen=True, slots=True)
class Claim:
    """A client takes the hit: these are its events, this is the reply.

    `consent`: the consent type that the claim rests on, such as reading a cookie does. Where it is not granted for
    every event, after the container's default, `otherwise` is the claim.
    """

    events: Sequence[Event] = ()
    reply: Reply = Reply()
    consent: str = field(default="", kw_only=True)
    otherwise: Claim | None = field(default=None, kw_only=True)


@dataclass(frozen=True, slots=True)
class Skip:
    """The tag has nothing to send, and why, in one sentence.

    `incomplete`: because the event lacks what the vendor demands, which the sender can mend.
    """

    reason: str
    incomplete: bool = field(default=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Note:
    """Something an analyst should see in preview: a value that was left out, and why. Never the value itself."""

    text: str


Effect = Request | SetCookie | Redirect | Skip | Note


def by_status(response: Response) -> Verdict:
    """What an HTTP status means where the vendor adds nothing to it.

    Only a status about the content condemns the event. An address that is wrong or has moved (3xx, 404, 405, 410) is
    tried again: the lane waits, and a row on which it stumbles alone is given up in its time.
    """
    status = response.status
    if 200 <= status < 300:
        return Verdict("delivered")
    if status in (401, 403):
        return Verdict("credential", f"status {status}")
    if status in _ABOUT_THE_REQUEST:
        return Verdict("refused", f"status {status}")
    if 300 <= status < 400:
        return Verdict("retry", f"status {status}: redirects are not followed", after=retry_after(response))
    told = f"status {status}" if 400 <= status < 600 else f"status {status} is not understood"
    return Verdict("retry", told, after=retry_after(response))


def retry_after(response: Response) -> float | None:
    """Seconds that a `Retry-After` header (seconds or HTTP date) asks to wait, between one second and one hour.

    Of several headers, which arrive as one with commas, the longest wait counts.
    """
    waits = [_wait(part.strip(), response.received) for part in response.headers.get("retry-after", "").split(",")]
    known = [wait for wait in waits if wait is not None]
    return min(max(*known, SHORTEST_WAIT_SECONDS), LONGEST_WAIT_SECONDS) if known else None


def _wait(stated: str, received: int) -> float | None:
    """Of seconds, or of a date without its weekday, which stands before a comma."""
    if stated.isascii() and stated.isdigit():
        return float(stated[:9])
    moment = http_date(stated)
    return None if moment is None else moment - received / 1000


def http_date(stated: str) -> float | None:
    """Unix seconds of a date as headers write it, `None` where it is none."""
    try:
        date = parsedate_to_datetime(stated)
    except (ValueError, OverflowError):
        return None
    # A date without a zone, or with the zone -0000, is UTC; without this it would be the zone of this machine.
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()


def splice(envelope: Any, path: str, items: Sequence[Any]) -> Any:
    """The envelope with the items as the list at the dot path."""
    head, dot, rest = path.partition(".")
    return {**envelope, head: splice(envelope.get(head, {}), rest, items) if dot else list(items)}
