"""Which store `queue` and `forget` work on: the data folder's, or the database that `--store` names."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import typer

from container.cli.control import KEY, Control, ControlError, container_for, reached, within
from container.cli.options import StartError
from container.cli.sources import own_secret, secrets_from
from container.cli.starting import STORE, store_address
from container.cli.stores import postgres
from container.delivery.store import StoreRefusedError

DATA = Path("data")

Data = Annotated[Path | None, typer.Option(file_okay=False, show_default=str(DATA), help="The folder of the store.")]
Store = Annotated[
    str | None,
    typer.Option(metavar="URL", help="The PostgreSQL database of the store; empty for --data, whatever is set."),
]
SecretsDir = Annotated[
    Path | None,
    typer.Option(
        exists=True, file_okay=False, help="A folder with one file per secret, for a database or where no server runs."
    ),
]


@asynccontextmanager
async def reached_by(
    store: str | None,
    data: Path | None,
    config: Path | None = None,
    *,
    secrets_dir: Path | None,
    command: str = "queue",
) -> AsyncIterator[Control]:
    """The interface of the queue. Raises `ControlError`, and `typer.BadParameter` where no store is meant.

    `store`, `data`: what was stated, `None` for nothing. A database is worked on from this process, whoever else does.
    `command`: as which it shows that.
    """
    secrets = secrets_from(secrets_dir, os.environ)
    address = store_address(own_secret(secrets, STORE, secrets_dir) if store is None else store)
    if not address:
        data = data or DATA
        _refuse_no_folder(data)
        async with reached(data, config, secrets_dir=secrets_dir) as control:
            yield control
        return
    if data is not None:
        _refuse_two(data, stated=store is not None)
    key = own_secret(secrets, KEY, secrets_dir)
    if not key:
        raise ControlError(f"The deliveries of a database are sealed with {KEY}: set it as its servers have it.")
    container = None if config is None else container_for(config, secrets)
    try:
        # What servers look after by themselves is theirs, whether they run or not.
        opened = await postgres("postgres").open_postgres(
            address, key=key, recover=False, name=f"tag-container {command}"
        )
    except (StartError, StoreRefusedError) as problem:
        raise ControlError(f"The store cannot be opened: {problem}") from None
    for sentence in opened.notices:
        typer.echo(sentence, err=True)
    async with within(opened, container, clock=opened.clock, running=True) as control:
        yield control


def _refuse_two(data: Path, *, stated: bool) -> None:
    """Whoever names a folder means what is in there, and not the database of all servers."""
    if stated:
        raise typer.BadParameter(f'--data "{data}" and --store are two stores: name one.')
    raise typer.BadParameter(
        f'--data names the folder "{data}", and {STORE} a database: add --store "" to mean the folder, or leave --data '
        "away to mean the database. Nothing was done."
    )


def _refuse_no_folder(data: Path) -> None:
    if not data.is_dir():
        raise typer.BadParameter(f'--data: there is no folder "{data}"; name that of the server, or --store')
