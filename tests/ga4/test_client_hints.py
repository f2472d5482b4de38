"""Client hints, from the parameter `uafvl` and from headers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from container.ga4.client_hints import LONGEST, add_header_hints, full_version_list


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", []),
        ("Chromium;142.0", [("Chromium", "142.0")]),
        ("Chromium;142.0|Google%20Chrome;142.0", [("Chromium", "142.0"), ("Google Chrome", "142.0")]),
        ("Not)A%3BBrand;8|", [("Not)A;Brand", "8")]),
        ("Not%3AA-Brand%3B8.0%7CChromium%3B156.0", [("Not:A-Brand", "8.0"), ("Chromium", "156.0")]),
        ("Chromium", [("Chromium", "")]),
        ("%FF;1;2", [("\ufffd", "1;2")]),
    ],
)
def test_brand_and_version_are_decoded_a_second_time(value: str, expected: list[tuple[str, str]]) -> None:
    assert full_version_list(value) == [{"brand": brand, "version": version} for brand, version in expected]


def test_endless_lists_are_cut() -> None:
    assert len(full_version_list("a;1|" * LONGEST)) == LONGEST // 4


def hints(already: dict[str, Any] | None = None, **headers: str) -> dict[str, Any]:
    found = dict(already or {})
    add_header_hints(found, {f"sec-ch-ua{name}".replace("_", "-"): value for name, value in headers.items()})
    return found


def test_without_headers_nothing_is_added() -> None:
    found: dict[str, Any] = {}
    add_header_hints(found, {"user-agent": "Mozilla/5.0"})
    assert found == {}


def test_brands_come_from_the_header() -> None:
    found: dict[str, Any] = {}
    add_header_hints(found, {"sec-ch-ua": '"Chromium";v="142", "Not(A:Brand" ; v="99", "a\\"b\\\\";v="1"'})
    assert found["brands"] == [
        {"brand": "Chromium", "version": "142"},
        {"brand": "Not(A:Brand", "version": "99"},
        {"brand": 'a"b\\', "version": "1"},
    ]


@pytest.mark.parametrize("header", ["", "Chromium", '"Chromium', '"Chromium";v=142', '\\"\\"\\"' * 9])
def test_a_header_that_lists_no_brands_gives_an_empty_list(header: str) -> None:
    found: dict[str, Any] = {}
    add_header_hints(found, {"sec-ch-ua": header})
    assert found == {"brands": []}


def test_mobile_and_platform_come_from_headers_where_no_parameter_said_them() -> None:
    assert hints(_mobile="?1", _platform='"macOS"') == {"mobile": True, "platform": '"macOS"'}
    assert hints({"mobile": False, "platform": "Windows"}, _mobile="?1", _platform='"macOS"') == {
        "mobile": False,
        "platform": "Windows",
    }


@given(st.text(), st.text('";v=\\,a'), st.text())
def test_no_header_is_too_odd(value: str, brands: str, mobile: str) -> None:
    assert isinstance(full_version_list(value), list)
    found: dict[str, Any] = {}
    add_header_hints(found, {"sec-ch-ua": brands, "sec-ch-ua-mobile": mobile})
    assert isinstance(found["brands"], list)
