"""What TikTok's Events API takes: the tables of the envelope and of an event, per event source.

Source: "Report App, Web, Offline, or CRM Events", API for Business v1.3. Written apart from our tag on purpose: this is
the judge of what the tag sends. Refused is what TikTok documents or is known to refuse; the rest is a remark.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

from container.sandbox.fields import (
    Field,
    Flaw,
    Rule,
    a_list,
    an_object,
    boolean,
    filled_text,
    integer,
    number,
    one_of,
    text,
)

PARAMETER_ERROR, BATCH_SIZE, NOT_HASHED, PARTNER_NAME = 40002, 40061, 40062, 40063


def _words(table: str) -> frozenset[str]:
    return frozenset(table.split())


SOURCES = ("web", "app", "offline", "crm")

MOST_EVENTS = 1000

MILLISECONDS_FROM = 100_000_000_000
"""A time this large is no longer seconds (as seconds it would be the year 5138)."""

HASH_OF_NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

CURRENCIES = _words(
    """AED ARS AUD BDT BHD BIF BOB BRL CAD CHF CLP CNY COP CRC CZK DKK DZD EGP EUR GBP GTQ HKD HNL HUF IDR ILS INR ISK
    JPY KES KHR KRW KWD KZT MAD MOP MXN MYR NGN NIO NOK NZD OMR PEN PHP PKR PLN PYG QAR RON RUB SAR SEK SGD THB TRY TWD
    UAH USD VES VND ZAR"""
)

STANDARD_EVENTS = _words(
    """AddPaymentInfo AddToCart AddToWishlist ApplicationApproval CompleteRegistration Contact CustomizeProduct Download
    FindLocation InitiateCheckout Lead Purchase Schedule Search StartTrial SubmitApplication Subscribe ViewContent
    CompletePayment SubmitForm PlaceAnOrder ClickButton"""
)

_HASH = re.compile(r"[0-9a-f]{64}")
_ANY_HASH = re.compile(r"[0-9A-Fa-f]{64}")
_LOCALE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*")
_NOT_PUBLIC = tuple(
    ip_network(network)
    for network in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.168.0.0/16", "224.0.0.0/3", "::/127", "fc00::/7", "fe80::/10", "ff00::/8"),
    )
)
"""Unspecified, private, carrier's, loopback, link-local, multicast and reserved. Documentation networks pass."""


def _batch(value: Any) -> Flaw | None:
    if flaw := a_list(value):
        return flaw
    if not value:
        return Flaw("Shorter than minimum length 1.")
    return Flaw(f"Longer than maximum length {MOST_EVENTS}.", BATCH_SIZE) if len(value) > MOST_EVENTS else None


def _seconds(value: Any) -> Flaw | None:
    if flaw := integer(value):
        return flaw
    if value >= MILLISECONDS_FROM:
        return Flaw("Not a valid Unix time in seconds: this looks like milliseconds.")
    return None if value > 0 else Flaw("Not a valid Unix time in seconds.")


def _hashed(value: Any) -> Flaw | None:
    if flaw := text(value):
        return flaw
    if value == HASH_OF_NOTHING:
        return Flaw("This is the hash of an empty text.")
    return None if _HASH.fullmatch(value) else Flaw("PII not hashed: not 64 lower-case hex digits.", NOT_HASHED)


def _plain(value: str) -> Flaw | None:
    return Flaw("Looks hashed. TikTok wants it plain.") if _ANY_HASH.fullmatch(value) else None


def _country(value: str) -> Flaw | None:
    return _plain(value) or (
        None if re.fullmatch("[a-z]{2}", value) else Flaw("Usually two lower-case letters, such as de.")
    )


def _public_address(value: Any) -> Flaw | None:
    if flaw := text(value):
        return flaw
    try:
        address = ip_address(value)
    except ValueError:
        return Flaw("Not a valid IP address.")
    inner = getattr(address, "ipv4_mapped", None) or address
    if any(inner.version == network.version and inner in network for network in _NOT_PUBLIC):
        return Flaw("Not a public IP address.")
    return None


def _url(value: Any) -> Flaw | None:
    if flaw := filled_text(value):
        return flaw
    try:
        parts = urlsplit(value)
    except ValueError:
        return Flaw("Not a valid URL.")
    return None if parts.scheme and parts.netloc else Flaw("Not a valid URL.")


def _referrer(value: str) -> Flaw | None:
    return None if "://" in value else Flaw("Usually a full URL.")


def _locale(value: str) -> Flaw | None:
    return None if _LOCALE.fullmatch(value) else Flaw("Usually a language tag, such as en-US.")


def _currency(value: str) -> Flaw | None:
    return None if value in CURRENCIES else Flaw("Not among TikTok's supported currencies.")


def _supported_currency(value: Any) -> Flaw | None:
    return text(value) or _currency(value)


def _not_negative(value: float) -> Flaw | None:
    return Flaw("A negative number.") if value < 0 else None


def _share(value: Any) -> Flaw | None:
    return number(value) or (None if 0 <= value <= 1 else Flaw("Must be between 0 and 1."))


def _standard(value: Any) -> Flaw | None:
    return filled_text(value) or (
        None if value in STANDARD_EVENTS else Flaw("Offline events take standard event names only.")
    )


def _usually(*choices: str) -> Rule:
    return lambda value: None if value in choices else Flaw(f"Usually one of: {', '.join(choices)}.")


def _texts(names: str) -> dict[str, Field]:
    return {name: Field(text) for name in names.split()}


ENVELOPE = Field(
    an_object,
    members={
        "event_source": Field(one_of(*SOURCES), required=True),
        "event_source_id": Field(filled_text, required=True),
        "data": Field(_batch, required=True),
        "test_event_code": Field(text),
        "partner_name": Field(text),
    },
)

_ONE_HASH = Field(_hashed)
_HASHES = Field(_hashed, each=_ONE_HASH)

_CONTACT = {"email": _HASHES, "phone": _HASHES}
_PERSON = {
    "first_name": _ONE_HASH,
    "last_name": _ONE_HASH,
    "zip_code": _ONE_HASH,
    "city": Field(text, _plain),
    "state": Field(text, _plain),
    "country": Field(text, _country),
}
_DEVICE = {"ip": Field(_public_address), "user_agent": Field(text), "locale": Field(text, _locale)}

_USER: Mapping[str, Mapping[str, Field]] = {
    "web": {**_texts("ttclid ttp"), **_CONTACT, "external_id": _HASHES, **_PERSON, **_DEVICE},
    "app": {
        **_CONTACT,
        **_PERSON,
        **_DEVICE,
        **_texts("idfa idfv gaid"),
        "att_status": Field(one_of("AUTHORIZED", "DENIED", "NOT_DETERMINED", "RESTRICTED", "NOT_APPLICABLE")),
    },
    "offline": {**_CONTACT, **_PERSON, **_texts("lead_id")},
    "crm": {**_CONTACT, "external_id": _HASHES, **_PERSON},
}

_CONTENT = Field(
    an_object,
    members={
        **_texts("content_id content_name content_category content_type brand"),
        "price": Field(number, _not_negative),
        "quantity": Field(integer, _not_negative),
    },
)


def _properties(*, refuse_currency: bool) -> Field:
    return Field(
        an_object,
        members={
            "contents": Field(a_list, each=_CONTENT),
            "content_type": Field(text, _usually("product", "product_group")),
            "content_ids": Field(a_list, each=Field(text)),
            "currency": Field(_supported_currency) if refuse_currency else Field(text, _currency),
            "value": Field(number, _not_negative),
            "num_items": Field(integer, _not_negative),
            **_texts("search_string query description order_id shop_id"),
            "customer_type": Field(text, _usually("new", "returning")),
        },
    )


_PAGE = Field(an_object, required=True, members={"url": Field(_url, required=True), "referrer": Field(text, _referrer)})
_APP = Field(
    an_object,
    required=True,
    members={"app_id": Field(filled_text, required=True), **_texts("app_name app_version")},
)
_LEAD = Field(
    an_object,
    required=True,
    members={"lead_id": Field(filled_text, required=True), **_texts("lead_event_source")},
)
_WEB_AD = Field(an_object, members={"attribution_share": Field(_share)})
_APP_AD = Field(
    an_object,
    members={
        **_texts("callback campaign_id ad_id creative_id attribution_type attribution_provider"),
        "is_retargeting": Field(boolean),
        "attributed": Field(boolean),
        "attribution_share": Field(_share),
    },
)
_BY_SOURCE: Mapping[str, Mapping[str, Field]] = {
    "web": {"page": _PAGE, "ad": _WEB_AD, "limited_data_use": Field(boolean)},
    "app": {"app": _APP, "ad": _APP_AD, "limited_data_use": Field(boolean)},
    "offline": {},
    "crm": {"lead": _LEAD},
}


def _event(source: str, *, refuse_currency: bool) -> Field:
    return Field(
        an_object,
        members={
            "event": Field(_standard if source == "offline" else filled_text, required=True),
            "event_time": Field(_seconds, required=True),
            "event_id": Field(text),
            "user": Field(an_object, members=_USER[source]),
            "properties": _properties(refuse_currency=refuse_currency),
            **_BY_SOURCE[source],
        },
    )


EVENTS: Mapping[tuple[str, bool], Field] = {
    (source, refuse): _event(source, refuse_currency=refuse) for source in SOURCES for refuse in (False, True)
}
"""The fields of an event, by event source and by whether an unsupported currency is refused."""
