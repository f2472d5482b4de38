"""The one form of an address."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from container.address import canonical_address


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("203.0.113.9", "203.0.113.9"),
        (" 203.0.113.9:443 ", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("[2001:DB8:0::1]:443", "2001:db8::1"),
        ("[203.0.113.9]", "203.0.113.9"),
        ("203.0.113.9:", "203.0.113.9"),
        ("203.0.113.9:<script>", None),
        ("203.0.113.9:123456", None),
        ("[203.0.113.9:80]", None),
        ("[2001:db8::1]:443:443", None),
        ("[2001:db8::1]junk", None),
        ("[2001:db8::1", None),
        ("2001:db8::1]", None),
        ("[[2001:db8::1]]", None),
        ("[]", None),
        (":443", None),
        ("::", "::"),
        ("fe80::1%<script>", None),
        ("fe80::1%eth0", None),
        ("0313.0.0.1", None),
        ("3405803785", None),
        ("203.0.113.9/8", None),
        ("", None),
        (" " * 200 + "203.0.113.9", None),
    ],
)
def test_an_address_has_one_form(text: str, found: str | None) -> None:
    assert canonical_address(text) == found


@given(st.text() | st.ip_addresses().map(str))
def test_the_form_of_an_address_stays_what_it_is(text: str) -> None:
    found = canonical_address(text)
    assert found is None or canonical_address(found) == found


@given(
    st.ip_addresses(v=4).map(str)
    | st.text("0123456789.+-_ \0٣", max_size=16)
    | st.from_regex(r"(0?[0-9]{1,3}\.){3}0?[0-9]{1,3}")
)
def test_of_ipv4_only_four_plain_numbers_are_an_address(text: str) -> None:
    try:
        expected = str(IPv4Address(text.strip()))
    except ValueError:
        expected = None
    assert canonical_address(text) == expected
