"""Values written anew in place: nothing else changes by a byte, and what is written is read again as it was."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from container.config.rewrite import exactly, rewritten
from container.config.source import plain, read

KEYS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=8)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=20).filter(lambda text: "{{" not in text and "${" not in text)
)
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4))


def changed(text: str, *path: str | int, to: Any) -> str:
    found = rewritten(text, {path: to})
    assert not found.refused
    return found.text


def refused(text: str, *path: str | int, to: Any = 1) -> bool:
    found = rewritten(text, {path: to})
    assert (found.text == text) == bool(found.refused)
    return bool(found.refused)


@given(VALUES)
def test_what_is_written_on_one_line_is_read_as_the_same_value(value: Any) -> None:
    source = read(f"a: {exactly(value)}\n")
    assert not source.problems
    assert source.root is not None
    assert plain(source.root) == {"a": value}


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("Purchase", "Purchase"),
        ("two words", "two words"),
        ("https://a.example/", "https://a.example/"),
        ("yes", '"yes"'),
        ("12", '"12"'),
        ("", '""'),
        ("a\nb\x85\u2028", '"a\\nb\\u0085\\u2028"'),
        ("grüße!", '"grüße!"'),
        (1e22, "1.0e+22"),
        (20.0, "20.0"),
        (None, "null"),
        (True, "true"),
        ({"a b": [1, {}], "c:": []}, '{a b: [1, {}], "c:": []}'),
        ("${secret:TOKEN}", '"${secret:TOKEN}"'),
        ("{{ Name }} ${HOME} $${secret:A}", '"{{{{ Name }} $${HOME} $$${secret:A}"'),
    ],
)
def test_how_values_are_written(value: Any, written: str) -> None:
    assert exactly(value) == written


@pytest.mark.parametrize(
    ("before", "value", "after"),
    [
        ("a: old  # why\nb: 1\n", "new", "a: new  # why\nb: 1\n"),
        ("a: 'old' # why", "it's", "a: 'it''s' # why"),
        ("a: 'old'", "b\n", 'a: "b\\n"'),
        ('a: "old"\n', "new", 'a: "new"\n'),
        ('a: "old"\n', 5, "a: 5\n"),
        ("{a: old, b: 2}", "x, y", '{a: "x, y", b: 2}'),
        ("a:\nb: 1\n", 5, "a: 5\nb: 1\n"),
        ("a: # nothing yet\nb: 1\n", 5, "a: 5 # nothing yet\nb: 1\n"),
        ("{a: , b: 1}", 5, "{a: 5 , b: 1}"),
        ("a: |\n  two\n  lines\n# here\nb: 1\n", "one", "a: one\n# here\nb: 1\n"),
        ("a: >-\r\n  folded\r\nb: 1\r\n", "x", "a: x\r\nb: 1\r\n"),
        ("a: {b: 1} # c\n", 2, "a: 2 # c\n"),
        ("a:\n  b: 1\n  c: 2\n# d\ne: 1\n", None, "a:\n  null\n# d\ne: 1\n"),
        ("a:\n- 1\n- 2\nb: 1\n", 7, "a:\n  7\nb: 1\n"),
        ("a:\n- 1\n- 2\nb: 1\n", [], "a:\n  []\nb: 1\n"),
        ("\ufeffa: 1\n", 2, "\ufeffa: 2\n"),
        ("a: plain over\n  two lines\nb: 1\n", "x", "a: x\nb: 1\n"),
    ],
)
def test_a_value_is_replaced_and_the_rest_stays(before: str, value: Any, after: str) -> None:
    assert changed(before, "a", to=value) == after


@pytest.mark.parametrize(
    ("before", "value", "after"),
    [
        ("a: [x, 2,] # c\n", ["x", 2, {"b": 3}], "a: [x, 2, {b: 3},] # c\n"),
        ("a: [x, 2, 3] # c\n", ["x"], "a: [x] # c\n"),
        ("a: []\n", [1, 2], "a: [1, 2]\n"),
        ("a:\n- x # one\n- y # two\n# end\nb: 1", ["x"], "a:\n- x # one\n# end\nb: 1"),
        ("a:\n- x # one\n# end\nb: 1", ["x", 2, 3], "a:\n- x # one\n- 2\n- 3\n# end\nb: 1"),
        ("a:\r\n  - b: 1\r\n    c: 2", [{}, 2], "a:\r\n  - b: 1\r\n    c: 2\r\n  - 2"),
        ("a: {b: 1} # c\n", [{}, {"b": 2}], "a: [{b: 1}, {b: 2}] # c\n"),
        (
            "a:\n  b: 1 # c\n\n  d: |\n    x\n# e\nf: 1\n",
            [{}, {"b": 2}],
            "a:\n  - b: 1 # c\n\n    d: |\n      x\n  - {b: 2}\n# e\nf: 1\n",
        ),
    ],
)
def test_a_list_grows_and_shrinks_at_its_end(before: str, value: Any, after: str) -> None:
    assert changed(before, "a", to=value) == after


def test_values_inside_are_found_by_their_way() -> None:
    text = "a:\n- b: [1, {c: old}]\n  d: 1\n- 5\n"
    assert changed(text, "a", 0, "b", 1, "c", to="new") == text.replace("old", "new")
    assert changed(text, "a", 1, to=6) == text.replace("5", "6")


def test_a_single_value_is_item_0_of_a_list() -> None:
    assert changed("a: {b: 1}", "a", 0, "b", to=2) == "a: {b: 2}"
    assert refused("a: {b: 1}", "a", 1, "b")


def test_several_values_are_changed_at_once() -> None:
    found = rewritten("a: 1\nb: [2, 3]\n", {("a",): 10, ("b", 1): "long text", ("b", 0): None})
    assert found.text == "a: 10\nb: [null, long text]\n"


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("x: &one 1\na: *one\n", ["a"]),
        ("x: &one 1\na: *one\n", ["x"]),
        ("x: &one {b: 1}\na: *one\n", ["a", "b"]),
        ("x: &one {b: 1}\na: *one\n", ["x", "b"]),
        ("x: &one {b: 1}\na: {<<: *one, c: 2}\n", ["a", "b"]),
        ("a: [&one 1, *one]\n", ["a", 1]),
        ("a:\n- {k: &one 1}\n- *one\n", ["a", 1]),
        ("x: &one 1\na: [*one, 2]\n", ["a"]),
        ("x: &one 1\na: [*one, 2]\n", ["a", 1]),
        ("x: &one 1\na: {b: *one}\n", ["a"]),
        ("{a, b: 1}", ["a"]),
    ],
)
def test_what_other_places_share_is_left_alone(text: str, path: list[str | int]) -> None:
    assert refused(text, *path)


def test_an_empty_file_has_no_values() -> None:
    assert refused("a: [", "a")


def block(value: Any, indent: int, comment: str) -> str:
    """A value in block style, with a comment behind each line."""
    space = "\n" + " " * indent
    if isinstance(value, dict) and value:
        return "".join(
            f"{space}{exactly({k: 0})[1:-4]}:{block(member, indent + 2, comment)}" for k, member in value.items()
        )
    if isinstance(value, list) and value:
        return "".join(f"{space}- {exactly(member)}{comment}" for member in value)
    return f" {exactly(value)}{comment}"


TREES = st.dictionaries(KEYS, VALUES, min_size=1, max_size=4)


@given(TREES, VALUES, st.data(), st.sampled_from(["", " # why"]), st.booleans())
def test_only_the_value_that_is_named_changes(
    tree: dict[str, Any], value: Any, data: st.DataObject, comment: str, flat: bool
) -> None:
    text = exactly(tree) if flat else block(tree, 0, comment).lstrip("\n")
    text += f"{comment}\n# the end\n" if flat else "\n# the end\n"
    path = way(tree, data)
    before = at(tree, path)
    grows = isinstance(before, list) and before and isinstance(value, list) and value
    wraps = isinstance(before, dict) and isinstance(value, list) and value and not grows
    after = changed(text, *path, to=value)
    source = read(after)
    assert source.root is not None
    assert not source.problems
    kept = [*before[: len(value)], *value[len(before) :]] if grows else [before, *value[1:]] if wraps else value
    assert plain(source.root) == replaced(tree, path, kept)
    assert after.endswith("# the end\n")


def way(tree: Any, data: st.DataObject) -> list[str | int]:
    path: list[str | int] = []
    while isinstance(tree, (dict, list)) and tree and (not path or data.draw(st.booleans())):
        step = data.draw(st.sampled_from(list(tree) if isinstance(tree, dict) else range(len(tree))))
        path.append(step)
        tree = tree[step]
    return path


def at(tree: Any, path: list[str | int]) -> Any:
    for step in path:
        tree = tree[step]
    return tree


def replaced(tree: Any, path: list[str | int], value: Any) -> Any:
    if not path:
        return value
    inner = replaced(tree[path[0]], path[1:], value)
    if isinstance(tree, dict):
        return {**tree, path[0]: inner}
    return [inner if position == path[0] else member for position, member in enumerate(tree)]
