"""Hits are taken while the database is away, and go on to it in the order of arrival, each once."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from container.delivery.forwarding import Forwarding
from container.delivery.late import LateStore, open_late
from container.delivery.leftovers import LOOK_SECONDS
from container.delivery.postgres import open_postgres
from container.delivery.row import Acceptance, acceptance
from container.delivery.schema import FILE
from container.delivery.selection import Selection
from container.delivery.served import ServedStore
from container.delivery.spool import SpoolStore, open_spool
from container.delivery.sqlite import open_store
from container.delivery.store import (
    Accepted,
    Limits,
    StoreAwayError,
    StoreError,
    StoreFilledError,
    StoreFullError,
    StoreRefusedError,
    StoreUnavailableError,
    WaitingLane,
)
from container.engine.outcome import Failure, Guard
from tests.delivery.engines import emptied
from tests.delivery.harness import (
    HOURS,
    LATER,
    NOW,
    accepted,
    dead_letters,
    item_request,
    must_claim,
    outcome,
    planned,
    run,
    single_request,
)
from tests.delivery.postgres import KEY

WAITING, DEAD = Selection("waiting"), Selection("dead")
LIMITS = Limits()
DAY = 24 * HOURS


class Switched(LateStore):
    """A database that can be switched off.

    `unheard`: it stores hits and its answer gets lost. `refuses`: ids of rows that it does not store. `asked`: the ids
    of the rows of each hit that it was asked to store.
    """

    away = unheard = hangs = False
    refuses: frozenset[str] = frozenset()
    full = False

    @property
    def _found(self) -> ServedStore:
        if self.away:
            raise StoreUnavailableError("the database does not answer")
        return super()._found

    async def accept(self, acceptance: Acceptance) -> Accepted:
        asked = self.asked
        asked.append([int(row.id, 16) for row in acceptance.rows])
        if self.hangs:
            await asyncio.Event().wait()
        if self.full:
            raise StoreFullError("no space is left")
        if any(row.id in self.refuses for row in acceptance.rows):
            raise StoreUnavailableError("it refuses this one")
        found = await super().accept(acceptance)
        if self.unheard:
            raise StoreUnavailableError("the connection was cut")
        return found

    @property
    def asked(self) -> list[list[int]]:
        return self.__dict__.setdefault("seen", [])  # type: ignore[no-any-return]  # of this test's own


async def patiently(seconds: float) -> None:
    """As `briefly`, but for longer pauses."""
    await (asyncio.Event().wait() if seconds >= LOOK_SECONDS else briefly(seconds))


async def until(done: Callable[[], bool]) -> None:
    """Returns when it is so; whoever waits too long is stopped by `run`."""
    for _ in iter(done, True):
        await asyncio.sleep(0.002)


async def briefly(_seconds: float) -> None:
    """How the spool pauses here."""
    await asyncio.sleep(0.001)


@dataclass
class Stage:
    folder: Path
    database: Switched
    store: SpoolStore

    async def emptied(self) -> None:
        """Returns when the spool has given everything to the database."""
        await until(lambda: not self.store.holds)

    async def there(self) -> list[int]:
        """The numbers of the rows that wait in the database, in the order in which they were stored."""
        return [int(row.id, 16) for row in reversed(await self.database.rows(WAITING, most=100_000))]


Part = Callable[[Stage], Awaitable[None]]
Opening = Callable[[], Awaitable[ServedStore]]


@dataclass
class Theatre:
    """A folder and a database, which outlive the processes that work with them.

    `leftovers`: whether a process gets to look for spools that nobody has.
    """

    folder: Path
    opening: Opening
    leftovers: bool = False

    def play(self, *parts: Part, limits: Limits = LIMITS) -> None:
        """Each part with a process of its own, so to speak: the stores are closed in between."""
        for part in parts:
            run(self._whole(part, limits))

    async def _whole(self, part: Part, limits: Limits) -> None:
        database = Switched(self.opening, await self.opening())
        sleep = briefly if self.leftovers else patiently
        store = await open_spool(database, self.folder / "spool", now=NOW, limits=limits, sleep=sleep)
        try:
            await part(Stage(self.folder, database, store))
        finally:
            await store.close()


@pytest.fixture(params=["sqlite", "postgres"])
def theatre(request: pytest.FixtureRequest, tmp_path: Path) -> Theatre:
    """With each of the databases: the spool asks of them only what every store does."""
    if request.param == "postgres":
        url = emptied()
        return Theatre(tmp_path, lambda: open_postgres(url, key=KEY))

    async def embedded() -> ServedStore:
        return open_store(tmp_path / "database", now=NOW)

    return Theatre(tmp_path, embedded)


async def spooled(stage: Stage, *numbers: int, now: int = NOW) -> None:
    """Hits of one row each that come while the database is away."""
    stage.database.away = True
    for number in numbers:
        assert (await stage.store.accept(accepted(planned(number), now=now))).stored == 1
    assert stage.store.holds


def guard(key: bytes, *numbers: int, until: int = NOW + DAY) -> Guard:
    return Guard(key, "once_per", until, tuple(f"{number:032x}" for number in numbers))


def test_with_the_database_there_the_spool_holds_nothing(theatre: Theatre) -> None:
    async def part(stage: Stage) -> None:
        assert (await stage.store.accept(accepted(planned(1)))).stored == 1
        assert not stage.store.holds
        assert await stage.there() == [1]

    theatre.play(part)


def test_what_came_meanwhile_is_forwarded_in_the_order_of_arrival(theatre: Theatre) -> None:
    async def part(stage: Stage) -> None:
        await stage.store.accept(accepted(planned(1)))
        await spooled(stage, 3, 2, 5, 4)
        stage.database.away = False
        # It came later, so it goes behind them.
        await stage.store.accept(accepted(planned(6)))
        await stage.emptied()
        assert await stage.there() == [1, 3, 2, 5, 4, 6]
        await stage.store.accept(accepted(planned(7)))
        assert await stage.there() == [1, 3, 2, 5, 4, 6, 7]
        assert stage.store.forwarded.stored == 5

    theatre.play(part)


def test_a_row_arrives_as_it_came(theatre: Theatre) -> None:
    async def part(stage: Stage) -> None:
        stage.database.away = True
        hit = accepted(planned(1, max_age_hours=24), planned(2, single_request(2)), linger=700)
        await stage.store.accept(hit)
        stage.database.away = False
        await stage.emptied()
        claims = [await must_claim(stage.store, LATER) for _ in range(2)]
        found = {row.id: row for claimed in claims for row in claimed.rows}
        for row in hit.rows:
            now = found[row.id]
            assert (now.frame, now.item, now.tag, now.event_name) == (row.frame, row.item, row.tag, row.event_name)
            assert (now.event_time, now.first, now.give_up, now.attempts) == (row.event_time, row.first, row.give_up, 1)
        lines = await stage.database.export(WAITING, after=0)
        assert [line.line["row"]["expire"] for line in lines] == [row.expire for row in hit.rows]

    theatre.play(part)


def test_a_letter_is_forwarded_as_well(theatre: Theatre) -> None:
    async def part(stage: Stage) -> None:
        stage.database.away = True
        failure = Failure("Tag", "tiktok_events_api", 0, "purchase", "raised ValueError")
        await stage.store.accept(acceptance(outcome(planned(1), failures=[failure]), now=NOW))
        stage.database.away = False
        await stage.emptied()
        [letter] = await dead_letters(stage.database)
        assert (letter.reason, letter.holds, letter.tag, letter.note) == ("tag_failed", "hit", "Tag", failure.reason)
        assert (letter.first, letter.account.type) == (NOW, "tiktok_events_api")
        assert await stage.there() == [1]

    theatre.play(part)


def test_what_a_process_left_in_the_spool_is_forwarded_by_the_next(theatre: Theatre) -> None:
    async def leave(stage: Stage) -> None:
        await spooled(stage, 1, 2, 3)

    async def look(stage: Stage) -> None:
        # It is known before the first hit comes, which goes behind.
        await stage.store.accept(accepted(planned(4)))
        await stage.emptied()
        assert await stage.there() == [1, 2, 3, 4]

    theatre.play(leave, look)


def test_more_than_a_slice_is_forwarded_whole_and_in_order(theatre: Theatre) -> None:
    async def part(stage: Stage) -> None:
        stage.database.away = True
        for first in range(1, 1600, 8):
            await stage.store.accept(accepted(*map(planned, range(first, first + 8))))
        stage.database.away = False
        await stage.emptied()
        assert await stage.there() == [*range(1, 1601)]

    theatre.play(part)


def test_a_copy_that_came_before_in_the_database_is_dropped_and_counted(theatre: Theatre) -> None:
    async def part(stage: Stage) -> None:
        await stage.store.accept(accepted(planned(1), guards=[guard(b"k", 1)]))
        stage.database.away = True
        await stage.store.accept(accepted(planned(2), planned(3), guards=[guard(b"k", 2)]))
        stage.database.away = False
        await stage.emptied()
        assert await stage.there() == [1, 3]
        assert (stage.store.forwarded.stored, stage.store.forwarded.duplicates) == (1, 1)

    theatre.play(part)


def test_of_two_copies_in_the_spool_the_first_is_sent(theatre: Theatre) -> None:
    async def part(stage: Stage) -> None:
        stage.database.away = True
        await stage.store.accept(accepted(planned(1), guards=[guard(b"k", 1)]))
        await stage.store.accept(accepted(planned(2), guards=[guard(b"k", 2)]))
        stage.database.away = False
        await stage.emptied()
        assert await stage.there() == [1]
        found = await stage.store.accept(accepted(planned(3), guards=[guard(b"k", 3)]))
        assert found.stored == 0

    theatre.play(part)


def test_a_delivery_that_is_held_back_uses_up_none_of_its_keys(theatre: Theatre) -> None:
    async def part(stage: Stage) -> None:
        await stage.store.accept(accepted(planned(1), guards=[guard(b"one", 1)]))
        stage.database.away = True
        # The first is a copy by one of its keys, and so the second, which shares the other key, is none.
        await stage.store.accept(accepted(planned(2), guards=[guard(b"one", 2), guard(b"two", 2)]))
        await stage.store.accept(accepted(planned(3), guards=[guard(b"two", 3)]))
        stage.database.away = False
        await stage.emptied()
        assert await stage.there() == [1, 3]

    theatre.play(part)


def test_a_key_that_was_free_when_the_hit_came_does_not_hold_it_back(theatre: Theatre) -> None:
    async def part(stage: Stage) -> None:
        await stage.store.accept(accepted(planned(1), guards=[guard(b"k", 1, until=NOW + 1000)]))
        stage.database.away = True
        await stage.store.accept(accepted(planned(2), now=NOW + 999, guards=[guard(b"k", 2, until=NOW + 1999)]))
        await stage.store.accept(accepted(planned(3), now=NOW + 1001, guards=[guard(b"k", 3, until=NOW + 2001)]))
        stage.database.away = False
        await stage.emptied()
        assert await stage.there() == [1, 3]

    theatre.play(part)


def test_the_requests_of_one_tag_share_a_guard_and_stay_together(theatre: Theatre) -> None:
    async def leave(stage: Stage) -> None:
        stage.database.away = True
        await stage.store.accept(accepted(*map(planned, range(1, 500))))
        # The slice of 500 ends between the two.
        pair = [planned(500), planned(501)]
        await stage.store.accept(accepted(*pair, guards=[guard(b"a", 500, 501), guard(b"b", 500, 501)]))
        await stage.store.accept(accepted(planned(502), guards=[guard(b"a", 502)]))

    async def look(stage: Stage) -> None:
        await stage.emptied()
        assert await stage.there() == [*range(1, 502)]
        assert [500, 501] in stage.database.asked

    theatre.play(leave, look)


def test_a_letter_shares_the_guard_of_its_brother(theatre: Theatre) -> None:
    async def part(stage: Stage) -> None:
        stage.database.away = True
        spoiled = planned(2, item_request(2, name="\ud800"))
        await stage.store.accept(accepted(planned(1), spoiled, guards=[guard(b"k", 1, 2)]))
        stage.database.away = False
        await stage.emptied()
        [letter] = await dead_letters(stage.database)
        assert (letter.id, letter.reason) == (f"{2:032x}", "unsendable")
        assert await stage.there() == [1]

    theatre.play(part)


def test_a_crash_between_storing_and_deleting_stores_nothing_twice(theatre: Theatre) -> None:
    async def leave(stage: Stage) -> None:
        await spooled(stage, 1, 2)
        await stage.store.accept(accepted(planned(3), guards=[guard(b"k", 3)]))
        failure = Failure("Tag", "tiktok_events_api", 0, "purchase", "raised ValueError")
        await stage.store.accept(acceptance(outcome(failures=[failure]), now=NOW))

    async def crash() -> None:
        """A process stores what the spool holds, and ends before it deletes any of it."""
        database = await theatre.opening()
        own = theatre.folder / "spool" / "1"
        spool = open_store(own, now=NOW)
        forwarding = Forwarding(own, spool, database)
        forgotten: list[int] = []

        async def no_more(done: object) -> None:
            forgotten.append(1)

        forwarding._forget = no_more  # type: ignore[method-assign]  # where the crash is
        with suppress(StoreUnavailableError):
            await forwarding.step()
        assert forgotten
        [claimed] = [await must_claim(database, LATER)]
        # Some are even delivered before the spool asks again.
        await database.settle(claimed, claimed.rows[:1])
        await database.give_back(claimed)
        for each in (forwarding, spool, database):
            await each.close()

    async def look(stage: Stage) -> None:
        await stage.emptied()
        assert await stage.there() == [2, 3]
        assert len(await dead_letters(stage.database)) == 1
        assert stage.store.forwarded.duplicates == 0

    theatre.play(leave)
    run(crash())
    theatre.play(look)


def test_a_hit_whose_answer_was_lost_is_stored_once(theatre: Theatre) -> None:
    async def part(stage: Stage) -> None:
        stage.database.unheard = True
        assert (await stage.store.accept(accepted(planned(1)))).stored == 1
        stage.database.unheard, stage.database.away = False, True
        assert (await stage.store.accept(accepted(planned(2)))).stored == 1
        stage.database.away = False
        await stage.emptied()
        assert await stage.there() == [1, 2]

    theatre.play(part)


def test_a_database_that_hangs_counts_as_away(theatre: Theatre, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("container.delivery.spool.ANSWERS_WITHIN_SECONDS", 0.05)

    async def part(stage: Stage) -> None:
        stage.database.hangs = True
        assert (await stage.store.accept(accepted(planned(1)))).stored == 1
        stage.database.hangs = False
        await stage.emptied()
        assert await stage.there() == [1]

    theatre.play(part)


def test_a_full_database_refuses_and_the_spool_takes_nothing(theatre: Theatre) -> None:
    async def part(stage: Stage) -> None:
        stage.database.full = True
        with pytest.raises(StoreFullError):
            await stage.store.accept(accepted(planned(1)))
        assert not stage.store.holds

    theatre.play(part)


def test_a_database_that_is_full_when_it_comes_back_gets_the_hits_once_it_has_room(theatre: Theatre) -> None:
    async def part(stage: Stage) -> None:
        await spooled(stage, 1, 2)
        stage.database.away, stage.database.full = False, True
        await until(lambda: len(stage.database.asked) >= 20)
        assert stage.store.holds
        stage.database.full = False
        await stage.emptied()
        assert await stage.there() == [1, 2]

    theatre.play(part)


def test_a_full_spool_refuses_hits(theatre: Theatre) -> None:
    async def part(stage: Stage) -> None:
        await spooled(stage, *range(1, 11))
        assert stage.store.fill == 1.0
        with pytest.raises(StoreFilledError):
            await stage.store.accept(accepted(planned(11)))
        stage.database.away = False
        await stage.emptied()
        assert stage.store.fill < 1.0
        assert await stage.there() == [*range(1, 11)]

    theatre.play(part, limits=Limits(most_rows=10))


def test_one_that_the_database_never_takes_holds_up_nobody(theatre: Theatre) -> None:
    async def part(stage: Stage) -> None:
        await spooled(stage, 1, 2, 3)
        stage.database.refuses = frozenset({f"{1:032x}"})
        stage.database.away = False
        number = 3
        while stage.store.holds:
            # Others that are taken show that it is this one's own fault.
            number += 1
            await stage.store.accept(accepted(planned(number)))
            await asyncio.sleep(0.005)
        assert sorted(await stage.there()) == [*range(2, number + 1)]
        assert stage.store.forwarded.left == 1
        assert any("cannot be forwarded" in notice for notice in stage.store.notices)

    async def next_time(stage: Stage) -> None:
        await stage.emptied()
        assert 1 in await stage.there()

    theatre.play(part, next_time)


def test_what_is_damaged_in_the_spool_holds_up_nobody(theatre: Theatre) -> None:
    async def leave(stage: Stage) -> None:
        await spooled(stage, 1, 2, 3)

    async def look(stage: Stage) -> None:
        await stage.emptied()
        assert await stage.there() == [1, 3]
        assert stage.store.forwarded.left == 1
        assert stage.store.notices == ["Deliveries of the spool that cannot be forwarded: 1. The log says which."]

    theatre.play(leave)
    with closing(sqlite3.connect(theatre.folder / "spool" / "1" / FILE)) as connection, connection:
        assert connection.execute("update delivery set crc=crc+1 where number=2").rowcount == 1
    # It is still there, and no reason to keep hits behind it, also after a restart.
    theatre.play(look)
    theatre.play(lambda stage: stage.emptied())


def test_a_database_that_hangs_while_hits_are_forwarded_gets_them_later_and_once(
    theatre: Theatre, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("container.delivery.forwarding.STORED_WITHIN_SECONDS", 0.05)

    async def part(stage: Stage) -> None:
        await spooled(stage, 1, 2)
        stage.database.hangs, stage.database.away = True, False
        await until(lambda: any("does not answer" in notice for notice in stage.store.notices))
        stage.database.hangs = False
        await stage.emptied()
        assert await stage.there() == [1, 2]

    theatre.play(part)


def test_while_the_database_is_away_the_worker_has_nothing_to_do_and_hits_are_taken(theatre: Theatre) -> None:
    async def part(stage: Stage) -> None:
        stage.database.away = True
        assert await stage.store.waiting() == ()
        assert not (await stage.store.tend(now=NOW, begun=True)).more
        assert stage.store.trouble == ""
        assert stage.store.notices == [
            "The database is away (the database does not answer): hits would wait in the spool."
        ]
        await spooled(stage, 1)
        assert stage.store.trouble == ""
        assert [notice for notice in stage.store.notices if notice.startswith("Hits wait in the spool")]
        with pytest.raises(StoreUnavailableError):
            await stage.store.lanes()
        stage.database.away = False
        await stage.emptied()
        found: list[WaitingLane] = [*await stage.store.waiting()]
        assert len(found) == 1
        assert stage.store.notices == []

    theatre.play(part)


def test_nobody_searches_for_a_person_while_hits_wait_in_the_spool(theatre: Theatre) -> None:
    async def part(stage: Stage) -> None:
        await spooled(stage, 1)
        with pytest.raises(StoreUnavailableError, match="spool"):
            await stage.store.search("waiting", lambda _: True, after=0)
        stage.database.away = False
        await stage.emptied()
        assert (await stage.store.search("waiting", lambda _: True, after=0)).looked == 1
        assert await stage.store.tidy() == "nothing"

    theatre.play(part)


def test_the_spool_leaves_no_guards_behind(theatre: Theatre) -> None:
    async def leave(stage: Stage) -> None:
        stage.database.away = True
        for number in range(1, 20):
            await stage.store.accept(accepted(planned(number), guards=[guard(bytes([number]), number)]))
        stage.database.away = False
        await stage.emptied()

    theatre.play(leave)
    with closing(sqlite3.connect(theatre.folder / "spool" / "1" / FILE)) as connection:
        for table in ("delivery", "dead", "guards"):
            assert connection.execute(f"select count(*) from {table}").fetchone() == (0,), table  # noqa: S608


def test_a_second_process_has_a_spool_of_its_own(theatre: Theatre) -> None:
    async def part(stage: Stage) -> None:
        await spooled(stage, 1)
        second = await open_spool(stage.database, theatre.folder / "spool", now=NOW, limits=LIMITS)
        try:
            await second.accept(accepted(planned(2)))
            assert sorted(each.name for each in (theatre.folder / "spool").iterdir()) == ["1", "2"]
        finally:
            stage.database.away = False
            await stage.emptied()
            await until(lambda: not second.holds)
            assert sorted(await stage.there()) == [1, 2]
            await second.close()

    theatre.play(part)


def test_what_lies_in_a_spool_that_nobody_has_is_forwarded_too(theatre: Theatre) -> None:
    async def leave(stage: Stage) -> None:
        await spooled(stage, 1)
        second = await open_spool(stage.database, theatre.folder / "spool", now=NOW, limits=LIMITS, sleep=patiently)
        await second.accept(accepted(planned(2)))
        # Its database is the other's, which is closed with it.
        await second.close()

    async def look(stage: Stage) -> None:
        await stage.emptied()
        for _ in range(10_000):
            if sorted(await stage.there()) == [1, 2]:
                return
            await asyncio.sleep(0.005)
        raise AssertionError("it was left there")

    theatre.play(leave)
    theatre.leftovers = True
    theatre.play(look)


def test_a_database_that_is_away_at_the_start_is_opened_as_soon_as_it_is_there(theatre: Theatre) -> None:
    async def whole() -> None:
        problems: list[StoreError] = [StoreRefusedError("it is too new"), StoreAwayError("it is away")]
        heard: list[Mapping[str, int]] = []

        async def opening() -> ServedStore:
            if problems:
                raise problems.pop()
            return await theatre.opening()

        database = await open_late(opening, sleep=briefly)
        database.listen(heard.append)
        assert (database.trouble, database.fill, database.figures().engine) == ("it is away", 0.0, "none")
        with pytest.raises(StoreUnavailableError, match="it is away"):
            await database.accept(accepted(planned(1)))
        await until(lambda: not database.trouble)
        await database.accept(accepted(planned(1)))
        assert [len(await database.waiting()), len(heard)] == [1, 1]
        await database.close()
        with pytest.raises(StoreUnavailableError, match="closed"):
            await database.waiting()

    run(whole())


def test_a_database_that_is_not_fit_stops_the_start(theatre: Theatre) -> None:
    async def opening() -> ServedStore:
        raise StoreRefusedError("it is too new")

    with pytest.raises(StoreRefusedError, match="too new"):
        run(open_late(opening))


def test_to_those_beside_a_spool_a_database_that_is_away_is_no_trouble(theatre: Theatre) -> None:
    async def opening() -> ServedStore:
        raise StoreAwayError("it is away")

    async def whole() -> None:
        database = await open_late(opening, patient=True, sleep=briefly)
        assert (database.trouble, await database.waiting()) == ("", ())
        with pytest.raises(StoreUnavailableError, match="it is away"):
            await database.lanes()
        await database.close()

    run(whole())


def test_a_fault_of_ours_keeps_the_hits(theatre: Theatre, monkeypatch: pytest.MonkeyPatch) -> None:
    async def part(stage: Stage) -> None:
        await spooled(stage, 1)
        with monkeypatch.context() as broken:
            broken.setattr(Forwarding, "step", lambda _self: 1 / 0)
            stage.database.away = False
            await until(lambda: any("ZeroDivisionError" in notice for notice in stage.store.notices))
        await stage.emptied()
        assert await stage.there() == [1]

    theatre.play(part)
