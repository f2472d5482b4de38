"""Turns the file of a store back into one of version 1, with all that is in it, so that it has to be migrated."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

from container.delivery import tables
from container.delivery.schema import FILE

_FIRST = ("delivery_waiting", "delivery_claimed", "dead_lane", "guards_until")
"""The indexes of version 1."""

_INDEXES = "select name from sqlite_schema where type='index' and sql is not null"
_ADDED = re.compile(r"alter table (\w+) add column (\w+)")
_MADE_ANEW = (
    ("delivery", "priority"),
    ("delivery", "history"),
    ("dead", "size"),
    ("dead", "history"),
    ("dead", "origin"),
)
"""Columns that version 1 lacks in the tables that a migration makes anew."""


def downgrade(folder: Path) -> None:
    """While no server runs."""
    with closing(sqlite3.connect(folder / FILE, isolation_level=None)) as connection:
        if tables.version_of(connection) == 1:
            # A migration that was cut short left it as it was.
            return
        connection.execute("begin immediate")
        for (trigger,) in connection.execute("select name from sqlite_schema where type='trigger'").fetchall():
            connection.execute(f'drop trigger "{trigger}"')
        for (index,) in connection.execute(_INDEXES).fetchall():
            if index not in _FIRST:
                connection.execute(f'drop index "{index}"')
        for table, column in [*_ADDED.findall(tables._SECOND), *_MADE_ANEW]:
            connection.execute(f'alter table "{table}" drop column "{column}"')
        connection.execute("update meta set value='1' where name='schema_version'")
        connection.execute("commit")
