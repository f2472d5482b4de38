"""When, where and under which id it happened, in which app, and what Meta may do with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from container.api import Event, conversion, missing, normalise, text, url_parts
from tags.meta_conversions_api.forms import LIMITED, options
from tags.meta_conversions_api.settings import App, MetaConversionsApi
from tags.meta_conversions_api.user import is_usable

DAY_MS = 24 * 3600 * 1000
OLDEST_DAYS, OLDEST_DAYS_OF_SHOPS = 7, 62
"""How old an event may be; of a shop (`physical_store`) it is more."""

EXTINFO_TEXTS = 16
EXTINFO_VERSIONS = ("a2", "i2")
SWITCHES = {"true": 1, "1": 1, "false": 0, "0": 0}
APP_SWITCHES = ("advertiser_tracking_enabled", "application_tracking_enabled")
APP_TEXTS = ("campaign_ids", "install_referrer", "installer_package", "vendor_id")

PAIRED_WITHOUT_ID = "there is no event_id: Meta can pair this event with the pixel's by browser id or external_id only"


def event_time(settings: MetaConversionsApi, event: Event, notes: list[str]) -> int:
    """Unix time in seconds: never one that lies ahead, for which Meta refuses the whole batch."""
    return min(conversion.event_time(settings.event_time, event, notes), event.hit.received) // 1000


def event_id(settings: MetaConversionsApi, event: Event, notes: list[str]) -> str | None:
    """The sender's id. Only where no pixel could have sent another one, a missing id is made from the hit."""
    alone = settings.action_source != "website" or (settings.browser is not None and not settings.browser.pixel)
    return conversion.event_id(settings.event_id, event, notes, made=alone, without=PAIRED_WITHOUT_ID)


def oldest_days(settings: MetaConversionsApi) -> int:
    """How old an event of this source may be."""
    return OLDEST_DAYS_OF_SHOPS if settings.action_source == "physical_store" else OLDEST_DAYS


def surroundings(settings: MetaConversionsApi, event: Event, notes: list[str]) -> dict[str, Any]:
    """The page, the app and the restrictions, as far as there is something to say."""
    found: dict[str, Any] = _page(settings, event, notes)
    if settings.action_source == "app" and (app := _app(settings.app, event.data, notes)):
        found["app_data"] = app
    if settings.action_source == "business_messaging" and settings.messaging_channel:
        found["messaging_channel"] = settings.messaging_channel
    if settings.opt_out is not None:
        found["opt_out"] = settings.opt_out
    return found | _processing(settings, notes) if settings.data_processing_options is not None else found


def lacking(settings: MetaConversionsApi, item: dict[str, Any]) -> str:
    """What Meta demands and the event has not, for which it would refuse the whole batch; empty for a whole one."""
    custom, app, user = (item.get(field, {}) for field in ("custom_data", "app_data", "user_data"))
    lacks: list[tuple[str, str]] = []
    if item["event_name"] == "Purchase":
        lacks += [(f"custom.{field}", "a purchase") for field in ("value", "currency") if field not in custom]
    if settings.action_source == "website":
        lacks += [] if "event_source_url" in item else [("page.url", "an event of a website")]
        agent = "user.client_user_agent"
        lacks += [] if "client_user_agent" in user else [(agent, "an event of a website")]
    if settings.action_source == "app":
        lacks += [(f"app.{field}", "an event of an app") for field in (*APP_SWITCHES, "extinfo") if field not in app]
    if settings.action_source == "business_messaging" and not settings.messaging_channel:
        lacks.append(("messaging_channel", "an event of a conversation"))
    told = [f'no value for "{field}", which Meta demands of {what}' for field, what in lacks]
    if not is_usable(user):
        told.append("too little is known of the visitor for Meta to take the event")
    return " and ".join(told)


def _page(settings: MetaConversionsApi, event: Event, notes: list[str]) -> dict[str, Any]:
    url, referrer = settings.page.url, settings.page.referrer
    if settings.action_source != "website" and not normalise.plain(url):
        # What sent the hit is a server, a till or an app, and no page.
        return {}
    page = conversion.page(url, referrer, event, notes, vendor="Meta")
    found: dict[str, Any] = {}
    if page.url and url_parts(page.url).hostname:
        found["event_source_url"] = page.url
    elif page.url:
        notes.append('"page.url" is left out: it has no host')
    if page.referrer:
        found["referrer_url"] = page.referrer
    return found


def _app(given: App, data: Mapping[str, Any], notes: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    stated = given.__dict__
    for field in APP_SWITCHES:
        value = conversion.first_stated(stated[field], (data,), (field,))
        if (switch := SWITCHES.get(text(value).strip().lower())) is not None:
            found[field] = switch
        elif not missing(value):
            notes.append(f'"app.{field}" is left out: it is neither true nor false')
    if extinfo := _extinfo(conversion.first_stated(given.extinfo, (data,), ("extinfo",)), notes):
        found["extinfo"] = extinfo
    found |= conversion.told_texts("app", stated, {"vendor_id": data.get("idfv"), **data}, notes, fields=APP_TEXTS)
    if given.url_schemes:
        found["url_schemes"] = list(given.url_schemes)
    return found


def _extinfo(value: object, notes: list[str]) -> list[str] | None:
    """Sixteen texts, of which many may be empty. The first says for which system the others are meant."""
    if missing(value):
        return None
    texts = [normalise.plain(member) or "" for member in normalise.each(value)]
    if len(texts) == EXTINFO_TEXTS and texts[0] in EXTINFO_VERSIONS:
        return texts
    notes.append('"app.extinfo" is left out: it is no list of sixteen texts that begins with a2 or i2')
    return None


def _processing(settings: MetaConversionsApi, notes: list[str]) -> dict[str, Any]:
    """What Meta may do with the data: what is unknown never takes the limit along.

    An empty list says that nothing is limited.
    """
    stated = settings.data_processing_options
    if isinstance(stated, (list, tuple)) and not stated:
        return {"data_processing_options": []}
    words = options(stated)
    if set(words) != {LIMITED}:
        notes.append('of "data_processing_options" is left out what is neither "LDU" nor an empty list')
    if LIMITED not in words:
        return {}
    return {
        "data_processing_options": [LIMITED],
        "data_processing_options_country": settings.data_processing_options_country or 0,
        "data_processing_options_state": settings.data_processing_options_state or 0,
    }
