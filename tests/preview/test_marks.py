"""The mark of a hit: found in cookie and header, and taken out before anything else sees the hit."""

from __future__ import annotations

import logging

import pytest

from container.event import Hit
from container.preview.marks import COOKIE, HEADER, QUIET_SECONDS, Ignored, marks_of, without_marks

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


def test_ignored_marks_are_told_of_once_a_minute_with_their_number(caplog: pytest.LogCaptureFixture) -> None:
    time = [100.0]
    ignored = Ignored(lambda: time[0])
    with caplog.at_level(logging.INFO, "container.preview"):
        ignored.tell()
        for _ in range(5):
            ignored.saw()
        time[0] += QUIET_SECONDS - 1
        ignored.tell()
        assert [line.message for line in caplog.records] == ["preview.mark_ignored count=1"]
        time[0] += 1
        ignored.tell()
        ignored.tell()
        time[0] += QUIET_SECONDS
        ignored.saw()
    counts = [line.message.partition("count=")[2] for line in caplog.records]
    assert counts == ["1", "4", "1"]
    assert {line.levelname for line in caplog.records} == {"INFO"}
