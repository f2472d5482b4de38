"""What was expected beside what was found: which differences there are, and how they read."""

from __future__ import annotations

from typing import Any

import pytest

from container.engine.agree import LONGEST_SHOWN, NOTHING, Difference, differences, dotted, shown
from container.secret import Secret


def paths(found: Any, expected: Any, *, subset: bool = True) -> list[str]:
    return [dotted(each.path) for each in differences(found, expected, subset=subset)]


def test_of_a_mapping_only_what_is_expected_counts() -> None:
    assert not paths({"a": 1, "b": 2}, {"a": 1})
    assert paths({"a": 1, "b": 2}, {"a": 1}, subset=False) == ["b"]


def test_a_list_is_compared_item_by_item_and_has_the_same_length() -> None:
    assert not paths([{"a": 1, "b": 2}, 5], [{"a": 1}, 5])
    assert paths([{"a": 1}, 5], [{"a": 2}, 6]) == ["0.a", "1"]
    assert paths({"list": [1, 2]}, {"list": [1]}) == ["list"]


@pytest.mark.parametrize(("found", "expected"), [(20.0, 20), (20, 20.0), ("x", "x"), (None, None), (True, True)])
def test_values_that_are_equal(found: Any, expected: Any) -> None:
    assert not paths(found, expected)
    assert not paths(found, expected, subset=False)


@pytest.mark.parametrize(
    ("found", "expected"), [("20", 20), (20, "20"), (1, True), (0, False), ("a", "A"), ({}, []), ("x", {"a": 1})]
)
def test_values_that_are_not(found: Any, expected: Any) -> None:
    assert paths(found, expected) == [""]


def test_nothing_is_expected_with_null() -> None:
    assert not paths({}, {"a": None})
    assert not paths({"a": None}, {"a": None})
    assert paths({"a": 0}, {"a": None}) == ["a"]
    assert paths({}, {"a": None}, subset=False) == ["a"]
    assert not paths({}, {"a": {"b": None, "c": {"d": None}}})
    assert paths({}, {"a": {"b": None, "c": 1}}) == paths({}, {"a": {}}) == ["a"]


def test_a_missing_key_is_found_as_nothing() -> None:
    [only] = differences({}, {"a": {"b": 1}}, subset=True)
    assert only.found is NOTHING
    assert str(only) == 'a: expected {"b":1}, found nothing'
    assert repr(NOTHING) == "NOTHING"


def test_a_difference_reads_as_a_sentence_with_the_way_to_it() -> None:
    assert str(Difference(("json", "data", 0, "event"), "Buy", "Purchase")) == (
        'json.data.0.event: expected "Buy", found "Purchase"'
    )


def test_long_values_are_cut_and_secrets_are_references() -> None:
    assert shown("x" * 1000) == '"' + "x" * (LONGEST_SHOWN - 1) + "…"
    assert shown({"key": Secret("TOKEN")}) == '{"key":"${secret:TOKEN}"}'
