"""The how-to shows a container, hits, and what each tag says about them. All of it is so."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from typer.testing import CliRunner

from container.case import DEFAULT_TIME, Status, hit_from_json
from container.cli.main import app

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "how-to" / "simulate.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
(_, CONTAINER), (_, HITS), (_, OUTCOME), (_, PRINTED) = BLOCK.findall(PAGE)


@pytest.fixture
def outcomes(tmp_path: Path) -> list[dict[str, Any]]:
    container, hits = tmp_path / "shop.yaml", tmp_path / "hits.jsonl"
    container.write_text(CONTAINER, encoding="utf-8")
    hits.write_text(HITS, encoding="utf-8")
    done = CliRunner().invoke(app, ["simulate", "--config", str(container), str(hits)])
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in done.stdout.splitlines()]


def printed(outcome: dict[str, Any]) -> Iterator[str]:
    """What the page's filter makes of an outcome."""
    if "why" in outcome:
        yield outcome["why"]
    for event in outcome["events"]:
        for tag in event["tags"]:
            yield f"{event['name']}, {tag['tag']}: {tag['status']}, {tag['why']}"


def test_the_hits_of_the_page_are_told_as_it_says(outcomes: list[dict[str, Any]]) -> None:
    assert [line for outcome in outcomes for line in printed(outcome)] == PRINTED.splitlines()


def test_an_outcome_has_the_members_of_the_page(outcomes: list[dict[str, Any]]) -> None:
    shown, found = json.loads(OUTCOME), outcomes[0]
    assert list(shown) == list(found)
    assert list(shown["reply"]) == list(found["reply"])
    assert list(shown["events"][0]) == list(found["events"][0])
    assert list(shown["events"][0]["tags"][0]) == list(found["events"][0]["tags"][0])
    assert list(shown["events"][0]["tags"][0]["requests"][0]) == list(found["events"][0]["tags"][0]["requests"][0])


def test_the_usual_moment_is_that_of_the_page() -> None:
    assert f"{DEFAULT_TIME}, that is 2026-01-01 10:00 UTC" in PAGE
    assert hit_from_json({}).received == DEFAULT_TIME


def test_every_status_is_explained() -> None:
    assert set(get_args(Status)) <= set(re.findall(r"^\| `(\w+)` \| ", PAGE, re.MULTILINE))
