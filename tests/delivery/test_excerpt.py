"""What is shown of a vendor's answer."""

from __future__ import annotations

import pytest

from container.delivery.excerpt import LONGEST, excerpt


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("code 40002: Batch.3.user.email is not valid", "code 40002: Batch.3.user.email is not valid"),
        ('{"email": "ada@example.com"}', '{"email": "*"}'),
        ("ada%40example.com is odd", "* is odd"),
        ("from 203.0.113.7 or 2001:db8::1", "from * or *"),
        ("call +31 (20) 123-45.67", "call *"),
        ("hash " + "ab" * 32, "hash *"),
        ("line\r\n\x1b[31mred\u2028", "line [31mred"),
    ],
)
def test_an_excerpt_holds_nothing_personal_and_one_line(text: str, shown: str) -> None:
    assert excerpt(text) == shown


def test_an_excerpt_is_short_and_made_in_linear_time() -> None:
    for text in ("a" * 10**6, "a@" * 10**6, "1 " * 10**6, "1:" * 10**6, " word" * 10**6):
        assert len(excerpt(text)) <= LONGEST
