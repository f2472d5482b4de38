"""The SQLite file: how a connection to it is opened, and who may open it."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import sqlite3
from pathlib import Path
from typing import IO

from container.delivery.history import appended
from container.delivery.store import StoreRefusedError, StoreTakenError
from container.delivery.tables import SCHEMA_VERSION, make, migrate, version_of

FILE, LOCK_FILE = "deliveries.db", "deliveries.lock"
PAGE_BYTES = 16_384
"""Measured: twice the rows a second of 4 KB pages, which a 2 KB row fills alone."""

WAL_BYTES = 64 << 20
"""Past this the write-ahead log is emptied and begun anew."""

LEAST_FREE_BYTES = 1 << 20
"""With less than this a store does not even start."""

_NO_TEMPORARY_FILES = "temp_store=memory"
"""Else SQLite wants to write outside the data folder, where a process may have no right to."""


def lock(folder: Path) -> IO[bytes]:
    """The folder's lock, held until the file is closed or the process ends.

    Raises `StoreTakenError` when another process has it.
    """
    file = os.fdopen(os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600), "r+b", buffering=0)
    os.fchmod(file.fileno(), 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise StoreTakenError(
            f'another process works with the data folder "{folder}". '
            "Stop it, or give this one a folder of its own with --data."
        ) from None
    return file


def open_writer(folder: Path) -> sqlite3.Connection:
    """The one connection that writes. The file is made, readable by its owner only, when there is none.

    Raises `StoreRefusedError` when the file is from a newer version, or is no database, and `sqlite3.OperationalError`
    when it cannot be written.
    """
    path = folder / FILE
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    # Also what a copy or an earlier umask made readable for others, and the log beside it, which a crash leaves.
    for each in (path, *(path.with_name(f"{FILE}{end}") for end in ("-wal", "-shm"))):
        if each.exists():
            each.chmod(0o600)
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.text_factory = legible
    try:
        _prepare(connection)
        _migrate(connection, path)
    except sqlite3.OperationalError:
        connection.close()
        raise
    except sqlite3.DatabaseError as problem:
        connection.close()
        raise StoreRefusedError(f'"{path}" cannot be read as a database ({problem}). Move it aside to start.') from None
    except StoreRefusedError:
        connection.close()
        raise
    return connection


def open_reader(folder: Path) -> sqlite3.Connection:
    """A connection that reads, for people's questions."""
    path = (folder / FILE).resolve()
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False)
    connection.text_factory = legible
    for pragma in ("busy_timeout=5000", "cache_size=-2048", _NO_TEMPORARY_FILES):
        connection.execute(f"pragma {pragma}")
    return connection


def legible(text: bytes) -> str:
    """Text of a file: one that damage left is no reason to stumble, and shows where it is looked at."""
    return text.decode(errors="replace")


def unusable(folder: Path, problem: OSError | sqlite3.Error) -> str:
    """Why deliveries cannot be kept in the folder, and what to do."""
    reason = (problem.strerror or str(problem)) if isinstance(problem, OSError) else str(problem)
    if is_full(folder, problem):
        return f'no space is left for the data folder "{folder}". Make room and start again: nothing was lost.'
    return (
        f'the data folder "{folder}" cannot be used ({reason}). '
        "Let the user of this process read and write there, or choose another folder with --data."
    )


def is_full(folder: Path, problem: OSError | sqlite3.Error) -> bool:
    """Whether it is for want of room."""
    if isinstance(problem, OSError):
        return problem.errno in (errno.ENOSPC, errno.EDQUOT)
    if getattr(problem, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL:
        return True
    # SQLite calls a full disk an input or output error when it is its index of the log that does not fit.
    return folder.exists() and shutil.disk_usage(folder).free < LEAST_FREE_BYTES


def _prepare(connection: sqlite3.Connection) -> None:
    # Before the first table: they cannot be changed afterwards.
    connection.execute(f"pragma page_size={PAGE_BYTES}")
    connection.execute("pragma auto_vacuum=incremental")
    for pragma in (
        "journal_mode=wal",
        "synchronous=full",
        "wal_autocheckpoint=0",
        "busy_timeout=5000",
        "foreign_keys=on",
        "secure_delete=fast",
        "cache_size=-2048",
        _NO_TEMPORARY_FILES,
        f"journal_size_limit={WAL_BYTES}",
    ):
        connection.execute(f"pragma {pragma}")


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    version = version_of(connection)
    if version is None:
        make(connection)
    elif not migrate(connection, version):
        raise StoreRefusedError(
            f'"{path}" has version {version} of the tables, this program knows version {SCHEMA_VERSION}. '
            "Start the version of tag-container that wrote it, or a newer one."
        )
    connection.create_function("appended", 2, appended, deterministic=True)
