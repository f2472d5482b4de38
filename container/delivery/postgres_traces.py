"""What is left of a row that was deleted from PostgreSQL: its guards, and versions of it that nobody sees any more.

A deleted row stays in the table until a vacuum clears it away, which it does once nobody can see it any more.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import psycopg

from container.delivery.postgres_connecting import changed, fetch, stated
from container.delivery.postgres_patience import attended, connect
from container.delivery.postgres_tables import Connection

LOOKED_AT_ONCE = 20_000

_WITH = "select key from guards where key=any(%s::bytea[])"
_OF = (
    "with looked as materialized (select key, row from guards where key>%s order by key limit %s) "
    "select key, true from looked where string_to_array(row, ' ') && %s::text[] "
    "union all (select key, false from looked order by key desc limit 1)"
)
_DROP = (
    "with held as (select key from guards where key=any(%s::bytea[]) order by key for update) "
    "delete from guards where key in (select key from held)"
)
_MARK = "select pg_current_xact_id()::xid::text"
_SEEN = (
    "select exists(select from pg_stat_activity where pid!=pg_backend_pid() and datname=current_database() "
    "and backend_type='client backend' and backend_xmin is not null and age(backend_xmin)>=age(%s::xid)) "
    "or exists(select from pg_prepared_xacts where database=current_database())"
)
_OWNED = (
    "select bool_and(pg_has_role(relowner, 'usage')) from pg_class "
    "where oid in ('delivery'::regclass, 'dead'::regclass, 'guards'::regclass, to_regclass('preview_record'))"
)
# Not the ends of the tables: cutting them off would hold up the hits.
_VACUUM = "vacuum (truncate off) delivery, dead, guards"
_PREVIEWS = "select to_regclass('preview_record') is not null"


async def guards_with(connection: Connection, keys: Sequence[bytes]) -> list[bytes]:
    """Those of the keys that somebody has."""
    return [key for (key,) in await fetch(connection, _WITH, ([*keys],))] if keys else []


async def guards_of(connection: Connection, rows: Collection[str], *, after: bytes) -> tuple[list[bytes], bytes | None]:
    """The keys above `after` that these rows took, and where to go on; `None` at the end."""
    found = await fetch(connection, _OF, (after, LOOKED_AT_ONCE, [*rows]))
    last = next((key for key, taken in found if not taken), None)
    return [key for key, taken in found if taken], last


async def drop_guards(connection: Connection, keys: Sequence[bytes]) -> int:
    """The guards are free again."""
    return await changed(connection, _DROP, ([*keys],))


async def mark(connection: Connection) -> str:
    """The present, as the database counts it: what was deleted before is nobody's who comes after."""
    return str((await fetch(connection, _MARK))[0][0])


async def is_seen(connection: Connection, before: str) -> bool:
    """Whether somebody works with the database as it was before a `mark`, so that nothing can be cleared away."""
    return bool((await fetch(connection, _SEEN, (before,)))[0][0])


async def is_owned(connection: Connection) -> bool:
    """Whether the tables are this role's own: nobody else may clear them."""
    return bool((await fetch(connection, _OWNED))[0][0])


async def vacuum(url: str) -> None:
    """Clears away what nobody sees any more.

    On a connection of its own, since it may take longer than anything else is allowed to. Raises a `StoreError`.
    """
    try:
        async with await connect(url) as connection, attended(connection, url):
            [(previews,)] = await fetch(connection, _PREVIEWS)
            await connection.execute(f"{_VACUUM}, preview_record" if previews else _VACUUM)
    except psycopg.Error as problem:
        raise stated(problem) from None
