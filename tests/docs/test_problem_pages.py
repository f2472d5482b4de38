"""Every problem code has a page: what it shows as broken gives what it prints, and what it shows as mended does not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from container.config.load import Loaded, load
from container.config.problem import CODES
from container.config.registry import discover

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = DOCS / "problems"
_BROKEN = re.compile(r"^```yaml broken\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PRINTED = re.compile(r"^```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_MENDED = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def validated(text: str) -> Loaded:
    return load(
        text,
        filename="container.yaml",
        registry=discover(),
        environment={},
        secrets=lambda name: f"value of {name}",
        strict_environment=False,
    )


def test_what_is_called_a_warning_too_has_a_page_that_says_so() -> None:
    index = (DOCS / "problems.md").read_text(encoding="utf-8")
    listed = index.partition("their pages say when:")[2].partition(".")[0]
    saying = {path.stem for path in PAGES.iterdir() if "Sometimes a warning: see below." in path.read_text("utf-8")}
    assert set(re.findall(r"`([a-z-]+)`", listed)) == saying


def test_every_code_has_a_page_and_every_page_a_code() -> None:
    assert {path.stem for path in PAGES.iterdir()} == CODES.keys()


@pytest.mark.parametrize("code", CODES)
def test_a_page_says_what_the_code_means_and_what_to_do(code: str) -> None:
    page = (PAGES / f"{code}.md").read_text(encoding="utf-8")
    assert page.startswith(f"# `{code}`\n\n{CODES[code].meaning}")
    assert f"**What to do:** {CODES[code].remedy}" in page


@pytest.mark.parametrize("code", CODES)
def test_the_broken_file_of_a_page_gives_exactly_what_is_printed(code: str) -> None:
    page = (PAGES / f"{code}.md").read_text(encoding="utf-8")
    (broken,), (printed,) = _BROKEN.findall(page), _PRINTED.findall(page)
    loaded = validated(broken)
    assert loaded.report() == printed.rstrip("\n")
    assert {each.code for each in loaded.problems} == {code}


@pytest.mark.parametrize("code", CODES)
def test_the_mended_file_of_a_page_has_no_problem(code: str) -> None:
    (mended,) = _MENDED.findall((PAGES / f"{code}.md").read_text(encoding="utf-8"))
    assert validated(mended).problems == ()


def test_the_index_leads_to_every_page() -> None:
    index = (DOCS / "problems.md").read_text(encoding="utf-8")
    for code, about in CODES.items():
        assert f"[`{code}`](problems/{code}.md) | {about.meaning} | {about.remedy} |" in index
