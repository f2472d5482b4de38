"""What SQLite makes of a disk: one that is full or refuses, and a process that is killed."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from container.delivery import schema, writer
from container.delivery.row import Acceptance, Letter
from container.delivery.schema import FILE, unusable
from container.delivery.sqlite import open_store
from container.delivery.store import (
    StoreBusyError,
    StoreFullError,
    StoreRefusedError,
    StoreUnavailableError,
)
from tests.delivery.harness import NOW, accepted, claim_first, ids, item_request, must_claim, planned, run

ROOT = Path(__file__).resolve().parents[2]


def test_each_commit_reaches_the_disk(tmp_path: Path) -> None:
    async def scenario() -> None:
        store = open_store(tmp_path, now=NOW)

        def settings(connection: sqlite3.Connection) -> list[object]:
            names = ("journal_mode", "synchronous", "page_size", "wal_autocheckpoint", "auto_vacuum")
            return [connection.execute(f"pragma {name}").fetchone()[0] for name in names]

        assert await store._writer.run(settings) == ["wal", 2, 16384, 0, 2]
        await store.close()

    run(scenario())


def test_a_full_disk_is_said_at_once_and_deliveries_go_on(tmp_path: Path) -> None:
    async def scenario() -> None:
        store = open_store(tmp_path, now=NOW)
        await store.accept(accepted(*map(planned, range(1, 50))))
        await store._writer.run(_no_more_pages)
        with pytest.raises(StoreFullError):
            await store.accept(accepted(planned(99, item_request(99, pad="x" * 1_000_000))))
        claimed = await must_claim(store)
        assert ids(claimed) == [*range(1, 50)]
        assert await store.settle(claimed, claimed.rows) == 49
        await store._writer.run(lambda connection: connection.execute("pragma max_page_count=1000000").fetchone())
        assert await store.settle(claimed, claimed.rows) == 0
        async with asyncio.timeout(30):
            while store.trouble:  # noqa: ASYNC110 - the writer looks at the disk by itself
                await asyncio.sleep(0.01)
        assert (await store.accept(accepted(planned(100)))).stored == 1
        await store.close()

    run(scenario())


def test_a_folder_that_cannot_be_used_is_said_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(StoreRefusedError, match=r"cannot be used \(Not a directory\)\. Let the user of this process"):
        open_store(tmp_path / "file" / "data", now=NOW)


def test_a_disk_that_is_full_at_the_start_is_told_apart_from_one_that_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = sqlite3.OperationalError("disk I/O error")
    assert "cannot be used (disk I/O error)" in unusable(tmp_path, broken)
    assert "no space is left" in unusable(tmp_path, OSError(errno.ENOSPC, "No space left on device"))
    monkeypatch.setattr(schema, "LEAST_FREE_BYTES", 1 << 80)
    assert "no space is left" in unusable(tmp_path, broken)


def test_a_file_that_cannot_be_written_is_not_called_damaged(tmp_path: Path) -> None:
    async def scenario() -> None:
        await open_store(tmp_path, now=NOW).close()

    run(scenario())
    with closing(sqlite3.connect(tmp_path / FILE)) as holder:
        holder.execute("pragma locking_mode=exclusive")
        holder.execute("begin exclusive")
        with pytest.raises(StoreRefusedError, match=r"cannot be used \(database is locked\)"):
            open_store(tmp_path, now=NOW)


def test_what_cannot_be_read_is_no_fault_of_who_asks(tmp_path: Path) -> None:
    async def scenario() -> None:
        store = open_store(tmp_path, now=NOW)
        reader = store._reading._connection
        await store._reading.run(lambda connection: connection.close())
        with pytest.raises(StoreUnavailableError, match="cannot be read"):
            await store.lanes()
        with pytest.raises(sqlite3.ProgrammingError):
            reader.execute("select 1")
        await store.close()

    run(scenario())


def _no_more_pages(connection: sqlite3.Connection) -> None:
    [pages] = connection.execute("pragma page_count").fetchone()
    connection.execute(f"pragma max_page_count={pages + 2}").fetchone()


def test_work_that_fails_takes_nobody_along(tmp_path: Path) -> None:
    async def scenario() -> None:
        store = open_store(tmp_path, now=NOW)
        bad = Letter("x", accepted(planned(1)).rows[0].lane, "tag_failed", "\ud800", NOW, b"")
        results = await asyncio.gather(
            store.accept(accepted(planned(1))),
            store.accept(Acceptance(NOW, letters=[bad])),
            store.accept(accepted(planned(2))),
            return_exceptions=True,
        )
        assert [type(result).__name__ for result in results] == ["Accepted", "UnicodeEncodeError", "Accepted"]
        assert ids(await claim_first(store)) == [1, 2]
        await store.close()

    run(scenario())


def test_hits_beyond_what_may_wait_are_refused_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        store = open_store(tmp_path, now=NOW)
        results = await asyncio.gather(
            *(store.accept(accepted(planned(number))) for number in range(writer.MOST_WAITING + 50)),
            return_exceptions=True,
        )
        refused = [result for result in results if isinstance(result, StoreBusyError)]
        assert len(refused) == 50
        [lane] = await store.lanes()
        assert lane.waiting == writer.MOST_WAITING
        await store.close()

    run(scenario())


@pytest.mark.long
def test_the_log_is_emptied_between_commits(tmp_path: Path) -> None:
    async def scenario() -> None:
        store = open_store(tmp_path, now=NOW)
        big = [planned(number, item_request(number, pad="x" * 900_000)) for number in range(1, 121)]
        for start in range(0, 120, 10):
            await store.accept(accepted(*big[start : start + 10]))
        assert (tmp_path / f"{FILE}-wal").stat().st_size < 64 << 20
        assert (tmp_path / FILE).stat().st_size > 64 << 20
        await store.close()
        assert not (tmp_path / f"{FILE}-wal").exists()

    run(scenario())


_SERVER = """
import asyncio, sys
from pathlib import Path
from container.delivery.sqlite import open_store
from tests.delivery.harness import NOW, accepted, must_claim, planned

async def accepting(store, first):
    for number in range(first, first + 10**6):
        await store.accept(accepted(planned(number)))
        sys.stdout.write(f"{number}\\n")
        sys.stdout.flush()

async def claiming(store):
    while True:
        await asyncio.sleep(0.005)
        if await store.waiting():
            claimed = await must_claim(store, most_items=20)
            await store.postpone(claimed, claimed.rows, until=NOW, counted=True)

async def main():
    store = open_store(Path(sys.argv[1]), now=NOW)
    await asyncio.gather(claiming(store), *(accepting(store, first) for first in range(10**7, 10**8, 10**7)))

asyncio.run(main())
"""


def _kill_under_load(folder: Path, acknowledged: int) -> set[int]:
    """Starts a process that accepts and claims, kills it after so many answers, and returns what it had answered."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", _SERVER, str(folder)], stdout=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(acknowledged)]
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.readlines()
    return {int(line) for line in lines if line.endswith(b"\n")}


@pytest.mark.parametrize("answers", [1, 300, 2000])
def test_what_was_acknowledged_survives_a_kill(tmp_path: Path, answers: int) -> None:
    acknowledged = _kill_under_load(tmp_path, answers)
    assert len(acknowledged) >= answers

    async def scenario() -> set[int]:
        store = open_store(tmp_path, now=NOW)
        found: set[int] = set()
        while claimed := await claim_first(store, NOW):
            found.update(ids(claimed))
        await store.close()
        return found

    assert acknowledged <= run(scenario())
