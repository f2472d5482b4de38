"""A stand-in for GA4: `/ga4/g/collect`, `/ga4/mp/collect` and `/ga4/debug/mp/collect`.

GA4 answers 204, whatever is wrong. So what it would not count is refused here without a word in the answer, and the
page says why. Only the debug address tells, and records nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from container.event import Hit
from container.ga4.events import events_of
from container.ga4.measurement_protocol_validation import messages_of
from container.sandbox.fields import Finding, Sorted, refused
from container.sandbox.ga4_collect import findings_of, never_one
from container.sandbox.ga4_events import debugs, seen_of_browser, seen_of_server
from container.sandbox.ga4_protocol import around, sense
from container.sandbox.seen import MOST_EVENTS
from container.sandbox.vendor import Answer, Button, Checked, Incoming, Vendor, VendorFault, digest, parse_json
from container.url import query_parameters

ADDRESS = "/ga4"
COLLECT, PROTOCOL, DEBUG = f"{ADDRESS}/g/collect", f"{ADDRESS}/mp/collect", f"{ADDRESS}/debug/mp/collect"
SECRET = "api_secret"  # noqa: S105  # the name of a parameter
SECRETS = (SECRET, "access_token")
"""Parameters and members of a body that are never kept."""

_KEPT = 50
_SECRET_INSIDE = re.compile(r"(api_secret|access_token)(\W+)[^\s&#\"']+", re.IGNORECASE)
_EMPTY = Answer(204, text="")


@dataclass(frozen=True, slots=True)
class Ga4Settings:
    """Which secrets the stand-in knows: by secret, the streams it may write to. `None`: any secret, any stream.

    `refused_secrets` are refused in any case, as deleted ones are.
    """

    secrets: Mapping[str, Collection[str]] | None = None
    refused_secrets: Collection[str] = ("refused-secret",)


def ga4(settings: Ga4Settings | None = None) -> Vendor:
    """GA4's stand-in."""
    held = settings or Ga4Settings()
    return Vendor(
        name="ga4",
        title="Google Analytics 4",
        address=ADDRESS,
        paths=("/ga4/{rest:path}",),
        check=lambda incoming: check(incoming, held),
        faults=FAULTS,
        buttons=BUTTONS,
        secret_headers=("authorization", "cookie"),
        secret_fields=SECRETS,
    )


def check(incoming: Incoming, settings: Ga4Settings) -> Checked:
    """Examines a request as GA4 does. Never raises, whatever the bytes."""
    if incoming.path == COLLECT:
        return _collected(incoming)
    if incoming.path in (PROTOCOL, DEBUG):
        return _protocol(incoming, settings)
    reason = f"Not found: {incoming.path[:200]}. It is {COLLECT}, {PROTOCOL} or {DEBUG}"
    return Checked(_page(404), accepted=False, reasons=(reason,))


def _collected(incoming: Incoming) -> Checked:
    hit = _hit(incoming)
    listed = [
        (_kept(parameters), data) for (parameters, data), _ in zip(events_of(hit), range(MOST_EVENTS), strict=False)
    ]
    shared = _kept(query_parameters(hit.query))
    found = Sorted(findings_of(incoming, shared, [parameters for parameters, _ in listed]), _KEPT)
    own = [{name: value for name, value in each.items() if shared.get(name) != value} for each, _ in listed]
    return Checked(
        _EMPTY,
        accepted=not found.reasons,
        events=tuple(seen_of_browser(parameters, data) for parameters, data in listed),
        reasons=found.reasons,
        remarks=found.remarks,
        account=shared.get("tid", ""),
        test_code="debug" if any("_dbg" in parameters for parameters, _ in listed) else "",
        body={"query": {**shared}, "events": own},
    )


def _protocol(incoming: Incoming, settings: Ga4Settings) -> Checked:
    document, told = _document(incoming.body), messages_of(_hit(incoming))
    (stream, door), now = _door(incoming, settings), incoming.now
    found = Sorted([*door, *map(_finding, told), *around(document, now=now), *sense(document, now=now)], _KEPT)
    answer = Answer(document={"validationMessages": told}) if incoming.path == DEBUG else _EMPTY
    return Checked(
        _page(404) if incoming.method != "POST" else answer,
        accepted=not found.reasons,
        events=tuple(seen_of_server(document)),
        reasons=found.reasons,
        remarks=found.remarks,
        account=stream,
        test_code="debug" if debugs(document) else "",
        body=document,
    )


def _kept(parameters: Mapping[str, str]) -> dict[str, str]:
    """The parameters without the secrets among them, and without those in addresses and in what is no form."""
    return {
        _SECRET_INSIDE.sub(r"\1\2…", name): digest(value) if _is_secret(name) else _SECRET_INSIDE.sub(r"\1\2…", value)
        for name, value in parameters.items()
    }


def _is_secret(name: str) -> bool:
    return name.rpartition(".")[2].strip().lower() in SECRETS


def _hit(incoming: Incoming) -> Hit:
    about = (incoming.method, incoming.path, incoming.query, incoming.headers, incoming.body)
    return Hit(b"", incoming.now * 1000, *about)


def _document(body: bytes) -> Any:
    try:
        return parse_json(body)
    except ValueError:
        return None


def _door(incoming: Incoming, settings: Ga4Settings) -> tuple[str, list[Finding]]:
    """The stream, and what keeps a request from being counted for it."""
    stated = query_parameters(incoming.query)
    stream, secret = stated.get("measurement_id") or stated.get("firebase_app_id") or "", stated.get(SECRET, "")
    found = []
    if incoming.method != "POST":
        found.append(refused("", f"It is POST, not {incoming.method[:20]}."))
    if not stream:
        found.append(refused("measurement_id", "Missing in the query: nobody knows whose events these are."))
    if stated.get("measurement_id") and (odd := never_one(stream)):
        found.append(refused("measurement_id", odd))
    if not secret:
        found.append(refused(SECRET, "Missing in the query."))
    elif secret in settings.refused_secrets or (settings.secrets is not None and secret not in settings.secrets):
        found.append(refused(SECRET, f"There is no such secret {digest(secret)}."))
    elif settings.secrets is not None and stream not in settings.secrets[secret]:
        found.append(refused(SECRET, f"The secret is not of the stream {stream[:100]}."))
    return stream, found


def _finding(message: Mapping[str, str]) -> Finding:
    return refused(message["fieldPath"], f"{message['description']} ({message['validationCode']})")


_WORDS: Mapping[int, str] = {
    404: "The requested URL was not found on this server.",
    413: "Your client issued a request that was too large.",
    429: "We're sorry, but you have sent too many requests to us recently.",
    500: "The server encountered an error and could not complete your request.",
    502: "The server encountered a temporary error and could not complete your request.",
    503: "The service you requested is not available at this time.",
}


def _page(status: int) -> Answer:
    """An error as Google's front end shows it, to browsers and servers alike."""
    page = f"<!DOCTYPE html><html lang=en><title>Error {status}</title><p><b>{status}.</b> {_WORDS[status]}\n"
    return Answer(status, text=page, headers={"content-type": "text/html; charset=UTF-8"})


def _error(fault: Mapping[str, Any], _request_id: str) -> Answer:
    """`{"page": 503}`: an error page of Google's."""
    status = fault["page"]
    if type(status) is not int or status not in _WORDS:
        raise ValueError(f'"page" is one of: {", ".join(map(str, _WORDS))}.')
    return _page(status)


def _lost(fault: Mapping[str, Any], _request_id: str) -> Answer:
    """`{"lost": true}`: status 204, and nothing is counted. GA4 tells nobody."""
    if fault["lost"] is not True:
        raise ValueError('"lost" can only be true.')
    return _EMPTY


FAULTS: Mapping[str, VendorFault] = {"page": _error, "lost": _lost}

BUTTONS = (
    Button("429 too many requests", {"page": 429}),
    Button("500 server error", {"page": 500}),
    Button("502 temporary error", {"page": 502}),
    Button("503 not available", {"page": 503}),
    Button("413 too large", {"page": 413}),
    Button("204, lost without a word", {"lost": True}),
)
