"""Headers in which a proxy says who the visitor is and where."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from container.place import is_address_header, location_of, without_addresses


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, {}),
        ({"cf-ipcountry": "CH"}, {"country": "CH"}),
        ({"cf-ipcountry": "CH", "cf-region-code": "ZH", "cf-ipcity": "Z\xc3\xbcrich"}, ("CH", "ZH", "Zürich")),
        ({"cf-ipcountry": "CH", "cf-ipcity": "Z\xfcrich"}, {"country": "CH", "city": "Zürich"}),
        ({"x-gclb-country": "US", "x-gclb-region": "USNY", "x-gclb-city": "Albany"}, ("US", "NY", "Albany")),
        ({"x-gclb-country": "US", "x-gclb-region": "US-NY"}, {"country": "US", "region": "NY"}),
        (
            {"x-appengine-country": "us", "x-appengine-region": "ny", "x-appengine-city": "new york"},
            ("US", "NY", "new york"),
        ),
        ({"x-appengine-country": "GB", "x-appengine-region": "?", "x-appengine-city": "?"}, {"country": "GB"}),
        ({"x-vercel-ip-country": "BR", "x-vercel-ip-city": "S%C3%A3o%20Paulo"}, {"country": "BR", "city": "São Paulo"}),
        (
            {"cloudfront-viewer-country": "FR", "cloudfront-viewer-country-region": "75C"},
            {"country": "FR", "region": "75C"},
        ),
        ({"x-geo-country": "NZ", "x-geo-region": "Canterbury"}, {"country": "NZ"}),
        ({"x-geo-country": "NZ", "cf-ipcountry": "CH"}, {"country": "CH"}),
        ({"x-geo-country": "NZ", "x-geo-city": "Akaroa", "cf-ipcountry": "XX"}, {"country": "NZ", "city": "Akaroa"}),
        ({"x-geo-country": "DE", "x-geo-region": "DEU"}, {"country": "DE", "region": "DEU"}),
        ({"cf-ipcountry": "T1"}, {}),
        ({"x-appengine-country": "ZZ"}, {}),
        ({"cf-ipcountry": "Switzerland", "cf-ipcity": "Bern"}, {}),
        ({"cf-ipcity": "Bern", "cf-region-code": "BE"}, {}),
        ({"cf-ipcountry": "CH", "cf-ipcity": "a\nb"}, {"country": "CH"}),
    ],
)
def test_a_place_is_what_the_first_proxy_says_that_knows_the_country(
    headers: dict[str, str], expected: dict[str, str] | tuple[str, str, str]
) -> None:
    wanted = (
        dict(zip(("country", "region", "city"), expected, strict=True)) if isinstance(expected, tuple) else expected
    )
    assert location_of(headers) == wanted


def test_a_found_place_is_the_callers_own() -> None:
    location_of({"cf-ipcountry": "CH"})["country"] = "XX"
    assert location_of({"cf-ipcountry": "CH"}) == {"country": "CH"}


@given(st.text(max_size=8), st.text(max_size=8), st.text())
def test_no_place_is_too_odd(country: str, region: str, city: str) -> None:
    found = location_of({"cf-ipcountry": country, "cf-region-code": region, "cf-ipcity": city})
    assert found.keys() <= {"country", "region", "city"}
    assert all(text and text.isprintable() for text in found.values())


def test_without_addresses_the_place_stays() -> None:
    headers = {
        "cf-ipcountry": "CH",
        "x-geo-city": "Bern",
        "x-country": "CH",
        "cf-connecting-ip": "203.0.113.7",
        "x-forwarded-for": "203.0.113.7",
        "forwarded": "for=203.0.113.7",
        "x-appengine-user-ip": "203.0.113.7",
        "host": "shop.example",
    }
    assert without_addresses(headers).keys() == {"cf-ipcountry", "x-geo-city", "x-country", "host"}


@pytest.mark.parametrize(
    "name",
    [
        *("x-real-ip", "via", "cloudfront-viewer-address", "x-vercel-forwarded-for"),
        *("fly-client-ip", "x-envoy-external-address", "x-nf-client-connection-ip", "do-connecting-ip", "x-nf-geo"),
        *("eo-connecting-ip", "ali-cdn-real-ip", "x-akamai-edgescape", "x-sucuri-clientip", "x-arr-clientip"),
        *("wl-proxy-client-ip", "incap-client-ip", "x-originating-ip", "remote-addr", "x-client-geo-location"),
    ],
)
def test_a_proxys_header_is_known_by_its_name(name: str) -> None:
    assert is_address_header(name)
    assert not is_address_header(f"my-{name}")


@pytest.mark.parametrize("name", ["fly-client-ip", "x-envoy-external-address", "x-nf-geo", "do-connecting-ip"])
def test_what_a_host_calls_the_address_goes_with_it(name: str) -> None:
    assert without_addresses({name: "203.0.113.7", "host": "shop.example"}) == {"host": "shop.example"}
