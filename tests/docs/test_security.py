"""`docs/security.md` has a row for every risk, and names tests that there are."""

from __future__ import annotations

import re

import pytest

from tests.docs.named_tests import ROOT, assert_there

PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
ROWS = {row[1]: row[0] for row in re.finditer(r"^\| (S\d+) \|.*\|$", PAGE, re.MULTILINE)}
NAMED = sorted(set(re.findall(r"`([\w/]+\.py)::(\w+)`", PAGE)))
WANTED = [f"S{number}" for number in range(1, 25)]


def test_every_risk_has_its_row_in_order() -> None:
    assert list(ROWS) == WANTED


@pytest.mark.parametrize("number", WANTED)
def test_a_row_says_what_is_done_and_what_shows_it(number: str) -> None:
    _, _, risk, done, shown, _ = re.split(r"(?<!\\) ?\| ?", ROWS[number])
    assert risk
    assert done.endswith(".")
    assert re.search(r"`[\w/]+\.py::test_\w+`", shown)


@pytest.mark.parametrize(("file", "name"), NAMED, ids=[f"{file}::{name}" for file, name in NAMED])
def test_a_test_that_is_named_is_there(file: str, name: str) -> None:
    assert_there(file, name)


def test_what_is_linked_is_there() -> None:
    for page in (ROOT / "docs" / "security.md", ROOT / "SECURITY.md"):
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), target


def test_how_to_report_a_fault_invents_no_address() -> None:
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    assert "Report a vulnerability" in text
    assert "@" not in text
    assert "http" not in text
