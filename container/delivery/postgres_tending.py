"""What the PostgreSQL store needs from time to time, in slices; one process at a time does it.

Claims that are over wait again. A day's part of the rows is emptied once nothing is in it: that gives its space back
without waiting for anything, whatever the vacuum has left.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Sequence
from typing import NamedTuple

from psycopg import errors

from container.delivery.lane import lane_at
from container.delivery.postgres_claims import BURY_LAPSED, RECOVER, Went
from container.delivery.postgres_connecting import Database, changed, fetch
from container.delivery.postgres_tables import DAY_MS, SLOTS, Connection, slot_of
from container.delivery.store import MOST_CRASHES, Dropped, Limits, Tended
from container.delivery.tending import (
    AGEING_MS,
    AHEAD_MS,
    GUARD_AHEAD_MS,
    GUARDS_AT_ONCE,
    LETTERS_AT_ONCE,
    ROWS_AT_ONCE,
)

_LOCK = 0x7461675F74656E64
"""The advisory lock of upkeep."""

GRACE_SECONDS = 15.0
"""After the database started, or came back, no claim is over for so long: whoever has an answer may write it down."""

_ALONE = "select pg_try_advisory_xact_lock(%s)"
AGED_EVERY_MS = 55_000
"""The time of dead letters moves on once a minute, however many processes tend. One that is late makes no gap."""

_TIMES = "select name, value::bigint from meta where name in ('aged_to', 'aged_at')"
_AGED = "insert into meta values('aged_to', %s), ('aged_at', %s) on conflict (name) do update set value=excluded.value"
_PULLED_ROWS = """
update delivery set due=%(now)s, give_up=least(give_up, %(now)s+greatest(give_up-first, 0)),
  first=least(first, %(now)s)
where length(claim) is null and number=any(array(
  select far.number from lanes cross join lateral (
    select number from delivery where lane=lanes.number and claim is null and due>%(far)s
    order by due, first, number limit %(most)s for update skip locked
  ) as far limit %(most)s))
"""
_PULLED_LANES = "update lanes set not_before=%s where not_before>%s"
_OVER_GUARDS = """
delete from guards where key=any(array(
  select key from guards where until<=%(now)s limit %(most)s for update skip locked))
or key=any(array(select key from guards where until>%(far)s limit %(most)s for update skip locked))
"""
_LETTERS = "select coalesce(sum(dead), 0)::bigint, coalesce(sum(dead_bytes), 0)::bigint from counts"
_OLDEST = (
    "select dead.number, lane, key, reason, died, size from dead join lanes on lanes.number=dead.lane "
    "order by died, dead.number limit %s"
)
_DELETE = (
    "delete from dead where number=any(array(select number from dead where number=any(%s) order by number "
    "for update skip locked)) returning number"
)


class Lapsed(NamedTuple):
    """Claims of which nothing was heard: rows that wait again, and what became of those that had it too often."""

    recovered: int
    poisoned: Sequence[Went]


async def recover(database: Database, *, now: int, grace: float = GRACE_SECONDS) -> Lapsed:
    """Rows whose claim is over, by the database's clock, wait again with one more crash, or are dead: `poison`."""
    note = f"claimed in {MOST_CRASHES} crashes"
    poison = {"reason": "poison", "note": note, "died": now, "line": "", "grace": grace}
    recovered = await database.ask(RECOVER, {"grace": grace})
    poisoned = await database.ask(BURY_LAPSED, poison)
    return Lapsed(len(recovered), [Went(*each) for each in poisoned])


async def tend(database: Database, *, now: int, limits: Limits, begun: bool) -> Tended:
    """One slice of everything. `begun`: a minute has passed since the last time."""

    async def work(connection: Connection) -> Tended:
        [(alone,)] = await fetch(connection, _ALONE, (_LOCK,))
        if not alone:
            return Tended()
        aged = await _aged(connection, now, begun=begun)
        values = {"now": now, "far": now + AHEAD_MS, "most": ROWS_AT_ONCE}
        pulled = await changed(connection, _PULLED_LANES, (now, now + AHEAD_MS))
        pulled += await changed(connection, _PULLED_ROWS, values)
        guards = await changed(
            connection, _OVER_GUARDS, {"now": now, "far": now + GUARD_AHEAD_MS, "most": GUARDS_AT_ONCE}
        )
        return Tended(pulled, guards, await _dropped(connection, aged, limits))

    return await database.run(work)


async def give_back_days(database: Database) -> int:
    """Empties the parts of days that are over and have no rows; how many had something to give back."""
    today = database.clock()
    kept = {slot_of(today + days * DAY_MS) for days in (-1, 0, 1)}
    return sum([await _emptied(database, slot) for slot in range(SLOTS) if slot not in kept])


async def _emptied(database: Database, slot: int) -> bool:
    """Looked at once more under the lock, for which nobody is held up: whoever works there has precedence."""
    part = f"delivery_{slot}"

    async def work(connection: Connection) -> bool:
        query = f"select pg_relation_size('{part}')>0 and not exists(select from {part})"  # noqa: S608 - a number
        [(spent,)] = await fetch(connection, query)
        if not spent:
            return False
        await connection.execute("set local lock_timeout='50ms'")
        try:
            async with connection.transaction():
                await connection.execute(f"lock table {part} in access exclusive mode")
        except errors.LockNotAvailable:
            return False
        [(spent,)] = await fetch(connection, query)
        if spent:
            await connection.execute(f"truncate {part}")
        return bool(spent)

    return await database.run(work)


async def _aged(connection: Connection, now: int, *, begun: bool) -> int:
    """The time by which dead letters age."""
    found: dict[str, int] = dict(await fetch(connection, _TIMES))
    aged, at = found.get("aged_to", now), found.get("aged_at", 0)
    moves = begun and not 0 <= now - at < AGED_EVERY_MS
    later = min(now, aged + AGEING_MS if moves else aged)
    if later != aged or not found:
        await connection.execute(_AGED, (str(later), str(now)))
    return later


async def _dropped(connection: Connection, aged: int, limits: Limits) -> tuple[Dropped, ...]:
    """The oldest letters go when they are too old, or when all of them take too much room."""
    [(letters, size)] = await fetch(connection, _LETTERS)
    if not letters:
        return ()
    wanted: dict[int, tuple[int, str, str, bool]] = {}
    for number, lane, key, reason, died, held in await fetch(connection, _OLDEST, (LETTERS_AT_ONCE,)):
        old, many = died <= aged - limits.dead_kept, size > limits.dead_bytes
        if old or many:
            wanted[number] = (lane, key, reason, old)
            size -= held
    # Somebody may have sent one again meanwhile, or deleted it.
    deleted = await fetch(connection, _DELETE, ([*wanted],)) if wanted else ()
    gone = Tally(wanted[number] for (number,) in deleted)
    return tuple(
        Dropped(lane_at(lane, key), reason, rows, old=old)  # type: ignore[arg-type]
        for (lane, key, reason, old), rows in gone.items()
    )
