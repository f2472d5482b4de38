"""The stores that pass the suite of every store."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from container.delivery.postgres import open_postgres
from container.delivery.sqlite import open_store
from container.delivery.store import Store
from tests.delivery.engines import ENGINES, Engine
from tests.delivery.harness import NOW, Scenario, StoreFactory, run
from tests.delivery.postgres import KEY, running


async def in_sqlite(folder: Path) -> Store:
    return open_store(folder, now=NOW)


async def in_postgres(_: Path) -> Store:
    return await open_postgres(running().database(), key=KEY)


FACTORIES: dict[str, StoreFactory] = {"sqlite": in_sqlite, "postgres": in_postgres}


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
def url() -> Iterator[str]:
    """The address of a database of the test's own."""
    found = running().database()
    yield found
    running().drop(found)
