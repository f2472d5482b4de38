"""`docs`: the reference pages of everything that is installed, as Markdown."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import container
from container.config.registry import discover
from container.handbook import MARK, pages

_HOME = Path(container.__file__).resolve().parent.parent


def docs(
    folder: Annotated[Path, typer.Argument(help="Where the pages go.", metavar="DIR")] = Path("docs/reference"),
    cases: Annotated[Path, typer.Option(help="The folder of case files, from which examples are taken.")] = _HOME
    / "tests",
) -> None:
    """Writes the reference pages of everything that is installed, and takes away those of what is gone."""
    made = pages(discover(), cases)
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("*.md"):
        if path.name not in made and path.read_text(encoding="utf-8").startswith(MARK):
            path.unlink()
    for name, text in made.items():
        (folder / name).write_text(text, encoding="utf-8")
    typer.echo(f"{len(made)} pages in {folder}")
