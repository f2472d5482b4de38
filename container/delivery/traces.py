"""What is left of a row that was deleted: its guards, and pages that are free now."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Sequence

LOOKED_AT_ONCE = 20_000
FREED_AT_ONCE = 64
"""Pages; more would hold up the hits that wait for their commit."""


def guards_with(connection: sqlite3.Connection, keys: Sequence[bytes]) -> list[bytes]:
    """Those of the keys that somebody has."""
    query = "select key from guards where key=?"
    return [key for wanted in keys for (key,) in connection.execute(query, (wanted,))]


def guards_of(
    connection: sqlite3.Connection, rows: Collection[str], *, after: bytes
) -> tuple[list[bytes], bytes | None]:
    """The keys above `after` that these rows took, and where to go on; `None` at the end."""
    query = "select key, row from guards where key>? order by key limit ?"
    found = connection.execute(query, (after, LOOKED_AT_ONCE)).fetchall()
    return [key for key, taken in found if any(row in rows for row in taken.split())], found[-1][0] if found else None


def drop_guards(connection: sqlite3.Connection, keys: Sequence[bytes]) -> int:
    """The guards are free again."""
    listed = json.dumps([key.hex() for key in keys])
    query = "delete from guards where key in (select unhexed(value) from json_each(?))"
    connection.create_function("unhexed", 1, bytes.fromhex, deterministic=True)
    return connection.execute(query, (listed,)).rowcount


def free_pages(connection: sqlite3.Connection) -> bool:
    """Gives some pages that are free back to the disk, with what is left on them. Whether there are more."""
    connection.execute(f"pragma incremental_vacuum({FREED_AT_ONCE})").fetchall()
    return int(connection.execute("pragma freelist_count").fetchone()[0]) > 0
