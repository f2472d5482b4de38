"""What the SQLite store tells about itself: lanes, for the worker and for people."""

from __future__ import annotations

import sqlite3
from typing import get_args

from container.delivery.lane import lane_at
from container.delivery.store import Answer, LaneReport, LaneState, Mode, WaitingLane

_WAITING = (
    "select number, key, mode, not_before, failures, paused, "
    "(select min(due) from delivery where lane=lanes.number and claim is null) as first_due "
    "from lanes where first_due is not null order by first_due"
)
_LANES = (
    "select number, key, rows, dead, (select min(first) from delivery where lane=lanes.number and claim is null), "
    "mode, not_before, failures, paused, bytes, answered, status, verdict, excerpt from lanes order by number"
)
_CLAIMED = "select lane, count(*), min(first) from delivery where claim is not null group by lane"
MODES = get_args(Mode)


def waiting_lanes(connection: sqlite3.Connection) -> list[WaitingLane]:
    return [
        WaitingLane(number, lane_at(number, key), due, lane_state(mode, not_before, failures), bool(paused))
        for number, key, mode, not_before, failures, paused, due in connection.execute(_WAITING)
    ]


def lane_reports(connection: sqlite3.Connection) -> list[LaneReport]:
    connection.execute("begin")
    try:
        claimed = {lane: rest for lane, *rest in connection.execute(_CLAIMED)}
        lanes = connection.execute(_LANES).fetchall()
    finally:
        connection.execute("commit")
    reports = []
    for number, key, rows, dead, oldest, mode, not_before, failures, paused, size, *answer in lanes:
        held, oldest_held = claimed.get(number, (0, None))
        reports.append(
            LaneReport(
                number=number,
                lane=lane_at(number, key),
                state=lane_state(mode, not_before, failures),
                paused=bool(paused),
                waiting=rows - held,
                claimed=held,
                dead=dead,
                oldest=min((first for first in (oldest, oldest_held) if first is not None), default=None),
                answer=None if answer[0] is None else Answer(*answer),
                bytes=size,
            )
        )
    return reports


def lane_state(mode: str, not_before: int, failures: int) -> LaneState:
    # A mode that is none holds nothing back: it is what damage left.
    return LaneState(mode if mode in MODES else "open", not_before, failures)  # type: ignore[arg-type]
