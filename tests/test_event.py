"""Hits, events and consent: cookies as browsers send them, times that can be believed, randomness that repeats."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import FrozenInstanceError
from http.cookies import SimpleCookie
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from container.event import CONSENT_TYPES, FUTURE_TOLERANCE_MS, Consent, Event, Hit, Signal, nothing

ID = bytes(range(16))
RECEIVED = 1_763_640_001_410
ANY_TEXT = st.text(st.characters(exclude_categories=()))


def cookies(header: str) -> dict[str, str]:
    return dict(Hit(ID, RECEIVED, headers={"cookie": header}).cookies)


def event(data: Mapping[str, Any]) -> Event:
    return Event("purchase", data, Hit(ID, RECEIVED))


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", {}),
        ("_ttp=abc", {"_ttp": "abc"}),
        ("_ttp=abc; _fbp=fb.1.2.3", {"_ttp": "abc", "_fbp": "fb.1.2.3"}),
        ("a=1;b=2;;  ; c = 3 ", {"a": "1", "b": "2", "c": "3"}),
        ("a=first; a=second", {"a": "first"}),
        ("a=; a=second", {"a": ""}),
        ("nameless; a=1", {"a": "1"}),
        ("a=b=c==", {"a": "b=c=="}),
        ('a="quoted"', {"a": "quoted"}),
        ('a=""', {"a": ""}),
        ('a="', {"a": '"'}),
        ('a="half', {"a": '"half'}),
        ('a=half"', {"a": 'half"'}),
        ('a=""twice""', {"a": '"twice"'}),
        ("a=%7B%22x%22%3A1%7D", {"a": "%7B%22x%22%3A1%7D"}),
        ('a={"x":"y"}', {"a": '{"x":"y"}'}),
        ("A=1; a=2", {"A": "1", "a": "2"}),
        ("ü=ñ; 名=値", {"ü": "ñ", "名": "値"}),
        ("$Version=1; a=1; $Path=/", {"$Version": "1", "a": "1", "$Path": "/"}),
    ],
)
def test_cookies_are_read_as_they_were_sent(header: str, expected: Mapping[str, str]) -> None:
    assert cookies(header) == expected


def test_a_hit_without_a_cookie_header_has_no_cookies() -> None:
    assert Hit(ID, RECEIVED).cookies == {}


def test_cookies_cannot_be_changed() -> None:
    found: Any = Hit(ID, RECEIVED, headers={"cookie": "a=1"}).cookies
    with pytest.raises(TypeError):
        found["a"] = "2"


@given(ANY_TEXT)
def test_any_cookie_header_is_read(header: str) -> None:
    for name, value in cookies(header).items():
        assert ";" not in name + value
        assert name == name.strip()


@given(st.dictionaries(st.text("abc_$-", min_size=1), st.text("xyz=%.09"), max_size=8))
def test_the_cookies_that_were_written_are_read(written: dict[str, str]) -> None:
    assert cookies("; ".join(f"{name}={value}" for name, value in written.items())) == written


@given(st.dictionaries(st.text("abc_", min_size=1), st.text("xyz09"), max_size=8))
def test_ordinary_cookies_are_read_as_the_standard_library_does(written: dict[str, str]) -> None:
    header = "; ".join(f"{name}={value}" for name, value in written.items())
    assert cookies(header) == {name: morsel.value for name, morsel in SimpleCookie(header).items()}


def test_random_bytes_are_the_same_for_the_same_hit_and_purpose() -> None:
    assert Hit(ID, RECEIVED).random("coin") == Hit(ID, 0, path="/other").random("coin")


def test_random_bytes_differ_by_hit_and_by_purpose() -> None:
    drawn = {Hit(ID, 0).random("coin"), Hit(ID, 0).random("Coin"), Hit(ID[::-1], 0).random("coin")}
    assert len(drawn) == 3


def test_random_bytes_are_spread_evenly() -> None:
    hit = Hit(ID, 0)
    found = Counter(hit.random(str(number))[0] % 4 for number in range(4000))
    assert all(900 < found[quarter] < 1100 for quarter in range(4))


@given(ANY_TEXT)
def test_any_purpose_gives_32_random_bytes(purpose: str) -> None:
    assert len(Hit(ID, 0).random(purpose)) == 32


def test_a_hit_and_an_event_are_frozen() -> None:
    for frozen, name in ((Hit(ID, 0), "ip"), (event({}), "name"), (Signal(True, "gcd"), "granted")):
        with pytest.raises(FrozenInstanceError):
            setattr(frozen, name, "changed")


def test_a_default_mapping_cannot_be_changed() -> None:
    empty: Any = nothing()
    with pytest.raises(TypeError):
        empty["a"] = 1


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({}, RECEIVED),
        ({"event_time": RECEIVED - 1}, RECEIVED - 1),
        ({"event_time": 1_763_640_000}, 1_763_640_000_000),
        ({"event_time": "2025-11-20T12:00:00Z"}, 1_763_640_000_000),
        ({"timestamp_micros": (RECEIVED - 2) * 1000}, RECEIVED - 2),
        ({"timestamp_micros": str((RECEIVED - 2) * 1000)}, RECEIVED - 2),
        ({"timestamp": RECEIVED - 3}, RECEIVED - 3),
        ({"timestamp": RECEIVED - 3, "timestamp_micros": (RECEIVED - 2) * 1000}, RECEIVED - 2),
        ({"timestamp_micros": (RECEIVED - 2) * 1000, "event_time": RECEIVED - 1}, RECEIVED - 1),
        ({"event_time": "yesterday", "timestamp": RECEIVED - 3}, RECEIVED - 3),
        ({"event_time": 86_400}, 86_400_000),
        ({"event_time": RECEIVED + FUTURE_TOLERANCE_MS}, RECEIVED + 600_000),
        ({"event_time": RECEIVED + FUTURE_TOLERANCE_MS + 1}, RECEIVED),
        ({"event_time": RECEIVED + FUTURE_TOLERANCE_MS + 1, "timestamp": RECEIVED - 3}, RECEIVED - 3),
        ({"event_time": None, "timestamp_micros": "", "timestamp": True}, RECEIVED),
        ({"event_time": 0}, RECEIVED),
        ({"event_time": -5, "timestamp_micros": "NaN", "timestamp": [RECEIVED]}, RECEIVED),
        ({"event_time": "1969-12-31T00:00:00Z"}, RECEIVED),
        ({"event_time": 1e300}, RECEIVED),
    ],
)
def test_the_time_of_an_event_is_the_senders_if_it_can_be_believed(data: Mapping[str, Any], expected: int) -> None:
    assert event(data).time == expected


@given(st.dictionaries(st.sampled_from(["event_time", "timestamp_micros", "timestamp"]), st.integers() | ANY_TEXT))
def test_the_time_of_an_event_is_never_far_ahead_of_its_arrival(data: dict[str, Any]) -> None:
    assert 0 <= event(data).time <= RECEIVED + FUTURE_TOLERANCE_MS


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("T-1", "T-1"),
        ("  T-1\n", "T-1"),
        (12345, "12345"),
        (12345.0, "12345"),
        (0, "0"),
        ("", ""),
        (None, ""),
        ([], ""),
        (["T-1"], ""),
        (("T-1",), ""),
        ({"id": "T-1"}, ""),
        (MappingProxyType({"id": "T-1"}), ""),
    ],
)
def test_the_senders_id_is_one_value_as_text(value: object, expected: str) -> None:
    assert event({"event_id": value}).sender_id == expected


def test_an_event_without_an_id_of_its_sender_has_an_empty_one() -> None:
    assert event({}).sender_id == ""


CONSENT = Consent({"ad_storage": Signal(True, "gcd"), "analytics_storage": Signal(False, "gcs")})


@pytest.mark.parametrize(
    ("name", "state", "granted", "source"),
    [
        ("ad_storage", "granted", True, "gcd"),
        ("analytics_storage", "denied", False, "gcs"),
        ("ad_user_data", "unset", False, ""),
    ],
)
def test_a_consent_type_is_granted_denied_or_unset(name: str, state: str, granted: bool, source: str) -> None:
    assert (CONSENT.state(name), CONSENT.granted(name), CONSENT.source(name)) == (state, granted, source)


def test_without_signals_every_type_is_unset() -> None:
    assert {Consent().state(name) for name in CONSENT_TYPES} == {"unset"}
