"""Every broken file gives exactly the problems that its header expects, all of them in one run."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from container.config.load import Loaded
from container.config.problem import CODES

BROKEN = Path(__file__).parent.parent / "broken"
FILES = sorted(BROKEN.glob("*.yaml"))
EXPECTATION = re.compile(r"# expect: (\d+):(\d+) ([a-z-]+)")


def expected(text: str) -> set[tuple[int, int, str]]:
    return {(int(line), int(column), code) for line, column, code in EXPECTATION.findall(text)}


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_a_broken_file_gives_exactly_its_problems(path: Path, load_text: Callable[..., Loaded]) -> None:
    text = path.read_text(encoding="utf-8")
    loaded = load_text(text, strict="# strict" in text)
    assert {(each.line, each.column, each.code) for each in loaded.problems} == expected(text)
    assert (loaded.model is None) == any(each.level == "error" for each in loaded.problems)


def test_the_index_says_which_errors_come_as_warnings_too(load_text: Callable[..., Loaded]) -> None:
    levels: dict[str, set[str]] = {}
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        for each in load_text(text, strict="# strict" in text).problems:
            levels.setdefault(each.code, set()).add(each.level)
    index = (BROKEN.parents[1] / "docs" / "problems.md").read_text(encoding="utf-8")
    listed = index.partition("their pages say when:")[2].partition(".")[0]
    assert set(re.findall(r"`([a-z-]+)`", listed)) == {code for code, found in levels.items() if len(found) > 1}


def test_there_are_at_least_sixty_broken_files() -> None:
    assert len(FILES) >= 60


def test_every_code_has_a_broken_file() -> None:
    shown = {code for path in FILES for _, _, code in expected(path.read_text(encoding="utf-8"))}
    assert shown == CODES.keys()
