"""`migrate`: makes the tables in a database, or those of an earlier version the present ones."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from container.cli.log_setup import Format
from container.cli.options import StartError
from container.cli.starting import OnlyStore, not_started, own_of
from container.cli.stores import postgres
from container.delivery.store import StoreRefusedError


def migrate(
    *,
    store: OnlyStore = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print the SQL.")] = False,
    restored: Annotated[
        bool,
        typer.Option(
            "--restored",
            help="A backup was put back, and nothing runs: what came more than 48 hours ago is not sent by itself.",
        ),
    ] = False,
    secrets_dir: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="A folder with one file per secret.")
    ] = None,
    log_format: Annotated[
        Format, typer.Option(envvar="TAG_CONTAINER_LOG_FORMAT", help="How lines of the log are written.")
    ] = "text",
) -> None:
    """Make the tables in a database, or bring those of an earlier version up to date. Processes may run meanwhile."""
    own = own_of(secrets_dir, log_format, store)
    if dry_run and restored:
        raise typer.BadParameter("--restored does something, and --dry-run does not: name one")
    if not own.store:
        raise typer.BadParameter("name the database with --store postgresql://… or TAG_CONTAINER_STORE")
    try:
        migrating = postgres("postgres_migrating")
        if dry_run:
            typer.echo(asyncio.run(migrating.plan(own.store)), nl=False)
            return
        for sentence in asyncio.run(migrating.migrated(own.store)):
            typer.echo(sentence)
        if restored:
            for sentence in asyncio.run(postgres("postgres_restored").restored(own.store)):
                typer.echo(sentence)
    except (StartError, StoreRefusedError) as problem:
        raise not_started(f"cannot migrate: {problem}", own) from None
