"""A stand-in for Meta's Conversions API: `POST /meta/v25.0/{pixel_id}/events`.

A refused request is answered as Meta's Graph API does: a status, and an error with code, subcode and a trace id. One
bad event refuses the whole request.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs

from container.sandbox.fields import MOST_UNKNOWN, Finding, Sorted, findings, refused, remark
from container.sandbox.meta_events import seen_events
from container.sandbox.meta_faults import BUTTONS, CODES, FAULTS, MENU, error
from container.sandbox.meta_fields import CUSTOM, ENVELOPE, EVENT, NO_CURRENCY, NOBODY, TITLES, TOO_OLD
from container.sandbox.seen import mapping
from container.sandbox.vendor import Answer, Checked, Incoming, Vendor, parse_json

ADDRESS = "/meta"
OLDEST_VERSION = 20
"""Versions live for about two years. Meta has been seen to take older ones, so they are a remark."""

_REASONS_KEPT = 50
_PATH = re.compile(r"/meta/v([0-9]{1,3})\.0/([^/]{1,100})/events/?")
_PIXEL = re.compile(r"[0-9]{13,20}")
_BEARER = re.compile(r"(?:bearer|oauth)\s+(\S+)", re.IGNORECASE)
_DAY = 24 * 60 * 60
_LATEST: Mapping[str, int] = {"physical_store": 62 * _DAY}
_LATEST_ELSEWHERE = 7 * _DAY
_FUTURE_REMARKED, _FUTURE_REFUSED = 10 * 60, _DAY
_TOO_LITTLE = (
    frozenset({"ct", "country", "st", "zp", "ge", "client_user_agent"}),
    frozenset({"db", "client_user_agent"}),
    frozenset({"fn", "ge"}),
    frozenset({"ln", "ge"}),
)
"""Meta refuses events that have nothing but these, or some of these, of a visitor."""

_NO_TOKEN, _BAD_TOKEN, _PATH_UNKNOWN, _NO_OBJECT, _PARAMETER, _REVOKED = 104, 190, 2500, 33, 100, 460


@dataclass(frozen=True, slots=True)
class MetaSettings:
    """Which tokens the stand-in knows: by token, the pixels it may write to. `None`: any token, any pixel.

    `refused_tokens` are refused in any case, as revoked ones are.
    """

    tokens: Mapping[str, Collection[str]] | None = None
    refused_tokens: Collection[str] = ("refused-token",)


def meta(settings: MetaSettings | None = None) -> Vendor:
    """Meta's stand-in."""
    held = settings or MetaSettings()
    return Vendor(
        name="meta",
        title="Meta Conversions API",
        address=ADDRESS,
        paths=("/meta/{rest:path}",),
        check=lambda incoming: check(incoming, held),
        faults=FAULTS,
        buttons=BUTTONS,
        menu=MENU,
        secret_fields=("access_token", "appsecret_proof"),
    )


def check(incoming: Incoming, settings: MetaSettings) -> Checked:
    """Examines a request as Meta does. Never raises, whatever the bytes."""
    document = _document(incoming.body)
    found = Sorted(_findings(incoming, document, settings), _REASONS_KEPT)
    envelope, path = mapping(document), _PATH.fullmatch(incoming.path)
    code = envelope.get("test_event_code")
    events = seen_events(envelope)
    return Checked(
        _answer(incoming, found.refusals, len(events)),
        accepted=not found.refusals,
        events=events,
        reasons=found.reasons,
        remarks=found.remarks,
        account=path[2] if path else "",
        test_code=code if isinstance(code, str) else "",
        body=None if document is _NOT_JSON else document,
    )


_NOT_JSON = object()


def _document(body: bytes) -> Any:
    try:
        return parse_json(body)
    except ValueError:
        return _NOT_JSON


def trace_id(request_id: str) -> str:
    """What Meta calls a request by when somebody asks about it."""
    return "A" + urlsafe_b64encode(sha256(request_id.encode()).digest()).decode()[:22]


def _answer(incoming: Incoming, refusals: list[Finding], events: int) -> Answer:
    trace = trace_id(incoming.request_id)
    if not refusals:
        return Answer(document={"events_received": events, "messages": [], "fbtrace_id": trace})
    first = refusals[0]
    code, reason = first.flaw.code, first.flaw.reason
    if code == _NO_OBJECT:
        return error(_PARAMETER, trace, subcode=_NO_OBJECT, message=reason)
    if code == _REVOKED:
        return error(_BAD_TOKEN, trace, subcode=_REVOKED, message=reason)
    if code is not None and code in CODES:
        return error(code, trace, message=reason)
    title = TITLES.get(code or 0, "Invalid Parameter")
    return error(_PARAMETER, trace, subcode=code, title=title, user_message=str(first))


def _findings(incoming: Incoming, document: Any, settings: MetaSettings) -> Iterator[Finding]:
    if closed := _door(incoming, document, settings):
        yield closed
        return
    yield from _around(incoming)
    envelope = [*findings(document, ENVELOPE, "")]
    yield from envelope
    if any(finding.refused for finding in envelope):
        return
    for index, event in enumerate(document["data"]):
        path = f"data.{index}"
        found = [*findings(event, EVENT, path)]
        if not any(finding.refused for finding in found):
            found += [*_custom(event.get("custom_data", {}), f"{path}.custom_data")]
        yield from found
        if not any(finding.refused for finding in found):
            yield from _sense(event, path, now=incoming.now)


def _door(incoming: Incoming, document: Any, settings: MetaSettings) -> Finding | None:
    """What keeps a request from being read at all."""
    path, shown = _PATH.fullmatch(incoming.path), incoming.path.removeprefix(ADDRESS)[:200]
    if path is None:
        return refused("", f"Unknown path components: {shown}. It is {_EXAMPLE}", _PATH_UNKNOWN)
    if incoming.method != "POST":
        return refused("", f"Unsupported {incoming.method.lower()} request. It is POST {_EXAMPLE}", _NO_OBJECT)
    token, pixel = _token(incoming, document), path[2]
    if not token:
        return refused("", CODES[_NO_TOKEN].message, _NO_TOKEN)
    if token in settings.refused_tokens:
        return refused("", "Error validating access token: The session has been invalidated.", _REVOKED)
    if settings.tokens is not None and token not in settings.tokens:
        return refused("", CODES[_BAD_TOKEN].message, _BAD_TOKEN)
    if settings.tokens is not None and pixel not in settings.tokens[token]:
        return refused("", _no_object(pixel), _NO_OBJECT)
    if incoming.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        return refused("", "The Content-Type must be application/json here; Meta takes forms as well.", _PARAMETER)
    return refused("", "The request body is not valid JSON.", _PARAMETER) if document is _NOT_JSON else None


_EXAMPLE = "/v25.0/{pixel_id}/events"


def _no_object(pixel: str) -> str:
    return (
        f"Unsupported post request. Object with ID '{pixel}' does not exist, cannot be loaded due to missing "
        "permissions, or does not support this operation."
    )


def _token(incoming: Incoming, document: Any) -> str:
    """From the body, the header or the query, as Meta takes it."""
    stated = mapping(document).get("access_token")
    header = _BEARER.fullmatch(incoming.headers.get("authorization", "").strip())
    in_query = _in_query(incoming)
    found = stated if isinstance(stated, str) and stated.strip() else header[1] if header else in_query
    return found.strip()


def _in_query(incoming: Incoming) -> str:
    return parse_qs(incoming.query, max_num_fields=None).get("access_token", [""])[-1]


def _around(incoming: Incoming) -> Iterator[Finding]:
    path = _PATH.fullmatch(incoming.path)
    if path is not None and int(path[1]) < OLDEST_VERSION:
        yield remark("", f"Version {path[1]}.0 is retired. Meta may answer code 2635 from one day to the next.")
    if path is not None and not _PIXEL.fullmatch(path[2]):
        yield remark("", "Does not look like the id of a pixel or a dataset: about 15 digits.")
    if _in_query(incoming):
        yield remark("access_token", "In an address it ends up in logs. Send it in the body.")


def _custom(custom: dict[str, Any], path: str) -> Iterator[Finding]:
    """What it is about. Properties of the advertiser's own are taken beside Meta's."""
    for name, value in custom.items():
        if name in CUSTOM:
            yield from findings(value, CUSTOM[name], f"{path}.{name}")
    for name in [name for name, value in custom.items() if name not in CUSTOM and value is None][:MOST_UNKNOWN]:
        yield remark(f"{path}.{name[:100]}", "Nothing says nothing. Leave the field out.")


def _sense(event: dict[str, Any], path: str, *, now: int) -> Iterator[Finding]:
    """What no table can say: times against the clock, and fields that need each other."""
    yield from _times(event, path, now=now)
    there = {name for name, value in event["user_data"].items() if value not in ("", [], None)}
    if any(there <= little for little in _TOO_LITTLE):
        yield refused(f"{path}.user_data", "This recognises nobody: Meta wants more of the visitor.", NOBODY)
    yield from _of_source(event, there, path)
    yield from _money(event, path)
    if event.get("data_processing_options") and "data_processing_options_country" not in event:
        yield remark(f"{path}.data_processing_options_country", "Limited data use needs it: 0 lets Meta find out.")


def _of_source(event: dict[str, Any], there: Collection[str], path: str) -> Iterator[Finding]:
    source = event["action_source"]
    if source == "website":
        if not event.get("event_source_url"):
            yield refused(f"{path}.event_source_url", "Missing: an event of a website needs it.")
        if "client_user_agent" not in there:
            yield refused(f"{path}.user_data.client_user_agent", "Missing: an event of a website needs it.")
        if not event.get("event_id"):
            yield remark(f"{path}.event_id", "Without it the event cannot be deduplicated with the pixel's.")
    if source == "app" and "app_data" not in event:
        yield refused(f"{path}.app_data", "Missing: an event of an app needs it.")
    if source == "business_messaging" and "messaging_channel" not in event:
        yield refused(f"{path}.messaging_channel", "Missing: a message's event needs it.")


def _money(event: dict[str, Any], path: str) -> Iterator[Finding]:
    custom, currency = event.get("custom_data", {}), f"{path}.custom_data.currency"
    if event["event_name"] == "Purchase":
        if "value" not in custom:
            yield refused(f"{path}.custom_data.value", "Missing: a Purchase needs it.")
        if not custom.get("currency"):
            yield refused(currency, "Missing: a Purchase needs it.", NO_CURRENCY)
    elif "value" in custom and not custom.get("currency"):
        yield remark(currency, "A value without a currency counts for nothing.")


def _times(event: dict[str, Any], path: str, *, now: int) -> Iterator[Finding]:
    ahead = event["event_time"] - now
    latest = _LATEST.get(event["action_source"], _LATEST_ELSEWHERE)
    if -ahead > latest:
        days = latest // _DAY
        yield refused(f"{path}.event_time", f"Too far in the past: Meta takes it within {days} days.", TOO_OLD)
    if ahead > _FUTURE_REFUSED:
        yield refused(f"{path}.event_time", "The time is in the future.")
    elif ahead > _FUTURE_REMARKED:
        yield remark(f"{path}.event_time", "The time is more than ten minutes ahead.")
