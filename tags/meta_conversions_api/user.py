"""Who did it: what Meta wants to know of a person, and of the browser or device before them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from container.api import Event, conversion, normalise
from tags.meta_conversions_api.forms import bare_phone, birthday, city, device, gender, identity, phone, state
from tags.meta_conversions_api.settings import MetaConversionsApi

Field = conversion.Field

IDENTIFIERS = (
    *("fbc", "fbp", "em", "ph", "external_id", "fn", "ln", "ct", "st", "zp", "country", "ge", "db"),
    *("client_ip_address", "client_user_agent", "subscription_id", "fb_login_id", "lead_id", "madid", "anon_id"),
    *("page_id", "page_scoped_user_id", "ctwa_clid", "ig_account_id", "ig_sid"),
)
"""The fields by which Meta may recognise a visitor."""

TOO_BROAD = (
    frozenset({"ct", "country", "st", "zp", "ge", "client_user_agent"}),
    frozenset({"db", "client_user_agent"}),
    frozenset({"fn", "ge"}),
    frozenset({"ln", "ge"}),
)
"""An event of which no more is known than one of these is refused, and its batch with it."""

NO_GENDER, NO_BIRTHDAY = 'it takes "m" or "f"', "it takes a date, YYYYMMDD or YYYY-MM-DD"

_PHONE_PLACES = ("phone_number", "phone")


def _own_phone(value: str, region: str | None) -> str | None:
    return phone(value, region) or (None if region else bare_phone(value))


def _plain(name: str, *, keys: tuple[str, ...] = (), event_keys: tuple[str, ...] = ()) -> Field:
    return Field(name, str, keys=keys, event_keys=event_keys, hashed=False)


PROFILE = conversion.Profile(
    vendor="Meta",
    several=(
        Field(
            "em",
            normalise.email,
            keys=conversion.EMAIL_KEYS,
            event_keys=("email",),
            prehashed=("sha256_email_address",),
            listed=True,
            reason=conversion.NO_EMAIL,
        ),
        Field(
            "ph",
            _own_phone,
            # A hash under the other key was made with the plus sign of E.164, and is another one than Meta's.
            keys=conversion.PHONE_KEYS,
            event_keys=("phone",),
            regional=True,
            listed=True,
            reason=conversion.NO_PHONE,
        ),
        Field(
            "external_id",
            identity,
            listed=True,
            reason=conversion.NO_TEXT,
        ),
    ),
    address=(
        Field("fn", normalise.place, keys=conversion.FIRST_NAME_KEYS, prehashed=("sha256_first_name",)),
        Field("ln", normalise.place, keys=conversion.LAST_NAME_KEYS, prehashed=("sha256_last_name",)),
        Field("ct", city, keys=("city",)),
        Field("st", state, keys=("region",), regional=True),
        Field(
            "zp",
            normalise.postal_code,
            keys=conversion.POSTAL_CODE_KEYS,
            prehashed=("sha256_postal_code",),
            regional=True,
        ),
        Field("country", normalise.country, keys=("country",), reason=conversion.NO_COUNTRY),
    ),
)
"""What nearly every shop knows of a visitor."""

RARE = conversion.Profile(
    vendor="Meta",
    single=(
        Field("ge", gender, keys=("gender",), reason=NO_GENDER),
        Field("db", birthday, keys=("date_of_birth",), reason=NO_BIRTHDAY),
        *(_plain(name, event_keys=(name,)) for name in ("subscription_id", "fb_login_id", "lead_id", "anon_id")),
        Field("madid", device, event_keys=("madid", "idfa", "gaid"), hashed=False, reason="it is nobody's"),
        *(_plain(name, keys=(name,)) for name in ("page_id", "page_scoped_user_id", "ig_account_id", "ig_sid")),
        _plain("ctwa_clid", event_keys=("ctwa_clid",)),
    ),
)
"""What hardly any knows: worth a look only where something of it is there."""

_RARE_NAMES = tuple(field.name for field in RARE.single)
_RARE_KEYS = frozenset(key for field in RARE.single for key in field.keys)
_RARE_EVENT_KEYS = frozenset(key for field in RARE.single for key in field.event_keys)
_RECOGNISING = frozenset(IDENTIFIERS) - frozenset(field for broad in TOO_BROAD for field in broad)
"""Of these one is enough."""


def user(settings: MetaConversionsApi, event: Event, notes: list[str]) -> dict[str, Any]:
    """The user data, without click id and browser id. What is left out for its kind is told in the notes."""
    given, written = settings.user, settings.user.__dict__
    user_data = conversion.as_mapping(event.data.get("user_data"))
    found = conversion.person(PROFILE, written, event, notes, region=settings.phone_region)
    if "ph" in found and "country" not in found and not settings.phone_region:
        _tell_of_bare_phones((given.ph, *map(user_data.get, _PHONE_PLACES), event.data.get("phone")), notes)
    # Of two sets the shorter one is gone through, and most events have dozens of keys.
    usual = event.data.keys().isdisjoint(_RARE_EVENT_KEYS) and user_data.keys().isdisjoint(_RARE_KEYS)
    if not usual or any(map(written.get, _RARE_NAMES)):
        found |= conversion.person(RARE, written, event, notes)
    if address := conversion.visitor_address(given.client_ip_address, event, notes, field="user.client_ip_address"):
        found["client_ip_address"] = address
    if agent := conversion.user_agent(given.client_user_agent, event, notes, field="user.client_user_agent"):
        found["client_user_agent"] = agent
    return found


def is_usable(found: Mapping[str, Any]) -> bool:
    """Whether Meta could match an event of which this is known."""
    return not _RECOGNISING.isdisjoint(found) or not any(found.keys() <= broad for broad in TOO_BROAD)


def _tell_of_bare_phones(stated: Iterable[object], notes: list[str]) -> None:
    """Nothing tells the country of these numbers, so nobody can say whether they are whole."""
    candidates = [value for value in stated if value and not (isinstance(value, str) and value.startswith("+"))]
    texts = [normalise.plain(member) for value in candidates for member in normalise.each(value)]
    if any(text and not normalise.is_hash(text) and not phone(text, None) for text in texts):
        notes.append('"user.ph" is sent as it is written: nothing tells the country of the number (set phone_region)')
