"""The how-to builds a plug-in. This test follows it to the letter, with the very files that the page shows."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "how-to" / "add-a-tag.md"
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks() -> list[tuple[str, str]]:
    return [(found[1], found[2]) for found in _BLOCK.finditer(PAGE.read_text(encoding="utf-8"))]


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """The plug-in as the page lays it out, with the metadata that installing it would leave."""
    python = [text for language, text in blocks() if language == "python"]
    yaml = [text for language, text in blocks() if language == "yaml"]
    toml = next(text for language, text in blocks() if language == "toml")
    (tmp_path / "newsletter_tag.py").write_text(python[0])
    (tmp_path / "test_newsletter_tag.py").write_text(python[1])
    (tmp_path / "container.yaml").write_text(yaml[0])
    (tmp_path / "cases").mkdir()
    for name, text in zip(("with_language", "minimum", "wrong_kind"), yaml[1:], strict=True):
        (tmp_path / "cases" / f"{name}.yaml").write_text(text)
    group, entry = re.findall(r'entry-points\."([^"]+)"\]\n(.+)', toml)[0]
    metadata = tmp_path / "newsletter_tag-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: newsletter-tag\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[{group}]\n{entry.replace(chr(34), '')}\n")
    return tmp_path


def run(package: Path, *command: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": f"{package}{os.pathsep}{ROOT}"}
    return subprocess.run(
        [sys.executable, *command],
        cwd=package,
        env=environment,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_cases_of_the_page_hold_and_the_tag_keeps_the_contract(package: Path) -> None:
    done = run(package, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(package))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout


def test_a_container_uses_the_tag_as_if_it_were_ours(package: Path) -> None:
    done = run(package, "-m", "container", "validate", "container.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_command_of_the_page_shows_what_would_be_sent(package: Path) -> None:
    shell = next(text for language, text in blocks() if language == "sh")
    hit = re.findall(r"echo '(.*)'", shell)[0]
    done = run(package, "-m", "container", "simulate", "--config", "container.yaml", stdin=hit + "\n")
    assert done.returncode == 0, done.stderr
    tag = json.loads(done.stdout)["events"][0]["tags"][0]
    assert tag["status"] == "fired"
    assert tag["requests"] == [
        {
            "method": "POST",
            "url": "https://newsletter.example/v1/lists/42/members",
            "headers": {"Authorization": "Bearer ${secret:NEWSLETTER_KEY}"},
            "json": {"email": "ada@example.com", "language": "nl"},
        }
    ]
