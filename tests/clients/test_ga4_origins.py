"""Which pages may read the answer of the client `ga4`. Everything else is taken all the same: CORS lets nobody in."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as some

from clients.ga4 import Ga4, ga4
from container.event import Hit

LISTED = Ga4.model_validate({"allow_origins": ["https://www.shop.example", "https://pay.example:8443"]})
QUERY = "v=2&tid=G-ABC123XYZ9&cid=1.2&en=page_view"


def answered(origin: str | None, host: str, settings: Ga4, *, method: str = "POST") -> Mapping[str, str]:
    """The headers of the answer to a hit, which is taken whatever its origin is."""
    headers = {"host": host} | ({} if origin is None else {"origin": origin})
    claim = ga4(settings, Hit(b"0" * 16, 1_763_640_001_410, method, "/g/collect", QUERY, headers))
    assert claim is not None
    assert claim.reply.status == 204
    assert len(claim.events) == (0 if method == "OPTIONS" else 1)
    return {name.lower(): value for name, value in claim.reply.headers}


def allowed(origin: str | None, host: str = "t.shop.example", settings: Ga4 | None = None) -> bool:
    """Whether a page of the origin may read the answer; then it is named, and its cookies may come along."""
    settings = settings or Ga4()
    for method in ("GET", "POST", "OPTIONS"):
        found = answered(origin, host, settings, method=method)
        assert found["vary"] == "Origin"
        assert found.get("access-control-allow-origin") in (origin, None)
        assert ("access-control-allow-origin" in found) == ("access-control-allow-credentials" in found)
        assert ("access-control-max-age" in found) == (method == "OPTIONS" and "access-control-allow-origin" in found)
    return "access-control-allow-origin" in found


TRICKS = [
    None,
    "",
    "*",
    "null",
    "NULL",
    "https://",
    "https://shop.example.evil.example",
    "https://www.shop.example.evil",
    "https://evilshop.example",
    "https://shop-example.evil",
    "https://wwwxshop.example",
    "https://shop.example@evil.example",
    "https://evil.example@www.shop.example",
    "https://www.shop.example:80@evil.example",
    "https://evil.example#www.shop.example",
    "https://evil.example/www.shop.example",
    "https://evil.example?www.shop.example",
    "https://evil.example\\.www.shop.example",
    "https://www.shop.example/",
    "https://www.shop.example/path",
    "https://www.shop.example.",
    "https://WWW.shop.example",
    "HTTPS://www.shop.example",
    "https://www.shop.example:port",
    "https://www.shop.example:",
    "https://www.shop.example:443:443",
    "https://www.shop.example, https://evil.example",
    "https://www.shop.example https://evil.example",
    " https://www.shop.example",
    "https://www.shop.example\r\nset-cookie: a=b",
    "https://www.shop.example\x00",
    "https:www.shop.example",
    "//www.shop.example",
    "www.shop.example",
    "ftp://www.shop.example",
    "file://",
    "chrome-extension://www.shop.example",
    "https://example",
    "https://www.sh\xf6p.example",
    "https://www.%73hop.example",
    "https://203.0.113.9",
    "https://[::1]",
]


@pytest.mark.parametrize("origin", TRICKS)
def test_no_trick_makes_an_origin_one_of_the_site(origin: str | None) -> None:
    assert not allowed(origin)
    assert not allowed(origin, settings=LISTED)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://shop.example", "t.shop.example"),
        ("https://www.shop.example", "t.shop.example"),
        ("https://a.b.shop.example:8443", "T.Shop.Example.:443"),
        # The visitor's own site, though not encrypted; the answer holds nothing.
        ("http://www.shop.example", "t.shop.example"),
        ("https://www.shop.co.uk", "t.shop.co.uk"),
        ("https://me.github.io", "t.me.github.io"),
        ("https://www.xn--mnchen-3ya.de", "t.xn--mnchen-3ya.de"),
        ("http://localhost:3000", "localhost:8080"),
        ("http://203.0.113.9", "203.0.113.9:8080"),
        ("http://[2001:db8::1]:3000", "[2001:db8::1]:8080"),
    ],
)
def test_without_a_list_the_pages_of_the_same_site_may_read(origin: str, host: str) -> None:
    assert allowed(origin, host)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://you.github.io", "me.github.io"),
        ("https://github.io", "me.github.io"),
        ("https://other.co.uk", "shop.co.uk"),
        ("https://co.uk", "shop.co.uk"),
        ("http://203.0.113.10", "203.0.113.9:8080"),
        ("http://127.1", "127.0.0.1"),
        ("http://localhost", "127.0.0.1"),
        ("https://xn--mnchen-3ya.de", "munchen.de"),
        ("https://evil.example", ""),
        ("null", ""),
        ("null", "null"),
    ],
)
def test_a_neighbour_under_a_public_suffix_is_another_site(origin: str, host: str) -> None:
    assert not allowed(origin, host)


@pytest.mark.parametrize(
    ("origin", "found"),
    [
        ("https://www.shop.example", True),
        ("https://pay.example:8443", True),
        ("http://www.shop.example", False),
        ("https://www.shop.example:443", False),
        ("https://shop.example", False),
        ("https://t.shop.example", False),
        ("https://pay.example", False),
        ("https://pay.example:84430", False),
    ],
)
def test_with_a_list_an_origin_is_on_it_to_the_letter(origin: str, *, found: bool) -> None:
    assert allowed(origin, settings=LISTED) == found


def test_what_a_browser_may_send_is_remembered_for_ten_minutes() -> None:
    found = answered("https://www.shop.example", "t.shop.example", Ga4(), method="OPTIONS")
    assert found["access-control-max-age"] == "600"


@given(some.text(some.characters(exclude_categories=())) | some.text("htps:/.@[]w-example0"), some.text())
def test_whatever_the_origin_is_it_is_named_to_the_letter_or_not_at_all(origin: str, host: str) -> None:
    assert allowed(origin, host) in (True, False)
