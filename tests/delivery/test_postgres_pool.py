"""The connections that a process has, when they are closed."""

from __future__ import annotations

import asyncio

import pytest

from container.delivery.postgres_pool import Pool
from container.delivery.postgres_tables import Connection


async def ready(_: Connection) -> None:
    """Nothing is to be done."""


def test_whoever_is_cancelled_while_it_closes_is_cancelled_and_it_closes_all_the_same() -> None:
    async def scenario() -> None:
        pool = Pool("postgresql://nobody@127.0.0.1:1/none", ready)
        await pool.open()
        warden = pool._warden
        assert warden is not None
        closing = asyncio.create_task(pool.close())
        # It has begun to wait, and the pool has not begun to close.
        await asyncio.sleep(0)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        await asyncio.wait((warden,))
        assert pool._pool.closed
        await pool.close()

    asyncio.run(scenario())
