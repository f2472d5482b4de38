"""What is shown of a vendor's answer."""

from __future__ import annotations

import pytest

from container.delivery.excerpt import LONGEST, excerpt


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("code 40002: Batch.3.user.email is not valid", "code 40002: Batch.3.user.email is not valid"),
        ('{"email": "ada@example.com"}', '{"email":"*"}'),
        ('{"code": 1, "message": "no", "request_id": "2026112816570012345ABCDEF"}',) * 2,
        ('{"error": {"message": "no", "fbtrace_id": "AbCdEf0123456789_abcdefgh"}}',) * 2,
        (
            "refused, x-request-id: 0123456789abcdef0123456789abcdef",
            "refused, x-request-id: 0123456789abcdef0123456789abcdef",
        ),
        ("request_id: ada1@example.com", "request_id: *"),
        (
            '{"data": {"user": {"name": "Ada"}, "age": 36, "ok": true}}',
            '{"data":{"user":{"name":"*"},"age":"*","ok":true}}',
        ),
        ("ada%40example.com is odd", "* is odd"),
        ("from 203.0.113.7 or 2001:db8::1", "from * or *"),
        ("call +31 (20) 123-45.67", "call *"),
        ("hash " + "ab" * 32, "hash *"),
        ("line\r\n\x1b[31mred\u2028", "line [31mred"),
    ],
)
def test_an_excerpt_holds_nothing_personal_and_one_line(text: str, shown: str) -> None:
    assert excerpt(text).replace(" ", "") == shown.replace(" ", "")


@pytest.mark.parametrize(
    "text",
    [
        '{"events_received":5,"messages":[],"fbtrace_id":"AFbTrAcEiD0123456789abcd"}',
        '{"error":{"message":"no","error_subcode":2804050,"fbtrace_id":"AFbTrAcEiD0123456789abcd"}}',
        "code 100, subcode 2804050: no, trace AFbTrAcEiD0123456789abcd",
        "code 40105: no, request 2026010100000000000000000000000F",
    ],
)
def test_the_vendors_own_names_and_ids_stay_whatever_was_sent(text: str) -> None:
    assert excerpt(text, ["events", "error", "message", "Ada"]) == text


def test_what_was_sent_stands_behind_no_name_and_in_no_id() -> None:
    sent = ["ada1lovelace", "events"]
    assert excerpt('{"events":5,"message":"events, trace ada1lovelace"}', sent) == '{"*":"*","message":"*, trace *"}'
    assert excerpt("subcode 2804050", ["2804050"]) == "subcode *"
    assert excerpt("no, trace ada1lovelace", sent) == "no, trace *"
    assert excerpt("no, request ada1@example.com", sent) == "no, request *"
    assert excerpt('{"message":"a \\"message\\": b"}', ["message"]) == '{"message":"a \\"*\\": b"}'


def test_an_excerpt_is_short_and_made_in_linear_time() -> None:
    for text in ("a" * 10**6, "a@" * 10**6, "1 " * 10**6, "1:" * 10**6, " word" * 10**6):
        assert len(excerpt(text)) <= LONGEST


def test_an_excerpt_quotes_nothing_of_what_was_sent() -> None:
    sent = ["Ada", "Lovelace", "Mozilla/5.0 (X11) Shop", "ord 17", "a", "ell"]
    said = "Ada LOVELACE ordered ord%2017 or ord+17 with Mozilla/5.0 (X11) Shop: a cancelled Adapter"
    assert excerpt(said, sent) == "* * ordered * or * with *: a cancelled Adapter"
    assert excerpt('{"message": "Ada is odd", "request_id": "R1"}', sent) == '{"message":"* is odd","request_id":"R1"}'
