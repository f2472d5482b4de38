"""Which store `queue` and `forget` work on: the data folder's, or the database that `--store` names."""

from __future__ import annotations

import os
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Annotated

import typer

from container.cli.control import Control, reached
from container.cli.sources import own_secret, secrets_from
from container.cli.starting import STORE, Store, store_address

Data = Annotated[Path, typer.Option(file_okay=False, help="The folder of the store.")]
SecretsDir = Annotated[
    Path | None,
    typer.Option(
        exists=True, file_okay=False, help="A folder with one file per secret, for a database or where no server runs."
    ),
]

DATA = Path("data")


def reached_by(
    store: str | None, data: Path, config: Path | None = None, *, secrets_dir: Path | None
) -> AbstractAsyncContextManager[Control]:
    """The interface of the queue. Raises `typer.BadParameter` where no store is meant."""
    stated = store or own_secret(secrets_from(secrets_dir, os.environ), STORE, secrets_dir)
    address = store_address(stated)
    if not address and not data.is_dir():
        raise typer.BadParameter(f'--data: there is no folder "{data}"; name the folder of the server, or --store')
    return reached(data, config, secrets_dir=secrets_dir, store=address)


__all__ = ["DATA", "Data", "SecretsDir", "Store", "reached_by"]
