"""The stores that pass the suite of every store."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import cache, partial
from pathlib import Path

import pytest

from container.delivery.postgres import open_postgres
from container.delivery.sqlite import open_store
from container.delivery.store import Store
from tests.delivery.harness import NOW, Engine, Scenario, StoreFactory, run
from tests.delivery.postgres import KEY, execute, running


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


_EMPTYING = (
    "delete from delivery; delete from dead; delete from guards; delete from counts; delete from lanes; "
    "delete from meta where name<>'schema_version'; alter sequence delivery_number restart; "
    "alter sequence lanes_number_seq restart; alter sequence dead_number_seq restart"
)


@cache
def _again() -> str:
    return running().database()


def emptied() -> str:
    """The address of a database that is as good as new, and quicker to have."""
    execute(_again(), _EMPTYING)
    return _again()


@pytest.fixture(params=[*FACTORIES])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    """Where a worker's rows are, in each of the engines."""
    if request.param == "sqlite":
        return Engine(partial(in_sqlite, tmp_path))
    url = emptied()

    async def lapse() -> None:
        execute(url, "update delivery set lease=0 where claim is not null")
        store = await open_postgres(url, key=KEY)
        await store.tend(now=NOW, begun=True)
        await store.close()

    return Engine(partial(open_postgres, url, key=KEY), lapse)
