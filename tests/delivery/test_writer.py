"""The thread that writes: what comes together goes to disk together."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest

from container.delivery.disk import GIVEN_UP_SECONDS, Disk
from container.delivery.reserve import Reserve
from container.delivery.row import Acceptance
from container.delivery.store import Accepted, StoreUnavailableError
from container.delivery.writer import Writer
from tests.delivery.harness import run

HITS = 200


def new_writer(folder: Path, commits: list[int], disk: Disk | None = None) -> Writer:
    """A writer that notes how many hits each commit holds."""

    def accept(_connection: sqlite3.Connection, together: Sequence[Acceptance]) -> list[Accepted]:
        commits.append(len(together))
        return [Accepted() for _ in together]

    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    return Writer(connection, accept, lambda: None, disk or Disk(folder, Reserve(folder)))


def test_hits_of_one_turn_of_the_loop_are_one_commit(tmp_path: Path) -> None:
    commits: list[int] = []

    async def ask() -> None:
        writer = new_writer(tmp_path, commits)
        await asyncio.gather(*(writer.accept(Acceptance(0), size=1) for _ in range(HITS)))
        await writer.close()

    run(ask())
    # Handed over one by one, the thread would take the first alone.
    assert commits == [HITS]


def test_what_was_asked_for_in_the_turn_that_closes_is_written(tmp_path: Path) -> None:
    commits: list[int] = []

    async def ask() -> Accepted:
        writer = new_writer(tmp_path, commits)
        asked = asyncio.create_task(writer.accept(Acceptance(0), size=1))
        await asyncio.sleep(0)
        await writer.close()
        return await asked

    assert run(ask()) == Accepted()
    assert commits == [1]


class Astray(Disk):
    """A disk that is looked after with a mistake in it."""

    def refuses(self, connection: sqlite3.Connection, size: int) -> StoreUnavailableError | None:
        raise LookupError("canary")


def test_a_mistake_of_the_thread_is_told_to_everybody_who_waits_and_who_comes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def ask() -> None:
        disk = Astray(tmp_path, Reserve(tmp_path), clock := Passing())
        writer = new_writer(tmp_path, [], disk)
        asked = [writer.accept(Acceptance(0), size=1), writer.run(lambda _: None), writer.between(lambda _: None)]
        assert {type(found) for found in await asyncio.gather(*asked, return_exceptions=True)} == {
            StoreUnavailableError
        }
        with pytest.raises(StoreUnavailableError, match="LookupError"):
            await writer.run(lambda _: None)
        with pytest.raises(StoreUnavailableError, match="LookupError"):
            await writer.accept(Acceptance(0), size=1)
        assert disk.trouble is not None
        assert "canary" not in disk.trouble.reason
        clock.now += GIVEN_UP_SECONDS
        assert disk.given_up
        await writer.close()
        with pytest.raises(StoreUnavailableError, match="closed"):
            await writer.run(lambda _: None)

    run(ask())
    assert "store.writer_failed" in caplog.messages[0]
    assert "canary" not in "".join(caplog.messages)


def test_a_mistake_between_two_commits_leaves_nobody_waiting(tmp_path: Path) -> None:
    def stumbles(_: sqlite3.Connection) -> None:
        raise LookupError

    async def ask() -> None:
        writer = new_writer(tmp_path, [])
        # The first of its two commits may be through before; the second never is.
        with pytest.raises(StoreUnavailableError):
            await writer.between(stumbles)
        await writer.close()

    run(ask())


def test_a_mistake_in_the_last_round_does_not_keep_the_writer_from_closing(tmp_path: Path) -> None:
    async def ask() -> None:
        writer = new_writer(tmp_path, [], Astray(tmp_path, Reserve(tmp_path)))
        asked = asyncio.create_task(writer.accept(Acceptance(0), size=1))
        await asyncio.sleep(0)
        await writer.close()
        with pytest.raises(StoreUnavailableError):
            await asked

    run(ask())


class Passing:
    now = 0.0

    def __call__(self) -> float:
        return self.now
