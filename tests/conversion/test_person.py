"""A person in the form that a profile says: what goes first, what is hashed, and which hashes are passed on."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from container import conversion, normalise
from container.conversion import Field, Profile
from tests.conversion.events import event, sha256
from tests.tags.tiktok_events_api.anything import ANYTHING, USER_KEYS

EMAIL = Field("email", normalise.email, conversion.EMAIL_KEYS, prehashed=("sha256_email_address",), sent_as="em")
PLUS = Field("phone", normalise.phone, conversion.PHONE_KEYS, prehashed=("sha256_phone_number",), regional=True)
DIGITS = Field(
    "phone",
    lambda value, region: (normalise.phone(value, region) or "").removeprefix("+") or None,
    (*conversion.PHONE_KEYS, "telephone"),
    event_keys=("phone",),
    regional=True,
    listed=True,
)
NAME = Field("first_name", normalise.name, conversion.FIRST_NAME_KEYS, sent_as="fn")
COUNTRY = Field("country", normalise.country, ("country",), sent_as="ctry")
CODE = Field("zip", normalise.postal_code, ("postal_code",), regional=True)
GENDER = Field("gender", lambda value: value[:1].lower(), ("gender", "sha256_gender"), event_keys=("gender",))
LEAD = Field("lead_id", str, event_keys=("lead_id",), hashed=False)
IDS = Field("ids", str, ("ids",), hashed=False, most=2, reason="is no text")

WITH_PLUS = Profile("Ours", several=(PLUS,))
WITHOUT_PLUS = Profile("Ours", several=(DIGITS,))
WHOLE = Profile("Ours", (NAME, COUNTRY, CODE), (EMAIL, DIGITS, IDS), (GENDER, LEAD), place="who")
HASH = sha256("+491713920012")


def found(profile: Profile, given: dict[str, Any] | None = None, region: str | None = None, **data: Any) -> Any:
    notes: list[str] = []
    return conversion.person(profile, given or {}, event(**data), notes, region=region), notes


def test_a_hash_made_by_the_same_rule_is_passed_on() -> None:
    assert found(WITH_PLUS, user_data={"sha256_phone_number": f" {HASH.upper()} "}) == ({"phone": HASH}, [])


def test_a_hash_made_by_another_rule_is_left_out_with_a_note() -> None:
    told = 'a hash under "sha256_phone_number" is left out of "user.phone": Ours\'s would be another one'
    assert found(WITHOUT_PLUS, user_data={"sha256_phone_number": HASH}) == ({}, [told])


def test_what_is_no_hash_under_such_a_key_is_hashed() -> None:
    one = {"sha256_phone_number": "+49 171 3920012"}
    assert found(WITHOUT_PLUS, user_data=one) == ({"phone": [sha256("491713920012")]}, [])


def test_of_a_list_only_the_hashes_are_left_out() -> None:
    who, notes = found(WITHOUT_PLUS, user_data={"sha256_phone_number": [HASH, "+49 171 3920012"]})
    assert who == {"phone": [sha256("491713920012")]}
    assert len(notes) == 1


def test_a_number_in_the_clear_goes_before_a_hash_and_needs_no_note() -> None:
    both = {"phone_number": "+49 171 3920012", "sha256_phone_number": HASH}
    assert found(WITHOUT_PLUS, user_data=both) == ({"phone": [sha256("491713920012")]}, [])


def test_behind_a_hash_that_is_left_out_the_next_place_counts() -> None:
    behind = {"sha256_phone_number": HASH, "telephone": "0171 3920012"}
    who, notes = found(WITHOUT_PLUS, region="DE", user_data=behind)
    assert (who, len(notes)) == ({"phone": [sha256("491713920012")]}, 1)
    assert found(WITHOUT_PLUS, phone="+49 171 3920012") == ({"phone": [sha256("491713920012")]}, [])


def test_a_hash_under_a_plain_key_or_in_a_setting_passes() -> None:
    assert found(WITHOUT_PLUS, user_data={"phone_number": HASH}) == ({"phone": [HASH]}, [])
    assert found(WITHOUT_PLUS, {"phone": HASH}) == ({"phone": [HASH]}, [])


def test_in_an_address_and_alone_such_a_hash_is_left_out_as_well() -> None:
    address = {"sha256_first_name": sha256("jane"), "country": "US"}
    who, notes = found(WHOLE, user_data={"address": address, "sha256_gender": sha256("f")}, gender="Female")
    assert who == {"ctry": sha256("us"), "gender": sha256("f")}
    assert [note.split('"')[1] for note in notes] == ["sha256_first_name", "sha256_gender"]
    assert all('"who.' in note for note in notes)


def test_in_an_address_text_under_such_a_key_is_hashed() -> None:
    assert found(WHOLE, user_data={"first_name": "", "sha256_first_name": "Jane"}) == ({"fn": sha256("jane")}, [])


def test_what_the_settings_say_goes_first() -> None:
    given = {"first_name": "Ada", "country": "de", "zip": "10 115", "email": "a@b.example", "gender": "m", "lead_id": 7}
    who, notes = found(
        WHOLE,
        given,
        user_data={"first_name": "Jane", "sha256_first_name": "x", "email": "c@d.example", "gender": "f"},
        lead_id="8",
    )
    assert notes == []
    assert who == {
        "fn": sha256("ada"),
        "ctry": sha256("de"),
        "zip": sha256("10115"),
        "em": sha256("a@b.example"),
        "gender": sha256("m"),
        "lead_id": "7",
    }


def test_the_country_of_the_address_says_where_phone_and_postal_code_are() -> None:
    where = {"address": {"country": "us", "postal_code": "94105-1234"}, "phone_number": "(213) 373-4253"}
    who, _ = found(WHOLE, user_data=where)
    assert who["zip"] == sha256("94105")
    assert who["phone"] == [sha256("12133734253")]


def test_a_country_that_is_hashed_already_says_nothing_of_the_rest() -> None:
    where = {"country": sha256("us"), "postal_code": "94105-1234"}
    assert found(WHOLE, user_data=where)[0] == {"ctry": sha256("us"), "zip": sha256("941051234")}


def test_a_profile_without_a_country_has_the_other_places() -> None:
    profile = Profile("Ours", address=(NAME, CODE))
    assert found(profile, user_data={"first_name": "Jane", "country": "US"}) == ({"fn": sha256("jane")}, [])


def test_a_value_of_no_use_is_told_and_not_sent() -> None:
    who, notes = found(WHOLE, user_data={"email": ["no", "a@b.example"], "first_name": {"x": 1}, "country": "Germany"})
    assert who == {"em": sha256("a@b.example")}
    assert sorted(notes) == [
        '"who.country" is left out: its value is of the wrong kind',
        '"who.first_name" is left out: its value is of the wrong kind',
        'a value of "who.email" is left out: it is of the wrong kind',
    ]


def test_as_many_are_sent_as_the_vendor_takes_and_the_rest_is_told() -> None:
    who, notes = found(WHOLE, user_data={"ids": ["a", " b ", "a", 3]})
    assert who == {"ids": ["a", "b"]}
    assert notes == ['values of "who.ids" are left out: there are more than 2']
    assert found(Profile("Ours", several=(Field("id", str, most=1, hashed=False),)), {"id": ["a", "b"]})[0] == {
        "id": "a"
    }


def test_plain_values_of_several_are_texts() -> None:
    assert found(WHOLE, user_data={"ids": [" x "]}) == ({"ids": "x"}, [])
    assert found(WHOLE, user_data={"ids": " x "}) == ({"ids": "x"}, [])
    assert found(WHOLE, user_data={"ids": [None, True]})[0] == {}


@pytest.mark.parametrize("given", [None, "203.0.113.9"])
def test_the_visitors_address_and_agent_come_from_the_setting_the_event_and_the_hit(given: str | None) -> None:
    notes: list[str] = []
    hit: dict[str, Any] = {"ip": "198.51.100.7", "headers": {"user-agent": "of the hit"}}
    assert conversion.visitor_address(given, event(**hit), notes, field="ip") == (given or "198.51.100.7")
    assert conversion.visitor_address(given, event(ip_override="198.51.100.8", **hit), notes, field="ip") == (
        given or "198.51.100.8"
    )
    assert conversion.user_agent(None, event(**hit), notes, field="agent") == "of the hit"
    assert conversion.user_agent(None, event(user_agent="of the event", **hit), notes, field="agent") == "of the event"
    assert notes == []
    assert conversion.visitor_address("10.0.0.1", event(), notes, field="user.ip") is None
    assert notes == ['"user.ip" is left out: it is no public address']


@given(
    user_data=st.dictionaries(st.sampled_from([*USER_KEYS, "sha256_phone_number", "ids", "gender"]), ANYTHING)
    | ANYTHING,
    stated=st.dictionaries(
        st.sampled_from(["email", "phone", "first_name", "country", "zip", "ids", "gender"]), ANYTHING
    ),
    region=st.none() | st.sampled_from(["DE", "?", ""]),
)
def test_no_person_makes_it_raise_and_all_of_it_is_text(user_data: Any, stated: dict[str, Any], region: Any) -> None:
    who, notes = found(WHOLE, stated, region, user_data=user_data)
    for value in who.values():
        assert all(isinstance(each, str) and each for each in (value if isinstance(value, list) else [value]))
    assert all(isinstance(note, str) for note in notes)
