"""What Meta's answers mean. A request is taken whole or refused whole, for one bad event."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from container.api import Response, Verdict, by_status, retry_after
from tags.meta_conversions_api.codes import ADDRESS, CREDENTIAL, NO_OBJECT, PARAMETER, SUBCODES, TEMPORARY

WRONG_ADDRESS = frozenset({404, 405, 410, 501, 505})
"""Statuses about the address, which is the same for all events. So are redirects, which are not followed."""

_ABOUT_PROOF = re.compile(r"\bappsecret_proof\b", re.ASCII)
_TRACE = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_LONGEST_MESSAGE = 2000


def judge(response: Response) -> Verdict:
    """The verdict on an answer of the events endpoint.

    The message may quote what was sent, so nothing of it gets into a reason.
    """
    body = response.json()
    answer = body if isinstance(body, dict) else {}
    error = answer.get("error")
    if isinstance(error, dict) and (code := _whole(error.get("code"))) is not None:
        return _by_code(code, error, response)
    if 200 <= response.status < 300:
        return _received(answer, response)
    return _wrong_address(response) or by_status(response)


def _received(answer: Mapping[str, Any], response: Response) -> Verdict:
    """Meta says how many events it took. Where it took fewer than there were, all go again: it drops known ids."""
    received = _whole(answer.get("events_received"))
    if received is None:
        return Verdict("retry", "unknown_reply: no JSON with events_received", after=retry_after(response))
    if received >= response.items:
        return Verdict("delivered")
    told = f"{received} of {response.items} events were taken, and nobody can say which"
    return Verdict("retry", _traced(told, answer), after=retry_after(response))


def _by_code(code: int, error: Mapping[str, Any], response: Response) -> Verdict:
    """An error object. Its code knows better than the status, which is 400 for nearly everything."""
    if code in CREDENTIAL:
        return Verdict("credential", _reason(code, CREDENTIAL[code], error))
    if code in ADDRESS:
        return Verdict("credential", _reason(code, ADDRESS[code], error), about="address")
    if code == PARAMETER and _whole(error.get("error_subcode")) == NO_OBJECT:
        told = "there is no such pixel, or the access token may not see it"
        return Verdict("credential", _reason(code, told, error))
    if code == PARAMETER and _ABOUT_PROOF.search(_message(error)):
        return Verdict("credential", _reason(code, "the appsecret_proof is missing or wrong", error))
    if code in TEMPORARY or error.get("is_transient") is True:
        told = TEMPORARY.get(code, "Meta says that it will pass")
        return Verdict("retry", _reason(code, told, error), after=retry_after(response))
    return _of_unknown_code(code, error, response)


def _of_unknown_code(code: int, error: Mapping[str, Any], response: Response) -> Verdict:
    """Any other code: about the event where it is a parameter's, else what the status says."""
    verdict = _wrong_address(response) or by_status(response)
    if verdict.kind == "credential":
        return replace(verdict, reason=_reason(code, verdict.reason, error))
    if code == PARAMETER and verdict.kind in ("refused", "delivered"):
        told = SUBCODES.get(_whole(error.get("error_subcode")) or 0, "a parameter is wrong")
        return Verdict("refused", _reason(code, told, error), too_large=response.status == 413)
    # Nobody knows whom it blames; a batch on which it happens again and again is split.
    return Verdict("retry", _reason(code, "unknown_reply", error), after=retry_after(response))


def _wrong_address(response: Response) -> Verdict | None:
    status = response.status
    if 300 <= status < 400 or status in WRONG_ADDRESS:
        return Verdict("credential", f"status {status}: the address is wrong, or has moved", about="address")
    return None


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _message(error: Mapping[str, Any]) -> str:
    message = error.get("message")
    return message[:_LONGEST_MESSAGE] if isinstance(message, str) else ""


def _reason(code: int, meaning: str, error: Mapping[str, Any]) -> str:
    subcode = _whole(error.get("error_subcode"))
    return _traced(f"code {code}{'' if subcode is None else f', subcode {subcode}'}: {meaning}", error)


def _traced(reason: str, answer: Mapping[str, Any]) -> str:
    trace = answer.get("fbtrace_id")
    return f"{reason}, trace {trace}" if isinstance(trace, str) and _TRACE.fullmatch(trace) else reason
