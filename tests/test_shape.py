"""The shape of JSON values: nothing that comes from outside makes these functions raise, and each is linear."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta, timezone
from types import MappingProxyType
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from container.secret import Secret, bearer, digest
from container.shape import at, filled, first_at, missing, moment, number, text

ANY_TEXT = st.text(st.characters(exclude_categories=()))
"""Text of any characters, lone surrogates among them."""

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | ANY_TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(ANY_TEXT, inner) | st.tuples(inner),
    max_leaves=20,
)

ODD = JSON | st.floats() | st.binary() | st.dictionaries(st.integers() | st.none() | st.booleans(), JSON) | st.dates()

MILLENNIUM = 946_684_800_000
"""2000-01-01 00:00 UTC in milliseconds."""


def nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return value


@pytest.mark.parametrize("value", [None, "", [], (), {}, MappingProxyType({})])
def test_nothing_and_what_is_empty_are_missing(value: object) -> None:
    assert missing(value)


@pytest.mark.parametrize("value", [0, 0.0, False, " ", "0", [None], {"a": None}, b""])
def test_zero_and_false_and_whatever_holds_something_are_values(value: object) -> None:
    assert not missing(value)


def test_filled_leaves_out_what_is_missing_and_keeps_the_order() -> None:
    assert list(filled(b=0, a="", d=None, c=False).items()) == [("b", 0), ("c", False)]


DATA = {
    "value": 20,
    "user_data": {"address": [{"city": "Utrecht"}, {"city": "Delft"}], "empty": ""},
    "dotted.key": "exact",
    "dotted": {"key": "inside"},
    "outer": {"in.ner": {"x": 1}, "a.b": 2},
    "nothing.here": None,
    "nothing": {"here": 1},
    "": {"": "nameless"},
}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("value", 20),
        ("user_data.address.0.city", "Utrecht"),
        ("user_data.address.1.city", "Delft"),
        ("user_data.address.2.city", None),
        ("user_data.address.-1.city", None),
        ("user_data.address.00.city", "Utrecht"),
        ("user_data.address.999999999999999999999.city", None),
        ("user_data.address.²", None),
        ("user_data.address.city", None),
        ("user_data.address", [{"city": "Utrecht"}, {"city": "Delft"}]),
        ("user_data.empty", ""),
        ("user_data.empty.0", None),
        ("user_data.absent.deeper", None),
        ("dotted.key", "exact"),
        ("outer.a.b", 2),
        ("outer.in.ner.x", None),
        ("nothing.here", None),
        ("value.deeper", None),
        ("value.", None),
        (".", "nameless"),
        ("", {"": "nameless"}),
        ("absent", None),
    ],
)
def test_a_dot_path_leads_to_the_value(path: str, expected: object) -> None:
    assert at(DATA, path) == expected


def test_a_path_into_a_tuple_counts_its_members() -> None:
    assert at({"items": ("a", "b")}, "items.1") == "b"


@pytest.mark.parametrize("data", [None, "text", 5, b"bytes"])
def test_there_is_no_path_into_what_has_no_members(data: object) -> None:
    assert at(data, "0") is None


def test_a_path_may_be_deeper_than_the_stack() -> None:
    assert at(nested(5000), ".".join("0" * 4999)) == []


@given(ODD, ANY_TEXT)
def test_any_path_into_anything_gives_a_value_or_none(data: object, path: str) -> None:
    at(data, path)


@given(st.lists(st.text("ab", min_size=1), min_size=1), st.integers())
def test_a_value_put_at_a_path_is_found_there(steps: list[str], value: int) -> None:
    data: object = value
    for step in reversed(steps):
        data = {step: data}
    assert at(data, ".".join(steps)) == value


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["absent", "user_data.empty", "value"], 20),
        (["value", "dotted.key"], 20),
        (["absent", "user_data.empty"], None),
        ([], None),
    ],
)
def test_the_first_path_with_a_value_counts(paths: list[str], expected: object) -> None:
    assert first_at(DATA, paths) == expected


def test_zero_at_the_first_path_is_its_value() -> None:
    assert first_at({"a": 0, "b": 1}, ["a", "b"]) == 0


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("as it is ", "as it is "),
        (None, ""),
        (True, "true"),
        (False, "false"),
        (20, "20"),
        (20.0, "20"),
        (-20.0, "-20"),
        (-0.0, "0"),
        (19.99, "19.99"),
        (0.1, "0.1"),
        (1e15, "1000000000000000"),
        (1234567890123456.0, "1234567890123456"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (1.5e300, "1.5e+300"),
        (1e-7, "1e-7"),
        (2**70, "1180591620717411303424"),
        ([], "[]"),
        ((1, "a"), '[1,"a"]'),
        ({"a": [1, None, True], "b": {"c": "é"}}, '{"a":[1,null,true],"b":{"c":"é"}}'),
        (MappingProxyType({"a": MappingProxyType({"b": 1})}), '{"a":{"b":1}}'),
        ({2: "a", None: "b", True: "c"}, '{"2":"a","null":"b","true":"c"}'),
        ([2**70], "[1180591620717411303424]"),
        ({"a": [MappingProxyType({"b": "\ud800"})]}, '{"a":[{"b":"\ud800"}]}'),
        ([b"\xff"], "[\"b'\\\\xff'\"]"),
        ({(1, 2): "no JSON has such a key"}, ""),
        (b"ab", "b'ab'"),
    ],
)
def test_the_text_form_of_a_value(value: object, expected: str) -> None:
    assert text(value) == expected


@pytest.mark.parametrize(("levels", "written"), [(254, True), (255, False), (1000, False), (100_000, False)])
def test_what_is_nested_too_deep_has_no_text(levels: int, written: bool) -> None:
    assert text(nested(levels)) == ("[" * levels + "]" * levels if written else "")


@pytest.mark.parametrize("odd", ["\ud800", 2**70])
def test_the_limit_of_nesting_is_the_same_for_what_only_the_standard_library_writes(odd: object) -> None:
    inside, beyond = nested(254), nested(255)
    for outer in (inside, beyond):
        innermost = outer
        while innermost:
            innermost = innermost[0]
        innermost.append(odd)
    assert text(inside) == "[" * 254 + (json.dumps(odd, ensure_ascii=False)) + "]" * 254
    assert text(beyond) == ""


@pytest.mark.parametrize("odd", [1, 2**70])
def test_a_secret_inside_shows_as_its_reference_and_never_what_it_is_compared_with(odd: int) -> None:
    secret = Secret("TOKEN", digest("hunter2"))
    value = {"token": secret, "header": [bearer(secret)], "odd": odd}
    assert text(value) == f'{{"token":"${{secret:TOKEN}}","header":["Bearer ${{secret:TOKEN}}"],"odd":{odd}}}'


@given(ODD)
def test_everything_has_a_text(value: object) -> None:
    assert isinstance(text(value), str)


@given(st.lists(JSON) | st.dictionaries(ANY_TEXT, JSON))
def test_the_text_of_a_list_or_mapping_is_its_json(value: object) -> None:
    assert json.loads(text(value)) == json.loads(json.dumps(value))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_the_text_of_a_number_is_that_number_in_json(value: float) -> None:
    assert number(text(value)) == value
    assert float(json.loads(text(value))) == value


@given(st.integers(-(2**53), 2**53))
def test_a_whole_number_has_one_text_however_it_is_held(value: int) -> None:
    assert text(float(value)) == text(value) == str(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5, 5),
        (-5.5, -5.5),
        (5.0, 5),
        (-0.0, 0),
        (1e300, 1e300),
        ("5", 5),
        (" 5\n", 5),
        ("-0.5", -0.5),
        ("1e3", 1000),
        ("1E+3", 1000),
        ("20.00", 20),
        ("-0", 0),
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
        ("18446744073709551615", 2**64 - 1),
        (2**64, float(2**64)),
        ("18446744073709551616", float(2**64)),
        (2**1023, float(2**1023)),
        ("1e-400", 0),
    ],
)
def test_a_number_and_its_text_are_the_number(value: object, expected: float) -> None:
    assert number(value) == expected
    assert type(number(value)) is type(expected)


@pytest.mark.parametrize(
    "value",
    [
        *(
            "",
            " ",
            "-",
            "+5",
            "00123",
            "01",
            "-01",
            "1_000",
            "1,000",
            "1.",
            ".5",
            "1e",
            "0x10",
            "1 2",
            "٣",
            "１２",
            "5a",
        ),
        *("NaN", "nan", "Infinity", "-Infinity", "inf", "true", "null", "1e999", "-1e999", "9" * 400, "9" * 100_000),
        *(True, False, None, [], [5], {}, b"5", math.nan, math.inf, -math.inf, 2**1024, -(2**1024)),
    ],
)
def test_what_json_does_not_call_a_number_is_none(value: object) -> None:
    assert number(value) is None


@given(ODD)
def test_a_number_is_finite_or_none(value: object) -> None:
    found = number(value)
    assert found is None or (math.isfinite(found) and not isinstance(found, bool))


@given(
    st.from_regex(r"-?[0-9]{1,25}(\.[0-9]{1,5})?([eE][+-]?[0-9]{1,2})?", fullmatch=True) | st.text("0123456789.eE+-_")
)
def test_text_is_a_number_exactly_where_json_says_so(value: str) -> None:
    try:
        expected = orjson.loads(value)
    except orjson.JSONDecodeError:
        expected = None
    assert number(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (946_684_800, MILLENNIUM),
        (946_684_800.25, MILLENNIUM + 250),
        (MILLENNIUM, MILLENNIUM),
        (MILLENNIUM * 1000, MILLENNIUM),
        (str(MILLENNIUM * 1000), MILLENNIUM),
        (1_763_640_001_410_123, 1_763_640_001_410),
        (99_999_999_999, 99_999_999_999_000),
        (100_000_000_000, 100_000_000_000),
        (99_999_999_999_999, 99_999_999_999_999),
        (100_000_000_000_000, 100_000_000_000),
        (99_999_999_999_999_000, 99_999_999_999_999),
        ("2000-01-01", MILLENNIUM),
        ("2000-01-01T00:00:00Z", MILLENNIUM),
        ("2000-01-01 00:00", MILLENNIUM),
        ("2000-01-01T01:00:00.250+01:00", MILLENNIUM + 250),
        (" 2000-01-01T00:00:00.25Z ", MILLENNIUM + 250),
    ],
)
def test_a_time_is_read_by_its_size_or_as_iso_8601(value: object, expected: int) -> None:
    assert moment(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, [], {}, "", "yesterday", "NaN", 0, -1, -(10**12), "0", math.nan, math.inf),
        *(10**17, 1.7e18, 1e300, "1e300", 2**70),
        *("2000-13-01", "2000-02-30", "2000-01-01T25:00", "2000-W01-1", "2000-001", "01-01-2000"),
        *("1970-01-01", "1969-12-31T23:59:59Z", "1900-01-01", "0001-01-01T00:00+14:00", "9999-12-31T23:59-99:00"),
        *("٢٠٠٠-٠١-٠١", "2000-01-01\ud800", "2000-01-01T" + "0" * 100_000, "2000-01-01 12:00 Europe/Amsterdam"),
    ],
)
def test_what_is_no_time_after_1970_is_none(value: object) -> None:
    assert moment(value) is None


@given(st.integers(10**11, 10**14 - 1))
def test_milliseconds_stay_the_same_and_microseconds_lose_their_last_digits(milliseconds: int) -> None:
    assert moment(milliseconds) == moment(str(milliseconds)) == milliseconds
    assert moment(milliseconds * 1000) == milliseconds


@given(st.integers(1, 10**14 - 1), st.integers(-23 * 60, 23 * 60))
def test_a_time_written_as_iso_8601_in_any_zone_is_read_to_the_millisecond(milliseconds: int, zone: int) -> None:
    when = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
    assert moment(when.astimezone(timezone(timedelta(minutes=zone))).isoformat()) == milliseconds
    assert moment(when.replace(tzinfo=None).isoformat()) == milliseconds


@given(ODD | st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}.{0,30}", fullmatch=True))
def test_a_moment_is_a_whole_number_of_milliseconds_or_none(value: object) -> None:
    found = moment(value)
    assert found is None or (isinstance(found, int) and 0 <= found < 10**15)
