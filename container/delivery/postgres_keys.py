"""Which keys have sealed the rows of a database, so that one that is not here is told of before anybody needs it.

Processes may start with their keys in different orders while an operator changes them: then the record names now one
of them and now the other as the one that seals, and each as one that did before.
"""

from __future__ import annotations

from container.delivery.former_keys import FORMER, SEALS, tell
from container.delivery.postgres_connecting import Database
from container.delivery.postgres_tables import Connection
from container.delivery.seal import Keyring
from container.delivery.store import StoreRefusedError

_STATED = "select value from meta where name=%s"
_WRITTEN = "insert into meta values(%s, %s) on conflict (name) do update set value=excluded.value"
_FORMERS = "select value from meta where starts_with(name, %s)"
_LETTERS = "select count(*) from dead where kid=%s"
_FORGOTTEN = "delete from meta where name=%s and not exists (select 1 from dead where kid=%s)"


async def check_key(database: Database, keys: Keyring) -> None:
    """Refuses a start without the key that sealed the latest rows: every one of them would be buried."""
    found = await database.ask(_STATED, (SEALS,))
    if found and found[0][0] not in keys and await database.ask("select 1 from delivery limit 1"):
        raise StoreRefusedError(
            f'the deliveries that wait are sealed with the key "{found[0][0]}", which is not here. '
            "Put it back; TAG_CONTAINER_KEY takes several keys, separated by commas."
        )


async def record_key(database: Database, keys: Keyring) -> None:
    """Notes the key that seals from now on, and tells of each former one that dead letters need and that is not here.

    One that nothing needs is forgotten.
    """

    async def work(connection: Connection) -> None:
        cursor = await connection.execute(_STATED + " for update", (SEALS,))
        found = await cursor.fetchone()
        if found and found[0] != keys.kid:
            await connection.execute(_WRITTEN, (f"{FORMER}{found[0]}", found[0]))
        await connection.execute(_WRITTEN, (SEALS, keys.kid))

    await database.run(work)
    for (kid,) in await database.ask(_FORMERS, (FORMER,)):
        if kid in keys:
            continue
        [(letters,)] = await database.ask(_LETTERS, (kid,))
        if letters:
            tell(kid, letters)
        else:
            await database.ask(_FORGOTTEN + " returning name", (f"{FORMER}{kid}", kid))
