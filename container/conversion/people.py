"""Who did it: personal data in the form that a vendor's profile says, hashed or plain."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from container import normalise
from container.conversion.profile import Field, Profile
from container.conversion.texts import WRONG_KIND, told_form
from container.event import Event
from container.shape import missing

NOT_PUBLIC, NO_FORM = "it is no public address", "is of the wrong kind"

Normal = Callable[[str], str | None]
Data = Mapping[str, Any]
Sources = Iterable[tuple[Data, Sequence[str]]]
"""Where something may be, and under which keys."""


def person(
    profile: Profile, given: Data, event: Event, notes: list[str], *, region: str | None = None
) -> dict[str, Any]:
    """The fields of the profile that have a usable value. What is left out for its kind is told in the notes.

    `given`: what the settings say, by the fields' names; it goes first. `region`: the country of phone numbers without
    a calling code, else that of the address.
    """
    data = event.data
    user_data = as_mapping(data.get("user_data"))
    country, found = _address(profile, given, user_data, notes)
    around = (region and normalise.plain(region)) or country
    for field in profile.several:
        sources = ((given, (field.name,)), (user_data, field.keys), (data, field.event_keys))
        values = _several(profile, field, sources, around, notes)
        if values:
            found[field.sent_as] = [values] if field.listed and isinstance(values, str) else values
    for field in profile.single:
        value = _first(profile, field, given, (user_data,), notes)
        if value is None and field.event_keys:
            value = first_stated(None, (data,), field.event_keys)
        if value is not None and (made := _made(profile, field, value, around, notes)) is not None:
            found[field.sent_as] = made
    return found


def visitor_address(given: object, event: Event, notes: list[str], *, field: str) -> str | None:
    """The public address of the visitor: the setting's, `ip_override`, the hit's."""
    stated = given or event.data.get("ip_override") or event.hit.ip
    return told_form(field, stated, normalise.public_address, notes, reason=NOT_PUBLIC)


def user_agent(given: object, event: Event, notes: list[str], *, field: str) -> str | None:
    """What the visitor's browser or app calls itself: the setting, event data, the hit's header."""
    stated = given or event.data.get("user_agent") or event.hit.headers.get("user-agent")
    return told_form(field, stated, str, notes)


def as_mapping(value: object) -> Data:
    """The value if it is a mapping, else an empty one."""
    return value if isinstance(value, (dict, Mapping)) else {}


def first_stated(given: object, places: Iterable[Data], keys: Iterable[str]) -> Any:
    """What the setting says, else the first value under the keys in the places, `None` without any."""
    if given is not None and (given or not missing(given)):
        return given
    for place in places:
        for key in keys:
            value = place.get(key)
            if value is not None and (value or not missing(value)):
                return value
    return None


def _address(profile: Profile, given: Data, user_data: Data, notes: list[str]) -> tuple[str | None, dict[str, Any]]:
    """The country's plain form, and the fields for names and places."""
    if profile.address_keys.isdisjoint(user_data) and not any(map(given.get, profile.address_names)):
        return None, {}
    places = [place for place in (_first_address(user_data), user_data) if place]
    country, its_value = None, None
    if profile.country is not None:
        value = _first(profile, profile.country, given, places, notes)
        if value is not None:
            its_value = _made(profile, profile.country, value, None, notes)
            country = profile.country.normal(normalise.plain(value) or "")
    found: dict[str, Any] = {}
    for field in profile.address:
        made = its_value
        if field is not profile.country:
            value = _first(profile, field, given, places, notes)
            made = None if value is None else _made(profile, field, value, country, notes)
        if made is not None:
            found[field.sent_as] = made
    return country, found


def _first_address(user_data: Data) -> Data:
    """The address, or the first of several: a list, or a mapping with positions as keys."""
    address = user_data.get("address")
    if address is None:
        return {}
    if isinstance(address, Mapping) and "0" not in address:
        return address
    return as_mapping(next(iter(normalise.each(address)), None))


def _first(profile: Profile, field: Field, given: Data, places: Iterable[Data], notes: list[str]) -> Any:
    """The first value of the field that is stated, hashes by another rule aside."""
    if not field.foreign:
        return first_stated(given.get(field.name), places, field.keys)
    stated = first_stated(given.get(field.name), (), ())
    if stated is not None:
        return stated
    for place in places:
        for key in field.keys:
            value = place.get(key)
            if key in field.foreign:
                value = _without_hashes(profile, field, key, value, notes)
            if not missing(value):
                return value
    return None


def _made(profile: Profile, field: Field, value: Any, region: str | None, notes: list[str]) -> str | None:
    """What is sent of one value, with a note if nothing of it can be."""
    normal = _regional(field, region) if field.regional else field.normal
    if not field.hashed:
        return told_form(f"{profile.place}.{field.name}", value, normal, notes, reason=field.reason or WRONG_KIND)
    found = normalise.hashed(value, normal)
    if found is None:
        notes.append(f'"{profile.place}.{field.name}" is left out: {field.reason or WRONG_KIND}')
    return found


def _several(
    profile: Profile, field: Field, sources: Sources, region: str | None, notes: list[str]
) -> str | list[str] | None:
    """Of the first candidate that leaves any: one as text, several as a list."""
    normal = _regional(field, region) if field.regional else field.normal
    one = normalise.hashed if field.hashed else _plain
    for place, keys in sources:
        for key in keys:
            candidate = place.get(key)
            if candidate is None:
                continue
            if key in field.foreign:
                candidate = _without_hashes(profile, field, key, candidate, notes)
            if not candidate and missing(candidate):
                continue
            if isinstance(candidate, str) and (single := one(candidate, normal)):
                return single
            if found := _each(profile, field, [one(member, normal) for member in normalise.each(candidate)], notes):
                return found if len(found) > 1 else found[0]
    return None


def _each(profile: Profile, field: Field, forms: Sequence[str | None], notes: list[str]) -> list[str]:
    """The forms that there are, without duplicates, and as many as the vendor takes."""
    found = list(dict.fromkeys(form for form in forms if form))
    if not found or None in forms:
        notes.append(f'a value of "{profile.place}.{field.name}" is left out: it {field.reason or NO_FORM}')
    if len(found) > field.most:
        notes.append(f'values of "{profile.place}.{field.name}" are left out: there are more than {field.most}')
    return found[: field.most]


def _regional(field: Field, region: str | None) -> Normal:
    """How the field is normalised around here."""
    normal = field.normal
    return lambda value: normal(value, region)


def _plain(value: object, normal: Normal) -> str | None:
    trimmed = normalise.plain(value)
    return None if trimmed is None else normal(trimmed)


def _without_hashes(profile: Profile, field: Field, key: str, value: Any, notes: list[str]) -> Any:
    """The value as far as it is no hash: under this key hashes are made by another rule."""
    values = normalise.each(value)
    own = [member for member in values if not normalise.is_hash(member)]
    if len(own) == len(values):
        return value
    told = f'a hash under "{key}" is left out of "{profile.place}.{field.name}"'
    notes.append(f"{told}: {profile.vendor}'s would be another one")
    return own
