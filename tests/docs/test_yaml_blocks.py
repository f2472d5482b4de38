"""Every container in the documentation is a container: it loads without a problem."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from container.config.load import load
from container.config.registry import discover

ROOT = Path(__file__).resolve().parents[2]
ELSEWHERE = {"docs/how-to/add-a-tag.md": "test_add_a_tag.py installs the tag that its container uses"}
_CONTAINER = re.compile(r"^version: 1", re.MULTILINE)
_BLOCK = re.compile(r"^```ya?ml\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def containers() -> list[tuple[str, str]]:
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    found = []
    for page in pages:
        name = page.relative_to(ROOT).as_posix()
        blocks = _BLOCK.findall(page.read_text(encoding="utf-8")) if name not in ELSEWHERE else []
        found += [(f"{name}-{number}", text) for number, text in enumerate(blocks) if _CONTAINER.search(text)]
    return found


@pytest.mark.parametrize(("name", "text"), containers(), ids=[name for name, _ in containers()])
def test_a_container_in_the_documentation_loads_without_a_problem(name: str, text: str) -> None:
    loaded = load(
        text,
        filename=name,
        registry=discover(),
        environment={},
        secrets=lambda secret: f"value of {secret}",
        strict_environment=True,
    )
    assert loaded.model is not None, loaded.problems
    assert not loaded.problems


def test_the_readme_shows_a_container() -> None:
    assert any(name.startswith("README.md") for name, _ in containers())
