"""After a backup was put back: what vendors may have got since, and would no longer know, is not sent by itself.

Vendors drop a copy of an event that they took within their duplicate window. What is older would count twice, so it
becomes a dead letter, from which whoever knows better has it sent.
"""

from __future__ import annotations

import psycopg

from container.delivery.postgres_claims import MOVED, TALLY, THOSE
from container.delivery.postgres_connecting import fetch, unreachable
from container.delivery.postgres_patience import PROGRAM, attended, connect, named
from container.delivery.postgres_tables import refusal, version_of
from container.delivery.store import StoreRefusedError

WINDOW_HOURS = 48
"""The duplicate window of vendors that have one."""

NOTE = f"was put back from a backup, and came more than {WINDOW_HOURS} hours ago"
AT_ONCE = 10_000

_NOW = "select (extract(epoch from clock_timestamp())*1000)::bigint"
_PAST = f"""
with old as materialized (
  select slot, number from delivery where first<%(before)s limit %(most)s for update
), {MOVED.format(which=THOSE, crashed=0)} {TALLY}
"""  # noqa: S608 - constants
_CLAIMED = "update delivery set claim=null, lease=null, attempts=attempts-1 where claim is not null"


async def restored(url: str, *, now: int | None = None) -> list[str]:
    """Looks after the rows of a backup that was put back, while no process runs on it; what was done, as sentences.

    `now`: else it is the database's time. Raises `StoreRefusedError`.
    """
    url = named(url, f"{PROGRAM} migrate")
    try:
        async with await connect(url) as connection, attended(connection, url):
            if reason := refusal(await version_of(connection)):
                raise StoreRefusedError(reason)
            died = int((await fetch(connection, _NOW))[0][0]) if now is None else now
            values = {"before": died - WINDOW_HOURS * 3_600_000, "most": AT_ONCE, "died": died}
            more = {"reason": "gave_up", "note": NOTE, "line": ""}
            buried = 0
            while gone := await fetch(connection, _PAST, values | more):
                buried += sum(rows for _, rows, _ in gone)
            # Whoever had claimed them when the backup was made is no more.
            await connection.execute(_CLAIMED)
            [(left,)] = await fetch(connection, "select count(*) from delivery")
    except psycopg.Error as problem:
        raise StoreRefusedError(unreachable(problem)) from None
    return [
        f"{left} deliveries wait and are sent: vendors drop what they got within {WINDOW_HOURS} hours.",
        f"{buried} that came earlier are dead letters now (gave_up). Send those that were not delivered: queue replay.",
    ]
