"""Which spools of a folder hold hits, whoever has them, other processes or nobody."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from container.delivery.leftovers import holds_file
from container.delivery.schema import open_reader

_HOLDS = "select exists(select 1 from delivery) or exists(select 1 from dead)"


def holding(folder: Path) -> Sequence[Path]:
    """Those that hold any, and those of which nobody can tell. They are read only, while their processes go on."""
    try:
        return [each for each in sorted(folder.iterdir()) if _holds(each)]
    except FileNotFoundError:
        return []
    except OSError:
        return [folder]


def _holds(spool: Path) -> bool:
    if not holds_file(spool):
        return False
    try:
        with closing(open_reader(spool)) as connection:
            [(found,)] = connection.execute(_HOLDS).fetchall()
    except (OSError, sqlite3.Error, RuntimeError):
        return True
    return bool(found)
