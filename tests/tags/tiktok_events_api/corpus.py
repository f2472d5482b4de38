"""The corpus of what others send: their requests and ours in one neutral form, so that they can be compared."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal
from urllib.parse import urlencode

from container.case import hit_from_json
from container.config.registry import discover
from container.effects import Claim, Request
from container.event import Event, Hit
from container.testing import resolved
from tags.tiktok_events_api import tiktok_events_api
from tags.tiktok_events_api.settings import TikTokEventsApi
from tests.tags.corpus import comparable, compared, fields, records_of, usable

TIME = 1_700_000_123_456

Road = Literal["event_data", "ga4", "measurement_protocol"]
"""How the event comes to the tag: as event data, or as a hit through the client of that name."""

KINDS = ("only ours", "only theirs", "empty there", "other value")
"""How a field may differ: sent by one of us, sent by the peer without a value, sent by both with other values."""


CASES = records_of("tiktok", "mapping_cases.json")
DIFFERENCES = records_of("tiktok", "deliberate_differences.json")


def has_client(road: Road) -> bool:
    return road == "event_data" or ("client", road) in discover().components


def form_of(record: Mapping[str, Any], road: Road) -> Any:
    """What the corpus has for the road, `None` where it has nothing."""
    return record["ga4"][{"event_data": "event_data", "ga4": "collect", "measurement_protocol": "mp"}[road]]


def sent(record: Mapping[str, Any], road: Road = "event_data") -> dict[str, Any] | None:
    """The body that our tag makes of the record's event; `None` when it sends nothing."""
    event = event_of(record, road)
    settings = resolved(TikTokEventsApi, settings_of(record), event)
    assert isinstance(settings, TikTokEventsApi)
    effects = tiktok_events_api(settings, event)
    request = effects[0] if isinstance(effects, list) else None
    return dict(request.document) if isinstance(request, Request) else None


def event_of(record: Mapping[str, Any], road: Road) -> Event:
    """The record's event as it comes along the road."""
    if road == "event_data":
        data = record["ga4"]["event_data"]
        return Event(data["event_name"], data, Hit(bytes(16), TIME, headers=_cookies(record["ga4"]["mp"])))
    form = form_of(record, road)
    query = form["query"] if isinstance(form["query"], str) else urlencode(form["query"])
    body = form["body"] if isinstance(form["body"], str) else json.dumps(form["body"])
    headers = {**form["headers"], **_cookies(form)}
    hit = hit_from_json(
        {
            "method": form["method"],
            "path": form["path"],
            "query": query,
            "headers": headers,
            "body": body,
            "ip": headers.get("x-forwarded-for"),
            "time": TIME,
        }
    )
    client = discover().components["client", road]
    assert client.settings is not None
    stated = {"visitor_address": "request"} if road == "measurement_protocol" else {}
    claim = client.function(client.settings.model_validate(stated), hit)
    assert isinstance(claim, Claim)
    [event] = claim.events
    return event


def settings_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """Our settings for what the record's destination was configured with."""
    body, stated = record["expected"]["json"], record["settings"]
    source = body.get("event_source") or ("offline" if "event_set_id" in body else "web")
    settings = {
        "pixel_id": account_of(body),
        "access_token": "${secret:TIKTOK_TOKEN}",
        "event_source": source,
        "browser": {"event_names": "legacy"},
        # The corpus's input has no ids of leads.
        **({"lead": {"lead_id": "L1"}} if source == "crm" else {}),
    }
    return {**settings, "event": stated["event_name"]} if "event_name" in stated else settings


def theirs(record: Mapping[str, Any]) -> dict[str, Any]:
    """The peer's request in the neutral form; what cannot be compared is `None`."""
    return neutral(comparable(record))


def neutral(body: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a request by dot path. A list of one is its member; the fields of all contents are lists."""
    item = body["data"][0] if isinstance(body.get("data"), list) else body
    if "context" in item or "timestamp" in item:
        item = _of_older_interface(item)
    found = {"event_source_id": account_of(body)}
    for path, value in fields(item):
        found.setdefault(path, value)
    return usable(found)


def differences(record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Where our request and the peer's differ: the field, and which of `KINDS` it is.

    The time of the event is no such field: most of the corpus's events carry none.
    """
    body = sent(record)
    assert body is not None, record["id"]
    mine, others = neutral(body), theirs(record)
    yield from compared(mine, others, but={"event_time"})


def account_of(body: Mapping[str, Any]) -> Any:
    """The pixel or event set; in some test data it is a placeholder in braces, which would be a reference to us."""
    account = next(body[key] for key in ("event_source_id", "event_set_id", "pixel_code") if key in body)
    return account.strip("{}") if isinstance(account, str) else account


def _cookies(form: Mapping[str, Any]) -> dict[str, str]:
    return {"cookie": "; ".join(f"{name}={value}" for name, value in form["cookies"].items())}


def _of_older_interface(item: Mapping[str, Any]) -> dict[str, Any]:
    """An event of Events API 1.0 under the names of 2.0."""
    context = item.get("context", {})
    user = {**context.get("user", {}), **{name: context[name] for name in ("ip", "user_agent") if name in context}}
    renamed = {"phone_number": "phone", "phone_numbers": "phone", "emails": "email"}
    user = {renamed.get(name, name): value for name, value in user.items()}
    if "callback" in context.get("ad", {}):
        user["ttclid"] = context["ad"]["callback"]
    apart = ("context", "timestamp", "type", "pixel_code", "event_set_id", "partner_name", "test_event_code")
    return {
        **{name: value for name, value in item.items() if name not in apart},
        "user": user,
        "page": context.get("page", {}),
    }


def every_difference(cases: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str, str], str]:
    """Peer, field and kind of every difference, with the id of a record that shows it."""
    return {(record["peer"], *found): record["id"] for record in cases for found in differences(record)}
