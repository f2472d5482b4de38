"""Which store a process has: the data folder's own file, or the database that `--store` names."""

from __future__ import annotations

import importlib
import time
from functools import partial
from pathlib import Path
from typing import Any

from container.cli.demo import demo_folder, is_demo_folder
from container.cli.options import Options, StartError
from container.delivery.late import open_late
from container.delivery.schema import unusable
from container.delivery.served import ServedStore
from container.delivery.spool import open_spool
from container.delivery.sqlite import open_store
from container.delivery.store import StoreRefusedError

SPOOL = "spool"
"""The folder of the spools in the data folder: one in it for each process."""

INSTALL = 'pip install "tag-container[postgres]"'


async def opened_store(options: Options) -> ServedStore:
    """The store of a process that serves. Raises `StartError`."""
    try:
        if options.store:
            return await _shared(options)
        return _embedded(options, folder_of(options))
    except OSError as problem:
        raise StartError(unusable(options.data, problem)) from None
    except StoreRefusedError as problem:
        raise StartError(str(problem)) from None


def postgres(module: str) -> Any:
    """A module of ours that needs psycopg: an extra, which nobody loads who has no database. Raises `StartError`."""
    try:
        return importlib.import_module(f"container.delivery.{module}")
    except ImportError as problem:
        # Without its own name it is there, and finds no library of PostgreSQL.
        if not (problem.name or "psycopg").startswith("psycopg"):
            raise
        raise StartError(f"--store needs packages that are not installed: {INSTALL}") from None


async def _shared(options: Options) -> ServedStore:
    module = postgres("postgres")
    name = f"tag-container {'serve' if options.accepts else 'deliver'}"
    opening = partial(module.open_postgres, options.store, key=options.key, limits=options.limits, name=name)
    if not options.spool:
        store: ServedStore = await opening()
        return store
    database = await open_late(opening, patient=not options.accepts)
    if not options.accepts:
        return database
    try:
        return await open_spool(database, options.data / SPOOL, now=_now(), key=options.key, limits=options.limits)
    except BaseException:
        await database.close()
        raise


def _embedded(options: Options, folder: Path) -> ServedStore:
    return open_store(folder, now=_now(), key=options.key, limits=options.limits)


def folder_of(options: Options) -> Path:
    """Where the embedded store is. Those of a demonstration are kept apart from all others. Raises `StartError`."""
    if options.demo:
        return demo_folder(options.data)
    if is_demo_folder(options.data):
        raise StartError(
            f'"{options.data}" holds the deliveries of a demonstration, which must not reach a vendor. '
            "Choose another folder with --data, or add --demo."
        )
    return options.data


def _now() -> int:
    return time.time_ns() // 1_000_000
