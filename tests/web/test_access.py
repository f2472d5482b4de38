"""Who may send a form: the token of our own pages, from this origin, and of a bearable size."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from starlette.requests import Request

from container.web.access import (
    FORM_SECONDS,
    LARGEST_FORM,
    MOST_FIELDS,
    Form,
    Refused,
    form_token,
    same_origin,
    sent_form,
)

TOKEN, NOW = "a-token-of-some-length", 1_767_261_600.0
FORM = "application/x-www-form-urlencoded"
VALID = f"token={form_token(TOKEN, NOW)}"


def sent(
    body: str | bytes = VALID, headers: Mapping[str, str] | None = None, *, now: float = NOW, token: str = TOKEN
) -> Form | Refused:
    given = {"content-type": FORM, "host": "admin.example:8081", **(headers or {})}
    raw = [(name.encode(), value.encode("latin-1")) for name, value in given.items()]
    content = body.encode() if isinstance(body, str) else body

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": content, "more_body": False}

    request = Request({"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": raw}, receive)
    return asyncio.run(sent_form(request, token, now))


def test_the_fields_of_a_form_come_in_order() -> None:
    form = sent(f"{VALID}&row=1.a&row=2.b&empty=&text=%3Cb%3E+%C3%A9")
    assert isinstance(form, Form)
    assert form.all("row") == ["1.a", "2.b"]
    assert (form.one("row"), form.one("empty"), form.one("nothing"), form.one("text")) == ("1.a", "", "", "<b> é")


@pytest.mark.parametrize("later", [0, FORM_SECONDS / 2, FORM_SECONDS])
def test_a_form_lives_for_some_hours(later: float) -> None:
    assert isinstance(sent(now=NOW + later), Form)


@pytest.mark.parametrize("later", [-FORM_SECONDS, 2 * FORM_SECONDS, 1e9])
def test_a_form_from_another_day_is_stale(later: float) -> None:
    assert sent(now=NOW + later) == "stale"


def test_a_form_ends_with_the_admin_token_it_was_made_for() -> None:
    assert sent(token="another-token-of-some-length") == "stale"


@pytest.mark.parametrize(
    "body", ["", "token=", "token=%FF%00", f"{VALID}0", f"tokens={form_token(TOKEN, NOW)}", "token"]
)
def test_a_form_without_its_token_is_stale(body: str) -> None:
    assert sent(body) == "stale"


@given(some.text())
def test_no_other_token_is_taken(token: str) -> None:
    assert sent(f"token={token.encode(errors='replace').hex()}") == "stale"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"sec-fetch-site": "same-origin", "origin": "http://admin.example:8081"},
        {"sec-fetch-site": "same-origin", "origin": "https://behind-a-proxy.example"},
        {"origin": "http://admin.example:8081"},
        {"origin": "https://ADMIN.example:8081"},
    ],
)
def test_a_form_of_this_origin_is_taken(headers: dict[str, str]) -> None:
    assert isinstance(sent(headers=headers), Form)


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"sec-fetch-site": ""},
        {"sec-fetch-site": "cross-site", "origin": "http://admin.example:8081"},
        {"origin": "null"},
        {"origin": ""},
        {"origin": "http://admin.example"},
        {"origin": "http://admin.example:80"},
        {"origin": "http://evil.example"},
        {"origin": "http://admin.example:8081.evil.example"},
        {"origin": "http://evil.example/admin.example:8081"},
        {"origin": "http://admin.example:8081@evil.example"},
        {"origin": "http://[admin.example:8081"},
        {"origin": "http://", "host": ""},
    ],
)
def test_a_form_from_elsewhere_is_foreign_even_with_its_token(headers: dict[str, str]) -> None:
    assert sent(headers=headers) == "foreign"


def test_whoever_is_no_browser_says_nothing_of_its_origin() -> None:
    assert same_origin({"host": "admin.example"})


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (VALID, {"content-type": "application/json"}),
        (VALID, {"content-type": "multipart/form-data; boundary=x"}),
        (VALID, {"content-type": "text/plain"}),
        (VALID, {"content-type": ""}),
        (f"{VALID}&x={'x' * LARGEST_FORM}", {}),
        (f"{VALID}{'&x=1' * MOST_FIELDS}", {}),
        (f"{VALID}&x=é".encode(), {}),
        (b"\xff\xfe", {}),
    ],
)
def test_what_is_no_form_of_ours_is_unreadable(body: str | bytes, headers: dict[str, str]) -> None:
    assert sent(body, headers) == "unreadable"


def test_a_form_whose_sender_leaves_is_unreadable() -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    headers = [(b"content-type", FORM.encode())]
    request = Request({"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": headers}, receive)
    assert asyncio.run(sent_form(request, TOKEN, NOW)) == "unreadable"
