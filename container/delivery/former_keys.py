"""Which keys have sealed the rows of a file, so that one that is not here is told of before anybody needs it."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from container.delivery.seal import KEY_FILE, Keyring, made_key, name_of
from container.delivery.store import StoreRefusedError
from container.delivery.told import quoted

_NOW = "kid"
_FORMER = "former key "
"""In the table `meta`: the key that seals, and by name those that did before."""

_WRITTEN = "insert into meta values(?, ?) on conflict do update set value=excluded.value"

log = logging.getLogger("container.delivery")


def keys_for(connection: sqlite3.Connection, folder: Path, here: Sequence[bytes]) -> Keyring:
    """The keys that are here, or one that is made where there are none.

    Raises `StoreRefusedError` without the key that sealed the latest rows, if any wait: every one of them would be
    buried. Then none is made.
    """
    found = connection.execute("select value from meta where name=?", (_NOW,)).fetchone()
    before = found[0] if found else ""
    lost = before and before not in map(name_of, here)
    if lost and connection.execute("select 1 from delivery limit 1").fetchone():
        raise StoreRefusedError(
            f'the deliveries that wait are sealed with the key "{before}", which is not here. Put it back: the file '
            f'"{KEY_FILE}" of this folder, or TAG_CONTAINER_KEY, which takes several keys, separated by commas.'
        )
    keys = Keyring(here or [made_key(folder)])
    if before and before != keys.kid:
        connection.execute(_WRITTEN, (f"{_FORMER}{before}", before))
    connection.execute(_WRITTEN, (_NOW, keys.kid))
    return keys


def tell_missing(connection: sqlite3.Connection, keys: Keyring) -> None:
    """Has the log name each key that dead letters need and that is not here. One that nothing needs is forgotten."""
    query = "select value from meta where name>=? and name<?"
    for (kid,) in connection.execute(query, (_FORMER, f"{_FORMER}~")).fetchall():
        if kid in keys:
            continue
        [(letters,)] = connection.execute("select count(*) from dead where kid=?", (kid,)).fetchall()
        if letters:
            tell_missing_letters(kid, letters)
        else:
            connection.execute("delete from meta where name=?", (f"{_FORMER}{kid}",))


def tell_missing_letters(kid: str, letters: int) -> None:
    """Has the log say that so many dead letters need a key that is not here."""
    log.warning(
        'store.key_missing key=%s letters=%d "They cannot be read: put it back, or end this with queue drop."',
        quoted(kid),
        letters,
    )
