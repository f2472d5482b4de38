"""Lanes in PostgreSQL: their numbers, and how each stands. None is ever deleted: what a process knows of one holds."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from container.delivery.postgres_connecting import Database, storable
from container.delivery.postgres_tables import Connection
from container.delivery.store import Answer, LaneState

_KNOWN = "select key, number from lanes where key=any(%s)"
_NEW = "insert into lanes(key) select unnest(%s::text[]) on conflict do nothing"
_MARK = "update lanes set mode=%s, not_before=%s, failures=%s where number=%s"
_ANSWER = (
    "update lanes set mode=%s, not_before=%s, failures=%s, answered=%s, status=%s, verdict=%s, excerpt=%s "
    "where number=%s"
)
_PROBE = "update lanes set not_before=%s where mode<>'open' and not_before>%s returning number"
_PAUSE = "update lanes set paused=%s where number=%s returning number"
_HASTEN_LANE = "update lanes set not_before=%s where number=%s and not_before>%s"
_HASTEN_ROWS = "update delivery set due=%s where lane=%s and due>%s and attempts+length(history)>0 and claim is null"


class LaneNumbers:
    """Remembers them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[str, int] = {}

    async def of(self, keys: Collection[str]) -> Mapping[str, int]:
        """Of these keys, among others. New lanes are committed at once, so that they hold nobody up."""
        new = sorted(key for key in keys if key not in self._known)
        if new:
            found = dict(await self._database.ask(_KNOWN, (new,), asked=None))
            if missing := [key for key in new if key not in found]:
                await self._database.ask(_NEW, (missing,), asked=None)
                found |= dict(await self._database.ask(_KNOWN, (missing,), asked=None))
            self._known |= found
        return self._known


async def mark(database: Database, lane: int, state: LaneState, answer: Answer | None) -> None:
    """How it stands from now on, and what its vendor answered last if that is news."""
    stands = (state.mode, state.not_before, state.failures)
    if answer is None:
        await database.ask(_MARK, (*stands, lane))
        return
    said = (answer.at, answer.status, storable(answer.verdict), storable(answer.excerpt))
    await database.ask(_ANSWER, (*stands, *said, lane))


async def probe(database: Database, *, now: int) -> int:
    """Has those that hold still tried at once; how many."""
    return len(await database.ask(_PROBE, (now, now)))


async def pause(database: Database, lane: int, *, paused: bool) -> bool:
    """Whether there is such a lane."""
    return len(await database.ask(_PAUSE, (paused, lane))) == 1


async def hasten(database: Database, lane: int, *, now: int) -> None:
    """Its next try is now, and so is that of its rows that were tried before."""

    async def work(connection: Connection) -> None:
        await connection.execute(_HASTEN_LANE, (now, lane, now))
        await connection.execute(_HASTEN_ROWS, (now, lane, now))

    await database.run(work)
