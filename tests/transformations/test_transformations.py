"""Whatever an event holds: it is never changed itself, and what was taken away cannot be read."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from container.event import Event, Hit
from container.shape import at
from container.transformations import (
    AllowParameters,
    AugmentEvent,
    ExcludeParameters,
    allow_parameters,
    augment_event,
    exclude_parameters,
)

STEPS = st.sampled_from(["a", "b", "c", "0", "1", "a.b", "b.c"])
DATA = st.dictionaries(
    STEPS,
    st.recursive(
        st.none() | st.integers() | st.text(max_size=3),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(STEPS, inner, max_size=3),
        max_leaves=12,
    ),
)
PATHS = st.lists(st.sampled_from(["a", "b", "c", "0", "1", "*"]), min_size=1, max_size=4).map(".".join)


def event(data: Any) -> Event:
    return Event("purchase", data, Hit(b"0" * 16, 0))


@given(DATA, st.lists(PATHS, max_size=3))
def test_what_is_excluded_cannot_be_read(data: Any, paths: list[str]) -> None:
    before = copy.deepcopy(data)
    seen = exclude_parameters(ExcludeParameters(parameters=tuple(paths)), event(data))
    assert data == before
    for path in paths:
        # Items of a list move up, so that another one may stand at the position.
        if not any(step.isdigit() for step in path.split(".")):
            assert at(seen.data, path) is None


@given(DATA, PATHS)
def test_what_is_allowed_and_what_is_excluded_is_the_whole_event(data: Any, path: str) -> None:
    allowed = allow_parameters(AllowParameters(parameters=(path,)), event(data))
    excluded = exclude_parameters(ExcludeParameters(parameters=(path,)), event(data))
    assert leaves(allowed.data) + leaves(excluded.data) == leaves(data)


@given(DATA, PATHS, st.integers())
def test_augmenting_never_changes_the_event_itself(data: Any, path: str, value: int) -> None:
    before = copy.deepcopy(data)
    augment_event(AugmentEvent(parameters={path: value}), event(data))
    assert data == before


@given(DATA, st.lists(st.sampled_from("xyz"), min_size=1, max_size=3).map(".".join), st.integers())
def test_what_is_added_can_be_read_and_the_rest_stays(data: Any, path: str, value: int) -> None:
    seen = augment_event(AugmentEvent(parameters={path: value}), event(data))
    assert at(seen.data, path) == value
    assert {key: seen.data[key] for key in data} == data


def test_lists_in_lists_are_as_deep_as_they_like() -> None:
    nested: Any = []
    for _ in range(100_000):
        nested = [nested]
    kept = event({"a": nested})
    assert exclude_parameters(ExcludeParameters(parameters=("a.b", "c")), kept).data["a"] is not None
    assert allow_parameters(AllowParameters(parameters=("a.b",)), kept).data == {}
    assert augment_event(AugmentEvent(parameters={"a.b": 1}), kept).data["a"] is not None


def leaves(value: Any) -> int:
    """How many values that hold no others are in it."""
    if isinstance(value, dict):
        return sum(map(leaves, value.values()))
    if isinstance(value, list):
        return sum(map(leaves, value))
    return value is not None
