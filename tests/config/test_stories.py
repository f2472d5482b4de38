"""The tests of a container file: what they give, and what they expect, as it was written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from container.case import hit_from_json
from container.config.load import Loaded, load, load_file
from container.config.model import StoryModel
from container.config.registry import Registry
from container.config.stories import MOST_HITS
from container.event import Consent, Signal

CONTAINER = """
clients: {GA4: {type: ga4}}
triggers: {Pages: {events: page_view}}
tags:
  Page tag: {type: plain_tag, triggers: Pages}
  Other tag: {type: plain_tag, triggers: Pages}
tests:
  A test:
"""
EXPECT = "    expect: {Page tag: {status: not_triggered}}\n"


@pytest.fixture
def read(registry: Registry, tmp_path: Path) -> Callable[..., Loaded]:
    def read_it(test: str, *, files: Mapping[str, str | bytes] | None = None, folder: bool = True) -> Loaded:
        for name, content in (files or {}).items():
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return load(
            CONTAINER + test,
            filename="container.yaml",
            registry=registry,
            environment={"SHOP": "Example Shop", "COUNT": "7"},
            secrets=lambda _name: None,
            strict_environment=False,
            folder=tmp_path if folder else None,
        )

    return read_it


def only(loaded: Loaded) -> StoryModel:
    assert loaded.model is not None, loaded.report()
    assert not loaded.problems, loaded.report()
    [story] = loaded.model.tests
    return story


def codes(loaded: Loaded) -> Sequence[tuple[str, int, int]]:
    return [(each.code, each.line - CONTAINER.count("\n"), each.column) for each in loaded.problems]


def test_a_hit_is_read_as_simulate_reads_it(read: Callable[..., Loaded]) -> None:
    hit: dict[str, Any] = {"path": "/g/collect", "query": "en=a", "headers": {"Cookie": "_ttp=abc"}, "time": 5}
    story = only(read("    hit: {path: /g/collect, query: en=a, headers: {Cookie: _ttp=abc}, time: 5}\n" + EXPECT))
    assert story.name == "A test"
    assert story.hits == (hit_from_json(hit),)
    assert story.event is None
    assert story.reply == ()


def test_an_event_has_a_name_data_and_consent(read: Callable[..., Loaded]) -> None:
    story = only(read("    event: {name: a, data: {x: [1]}, consent: {ad_storage: denied, b: granted}}\n" + EXPECT))
    assert story.hits == ()
    assert story.event is not None
    assert (story.event.name, story.event.data) == ("a", {"x": [1]})
    assert story.event.consent == Consent({"ad_storage": Signal(False, "test"), "b": Signal(True, "test")})


def test_data_and_consent_may_be_left_out(read: Callable[..., Loaded]) -> None:
    event = only(read("    event: {name: a}\n" + EXPECT)).event
    assert event is not None
    assert (event.data, event.consent) == ({}, Consent())


def test_hits_come_in_order_from_files_too(read: Callable[..., Loaded]) -> None:
    files = {"hits/two.jsonl": '{"query": "2"}\n\n{"query": "3"}\n', "four.yaml": "- query: '4'\n- query: five\n"}
    hits = only(read("    hit: [{query: '1'}, hits/two.jsonl, four.yaml]\n" + EXPECT, files=files)).hits
    assert [hit.query for hit in hits] == ["1", "2", "3", "4", "five"]


def test_a_file_may_hold_a_single_hit(read: Callable[..., Loaded]) -> None:
    assert [hit.query for hit in only(read("    hit: a.yml\n" + EXPECT, files={"a.yml": "query: a"})).hits] == ["a"]


@pytest.mark.parametrize(
    ("name", "content", "part"),
    [
        ("a.jsonl", "{}\n{", "line 2 is no JSON"),
        ("a.jsonl", "", "holds no hits"),
        ("a.jsonl", "{}\n" * (MOST_HITS + 1), "more than 1000"),
        ("a.jsonl", b" " * 1_000_001, "more than 1 MB"),
        ("a.jsonl", '{}\n{"boddy": ""}', 'hit 2 of "a.jsonl" is no hit: a hit has no member "boddy"'),
        ("a.jsonl", "[]", "is no hit"),
        ("a.yaml", "a: [", "no valid YAML"),
        ("a.yaml", "a: 1\na: 2", "no valid YAML"),
        ("a.yaml", b"query: \xff\x00", "no valid YAML"),
    ],
)
def test_a_file_that_holds_no_hits_is_a_problem_where_it_is_named(
    read: Callable[..., Loaded], name: str, content: str | bytes, part: str
) -> None:
    loaded = read(f"    hit: {name}\n{EXPECT}", files={name: content})
    assert codes(loaded) == [("wrong-type", 1, 10)]
    assert part in loaded.problems[0].sentence


@pytest.mark.parametrize("name", ["none.jsonl", '"a\\0b"', "hits"])
def test_a_file_that_cannot_be_read_is_a_problem(read: Callable[..., Loaded], name: str) -> None:
    loaded = read(f"    hit: {name}\n{EXPECT}", files={"hits/a.jsonl": ""})
    assert codes(loaded) == [("wrong-type", 1, 10)]


def test_without_a_folder_tests_with_files_are_left_out(read: Callable[..., Loaded]) -> None:
    more = f"  Another:\n    hit: {{}}\n{EXPECT}"
    loaded = read(f"    hit: none.jsonl\n{EXPECT}{more}", folder=False)
    assert loaded.model is not None
    assert [story.name for story in loaded.model.tests] == ["Another"]


def test_who_serves_a_container_does_not_depend_on_the_files_of_its_tests(registry: Registry, tmp_path: Path) -> None:
    path = tmp_path / "container.yaml"
    path.write_text(CONTAINER + "    hit: none.jsonl\n" + EXPECT)
    for strict in (True, False):
        loaded = load_file(
            path, registry=registry, environment={}, secrets=lambda _name: None, strict_environment=strict
        )
        assert (loaded.model is not None) == strict


def test_expectations_are_kept_as_they_were_written(read: Callable[..., Loaded]) -> None:
    story = only(
        read(
            """    hit: {}
    expect:
      Page tag:
        - {status: fired, url: u, headers: {a: b, c: null}, json: {a: [1, {b: null}]}, method: POST}
        - {status: fired, requests: [{json: null}, {body: text}]}
      Other tag: {status: skipped, requests: [], json: null}
    reply: {status: 204, cookies: {a: {value: x, max_age: 5}, b: null}}
"""
        )
    )
    assert story.expect == {
        "Page tag": [
            {
                "method": "POST",
                "url": "u",
                "headers": {"a": "b", "c": None},
                "json": {"a": [1, {"b": None}]},
                "status": "fired",
            },
            {"status": "fired", "requests": [{"json": None}, {"body": "text"}]},
        ],
        "Other tag": [{"status": "skipped", "requests": [], "json": None}],
    }
    assert story.reply == ({"status": 204, "cookies": {"a": {"value": "x", "max_age": 5}, "b": None}},)


def test_the_environment_is_filled_in_and_secrets_stay_as_they_are_shown(read: Callable[..., Loaded]) -> None:
    story = only(
        read(
            """    hit: {query: "shop=${SHOP}&secret=${secret:KEY}"}
    expect:
      Page tag:
        status: fired
        headers: {a: "Bearer ${secret:KEY}", b: "${secret:KEY}", c: "$${SHOP} {{{{ x }}"}
        json:
          count: ${COUNT}
          list: ["${SHOP}", "${secret:KEY}"]
"""
        )
    )
    assert story.hits[0].query == "shop=Example Shop&secret=${secret:KEY}"
    assert story.expect["Page tag"][0] == {
        "status": "fired",
        "headers": {"a": "Bearer ${secret:KEY}", "b": "${secret:KEY}", "c": "${SHOP} {{ x }}"},
        "json": {"count": 7, "list": ["Example Shop", "${secret:KEY}"]},
    }


def test_an_unset_environment_variable_is_a_warning_and_its_own_text(read: Callable[..., Loaded]) -> None:
    loaded = read("    hit: {query: '${NOBODY}'}\n" + EXPECT)
    assert codes(loaded) == [("missing-environment", 1, 19)]
    assert loaded.model is not None
    assert loaded.model.tests[0].hits[0].query == "${NOBODY}"


def test_a_reference_in_an_expectation_does_not_use_the_variable(read: Callable[..., Loaded]) -> None:
    loaded = read("    hit: {}\n    expect: {Page tag: {status: fired, json: '{{ Order }}'}}\n")
    assert [code for code, _, _ in codes(loaded)] == ["not-dynamic"]
    assert "{{{{" in loaded.problems[0].hint


def test_a_test_with_a_mistake_keeps_the_container_from_loading(read: Callable[..., Loaded]) -> None:
    assert read("    hit: {}\n    expect: {Pagetag: {status: fired}}\n").model is None
