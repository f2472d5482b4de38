"""Headers in which a proxy says who the visitor is and where. Those of strangers never become part of a hit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from types import MappingProxyType
from urllib.parse import unquote

_ADDRESS_HEADERS = frozenset(
    {
        "forwarded",
        "via",
        "forwarded-for",
        "x-forwarded",
        "x-host",
        "x-original-host",
        "x-original-forwarded-for",
        "z-forwarded-for",
        "x-ms-forwarded-client-ip",
        "x-real-ip",
        "x-real-client-ip",
        "x-client-ip",
        "x-clientip",
        "client-ip",
        "true-client-ip",
        "x-true-client-ip",
        "x-cluster-client-ip",
        "http-client-ip",
        "remote-addr",
        "x-remote-addr",
        "x-remote-ip",
        "x-originating-ip",
        "x-user-ip",
        "x-proxyuser-ip",
        "proxy-client-ip",
        "wl-proxy-client-ip",
        "do-connecting-ip",
        "eo-connecting-ip",
        "ali-cdn-real-ip",
        "cdn-src-ip",
        "x-cdn-src-ip",
        "incap-client-ip",
        "pantheon-client-ip",
        "x-arr-clientip",
        "x-ca-client-ip",
        "x-gateway-client-ip",
        "x-bluecoat-via",
        "cdn-requestcountrycode",
        "cdn-requeststatecode",
        "x-country",
        "x-country-code",
    }
)
_ADDRESS_PREFIXES = (
    "x-forwarded-",
    "x-appengine-",
    "x-gclb-",
    "x-geo-",
    "x-geoip-",
    "x-client-geo-",
    "x-vercel-",
    "x-azure-",
    "cf-",
    "cloudfront-",
    "fastly-",
    "fly-",
    "x-nf-",
    "x-envoy-",
    "x-akamai-",
    "x-sucuri-",
    "eo-client-",
)

# Country, region, city. What stands in front of everything knows the visitor best; a name that anybody may use is last.
_PLACES = (
    ("cf-ipcountry", "cf-region-code", "cf-ipcity"),
    ("cloudfront-viewer-country", "cloudfront-viewer-country-region", "cloudfront-viewer-city"),
    ("x-vercel-ip-country", "x-vercel-ip-country-region", "x-vercel-ip-city"),
    ("x-gclb-country", "x-gclb-region", "x-gclb-city"),
    ("x-appengine-country", "x-appengine-region", "x-appengine-city"),
    ("x-geo-country", "x-geo-region", "x-geo-city"),
)
_PLACE_HEADERS = frozenset({"x-country", "x-country-code", *(name for names in _PLACES for name in names)})

_COUNTRY = re.compile(r"[A-Z]{2}")
_REGION = re.compile(r"[A-Z0-9]{1,3}")
_NO_COUNTRY = frozenset({"XX", "ZZ"})
_LONGEST_CITY = 100


def is_address_header(name: str) -> bool:
    """Whether a header (lower case) speaks about the visitor's address or place, and so is a proxy's to set."""
    return name in _ADDRESS_HEADERS or name.startswith(_ADDRESS_PREFIXES)


def without_addresses(headers: Mapping[str, str]) -> Mapping[str, str]:
    """The headers without those that may hold the visitor's address. Those that name a place stay."""
    kept = {name: text for name, text in headers.items() if name in _PLACE_HEADERS or not is_address_header(name)}
    return MappingProxyType(kept)


def location_of(headers: Mapping[str, str]) -> dict[str, str]:
    """Country (`US`), region (`CA`) and city as the first proxy that knows the country states them, else nothing.

    What is no code of a country or a region is left out.
    """
    for country, region, city in _PLACES:
        if country in headers:
            found = _location(headers[country], headers.get(region, ""), headers.get(city, ""))
            if found:
                return dict(found)
    return {}


@lru_cache(maxsize=1024)
def _location(country: str, region: str, city: str) -> Mapping[str, str]:
    country, region = country.strip().upper(), region.strip().upper()
    if not _COUNTRY.fullmatch(country) or country in _NO_COUNTRY:
        return {}
    # Some write `USCA` or `US-CA`, some `CA`.
    if len(region) > 3:
        region = region.removeprefix(country).removeprefix("-")
    found = {"country": country}
    if _REGION.fullmatch(region):
        found["region"] = region
    name = _city(city)
    if name:
        found["city"] = name
    return found


def _city(text: str) -> str:
    """A city as UTF-8, whether its header holds the bytes themselves or percent signs; empty for none."""
    name = unquote(text[: 3 * _LONGEST_CITY]).strip()
    with suppress(UnicodeError):
        # Headers are read as Latin-1, byte by byte.
        name = name.encode("latin-1").decode()
    return name[:_LONGEST_CITY] if name.isprintable() and name != "?" else ""
