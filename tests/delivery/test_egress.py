"""Which addresses requests may go to."""

from __future__ import annotations

import socket
from ipaddress import ip_network

import pytest

from container.delivery.egress import allowed, guarded_socket


@pytest.mark.parametrize(
    "address",
    [
        *("0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "169.254.169.254", "172.31.0.1", "192.168.1.1"),
        *("224.0.0.1", "255.255.255.255", "198.18.0.1", "203.0.113.1", "::", "::1", "::ffff:10.0.0.1", "::7f00:1"),
        *("64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::", "2001:0:1::1", "fc00::1", "fe80::1%eth0", "ff02::1"),
        *("fd12::1", "fec0::1", "", "localhost", "127.1", "2001:db8::1"),
    ],
)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    assert not allowed(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "2a00:1450::1", "::ffff:1.1.1.1"])
def test_a_public_address_is_allowed(address: str) -> None:
    assert allowed(address)


def test_an_exception_opens_its_network_only() -> None:
    exceptions = (ip_network("10.1.0.0/16"), ip_network("fd00::/8"))
    assert allowed("10.1.2.3", exceptions)
    assert allowed("::ffff:10.1.2.3", exceptions)
    assert allowed("fd12::1", exceptions)
    assert not allowed("10.2.0.1", exceptions)


def test_the_socket_is_the_one_that_was_checked() -> None:
    entry = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.1", 443))
    with pytest.raises(OSError, match=r"10\.0\.0\.1"):
        guarded_socket(entry)
    guarded_socket(entry, [ip_network("10.0.0.0/8")]).close()
