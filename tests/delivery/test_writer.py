"""The thread that writes: what comes together goes to disk together."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence

from container.delivery.row import Acceptance
from container.delivery.store import Accepted
from container.delivery.writer import Writer
from tests.delivery.harness import run

HITS = 200


def new_writer(commits: list[int]) -> Writer:
    """A writer that notes how many hits each commit holds."""

    def accept(_connection: sqlite3.Connection, together: Sequence[Acceptance]) -> list[Accepted]:
        commits.append(len(together))
        return [Accepted() for _ in together]

    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    return Writer(connection, accept, lambda: None)


def test_hits_of_one_turn_of_the_loop_are_one_commit() -> None:
    commits: list[int] = []

    async def ask() -> None:
        writer = new_writer(commits)
        await asyncio.gather(*(writer.accept(Acceptance(0), size=1) for _ in range(HITS)))
        await writer.close()

    run(ask())
    # Handed over one by one, the thread would take the first alone.
    assert commits == [HITS]


def test_what_was_asked_for_in_the_turn_that_closes_is_written() -> None:
    commits: list[int] = []

    async def ask() -> Accepted:
        writer = new_writer(commits)
        asked = asyncio.create_task(writer.accept(Acceptance(0), size=1))
        await asyncio.sleep(0)
        await writer.close()
        return await asked

    assert run(ask()) == Accepted()
    assert commits == [1]
