"""The stores that pass the suite of every store."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from container.delivery.sqlite import open_store
from container.delivery.store import Store
from tests.delivery.harness import NOW, Scenario, StoreFactory, run

FACTORIES: dict[str, StoreFactory] = {"sqlite": lambda folder: open_store(folder, now=NOW)}


@pytest.fixture(params=[*FACTORIES.values()], ids=[*FACTORIES])
def play(request: pytest.FixtureRequest, tmp_path: Path) -> Scenario:
    """Plays a scenario with a new store, and closes the store afterwards."""

    def played(scenario: Callable[[Store], Awaitable[None]]) -> None:
        async def whole() -> None:
            store: Store = request.param(tmp_path)
            try:
                await scenario(store)
            finally:
                await store.close()

        run(whole())

    return played
