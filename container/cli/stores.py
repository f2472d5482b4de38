"""Which store a process has: the data folder's own file, or the database that `--store` names."""

from __future__ import annotations

import importlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from container.cli.demo import demo_folder, is_demo_folder
from container.cli.options import Options, StartError
from container.delivery.counters import StoreFigures
from container.delivery.schema import unusable
from container.delivery.sqlite import open_store
from container.delivery.store import Store, StoreRefusedError

INSTALL = 'pip install "tag-container[postgres]"'


class ServedStore(Store, Protocol):
    """A store, and what a process that serves wants to know of it besides."""

    @property
    def trouble(self) -> str:
        """Why no hits are taken, empty while they are."""
        ...

    @property
    def given_up(self) -> bool:
        """Whether it has failed for so long that the process should end."""
        ...

    @property
    def notices(self) -> Sequence[str]:
        """What somebody should look after, as sentences."""
        ...

    def figures(self) -> StoreFigures:
        """How it stands at this moment. Asks nobody but for the size of files."""
        ...


async def opened_store(options: Options) -> ServedStore:
    """The store of a process that serves. Raises `StartError`."""
    try:
        if options.store:
            return await _shared(options)
        return _embedded(options, _folder(options))
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
    opening = postgres("postgres").open_postgres
    store: ServedStore = await opening(options.store, key=options.key, limits=options.limits)
    return store


def _embedded(options: Options, folder: Path) -> ServedStore:
    return open_store(folder, now=time.time_ns() // 1_000_000, key=options.key, limits=options.limits)


def _folder(options: Options) -> Path:
    """Where the embedded store is. Deliveries of a demonstration are kept apart from all others."""
    if options.demo:
        return demo_folder(options.data)
    if is_demo_folder(options.data):
        raise StartError(
            f'"{options.data}" holds the deliveries of a demonstration, which must not reach a vendor. '
            "Choose another folder with --data, or add --demo."
        )
    return options.data
