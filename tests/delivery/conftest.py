"""The stores that pass the suite of every store."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from container.delivery.late import open_late
from container.delivery.postgres import open_postgres
from container.delivery.served import ServedStore
from container.delivery.spool import open_spool
from container.delivery.sqlite import open_store
from container.delivery.store import Limits, Store
from tests.delivery.engines import ENGINES, Engine, emptied
from tests.delivery.harness import NOW, Scenario, StoreFactory, run
from tests.delivery.postgres import KEY, running


async def in_sqlite(folder: Path) -> Store:
    return open_store(folder, now=NOW)


async def in_postgres(_: Path) -> Store:
    return await open_postgres(emptied(), key=KEY)


async def behind_a_spool(folder: Path) -> Store:
    """With the database there a spool changes nothing. Which database that is does not matter to it."""

    async def opening() -> ServedStore:
        return open_store(folder / "database", now=NOW)

    return await open_spool(await open_late(opening), folder / "spool", now=NOW, limits=Limits())


FACTORIES: dict[str, StoreFactory] = {"sqlite": in_sqlite, "postgres": in_postgres, "spool": behind_a_spool}


@pytest.fixture(params=[*FACTORIES.values()], ids=[*FACTORIES])
def play(request: pytest.FixtureRequest, tmp_path: Path) -> Scenario:
    """Plays a scenario with a new store, and closes the store afterwards."""

    def played(scenario: Callable[[Store], Awaitable[None]]) -> None:
        async def whole() -> None:
            store: Store = await request.param(tmp_path)
            try:
                await scenario(store)
            finally:
                await store.close()

        run(whole())

    return played


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    """Stores of one engine, at as many places as the test wants."""
    return Engine(request.param, tmp_path)


@pytest.fixture
def url() -> str:
    """The address of a database that is as good as new. Its tables stay as they are."""
    return emptied()


@pytest.fixture
def own_url() -> Iterator[str]:
    """The address of a database that the test may alter as it likes."""
    found = running().database()
    yield found
    running().drop(found)
