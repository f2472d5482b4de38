"""Traps of JSON: a body is refused with a sentence, or what it holds arrives as it was."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from container.ga4.measurement_protocol import Refusal, events_of
from container.ga4.measurement_protocol_body import DEEPEST, LONGEST_NAME, LONGEST_TEXT, MOST_VALUES, read
from tests.ga4.measurement_protocol_hits import hit

TEXTS = some.text(max_size=8) | some.sampled_from(["\0", "\ud800", "a\udfffb", '"x": y', "\\", "{{7*7}}", "\u2028"])
NUMBERS = (
    some.integers()
    | some.floats()
    | some.sampled_from([2**53 + 1, 2**63, 2**64 - 1, 2**64, -(2**63) - 1, 10**400, -0.0, 1e308, 5e-324])
)
VALUES = some.recursive(
    some.none() | some.booleans() | NUMBERS | TEXTS,
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
LONE = re.compile("[\ud800-\udfff]")


def arrives(value: Any) -> Any:
    """What is made of a value: cut surrogates and whole numbers beyond 64 bits are all that changes."""
    if isinstance(value, str):
        return LONE.sub("\ufffd", value.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass"))
    if isinstance(value, int) and not isinstance(value, bool):
        return value if -(2**63) <= value < 2**64 else str(value)
    if isinstance(value, list):
        return [arrives(each) for each in value]
    if isinstance(value, dict):
        return {arrives(name): arrives(each) for name, each in value.items()}
    return value


def refusable(value: Any) -> bool:
    """Whether it holds what JSON does not know, or names that become the same."""
    if isinstance(value, int | float):
        return not math.isfinite(_double(value))
    if isinstance(value, list):
        return any(refusable(each) for each in value)
    if isinstance(value, dict):
        return len({arrives(name) for name in value}) < len(value) or any(refusable(each) for each in value.values())
    return False


def _double(value: float) -> float:
    """A whole number that no double holds is none to the parser either."""
    try:
        return float(value)
    except OverflowError:
        return math.inf


@given(VALUES, some.booleans())
def test_what_is_written_is_refused_or_arrives_equal(value: Any, escaped: bool) -> None:
    body = json.dumps(value, ensure_ascii=escaped).encode("utf-8", "surrogatepass")
    found, problem = read(body, strictly=True)
    if refusable(value):
        assert problem
        return
    if not escaped and any(LONE.search(text) for text in texts(value)):
        # A surrogate alone is no UTF-8: each of its bytes is a character that cannot be read.
        assert problem or found is not None
        return
    assert (found, problem) == (arrives(value), "")


def texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [text for each in value for text in texts(each)]
    if isinstance(value, dict):
        return [*value, *(text for each in value.values() for text in texts(each))]
    return []


@given(VALUES)
def test_a_parameter_arrives_in_the_event_as_it_was(value: Any) -> None:
    body = {"client_id": "1.2", "events": [{"name": "e", "params": {"given": value}}]}
    found = events_of(hit(json.dumps(body).encode()))
    if refusable(value):
        assert isinstance(found, Refusal)
        assert found.status == 400
        return
    assert not isinstance(found, Refusal)
    assert found[0][0].get("given") == arrives(value)


@given(
    some.binary(max_size=60) | some.text(alphabet='{}[]",:0123456789eE+-.truefalsn\\u \n', max_size=60).map(str.encode)
)
def test_any_bytes_are_refused_in_a_sentence_or_read(body: bytes) -> None:
    found = events_of(hit(body))
    assert isinstance(found, Refusal)
    assert found.status == 400
    assert found.reason.endswith(".")


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": 1, "a": 1}',
        b'{"a": {"b": [{"c": 1, "c": 2}]}}',
        b'{"a": 1, "\\u0061": 2}',
        b'{"a" : 1, "a"\n\t:2}',
        b'\xef\xbb\xbf{"a": 1, "a": 2}',
        b'{"a": 123456789012345678901234567890, "a": 2}',
    ],
)
def test_a_name_twice_is_refused_since_nobody_knows_which_was_meant(body: bytes) -> None:
    assert read(body, strictly=True) == (None, "An object of the body has the same name twice.")


def test_a_name_may_stand_in_several_objects() -> None:
    assert read(b'[{"a": {"a": 1}}, {"a": 2}]', strictly=True) == ([{"a": {"a": 1}}, {"a": 2}], "")


def nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


LIMITS: Mapping[str, tuple[int, Callable[[int], bytes]]] = {
    "levels": (DEEPEST, nested),
    "values": (MOST_VALUES, lambda number: b"[" + b",".join([b"1"] * (number - 1)) + b"]"),
    "characters of a name": (LONGEST_NAME, lambda number: b'{"' + b"x" * number + b'": 1}'),
    "characters of a text": (LONGEST_TEXT, lambda number: b'["' + b"x" * number + b'"]'),
}


@pytest.mark.parametrize("times", [1, 100])
@pytest.mark.parametrize("name", LIMITS)
def test_each_limit_is_kept_to_the_last(name: str, times: int) -> None:
    most, body = LIMITS[name]
    if times == 1:
        assert read(body(most - 1), strictly=True)[1] == ""
        assert read(body(most), strictly=True)[1] == ""
    value, problem = read(body(most * times + 1), strictly=True)
    assert value is None
    assert problem.startswith(("The body", "A name", "A text"))
    assert str(most) in problem or "cannot be read" in problem
