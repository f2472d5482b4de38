"""What fixed values of the settings have to look like, for GA4 to make anything of them."""

from __future__ import annotations

import re

from container.api import Form, ga4_rules
from tags.ga4.parameters import APART, is_name_of_parameter, is_name_of_user_property
from tags.ga4.settings import Ga4Tag

NEEDED = frozenset({"client_id", "app_instance_id", "event_name", "x-ga-measurement_id", "x-ga-protocol_version"})
"""Event data without which GA4 counts nothing."""

_OF_THE_WIRE = ("ep.", "epn.", "up.", "upn.", "sst.")
_INSIDE = ("items.", "user_data.", "event_location.", "client_hints.", "device.", "x-ga-", "x-sst-")
"""Where event data has members. A parameter that is called so is none of GA4's."""

_MEASUREMENT_ID = re.compile(r"G-[A-Z0-9]+", re.ASCII)


def _is_measurement_id(written: str, _settings: Ga4Tag) -> object:
    return _MEASUREMENT_ID.fullmatch(written)


def _has_its_secret(written: str, settings: Ga4Tag) -> bool:
    return written != "measurement_protocol" or settings.relay or settings.api_secret is not None


def _is_event(written: str, _settings: Ga4Tag) -> bool:
    return ga4_rules.NAME.fullmatch(written) is not None and len(written) <= ga4_rules.LONGEST_NAME


def _is_free(written: str, settings: Ga4Tag) -> bool:
    return written not in ga4_rules.RESERVED_EVENTS or settings.protocol == "web" or settings.relay


def _is_parameter(written: str, settings: Ga4Tag) -> bool:
    own = written in APART or written.startswith("x-")
    return own or settings.relay or is_name_of_parameter(written)


def _is_user_property(written: str, settings: Ga4Tag) -> bool:
    return settings.relay or is_name_of_user_property(written)


def _may_be_missing(written: str, settings: Ga4Tag) -> bool:
    return written not in NEEDED or (written == "client_id" and settings.client_id is not None)


def _is_no_path(written: str, _settings: Ga4Tag) -> bool:
    return "." not in written or not written.startswith(_INSIDE)


def _is_no_name_of_the_wire(written: str, _settings: Ga4Tag) -> bool:
    return not written.startswith(_OF_THE_WIRE)


def _is_not_added(written: str, settings: Ga4Tag) -> bool:
    return written not in settings.parameters


def _is_no_added_property(written: str, settings: Ga4Tag) -> bool:
    return written not in settings.user_properties


_SIGNS = "write a letter first, then letters, digits and underscores"
_NAME_HINT = f"{_SIGNS}: {ga4_rules.LONGEST_NAME} at most"

FORMS = (
    Form(
        "measurement_id",
        _is_measurement_id,
        "is no measurement ID, and GA4 answers the same to a wrong one",
        "write one like G-ABC123XYZ9, as the data stream in GA4 shows it",
    ),
    Form(
        "protocol",
        _has_its_secret,
        "sends nothing without api_secret",
        'write `api_secret: "${secret:NAME}"`, with the secret that the data stream in GA4 shows',
    ),
    Form("event", _is_event, "is no name that GA4 has for an event", _NAME_HINT),
    Form("event", _is_free, "is an event that only Google itself may send", "write another name"),
    Form("parameters", _is_parameter, "is no name that GA4 has for a parameter", _NAME_HINT, keys=True),
    Form(
        "user_properties",
        _is_user_property,
        "is no name that GA4 has for a user property",
        f"{_SIGNS}: {ga4_rules.LONGEST_USER_PROPERTY_NAME} at most",
        keys=True,
    ),
    Form(
        "drop_parameters",
        _may_be_missing,
        "has to stay: GA4 counts no event without it",
        "take it out; an exception keeps the tag from firing",
        refused=True,
    ),
    Form(
        "drop_parameters",
        _is_no_path,
        "leads into a parameter, and whole ones alone can be dropped here",
        "write a transformation of the type `exclude_parameters`, which takes such paths",
        refused=True,
    ),
    Form(
        "drop_parameters",
        _is_no_name_of_the_wire,
        "is the name in the hit, and event data has another one",
        "write it without what stands before the first dot",
    ),
    Form(
        "drop_parameters",
        _is_not_added,
        "stands under `parameters` too, and is sent with that value",
        "take it out of one of the two",
    ),
    Form(
        "drop_user_properties",
        _is_no_added_property,
        "stands under `user_properties` too, and is sent with that value",
        "take it out of one of the two",
    ),
)
