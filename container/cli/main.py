"""The command `tag-container`. Exit codes: 0 fine, 1 problems found, 2 wrong usage."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

import container
from container.cli.deliver import deliver
from container.cli.docs import docs
from container.cli.forget import forget
from container.cli.migrate import migrate
from container.cli.preview import preview
from container.cli.queue import queue
from container.cli.run_tests import run_tests
from container.cli.sandbox import sandbox
from container.cli.schema import schema
from container.cli.serve import serve
from container.cli.shadow import shadowed
from container.cli.simulate import simulate
from container.cli.validate import validate
from container.web.gauges import own_version

app = typer.Typer(
    name="tag-container",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _say_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tag-container {own_version()}")
        raise typer.Exit


@app.callback()
def options(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_say_version, is_eager=True, help="Say which version this is, and end."),
    ] = False,
) -> None:
    """A self-hosted, server-side tag container."""


for command in (serve, deliver, migrate, validate, simulate, schema, docs, sandbox, forget, preview):
    app.command()(command)
app.command("test")(run_tests)
app.add_typer(queue, name="queue")


def main() -> None:
    """Runs the command line of this process."""
    home = Path(container.__file__).resolve().parent.parent
    problems = shadowed(home)
    if problems:
        typer.echo("\n".join(problems), err=True)
        sys.exit(2)
    app()
