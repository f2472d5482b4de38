"""What TikTok's answers mean. A refused request is answered with status 200 too: the code in the body decides."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from container.api import Response, Verdict, by_status, retry_after
from tags.tiktok_events_api.codes import (
    ACCEPTED,
    ADDRESS,
    BATCH_SIZE,
    CREDENTIAL,
    PARTIAL,
    REFUSED,
    TEMPORARY,
    TOO_FREQUENT,
    UNCLEAR,
)

WRONG_ADDRESS = frozenset({404, 405, 410, 501, 505})
"""Statuses about the address, which is the same for all events. So are redirects, which are not followed."""

PLACE_KEYS = ("order", "order_in_batch", "index")
"""Under these a failed event of a partial success may say where it stood; TikTok documents none."""

_OFFENDER = re.compile(r"Batch\.([0-9]{1,6})(?:\.[A-Za-z0-9_]{1,64}){0,12}", re.ASCII)
_ABOUT_TOKEN = re.compile(r"\b(?:token|auth|authori[sz]ation|authentication)\b", re.ASCII | re.IGNORECASE)
_REQUEST_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}", re.ASCII)
_LONGEST_MESSAGE = 2000


def judge(response: Response) -> Verdict:
    """The verdict on an answer of the track endpoint.

    The message may quote what was sent, so of it only the offender's place (`Batch.1.event_time`) gets into a reason.
    """
    body = response.json()
    answer = body if isinstance(body, dict) else {}
    code = answer.get("code")
    known = code if isinstance(code, int) and not isinstance(code, bool) else None
    if not 200 <= response.status < 300:
        return _by_status(known, answer, response)
    if known is None:
        return Verdict("retry", "unknown_reply: no JSON with a code", after=retry_after(response))
    return _by_code(known, answer, response)


def _by_status(code: int | None, answer: Mapping[str, Any], response: Response) -> Verdict:
    """Another status than 2xx. Where it refuses what was sent, TikTok's code in the body knows better, if any."""
    status = response.status
    if 300 <= status < 400 or status in WRONG_ADDRESS:
        return Verdict("credential", f"status {status}: the address is wrong, or has moved", about="address")
    verdict = by_status(response)
    if verdict.kind != "refused":
        return verdict
    if code is None or code in ACCEPTED or code == PARTIAL:
        return _with_offender(verdict, answer, response.items)
    return _by_code(code, answer, response)


def _by_code(code: int, answer: Mapping[str, Any], response: Response) -> Verdict:
    if code in ACCEPTED:
        return Verdict("delivered", _reason(code, ACCEPTED[code], answer) if code else "")
    if code == PARTIAL:
        return _partial(answer, response.items)
    if code in CREDENTIAL:
        return Verdict("credential", _reason(code, CREDENTIAL[code], answer))
    if code in ADDRESS:
        return Verdict("credential", _reason(code, ADDRESS[code], answer), about="address")
    if code == TOO_FREQUENT and _ABOUT_TOKEN.search(_message(answer)):
        return Verdict("credential", _reason(code, "the access token is refused", answer))
    if _is_about_an_event(code, answer, response.items):
        reason = _reason(code, REFUSED.get(code) or UNCLEAR.get(code, "refused"), answer)
        refused = Verdict("refused", reason, too_large=code == BATCH_SIZE)
        return _with_offender(refused, answer, response.items)
    meaning = TEMPORARY.get(code) or UNCLEAR.get(code)
    meaning = meaning or ("an error at TikTok's side" if code >= 50000 else "unknown_reply")
    return Verdict("retry", _reason(code, meaning, answer), after=retry_after(response))


def _is_about_an_event(code: int, answer: Mapping[str, Any], items: int) -> bool:
    """Whether an event is to blame: the code says so, or it is no temporary one and the message names an event."""
    if code in REFUSED:
        return code != BATCH_SIZE or items > 1
    return 40000 <= code < 50000 and code not in TEMPORARY and _OFFENDER.search(_message(answer)) is not None


def _partial(answer: Mapping[str, Any], items: int) -> Verdict:
    """What TikTok took is never sent again: it would count twice where it has no event id.

    The events that the answer names are refused. If one of them cannot be placed, none is: the wrong one might be.
    """
    data = answer.get("data")
    failed = data.get("failed_events") if isinstance(data, dict) else None
    listed = failed if isinstance(failed, list) else []
    places = [_place(entry) for entry in listed]
    if not listed:
        return Verdict("delivered", _reason(PARTIAL, "taken in part, and no event is named", answer))
    if items == 1:
        return Verdict("refused", _reason(PARTIAL, "the event was not taken", answer), index=0)
    known = {place for place in places if place is not None and place < items}
    if known != set(places):
        told = f"taken in part, {len(listed)} of {items} events failed, and nobody can say which"
        return Verdict("delivered", _reason(PARTIAL, told, answer))
    told = f"taken in part, {len(known)} of {items} events failed"
    return Verdict("delivered", _reason(PARTIAL, told, answer), refused=tuple(sorted(known)))


def _place(entry: object) -> int | None:
    """Where in the batch a failed event stood, counted from 0 as TikTok does in its messages."""
    stated = next((entry[key] for key in PLACE_KEYS if key in entry), None) if isinstance(entry, dict) else entry
    return stated if isinstance(stated, int) and not isinstance(stated, bool) and stated >= 0 else None


def _with_offender(verdict: Verdict, answer: Mapping[str, Any], items: int) -> Verdict:
    """A refusal that names an event of the batch says so."""
    found = _OFFENDER.search(_message(answer))
    if not found:
        return verdict
    index = int(found[1])
    return Verdict("refused", f"{verdict.reason}, at {found[0]}", index=index if index < items else None)


def _message(answer: Mapping[str, Any]) -> str:
    message = answer.get("message")
    return message[:_LONGEST_MESSAGE] if isinstance(message, str) else ""


def _reason(code: int, meaning: str, answer: Mapping[str, Any]) -> str:
    request = answer.get("request_id")
    suffix = f", request {request}" if isinstance(request, str) and _REQUEST_ID.fullmatch(request) else ""
    return f"code {code}: {meaning}{suffix}"
