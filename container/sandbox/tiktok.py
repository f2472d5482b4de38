"""A stand-in for TikTok's Events API 2.0: `POST /open_api/v1.3/event/track/`.

A refused request is answered with HTTP 200 and a code, as TikTok does it; one bad event refuses the whole batch, and
the message names the first offender as `Batch.<index>.<path>: <reason>`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from container.sandbox.fields import Finding, Sorted, findings, refused, remark
from container.sandbox.tiktok_events import seen_events
from container.sandbox.tiktok_fields import ENVELOPE, EVENTS, PARAMETER_ERROR, PARTNER_NAME
from container.sandbox.vendor import Answer, Button, Checked, Incoming, Vendor, VendorFault, parse_json

TRACK = "/open_api/v1.3/event/track/"

CODES: Mapping[int, str] = {
    0: "OK",
    20001: "Partial success",
    40000: "Invalid params",
    40001: "No permission to operate this pixel code",
    40002: "Parameter error",
    40003: "Forbidden",
    40006: "API version no longer available",
    40007: "API does not exist",
    40008: "API not implemented",
    40010: "Unsupported domain",
    40016: "Business rule violated",
    40050: "Duplicated request",
    40051: "Invalid API version",
    40061: "Invalid batch size",
    40062: "PII not hashed",
    40063: "Invalid partner name",
    40100: "Requests are too frequent. Please try again later",
    40101: "Partner is not valid",
    40102: "Access token is expired",
    40103: "Refresh token is expired",
    40104: "Access token is empty",
    40105: "Access token is incorrect or has been revoked",
    40106: "App is forbidden",
    40107: "Refresh token is invalid",
    40110: "User is forbidden",
    40113: "Permission scope is missing",
    **dict.fromkeys((40115, 40116, 40117, 40118, 40119, 40124, 40125, 40130, 40131), "Authorization error"),
    40132: "Frequency limited",
    40201: "Task is not ready",
    40202: "Write conflict",
    40300: "Advertiser does not exist",
    40301: "Advertiser role error",
    40400: "Route not found",
    40700: "RPC validation error",
    41000: "Blocked",
    41001: "Interface taken offline",
    41002: "Field taken offline",
    50000: "System error",
    50002: "Request timed out",
    51000: "Internal service error",
    51010: "Internal service timed out",
    51012: "Pixel service error",
    52000: "Database error",
    52001: "Database error",
    52002: "Database error",
    52003: "Database error",
    60001: "Under maintenance",
    61000: "Too many requests",
}
"""Codes of the Events API with a message of their own; TikTok's wording differs and may quote values."""

_REASONS_KEPT = 50
_FUTURE_REMARKED_SECONDS, _FUTURE_REFUSED_SECONDS = 10 * 60, 24 * 60 * 60
_OFFLINE_LATEST_SECONDS = 28 * 24 * 60 * 60
_PIXEL_CODE = re.compile(r"[A-Z0-9]{12,32}")
_BEARER = re.compile(r"bearer\s", re.IGNORECASE)
_HIGHEST_CODE = 99_999


@dataclass(frozen=True, slots=True)
class TikTokSettings:
    """Which tokens the stand-in knows: by token, the pixels it may write to. `None`: any token, any pixel.

    `refused_tokens` are refused in any case, as revoked ones are. `refuse_unsupported_currency`: what TikTok does with
    one is not known, so it is a remark unless this is set. `partner_names`: those that TikTok has registered.
    """

    tokens: Mapping[str, Collection[str]] | None = None
    refused_tokens: Collection[str] = ("refused-token",)
    refuse_unsupported_currency: bool = False
    partner_names: Collection[str] = ("GoogleTagManagerServer", "RudderStack", "Segment")


def tiktok(settings: TikTokSettings | None = None) -> Vendor:
    """TikTok's stand-in."""
    held = settings or TikTokSettings()
    return Vendor(
        name="tiktok",
        title="TikTok Events API",
        address=TRACK,
        paths=("/open_api/{rest:path}",),
        check=lambda incoming: check(incoming, held),
        faults=FAULTS,
        buttons=(
            *(Button(f"{code} {label}", {"code": code}) for code, label in _BUTTONS.items()),
            Button("20001 partial success", {"partial": True}),
        ),
        menu=tuple(Button(f"{code} {message}", {"code": code}) for code, message in CODES.items()),
        secret_headers=("access-token", "authorization"),
    )


def check(incoming: Incoming, settings: TikTokSettings) -> Checked:
    """Examines a request as TikTok does. Never raises, whatever the bytes."""
    try:
        document = parse_json(incoming.body)
    except ValueError:
        document = _NOT_JSON
    body = None if document is _NOT_JSON else document
    found = Sorted(_findings(incoming, document, settings), _REASONS_KEPT)
    envelope = body if isinstance(body, dict) else {}
    return Checked(
        _answer(incoming, found.refusals),
        accepted=not found.refusals,
        events=seen_events(envelope),
        reasons=found.reasons,
        remarks=found.remarks,
        account=_text(envelope.get("event_source_id")),
        test_code=_text(envelope.get("test_event_code")),
        body=body,
    )


_NOT_JSON = object()


def _answer(incoming: Incoming, refusals: list[Finding]) -> Answer:
    if not refusals:
        return Answer(document=_document(0, CODES[0], incoming.request_id))
    first = refusals[0]
    code = PARAMETER_ERROR if first.flaw.code is None else first.flaw.code
    return Answer(404 if code == _ROUTE else 200, _document(code, str(first), incoming.request_id))


def _document(code: int, message: str, request_id: str, data: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return {"code": code, "message": message, "request_id": request_id, "data": dict(data or {})}


_ROUTE, _NO_PERMISSION, _TOKEN_EMPTY, _TOKEN_WRONG = 40400, 40001, 40104, 40105


def _findings(incoming: Incoming, document: Any, settings: TikTokSettings) -> Iterator[Finding]:
    if closed := _door(incoming, document, settings):
        yield closed
        return
    envelope = [*findings(document, ENVELOPE, "")]
    yield from envelope
    if any(finding.refused for finding in envelope):
        return
    yield from _envelope(incoming, document, settings)
    fields = EVENTS[document["event_source"], settings.refuse_unsupported_currency]
    for index, event in enumerate(document["data"]):
        found = [*findings(event, fields, f"Batch.{index}")]
        yield from found
        if not any(finding.refused for finding in found):
            yield from _sense(event, document["event_source"], f"Batch.{index}", now=incoming.now)


def _door(incoming: Incoming, document: Any, settings: TikTokSettings) -> Finding | None:
    """What keeps a request from being read at all."""
    if (incoming.method, incoming.path) != ("POST", TRACK):
        return refused("", f"Route not found: {incoming.method} {incoming.path[:200]}. It is POST {TRACK}", _ROUTE)
    token = incoming.headers.get("access-token", "").strip()
    if not token:
        return refused("", f"{CODES[_TOKEN_EMPTY]}: the header Access-Token is missing.", _TOKEN_EMPTY)
    if _BEARER.match(token):
        return refused("", f"{CODES[_TOKEN_WRONG]}: the header holds the bare token, without Bearer.", _TOKEN_WRONG)
    if token in settings.refused_tokens or (settings.tokens is not None and token not in settings.tokens):
        return refused("", f"{CODES[_TOKEN_WRONG]}.", _TOKEN_WRONG)
    if incoming.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        return refused("", "The Content-Type must be application/json.")
    return refused("", "The request body is not valid JSON.") if document is _NOT_JSON else None


def _envelope(incoming: Incoming, document: dict[str, Any], settings: TikTokSettings) -> Iterator[Finding]:
    source, source_id = document["event_source"], document["event_source_id"]
    token = incoming.headers.get("access-token", "").strip()
    if settings.tokens is not None and source_id not in settings.tokens[token]:
        yield refused("", f"No permission to operate pixel code {source_id[:40]}.", _NO_PERMISSION)
    if document.get("partner_name", "") not in ("", *settings.partner_names):
        yield refused("partner_name", "Invalid partner name.", PARTNER_NAME)
    if source == "web" and not _PIXEL_CODE.fullmatch(source_id):
        yield remark("event_source_id", "Does not look like a pixel code: about 20 capital letters and digits.")
    if source in ("offline", "crm") and not source_id.isdecimal():
        yield remark("event_source_id", f"Does not look like the id of an event set, which {source} events need.")


def _sense(event: dict[str, Any], source: str, path: str, *, now: int) -> Iterator[Finding]:
    """What no table can say: times against the clock, and fields that need each other."""
    ahead = event["event_time"] - now
    if ahead > _FUTURE_REFUSED_SECONDS:
        yield refused(f"{path}.event_time", "The time is in the future.")
    elif ahead > _FUTURE_REMARKED_SECONDS:
        yield remark(f"{path}.event_time", "The time is more than ten minutes ahead.")
    if source == "offline" and -ahead > _OFFLINE_LATEST_SECONDS:
        yield remark(f"{path}.event_time", "Offline events are to be sent within 28 days.")
    user, properties = event.get("user", {}), event.get("properties", {})
    if not user:
        yield remark(f"{path}.user", "Without it TikTok can match the event to nobody.")
    if not event.get("event_id") and source == "web":
        yield remark(f"{path}.event_id", "Without it the event cannot be deduplicated with the pixel's.")
    if ("ip" in user) != ("user_agent" in user) and source == "web":
        yield remark(f"{path}.user", "ip and user_agent help only together.")
    if "value" in properties and not properties.get("currency"):
        yield remark(f"{path}.properties.currency", "A value without a currency counts for nothing.")
    if event.get("limited_data_use") is True and "ip" not in user:
        yield remark(f"{path}.limited_data_use", "It needs a public ip, from which the state is derived.")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _code(fault: Mapping[str, Any], request_id: str) -> Answer:
    """`{"code": 40100}`, optionally with `message` and `data`."""
    code, message = fault["code"], fault.get("message")
    if not isinstance(code, int) or isinstance(code, bool) or not 0 <= code <= _HIGHEST_CODE:
        raise ValueError('"code" is a number such as 40100.')
    if message is not None and not isinstance(message, str):
        raise ValueError('"message" is a text.')
    document = _document(code, CODES.get(code, "Unknown error") if message is None else message, request_id)
    return Answer(document={**document, "data": fault["data"]} if "data" in fault else document)


def _partial(fault: Mapping[str, Any], request_id: str) -> Answer:
    """`{"partial": true}`, or the positions of the failed events: `{"partial": [0, 3]}`."""
    failed = [0] if fault["partial"] is True else fault["partial"]
    if not isinstance(failed, list) or not all(type(position) is int and position >= 0 for position in failed):
        raise ValueError('"partial" is true or a list of positions such as [0, 3].')
    events = [{"order": position, "reason": "Sandbox: told to fail."} for position in failed]
    return Answer(document=_document(20001, CODES[20001], request_id, {"failed_events": events}))


FAULTS: Mapping[str, VendorFault] = {"code": _code, "partial": _partial}

_BUTTONS = {
    40001: "no right on the pixel",
    40002: "parameter error",
    40062: "not hashed",
    40100: "too frequent",
    40105: "token refused",
    50000: "system error",
    51010: "internal time-out",
}
