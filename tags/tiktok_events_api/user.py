"""Who did it: personal data normalised and hashed, as TikTok wants each field."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
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
ADDRESS_KEYS = frozenset(
    {"address", "city", "region", "country", *FIRST_NAME_KEYS, *LAST_NAME_KEYS, *POSTAL_CODE_KEYS},
)
"""Where user data has names and places, if it has any."""

ATT_STATUSES = ("AUTHORIZED", "DENIED", "NOT_DETERMINED", "RESTRICTED", "NOT_APPLICABLE")
CHINA = 86

MOST_VALUES = 100
"""So many addresses, numbers or ids of one visitor are sent."""

Normal = Callable[[str], str | None]
Found = dict[str, str]

_given_address = attrgetter("first_name", "last_name", "city", "state", "country", "zip_code")


WRONG_KIND = "its value is of the wrong kind"


def user(settings: TikTokEventsApi, event: Event, notes: list[str]) -> dict[str, Any]:
    """The user object, without click id and browser id. What is left out for its kind is told in the notes."""
    given, data = settings.user, event.data
    user_data = _mapping(data.get("user_data"))
    found: dict[str, Any] = _address(given, user_data, notes)

    def phone(value: str) -> str | None:
        region = normalise.plain(settings.phone_region) or found.get("country")
        bare_codes = (CHINA,) if settings.cn_phone_without_prefix else ()
        return normalise.phone(value, region=region, bare_codes=bare_codes)

    emails = (given.email, *map(user_data.get, EMAIL_KEYS), data.get("email"))
    phones = (given.phone, *map(user_data.get, PHONE_KEYS), data.get("phone"))
    hashes = _first_usable("email", emails, normalise.email, "is no e-mail address", notes)
    if hashes:
        found["email"] = hashes
    hashes = _first_usable("phone", phones, phone, "has no international form (is phone_region set?)", notes)
    if hashes:
        found["phone"] = hashes
    if given.external_id is not None and settings.event_source in HAS_EXTERNAL_ID:
        hashes = _first_usable("external_id", (given.external_id,), str, "is no text", notes)
        if hashes:
            found["external_id"] = hashes
    if settings.event_source in HAS_CONNECTION:
        _connect(found, given, event, notes)
    if settings.event_source == "app":
        found |= _device(given, data, notes)
    return found


def _address(given: User, user_data: Mapping[str, Any], notes: list[str]) -> Found:
    """Names and postal code hashed; city, state and country plain."""
    if ADDRESS_KEYS.isdisjoint(user_data) and not any(_given_address(given)):
        return {}
    places = [place for place in (_first_address(user_data), user_data) if place]

    def plain(field: str, key: str, normal: Normal) -> str | None:
        value = _first(getattr(given, field), places, (key,))
        return _plain(field, value, normal, notes)

    def hashed(field: str, keys: Sequence[str], normal: Normal) -> str | None:
        value = _first(getattr(given, field), places, keys)
        return None if value is None else _told(field, value, normalise.hashed(value, normal), notes)

    def postal_code(value: str) -> str | None:
        return normalise.postal_code(value, country)

    country = plain("country", "country", normalise.country)
    found = {
        "first_name": hashed("first_name", FIRST_NAME_KEYS, normalise.name),
        "last_name": hashed("last_name", LAST_NAME_KEYS, normalise.name),
        "city": plain("city", "city", normalise.place),
        "state": plain("state", "region", normalise.place),
        "country": country,
        "zip_code": hashed("zip_code", POSTAL_CODE_KEYS, postal_code),
    }
    return {field: value for field, value in found.items() if value is not None}


def _first_usable(
    field: str, candidates: Iterable[object], normal: Normal, reason: str, notes: list[str]
) -> str | list[str] | None:
    """The hashes of the first candidate that leaves any: one as text, several as a list."""
    for candidate in candidates:
        if candidate is None or (not candidate and missing(candidate)):
            continue
        if isinstance(candidate, str) and (single := normalise.hashed(candidate, normal)):
            return single
        found, unusable = normalise.hashes(candidate, normal)
        if unusable or not found:
            notes.append(f'a value of "user.{field}" is left out: it {reason}')
        if len(found) > MOST_VALUES:
            notes.append(f'values of "user.{field}" are left out: there are more than {MOST_VALUES}')
        if found:
            return found[:MOST_VALUES] if len(found) > 1 else found[0]
    return None


def _connect(found: dict[str, Any], given: User, event: Event, notes: list[str]) -> None:
    """Add where the visitor's browser or app speaks from, what it is, and its language."""
    data, hit = event.data, event.hit
    stated = given.ip or data.get("ip_override") or hit.ip
    address = _plain("ip", stated, normalise.public_address, notes, reason="it is no public address")
    if address is not None:
        found["ip"] = address
    agent = given.user_agent or data.get("user_agent") or hit.headers.get("user-agent")
    agent = _plain("user_agent", agent, str, notes)
    if agent is not None:
        found["user_agent"] = agent
    locale = _plain("locale", given.locale, normalise.locale, notes)
    if locale is not None:
        found["locale"] = locale


def _device(given: User, data: Mapping[str, Any], notes: list[str]) -> Found:
    def stated(field: str) -> Any:
        return _first(getattr(given, field), (data,), (field,))

    found = {
        # Each system writes its advertising id in its own case, and the hash is made of that.
        "idfa": normalise.hashed(stated("idfa"), str.upper),
        "idfv": normalise.plain(stated("idfv")),
        "gaid": normalise.hashed(stated("gaid"), str.lower),
        "att_status": _plain("att_status", stated("att_status"), _att_status, notes),
    }
    return {field: value for field, value in found.items() if value is not None}


def _att_status(value: str) -> str | None:
    status = value.upper()
    return status if status in ATT_STATUSES else None


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


def _plain(field: str, stated: object, normal: Normal, notes: list[str], *, reason: str = WRONG_KIND) -> str | None:
    """The normal form of a text that is sent as it is."""
    trimmed = normalise.plain(stated)
    found = None if trimmed is None else normal(trimmed)
    return found if found is not None else _told(field, stated, found, notes, reason=reason)


def _told(field: str, stated: object, found: str | None, notes: list[str], *, reason: str = WRONG_KIND) -> str | None:
    """What was found, with a note if something was stated and nothing of it can be sent."""
    if found is None and stated is not None and not missing(stated):
        notes.append(f'"user.{field}" is left out: {reason}')
    return found
