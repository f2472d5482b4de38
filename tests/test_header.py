"""Names and values of headers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from container.header import is_token, one_line


@pytest.mark.parametrize("text", ["POST", "X-Order_1", "sec-ch-ua", "!#$%&'*+.^_`|~"])
def test_a_name_is_made_of_the_signs_that_http_allows(text: str) -> None:
    assert is_token(text)


@pytest.mark.parametrize("text", ["", "a b", "a:", "a\n", "é", "a" * 257, "a;b", "a,b"])
def test_anything_else_is_no_name(text: str) -> None:
    assert not is_token(text)


@given(st.text())
def test_a_value_is_one_line_of_ascii(text: str) -> None:
    line = one_line(text)
    assert line.isascii()
    assert line == "" or line.isprintable()


def test_what_can_stand_in_a_line_stays() -> None:
    assert one_line("a b%20 c") == "a b%20 c"
    assert one_line("é\r\n") == "%C3%A9%0D%0A"
