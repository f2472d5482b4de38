"""Query strings, parts of a URL, registrable domains, sites and paths."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from container.url import (
    UrlParts,
    ascii_host,
    host_name,
    is_host,
    longer_paths,
    path_matches,
    query_parameters,
    registrable_domain,
    same_site,
    url_parts,
    without_parameters,
)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("", {}),
        ("a=1&b=2", {"a": "1", "b": "2"}),
        ("a=1&a=2", {"a": "2"}),
        ("a=&b", {"a": "", "b": ""}),
        ("a=x+y%20z%2B", {"a": "x y z+"}),
        ("a=b=c&&d=%zz", {"a": "b=c", "d": "%zz"}),
        ("a=1;b=2", {"a": "1;b=2"}),
        ("a=%FF", {"a": "\ufffd"}),
        ("a=%ED%A0%80", {"a": "\ufffd\ufffd\ufffd"}),
        ("a=\ud800", {"a": "\ufffd\ufffd\ufffd"}),
        ("a=é%C3%A9", {"a": "éé"}),
        ("=", {"": ""}),
        ("a", {"a": ""}),
        ("a=1&b", {"a": "1", "b": ""}),
        ("a=1&", {"a": "1"}),
        ("a=1=2&b&c", {"a": "1=2", "b": "", "c": ""}),
        ("&a&&b=1&", {"a": "", "b": "1"}),
        ("a=1&b=2&a=3", {"a": "3", "b": "2"}),
        ('a="1"&b=\\u0041', {"a": '"1"', "b": "\\u0041"}),
        ("a=%22%5C%00%26%3D%2b", {"a": '"\\\0&=+'}),
        ("a=%E2%80%93&b=%C3", {"a": "–", "b": "\ufffd"}),
        ("%FF=1&%FE=2&%FF=3&%61=%C3%A9", {"\ufffd": "3", "a": "é"}),
        ("a=\t\n\0\x7f&b=%7f", {"a": "\t\n\0\x7f", "b": "\x7f"}),
        ("a=%2&b=%u0041", {"a": "%2", "b": "%u0041"}),
    ],
)
def test_a_query_string_becomes_parameters(raw: str, expected: dict[str, str]) -> None:
    assert query_parameters(raw) == expected


def test_a_url_has_its_parts() -> None:
    parts = url_parts("HTTPS://user:key@WWW.Shop.example:8443/files/terms.v2.pdf?a=1&b=x%20y#top")
    assert (parts.protocol, parts.hostname, parts.port) == ("https", "www.shop.example", "8443")
    assert (parts.path, parts.query, parts.fragment) == ("/files/terms.v2.pdf", "a=1&b=x%20y", "top")
    assert (parts.extension, parts.parameters) == ("pdf", {"a": "1", "b": "x y"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", UrlParts()),
        ("https://shop.example", UrlParts("", "https", "shop.example", "443", "/")),
        ("http://shop.example?a", UrlParts("", "http", "shop.example", "80", "/", "a")),
        ("http://[::1]:8080/x", UrlParts("", "http", "::1", "8080", "/x")),
        ("http://[::1]/", UrlParts("", "http", "::1", "80", "/")),
        ("https://shop.example:port/", UrlParts("", "https", "shop.example", "443", "/")),
        ("//cdn.example/a", UrlParts("", "", "cdn.example", "", "/a")),
        ("/p/mug?x=1#y", UrlParts("", "", "", "", "/p/mug", "x=1", "y")),
        ("android-app://com.example.shop", UrlParts("", "android-app", "com.example.shop", "", "/")),
        ("http://[::1", UrlParts()),
    ],
)
def test_what_is_absent_is_empty(text: str, expected: UrlParts) -> None:
    found = url_parts(text)
    assert found.full == text
    assert (found.protocol, found.hostname, found.port) == (expected.protocol, expected.hostname, expected.port)
    assert (found.path, found.query, found.fragment) == (expected.path, expected.query, expected.fragment)


@pytest.mark.parametrize("text", ["https://shop.example/v1.2/list", "https://shop.example", "a/b."])
def test_only_the_last_segment_has_an_extension(text: str) -> None:
    assert url_parts(text).extension == ""


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("sgtm.shop.example.co.uk", "example.co.uk"),
        ("SGTM.Shop.Example:8443", "shop.example"),
        ("shop.example.", "shop.example"),
        ("me.github.io", "me.github.io"),
        ("xn--mnchen-3ya.de", "xn--mnchen-3ya.de"),
        ("github.io", None),
        ("co.uk", None),
        ("localhost", None),
        ("localhost:8080", None),
        ("203.0.113.7", None),
        ("203.0.113.7:80", None),
        ("[2001:db8::1]:80", None),
        ("2001:db8::1", None),
        ("shop..example", None),
        ("." * 4, None),
        ("", None),
        ("a." * 127 + "example", None),
    ],
)
def test_the_registrable_domain_is_one_label_more_than_the_public_suffix(host: str, expected: str | None) -> None:
    assert registrable_domain(host) == expected


@pytest.mark.parametrize(
    ("host", "expected"),
    [(" Shop.Example:80 ", "shop.example"), ("[::1]:80", "::1"), ("[::1", "::1"), ("::1", "::1"), ("a.b.", "a.b")],
)
def test_a_host_name_is_without_port_brackets_and_final_dot(host: str, expected: str) -> None:
    assert host_name(host) == expected


@pytest.mark.parametrize(
    "host",
    [
        *("shop.example", "shop.example.", "localhost", "x", "_a.b", "xn--bcher-kva.example", "1.2.3.example", "0xa.b"),
        *("127.0.0.1", "203.0.113.7", "::1", "2001:db8::1", "::ffff:1.2.3.4", f"{'a' * 63}.example"),
    ],
)
def test_a_host_is_a_name_or_a_whole_address(host: str) -> None:
    assert is_host(host)


@pytest.mark.parametrize(
    "host",
    [
        *("", ".", "..", "a..b", ".a", f"{'a' * 64}.example", "a." * 126 + "ab", "127.1", "127.0.0.1.", "2130706433"),
        *(
            "0x7f.1",
            "0x",
            "0",
            "0177.0.0.1",
            "256.0.0.1",
            "1.2.3.4.5",
            "a.1",
            "a.0XfF",
            "\uff11\uff12\uff17.0.0.1",
            "::g",
        ),
    ],
)
def test_a_host_that_ends_in_a_number_and_is_no_address_is_none(host: str) -> None:
    assert not is_host(host)


@pytest.mark.parametrize(
    ("origin", "host", "expected"),
    [
        ("https://www.shop.example", "sgtm.shop.example", True),
        ("http://shop.example:3000", "sgtm.shop.example:8080", True),
        ("https://shop.co.uk", "sgtm.other.co.uk", False),
        ("https://you.github.io", "me.github.io", False),
        ("http://localhost:3000", "localhost:8080", True),
        ("http://localhost", "127.0.0.1", False),
        ("http://203.0.113.7", "203.0.113.7:8080", True),
        ("http://203.0.113.8", "203.0.113.7:8080", False),
        ("http://[::1]:1", "[::1]:2", True),
        ("https://user@shop.example", "shop.example", False),
        ("https://shop.example.", "shop.example", False),
        ("https://SHOP.example", "shop.example", False),
        ("https://shop.example/", "shop.example", False),
        ("https://shop.example", "SHOP.example.:443", True),
        ("null", "localhost", False),
        ("", "", False),
        ("file:///", "localhost", False),
        ("https://", "", False),
        ("ftp://shop.example", "shop.example", False),
        ("https://shop.example\r\nx: y", "shop.example", False),
        ("https://shöp.example", "shöp.example", False),
        ("https://" + "a." * 300 + "shop.example", "shop.example", False),
    ],
)
def test_a_site_is_a_registrable_domain_or_else_a_host(origin: str, host: str, expected: bool) -> None:
    assert same_site(origin, host) is expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/g/collect", True),
        ("/metrics/g/collect", True),
        ("/a/collect2", True),
        ("/xg/collect", False),
        ("/xcollect2", False),
        ("/g/collect/", False),
        ("/g/collectx", False),
        ("/", False),
        ("", False),
    ],
)
def test_paths_match_at_the_end_at_the_border_of_a_segment(path: str, expected: bool) -> None:
    assert path_matches(("/g/collect", "collect2"), path) is expected


ANY_TEXT = st.text(st.characters(exclude_categories=()))


@given(ANY_TEXT)
def test_no_query_is_too_odd_and_every_parameter_can_be_written_as_utf_8(raw: str) -> None:
    for name, value in query_parameters(raw).items():
        assert (name + value).encode().decode() == name + value


@given(
    st.text('ab&=+%4Cc3é9Ff"\\\t ')
    | st.lists(st.tuples(ANY_TEXT, ANY_TEXT).map(lambda pair: urlencode([pair], errors="replace"))).map("&".join)
)
def test_a_query_is_read_as_the_standard_library_does(raw: str) -> None:
    found = query_parameters(raw)
    assert list(found.items()) == list(dict(parse_qsl(raw, keep_blank_values=True)).items())


@given(
    st.sampled_from(["http://", "https://", "https://shop.example", "https://shop.example:80"]),
    ANY_TEXT | st.text("a.-:/?#&=1@\t\n A"),
)
def test_a_url_has_the_parts_that_the_standard_library_finds(start: str, rest: str) -> None:
    parts = url_parts(start + rest)
    try:
        split = urlsplit(start + rest)
    except ValueError:
        assert parts == UrlParts(full=start + rest)
    else:
        assert (parts.protocol, parts.hostname) == (split.scheme, split.hostname or "")
        assert (parts.path, parts.query, parts.fragment) == (
            split.path or ("/" if split.hostname else ""),
            split.query,
            split.fragment,
        )


@given(ANY_TEXT | st.text("htps:/[]@.#?%1a"))
def test_no_url_is_too_odd(text: str) -> None:
    parts = url_parts(text)
    assert parts.full == text
    assert isinstance(parts.extension + "".join(parts.parameters), str)


@given(ANY_TEXT | st.text("ab.:[]1-"), ANY_TEXT | st.text("htps:/[]@.#?%1a"))
def test_no_host_and_no_origin_is_too_odd(host: str, origin: str) -> None:
    domain = registrable_domain(host)
    assert domain is None or "." in domain
    assert same_site(origin, host) in (True, False)


def test_a_longer_path_ends_in_the_other_at_a_segments_border() -> None:
    others = ["/mp/collect", "/collect", "/recollect", "/collect/more", "/debug/mp/collect"]
    assert longer_paths("/collect", others) == ["/mp/collect", "/debug/mp/collect"]


def test_without_a_parameter_the_rest_stays_as_it_was_written() -> None:
    raw = "a=%2F+&&b=1&%62=2&b&=x&c=\ud800&bb=3"
    assert without_parameters(raw, ["b"]) == "a=%2F+&&=x&c=\ud800&bb=3"
    assert without_parameters("", ["b"]) == ""


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("www.shop.example", "www.shop.example"),
        ("möbel.example", "xn--mbel-5qa.example"),
        ("straße.example", "xn--strae-oqa.example"),
        ("", ""),
        ("a b", ""),
        ("ü" * 300, ""),
    ],
)
def test_a_name_is_sent_in_ascii(name: str, sent: str) -> None:
    assert ascii_host(name) == sent
