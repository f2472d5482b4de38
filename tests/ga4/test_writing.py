"""From event data to the wire: what is written is read as the same event data again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from container.event import Consent, Hit, Signal
from container.ga4 import consent_of, events_of
from container.ga4.client_hints import header_hints, written_brands
from container.ga4.consent import written_gcs
from container.ga4.hashed import hashed_user_data
from container.ga4.items import item, written_item
from container.ga4.keys import FIELDS, ITEM_FIELDS, PREFIXES
from container.ga4.writing import (
    MOST_ITEMS,
    clear_user_data,
    line_of,
    parted,
    server_side_properties,
    written,
)

ARRIVAL = 1_763_640_001_410


def read(query: str, **headers: str) -> dict[str, Any]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    [(_, data)] = events_of(Hit(b"0" * 16, ARRIVAL, "POST", "/g/collect", query, named))
    return data


def line(data: Mapping[str, Any]) -> str:
    """Everything of an event in one line, as another server container gets it."""
    made = written(data["event_name"], data, [])
    hashed = data.get("x-ga-em")
    known = hashed_user_data(hashed) if isinstance(hashed, str) else {}
    more = {**clear_user_data(data.get("user_data"), known), **server_side_properties(data)}
    if isinstance(hashed, str):
        more["em"] = hashed
    return line_of({**made, **more})


def again(data: Mapping[str, Any]) -> dict[str, Any]:
    hints = data.get("client_hints")
    headers = {name.lower(): value for name, value in header_hints(hints if isinstance(hints, dict) else {}).items()}
    if isinstance(data.get("user_agent"), str):
        headers["user-agent"] = data["user_agent"]
    [(_, found)] = events_of(Hit(b"0" * 16, ARRIVAL, "POST", "/g/collect", line(data), headers))
    return found


def parameters(data: Mapping[str, Any], **more: Any) -> dict[str, str]:
    made = written("e", data, [], **more)
    assert made["en"] == "e"
    return made


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
PLAIN = st.text("abcxyz019._-~ é", max_size=8)
NUMBERS = st.sampled_from(["0", "1", "12.5", "-1", "1e-7", "1e+21", "00123", "NaN", "9" * 25, "true", ""])
VALUES = PLAIN | NUMBERS | TEXT
ITEMS = st.lists(
    st.tuples(st.sampled_from([*ITEM_FIELDS, "k0", "v0", "k1", "v1", "zz", "kQ", "vQ"]), VALUES), max_size=6
).map(lambda pairs: "~".join(key + value.replace("~", "~~") for key, value in pairs))
BRANDS = st.lists(st.tuples(PLAIN, PLAIN), max_size=3).map(
    lambda pairs: "|".join(f"{urlencode({'': brand})[1:].replace('+', '%20')};{version}" for brand, version in pairs)
)
HASH = "huC55WwXzE0SOH4ZSbhQU_vnO8POWhGIcTqdMAzGEz0"
EM = st.sampled_from([f"tv.1~em.{HASH}", f"tv.1~pn.e0~ct0.m%C3%BCnchen~fn1.{HASH}", "tv.2~em.x", "ec.e3", ""])
NAMES = st.sampled_from(
    ["value", "user_id", "page_title", "ip_override", "x-ga-mp2-dl", "x-ga-em", "a.b", "event_name"]
)
KEYS = (
    st.sampled_from(
        [*(key for key in FIELDS if key not in ("em", "uafvl", "en")), "_dbg", "_fv", "_c", "tt", "us_privacy"]
    )
    | st.builds(lambda prefix, name: f"{prefix}.{name}", st.sampled_from(list(PREFIXES)), NAMES | PLAIN)
    | st.sampled_from(["ep.user_data.email", "ep.user_data.email.0", "ep.user_data.address.0.city", "epn.user_data.x"])
    | st.sampled_from(
        ["ep.user_data", "ep.items", "ep.client_hints", "ep.user_agent", "ep.event_location", "_", "_x.y"]
    )
    | TEXT.filter(lambda name: name not in ("en", "em", "uafvl"))
)
HITS = st.builds(
    lambda pairs, lines, em, brands: {
        **dict(pairs),
        **{f"pr{number}": found for number, found in enumerate(lines, 1)},
        **({"em": em} if em is not None else {}),
        **({"uafvl": brands} if brands is not None else {}),
        "en": "e",
    },
    st.lists(st.tuples(KEYS, VALUES), max_size=12),
    st.lists(ITEMS, max_size=3),
    st.none() | EM,
    st.none() | BRANDS,
)


@given(HITS)
def test_what_is_written_is_read_as_the_same_again(sent: dict[str, str]) -> None:
    data = read(urlencode(sent), user_agent="UA/1.0")
    assert again(data) == data


@given(HITS)
def test_consent_is_read_as_the_same_again(sent: dict[str, str]) -> None:
    [(first, data)] = events_of(Hit(b"0" * 16, ARRIVAL, query=urlencode(sent)))
    [(second, _)] = events_of(Hit(b"0" * 16, ARRIVAL, query=line(data)))
    assert consent_of(second) == consent_of(first)


@given(
    st.lists(st.tuples(TEXT, TEXT), max_size=2),
    st.none() | st.booleans(),
    st.none() | st.sampled_from(['"macOS"', '"a\\"b"', '""']),
)
def test_hints_that_came_as_headers_leave_as_headers(
    brands: list[tuple[str, str]], mobile: bool | None, platform: str | None
) -> None:
    listed = [{"brand": brand.replace("\n", ""), "version": version.replace('"', "")} for brand, version in brands]
    hints: dict[str, Any] = {"brands": [each for each in listed if each["brand"].isprintable()]}
    hints |= {} if mobile is None else {"mobile": mobile}
    hints |= {} if platform is None else {"platform": platform}
    data = read("en=e", **{name.replace("-", "_").lower(): value for name, value in header_hints(hints).items()})
    found = data.get("client_hints", {})
    assert {"brands": [], **found} == hints
    assert not any(key.startswith("ua") for key in parameters(data))
    assert again(data).get("client_hints", {}) == found


@given(st.dictionaries(TEXT.filter(bool), TEXT, max_size=20))
def test_an_item_of_texts_is_read_as_the_same_again(fields: dict[str, str]) -> None:
    notes: list[str] = []
    assert item(written_item(fields, notes)) == {
        name: item(f"k0{name.replace('~', '~~')}~v0{value.replace('~', '~~')}")[name] for name, value in fields.items()
    }
    assert not notes


def test_an_item_has_room_for_27_custom_parameters() -> None:
    notes: list[str] = []
    fields = {"item_id": "A", **{f"own{number}": number for number in range(28)}, "price": 7}
    found = item(written_item(fields, notes))
    assert (len(found), found["own26"], found["item_id"], found["price"]) == (29, "26", "A", 7)
    assert len(notes) == 1


def test_values_of_items_are_texts_numbers_and_json() -> None:
    fields = {
        "item_id": 12,
        "price": 7.50,
        "quantity": "2",
        "item_variant": None,
        "": "x",
        "new": True,
        "sizes": [1, 2],
    }
    assert written_item(fields, []) == "id12~pr7.5~qt2~k0new~v0true~k1sizes~v1[1,2]"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"value": 72.5, "coupon": "A", "is_new": True, "gone": None}, "epn.value=72.5 ep.coupon=A ep.is_new=true"),
        ({"page_location": "https://a.example/", "currency": "EUR"}, "dl=https://a.example/ cu=EUR"),
        ({"ga_session_number": 3, "engagement_time_msec": 5.0, "x-ga-lps": True}, "sct=3 _et=5 lps=1"),
        ({"x-ga-system_properties": {"dbg": "1", "ee": True, "p": "9", "fplc": "0", "eu": [34]}}, "_dbg=1 _ee=1"),
        (
            {"x-ga-mp2-user_properties": {"plan": "pro", "orders": 7, "vip": False}},
            "up.plan=pro upn.orders=7 up.vip=false",
        ),
        (
            {"x-ga-mp2-tt": "internal", "x-ga-mp2-dl": "no", "x-ga-mp2-n": 1},
            "tt=internal ep.x-ga-mp2-dl=no epn.x-ga-mp2-n=1",
        ),
        ({"event_location": {"country": "US", "region": "CA", "city": "LA"}}, "ur=US-CA"),
        ({"event_location": {"city": "LA"}}, ""),
        ({"event_location": "there"}, "ep.event_location=there"),
        ({"ip_override": "203.0.113.7"}, "_uip=203.0.113.7"),
        ({"items": [{"item_id": "A"}, {}, 7, {"item_id": "B"}]}, "pr1=idA pr2=idB"),
        ({"items": "none", "tags": ["a", 1], "odd": float("nan")}, 'ep.items=none ep.tags=["a",1]'),
        ({"x-ga-js_client_id": "1.2", "event_name": "other", "user_agent": "UA"}, ""),
        ({"event_name": 7, "x-ga-em": 7}, "epn.x-ga-em=7"),
        (
            {"client_hints": {"mobile": True, "model": "Pixel", "platform": "Android", "wow64": "no", "bitness": 64}},
            "uab=64 uam=Pixel uap=Android uamb=1 uaw=no",
        ),
        (
            {"client_hints": {"model": "x", "platform": '"macOS"', "full_version_list": "all", "bitness": [1]}},
            "uam=x",
        ),
    ],
)
def test_event_data_has_its_names_on_the_wire(data: dict[str, Any], expected: str) -> None:
    assert {f"{key}={value}" for key, value in parameters(data).items() if key != "en"} == set(expected.split())


def test_what_a_short_name_cannot_hold_goes_as_it_came() -> None:
    data = {"user_id": 12345, "engagement_time_msec": "5", "x-ga-dma": True, "page_title": ["a"]}
    assert set(parameters(data).items()) - {("en", "e")} == {
        *(("epn.user_id", "12345"), ("ep.engagement_time_msec", "5"), ("ep.x-ga-dma", "true")),
        ("ep.page_title", '["a"]'),
    }
    assert set(parameters(data, came_as_parameter=lambda _: False).items()) - {("en", "e")} == {
        *(("uid", "12345"), ("_et", "5"), ("dma", "1"), ("ep.page_title", '["a"]')),
    }


def test_parameters_are_grouped_as_googles_library_does() -> None:
    data: dict[str, Any] = {
        "x-ga-measurement_id": "G-1",
        "client_id": "1.2",
        "page_location": "https://a.example/",
        "ga_session_id": "3",
        "value": 1,
        "x-ga-mp2-user_properties": {"a": "b"},
        "x-ga-system_properties": {"fv": "1", "dbg": "1"},
    }
    data |= {"items": [{"item_id": "A"}], "lifetime": 7, "x-ga-mp2-prize": "x"}
    assert parted(written("e", data, [])) == (
        {"tid": "G-1", "cid": "1.2", "_dbg": "1", "prize": "x"},
        {"dl": "https://a.example/", "sid": "3"},
        {"en": "e", "epn.value": "1", "epn.lifetime": "7", "up.a": "b", "_fv": "1", "pr1": "idA"},
    )


def test_an_event_has_room_for_200_items() -> None:
    notes: list[str] = []
    made = written("e", {"items": [{"item_id": str(number)} for number in range(MOST_ITEMS + 1)]}, notes)
    assert (made["pr200"], len(made), len(notes)) == ("id199", 201, 1)


def test_user_data_is_flattened_for_other_containers() -> None:
    user_data = {
        "email": ["a@b.example", "c@d.example"],
        "sha256_phone_number": "00",
        "n": 4,
        "address": [{"city": "Bern", "street": None}],
        "empty": {},
    }
    assert clear_user_data(user_data, {"sha256_phone_number": "00"}) == {
        "ep.user_data.email.0": "a@b.example",
        "ep.user_data.email.1": "c@d.example",
        "epn.user_data.n": "4",
        "ep.user_data.address.0.city": "Bern",
    }
    assert not clear_user_data("Ada", {})


def test_values_without_an_end_are_cut() -> None:
    endless: list[Any] = []
    endless.append(endless)
    assert len(clear_user_data({"a": endless}, {})) == 1


def test_server_side_properties_are_texts() -> None:
    assert server_side_properties({"x-sst-system_properties": {"uc": "DE", "n": 1, "x": [], "": "y"}}) == {
        "sst.uc": "DE",
        "sst.n": "1",
    }
    assert not server_side_properties({"x-sst-system_properties": "none"})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ([], ""),
        ([{"brand": "Not)A;Brand", "version": "8.0"}, {"brand": "A B", "version": "1"}], "Not)A%3BBrand;8.0|A%20B;1"),
        ([{"brand": "A"}], None),
        ([{"brand": "A" * 600, "version": "1"}, {"brand": "B" * 600, "version": "1"}], "A" * 600 + ";1"),
    ],
)
def test_brands_are_encoded_once_more(value: Any, expected: str | None) -> None:
    assert written_brands(value) == expected


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ({}, None),
        ({"ad_user_data": True}, None),
        ({"ad_storage": True}, "G11-"),
        ({"analytics_storage": False}, "G1-0"),
    ],
)
def test_consent_that_came_another_way_is_written_as_gcs(states: dict[str, bool], expected: str | None) -> None:
    consent = Consent({name: Signal(granted, "test") for name, granted in states.items()})
    assert written_gcs(consent) == expected


@given(st.dictionaries(TEXT | st.text(st.characters(), max_size=3), st.text(st.characters(), max_size=8)))
def test_a_line_holds_whatever_parameters_hold(sent: dict[str, str]) -> None:
    made = line_of(sent)
    assert made.isascii()
    assert made.isprintable()
    assert " " not in made
    assert "+" not in made


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
DATA_KEYS = st.sampled_from(
    [found.name for found in FIELDS.values()]
    + ["items", "user_data", "client_hints", "x-ga-system_properties", "x-sst-system_properties", "user_agent"]
) | st.text(st.characters(), max_size=4)


@given(st.dictionaries(DATA_KEYS, ANYTHING, max_size=8), st.booleans())
def test_any_event_data_can_be_written(data: dict[str, Any], as_parameter: bool) -> None:
    made = written("e", data, [], came_as_parameter=lambda _: as_parameter)
    everything = {**made, **clear_user_data(data.get("user_data"), {})}
    everything |= server_side_properties(data)
    assert all(isinstance(value, str) for value in everything.values())
    assert line_of(everything).isascii()
    hints = data.get("client_hints")
    assert all(isinstance(value, str) for value in header_hints(hints if isinstance(hints, dict) else {}).values())
