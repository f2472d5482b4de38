"""What a preview sends, or would send: one request for each row, as it leaves, and the vendor's answer to it.

Here as well: how a record shows what goes over the wire, the hit included.

Nothing of this is stored and nothing is tried again: an analyst who looks sees the first answer.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, Literal, NamedTuple, Protocol

from container.delivery.built import Built
from container.delivery.judging import Judges, checked, type_name
from container.delivery.row import Row
from container.delivery.store import ClaimedRow
from container.delivery.transport import NoAnswer
from container.effects import Response, SetCookie, Verdict
from container.event import Hit
from container.set_cookie import cookies_of

LONGEST_BODY = 16_000
"""Characters of an answer that are kept."""

Left = Literal[
    "delivered",
    "retry",
    "refused",
    "credential",
    "no_answer",
    "missing_secret",
    "address_refused",
]
"""What became of a request that was sent: what the answer means, or why there is none."""

NOT_JUDGED = "the answer could not be judged"


class Vendors(Protocol):
    """As `Transport` has it."""

    async def send(self, rows: Sequence[ClaimedRow], *, now: int) -> Response | NoAnswer:
        """Sends rows as one request. Never raises but for cancellation."""
        ...

    def built(self, rows: Sequence[ClaimedRow]) -> Built:
        """What `send` would send, without the value of any secret. Raises `ValueError`."""
        ...

    def bare(self, text: str) -> str:
        """The text without the value of any secret."""
        ...


def request_of(vendors: Vendors, row: Row) -> dict[str, Any]:
    """The request that leaves for this row alone. Raises `ValueError` when its address is none."""
    built = vendors.built([alone(row)])
    return {"method": built.method, "url": built.url, "headers": pairs(built.headers), **body_of(built.body)}


class Sent(NamedTuple):
    """What came back and what it means, as the record has it. `cookies`: that it set, if the event was taken."""

    answer: dict[str, Any]
    cookies: Sequence[SetCookie] = ()


async def answer_to(vendors: Vendors, row: Row, judges: Judges, *, now: int, monotonic: Callable[[], float]) -> Sent:
    """Sends the row once. `now`: Unix milliseconds."""
    begun = monotonic()
    answer = await vendors.send([alone(row)], now=now)
    seconds = round(max(monotonic() - begun, 0.0), 4)
    if isinstance(answer, NoAnswer):
        return Sent(_told(vendors.bare(answer.reason), seconds=seconds, verdict=answer.cause))
    verdict = _of_one(_judged(judges, row, answer))
    told = {
        **_told(vendors.bare(verdict.reason), seconds=seconds, verdict=verdict.kind),
        "status": answer.status,
        "headers": pairs((name, vendors.bare(value)) for name, value in answer.headers.items()),
        # Cut afterwards: what is left of a secret's value would not be known for one.
        "body": vendors.bare(answer.body.decode(errors="replace"))[:LONGEST_BODY],
    }
    return Sent(told, cookies_of(answer.set_cookie, now=now) if verdict.kind == "delivered" else ())


def alone(row: Row) -> ClaimedRow:
    """The row as the transport takes it, at its first attempt."""
    name, time = row.event_name, row.event_time
    return ClaimedRow(0, row.id, row.frame, row.item, row.tag, name, time, 1, 0, 0, row.first, row.give_up)


def hit_json(hit: Hit) -> dict[str, Any]:
    """What came in, as the record has it."""
    return {
        "id": hit.id.hex(),
        "method": hit.method,
        "path": hit.path,
        "query": hit.query,
        "headers": pairs(hit.headers.items()),
        **body_of(hit.body),
        "ip": hit.ip,
    }


def pairs(headers: Iterable[tuple[str, str]]) -> list[list[str]]:
    """Names and values as JSON has them."""
    return [[name, value] for name, value in headers]


def body_of(body: bytes) -> dict[str, str]:
    """The body as text, or in base64 where it is none."""
    try:
        return {"body": body.decode()}
    except UnicodeDecodeError:
        return {"body_base64": base64.b64encode(body).decode()}


def _judged(judges: Judges, row: Row, answer: Response) -> Verdict:
    judge = judges(row.frame.type, row.frame.format)
    if judge is None:
        return Verdict("credential", f'the component "{row.frame.type}" is not here')
    try:
        return checked(judge(answer))
    except Exception as problem:  # noqa: BLE001  # around one judge: a plug-in's mistake is told, and no more
        return Verdict("retry", f"{NOT_JUDGED}: {type_name(problem)}")


def _of_one(verdict: Verdict) -> Verdict:
    """What the answer to a batch means for the only one in it."""
    if verdict.kind == "delivered" and 0 in verdict.refused:
        return replace(verdict, kind="refused")
    if verdict.kind == "delivered" and 0 in verdict.again:
        return replace(verdict, kind="retry")
    return verdict


def _told(reason: str, *, seconds: float, verdict: str) -> dict[str, Any]:
    return {
        "status": None,
        "headers": [],
        "body": "",
        "seconds": seconds,
        "attempt": 1,
        "verdict": verdict,
        "reason": reason,
    }
