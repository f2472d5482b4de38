"""What TikTok's answers mean. A refused request is answered with status 200 too: the code in the body decides."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from container.api import Response, Verdict, by_status, retry_after

ACCEPTED = {0: "", 40050: "a duplicate of a request that TikTok has"}
PARTIAL = 20001
TOO_FREQUENT = 40100

CREDENTIAL: Mapping[int, str] = {
    40001: "no permission for this event source",
    40101: "a partner is not allowed",
    40102: "the access token has expired",
    40103: "the refresh token has expired",
    40104: "the access token is empty",
    40105: "the access token is wrong",
    40106: "the app or the user is not allowed",
    40107: "the refresh token is wrong",
    **dict.fromkeys((40110, 40113, *range(40115, 40120), 40124, 40125, 40130, 40131), "app or token are not allowed"),
}
"""The account's key is refused: later events would fare no better, and this one is not to blame."""

TEMPORARY: Mapping[int, str] = {
    TOO_FREQUENT: "too many requests",
    40132: "too many requests",
    40201: "a task is not ready",
    40202: "a write conflict",
    61000: "too many requests",
}

REFUSED: Mapping[int, str] = {
    40000: "a parameter is wrong",
    40002: "a parameter is wrong",
    40003: "forbidden",
    40061: "the batch has a wrong size",
    40062: "personal data is not hashed",
    40063: "the partner name is wrong",
    40300: "the advertiser is missing",
    40301: "the advertiser's role does not allow this",
    40400: "there is no such address",
    41000: "blocked",
    41001: "the interface was taken down",
    41002: "a field was taken down",
}
"""Why a request was refused; other codes from 40000 to 49999 mean the same without a reason known to us."""

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
    if not 200 <= response.status < 300:
        return _with_offender(by_status(response), answer, response.items)
    code = answer.get("code")
    if not isinstance(code, int) or isinstance(code, bool):
        return Verdict("retry", "unknown_reply: no JSON with a code", after=retry_after(response))
    return _by_code(code, answer, response)


def _by_code(code: int, answer: Mapping[str, Any], response: Response) -> Verdict:
    message = _message(answer)
    if code in ACCEPTED:
        return Verdict("delivered", _reason(code, ACCEPTED[code], answer) if code else "")
    if code == PARTIAL:
        return _partial(answer, response.items)
    if code in CREDENTIAL:
        return Verdict("credential", _reason(code, CREDENTIAL[code], answer))
    if code == TOO_FREQUENT and _ABOUT_TOKEN.search(message):
        return Verdict("credential", _reason(code, "the access token is refused", answer))
    if code in TEMPORARY or code >= 50000:
        reason = _reason(code, TEMPORARY.get(code, "an error at TikTok's side"), answer)
        return Verdict("retry", reason, after=retry_after(response))
    if 40000 <= code < 50000:
        refused = Verdict("refused", _reason(code, REFUSED.get(code, "refused"), answer))
        return _with_offender(refused, answer, response.items)
    return Verdict("retry", _reason(code, "unknown_reply", answer), after=retry_after(response))


def _partial(answer: Mapping[str, Any], items: int) -> Verdict:
    """Most was taken, so nothing is sent again: what TikTok took would count twice where it has no event id."""
    data = answer.get("data")
    failed = data.get("failed_events") if isinstance(data, dict) else None
    count = len(failed) if isinstance(failed, list) else 0
    if items == 1 and count:
        return Verdict("refused", _reason(PARTIAL, "the event was not taken", answer), index=0)
    told = f"taken in part, {count} of {items} reported as failed" if count else "taken in part"
    return Verdict("delivered", _reason(PARTIAL, told, answer))


def _with_offender(verdict: Verdict, answer: Mapping[str, Any], items: int) -> Verdict:
    """A refusal that names an event of the batch says so."""
    found = _OFFENDER.search(_message(answer))
    if verdict.kind != "refused" or not found:
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
