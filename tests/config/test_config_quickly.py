"""Two readers of YAML, one tree: LibYAML's is only taken where PyYAML's would be the same, down to every place."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from container.config.source import Scalar, Table, patiently, quickly, read

ROOT = Path(__file__).resolve().parents[2]
FILES = [ROOT / "container.yaml", *(ROOT / "docs").rglob("*.yaml"), *(ROOT / "tests").rglob("*.yaml")]
FILES = [file for file in FILES if "node_modules" not in file.parts]
TEXTS = [text.removeprefix("\ufeff") for text in (file.read_text(encoding="utf-8") for file in FILES)]
LINES = [text.splitlines(keepends=True) for text in TEXTS]
SIGNS = [
    *"\n:#-{}[],'\"|>%@`?!~\\=\t\x00\x7f\x85\u2028\ufeffé😀0",
    *("  ", ": ", " #", "- ", "? ", "!x ", "&a ", "*a", "<<: ", "\\n", "\r\n", "---\n", "...", "|-", "|2", "\n\n"),
    *("{{ A }}", "}}", ":a", "a:", "%YAML 1.1\n", "\\x41", "''"),
]


@st.composite
def damaged(draw: st.DrawFn) -> str:
    """A few lines of a file that is there, with a few signs put in or taken out."""
    lines = draw(st.sampled_from(LINES))
    start = draw(st.integers(0, len(lines)))
    text = "".join(lines[start : start + draw(st.integers(1, 12))])
    for _ in range(draw(st.integers(0, 4))):
        at, gone = draw(st.integers(0, len(text))), draw(st.integers(0, 3))
        text = text[:at] + draw(st.sampled_from(["", *SIGNS])) + text[at + gone :]
    return text


def test_most_files_are_read_quickly() -> None:
    read_so = sum(quickly(text) is not None for text in TEXTS)
    assert read_so > len(TEXTS) * 0.8


def test_every_file_gives_the_same_tree_either_way() -> None:
    for file, text in zip(FILES, TEXTS, strict=True):
        tree = quickly(text)
        if tree is not None:
            patient = patiently(text)
            assert (tree, ()) == (patient.root, patient.problems), file


@given(damaged())
def test_damaged_text_gives_the_same_tree_either_way_or_none(text: str) -> None:
    tree = quickly(text)
    if tree is not None:
        patient = patiently(text)
        assert (tree, ()) == (patient.root, patient.problems)


@pytest.mark.parametrize(
    "text",
    ["a: [b?c]", "a: {b?c: 1}", "a:\tb", "a:", "--- ", "? a", "a: |#", "%YAML 1.1\n--- a", "a: \ufeffb", "a: b\u2028"],
)
def test_what_both_read_otherwise_is_left_to_the_patient_one(text: str) -> None:
    assert quickly(text) is None


def test_a_file_with_problems_is_told_of_by_the_patient_one() -> None:
    assert quickly("a: 1\na: 2\n") is None
    assert [each.code for each in read("a: 1\na: 2\n").problems] == ["duplicate-key"]


def test_a_question_mark_in_quotes_is_no_reason_to_be_patient() -> None:
    tree = quickly("a: {b: 'https://shop.example/?c=1'}\n")
    assert isinstance(tree, Table)
    inner = tree.entries["a"].value
    assert isinstance(inner, Table)
    value = inner.entries["b"].value
    assert isinstance(value, Scalar)
    assert (value.text, value.place.line, value.place.column) == ("https://shop.example/?c=1", 1, 8)
