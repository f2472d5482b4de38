"""Cookies of another server: read as a browser would, whatever they are, and added behind our own."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from container.effects import Reply, SetCookie
from container.preview.marks import COOKIE
from container.set_cookie import LONGEST_BYTES, MOST_COOKIES, OUR_COOKIES, cookies_of, with_cookies
from container.web.reply import header_lines

NOW = 1_763_640_000_000
"""2025-11-20 12:00:00 UTC in milliseconds."""

ANY_TEXT = some.text(some.characters(exclude_categories=()))
DATE = "Thu, 20 Nov 2025 13:00:00 GMT"
PARTS = some.sampled_from(
    [*'=; "/0\t\0é', "FPID", "%2B", "Max-Age", "Expires", "Path", "Domain", "SameSite", "None", "Secure", "HttpOnly"]
) | some.sampled_from(["-1", "99999999999999999999", "__Host-", DATE])
LINES = ANY_TEXT | some.lists(PARTS).map("".join)


def read(line: str) -> SetCookie | None:
    found = cookies_of([line], now=NOW)
    assert len(found) < 2
    return found[0] if found else None


def must_read(line: str) -> SetCookie:
    found = read(line)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("FPID=1", {}),
        ("FPID=1; Max-Age=60; Path=/; Domain=other.example; Secure; HttpOnly; SameSite=None",
         {"max_age": 60, "secure": True, "http_only": True, "same_site": "none"}),
        ("FPID=1; secure; SAMESITE=STRICT; path=/shop", {"secure": True, "same_site": "strict", "path": "/shop"}),
        ("FPID=1; SameSite=Odd; Path=shop", {}),
        ("FPID=1; Path=/a\u00e9", {}),
        ("FPID=1; Max-Age=0", {"max_age": 0}),
        ("FPID=1; Max-Age=-5", {"max_age": 0}),
        ("FPID=1; Max-Age=soon", {}),
        ("FPID=1; Max-Age=60; Max-Age=soon", {"max_age": 60}),
        ("FPID=1; Max-Age=60; Max-Age=90", {"max_age": 90}),
        ("FPID=1; Max-Age=0000000000000060", {"max_age": 60}),
        ("FPID=1; Max-Age=" + "9" * 900, {"max_age": 10**9}),
        ("FPID=1; Expires=Thu, 20 Nov 2025 13:00:00 GMT", {"max_age": 3600}),
        ("FPID=1; Expires=Thu, 20-Nov-2025 13:00:00 GMT", {"max_age": 3600}),
        ("FPID=1; Expires=Thu, 20 Nov 2025 14:00:00 +0100", {"max_age": 3600}),
        ("FPID=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT", {"max_age": 0}),
        ("FPID=1; Expires=Fri, 31 Dec 9999 23:59:59 GMT", {"max_age": 10**9}),
        ("FPID=1; Expires=never", {}),
        ("FPID=1; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT", {"max_age": 60}),
        (f"FPID=1; Path=/{'a' * 1024}", {}),
    ],
)  # fmt: skip
def test_what_is_stated_is_kept_but_for_the_domain(line: str, expected: dict[str, Any]) -> None:
    assert must_read(line) == SetCookie("FPID", "1", **{"secure": False, "encoded": True, **expected})


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("FPID=", ""),
        ("  FPID =  a b  ; Secure", "a b"),
        ("FPID=a=b", "a=b"),
        ("FPID=a%2Bb", "a%2Bb"),
        ('FPID="a.b"', "a.b"),
        ('FPID="', '"'),
        ('FPID=""', ""),
        ("FPID=1,2", "1,2"),
    ],
)
def test_the_value_is_what_whoever_reads_the_cookie_takes_it_for(line: str, value: str) -> None:
    assert must_read(line).value == value


@pytest.mark.parametrize(
    "line",
    [
        *("", ";", "FPID", "=1", "; FPID=1", "a b=1", "é=1", "FPID=1\r\nX: 2", "FPID=1\0", "FPID=1; Path=/\x7f"),
        *(f"{'a' * 257}=1", f"FPID={'x' * LONGEST_BYTES}", f"FPID={'é' * 2048}"),
    ],
)
def test_what_no_browser_keeps_is_left_out(line: str) -> None:
    assert read(line) is None


def test_the_last_of_one_name_counts_but_taking_away_never_undoes_setting() -> None:
    assert cookies_of(["A=1; Secure", "B=2", "A=3"], now=NOW) == (
        SetCookie("A", "3", secure=False, encoded=True),
        SetCookie("B", "2", secure=False, encoded=True),
    )
    for lines in (["A=1", "A=; Max-Age=0"], ["A=; Max-Age=0; Domain=x.example", "A=1"]):
        assert [cookie.value for cookie in cookies_of(lines, now=NOW)] == ["1"]
    [gone] = cookies_of(["A=1; Max-Age=0", "A=2; Max-Age=0"], now=NOW)
    assert (gone.max_age, gone.value) == (0, "1")


def test_of_very_many_some_are_left_out() -> None:
    lines = [f"C{number}=1" for number in range(100)]
    assert [cookie.name for cookie in cookies_of(["bad", *lines], now=NOW)] == [f"C{n}" for n in range(MOST_COOKIES)]
    reply = with_cookies(Reply(), [cookies_of(lines[:15], now=NOW), cookies_of(lines[15:], now=NOW)])
    assert len(reply.cookies) == MOST_COOKIES


def test_our_own_go_first_then_the_first_answer() -> None:
    own = Reply(cookies=[SetCookie("A", "own")])
    answers = [
        [SetCookie("A", "first"), SetCookie("B", "first")],
        [SetCookie("B", "second"), SetCookie("C", "second")],
    ]
    found = with_cookies(own, answers)
    assert [(each.name, each.value) for each in found.cookies] == [("A", "own"), ("B", "first"), ("C", "second")]
    assert with_cookies(own, [(), [SetCookie("A", "first")]]) is own


def test_a_cookie_reaches_the_visitor_as_one_of_our_own_host() -> None:
    lines = ["FPID=2.a%2B; Max-Age=34128000; Domain=relay.other.example; Path=/; Secure; HttpOnly; SameSite=Lax"]
    reply = with_cookies(Reply(), [cookies_of([*lines, "__Host-x=1", 'odd="a b"'], now=NOW)])
    assert header_lines(reply, "metrics.shop.example") == [
        (
            b"set-cookie",
            b"FPID=2.a%2B; Path=/; Domain=shop.example; Max-Age=34128000; Secure; HttpOnly; SameSite=Lax",
        ),
        (b"set-cookie", b"__Host-x=1; Path=/; Secure; SameSite=Lax"),
        (b"set-cookie", b"odd=a%20b; Path=/; Domain=shop.example; SameSite=Lax"),
    ]


@pytest.mark.parametrize(
    ("line", "written"),
    [
        ("__Host-x=1; Domain=relay.example; Path=/a; Max-Age=9", "__Host-x=1; Path=/; Max-Age=9; Secure; SameSite=Lax"),
        ("__HOST-x=1; HttpOnly", "__HOST-x=1; Path=/; Secure; HttpOnly; SameSite=Lax"),
        ("__Secure-x=1; Path=/a", "__Secure-x=1; Path=/a; Domain=shop.example; Secure; SameSite=Lax"),
        ("__secure-x=; Max-Age=0", "__secure-x=; Path=/; Domain=shop.example; Max-Age=0; Secure; SameSite=Lax"),
    ],
)
def test_a_cookie_from_elsewhere_keeps_what_its_name_promises(line: str, written: str) -> None:
    reply = with_cookies(Reply(204), [cookies_of([line], now=NOW)])
    assert header_lines(reply, "metrics.shop.example") == [(b"set-cookie", written.encode())]


@pytest.mark.parametrize("line", [f"{COOKIE}=x; Max-Age=60", f" {COOKIE} =; Max-Age=0; Path=/", f'{COOKIE}="x"'])
def test_no_other_server_sets_a_cookie_of_ours_or_takes_it_away(line: str) -> None:
    assert frozenset({COOKIE}) == OUR_COOKIES
    assert read(line) is None
    assert [each.name for each in cookies_of([line, "FPID=1", line], now=NOW)] == ["FPID"]


@given(some.lists(LINES, max_size=30))
def test_whatever_comes_is_survived_and_can_be_written(lines: list[str]) -> None:
    found = cookies_of(lines, now=NOW)
    assert len(found) <= MOST_COOKIES
    assert len({cookie.name for cookie in found}) == len(found)
    for _, line in header_lines(with_cookies(Reply(), [found]), "metrics.shop.example")[:-1]:
        assert b"\r" not in line
        assert b"\n" not in line
        assert b"Domain=" not in line or b"Domain=shop.example" in line


@given(some.integers(0, 400 * 24 * 3600))
def test_a_date_and_an_age_that_agree_are_read_alike(seconds: int) -> None:
    date = format_datetime(datetime.fromtimestamp(NOW / 1000 + seconds, UTC), usegmt=True)
    assert must_read(f"A=1; Expires={date}") == must_read(f"A=1; Max-Age={seconds}")
