"""What becomes of rows in PostgreSQL: statements that each are a transaction, and match on the token of the claim.

A claim is one statement, so that it costs one commit: it looks for the row that is due first, passes over those that
another process is just claiming, adds what can go with it of the same day's part of the table, and takes them.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from container.delivery.history import history_line
from container.delivery.postgres_connecting import Database, array, fetch, storable
from container.delivery.postgres_tables import Connection
from container.delivery.row import Reason
from container.delivery.statements import Found
from container.delivery.store import MOST_CRASHES, Answer, Part, StoreError

LEASE_MS = 60_000
"""A claim is over when nothing was heard of it for so long: twice what a request may take, and half a minute."""

TOKEN_BYTES = 16
_NOW = "(extract(epoch from clock_timestamp())*1000)::bigint"
_OVERTAKE = 2
"""So many rows per row of a batch are looked at, since other batches may stand between."""

_WAITING = "lane=%(lane)s and claim is null"
_FREE = "length({}) is null"
"""That it waits, said so that nobody thinks of the index of all that waits where the numbers are known."""

_ANY_CLAIM = "lease>0"
"""Said so that the index of what is claimed is thought of, in which there is little."""

_COLUMNS = "number, id, attempts, crashes, faults, first, give_up, format, crc, kid, body, size, slot"
_CLAIM = f"""
with head as materialized (
  select slot, number, batch, part, most_items, most_bytes, crashes, due, first, expire from delivery
  where {_WAITING} and due<=%(now)s
  order by due, first, number limit 1 for update skip locked
), near as materialized (
  select rest.* from head cross join lateral (
    select number from delivery
    where slot=head.slot and {_WAITING} and due<=%(until)s and (due, first, number)>=(head.due, head.first, head.number)
    order by due, first, number
    limit (select {_OVERTAKE}*case when most_items<=1 then %(alone)s else least(%(most)s, most_items) end from head)
  ) as rest where head.expire is null or head.expire>=%(now)s
), chosen as materialized (
  select one.number, one.due, one.first, one.size from delivery as one cross join head
  where one.slot=(select slot from head) and one.number=any(array(select number from near))
    and {_FREE.format("one.claim")} and one.due<=%(until)s
    and (one.number=head.number or head.crashes=0 and one.crashes=0
      and (one.expire is null or one.expire>=%(now)s)
      and case when head.most_items<=1 then one.most_items<=1 and one.due<=%(now)s
          else one.batch=head.batch and one.part=head.part and (one.due<=%(now)s or one.attempts=0) end)
  order by one.due, one.first, one.number
  limit (select case when crashes>0 then 1 when most_items<=1 then %(alone)s
    else least(%(most)s, most_items) end from head)
  for update of one skip locked
), fitting as materialized (
  select counted.number from (
    select number, row_number() over sent as place, sum(size) over sent as total
    from chosen window sent as (order by due, first, number)
  ) as counted cross join head where place=1 or head.most_items<=1 or total<=head.most_bytes
)
update delivery set claim=%(token)s, attempts=attempts+1, lease={_NOW}+{LEASE_MS}, worker=%(worker)s
where slot=(select slot from head) and number=any(array(select number from fitting)) and {_FREE.format("claim")}
returning {_COLUMNS}
"""  # noqa: S608 - constants
_CLAIMED = f"select {_COLUMNS} from delivery where claim=%(token)s and {_ANY_CLAIM}"  # noqa: S608 - constants
_RELEASE = (
    "update delivery set claim=null, lease=null, attempts=attempts-1 "  # noqa: S608 - constants
    f"where claim=any(%s) and {_ANY_CLAIM}"
)
_OLD = f"""
with near as materialized (
  select slot, number, expire from delivery where {_WAITING} and due<=%(now)s
  order by due, first, number limit %(most)s
), old as materialized (
  select one.slot, one.number from delivery as one
  where one.slot=any(array(select distinct slot from near where expire<%(now)s))
    and one.number=any(array(select number from near where expire<%(now)s))
    and {_FREE.format("one.claim")} for update skip locked
)
"""  # noqa: S608 - constants
_ORIGIN = (
    "json_build_object('batch', encode(batch, 'hex'), 'part', part, 'size', size, 'most_items', most_items, "
    "'most_bytes', most_bytes, 'expire', expire, 'give_up', give_up, 'priority', priority)::text"
)
MOVED = f"""
gone as (
  delete from delivery where {{which}} returning *
), moved as (
  insert into dead(id, lane, reason, note, holds, attempts, crashes, first, died, format, crc, kid, body, size,
    history, origin)
  select id, lane, %(reason)s, %(note)s, 'request', attempts, crashes+{{crashed}}, first, %(died)s, format, crc, kid,
    body, length(body), appended(history, %(line)s), {_ORIGIN} from gone order by number returning lane
)
"""  # noqa: S608 - constants
_HELD = "slot=%(slot)s and number=any(%(numbers)s::bigint[]) and claim=%(token)s"
TALLY = "select lane, count(*), sum(length(body))::bigint from gone group by lane"
_BURY = f"with {MOVED.format(which=_HELD, crashed=0)} {TALLY}"
THOSE = "slot=any(array(select distinct slot from old)) and number=any(array(select number from old))"
_BURY_OLD = f"{_OLD}, {MOVED.format(which=THOSE, crashed=0)} {TALLY}"
_SETTLE = (
    f"with gone as (delete from delivery where {_HELD} returning lane, length(body) as bytes) "  # noqa: S608 - constants
    "select lane, count(*), sum(bytes)::bigint from gone group by lane"
)
_GONE = (
    "select %(lane)s::bigint, count(*), 0::bigint from unnest(%(numbers)s::bigint[]) as gone(number) "  # noqa: S608 - constants
    "where not exists(select from delivery as one where one.slot=%(slot)s and one.number=gone.number) "
    f"and not exists(select from delivery where {_HELD}) having count(*)>0"
)
"""Rows that are no longer there, if none is left that has the token. Their bytes are counted with the next look."""

_POSTPONE = (
    "update delivery set claim=null, lease=null, due=coalesce(%(until)s::bigint, due), attempts=attempts-%(back)s, "  # noqa: S608 - constants
    f"faults=faults+%(fault)s, history=appended(history, %(line)s) where {_HELD} returning number"
)
_SPLIT = (
    "update delivery set claim=null, lease=null, due=%(now)s, part=%(part)s, "  # noqa: S608 - constants
    f"history=appended(history, %(line)s) where {_HELD} returning number"
)
_REGROUP = (
    "update delivery set due=%(due)s, part=%(part)s "  # noqa: S608 - constants
    f"where number=any(%(numbers)s::bigint[]) and {_FREE.format('claim')} and due=%(held)s returning number"
)

_LAPSED = (
    f"claim is not null and lease<{_NOW} "
    # Whoever has an answer and could not write it down while the database was away has its turn first.
    "and pg_postmaster_start_time()<=clock_timestamp()-make_interval(secs => %(grace)s)"
)
RECOVER = (
    f"update delivery set claim=null, lease=null, crashes=crashes+1 where {_LAPSED} and crashes<{MOST_CRASHES - 1} "  # noqa: S608 - constants
    "returning number"
)
BURY_LAPSED = f"""
with old as materialized (
  select slot, number from delivery where {_LAPSED} and crashes>={MOST_CRASHES - 1} limit 1000 for update skip locked
), {MOVED.format(which=THOSE, crashed=1)} {TALLY}
"""  # noqa: S608 - constants


class Went(NamedTuple):
    """Rows that are no longer in a lane, and the bytes of their bodies."""

    lane: int
    rows: int
    bytes: int


class Taken(NamedTuple):
    """The rows of a claim, in their order of arrival, and those that were too old instead.

    `token`: what is written on them, and behind it the one part of the table that they are in.
    """

    token: bytes
    found: Sequence[Found]
    too_old: Sequence[Went]


class Unsure:
    """What was asked for, and may have been done although nobody heard of it."""

    def __init__(self) -> None:
        self._asked: set[tuple[bytes, tuple[int, ...]]] = set()

    @contextmanager
    def whether(self, token: bytes, numbers: Sequence[int]) -> Iterator[bool]:
        """Around asking for it: whether it may have been done before."""
        asked = token, tuple(numbers)
        try:
            yield asked in self._asked
        except StoreError:
            self._asked.add(asked)
            raise
        self._asked.discard(asked)


def new_token() -> bytes:
    """For one claim."""
    return secrets.token_bytes(TOKEN_BYTES)


async def claim(
    database: Database, lane: int, token: bytes, *, now: int, most_items: int, ahead: int, alone: int, worker: str
) -> Taken:
    """The rows that are due first. If it raises, some may have the token: they are to be released."""
    values = {
        "lane": lane,
        "token": token,
        "now": now,
        "until": now + ahead,
        "most": most_items,
        "alone": alone,
        "worker": worker,
    }
    found = await database.ask(_CLAIM, values, done=_CLAIMED)
    went: list[Went] = []
    if not found:
        old = {"lane": lane, "now": now, "most": most_items, "reason": "too_old", "note": "", "died": now, "line": ""}
        went = [Went(*each) for each in await database.ask(_BURY_OLD, old)]
        found = await database.ask(_CLAIM, values, done=_CLAIMED) if went else []
    slots = bytes({row[-1] for row in found})
    return Taken(token + slots, sorted(Found(*row[:-1]) for row in found), went)


async def release(database: Database, tokens: Collection[bytes]) -> None:
    """Rows that were claimed and nobody heard of wait again, as if they had not been."""
    await database.ask(_RELEASE, ([*tokens],))


async def settle(database: Database, lane: int, numbers: Collection[int], token: bytes, *, unsure: bool) -> list[Went]:
    """Delivered rows are gone at once. `unsure`: they may be gone already."""
    values = {**_held(numbers, token), "lane": lane}
    return [Went(*each) for each in await database.ask(_SETTLE, values, done=_GONE, unsure=unsure)]


async def postpone(
    database: Database,
    numbers: Collection[int],
    token: bytes,
    *,
    until: int | None,
    counted: bool,
    fault: bool = False,
    tried: Answer | None = None,
) -> int:
    """The rows wait again; without `until` they are due when they were."""
    more = {"until": until, "back": 0 if counted else 1, "fault": 1 if fault else 0, "line": _line(tried)}
    return len(await database.ask(_POSTPONE, {**_held(numbers, token), **more}))


async def split(
    database: Database,
    numbers: Sequence[int],
    token: bytes,
    *,
    now: int,
    later: int | None = None,
    tried: Answer | None = None,
) -> int:
    """Two halves, each marked with the number of its first row, which no other part of its batch has."""
    middle = (len(numbers) + 1) // 2
    halves = ((numbers[:middle], now), (numbers[middle:], now if later is None else later))

    async def work(connection: Connection) -> int:
        done = 0
        for half, due in halves:
            if not half:
                continue
            values = {**_held(half, token), "now": due, "part": half[0], "line": _line(tried)}
            done += len(await fetch(connection, _SPLIT, values))
        return done

    return await database.run(work)


async def regroup(database: Database, parts: Sequence[Part], *, held: int) -> int:
    """Rows that wait until then, in other parts of their batch."""

    async def work(connection: Connection) -> int:
        done = 0
        for part in parts:
            values = {"numbers": array(part.numbers), "part": part.numbers[0], "due": part.due, "held": held}
            done += len(await fetch(connection, _REGROUP, values))
        return done

    return await database.run(work)


async def bury(
    database: Database,
    lane: int,
    numbers: Collection[int],
    token: bytes,
    *,
    reason: Reason,
    note: str,
    now: int,
    unsure: bool,
    tried: Answer | None = None,
) -> list[Went]:
    """The rows move to the dead letters. `unsure`: they may have moved already."""
    more = {"lane": lane, "reason": reason, "note": storable(note), "died": now, "line": _line(tried)}
    values = {**_held(numbers, token), **more}
    return [Went(*each) for each in await database.ask(_BURY, values, done=_GONE, unsure=unsure)]


def _held(numbers: Collection[int], token: bytes) -> dict[str, object]:
    return {"numbers": array([*numbers]), "token": token[:TOKEN_BYTES], "slot": token[TOKEN_BYTES]}


def _line(tried: Answer | None) -> str:
    return storable(history_line(tried))
