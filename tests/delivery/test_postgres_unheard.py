"""Statements that are done, and whose answer is lost with the connection: what was asked for is done once."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from container.delivery import postgres_connecting
from container.delivery.postgres import PostgresStore
from container.delivery.postgres_connecting import TRIES
from container.delivery.postgres_tables import Connection
from container.delivery.store import StoreUnavailableError
from tests.delivery.harness import NOW, accepted, ids, must_claim, planned
from tests.delivery.postgres import execute, play

CLAIM, SETTLE, BURY = "kid, body, size, slot", "returning lane, length(body) as bytes)", "claim=%(token)s returning *"
LOOK = "as gone(number)"
HELD = "select count(*) from delivery where claim is not null"
TRIED = "select attempts, crashes from delivery order by number"


class Cut:
    """Cuts the connection behind each statement that says one of `signs`, so many times."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.signs: tuple[str, ...] = ()
        self.times = 0
        self._fetch = postgres_connecting.fetch
        monkeypatch.setattr(postgres_connecting, "fetch", self._cut)

    def next(self, *signs: str, times: int = 1) -> None:
        self.signs, self.times = signs, times

    async def _cut(self, connection: Connection, query: str, values: Any = ()) -> list[tuple[Any, ...]]:
        found = await self._fetch(connection, query, values)
        if self.times and any(sign in query for sign in self.signs):
            self.times -= 1
            await connection.close()
            raise psycopg.OperationalError("the connection was cut")
        return found


@pytest.fixture
def cut(monkeypatch: pytest.MonkeyPatch) -> Cut:
    return Cut(monkeypatch)


def test_a_claim_whose_answer_is_lost_gets_its_rows_all_the_same(own_url: str, cut: Cut) -> None:
    async def scenario(store: PostgresStore) -> None:
        await store.accept(accepted(*map(planned, range(1, 7))))
        cut.next(CLAIM)
        claimed = await must_claim(store, most_items=3)
        assert ids(claimed) == [1, 2, 3]
        assert [row.attempts for row in claimed.rows] == [1, 1, 1]
        assert execute(own_url, HELD) == [(3,)]
        assert await store.settle(claimed, claimed.rows) == 3
        assert execute(own_url, TRIED) == [(0, 0)] * 3

    play(own_url, scenario)


def test_a_claim_that_nobody_heard_of_is_given_back_uncounted(own_url: str, cut: Cut) -> None:
    async def scenario(store: PostgresStore) -> None:
        await store.accept(accepted(*map(planned, range(1, 4))))
        for _ in range(3):
            # Each time it is done: what holds rows is looked for first, and that is not heard either.
            cut.next(CLAIM, times=TRIES)
            with pytest.raises(StoreUnavailableError):
                await must_claim(store)
            assert execute(own_url, HELD) == [(3,)]
            [lane] = await store.waiting()
            assert lane.number == 1
            assert execute(own_url, HELD) == [(0,)]
        assert execute(own_url, TRIED) == [(0, 0)] * 3
        assert ids(await must_claim(store)) == [1, 2, 3]
        assert execute(own_url, "select count(*) from dead") == [(0,)]

    play(own_url, scenario)


@pytest.mark.parametrize("lost", [1, TRIES])
def test_what_is_settled_and_nobody_heard_of_is_counted(own_url: str, cut: Cut, lost: int) -> None:
    async def scenario(store: PostgresStore) -> None:
        await store.accept(accepted(*map(planned, range(1, 4))))
        claimed = await must_claim(store)
        cut.next(SETTLE, LOOK, times=lost)
        if lost == TRIES:
            with pytest.raises(StoreUnavailableError):
                await store.settle(claimed, claimed.rows)
        assert await store.settle(claimed, claimed.rows) == 3
        assert execute(own_url, "select count(*) from delivery") == [(0,)]
        # Nobody is unsure any more.
        assert await store.settle(claimed, claimed.rows) == 0

    play(own_url, scenario)


def test_what_is_buried_and_nobody_heard_of_is_counted_and_there_once(own_url: str, cut: Cut) -> None:
    async def scenario(store: PostgresStore) -> None:
        await store.accept(accepted(*map(planned, range(1, 4))))
        claimed = await must_claim(store)
        cut.next(BURY)
        assert await store.bury(claimed, claimed.rows, "refused", note="", now=NOW) == 3
        assert execute(own_url, "select count(*) from dead") == [(3,)]

    play(own_url, scenario)


def test_what_another_process_has_by_now_is_not_counted(own_url: str, cut: Cut) -> None:
    async def scenario(store: PostgresStore, other: PostgresStore) -> None:
        await store.accept(accepted(*map(planned, range(1, 4))))
        claimed = await must_claim(store)
        await store.give_back(claimed)
        theirs = await must_claim(other, most_items=2)
        cut.next(SETTLE)
        assert await store.settle(claimed, claimed.rows) == 0
        assert await other.settle(theirs, theirs.rows) == 2

    play(own_url, scenario, stores=2)
