"""What a store does by the time that passes, when some of it cannot be done."""

from __future__ import annotations

import asyncio

import pytest

from container.delivery.postgres_keeping import Keeping
from container.delivery.remedies import SILENT
from container.delivery.store import StoreUnavailableError


def test_a_duty_that_fails_holds_up_no_other_and_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    done: list[str] = []

    async def refused() -> None:
        done.append("days")
        if len(done) < 8:
            raise StoreUnavailableError("the database refuses (42501, InsufficientPrivilege)")

    async def away() -> None:
        done.append("clock")
        raise StoreUnavailableError(SILENT)

    async def keys() -> None:
        done.append("keys")

    async def scenario() -> None:
        keeping = Keeping({"clock": (0.0, away), "days": (600.0, refused), "keys": (0.0, keys)})
        for _ in range(4):
            await keeping._step()
        keeping.begin()
        await keeping.close()

    asyncio.run(scenario())
    assert done[:9] == ["clock", "days", "keys"] * 3
    # The third time it was done, and is not due again.
    assert done[9:12] == ["clock", "keys"]
    [line] = [each.getMessage() for each in caplog.records]
    assert line.startswith('store.duty_failed name=days reason="the database refuses (42501')
