"""Expectations rewritten to what is found: they hold then, a second time changes nothing, and the rest stays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from container.config.load import Loaded, load
from container.config.rewrite import BARE, SHARED, exactly
from container.config.source import plain, read
from container.engine.story import tell
from container.engine.update import TOO_MUCH, Updated, updated
from tests.engine.test_story import CONTAINER, REGISTRY, hit


def loaded(text: str) -> Loaded:
    return load(
        text, filename="c.yaml", registry=REGISTRY, environment={}, secrets=lambda _name: None, strict_environment=False
    )


def update(tests: str) -> str:
    """The new tests. They hold, and a second time changes nothing."""
    found = updated(CONTAINER + tests, loaded)
    assert not found.refused
    text = found.text
    model = loaded(text).model
    assert model is not None
    assert all(told.passed for told in tell(model))
    assert updated(text, loaded) == Updated(text)
    assert text.startswith(CONTAINER)
    return text.removeprefix(CONTAINER)


def test_tests_that_hold_are_not_touched() -> None:
    text = "  A: {event: {name: a}, expect: {Sender: {status: fired}}} # fine\n"
    assert update(text) == text


def test_only_what_differs_is_rewritten() -> None:
    text = """\
  # An order.
  A:
    event: {name: purchase, data: {value: 20}}
    expect:
      Sender:   # sends
        status: 'fired'
        json: {event: "buy", value: 20.0, gone: 1}   # a part
      Text: {status: skipped}
    reply: {cookies: {c: {value: old}, d: null}}

  B: {event: {name: a}, expect: {Sender: {status: fired}}}
"""
    new = text.replace('"buy"', '"purchase"').replace("gone: 1", "gone: null")
    assert update(text) == new.replace("skipped", "fired").replace("old", "v")


def test_a_tag_that_no_longer_fires_is_expected_to_send_nothing() -> None:
    text = "  A: {event: {name: nothing}, expect: {Sender: {status: fired, json: {a: 1}, requests: [{url: x}]}}}\n"
    assert "Sender: {status: skipped, json: null, requests: []}" in update(text)


def test_what_expects_nothing_stays_when_the_tag_no_longer_fires() -> None:
    text = "  A: {event: {name: nothing}, expect: {Sender: {status: fired, headers: {X-Z: null}, json: {a: null}}}}\n"
    assert update(text) == text.replace("fired", "skipped")


def test_headers_are_rewritten_under_the_name_that_stands_there() -> None:
    text = "  A: {event: {name: a}, expect: {Sender: {status: fired, headers: {x-a: old, X-B: b}}}}\n"
    assert update(text) == text.replace("old", "a").replace("X-B: b", "X-B: null")


def test_null_is_filled_in_by_the_whole_body_when_the_tag_fires() -> None:
    text = "  A: {event: {name: a}, expect: {Sender: {status: skipped, json: null}}}\n"
    body = "{event: a, label: test, value: null, items: [1, 2]}"
    assert f"{{status: fired, json: {body}}}" in update(text)


def test_further_events_are_expected_with_their_status() -> None:
    text = f"""\
  A:
    hit: [{hit("purchase")}, {hit("page_view")}]
    expect:
      Text:
        status: fired   # sends
        body: other
    reply: {{status: 200}}
"""
    assert update(text) == text.replace(
        """\
        status: fired   # sends
        body: other
    reply: {status: 200}""",
        """\
        - status: fired   # sends
          body: a text
        - {status: not_triggered}
    reply: [{status: 204}, {status: 204}]""",
    )


def test_lists_in_lists_grow_round_by_round() -> None:
    text = "  A: {event: {name: twice}, expect: {Sender: {status: fired, requests: [{json: {items: [5]}}]}}}\n"
    assert "requests: [{json: {items: [1, 2]}}, {method: POST" in update(text)


def test_what_is_shared_stays_as_it_is() -> None:
    text = CONTAINER + (
        "  A: {event: {name: a}, expect: {Sender: &one {status: skipped}}}\n"
        "  B: {event: {name: a}, expect: {Sender: *one}}\n"
    )
    found = updated(text, loaded)
    assert found.text == text
    assert found.refused == {("tests", name, "expect", "Sender", 0, "status"): SHARED for name in ("A", "B")}


def test_what_is_shared_is_refused_and_the_rest_rewritten() -> None:
    text = CONTAINER + "  A: {event: {name: a}, expect: {Sender: {status: &s skipped}, Text: {status: fired}}}\n"
    found = updated(text, loaded)
    assert found.text == text.replace("fired}", "not_triggered}")
    assert found.refused == {("tests", "A", "expect", "Sender", 0, "status"): SHARED}


def test_a_key_without_a_colon_has_no_place_for_a_value() -> None:
    text = CONTAINER + "  A: {event: {name: a}, expect: {Sender: {status: fired, json}}}\n"
    assert updated(text, loaded) == Updated(text, {("tests", "A", "expect", "Sender", 0, "json"): BARE})


def test_a_file_with_errors_is_not_touched() -> None:
    assert updated("version: 2\n", loaded) == Updated("version: 2\n")


def test_what_no_file_may_hold_is_not_written() -> None:
    """The data is nested as deeply as a file may be, and would stand one level deeper where it is expected."""
    data = "{a: " * 27 + "1" + "}" * 27
    test = f"  A:\n    event: {{name: a, data: {{value: {data}}}}}\n"
    text = CONTAINER + test + "    expect: {Sender: {status: fired, json: {value: 1}}}\n"
    assert updated(text, loaded) == Updated(text, {("tests", "A", "expect", "Sender", 0, "json", "value"): TOO_MUCH})


WORDS = st.sampled_from(["purchase", "twice", "nothing", "page_view"])
STATUSES = st.sampled_from(["fired", "skipped", "not_triggered", "duplicate"])
BODIES = st.fixed_dictionaries(
    {},
    optional={
        "event": st.sampled_from(["purchase", "a text", "{{ x }}", "", None]),
        "items": st.lists(st.integers(0, 3), max_size=4) | st.none() | st.just({"a": 1}),
        "value": st.none() | st.integers(18, 22) | st.text(max_size=4) | st.just({"a": [1]}),
        "other": st.integers(),
    },
)
FIRED: st.SearchStrategy[Mapping[str, Any]] = st.fixed_dictionaries(
    {"status": st.just("fired")},
    optional={
        "json": BODIES,
        "url": st.just("https://elsewhere.example/"),
        "headers": st.fixed_dictionaries({}, optional={"X-A": st.just("b"), "X-B": st.just("c")}),
        "requests": st.lists(
            st.fixed_dictionaries({}, optional={"json": BODIES, "method": st.just("GET")}), max_size=3
        ),
    },
)
EXPECTED = FIRED | st.fixed_dictionaries({"status": STATUSES})


def written(value: Any, indent: int, *, flat: bool) -> str:
    """A value as one line, or as a block with comments."""
    if flat or not isinstance(value, (dict, list)) or not value:
        return " " + exactly(value) + "  # c\n"
    space = " " * indent
    if isinstance(value, dict):
        return "\n" + "".join(f"{space}{exactly(k)}:{written(v, indent + 2, flat=flat)}" for k, v in value.items())
    return "\n" + "".join(f"{space}- {exactly(each)}  # c\n{space}# after\n" for each in value)


@given(
    st.lists(WORDS, min_size=1, max_size=3),
    st.lists(EXPECTED, min_size=1, max_size=3),
    st.lists(st.fixed_dictionaries({"status": st.sampled_from([200, 204, 404])}), min_size=1, max_size=3),
    st.booleans(),
    st.booleans(),
)
def test_any_expectation_is_mended_and_nothing_else_changes(
    names: list[str], expected: list[Mapping[str, Any]], replies: list[Mapping[str, Any]], flat: bool, single: bool
) -> None:
    hits = ", ".join(hit(name, **{"epn.value": 20}) for name in names)
    of_tag: Any = expected[0] if single else expected
    head = f"  A test: # begins\n    hit: [{hits}] # hits\n"
    text = (
        head
        + f"    expect:\n      Sender:{written(of_tag, 8, flat=flat)}"
        + f"    reply:{written(replies[0] if single else replies, 6, flat=flat)}"
        + "# the end\n  Another: {event: {name: a}, expect: {Text: {status: not_triggered}}} # last\n"
    )
    new = update(text)
    assert new.startswith(head)
    assert new.endswith("# the end\n  Another: {event: {name: a}, expect: {Text: {status: not_triggered}}} # last\n")
    root = read("a:\n" + new).root
    assert root is not None
    [test, _] = plain(root)["a"].values()
    assert list(test) == ["hit", "expect", "reply"]
    assert list(test["expect"]) == ["Sender"]
    found = test["expect"]["Sender"]
    kept = found[: len(expected)] if isinstance(found, list) else [found]
    for before, after in zip(expected[:1] if single else expected, kept, strict=False):
        assert list(before) == list(after)


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_the_ends_of_lines_stay(ending: str) -> None:
    text = (CONTAINER + "  A:\n    event: {name: a}\n    expect:\n      Sender:\n        status: skipped\n").replace(
        "\n", ending
    )
    assert updated(text, loaded) == Updated(text.replace("skipped", "fired"))
