"""TikTok Events API 2.0: conversions of websites, and of apps, shops and CRMs."""

from typing import Any

from container.api import Batch, Effect, Event, Note, Request, SecretText, Skip, conversion, normalise, tag
from tags.tiktok_events_api.click import recognised
from tags.tiktok_events_api.insight import COMPLETENESS, pixel
from tags.tiktok_events_api.judge import judge
from tags.tiktok_events_api.names import WEB_STANDARD, event_name
from tags.tiktok_events_api.page import names_of_events
from tags.tiktok_events_api.properties import properties
from tags.tiktok_events_api.settings import TikTokEventsApi
from tags.tiktok_events_api.size import fitting
from tags.tiktok_events_api.surroundings import OFFLINE_AGE_MS, event_id, lacking, surroundings
from tags.tiktok_events_api.user import HAS_CONNECTION, IDENTIFIERS, user
from tags.tiktok_events_api.written import FORMS

BATCH = Batch("data", max_items=500)
"""TikTok takes 1000 events at once, and refuses all of them for one more."""

REQUESTS_PER_SECOND = 1000
"""What its reference states for this address, at every level of an app."""


@tag(
    "tiktok_events_api",
    judge=judge,
    consent=("ad_storage", "ad_user_data"),
    identifiers=IDENTIFIERS,
    completeness=COMPLETENESS,
    forms=FORMS,
    pixel=pixel,
    standard_events=sorted(WEB_STANDARD),
    time_fields=("event_time",),
    page=names_of_events(),
    requests_per_second=REQUESTS_PER_SECOND,
)
def tiktok_events_api(settings: TikTokEventsApi, event: Event) -> list[Effect] | Skip:
    """Send events to TikTok's Events API, so that TikTok can attribute them to its ads."""
    name = event_name(settings, event)
    if isinstance(name, Skip):
        return name
    notes: list[str] = []
    time = conversion.event_time(settings.event_time, event, notes)
    identity, cookies = recognised(settings, event, notes)
    item: dict[str, Any] = {"event": name, "event_time": time // 1000}
    if identifier := event_id(settings, event, notes):
        item["event_id"] = identifier
    if visitor := identity | user(settings, event, notes):
        item["user"] = visitor
    if about := properties(settings, event, notes):
        item["properties"] = about
    item |= surroundings(settings, event, notes)
    if settings.limited_data_use and _takes_limited_data_use(settings, notes):
        item["limited_data_use"] = True
    item = fitting(item, notes)
    reason = lacking(settings, item, age=event.hit.received - time)
    if reason:
        return Skip(reason)
    if settings.event_source == "offline" and "user" not in item:
        notes.append("neither e-mail, phone nor name is there: TikTok can match an event of a shop by nothing else")
    if "limited_data_use" in item and "ip" not in item.get("user", {}):
        notes.append("limited_data_use does little without a public user.ip, from which TikTok derives the state")
    expires = time + OFFLINE_AGE_MS if settings.event_source == "offline" else None
    return [_request(settings, item, expires), *cookies, *map(Note, dict.fromkeys(notes))]


def _takes_limited_data_use(settings: TikTokEventsApi, notes: list[str]) -> bool:
    """Whether TikTok knows the field for events of this source. Where it is not true, it wants it left out."""
    if settings.event_source in HAS_CONNECTION:
        return True
    notes.append('"limited_data_use" is left out: TikTok knows it for websites and apps only')
    return False


def _request(settings: TikTokEventsApi, item: dict[str, object], expires: int | None) -> Request:
    source = normalise.plain(settings.pixel_id) or ""
    test_code = (settings.test_event_code and normalise.plain(settings.test_event_code)) or ""
    envelope: dict[str, str] = {"event_source": settings.event_source}
    if source:
        envelope["event_source_id"] = source
    if test_code:
        envelope["test_event_code"] = test_code
    return Request(
        "POST",
        settings.endpoint,
        headers={"Access-Token": SecretText((settings.access_token,)), "Content-Type": "application/json"},
        json=envelope,
        item=item,
        batch=BATCH,
        account=source,
        test_code=test_code,
        expires=expires,
    )
