"""The corpus of what others send to Meta: their requests and ours in one neutral form, so that they can be compared."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, get_args

from container.effects import Request
from container.event import Event
from container.testing import resolved
from tags.meta_conversions_api import meta_conversions_api
from tags.meta_conversions_api.settings import ActionSource, MetaConversionsApi
from tests.tags.corpus import comparable, compared, fields, records_of, usable
from tests.tags.tiktok_events_api.corpus import TIME, Road, event_of

KINDS = ("only ours", "only theirs", "empty there", "other value", "not sent")
"""How a field may differ: sent by one of us, sent by the peer without a value, sent by both with other values.

The field `*` stands for the whole event: we do not send what Meta would refuse.
"""

LENT = {"page_location": "https://lent.example/", "user_agent": "lent"}
"""What events of websites need and many of a peer's have not: lent, so that the rest can be compared."""

_LENT_FIELDS = {"page_location": "event_source_url", "user_agent": "user_data.client_user_agent"}
_OF_CUSTOM_DATA = ("order_id", "currency", "value", "contents", "num_items")
_OPTIONS = (
    "data_processing_options",
    "data_processing_options_country",
    "data_processing_options_state",
)
_DAY_MS = 24 * 3600 * 1000


CASES = records_of("meta", "mapping_cases.json")
DIFFERENCES = records_of("meta", "deliberate_differences.json")


def sent(record: Mapping[str, Any], road: Road = "event_data", *, lent: bool = False) -> dict[str, Any] | None:
    """The body that our tag makes of the record's event; `None` when it sends nothing. `lent`: with what it lacks."""
    event = event_of(record, road)
    if lent:
        event = replace(event, data={**LENT, **event.data})
    settings = resolved(MetaConversionsApi, settings_of(record), _in_time(event))
    assert isinstance(settings, MetaConversionsApi)
    effects = meta_conversions_api(settings, _in_time(event))
    request = effects[0] if isinstance(effects, list) else None
    return dict(request.document) if isinstance(request, Request) else None


def settings_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """Our settings for what the record's destination was configured with."""
    [item], stated = record["expected"]["json"]["data"], record["settings"]
    pixel = re.search("/v[0-9.]+/([^/]+)/events", record["expected"]["endpoint"])
    assert pixel is not None
    assert item["action_source"] in get_args(ActionSource)
    return {
        "pixel_id": re.sub(r"\W", "", pixel[1]),
        "access_token": "${secret:META_TOKEN}",
        "action_source": item["action_source"],
        **{name: item[name] for name in _OPTIONS if name in item},
        **({"event": stated["event_name"]} if "event_name" in stated else {}),
    }


def theirs(record: Mapping[str, Any]) -> dict[str, Any]:
    """The peer's request in the neutral form; what cannot be compared is `None`."""
    [item] = comparable(record)["data"]
    # One peer has the custom data beside the event.
    beside = {name: item.pop(name) for name in _OF_CUSTOM_DATA if name in item}
    return neutral({"data": [{**item, "custom_data": {**item.get("custom_data", {}), **beside}}]})


def neutral(body: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a request by dot path. A list of one is its member; the fields of all contents are lists."""
    [item] = body["data"]
    found = dict(fields(item))
    return usable(found)


def differences(record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Where our request and the peer's differ: the field, and which of `KINDS` it is.

    The time of the event is no such field: most of the corpus's events carry none, and one peer writes it as text.
    """
    if sent(record) is None:
        yield "*", "not sent"
    body = sent(record, lent=True)
    if body is None:
        return
    mine, others = neutral(body), theirs(record)
    lent = {_LENT_FIELDS[key] for key in LENT if key not in record["ga4"]["event_data"]}
    yield from compared(mine, others, but={"event_time", *lent})


def every_difference(cases: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str, str], str]:
    """Peer, field and kind of every difference, with the id of a record that shows it."""
    return {(record["peer"], *found): record["id"] for record in cases for found in differences(record)}


def _in_time(event: Event) -> Event:
    """The event as if its hit came soon after it: much of the corpus is older than Meta's seven days."""
    if TIME - event.time < 6 * _DAY_MS:
        return event
    return replace(event, hit=replace(event.hit, received=event.time + 1000))
