"""TikTok Events API 2.0: conversions of websites, and of apps, shops and CRMs."""

from container.api import Batch, Effect, Event, Note, Request, SecretText, Skip, filled, normalise, tag
from tags.tiktok_events_api.click import recognised
from tags.tiktok_events_api.judge import judge
from tags.tiktok_events_api.names import WEB_STANDARD, event_name
from tags.tiktok_events_api.page import names_of_events
from tags.tiktok_events_api.properties import properties
from tags.tiktok_events_api.settings import TikTokEventsApi
from tags.tiktok_events_api.size import fitting
from tags.tiktok_events_api.surroundings import OFFLINE_AGE_MS, event_id, event_time, lacking, surroundings
from tags.tiktok_events_api.user import HAS_CONNECTION, IDENTIFIERS, user

BATCH = Batch("data", max_items=500)
"""TikTok takes 1000 events at once, and refuses all of them for one more."""


@tag(
    "tiktok_events_api",
    judge=judge,
    consent=("ad_storage", "ad_user_data"),
    identifiers=IDENTIFIERS,
    standard_events=sorted(WEB_STANDARD),
    time_fields=("event_time",),
    page=names_of_events(),
)
def tiktok_events_api(settings: TikTokEventsApi, event: Event) -> list[Effect] | Skip:
    """Send events to TikTok's Events API, so that TikTok can attribute them to its ads."""
    name = event_name(settings, event)
    if isinstance(name, Skip):
        return name
    notes: list[str] = []
    time = event_time(settings, event, notes)
    identity, cookies = recognised(settings, event, notes)
    item = {
        "event": name,
        "event_time": time // 1000,
        "event_id": event_id(settings, event, notes),
        "user": identity | user(settings, event, notes),
        "properties": properties(settings, event, notes),
        **surroundings(settings, event, notes),
        "limited_data_use": settings.limited_data_use and _limited_data_use(settings, notes),
    }
    item = fitting({field: value for field, value in item.items() if value or field == "event_time"}, notes)
    reason = lacking(settings, item, age=event.hit.received - time)
    if reason:
        return Skip(reason)
    if settings.event_source == "offline" and "user" not in item:
        notes.append("neither e-mail, phone nor name is there: TikTok can match an event of a shop by nothing else")
    if "limited_data_use" in item and "ip" not in item.get("user", {}):
        notes.append("limited_data_use does little without a public user.ip, from which TikTok derives the state")
    expires = time + OFFLINE_AGE_MS if settings.event_source == "offline" else None
    return [_request(settings, item, expires), *cookies, *map(Note, dict.fromkeys(notes))]


def _limited_data_use(settings: TikTokEventsApi, notes: list[str]) -> bool:
    """TikTok wants the field left out where it is not true, and knows it for two sources only."""
    if settings.limited_data_use and settings.event_source not in HAS_CONNECTION:
        notes.append('"limited_data_use" is left out: TikTok knows it for websites and apps only')
        return False
    return bool(settings.limited_data_use)


def _request(settings: TikTokEventsApi, item: dict[str, object], expires: int | None) -> Request:
    source = normalise.plain(settings.pixel_id) or ""
    test_code = normalise.plain(settings.test_event_code) or ""
    return Request(
        "POST",
        settings.endpoint,
        headers={"Access-Token": SecretText((settings.access_token,)), "Content-Type": "application/json"},
        json=filled(event_source=settings.event_source, event_source_id=source, test_event_code=test_code),
        item=item,
        batch=BATCH,
        account=source,
        test_code=test_code,
        expires=expires,
    )
