"""What the PostgreSQL store tells about itself: lanes for the worker, lanes and dead letters for people."""

from __future__ import annotations

from container.delivery.detail import Resting, label
from container.delivery.lane import lane_at
from container.delivery.postgres_connecting import Database, fetch
from container.delivery.postgres_tables import Connection
from container.delivery.reports import lane_state
from container.delivery.seal import Keyring
from container.delivery.store import Answer, DeadLetter, LaneReport, WaitingLane

_WAITING = (
    "select number, key, mode, not_before, failures, paused, first_due from lanes cross join lateral "
    "(select min(due) as first_due from delivery where lane=lanes.number and claim is null) as rows "
    "where first_due is not null order by first_due, number"
)
_LANES = (
    "select number, key, coalesce(counted.rows, 0), coalesce(counted.dead, 0), coalesce(counted.bytes, 0), "
    "(select min(first) from delivery where lane=lanes.number and claim is null), coalesce(held.rows, 0), held.oldest, "
    "mode, not_before, failures, paused, answered, status, verdict, excerpt from lanes "
    "left join (select lane, sum(rows)::bigint as rows, sum(dead)::bigint as dead, sum(bytes)::bigint as bytes "
    "from counts group by lane) as counted on counted.lane=number "
    "left join (select lane, count(*) as rows, min(first) as oldest from delivery where claim is not null "
    "group by lane) as held on held.lane=number order by number"
)
_LEVELS = "select lane, sum(rows)::bigint, sum(bytes)::bigint from counts group by lane having sum(rows)<>0"
_DEAD = (
    "select dead.number, id, lane, key, reason, note, holds, attempts, first, died, kid, crc, body from dead "
    "join lanes on lanes.number=dead.lane where dead.number < %s{} order by dead.number desc limit %s"
)
_LAST = 2**63 - 1


async def waiting_lanes(database: Database) -> list[WaitingLane]:
    return [
        WaitingLane(number, lane_at(number, key), due, lane_state(mode, not_before, failures), paused)
        for number, key, mode, not_before, failures, paused, due in await database.ask(_WAITING)
    ]


async def lane_reports(database: Database) -> list[LaneReport]:
    return [
        LaneReport(
            number=number,
            lane=lane_at(number, key),
            state=lane_state(mode, not_before, failures),
            paused=paused,
            waiting=rows - held,
            claimed=held,
            dead=dead,
            oldest=min((first for first in (oldest, oldest_held) if first is not None), default=None),
            answer=None if answer[0] is None else Answer(*answer),
            bytes=size,
        )
        for (
            number, key, rows, dead, size, oldest, held, oldest_held, mode, not_before, failures, paused, *answer,
        ) in await database.ask(_LANES)
    ]  # fmt: skip


async def levels(connection: Connection) -> list[tuple[int, int, int]]:
    """Rows and bytes by lane."""
    return [(lane, rows, size) for lane, rows, size in await fetch(connection, _LEVELS)]


async def dead_letters(
    database: Database, keys: Keyring, *, most: int, before: int | None, lane: int | None
) -> list[DeadLetter]:
    letters = []
    query, of_lane = (_DEAD.format(""), ()) if lane is None else (_DEAD.format(" and dead.lane=%s"), (lane,))
    for number, row_id, at, key, reason, note, holds, attempts, first, died, kid, crc, body in await database.ask(
        query, (_LAST if before is None else before, *of_lane, most)
    ):
        tag, event_name = label(keys, Resting(row_id, holds, crc, kid, body))
        letters.append(
            DeadLetter(number, row_id, lane_at(at, key), reason, note, holds, tag, event_name, attempts, first, died)
        )
    return letters
