"""Headers and cookies that leave: nothing in a value can add a line or an attribute."""

from __future__ import annotations

import re
from typing import Any

import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as some

from container.effects import Reply, SetCookie
from container.header import OF_THE_CONNECTION, is_token
from container.web.reply import LONGEST_COOKIE_AGE_SECONDS, carries_body, cookie_line, header_lines

ATTRIBUTES = re.compile(
    rb"[^;,\s]+=[^;,\s\"\\]*; Path=/[^;]*(; Domain=[a-z0-9.-]+)?(; Max-Age=\d+)?(; Secure)?(; HttpOnly)?"
    rb"; SameSite=(Lax|Strict|None)"
)


def line(host: str = "www.shop.example", value: str = "v", **attributes: Any) -> str | None:
    found = cookie_line(SetCookie("n", value, **attributes), host)
    return None if found is None else found.decode("ascii")


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("www.example.com", "example.com"),
        ("example.com", "example.com"),
        ("a.b.co.uk", "b.co.uk"),
        ("sgtm.a.b.co.uk:8443", "b.co.uk"),
        ("x.github.io", "x.github.io"),
        ("y.x.github.io", "x.github.io"),
        ("github.io", None),
        ("co.uk", None),
        ("com", None),
        ("localhost", None),
        ("localhost:8080", None),
        ("127.0.0.1", None),
        ("192.0.2.4:8080", None),
        ("[2001:db8::1]", None),
        ("[2001:db8::1]:8080", None),
        ("WWW.Example.COM", "example.com"),
        ("www.example.com.", "example.com"),
        ("xn--mnchen-3ya.example.de", "example.de"),
        ("www.xn--mnchen-3ya.de", "xn--mnchen-3ya.de"),
        ("www.münchen.de", None),
        ("a;b.example.com", "example.com"),
        ("a.b.co.uk.", "b.co.uk"),
        ("A.B.CO.UK:443", "b.co.uk"),
        ("CO.UK.", None),
        ("GitHub.io:443", None),
        ("X.GITHUB.IO", "x.github.io"),
        ("2001:db8::1", None),
        ("[::ffff:192.0.2.4]:80", None),
        ("localhost.", None),
        ("shop.xn--p1ai", "shop.xn--p1ai"),
        ("xn--p1ai", None),
        ("192.0.2.4.", None),
        ("intranet", None),
        ("a.b; HttpOnly", None),
        ("www.example.com, evil.example", None),
        ("", None),
    ],
)
def test_an_automatic_domain_is_the_registrable_one_or_the_host_alone(host: str, domain: str | None) -> None:
    found = line(host)
    assert found is not None
    assert ("; Domain=" in found) == (domain is not None)
    assert domain is None or f"; Domain={domain};" in found


@pytest.mark.parametrize(
    ("stated", "written"),
    [
        ("shop.example", "shop.example"),
        (".Shop.Example", "shop.example"),
        ("www.shop.example.", "www.shop.example"),
        ("", None),
        ("co.uk", None),
        (".github.io", None),
        ("com", None),
        ("localhost", None),
        ("192.0.2.4", None),
    ],
)
def test_a_stated_domain_is_written_as_it_is(stated: str, written: str | None) -> None:
    found = line(domain=stated)
    assert found is not None
    assert found.startswith(f"n=v; Path=/; Domain={written};" if written else "n=v; Path=/; Secure")


@pytest.mark.parametrize("domain", ["e.com; Secure; SameSite=None", "e.com\r\nx: y", "e com", "é.example", "-", "a,b"])
def test_a_cookie_with_a_domain_that_is_none_is_left_out(domain: str) -> None:
    assert line(domain=domain) is None


@pytest.mark.parametrize(
    ("attributes", "written"),
    [
        ({}, "n=v; Path=/; Domain=shop.example; Secure; SameSite=Lax"),
        ({"max_age": 60}, "n=v; Path=/; Domain=shop.example; Max-Age=60; Secure; SameSite=Lax"),
        ({"max_age": -5}, "n=v; Path=/; Domain=shop.example; Max-Age=0; Secure; SameSite=Lax"),
        ({"max_age": 10**9}, "n=v; Path=/; Domain=shop.example; Max-Age=34560000; Secure; SameSite=Lax"),
        (
            {"http_only": True, "same_site": "strict"},
            "n=v; Path=/; Domain=shop.example; Secure; HttpOnly; SameSite=Strict",
        ),
        ({"secure": False}, "n=v; Path=/; Domain=shop.example; SameSite=Lax"),
        ({"secure": False, "same_site": "none"}, "n=v; Path=/; Domain=shop.example; Secure; SameSite=None"),
        ({"path": "/shop"}, "n=v; Path=/shop; Domain=shop.example; Secure; SameSite=Lax"),
    ],
)
def test_attributes_are_written_in_one_order(attributes: dict[str, Any], written: str) -> None:
    assert line(**attributes) == written


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("__Host-id", "Path=/; Secure; SameSite=Lax"),
        ("__HOST-id", "Path=/; Secure; SameSite=Lax"),
        ("__Secure-id", "Path=/shop; Domain=shop.example; Secure; SameSite=Lax"),
        ("__secure-id", "Path=/shop; Domain=shop.example; Secure; SameSite=Lax"),
        ("__Hosts", "Path=/shop; Domain=shop.example; SameSite=Lax"),
        ("id__Host-", "Path=/shop; Domain=shop.example; SameSite=Lax"),
    ],
)
def test_what_the_name_of_a_cookie_promises_is_kept(name: str, written: str) -> None:
    cookie = SetCookie(name, "v", domain="shop.example", path="/shop", secure=False)
    assert cookie_line(cookie, "www.shop.example") == f"{name}=v; {written}".encode()


def test_a_cookie_lives_for_400_days_at_most() -> None:
    assert LONGEST_COOKIE_AGE_SECONDS == 34_560_000
    assert "; Max-Age=34560000;" in (line(max_age=34_560_001) or "")
    assert "; Max-Age=34559999;" in (line(max_age=34_559_999) or "")


@pytest.mark.parametrize("value", ["a\r\nset-cookie: b=c", "a\nb", "a\x00b", "\x7f", "a\x85b", "a\tb"])
def test_a_value_with_a_control_character_is_left_out(value: str) -> None:
    assert line(value=value) is None


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("a; Domain=evil.example", "a%3B%20Domain=evil.example"),
        ('a,"b"\\', "a%2C%22b%22%5C"),
        ("ü", "%C3%BC"),
        ("\ud800", "?"),
        ("E.C.P.a-b_c~", "E.C.P.a-b_c~"),
        ("50% é", "50%25%20%C3%A9"),
        ("50%25", "50%2525"),
    ],
)
def test_what_a_value_may_not_hold_is_encoded(value: str, written: str) -> None:
    found = line(value=value)
    assert found is not None
    assert found.startswith(f"n={written}; ")


@pytest.mark.parametrize("name", ["", "a b", "a=b", "a;b", "é", "a\n", "a" * 300])
def test_a_name_that_is_no_token_is_left_out(name: str) -> None:
    assert cookie_line(SetCookie(name, "v"), "shop.example") is None


@pytest.mark.parametrize("path", ["", "x", "/;Secure", "/\n", "/é"])
def test_a_path_that_is_none_is_left_out(path: str) -> None:
    assert line(path=path) is None


def test_a_cookie_that_browsers_would_drop_for_its_size_is_left_out() -> None:
    assert line(value="v" * 4094) is not None
    assert line(value="v" * 4095) is None


cookies = some.builds(
    SetCookie,
    some.text(),
    some.text(),
    max_age=some.none() | some.integers(),
    domain=some.just("auto") | some.text(),
    path=some.just("/") | some.text(),
    secure=some.booleans(),
    http_only=some.booleans(),
    same_site=some.sampled_from(["lax", "strict", "none"]),
)


@given(cookies, some.text())
def test_any_cookie_is_one_line_with_the_intended_attributes_or_none(cookie: SetCookie, host: str) -> None:
    found = cookie_line(cookie, host)
    assert found is None or ATTRIBUTES.fullmatch(found)


@given(some.text(), some.text())
def test_no_header_can_add_a_line(name: str, value: str) -> None:
    lines = header_lines(Reply(200, [(name, value)], b"body"), "shop.example")
    assert len(lines) in (1, 2)
    assert lines[-1] == (b"content-length", b"4")
    assert not any(mark in part for header in lines for part in header for mark in (b"\r", b"\n", b"\0"))


class Read:
    """An answer as a browser's parser reads it."""

    def __init__(self, sent: bytes) -> None:
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = b""
        self.complete = False
        httptools.HttpResponseParser(self).feed_data(sent)

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value))

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.complete = True


ANY_TEXT = some.text(some.characters(exclude_categories=())) | some.text(some.characters(max_codepoint=255))
TRICKS = some.sampled_from(
    ["a\r\nset-cookie: b=c", "a\r\n\r\n<script>", "a\n b", "a; Domain=evil.example", "\x00", "\x85", "\u2028", "a\rb"]
)
SLOTS = some.one_of(ANY_TEXT, TRICKS, some.just("x-plain"))


@given(
    some.lists(some.tuples(SLOTS, SLOTS), max_size=4), some.lists(cookies, max_size=4), SLOTS, some.binary(max_size=9)
)
def test_whatever_stands_in_a_slot_the_answer_is_read_with_the_lines_that_were_meant(
    headers: list[tuple[str, str]], given_cookies: list[SetCookie], host: str, body: bytes
) -> None:
    meant = [
        name.lower().encode()
        for name, value in headers
        if is_token(name)
        and name.lower() not in OF_THE_CONNECTION | {"server"}
        and all(character == "\t" or (" " <= character <= "\xff" and character != "\x7f") for character in value)
    ]
    written = [found for found in (cookie_line(each, host) for each in given_cookies) if found is not None]
    lines = header_lines(Reply(200, headers, body, given_cookies), host)
    head = b"".join(b"%s: %s\r\n" % each for each in lines)
    read = Read(b"HTTP/1.1 200 OK\r\n%s\r\n%s" % (head, body))
    assert read.complete
    assert read.body == body
    assert [name for name, _ in read.headers] == [*meant, *[b"set-cookie"] * len(written), b"content-length"]
    assert [value for name, value in read.headers if name == b"set-cookie"] == written


def test_a_long_header_is_written_like_a_short_one() -> None:
    headers = [("X-Long", "v" * 1000), ("X-Long", "é" * 1000), ("X-Odd", "ł" * 1000), ("X-Short", "v")]
    assert header_lines(Reply(204, headers), "") == [
        (b"x-long", b"v" * 1000),
        (b"x-long", b"\xe9" * 1000),
        (b"x-short", b"v"),
    ]


@pytest.mark.parametrize("name", ["Content-Length", "transfer-encoding", "Connection", "Server"])
def test_a_client_does_not_speak_for_the_connection(name: str) -> None:
    assert header_lines(Reply(200, [(name, "7")], b""), "") == [(b"content-length", b"0")]


@pytest.mark.parametrize(("status", "body"), [(200, True), (204, False), (304, False), (404, True), (503, True)])
def test_a_length_is_stated_where_a_body_may_be(status: int, *, body: bool) -> None:
    assert carries_body(status) == body
    assert bool(header_lines(Reply(status), "")) == body


@pytest.mark.parametrize(
    ("value", "written"), [("a%3Db", "a%3Db"), ("a%", "a%"), ("a%3D; b", "a%3D%3B%20b"), ("a=b/+", "a=b/+")]
)
def test_a_value_that_is_encoded_already_is_not_encoded_again(value: str, written: str) -> None:
    found = line(value=value, encoded=True)
    assert found is not None
    assert found.startswith(f"n={written}; Path=/;")
