"""What the PostgreSQL store tells about itself: lanes, for the worker and for people."""

from __future__ import annotations

from container.delivery.lane import lane_at
from container.delivery.postgres_connecting import Database, fetch
from container.delivery.postgres_tables import Connection
from container.delivery.reports import lane_state
from container.delivery.store import Answer, LaneReport, WaitingLane

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
        ) in await database.ask(_LANES, asked="read")
    ]  # fmt: skip


async def levels(connection: Connection) -> list[tuple[int, int, int]]:
    """Rows and bytes by lane."""
    return [(lane, rows, size) for lane, rows, size in await fetch(connection, _LEVELS)]
