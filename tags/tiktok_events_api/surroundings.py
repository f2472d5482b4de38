"""Where and under which id it happened: event id, page, app, ad and lead."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from container.api import Event, Settings, conversion, filled, normalise, number
from tags.tiktok_events_api.settings import TikTokEventsApi

OFFLINE_AGE_MS = 28 * 24 * 3600 * 1000
"""How old an event of a shop may be, in milliseconds."""

APP_FIELDS, LEAD_FIELDS = ("app_id", "app_name", "app_version"), ("lead_id", "lead_event_source")

WITHOUT_ID = "there is no event_id: TikTok can pair this event with the pixel's by browser id only, for five minutes"


def event_id(settings: TikTokEventsApi, event: Event, notes: list[str]) -> str | None:
    """The sender's id. Only where no pixel could have sent another one, a missing id is made from the hit."""
    alone = settings.event_source != "web" or (settings.browser is not None and not settings.browser.pixel)
    return conversion.event_id(settings.event_id, event, notes, made=alone, without=WITHOUT_ID)


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
    url, referrer = conversion.page(given.url, given.referrer, event, notes, vendor="TikTok")
    if url is None:
        return {"referrer": referrer} if referrer else {}
    return {"url": url, "referrer": referrer} if referrer else {"url": url}


def lacking(settings: TikTokEventsApi, item: dict[str, Any], *, age: int) -> str | None:
    """Why TikTok would refuse the event, and with it the others of its batch. `age` is in milliseconds."""
    if settings.event_source == "app" and "app_id" not in item.get("app", {}):
        return "an event of an app needs app.app_id"
    if settings.event_source == "crm" and "lead_id" not in item.get("lead", {}):
        return "an event of a CRM needs lead.lead_id"
    if settings.event_source == "offline" and age > OFFLINE_AGE_MS:
        return "TikTok takes events of shops for 28 days, and this one is older"
    return None


def _texts(place: str, given: Settings, event: Event, fields: Sequence[str], notes: list[str]) -> dict[str, str]:
    return conversion.told_texts(place, vars(given), event.data, notes, fields=fields)


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
