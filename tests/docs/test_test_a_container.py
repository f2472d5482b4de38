"""The how-to shows a container, what its tests print, and what a failing one prints. All of it is so."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest
from typer.testing import CliRunner

from container.case import Status
from container.cli.main import app

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "how-to" / "test-a-container.md").read_text(encoding="utf-8")
CONTAINER, *_ = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
PASSED, FAILED = re.findall(r"^```text\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def printed(text: str, *arguments: str) -> str:
    Path("container.yaml").write_text(text, encoding="utf-8")
    return CliRunner().invoke(app, ["test", "container.yaml", *arguments]).stdout


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_tests_of_the_page_hold() -> None:
    assert printed(CONTAINER) == PASSED


def test_a_failing_test_reads_as_on_the_page() -> None:
    found = printed(CONTAINER.replace("event: Purchase", "event: CompletePayment"))
    # What TikTok misses in the event follows in the same line.
    short = re.sub(r"(why: [^;\n]*);.*", r"\1", found)
    assert short == FAILED


def test_null_records_a_body() -> None:
    printed(CONTAINER.replace("json: {data: [{event: Purchase, user: {ttp: abc}}]}", "json: null"), "--update")
    assert "json: {event_source: web, event_source_id: C1234567890ABCDEFGHI, data: [{event: Purchase" in Path(
        "container.yaml"
    ).read_text(encoding="utf-8")


def test_every_status_is_explained() -> None:
    assert set(re.findall(r"^\| `(\w+)` \| ", PAGE, re.MULTILINE)) == set(get_args(Status))
