"""User data by Google's rules: as `em` of a hit, and as `user_data` of the Measurement Protocol."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from container.ga4.hashed import hashed_user_data
from container.ga4.person import email, person


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


JANE: dict[str, Any] = {
    "email": "jane.doe@example.com",
    "phone_number": "+15551234567",
    "address": [
        {
            "first_name": "Jane",
            "last_name": "Doe",
            "city": "München",
            "region": "BY",
            "postal_code": "80331",
            "country": "DE",
        }
    ],
}


def test_a_visitor_is_written_as_googles_library_does() -> None:
    notes: list[str] = []
    assert person(JANE, notes).em == (
        "tv.1~em.huC55WwXzE0SOH4ZSbhQU_vnO8POWhGIcTqdMAzGEz0~pn.ill4C7jNK6Aiv6W6LqO24Hrxen2LMMH5szkONvaQGeQ"
        "~fn0.gfj23eiDZfOSh5bseqU_coILBtuGZPX-dqfrE-JFRqI~ln0.eZ75KhGvkY4_t0HfQpNPO1aO0tk6wd908bjUGieTKm8"
        "~ct0.m%C3%BCnchen~rg0.by~pc0.80331~co0.de"
    )
    assert notes == []


def test_a_visitor_of_the_measurement_protocol_has_hexadecimal_hashes() -> None:
    assert person({**JANE, "address": {**JANE["address"][0], "street": "123 Main St"}}, []).document == {
        "sha256_email_address": [sha256("jane.doe@example.com")],
        "sha256_phone_number": [sha256("+15551234567")],
        "address": [
            {
                "sha256_first_name": sha256("jane"),
                "sha256_last_name": sha256("doe"),
                "sha256_street": sha256("123 main st"),
                "city": "münchen",
                "region": "by",
                "postal_code": "80331",
                "country": "DE",
            }
        ],
    }


def test_nobody_has_neither_form() -> None:
    found = person({"_tag_mode": "CODE", "address": []}, [])
    assert (found.em, found.document) == ("", {})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (" Jane.Doe+shop@Example.com ", "jane.doe+shop@example.com"),
        ("Jane.Doe+shop@Gmail.com", "janedoe+shop@gmail.com"),
        ("j.d@googlemail.com", "jd@googlemail.com"),
        ("jane@localhost", None),
        ("jane@example.", None),
        ("jane", None),
    ],
)
def test_an_address_loses_its_dots_at_googles_mail_alone(value: str, expected: str | None) -> None:
    assert email(value) == expected


@pytest.mark.parametrize(
    ("stated", "country", "expected"),
    [
        ("+44 (0)20 7946 0958", None, "+442079460958"),
        ("020 7946 0958", "GB", "+442079460958"),
        ("1 (555) 123-4567", None, "+15551234567"),
        ("020 7946 0958", None, None),
        ("12345", None, None),
        ("call me", None, None),
    ],
)
def test_a_phone_number_has_its_international_form(stated: str, country: str | None, expected: str | None) -> None:
    notes: list[str] = []
    found = person({"phone_number": stated, "address": {"country": country}}, notes).document
    assert found.get("sha256_phone_number") == (None if expected is None else [sha256(expected)])
    assert len(notes) == (expected is None)


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("first_name", " O'Neil-2 ", sha256("oneil")),
        ("last_name", "Ångström", sha256("ångström")),
        ("street", "Main St. 12", sha256("main st 12")),
        ("city", "St. Gallen 9", "st gallen"),
        ("region", "North Rhine", "north rhine"),
        ("postal_code", "SW1A.1AA~", "SW1A1AA"),
        ("country", "gb", "GB"),
        ("country", "Great Britain", None),
        ("first_name", "...", None),
        ("city", "123", None),
        ("city", ["Bern"], None),
    ],
)
def test_an_address_is_normalised_by_googles_rules(field: str, value: Any, expected: str | None) -> None:
    notes: list[str] = []
    [found] = person({"address": {field: value}}, notes).document.get("address", [{}])
    assert next(iter(found.values()), None) == expected
    assert len(notes) == (expected is None)


HASH = sha256("jane.doe@example.com")


def test_a_hash_that_was_made_elsewhere_stays_as_it_came() -> None:
    stated = {
        "sha256_email_address": HASH.upper(),
        "sha256_phone_number": [HASH],
        "address": {"sha256_first_name": HASH, "sha256_street": HASH},
    }
    assert person(stated, []).em == f"tv.1~em.{HASH}~pn.{HASH}~fn0.{HASH}~sa0.{HASH}"


def test_a_hash_under_the_name_of_the_value_passes_and_one_value_is_one_hash() -> None:
    assert person({"email": [HASH, "Jane.Doe@example.com"], "email_address": "jane.doe@example.com"}, []).document == {
        "sha256_email_address": [HASH]
    }


def test_what_is_no_hash_is_none_under_the_name_of_one() -> None:
    notes: list[str] = []
    assert person({"sha256_email_address": "jane@example.com"}, notes).document == {}
    assert notes == ['a value of "user_data.sha256_email_address" is left out: Google has no use for it']


def test_google_takes_three_values_and_two_addresses() -> None:
    notes: list[str] = []
    many = {
        "email": [f"a{number}@b.example" for number in range(4)],
        "address": [{"city": name} for name in ("a", "b", "c")],
    }
    found = person(many, notes).document
    assert (len(found["sha256_email_address"]), len(found["address"]), len(notes)) == (3, 2, 2)


@pytest.mark.parametrize(
    "user_data",
    [
        {"address": {"0": {"city": "Bern"}, "1": {"city": "Basel"}}},
        {"address": [{"city": "Bern"}, "Basel", {}, {"city": "Basel"}]},
    ],
)
def test_addresses_come_as_a_list_or_by_position(user_data: dict[str, Any]) -> None:
    assert person(user_data, []).document == {"address": [{"city": "bern"}, {"city": "basel"}]}


def test_an_address_may_stand_beside_the_rest() -> None:
    assert (
        person({"city": "Bern", "first_name": "Jane"}, []).em
        == person({"address": {"city": "Bern", "first_name": "Jane"}}, []).em
    )


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["a@b.example", "+442079460958", "GB", HASH]
)
ADDRESS = st.dictionaries(
    st.sampled_from(["first_name", "last_name", "street", "city", "region", "postal_code", "country"]), TEXT
)


@given(
    st.fixed_dictionaries(
        {"email": TEXT, "phone_number": st.lists(TEXT, max_size=4), "address": st.lists(ADDRESS, max_size=3)}
    )
)
def test_both_forms_say_the_same(user_data: dict[str, Any]) -> None:
    found = person(user_data, [])
    read = hashed_user_data(found.em)
    for name, value in found.document.items():
        if name == "address":
            assert [{key: text.lower() for key, text in each.items()} for each in value] == read[name]
        else:
            assert value == (read[name] if isinstance(read[name], list) else [read[name]])


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["0", "1", "city", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(
    st.dictionaries(
        st.sampled_from(["email", "email_address", "phone_number", "sha256_email_address", "address", "city"]), ANYTHING
    )
)
def test_any_user_data_can_be_read(user_data: dict[str, Any]) -> None:
    found = person(user_data, [])
    assert found.em.isascii()
    assert bool(found.em) == bool(found.document)
