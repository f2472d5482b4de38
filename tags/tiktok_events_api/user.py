"""Who did it: personal data normalised and hashed, as TikTok wants each field."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from container.api import Event, missing, normalise
from tags.tiktok_events_api.settings import TikTokEventsApi, User

IDENTIFIERS = (
    *("ttclid", "ttp", "email", "phone", "external_id", "first_name", "last_name", "city", "state", "country"),
    *("zip_code", "ip", "user_agent", "locale", "idfa", "idfv", "gaid"),
)
"""The fields by which TikTok may recognise a visitor."""

HAS_EXTERNAL_ID, HAS_CONNECTION = ("web", "crm"), ("web", "app")
"""The event sources for which TikTok documents an external id; an address, a user agent and a locale."""

EMAIL_KEYS = ("email_address", "email", "sha256_email_address")
PHONE_KEYS = ("phone_number", "sha256_phone_number")
FIRST_NAME_KEYS, LAST_NAME_KEYS = ("first_name", "sha256_first_name"), ("last_name", "sha256_last_name")
POSTAL_CODE_KEYS = ("postal_code", "sha256_postal_code")
ATT_STATUSES = ("AUTHORIZED", "DENIED", "NOT_DETERMINED", "RESTRICTED", "NOT_APPLICABLE")
CHINA = 86

MOST_VALUES = 100
"""So many addresses, numbers or ids of one visitor are sent."""

Normal = Callable[[str], str | None]
Found = dict[str, str | None]


def user(settings: TikTokEventsApi, event: Event, notes: list[str]) -> dict[str, Any]:
    """The user object, without click id and browser id. What is left out for its kind is told in the notes."""
    given, data = settings.user, event.data
    user_data = _mapping(data.get("user_data"))
    found: dict[str, Any] = _address(given, user_data, notes)

    def phone(value: str) -> str | None:
        region = normalise.plain(settings.phone_region) or found["country"]
        bare_codes = (CHINA,) if settings.cn_phone_without_prefix else ()
        return normalise.phone(value, region=region, bare_codes=bare_codes)

    emails = (given.email, *map(user_data.get, EMAIL_KEYS), data.get("email"))
    phones = (given.phone, *map(user_data.get, PHONE_KEYS), data.get("phone"))
    found["email"] = _first_usable("email", emails, normalise.email, "is no e-mail address", notes)
    found["phone"] = _first_usable("phone", phones, phone, "has no international form (is phone_region set?)", notes)
    if settings.event_source in HAS_EXTERNAL_ID:
        found["external_id"] = _first_usable("external_id", (given.external_id,), str, "is no text", notes)
    if settings.event_source in HAS_CONNECTION:
        found |= _connection(given, event, notes)
    if settings.event_source == "app":
        found |= _device(given, data, notes)
    return {field: value for field, value in found.items() if value is not None}


def _address(given: User, user_data: Mapping[str, Any], notes: list[str]) -> Found:
    """Names and postal code hashed; city, state and country plain."""
    places = [place for place in (_first_address(user_data), user_data) if place]

    def plain(field: str, key: str, normal: Normal) -> str | None:
        value = _first(getattr(given, field), places, (key,))
        return None if value is None else _told(field, value, normal(normalise.plain(value) or ""), notes)

    def hashed(field: str, keys: Sequence[str], normal: Normal) -> str | None:
        value = _first(getattr(given, field), places, keys)
        return None if value is None else _told(field, value, normalise.hashed(value, normal), notes)

    def postal_code(value: str) -> str | None:
        return normalise.postal_code(value, country)

    country = plain("country", "country", normalise.country)
    return {
        "first_name": hashed("first_name", FIRST_NAME_KEYS, normalise.name),
        "last_name": hashed("last_name", LAST_NAME_KEYS, normalise.name),
        "city": plain("city", "city", normalise.place),
        "state": plain("state", "region", normalise.place),
        "country": country,
        "zip_code": hashed("zip_code", POSTAL_CODE_KEYS, postal_code),
    }


def _first_usable(
    field: str, candidates: Iterable[object], normal: Normal, reason: str, notes: list[str]
) -> str | list[str] | None:
    """The hashes of the first candidate that leaves any: one as text, several as a list."""
    for candidate in candidates:
        if candidate is None or (not candidate and missing(candidate)):
            continue
        found, unusable = normalise.hashes(candidate, normal)
        if unusable or not found:
            notes.append(f'a value of "user.{field}" is left out: it {reason}')
        if len(found) > MOST_VALUES:
            notes.append(f'values of "user.{field}" are left out: there are more than {MOST_VALUES}')
        if found:
            return found[:MOST_VALUES] if len(found) > 1 else found[0]
    return None


def _connection(given: User, event: Event, notes: list[str]) -> Found:
    data, hit = event.data, event.hit
    address = given.ip or data.get("ip_override") or hit.ip
    agent = given.user_agent or data.get("user_agent") or hit.headers.get("user-agent")
    return {
        "ip": _told("ip", address, normalise.public_address(normalise.plain(address) or ""), notes),
        "user_agent": _told("user_agent", agent, normalise.plain(agent), notes),
        "locale": _told("locale", given.locale, normalise.locale(normalise.plain(given.locale) or ""), notes),
    }


def _device(given: User, data: Mapping[str, Any], notes: list[str]) -> Found:
    def stated(field: str) -> Any:
        return _first(getattr(given, field), (data,), (field,))

    status = (normalise.plain(stated("att_status")) or "").upper()
    return {
        # Each system writes its advertising id in its own case, and the hash is made of that.
        "idfa": normalise.hashed(stated("idfa"), str.upper),
        "idfv": normalise.plain(stated("idfv")),
        "gaid": normalise.hashed(stated("gaid"), str.lower),
        "att_status": _told("att_status", stated("att_status"), status if status in ATT_STATUSES else None, notes),
    }


def _first_address(user_data: Mapping[str, Any]) -> Mapping[str, Any]:
    """The address, or the first of several: a list, or a mapping with positions as keys."""
    address = user_data.get("address")
    if address is None:
        return {}
    if isinstance(address, Mapping) and "0" not in address:
        return address
    return _mapping(next(iter(normalise.each(address)), None))


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, (dict, Mapping)) else {}


def _first(given: object, places: Iterable[Mapping[str, Any]], keys: Iterable[str]) -> Any:
    """What the setting says, else the first value under the keys in the places, `None` without any."""
    if given is not None and (given or not missing(given)):
        return given
    for place in places:
        for key in keys:
            value = place.get(key)
            if value is not None and (value or not missing(value)):
                return value
    return None


def _told(field: str, stated: object, found: str | None, notes: list[str]) -> str | None:
    """What was found, with a note if something was stated and nothing of it can be sent."""
    if found is None and stated is not None and not missing(stated):
        notes.append(f'"user.{field}" is left out: its value is of the wrong kind')
    return found
