"""Who did it: what TikTok wants to know of a person, and of the browser or device before them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from container.api import Event, conversion, normalise
from tags.tiktok_events_api.settings import TikTokEventsApi, User

IDENTIFIERS = (
    *("ttclid", "ttp", "email", "phone", "external_id", "first_name", "last_name", "city", "state", "country"),
    *("zip_code", "ip", "user_agent", "locale", "idfa", "idfv", "gaid"),
)
"""The fields by which TikTok may recognise a visitor."""

HAS_EXTERNAL_ID, HAS_CONNECTION = ("web", "crm"), ("web", "app")
"""The event sources for which TikTok documents an external id; an address, a user agent and a locale."""

ATT_STATUSES = ("AUTHORIZED", "DENIED", "NOT_DETERMINED", "RESTRICTED", "NOT_APPLICABLE")
CHINA = 86

_Field = conversion.Field

ADDRESS = (
    _Field("first_name", normalise.name, conversion.FIRST_NAME_KEYS, prehashed=("sha256_first_name",)),
    _Field("last_name", normalise.name, conversion.LAST_NAME_KEYS, prehashed=("sha256_last_name",)),
    _Field("city", normalise.place, ("city",), hashed=False),
    _Field("state", normalise.place, ("region",), hashed=False),
    _Field("country", normalise.country, ("country",), hashed=False, reason=conversion.NO_COUNTRY),
    _Field(
        "zip_code",
        normalise.postal_code,
        conversion.POSTAL_CODE_KEYS,
        prehashed=("sha256_postal_code",),
        regional=True,
    ),
)
"""Names and postal code hashed; city, state and country plain."""

EMAIL = _Field(
    "email",
    normalise.email,
    conversion.EMAIL_KEYS,
    event_keys=("email",),
    prehashed=("sha256_email_address",),
    reason=conversion.NO_EMAIL,
)
EXTERNAL_ID = _Field("external_id", str, reason=conversion.NO_TEXT)


def _phone(normal: conversion.RegionalNormal) -> conversion.Field:
    """The hash that Google's tags make is TikTok's: of E.164 with its plus sign."""
    return _Field(
        "phone",
        normal,
        conversion.PHONE_KEYS,
        event_keys=("phone",),
        prehashed=("sha256_phone_number",),
        regional=True,
        reason=conversion.NO_PHONE,
    )


NO_LOCALE = "it takes a language, such as en-US"

PHONE = _phone(normalise.phone)
PHONE_WITHOUT_CHINA = _phone(partial(normalise.phone, bare_codes=(CHINA,)))

PROFILES = {
    (has_external_id, bare): conversion.Profile(
        "TikTok",
        address=ADDRESS,
        several=(EMAIL, PHONE_WITHOUT_CHINA if bare else PHONE, *([EXTERNAL_ID] if has_external_id else [])),
    )
    for has_external_id in (True, False)
    for bare in (True, False)
}
"""By whether the event source has an external id, and whether Chinese numbers go without their calling code."""


def user(settings: TikTokEventsApi, event: Event, notes: list[str]) -> dict[str, Any]:
    """The user object, without click id and browser id. What is left out for its kind is told in the notes."""
    given, source = settings.user, settings.event_source
    profile = PROFILES[source in HAS_EXTERNAL_ID, settings.cn_phone_without_prefix]
    found = conversion.person(profile, vars(given), event, notes, region=settings.phone_region)
    if source in HAS_CONNECTION:
        _connect(found, given, event, notes)
    if source == "app":
        found |= _device(given, event.data, notes)
    return found


def _connect(found: dict[str, Any], given: User, event: Event, notes: list[str]) -> None:
    """Add where the visitor's browser or app speaks from, what it is, and its language."""
    address = conversion.visitor_address(given.ip, event, notes, field="user.ip")
    if address is not None:
        found["ip"] = address
    agent = conversion.user_agent(given.user_agent, event, notes, field="user.user_agent")
    if agent is not None:
        found["user_agent"] = agent
    locale = conversion.told_form("user.locale", given.locale, normalise.locale, notes, reason=NO_LOCALE)
    if locale is not None:
        found["locale"] = locale


def _device(given: User, data: Mapping[str, Any], notes: list[str]) -> dict[str, str]:
    def stated(field: str) -> Any:
        return conversion.first_stated(getattr(given, field), (data,), (field,))

    found = {
        # Each system writes its advertising id in its own case, and the hash is made of that.
        "idfa": normalise.hashed(stated("idfa"), str.upper),
        "idfv": normalise.plain(stated("idfv")),
        "gaid": normalise.hashed(stated("gaid"), str.lower),
        "att_status": conversion.told_form("user.att_status", stated("att_status"), _att_status, notes),
    }
    return {field: value for field, value in found.items() if value is not None}


def _att_status(value: str) -> str | None:
    status = value.upper()
    return status if status in ATT_STATUSES else None
