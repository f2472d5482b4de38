"""User data, flattened by the sender and nested again."""

from __future__ import annotations

import itertools
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from container.ga4.user_data import nested


@pytest.mark.parametrize(
    ("flat", "expected"),
    [
        ({}, {}),
        ({"email": "a@b.c"}, {"email": "a@b.c"}),
        ({"email.0": "a", "email.1": "b"}, {"email": ["a", "b"]}),
        ({"email.10": "c", "email.9": "b", "email.2": "a"}, {"email": ["a", "b", "c"]}),
        ({"address.0.city": "Bern", "address.0.country": "CH"}, {"address": [{"city": "Bern", "country": "CH"}]}),
        ({"address.city": "Bern"}, {"address": {"city": "Bern"}}),
        ({"address.0": "a", "address.city": "Bern"}, {"address": {"0": "a", "city": "Bern"}}),
        ({"phone.²": "1"}, {"phone": {"²": "1"}}),
        ({"0": "a"}, {"0": "a"}),
        ({"a..b": "1"}, {"a": {"": {"b": "1"}}}),
        ({"a.b.c.d.e.f.g.h.i.j": 1}, {"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h.i.j": 1}}}}}}}}),
    ],
)
def test_paths_become_mappings_and_numbers_lists(flat: dict[str, Any], expected: dict[str, Any]) -> None:
    assert nested(flat) == expected


def test_the_longer_path_wins_in_whatever_order() -> None:
    flat = [("a", "plain"), ("a.b", "1"), ("a.b.c", "2")]
    for order in itertools.permutations(flat):
        assert nested(dict(order)) == {"a": {"b": {"c": "2"}}}


@given(st.dictionaries(st.text("ab.01"), st.text()))
def test_no_path_is_too_odd_and_the_result_is_json(flat: dict[str, str]) -> None:
    assert orjson.loads(orjson.dumps(nested(flat))) == nested(flat)
