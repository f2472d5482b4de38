"""`validate FILE`: every problem of a container file at once, with place and remedy."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from container.cli.sources import Sources, read, secrets_from
from container.config.load import Loaded
from container.config.registry import discover

File = Annotated[
    Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, readable=True, help="The container file.")
]


class Format(StrEnum):
    """How problems are written."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"


def validate(
    file: File,
    *,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count as problems.")] = False,
    format: Annotated[Format, typer.Option(help="For people, for programs, or as GitHub annotations.")] = Format.TEXT,
    secrets_dir: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="A folder with one file per secret.")
    ] = None,
) -> None:
    """Every problem of a container file at once, with place and remedy."""
    secrets = secrets_from(secrets_dir, os.environ)
    found = read(Sources(file, discover(), os.environ, secrets))
    written = _written(found, format)
    if written:
        typer.echo(written)
    counted = found.problems if strict else [each for each in found.problems if each.level == "error"]
    if counted:
        raise typer.Exit(1)


def _written(found: Loaded, format: Format) -> str:
    report = found.report(format)
    if format is not Format.TEXT:
        return report
    return "\n\n".join(filter(None, (report, _summary(found))))


def _summary(found: Loaded) -> str:
    errors = sum(each.level == "error" for each in found.problems)
    warnings = len(found.problems) - errors
    counts = [_count(errors, "error"), _count(warnings, "warning")]
    return f"{found.filename}: {' and '.join(filter(None, counts)) or 'no problems'}"


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}" if number else ""
