"""A secret is a name: it compares without holding its value, and is shown as a reference."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from container.secret import Secret, SecretText, bearer, digest

ANY_TEXT = st.text(st.characters(exclude_categories=()))


def secret(value: str) -> Secret:
    return Secret("TOKEN", digest(value))


def test_a_secret_is_shown_as_its_reference() -> None:
    assert str(Secret("TOKEN")) == "${secret:TOKEN}"


def test_a_secret_never_shows_what_it_is_compared_with() -> None:
    found = secret("hunter2")
    assert found.digest.hex() not in repr(found)
    assert repr(found.digest) not in repr(found)


def test_secrets_are_the_same_by_name() -> None:
    assert secret("one") == secret("other") == Secret("TOKEN") != Secret("OTHER")
    assert len({secret("one"), secret("other")}) == 1


@pytest.mark.parametrize(
    "candidate", ["", "hunter", "hunter22", "HUNTER2", " hunter2", "hunter2\ud800", "${secret:TOKEN}"]
)
def test_a_secret_matches_its_value_alone(candidate: str) -> None:
    assert secret("hunter2").matches("hunter2")
    assert not secret("hunter2").matches(candidate)


@given(ANY_TEXT)
def test_a_secret_without_a_known_value_matches_nothing(candidate: str) -> None:
    assert not Secret("TOKEN").matches(candidate)


@given(ANY_TEXT, ANY_TEXT)
def test_a_secret_matches_exactly_the_text_it_was_made_from(value: str, candidate: str) -> None:
    assert secret(value).matches(value)
    assert secret(value).matches(candidate) == (value == candidate)


def test_the_digest_is_sha_256_of_utf_8() -> None:
    assert digest("naïve") == hashlib.sha256(b"na\xc3\xafve").digest()


def test_text_with_secrets_shows_references() -> None:
    assert str(SecretText(("a ", Secret("ONE"), " b ", Secret("TWO")))) == "a ${secret:ONE} b ${secret:TWO}"


def test_a_bearer_token_keeps_the_secret_as_one() -> None:
    token = secret("hunter2")
    assert bearer(token).parts == ("Bearer ", token)
    assert str(bearer(token)) == "Bearer ${secret:TOKEN}"
