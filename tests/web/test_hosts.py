"""Which hosts are answered for, and when a proxy says which one was asked for."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as some

from container.web.hosts import Hosts, allowed_hosts, as_forwarded, is_host

ALLOWED = allowed_hosts(["t.shop.example", "*.Harbour.example", "203.0.113.9", "[2001:DB8::1]", "localhost"])


@pytest.mark.parametrize(
    "host",
    [
        "t.shop.example",
        "T.Shop.Example:8443",
        "t.shop.example.",
        "www.harbour.example",
        "a.b.harbour.example:80",
        "203.0.113.9:8080",
        "[2001:db8::1]:8080",
        "[2001:db8:0:0::1]",
        "localhost:8080",
    ],
)
def test_a_host_that_is_named_is_answered_for_in_every_form(host: str) -> None:
    assert ALLOWED.allow(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "shop.example",
        "x.t.shop.example",
        "harbour.example",
        ".harbour.example",
        "a..harbour.example",
        "evilharbour.example",
        "t.shop.example.evil.example",
        "203.0.113.10",
        "2001:db8::2",
        "evil.example/.harbour.example",
        "evil.example#.harbour.example",
        "user@www.harbour.example",
        "*.harbour.example",
        "t.shop.example, evil.example",
        "t.shop.example:80:80",
        "127.0.0.1",
    ],
)
def test_no_other_host_is_answered_for(host: str) -> None:
    assert not ALLOWED.allow(host)


@given(some.text())
def test_where_no_host_is_named_all_are_answered_for(host: str) -> None:
    assert Hosts().allow(host)
    assert allowed_hosts([]).allow(host)


@pytest.mark.parametrize(
    "stated",
    [
        "",
        "*",
        "*.",
        "https://t.shop.example",
        "t.shop.example:8443",
        "203.0.113.9:80",
        "[::1]:80",
        "t.shop.example/x",
        "*.203.0.113.9",
        "münchen.example",
        "t.*.example",
        "a..b",
        "*.*.example",
        "a b",
    ],
)
def test_what_is_no_host_cannot_be_named(stated: str) -> None:
    with pytest.raises(ValueError, match="is no host"):
        allowed_hosts([stated])


@pytest.mark.parametrize("text", ["shop.example", "shop.example:8443", "[::1]:80", "LOCALHOST", "a_b.example"])
def test_a_host_is_a_name_or_an_address_and_at_most_a_port(text: str) -> None:
    assert is_host(text)


@pytest.mark.parametrize(
    "text", ["", "a b", "a,b", "a, b", "a;b", "a/b", "a@b", "a:b", "a:80:80", "::1", "[::1", "a\r\nb", "é", "a" * 256]
)
def test_nothing_else_is_a_host(text: str) -> None:
    assert not is_host(text)


@pytest.mark.parametrize(
    ("stated", "host"),
    [
        (["t.shop.example"], "t.shop.example"),
        ([" t.shop.example:8443 "], "t.shop.example:8443"),
        (["[2001:db8::1]"], "[2001:db8::1]"),
        ([], "inner:8080"),
        ([""], "inner:8080"),
        (["t.shop.example, inner"], "inner:8080"),
        (["t.shop.example", "t.shop.example"], "inner:8080"),
        (["t.shop.example; Secure"], "inner:8080"),
        (["https://t.shop.example"], "inner:8080"),
        (["<script>"], "inner:8080"),
        (["user@t.shop.example"], "inner:8080"),
    ],
)
def test_a_proxy_names_one_host_or_none(stated: Sequence[str], host: str) -> None:
    headers = {"host": "inner:8080", "accept": "*/*"}
    if stated:
        headers["x-forwarded-host"] = ", ".join(stated)
    found = as_forwarded(headers)
    assert found["host"] == host
    assert {**found, "host": ""} == {**headers, "host": ""}
