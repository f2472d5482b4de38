"""Meta Conversions API: conversions of websites, apps, shops and conversations, for Facebook's and Instagram's ads."""

import re
from typing import Any

from container.api import Batch, Effect, Event, Note, Request, SecretText, Skip, conversion, normalise, tag
from tags.meta_conversions_api.click import recognised
from tags.meta_conversions_api.custom import OWN, custom_data
from tags.meta_conversions_api.insight import COMPLETENESS, pixel
from tags.meta_conversions_api.judge import judge
from tags.meta_conversions_api.names import NAMES
from tags.meta_conversions_api.page import names_of_events
from tags.meta_conversions_api.settings import MetaConversionsApi
from tags.meta_conversions_api.surroundings import (
    DAY_MS,
    OLDEST_DAYS_OF_SHOPS,
    event_id,
    event_time,
    lacking,
    oldest_days,
    surroundings,
)
from tags.meta_conversions_api.user import IDENTIFIERS, user
from tags.meta_conversions_api.written import FORMS

BATCH = Batch("data", max_items=500)
"""Meta takes 1000 events at once, and refuses all of them for one that is bad."""

_PIXEL = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


@tag(
    "meta_conversions_api",
    judge=judge,
    consent=("ad_storage", "ad_user_data"),
    max_age_hours=24 * OLDEST_DAYS_OF_SHOPS,
    identifiers=IDENTIFIERS,
    completeness=COMPLETENESS,
    forms=FORMS,
    pixel=pixel,
    standard_events=sorted(NAMES.own),
    time_fields=("event_time",),
    page=names_of_events(),
)
def meta_conversions_api(settings: MetaConversionsApi, event: Event) -> list[Effect] | Skip:
    """Send events to Meta's Conversions API, so that Meta can attribute them to its ads."""
    name = conversion.event_name(
        NAMES,
        event,
        given=settings.event,
        event_map=settings.event_map,
        browser_events={} if settings.browser is None else settings.browser.events,
        unmapped=settings.unmapped,
        vendor="Meta",
    )
    if isinstance(name, Skip):
        return name
    notes: list[str] = []
    time = event_time(settings, event, notes)
    expires = time * 1000 + oldest_days(settings) * DAY_MS
    if event.hit.received > expires:
        return Skip(f"Meta takes such events for {oldest_days(settings)} days, and this one is older")
    identity, cookies = recognised(settings, event, notes)
    item: dict[str, Any] = {"event_name": name, "event_time": time, "action_source": settings.action_source}
    if identifier := event_id(settings, event, notes):
        item["event_id"] = identifier
    item |= surroundings(settings, event, notes)
    if visitor := user(settings, event, notes) | identity:
        item["user_data"] = visitor
    if about := custom_data(settings, event, notes):
        item["custom_data"] = about
    item = conversion.fitting(item, notes, place="custom_data", bulky=("contents", "content_ids"), own=OWN)
    told = [Note(note) for note in dict.fromkeys(notes)]
    source = normalise.plain(settings.pixel_id) or ""
    reason = lacking(settings, item) if _PIXEL.fullmatch(source) else '"pixel_id" is not what the tag can use'
    if reason:
        return [Skip(reason, incomplete=True), *told]
    return [_request(settings, source, item, expires), *cookies, *told]


def _request(settings: MetaConversionsApi, source: str, item: dict[str, Any], expires: int) -> Request:
    test_code = (settings.test_event_code and normalise.plain(settings.test_event_code)) or ""
    # In the body, since addresses end up in logs.
    envelope: dict[str, Any] = {"access_token": SecretText((settings.access_token,))}
    if settings.appsecret_proof is not None:
        envelope["appsecret_proof"] = SecretText((settings.appsecret_proof,))
    if test_code:
        envelope["test_event_code"] = test_code
    return Request(
        "POST",
        _address(settings, source),
        headers={"Content-Type": "application/json"},
        json=envelope,
        item=item,
        batch=BATCH,
        account=source,
        test_code=test_code,
        expires=expires,
    )


def _address(settings: MetaConversionsApi, source: str) -> str:
    base, mark, query = settings.endpoint.partition("?")
    if not base.endswith("/events"):
        base = f"{base.rstrip('/')}/{settings.api_version}/{source}/events"
    return base + mark + query
