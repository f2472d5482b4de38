"""What the SQLite store tells about itself: lanes for the worker, lanes and dead letters for people."""

from __future__ import annotations

import sqlite3
from typing import get_args

from container.delivery.detail import Resting, label
from container.delivery.lane import lane_at
from container.delivery.seal import Keyring
from container.delivery.store import Answer, DeadLetter, LaneReport, LaneState, Mode, WaitingLane

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
_DEAD = (
    "select dead.number, id, lane, key, reason, note, holds, attempts, first, died, kid, crc, body from dead "
    "join lanes on lanes.number=dead.lane where dead.number < ?{} order by dead.number desc limit ?"
)
_LAST = 2**63 - 1
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


def dead_letters(
    connection: sqlite3.Connection, keys: Keyring, *, most: int, before: int | None, lane: int | None
) -> list[DeadLetter]:
    letters = []
    # Written twice, so that the index of lanes is used: one lane's few letters may stand among a million others.
    query, of_lane = (_DEAD.format(""), ()) if lane is None else (_DEAD.format(" and dead.lane=?"), (lane,))
    for number, row_id, at, key, reason, note, holds, attempts, first, died, kid, crc, body in connection.execute(
        query, (_LAST if before is None else before, *of_lane, most)
    ):
        tag, event_name = label(keys, Resting(row_id, holds, crc, kid, body))
        letters.append(
            DeadLetter(number, row_id, lane_at(at, key), reason, note, holds, tag, event_name, attempts, first, died)
        )
    return letters


def lane_state(mode: str, not_before: int, failures: int) -> LaneState:
    # A mode that is none holds nothing back: it is what damage left.
    return LaneState(mode if mode in MODES else "open", not_before, failures)  # type: ignore[arg-type]
