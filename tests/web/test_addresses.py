"""Whom ingest believes about the visitor's address."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from container.address import canonical_address
from container.place import is_address_header
from container.web.addresses import Proxies, is_near, network, peer_address

PROXY, OTHER_PROXY, VISITOR, STRANGER = "10.0.0.1", "10.0.0.2", "203.0.113.9", "198.51.100.7"
PROXIES = Proxies((network("10.0.0.0/8"), network("2001:db8:ffff::/48")))


@pytest.mark.parametrize(
    ("peer", "forwarded", "found"),
    [
        (STRANGER, "", STRANGER),
        (STRANGER, VISITOR, STRANGER),
        (STRANGER, f"{VISITOR}, {PROXY}", STRANGER),
        (STRANGER, "127.0.0.1", STRANGER),
        (PROXY, "", PROXY),
        (PROXY, VISITOR, VISITOR),
        (PROXY, f" {VISITOR} ", VISITOR),
        (PROXY, f"{VISITOR}, {OTHER_PROXY}", VISITOR),
        (PROXY, f"127.0.0.1, {VISITOR}", VISITOR),
        (PROXY, f"8.8.8.8, 9.9.9.9, {VISITOR}, {OTHER_PROXY}", VISITOR),
        (PROXY, f"10.9.9.9, {OTHER_PROXY}", "10.9.9.9"),
        (PROXY, f"<script>, {VISITOR}", VISITOR),
        (PROXY, "<script>", None),
        (PROXY, "unknown", None),
        (PROXY, f"{VISITOR}, unknown", None),
        (PROXY, f"{VISITOR},", None),
        (PROXY, "203.0.113.9:52100", VISITOR),
        (PROXY, "[2001:db8::1]:443", "2001:db8::1"),
        (PROXY, "2001:DB8:0::1", "2001:db8::1"),
        (PROXY, "::ffff:203.0.113.9", VISITOR),
        (PROXY, "fe80::1%<script>", None),
        (PROXY, "203.0.113.9/8", None),
        (PROXY, "0313.0.0.1", None),
        (PROXY, "3405803785", None),
        (PROXY, "203.0.113.9 10.0.0.2", None),
        ("2001:db8:ffff::5", "2001:db8::7", "2001:db8::7"),
        ("2001:db8:ffff::5", "2001:db8::7, 2001:db8:ffff::6", "2001:db8::7"),
        ("2001:db8:ffff::5", "[2001:db8::7%eth0]:80", None),
        ("2001:db8:fffe::5", "2001:db8::7", "2001:db8:fffe::5"),
        (PROXY, f"{VISITOR}, ::ffff:10.0.0.2", VISITOR),
        (PROXY, f"{VISITOR}, [::ffff:a00:2]:8080", VISITOR),
        (PROXY, f"{VISITOR}, 10.0.0.2:443", VISITOR),
        (PROXY, f"{VISITOR}:<script>", None),
        (PROXY, f"[{VISITOR}]junk", None),
        (PROXY, "[2001:db8::1", None),
        (PROXY, "2001:db8::1]", None),
        (PROXY, f'"{VISITOR}"', None),
        (PROXY, f"for={VISITOR}", None),
        (PROXY, "_hidden", None),
        (PROXY, "127.1", None),
        (PROXY, "0x7f.0.0.1", None),
        (PROXY, "203.0.113.256", None),
        (PROXY, "\u0662\u0660\u0663.0.113.9", None),
        (PROXY, f"{VISITOR}\x00", None),
        (PROXY, f"{VISITOR}, ", None),
        (PROXY, f", {VISITOR}", VISITOR),
        (PROXY, f"{VISITOR}, , {OTHER_PROXY}", None),
        (PROXY, f"{VISITOR};{OTHER_PROXY}", None),
        (PROXY, ",", None),
        (PROXY, f"{'9.9.9.9, ' * 3000}{VISITOR}", VISITOR),
        (PROXY, f"{VISITOR}{' ' * 100}", None),
        (PROXY, "localhost", None),
        (PROXY, f"<img src=x>, {VISITOR}, {OTHER_PROXY}, 10.1.1.1", VISITOR),
        (None, VISITOR, None),
    ],
)
def test_the_visitor_is_the_first_from_the_right_that_is_no_proxy_of_ours(
    peer: str | None, forwarded: str, found: str | None
) -> None:
    assert PROXIES.visitor(peer, forwarded) == found


@given(some.text(), some.ip_addresses().map(str))
def test_without_a_trusted_peer_the_header_never_changes_the_address(forwarded: str, peer: str) -> None:
    assert Proxies().visitor(peer, forwarded) == peer


@given(some.text())
def test_whatever_a_proxy_says_the_address_is_one_or_none(forwarded: str) -> None:
    found = PROXIES.visitor(PROXY, forwarded)
    assert found is None or canonical_address(found) == found


@pytest.mark.parametrize("peer", ["10.1.2.3", "2001:db8:ffff::9"])
def test_every_address_of_a_network_is_trusted(peer: str) -> None:
    assert PROXIES.trusts(peer)


def test_an_address_mapped_into_the_new_protocol_is_the_old_one() -> None:
    assert canonical_address("::ffff:10.0.0.1") == PROXY


@pytest.mark.parametrize(
    "name", ["x-forwarded-for", "forwarded", "x-real-ip", "cf-connecting-ip", "x-appengine-country", "x-gclb-region"]
)
def test_headers_about_address_and_place_belong_to_proxies(name: str) -> None:
    assert is_address_header(name)


@pytest.mark.parametrize("name", ["host", "cookie", "user-agent", "referer", "sec-ch-ua", "x-custom"])
def test_other_headers_belong_to_the_visitor(name: str) -> None:
    assert not is_address_header(name)


@pytest.mark.parametrize("text", ["", "10.0.0.0/33", "example.com", "*"])
def test_what_is_no_network_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="does not appear"):
        network(text)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("10.0.0.0/8", "10.0.0.0/8"),
        (" 10.0.0.1 ", "10.0.0.1/32"),
        ("::1", "::1/128"),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ("::ffff:10.0.0.1", "10.0.0.1/32"),
        ("2001:db8::/32", "2001:db8::/32"),
    ],
)
def test_a_network_is_written_as_its_addresses_are(text: str, meant: str) -> None:
    assert str(network(text)) == meant


def test_a_network_has_no_zone() -> None:
    with pytest.raises(ValueError, match="does not appear"):
        network("fe80::1%eth0")


def test_a_network_of_mapped_addresses_trusts_them() -> None:
    proxies = Proxies((network("::ffff:10.0.0.0/104"),))
    assert proxies.visitor("10.0.0.1", VISITOR) == VISITOR


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.9.9.9",
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "169.254.1.1",
        "100.64.0.1",
        "::1",
        "fc00::1",
        "fd12:3456::1",
        "fe80::1",
        "febf::1",
    ],
)
def test_an_address_of_this_machine_or_a_private_network_is_near(address: str) -> None:
    assert is_near(address)


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "172.32.0.1", "192.167.1.1", "100.128.0.1", "11.0.0.1", VISITOR, STRANGER, "2001:db8::1", "::2"],
)
def test_an_address_of_the_internet_is_not_near(address: str) -> None:
    assert not is_near(address)


@pytest.mark.parametrize(
    ("client", "found"),
    [
        (None, None),
        (("", 0), None),
        (("203.0.113.9", 40_000), VISITOR),
        (("::ffff:203.0.113.9", 40_000), VISITOR),
        (("fe80::1%eth0", 40_000), "fe80::1"),
        (("/run/hits.sock", 0), None),
    ],
)
def test_a_peer_is_an_address_without_its_zone(client: tuple[str, int] | None, found: str | None) -> None:
    assert peer_address(client) == found
