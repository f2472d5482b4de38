"""The linker cookie: what one site seals, another with the same secret unseals, and nobody else."""

from __future__ import annotations

from base64 import b64decode, b64encode
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from container.ga4.linker import CLOCKS_DIFFER_SECONDS, VALID_SECONDS, sealed, unsealed

KEY, OTHER = b"k" * 32, b"o" * 32
NOW = 1_763_000_000


@given(st.text(max_size=256), st.binary(min_size=1, max_size=64), st.integers(0, 2**40))
def test_what_is_sealed_comes_back(client_id: str, key: bytes, now: int) -> None:
    assert unsealed(key, sealed(key, client_id, now), now) == client_id.encode("utf-8", "replace").decode()


def test_a_token_may_come_as_its_cookie_or_with_spaces_for_plus_signs() -> None:
    tokens = [sealed(KEY, f"id{number}", NOW) for number in range(50)]
    assert any("+" in token for token in tokens)
    for number, token in enumerate(tokens):
        for form in (token, quote(token, safe=""), token.replace("+", " ")):
            assert unsealed(KEY, form, NOW) == f"id{number}"


def test_a_token_shows_nothing_of_the_id() -> None:
    client_id = "x" * 60
    token = b64decode(sealed(KEY, client_id, NOW))
    assert b"xxx" not in token
    assert len(set(token)) > 40


def test_two_tokens_of_one_id_have_nothing_in_common() -> None:
    first, second = (b64decode(sealed(KEY, "same", NOW + later)) for later in (0, 1))
    assert sum(mine == theirs for mine, theirs in zip(first, second, strict=True)) < 10


def test_another_secret_does_not_open_it() -> None:
    assert unsealed(OTHER, sealed(KEY, "id", NOW), NOW) is None


@pytest.mark.parametrize(
    ("age", "counts"),
    [
        (0, True),
        (VALID_SECONDS, True),
        (VALID_SECONDS + 1, False),
        (-CLOCKS_DIFFER_SECONDS, True),
        (-CLOCKS_DIFFER_SECONDS - 1, False),
    ],
)
def test_a_token_counts_for_twenty_hours(age: int, counts: bool) -> None:
    assert (unsealed(KEY, sealed(KEY, "id", NOW), NOW + age) == "id") is counts


@given(st.integers(0, 41), st.integers(1, 255))
def test_no_byte_of_a_token_can_be_changed(position: int, change: int) -> None:
    token = bytearray(b64decode(sealed(KEY, "id", NOW)))
    token[position] ^= change
    assert unsealed(KEY, b64encode(token).decode(), NOW) is None


@given(st.text() | st.text("aA0+/= %") | st.binary(max_size=100).map(lambda raw: b64encode(raw).decode()))
def test_nothing_else_is_a_token(text: str) -> None:
    assert unsealed(KEY, text, NOW) is None


def test_endless_tokens_are_not_read() -> None:
    assert unsealed(KEY, sealed(KEY, "x" * 2000, NOW), NOW) is None
