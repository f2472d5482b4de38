"""When, where and under which id it happened: time, event id, page, app, ad and lead."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from container.api import Event, filled, missing, moment, normalise, number
from tags.tiktok_events_api.settings import TikTokEventsApi
from tags.tiktok_events_api.texts import told_text

OFFLINE_AGE_MS = 28 * 24 * 3600 * 1000
"""How old an event of a shop may be, in milliseconds."""

APP_FIELDS, LEAD_FIELDS = ("app_id", "app_name", "app_version"), ("lead_id", "lead_event_source")


_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]", re.ASCII)


def event_time(settings: TikTokEventsApi, event: Event, notes: list[str]) -> int:
    """Unix time in milliseconds: the setting, the sender's time, the arrival; none that lies ahead of the arrival."""
    timed = (
        event if settings.event_time is None else replace(event, data={**event.data, "event_time": settings.event_time})
    )
    time, stated = timed.time, timed.data.get("event_time")
    if stated is not None and not missing(stated) and moment(stated) != time:
        notes.append('"event_time" is not used: it is no time, or one that has not come yet')
    return time


def event_id(settings: TikTokEventsApi, event: Event, notes: list[str]) -> str | None:
    """The sender's id. Only where no pixel could have sent another one, a missing id is made from the hit."""
    given = settings.event_id
    stated = (given and normalise.plain(given)) or told_text("event_id", event.data.get("event_id"), notes)
    if stated:
        return stated
    if settings.event_source != "web" or (settings.browser is not None and not settings.browser.pixel):
        return event.hit.random(f"event_id {event.index} {event.name!a}").hex()[:32]
    notes.append(
        "there is no event_id: TikTok can pair this event with the pixel's by browser id only, for five minutes"
    )
    return None


def surroundings(settings: TikTokEventsApi, event: Event, notes: list[str]) -> dict[str, Any]:
    """The page, app, ad and lead objects of the event source, as far as there is something in them."""
    match settings.event_source:
        case "web":
            found: dict[str, Any] = {}
            if page := _page(settings, event, notes):
                found["page"] = page
            if (share := _share(settings, notes)) is not None:
                found["ad"] = {"attribution_share": share}
            return found
        case "app":
            return filled(app=_texts("app", settings.app, event, APP_FIELDS, notes), ad=_ad(settings, notes))
        case "crm":
            return filled(lead=_texts("lead", settings.lead, event, LEAD_FIELDS, notes))
    return {}


def _page(settings: TikTokEventsApi, event: Event, notes: list[str]) -> dict[str, str]:
    given = settings.page
    referrer = given.referrer and told_text("page.referrer", given.referrer, notes)
    url = _page_url(given.url, event, notes)
    if url is None:
        if not normalise.plain(given.url):
            notes.append('"page.url" is missing: TikTok wants it for events of websites')
        return {"referrer": referrer} if referrer else {}
    return {"url": url, "referrer": referrer} if referrer else {"url": url}


def _page_url(given: str | None, event: Event, notes: list[str]) -> str | None:
    """The page, else the address that the browser names as the sender of the hit: better a shortened one than none."""
    stated = told_text("page.url", given, notes)
    if stated is not None:
        if _ADDRESS.match(stated):
            return stated
        notes.append('"page.url" is left out: it is no full address')
    sender = normalise.plain(event.hit.headers.get("referer"))
    return sender if sender and sender.startswith(("https://", "http://")) else None


def lacking(settings: TikTokEventsApi, item: dict[str, Any], *, age: int) -> str | None:
    """Why TikTok would refuse the event, and with it the others of its batch. `age` is in milliseconds."""
    if settings.event_source == "app" and "app_id" not in item.get("app", {}):
        return "an event of an app needs app.app_id"
    if settings.event_source == "crm" and "lead_id" not in item.get("lead", {}):
        return "an event of a CRM needs lead.lead_id"
    if settings.event_source == "offline" and age > OFFLINE_AGE_MS:
        return "TikTok takes events of shops for 28 days, and this one is older"
    return None


def _texts(place: str, given: object, event: Event, fields: tuple[str, ...], notes: list[str]) -> dict[str, str]:
    """Each field as the settings have it, else as event data of the same name."""
    stated = {field: normalise.plain(getattr(given, field)) or event.data.get(field) for field in fields}
    return filled(**{field: told_text(f"{place}.{field}", value, notes) for field, value in stated.items()})


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
    given = settings.ad.attribution_share
    stated = None if given is None else number(given)
    if stated is not None and not 0 <= stated <= 1:
        notes.append('"ad.attribution_share" is left out: it is not between 0 and 1')
        return None
    return stated
