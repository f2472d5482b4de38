"""`tag-container docs` writes the reference pages, and takes away its own that are no longer made."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from container.cli.main import app
from container.config.registry import discover
from container.handbook import MARK, pages

TESTS = Path(__file__).resolve().parents[1]


def test_it_writes_every_page_and_keeps_what_others_wrote(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "reference"
    folder.mkdir(parents=True)
    (folder / "tag-gone.md").write_text(f"{MARK}\n\n# gone\n")
    (folder / "mine.md").write_text("# mine\n")
    done = CliRunner().invoke(app, ["docs", str(folder), "--cases", str(TESTS)])
    assert done.exit_code == 0, done.output
    written = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.md")}
    assert written.pop("mine.md") == "# mine\n"
    assert written == pages(discover(), TESTS)


def test_without_case_files_it_writes_pages_without_examples(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["docs", str(tmp_path / "new"), "--cases", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert "## Examples" not in (tmp_path / "new" / "variable-url.md").read_text(encoding="utf-8")
