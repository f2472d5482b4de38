"""Which keys seal and have sealed the rows of a database, so that one that is not here is missed before it is needed.

Several processes may seal with different keys, while a key is changed. So the record is a set and has no latest one:
each key with the time when a process last said that it seals with it, which each says at its start and from time to
time. One that was named lately is a running process's. One that was not named for a day, and that nothing needs, is
forgotten.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from typing import Any

from psycopg import errors

from container.delivery.former_keys import tell_missing_letters
from container.delivery.postgres_connecting import Database, fetch
from container.delivery.postgres_tables import Connection
from container.delivery.seal import Keyring
from container.delivery.store import StoreRefusedError

NOTED_SECONDS = 20.0
LATELY_MS = 60_000
"""A process that runs has named its key since then; of one that has not it is taken that it is gone."""

FORGOTTEN_MS = 24 * 3600 * 1000
"""Far longer than a process that runs is silent about its key."""

PATIENCE_SECONDS = 60
"""For going through all rows, which is done for a key only that was in use and is not here."""

_KEY, _OPENS = "key ", "opens "
"""In the table `meta`: keys that processes seal with, and those that they only open with."""

_RECORDED = "select substr(name, 5), value::bigint from meta where name like 'key %%' order by name"
_NOW = "(extract(epoch from clock_timestamp())*1000)::bigint"
_LATELY = (
    f"select substr(name, 5) from meta where name like 'key %%' and value::bigint>={_NOW}-{LATELY_MS} order by name"  # noqa: S608 - constants
)
_NOTE = (
    f"insert into meta select name, {_NOW}::text from unnest(%s::text[]) name order by name "  # noqa: S608 - constants
    "on conflict (name) do update set value=greatest(meta.value::bigint, excluded.value::bigint)::text"
)
_NAMED = (
    "select substr(name, strpos(name, ' ')+1) from meta "  # noqa: S608 - constants
    f"where (name like 'key %%' or name like 'opens %%') and value::bigint>={_NOW}-{LATELY_MS}"
)
_FORGET_OPENS = f"delete from meta where name like 'opens %%' and value::bigint<{_NOW}-{FORGOTTEN_MS}"  # noqa: S608 - constants
_FORGET = f"delete from meta where name=%s and value::bigint<{_NOW}-{FORGOTTEN_MS}"  # noqa: S608 - constants
_WAIT = "select kid from delivery where kid=any(%s) limit 1"
_LETTERS = "select kid, count(*) from dead where kid=any(%s) group by kid order by kid"

log = logging.getLogger("container.delivery")


async def note(database: Database, keys: Keyring) -> None:
    """That this process seals with its key, and opens with the others."""
    seals, *opens = keys.kids
    await database.ask(_NOTE, ([f"{_KEY}{seals}", *(f"{_OPENS}{kid}" for kid in opens)],))


async def named_lately(database: Database) -> frozenset[str]:
    """All keys of the processes that run; empty where none does."""
    return frozenset(kid for (kid,) in await database.ask(_NAMED))


async def check(database: Database, keys: Keyring) -> None:
    """For a process that serves. Raises `StoreRefusedError` where it would bury rows, or others what it seals.

    That is without a key that sealed rows which wait, and with none of the keys of those that run.
    """
    if problem := await foreign(database, keys):
        raise StoreRefusedError(f"{problem} {_PUT_BACK}")
    lately = [kid for (kid,) in await database.ask(_LATELY)]
    if lately and not any(kid in keys for kid in lately):
        raise StoreRefusedError(
            f"{_others(lately)} If all of them are stopped, and their key is not to be used any more, start this a "
            "minute after the last one."
        )


async def check_common(database: Database, keys: Keyring) -> None:
    """For a command. Raises `StoreRefusedError` where its keys are none of those that rows were sealed with, if any."""
    recorded = [kid for kid, _ in await database.ask(_RECORDED)]
    if recorded and not any(kid in keys for kid in recorded):
        raise StoreRefusedError(_others(recorded))


async def foreign(database: Database, keys: Keyring) -> str:
    """That rows wait which cannot be opened here, or that nobody can tell; empty where there are none."""
    missing = await _missing(database, keys)
    found = await _patiently(database, _WAIT, missing) if missing else []
    if found is None:
        return (
            f"{_named(missing)} sealed deliveries of this database and is not here, and so many wait that it takes too "
            "long to tell whether it is needed."
        )
    return f'Deliveries wait that are sealed with the key "{found[0][0]}", which is not here.' if found else ""


async def tell_missing(database: Database, keys: Keyring) -> None:
    """Has the log name each key that dead letters need and that is not here. One that nothing needs is forgotten."""
    await database.ask(_FORGET_OPENS)
    missing = await _missing(database, keys)
    found = await _patiently(database, _LETTERS, missing) if missing else None
    if found is None:
        return
    letters = dict(found)
    for kid in missing:
        if kid in letters:
            tell_missing_letters(kid, letters[kid])
        else:
            await database.ask(_FORGET, (f"{_KEY}{kid}",))


async def _missing(database: Database, keys: Keyring) -> list[str]:
    return [kid for kid, _ in await database.ask(_RECORDED) if kid not in keys]


async def _patiently(database: Database, query: str, kids: Sequence[str]) -> list[tuple[Any, ...]] | None:
    """What is found in going through a whole table, `None` when that takes too long."""

    async def work(connection: Connection) -> list[tuple[Any, ...]] | None:
        await connection.execute("set local enable_seqscan=on")
        try:
            async with connection.transaction():
                return await fetch(connection, query, ([*kids],))
        except (errors.QueryCanceled, errors.LockNotAvailable):
            return None

    return await database.run(work, patience=PATIENCE_SECONDS)


def _others(kids: Sequence[str]) -> str:
    return (
        f"TAG_CONTAINER_KEY is not the key of this database's servers, who seal with {_named(kids)}. "
        "Set it as they have it."
    )


def _named(kids: Collection[str]) -> str:
    names = ", ".join(f'"{kid}"' for kid in kids)
    return f"the key {names}" if len(kids) == 1 else f"the keys {names}"


_PUT_BACK = "Put it back; TAG_CONTAINER_KEY takes several keys, separated by commas."
