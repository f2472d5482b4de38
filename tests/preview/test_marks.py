"""The mark of a hit: found in cookie and header, and taken out before anything else sees the hit."""

from __future__ import annotations

import pytest

from container.event import Hit
from container.preview.marks import COOKIE, HEADER, marks_of, without_marks

HEADERS = {"host": "a.example", "x-a": "1"}


def hit(**headers: str) -> Hit:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Hit(bytes(16), 1, "POST", "/a", "b=c", {**HEADERS, **named}, b"body", "198.51.100.7")


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ({}, []),
        ({"cookie": "a=b; tc_previews=c; xtc_preview=d"}, []),
        ({"cookie": "tc_preview="}, []),
        ({"cookie": "a=b;tc_preview=M; c=d"}, ["M"]),
        ({"cookie": 'tc_preview="M"'}, ["M"]),
        ({"x_gtm_server_preview": " M "}, ["M"]),
        ({"x_gtm_server_preview": ""}, []),
        ({"x_gtm_server_preview": "H", "cookie": "tc_preview=C"}, ["H", "C"]),
    ],
)
def test_a_mark_is_found_in_the_header_and_in_the_cookie(headers: dict[str, str], found: list[str]) -> None:
    assert [*marks_of(hit(**headers))] == found


@pytest.mark.parametrize(
    ("cookie", "left"),
    [
        ("a=b; tc_preview=M; c=d", "a=b; c=d"),
        ("tc_preview=M; c=d", "c=d"),
        ("tc_preview=M", None),
        ("a=b; tc_preview=M;tc_preview=N", "a=b"),
        ("a=b", "a=b"),
    ],
)
def test_nothing_behind_preview_sees_the_mark(cookie: str, left: str | None) -> None:
    came = hit(cookie=cookie, x_gtm_server_preview="M")
    plain = without_marks(came)
    assert plain.headers == {**HEADERS, **({} if left is None else {"cookie": left})}
    assert COOKIE not in plain.cookies
    assert HEADER not in plain.headers
    for name in ("id", "received", "method", "path", "query", "body", "ip"):
        assert getattr(plain, name) == getattr(came, name)


def test_a_hit_with_nothing_of_preview_is_itself() -> None:
    for came in (hit(), hit(cookie="a=b; c=d")):
        assert without_marks(came) is came
