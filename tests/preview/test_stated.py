"""The address of the container, as an analyst states it for a link."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from container.preview.stated import (
    NO_HOST,
    NO_PATH,
    NO_PORT,
    NO_SCHEME,
    NONE,
    WITH_QUERY,
    WITH_USER,
    stated_address,
)
from tests.preview.page_parts import Screen
from tests.preview.test_pages import with_screen

GOOD = {
    "https://tags.shop.example": "https://tags.shop.example",
    " HTTPS://Tags.Shop.example/ ": "https://tags.shop.example",
    "http://127.0.0.1:8080/metrics": "http://127.0.0.1:8080/metrics",
    "https://[2001:db8::1]:8443/a/b-c_d.e~f//": "https://[2001:db8::1]:8443/a/b-c_d.e~f",
    "http://localhost:65535": "http://localhost:65535",
    "https://xn--shp-0na.example.": "https://xn--shp-0na.example.",
}
WRONG = {
    "": NONE,
    "  ": NONE,
    "not a url": NO_SCHEME,
    "tags.shop.example": NO_SCHEME,
    "ftp://x": NO_SCHEME,
    "javascript:alert(1)": NO_SCHEME,
    "https:/tags.shop.example": NO_SCHEME,
    "https://h/path?x=1": WITH_QUERY,
    "https://h?": WITH_QUERY,
    "https://h/#a": WITH_QUERY,
    "https://ada:s3cret@h": WITH_USER,
    "https://": NO_HOST,
    "https:///metrics": NO_HOST,
    "https://a b": NO_HOST,
    "https://a..b": NO_HOST,
    "https://shöp.example": NO_HOST,
    "https://[h": NO_HOST,
    f"https://{'a' * 64}.example": NO_HOST,
    f"https://{'a.' * 128}example": NO_HOST,
    "https://h:": NO_PORT,
    "https://h:0": NO_PORT,
    "https://h:65536": NO_PORT,
    "https://h:٨٠": NO_PORT,
    "https://h:80:80": NO_PORT,
    "https://h\\@evil.example": NO_PATH,
    "https://h/a b": NO_PATH,
    "https://h/%2e": NO_PATH,
}


@pytest.mark.parametrize("stated", GOOD)
def test_an_address_is_taken_without_the_slash_in_its_end(stated: str) -> None:
    assert stated_address(stated) == GOOD[stated]


@pytest.mark.parametrize("stated", WRONG)
def test_of_anything_else_it_is_said_what_is_wrong_with_it(stated: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(WRONG[stated])}$"):
        stated_address(stated)


def test_a_link_is_made_of_an_address_and_of_nothing_else(tmp_path: Path) -> None:
    async def work(here: Screen) -> None:
        made = await here.post("link", {"address": "https://tags.shop.example/metrics/"})
        assert made["link"] == f"https://tags.shop.example/metrics{made['path']}"
        for stated, sentence in WRONG.items():
            assert await here.post("link", {"address": stated}, status=422) == {"error": sentence}
        assert await here.post("link", {"address": 7}, status=422) == {"error": '"address" is text.'}
        assert list(await here.post("link")) == ["path"]

    with_screen(tmp_path, work)
