"""When, where and under which id it happened: time, event id, page, app, ad and lead."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from container.api import Event, filled, missing, moment, normalise, number
from tags.tiktok_events_api.settings import TikTokEventsApi

OFFLINE_AGE_MS = 28 * 24 * 3600 * 1000
"""How old an event of a shop may be, in milliseconds."""


def event_time(settings: TikTokEventsApi, event: Event, notes: list[str]) -> int:
    """Unix time in milliseconds: the setting, the sender's time, the arrival; none that lies ahead of the arrival."""
    timed = (
        event if settings.event_time is None else replace(event, data={**event.data, "event_time": settings.event_time})
    )
    time, stated = timed.time, timed.data.get("event_time")
    if not missing(stated) and moment(stated) != time:
        notes.append('"event_time" is not used: it is no time, or one that has not come yet')
    return time


def event_id(settings: TikTokEventsApi, event: Event, notes: list[str]) -> str | None:
    """The sender's id. Only where no pixel could have sent another one, a missing id is made from the hit."""
    stated = normalise.plain(settings.event_id) or normalise.plain(event.sender_id)
    if stated:
        return stated
    if settings.event_source != "web" or (settings.browser is not None and not settings.browser.pixel):
        return event.hit.random(f"event_id {event.index} {event.name!a}").hex()[:32]
    notes.append(
        "there is no event_id: TikTok can pair this event with the pixel's by browser id only, for five minutes"
    )
    return None


def surroundings(settings: TikTokEventsApi, event: Event, notes: list[str]) -> dict[str, Any]:
    """The page, app, ad and lead objects of the event source."""
    match settings.event_source:
        case "web":
            page = filled(url=_page_url(settings, event), referrer=normalise.plain(settings.page.referrer))
            if "url" not in page:
                notes.append('"page.url" is missing: TikTok wants it for events of websites')
            return {"page": page, "ad": filled(attribution_share=_share(settings, notes))}
        case "app":
            return {"app": _app(settings, event), "ad": _ad(settings, notes)}
        case "crm":
            return {"lead": _lead(settings, event)}
    return {}


def _page_url(settings: TikTokEventsApi, event: Event) -> str | None:
    """The page, else the address that the browser names as the sender of the hit: better a shortened one than none."""
    sender = event.hit.headers.get("referer", "")
    return normalise.plain(settings.page.url) or (sender if sender.startswith(("https://", "http://")) else None)


def lacking(settings: TikTokEventsApi, item: dict[str, Any], *, age: int) -> str | None:
    """Why TikTok would refuse the event, and with it the others of its batch. `age` is in milliseconds."""
    if settings.event_source == "app" and "app_id" not in item.get("app", {}):
        return "an event of an app needs app.app_id"
    if settings.event_source == "crm" and "lead_id" not in item.get("lead", {}):
        return "an event of a CRM needs lead.lead_id"
    if settings.event_source == "offline" and age > OFFLINE_AGE_MS:
        return "TikTok takes events of shops for 28 days, and this one is older"
    return None


def _app(settings: TikTokEventsApi, event: Event) -> dict[str, Any]:
    return _texts(settings.app, event, ("app_id", "app_name", "app_version"))


def _lead(settings: TikTokEventsApi, event: Event) -> dict[str, Any]:
    return _texts(settings.lead, event, ("lead_id", "lead_event_source"))


def _texts(given: object, event: Event, fields: tuple[str, ...]) -> dict[str, Any]:
    stated = {field: normalise.plain(getattr(given, field)) for field in fields}
    return filled(**{field: text or normalise.plain(event.data.get(field)) for field, text in stated.items()})


def _ad(settings: TikTokEventsApi, notes: list[str]) -> dict[str, Any]:
    given = settings.ad
    return filled(
        callback=normalise.plain(given.callback),
        campaign_id=normalise.plain(given.campaign_id),
        ad_id=normalise.plain(given.ad_id),
        creative_id=normalise.plain(given.creative_id),
        is_retargeting=given.is_retargeting,
        attributed=given.attributed,
        attribution_type=normalise.plain(given.attribution_type),
        attribution_provider=normalise.plain(given.attribution_provider),
        attribution_share=_share(settings, notes),
    )


def _share(settings: TikTokEventsApi, notes: list[str]) -> float | None:
    stated = number(settings.ad.attribution_share)
    if stated is not None and not 0 <= stated <= 1:
        notes.append('"ad.attribution_share" is left out: it is not between 0 and 1')
        return None
    return stated
