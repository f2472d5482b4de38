"""Files that are small and mean much, or that ask for more than data: each is refused soon, at its place."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from container.config.load import Loaded
from container.config.source import plain, read

Load = Callable[..., Loaded]

TEN = "0123456789"
START = "version: 1\ncontainer: {name: A, id: A-1}\n"

BOMBS = {
    "laughs": "a0: &a0 [x]\n" + "".join(f"a{n + 1}: &a{n + 1} [{f'*a{n}, ' * 9}]\n" for n in range(9)),
    "laughs of mappings": "a0: &a0 {x: 1}\n"
    + "".join(f"a{n + 1}: &a{n + 1} {{{''.join(f'k{k}: *a{n}, ' for k in TEN)}}}\n" for n in range(9)),
    "doublings": "a0: &a0 [x]\n" + "".join(f"a{n + 1}: &a{n + 1} [*a{n}, *a{n}]\n" for n in range(24)),
    "one large anchor, often": f"a: &a [{'x, ' * 40_000}]\nb: [{'*a, ' * 49}]\n",
    "merges": "a0: &a0 {" + "".join(f"k{n}: 1, " for n in range(2000)) + "}\n" + f"b: {{<<: [{'*a0, ' * 49}]}}\n",
    "merges of merges": "a0: &a0 {"
    + "".join(f"k{n}: 1, " for n in range(1500))
    + "}\n"
    + "".join(f"a{n + 1}: &a{n + 1} {{<<: [*a{n}, *a{n}], j{n}: 1}}\n" for n in range(24)),
    "a circle": "a: &a {b: *a}\n",
    "a circle of two": "a: &a [&b [*a, *b]]\n",
    "a merged circle": "a: &a {<<: *a}\n",
    "lists in lists": "a: " + "[" * 10_000 + "]" * 10_000 + "\n",
    "mappings in mappings": "".join(" " * n + "a:\n" for n in range(1000)) + " " * 1000 + "a: 1\n",
    "lists under lists": "a: " + "- " * 5000 + "x\n",
    "keys that are mappings": "? " * 200 + "a\n",
    "two megabytes": "# " + "x" * 2_000_000 + "\n",
    "two megabytes of values": "a: [" + "x, " * 700_000 + "]\n",
    "fifty thousand keys": "".join(f"k{n}: 1\n" for n in range(50_000)),
    "one key, often": "container: {name: A}\n" * 20_000,
    "anchors": "".join(f"k{n}: &a{n} 1\n" for n in range(30_000)),
    "an endless number": "a: " + "9" * 900_000 + "\n",
    "an endless version": "%YAML " + "1" * 10_000 + ".1\n---\na: 1\n",
    "an endless escape": 'a: "\\UFFFFFFFF"\n',
    "an endless key": "k" * 900_000 + ": 1\n",
    "references without an end": 'a: "' + "{{ A " * 150_000 + '"\n',
}

TAGS = [
    *("!!python/object/apply:os.system ['true']", "!!python/object/new:os.system ['true']", "!!python/name:os.system"),
    *("!!python/module:os", "!!python/tuple [1]", "!!python/bytes eA==", "!!python/object:a.B {}", "!!binary eA=="),
    *("!!timestamp 2026-01-01", "!!set {a}", "!!omap [a: 1]", "!!pairs [a: 1]", "!!str a", "!!int 1", "!!float 1"),
    *("!!bool yes", "!!null ''", "!!map {a: 1}", "!!seq [1]", "!!merge <<", "!include other.yaml", "!ENV $A", "! a"),
    *("!<tag:yaml.org,2002:python/object/apply:os.system> ['true']", "!vault a", "&a !!str a", "!!js/function 'a'"),
]


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_file_that_means_much_is_refused_soon(load_text: Load, bomb: str) -> None:
    text = START + BOMBS[bomb] if not BOMBS[bomb].startswith("%") else BOMBS[bomb]
    started = time.process_time()
    loaded = load_text(text)
    taken = time.process_time() - started
    assert loaded.model is None
    errors = [found for found in loaded.problems if found.level == "error"]
    assert errors
    assert all(found.line >= 1 and len(found.sentence) < 1000 for found in errors)
    assert taken < 20


@pytest.mark.parametrize("bomb", ["laughs", "laughs of mappings", "doublings", "one large anchor, often", "merges"])
def test_an_alias_that_is_followed_too_far_is_a_problem_at_its_place(bomb: str) -> None:
    source = read(BOMBS[bomb])
    assert source.root is None
    [problem] = source.problems
    assert problem.code == "yaml-syntax"
    assert any(words in problem.sentence for words in ("aliases", "values"))


@pytest.mark.parametrize("tag", TAGS)
def test_a_tag_makes_nothing_but_a_problem(tag: str) -> None:
    for text in (f"a: {tag}\n", f"- {tag}\n", f"{tag}\n" if not tag.startswith("&") else f"--- {tag}\n"):
        source = read(text)
        assert source.root is None
        assert [problem.code for problem in source.problems] == ["yaml-syntax"]


@pytest.mark.parametrize(
    "text",
    [
        "a: 1\na: 2\n",
        "a: {b: 1, b: 2}\n",
        '"a": 1\na: 2\n',
        "? a\n: 1\n'a': 2\n",
        "a: {<<: {b: 1}, b: 2, b: 3}\n",
        "- a: 1\n  b: 2\n  a: 3\n",
        "\u00e9: 1\n'\u00e9': 2\n",
        "1: a\n1: b\n",
        "true: a\ntrue: b\n",
        "~: a\n~: b\n",
    ],
)
def test_a_key_that_is_there_twice_is_a_problem_wherever_it_is(text: str) -> None:
    source = read(text)
    assert [problem.code for problem in source.problems] == ["duplicate-key"]
    assert source.root is not None


def test_keys_that_other_readers_take_for_one_are_two() -> None:
    source = read("1: a\n01: b\n1.0: c\n0x1: d\nyes: e\nYes: f\ntrue: g\n")
    assert source.problems == ()
    assert source.root is not None
    assert [*plain(source.root)] == ["1", "01", "1.0", "0x1", "yes", "Yes", "true"]
