"""In continuous integration a test that is skipped has failed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.processes import PATIENCE_SECONDS, ROOT

CASES = """
import pytest

def test_runs(): pass

@pytest.mark.skip(reason="no browser")
def test_marked(): pass

def test_skips_itself(): pytest.skip("no database")

@pytest.mark.corpus
def test_corpus(): pytest.skip("no corpus")

@pytest.mark.xfail(reason="known", strict=True)
def test_known(): assert False
"""
MODULE = 'import pytest\npytest.skip("nothing here", allow_module_level=True)\n'


def collected(folder: Path, text: str, environment: dict[str, str]) -> tuple[int, str]:
    """The exit code and output of pytest over one file, with our own conftest."""
    (folder / "test_cases.py").write_text(text, encoding="utf-8")
    (folder / "conftest.py").write_text((ROOT / "tests" / "conftest.py").read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = corpus\n", encoding="utf-8")
    own = {name: value for name, value in os.environ.items() if not name.startswith(("TAG_CONTAINER_", "PYTEST_"))}
    found = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", "--rootdir", str(folder), str(folder)],
        cwd=folder,
        env=own | environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    return found.returncode, found.stdout


def test_elsewhere_a_skip_is_a_skip(tmp_path: Path) -> None:
    code, said = collected(tmp_path, CASES, {})
    assert code == 0
    assert "1 passed, 3 skipped, 1 xfailed" in said


def test_a_skip_is_a_failure_with_its_reason_unless_the_corpus_is_away(tmp_path: Path) -> None:
    code, said = collected(tmp_path, CASES, {"TAG_CONTAINER_CI": "1"})
    assert code == 1
    assert "1 failed, 1 passed, 1 skipped, 1 xfailed, 1 error" in said
    assert "no browser" in said
    assert "no database" in said


@pytest.mark.parametrize(("environment", "code"), [({}, 5), ({"TAG_CONTAINER_CI": "1"}, 2)])
def test_a_module_that_is_skipped_as_a_whole_counts_too(tmp_path: Path, environment: dict[str, str], code: int) -> None:
    assert collected(tmp_path, MODULE, environment)[0] == code
