"""The names of the wire and the names of event data, side by side. Read in both directions.

Names of event data are those that GTM's server container uses; what it names by a pattern is a prefix here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "number", "flag", "brands", "location", "address"]
"""How a value is written. `number`: JSON's grammar. `flag`: `1` and `0`. `brands`: as `uafvl`. `location`: as `ur`."""

ROOT = ""
CLIENT_HINTS = "client_hints"
USER_DATA = "user_data"
HASHED_USER_DATA = "x-ga-em"
USER_PROPERTIES = "x-ga-mp2-user_properties"
SYSTEM_PROPERTIES = "x-ga-system_properties"
SERVER_SIDE_PROPERTIES = "x-sst-system_properties"

SYSTEM_PREFIX = "_"
"""`_dbg` is the system property `dbg`."""

UNKNOWN_PREFIX = "x-ga-mp2-"
"""A parameter that has no name of its own in event data keeps its wire name behind this one: nothing is lost."""

ITEM_PREFIX = "pr"
CUSTOM_ITEM_INDEXES = "0123456789ABCDEFGHIJKLMNOPQ"
"""One character numbers a custom item parameter: `k0name~v0value`."""


@dataclass(frozen=True, slots=True)
class Field:
    """Where a parameter stands in event data: its name there, how it is written, and the mapping that holds it."""

    name: str
    kind: Kind = "text"
    place: str = ROOT


FIELDS: Mapping[str, Field] = {
    "v": Field("x-ga-protocol_version"),
    "tid": Field("x-ga-measurement_id"),
    "gtm": Field("x-ga-gtm_version"),
    "_p": Field("x-ga-page_id", "number"),
    "_s": Field("x-ga-request_count", "number"),
    "cid": Field("client_id"),
    "uid": Field("user_id"),
    "sid": Field("ga_session_id"),
    "sct": Field("ga_session_number", "number"),
    "seg": Field("x-ga-mp2-seg"),
    "en": Field("event_name"),
    "_et": Field("engagement_time_msec", "number"),
    "ul": Field("language"),
    "sr": Field("screen_resolution"),
    "vp": Field("viewport_size"),
    "de": Field("page_encoding"),
    "dl": Field("page_location"),
    "dr": Field("page_referrer"),
    "dt": Field("page_title"),
    "dh": Field("page_hostname"),
    "dp": Field("page_path"),
    "cu": Field("currency"),
    "cs": Field("campaign_source"),
    "cm": Field("campaign_medium"),
    "cn": Field("campaign_name"),
    "cc": Field("campaign_content"),
    "ck": Field("campaign_term"),
    "ci": Field("campaign_id"),
    "ccf": Field("campaign_creative_format"),
    "cmt": Field("campaign_marketing_tactic"),
    "gcs": Field("x-ga-gcs"),
    "gcd": Field("x-ga-gcd"),
    "gcu": Field("x-ga-gcu"),
    "dma": Field("x-ga-dma"),
    "dma_cps": Field("x-ga-dma_cps"),
    "npa": Field("x-ga-npa"),
    "pscdl": Field("x-ga-pscdl"),
    "are": Field("x-ga-are"),
    "ecid": Field("x-ga-ecid"),
    "em": Field(HASHED_USER_DATA),
    "gdid": Field("x-ga-gdid"),
    "edid": Field("x-ga-edid"),
    "did": Field("x-ga-did"),
    "tfd": Field("x-ga-tfd", "number"),
    "lps": Field("x-ga-lps", "flag"),
    "ur": Field("event_location", "location"),
    "_uip": Field("ip_override", "address"),
    "uaa": Field("architecture", place=CLIENT_HINTS),
    "uab": Field("bitness", place=CLIENT_HINTS),
    "uam": Field("model", place=CLIENT_HINTS),
    "uap": Field("platform", place=CLIENT_HINTS),
    "uapv": Field("platform_version", place=CLIENT_HINTS),
    "uamb": Field("mobile", "flag", CLIENT_HINTS),
    "uaw": Field("wow64", "flag", CLIENT_HINTS),
    "uafvl": Field("full_version_list", "brands", CLIENT_HINTS),
    "_ee": Field("ee", "flag", SYSTEM_PROPERTIES),
}
"""Every parameter with a name of its own."""

CONSUMED = frozenset({"_fplc"})
"""Parameters that are for cookies alone and no part of event data."""

PREFIXES: Mapping[str, Field] = {
    "ep": Field("", "text"),
    "epn": Field("", "number"),
    "up": Field("", "text", USER_PROPERTIES),
    "upn": Field("", "number", USER_PROPERTIES),
    "sst": Field("", "text", SERVER_SIDE_PROPERTIES),
}
"""What stands before the first dot of a parameter such as `epn.value`; the rest is the name."""

ITEM_FIELDS: Mapping[str, Field] = {
    "id": Field("item_id"),
    "nm": Field("item_name"),
    "br": Field("item_brand"),
    "ca": Field("item_category"),
    "c2": Field("item_category2"),
    "c3": Field("item_category3"),
    "c4": Field("item_category4"),
    "c5": Field("item_category5"),
    "va": Field("item_variant"),
    "pr": Field("price", "number"),
    "qt": Field("quantity", "number"),
    "ds": Field("discount", "number"),
    "cp": Field("coupon"),
    "lp": Field("index", "number"),
    "li": Field("item_list_id"),
    "ln": Field("item_list_name"),
    "lo": Field("location_id"),
    "af": Field("affiliation"),
    "pi": Field("promotion_id"),
    "pn": Field("promotion_name"),
    "cn": Field("creative_name"),
    "cs": Field("creative_slot"),
}
"""The two characters in front of each value of an item."""

HASHED_VERSION = "1"
"""The version of `em` that is known, its segment `tv`."""

HASHED_CODES: Mapping[str, str] = {"em": "sha256_email_address", "pn": "sha256_phone_number"}
"""Segments of `em` that stand for themselves, and their names in `user_data`."""

ADDRESS_CODES: Mapping[str, str] = {
    "fn": "sha256_first_name",
    "ln": "sha256_last_name",
    "sa": "sha256_street",
    "ct": "city",
    "rg": "region",
    "pc": "postal_code",
    "co": "country",
}
"""Segments of `em` that belong to an address, which a number behind them names."""
