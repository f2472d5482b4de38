"""Whole stories: containers with tests of their own, run as `tag-container test` runs them."""

from __future__ import annotations

from pathlib import Path

import pytest

from container.testing import run_tests

ROOT = Path(__file__).resolve().parents[1]
STORIES = sorted((ROOT / "tests" / "containers").glob("*.yaml"))
EXAMPLES = [ROOT / "container.yaml", *sorted((ROOT / "docs" / "examples").glob("*.yaml"))]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", [*STORIES, *EXAMPLES], ids=name_of)
def test_the_tests_of_a_container_hold(path: Path) -> None:
    found = run_tests(path)
    assert found
    assert not ["\n".join([told.story.name, *told.lines()]) for told in found if not told.passed]


@pytest.mark.parametrize("path", EXAMPLES[1:], ids=name_of)
def test_an_example_has_a_dozen_tests(path: Path) -> None:
    assert len(run_tests(path)) >= 12


def test_a_container_with_errors_tells_no_stories(tmp_path: Path) -> None:
    path = tmp_path / "container.yaml"
    path.write_text("version: 2\n", encoding="utf-8")
    with pytest.raises(ValueError, match="wrong-type"):
        run_tests(path)
