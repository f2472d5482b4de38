"""What Meta's Conversions API takes: the tables of the envelope and of an event.

Written apart from our tag on purpose: this is the judge of what the tag sends. Refused is what Meta documents or is
known to refuse; the rest is a remark. A subcode stands only where Meta's own is known.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from container.sandbox.fields import (
    Field,
    Flaw,
    a_list,
    an_object,
    boolean,
    filled_text,
    integer,
    number,
    one_of,
    text,
)

TOO_OLD, NO_CURRENCY, NOBODY, DEVICE = 2804003, 2804010, 2804050, 2804043
MOST_EVENTS = 1000
EXTINFO_MEMBERS = 16
MILLISECONDS_FROM = 100_000_000_000
HASH_OF_NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

SOURCES = (
    *("website", "email", "app", "phone_call", "chat", "physical_store", "system_generated", "business_messaging"),
    "other",
)
HASHED = ("em", "ph", "fn", "ln", "ct", "st", "zp", "country", "ge", "db")

TITLES: Mapping[int, str] = {
    TOO_OLD: "Event Timestamp Too Old",
    NO_CURRENCY: "Missing Currency for Purchase Event",
    NOBODY: "Missing Customer Information Parameters",
    DEVICE: "Invalid Extended Device Info Parameter",
}

_HASH = re.compile(r"[0-9a-f]{64}")
_HASH_ANY_CASE = re.compile(r"[0-9A-Fa-f]{64}")
_CURRENCY = re.compile(r"[A-Za-z]{3}")
_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,10})?")
_FBP = re.compile(r"fb\.[0-9]\.[0-9]{13}\.[0-9]{1,20}(\.[A-Za-z0-9_-]{2,8})?")
_FBC = re.compile(r"fb\.[0-9]\.[0-9]{13}\.[^.\s]+(\.[A-Za-z0-9_-]{2,8})?")
_EVENT_NAME_LONGEST = 50


def _batch(value: Any) -> Flaw | None:
    if flaw := a_list(value):
        return flaw
    if not value:
        return Flaw("There is no event in it.")
    return Flaw(f"More than {MOST_EVENTS} events in one request.") if len(value) > MOST_EVENTS else None


def _seconds(value: Any) -> Flaw | None:
    if flaw := integer(value):
        return flaw
    if value >= MILLISECONDS_FROM:
        return Flaw("Not a Unix time in seconds: this looks like milliseconds.")
    return None if value > 0 else Flaw("Not a Unix time in seconds.")


def _hashed(value: Any) -> Flaw | None:
    if flaw := filled_text(value):
        return flaw
    if value.lower() == HASH_OF_NOTHING:
        return Flaw("This is the hash of an empty text.")
    return None if _HASH_ANY_CASE.fullmatch(value) else Flaw("Not hashed: Meta takes SHA-256 as 64 hex digits.")


def _lower_hash(value: str) -> Flaw | None:
    return None if _HASH.fullmatch(value) else Flaw("Usually 64 lower-case hex digits.")


def _plain(value: str) -> Flaw | None:
    return Flaw("Looks hashed. Meta wants it plain.") if _HASH_ANY_CASE.fullmatch(value) else None


def _address(value: Any) -> Flaw | None:
    if flaw := text(value):
        return flaw
    try:
        ip_address(value)
    except ValueError:
        return Flaw("Not a valid IP address.")
    return None


def _public(value: str) -> Flaw | None:
    return None if ip_address(value).is_global else Flaw("Not a public IP address: it recognises nobody.")


def _click(value: str) -> Flaw | None:
    return None if _FBC.fullmatch(value) else Flaw("Usually fb.1.<creation time in ms>.<fbclid>. Meta ignores others.")


def _browser(value: str) -> Flaw | None:
    return None if _FBP.fullmatch(value) else Flaw("Usually fb.1.<creation time in ms>.<number>. Meta ignores others.")


def _url(value: Any) -> Flaw | None:
    if flaw := filled_text(value):
        return flaw
    try:
        parts = urlsplit(value)
    except ValueError:
        return Flaw("Not a valid URL.")
    return None if parts.scheme and parts.netloc else Flaw("Not a valid URL.")


def _event_name(value: str) -> Flaw | None:
    longest = f"Longer than {_EVENT_NAME_LONGEST} characters."
    return Flaw(longest) if len(value) > _EVENT_NAME_LONGEST else None


def _amount(value: Any) -> Flaw | None:
    return None if isinstance(value, str) and _NUMBER.fullmatch(value) else number(value)


def _number(value: Any) -> Flaw | None:
    if isinstance(value, str):
        return Flaw("A number as text. Meta reads it, and wants a number.")
    return _not_negative(value)


def _currency(value: Any) -> Flaw | None:
    return text(value) or (None if _CURRENCY.fullmatch(value) else Flaw("Not an ISO 4217 currency code."))


def _upper(value: str) -> Flaw | None:
    return None if value.isupper() else Flaw("Usually three capital letters.")


def _not_negative(value: float) -> Flaw | None:
    return Flaw("A negative number.") if value < 0 else None


def _id(value: Any) -> Flaw | None:
    return None if integer(value) is None else filled_text(value)


def _product(value: str) -> Flaw | None:
    return None if value in ("product", "product_group") else Flaw("Usually product or product_group.")


def _flag(value: Any) -> Flaw | None:
    return None if value in (0, 1) and isinstance(value, int) else Flaw("Not 0, 1, true or false.")


def _options(value: Any) -> Flaw | None:
    if flaw := a_list(value):
        return flaw
    return None if all(each == "LDU" for each in value) else Flaw("The only option is LDU.")


def _device(value: Any) -> Flaw | None:
    if flaw := a_list(value):
        return Flaw(flaw.reason, DEVICE)
    if len(value) != EXTINFO_MEMBERS:
        return Flaw(f"It has {len(value)} members, not {EXTINFO_MEMBERS}.", DEVICE)
    return None if value[0] in ("i2", "a2") else Flaw("The first member is i2 (iOS) or a2 (Android).", DEVICE)


def _texts(names: str) -> dict[str, Field]:
    return {name: Field(text) for name in names.split()}


_ONE_HASH = Field(_hashed, _lower_hash)
_HASHES = Field(_hashed, _lower_hash, each=_ONE_HASH)
_OWN_ID = Field(_id, each=Field(_id))

_USER = {
    **dict.fromkeys(HASHED, _HASHES),
    "external_id": _OWN_ID,
    "client_ip_address": Field(_address, _public),
    "client_user_agent": Field(filled_text, _plain),
    "fbc": Field(text, _click),
    "fbp": Field(text, _browser),
    **{name: Field(_id) for name in ("subscription_id", "fb_login_id", "lead_id")},
    **_texts("madid anon_id page_id page_scoped_user_id ctwa_clid ig_account_id ig_sid whatsapp_business_account_id"),
}

_DELIVERY = Field(one_of("in_store", "curbside", "home_delivery"))
_CONTENT = Field(
    an_object,
    members={
        "id": Field(_id, required=True),
        "quantity": Field(integer, _not_negative),
        "item_price": Field(_amount, _number),
        "delivery_category": _DELIVERY,
        **_texts("title description brand category"),
    },
)
_CUSTOM = {
    "value": Field(_amount, _number),
    "currency": Field(_currency, _upper),
    "contents": Field(a_list, each=_CONTENT),
    "content_ids": Field(a_list, each=Field(_id)),
    "content_type": Field(text, _product),
    "num_items": Field(integer, _not_negative),
    "order_id": Field(_id),
    "predicted_ltv": Field(_amount, _number),
    "net_revenue": Field(_amount, _number),
    "delivery_category": _DELIVERY,
    **_texts("content_name content_category search_string status item_number shipping_contact billing_contact"),
}
_APP = Field(
    an_object,
    members={
        "advertiser_tracking_enabled": Field(_flag, required=True),
        "application_tracking_enabled": Field(_flag, required=True),
        "extinfo": Field(_device, required=True),
        **_texts("campaign_ids install_referrer installer_package vendor_id windows_attribution_id anon_id"),
        **{name: Field(_flag) for name in ("consider_views", "include_dwell_data", "include_video_data")},
        "install_timestamp": Field(integer),
        "url_schemes": Field(a_list),
    },
)

EVENT = Field(
    an_object,
    members={
        "event_name": Field(filled_text, _event_name, required=True),
        "event_time": Field(_seconds, required=True),
        "action_source": Field(one_of(*SOURCES), required=True),
        "user_data": Field(an_object, required=True, members=_USER),
        "event_id": Field(text),
        "event_source_url": Field(_url),
        "referrer_url": Field(text),
        "opt_out": Field(boolean),
        "custom_data": Field(an_object),
        "app_data": _APP,
        "data_processing_options": Field(_options),
        "data_processing_options_country": Field(integer),
        "data_processing_options_state": Field(integer),
        "messaging_channel": Field(one_of("messenger", "instagram", "whatsapp")),
        "original_event_data": Field(an_object),
        "attribution_data": Field(an_object),
        "customer_segmentation": Field(text),
    },
)
"""An event. What it is about may hold anything beside `CUSTOM`: advertisers have properties of their own there."""

CUSTOM: Mapping[str, Field] = _CUSTOM

ENVELOPE = Field(
    an_object,
    members={
        "data": Field(_batch, required=True),
        **_texts("test_event_code partner_agent access_token appsecret_proof namespace_id upload_id upload_tag"),
        "upload_source": Field(text),
        "platforms": Field(a_list),
    },
)
