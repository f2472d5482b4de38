"""Read the hits that servers and apps send: Google's Measurement Protocol for GA4."""

import json
from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from container.api import (
    Claim,
    Event,
    Hit,
    Many,
    MeasurementProtocolRefusal,
    Path,
    Reply,
    Secret,
    Settings,
    client,
    measurement_protocol_events,
    measurement_protocol_messages,
    query_parameters,
    without_addresses,
    without_parameters,
)

_DEBUG = "/debug"


def _fixed(value: Any) -> Any:
    """A secret by name. What a variable would give is known only when there is an event."""
    if not hasattr(value, "matches"):
        raise ValueError("a client reads hits before there is an event, so it takes no variables")
    return value


FixedSecret = Annotated[Secret, AfterValidator(_fixed)]


class MeasurementProtocol(Settings):
    paths: Many[Path] = Field(
        default=("/mp/collect", "/debug/mp/collect"),
        description="The paths it listens on. A path may have more in front of it, such as the folder of a mount. "
        "With `/debug` in front it only checks.",
        examples=[["/mp/collect"]],
    )
    measurement_ids: Many[str] = Field(
        default=(),
        description="The measurement IDs, or Firebase app IDs, it takes. None given: all.",
        examples=[["G-ABC123XYZ9"]],
    )
    api_secret: Many[FixedSecret] = Field(
        default=(),
        description="What a sender has to know. Several while one replaces another. None given: anybody may send.",
        examples=["${secret:MP_API_SECRET}"],
    )
    visitor_address: Literal["body", "request"] = Field(
        default="body",
        description="Where the visitor's address and user agent come from. `body`: only what the body states counts, "
        "since a server sends. `request`: what the body does not state comes from the request, since the visitor's "
        "device sends.",
    )


@client("measurement_protocol")
def measurement_protocol(settings: MeasurementProtocol, hit: Hit) -> Claim | None:
    """Takes events that a shop's server or an app sends as JSON: orders, refunds, leads of a CRM."""
    query = query_parameters(hit.query)
    stream = query.get("measurement_id") or query.get("firebase_app_id")
    if settings.measurement_ids and stream not in settings.measurement_ids:
        return None
    if hit.method != "POST":
        return _refused(405, "Measurement Protocol requests are sent with POST.", ("Allow", "POST"))
    if not _may_send(settings.api_secret, query.get("api_secret", "")):
        return _refused(401, 'The "api_secret" in the query is missing or wrong.')
    if _only_checks(settings.paths, hit.path):
        return Claim(reply=_json(200, {"validationMessages": measurement_protocol_messages(hit)}))
    visitor_sends = settings.visitor_address == "request"
    found = measurement_protocol_events(hit, visitor_sends=visitor_sends)
    if isinstance(found, MeasurementProtocolRefusal):
        return _refused(found.status, found.reason)
    seen = _as_tags_see(hit, visitor_sends=visitor_sends)
    events = [
        Event(name=data["event_name"], data=data, hit=seen, consent=consent, index=index)
        for index, (data, consent) in enumerate(found)
    ]
    return Claim(events, Reply(204, to_server=settings.visitor_address == "body"))


def _may_send(secrets: Sequence[Any], stated: str) -> bool:
    """Whether no secret is configured, or one of them is stated. All are compared, so that no answer comes sooner."""
    matching = [secret for secret in secrets if secret.matches(stated)]
    return bool(matching) or not secrets


def _only_checks(paths: Sequence[str], path: str) -> bool:
    """Whether it is the path of the validator, also where only the other one is configured: a test sends nothing."""
    return any(path.endswith(each if each.startswith(f"{_DEBUG}/") else _DEBUG + each) for each in paths)


def _as_tags_see(hit: Hit, *, visitor_sends: bool) -> Hit:
    """The hit without the sender's secret and, where a server sends, without what vendors would take for the visitor's.

    Tags fall back on the address and the user agent of the hit; a data centre is no visitor.
    """
    query = without_parameters(hit.query, ["api_secret"])
    if visitor_sends:
        return replace(hit, query=query)
    headers = {name: value for name, value in without_addresses(hit.headers).items() if name != "user-agent"}
    return replace(hit, query=query, headers=MappingProxyType(headers), ip=None)


def _refused(status: int, reason: str, *headers: tuple[str, str]) -> Claim:
    return Claim(reply=_json(status, {"status": status, "reason": reason}, *headers))


def _json(status: int, document: Any, *headers: tuple[str, str]) -> Reply:
    content = (("Content-Type", "application/json"), ("Cache-Control", "no-store"), *headers)
    return Reply(status, content, json.dumps(document).encode())
