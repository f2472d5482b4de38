"""A secret is a name: it compares without holding its value, and is shown as a reference."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from container import api
from container.secret import Known, Secret, SecretText, bearer, digest

ANY_TEXT = st.text(st.characters(exclude_categories=()))


class Keyed(api.Settings):
    token: api.Secret
    more: dict[str, Any]


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


def test_nothing_that_writes_out_a_model_shows_what_a_secret_is_compared_with() -> None:
    found = Keyed(token=secret("hunter2"), more={"deep": [secret("hunter2")]})
    digests = (digest("hunter2").hex(), repr(digest("hunter2"))[2:-1], "hunter2")
    for shown in (repr(found), str(found.model_dump()), found.model_dump_json(include={"token"}), str(vars(found))):
        assert "TOKEN" in shown
        assert not any(each in shown for each in digests)


def test_a_secret_is_written_as_its_reference() -> None:
    assert Keyed(token=secret("hunter2"), more={}).model_dump(mode="json")["token"] == "${secret:TOKEN}"


SPELLED: dict[str, Callable[[str], str]] = {
    "plain": lambda value: value,
    "escaped for JSON": lambda value: json.dumps(value)[1:-1],
    "escaped for JSON in UTF-8": lambda value: json.dumps(value, ensure_ascii=False)[1:-1],
    "in an address": lambda value: quote(value, safe=""),
    "in a path": quote,
    "in a form": quote_plus,
    "in small letters": lambda value: re.sub("%..", lambda found: found[0].lower(), quote(value, safe="")),
}


@pytest.mark.parametrize("spell", SPELLED.values(), ids=SPELLED)
@pytest.mark.parametrize("value", ["hunter2", 'a/b c+d"e\\f', "nëw+token", "line\nbreak"])
def test_a_known_value_is_masked_however_it_is_spelled(spell: Callable[[str], str], value: str) -> None:
    known = Known()
    known.learn("TOKEN", value)
    assert known.masked(f"before {spell(value)} after") == "before *** after"
    assert known.masked(spell(value), lambda name: f"<{name}>") == "<TOKEN>"


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@given(
    before=st.binary(max_size=5), after=st.binary(max_size=5), value=st.text(st.characters(codec="utf-8"), min_size=6)
)
def test_a_known_value_is_masked_within_base64(
    encode: Callable[[bytes], bytes], before: bytes, after: bytes, value: str
) -> None:
    known = Known()
    known.learn("TOKEN", value)
    masked = known.masked(encode(before + value.encode() + after).decode())
    assert "***" in masked
    assert len(masked) <= 3 + 4 * (len(before) + len(after) + 6) // 3 + 4


def test_the_latest_values_are_known_and_others_forgotten() -> None:
    known = Known()
    for value in ("first", "second", "second", "third", "fourth"):
        known.learn("TOKEN", value)
    known.learn("OTHER", "fifth")
    assert known.masked("first second third fourth fifth") == "first *** *** *** ***"


@pytest.mark.parametrize("length", range(4, 20))
def test_the_beginning_of_a_value_is_masked_where_the_text_was_cut_off(length: int) -> None:
    known = Known()
    known.learn("TOKEN", "sk_live_0123456789ab")
    assert known.masked(f'a="x {"sk_live_0123456789ab"[:length]}…" b=1') == 'a="x ***…" b=1'
    assert known.masked("sk_… and … and more") == "sk_… and … and more"


def test_the_longer_of_two_values_is_masked_as_a_whole() -> None:
    known = Known()
    known.learn("SHORT", "abcd")
    known.learn("LONG", "abcdefgh")
    assert known.masked("abcdefgh abcd") == "*** ***"


@pytest.mark.parametrize("value", ["", "a", "abc"])
def test_what_would_match_anything_is_not_looked_for(value: str) -> None:
    known = Known()
    known.learn("TOKEN", value)
    assert known.masked("abc aabc") == "abc aabc"


def test_a_value_that_is_no_unicode_is_masked_too() -> None:
    known = Known()
    known.learn("TOKEN", "hunter\udcff")
    assert known.masked("a hunter\udcff b") == "a *** b"
