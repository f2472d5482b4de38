"""Read the hits that GA4's browser library sends."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from container.api import (
    Claim,
    Event,
    Hit,
    Many,
    Reply,
    Settings,
    client,
    ga4_consent,
    ga4_events,
    query_parameters,
    same_site,
)

MOST_EVENTS, MOST_LINES = 100, 1000
"""Google's library sends 20 at most. Hits with more are refused whole, so that nothing is answered and not taken."""

_NOT_CACHED = ("Cache-Control", "no-cache, no-store, must-revalidate")
_PREFLIGHT_SECONDS = 86400

# What Google's library waits for when it announces `richsstsse`: one message that says how the container fared.
_MESSAGE = b'event: message\ndata: {"response":{"status_code":200,"body":""}}\n\n'

Path = Annotated[str, Field(pattern="^/.*[^/]$")]
Origin = Annotated[str, Field(pattern=r"^(https?://[a-z0-9.\[\]:-]+|null)$")]


class Ga4(Settings):
    paths: Many[Path] = Field(
        default=("/g/collect", "/collect"),
        description="The paths it listens on. A path may have more in front of it, such as the folder of a mount.",
        examples=[["/g/collect"]],
    )
    measurement_ids: Many[str] = Field(
        default=(),
        description="The measurement IDs it takes. None given: all.",
        examples=[["G-ABC123XYZ9"]],
    )
    allow_origins: Many[Origin] = Field(
        default=(),
        description="The origins whose pages may read the answer, in lower case. None given: all pages of the domain "
        "that the container itself is on.",
        examples=[["https://www.shop.example"]],
    )


@client("ga4")
def ga4(settings: Ga4, hit: Hit) -> Claim | None:
    """Takes the hits of a site's GA4 tag: page views, purchases and everything else it sends."""
    if hit.method == "OPTIONS":
        return _preflight(settings, hit)
    if hit.method not in ("GET", "POST"):
        return None
    if hit.body.count(b"\n") > MOST_LINES:
        return _too_large(settings, hit) if _is_ours(settings, query_parameters(hit.query)) else None
    events: list[Event] = []
    wants_messages = False
    for parameters, data in ga4_events(hit):
        if not _is_ours(settings, parameters):
            continue
        if len(events) == MOST_EVENTS:
            return _too_large(settings, hit)
        events.append(
            Event(name=parameters["en"], data=data, hit=hit, consent=ga4_consent(parameters), index=len(events))
        )
        wants_messages = "richsstsse" in parameters
    return Claim(events, _reply(settings, hit, wants_messages=wants_messages)) if events else None


def _is_ours(settings: Ga4, parameters: Mapping[str, str]) -> bool:
    measurement_id = parameters.get("tid")
    if parameters.get("v") != "2" or not measurement_id:
        return False
    return not settings.measurement_ids or measurement_id in settings.measurement_ids


def _reply(settings: Ga4, hit: Hit, *, wants_messages: bool) -> Reply:
    headers = _headers(settings, hit)
    if not wants_messages:
        return Reply(204, headers)
    return Reply(200, (("Content-Type", "text/event-stream"), *headers), _MESSAGE)


def _too_large(settings: Ga4, hit: Hit) -> Claim:
    return Claim(reply=Reply(413, _headers(settings, hit)))


def _preflight(settings: Ga4, hit: Hit) -> Claim | None:
    """Google's library needs no preflight, other senders may. The query is that of the hit that will follow."""
    measurement_id = query_parameters(hit.query).get("tid")
    if measurement_id and settings.measurement_ids and measurement_id not in settings.measurement_ids:
        return None
    headers = _headers(settings, hit)
    if _allowed_origin(settings, hit):
        asked = hit.headers.get("access-control-request-headers", "")
        headers = (
            *headers,
            ("Access-Control-Allow-Methods", "GET, POST, OPTIONS"),
            *((("Access-Control-Allow-Headers", asked),) if _is_list_of_names(asked) else ()),
            ("Access-Control-Max-Age", str(_PREFLIGHT_SECONDS)),
        )
    return Claim(reply=Reply(204, headers))


def _headers(settings: Ga4, hit: Hit) -> tuple[tuple[str, str], ...]:
    """Headers of every answer. A hit carries cookies, so the origin is named: browsers would refuse `*`."""
    origin = _allowed_origin(settings, hit)
    if origin is None:
        return _NOT_CACHED, ("Vary", "Origin")
    return (
        _NOT_CACHED,
        ("Access-Control-Allow-Origin", origin),
        ("Access-Control-Allow-Credentials", "true"),
        ("Vary", "Origin"),
    )


def _allowed_origin(settings: Ga4, hit: Hit) -> str | None:
    origin = hit.headers.get("origin", "")
    if settings.allow_origins:
        allowed = origin in settings.allow_origins
    else:
        allowed = same_site(origin, hit.headers.get("host", ""))
    return origin if allowed else None


def _is_list_of_names(text: str) -> bool:
    """Whether it is what browsers send as `Access-Control-Request-Headers`: names, commas, spaces."""
    return text.isascii() and text.replace(",", "").replace("-", "").replace("_", "").replace(" ", "").isalnum()
