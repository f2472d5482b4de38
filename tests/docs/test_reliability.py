"""`docs/reliability.md` names tests that there are, commands that there are, and has a test for every row."""

from __future__ import annotations

import importlib.util
import re

import pytest

from tests.chaos.checker import INVARIANTS
from tests.chaos.failpoints import POINTS
from tests.docs.named_tests import ROOT, assert_there

PAGE = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`([\w/]+\.py)::(\w+)`", PAGE)))
MATRIX = [
    row
    for row in re.findall(r"^\| .+ \|$", PAGE.partition("## What may go wrong")[2], re.MULTILINE)
    if not row.startswith("| what happens ")
]
COMMANDS = sorted(set(re.findall(r"`python -m ([\w.]+)", PAGE)))


@pytest.mark.parametrize("row", MATRIX, ids=[row.split("|")[1].strip() for row in MATRIX])
def test_a_row_says_what_happens_what_becomes_of_it_and_what_shows_it(row: str) -> None:
    _, happens, becomes, shown, _ = (part.strip() for part in row.split("|"))
    assert happens
    assert becomes
    assert re.fullmatch(r"`[\w/]+\.py::test_\w+`", shown)


def test_the_matrix_has_as_many_rows_as_there_are_troubles() -> None:
    assert len(MATRIX) >= 45


@pytest.mark.parametrize(("file", "name"), NAMED, ids=[f"{file}::{name}" for file, name in NAMED])
def test_a_test_that_is_named_is_there(file: str, name: str) -> None:
    assert_there(file, name)


@pytest.mark.parametrize("module", COMMANDS)
def test_a_command_that_is_named_is_there(module: str) -> None:
    assert importlib.util.find_spec(module) is not None


def test_every_invariant_has_its_row_in_order() -> None:
    assert re.findall(r"^\| (I\d) \|", PAGE, re.MULTILINE) == [f"I{number + 1}" for number in range(len(INVARIANTS))]


def test_the_number_of_failpoints_is_right() -> None:
    assert f"once at each of {len(POINTS)} steps" in PAGE
