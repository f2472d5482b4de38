"""A disk that fails or refuses: nothing is acknowledged of which nobody knows whether it is there."""

from __future__ import annotations

import asyncio
import errno
import logging
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest

from container.delivery import opening
from container.delivery.disk import GIVEN_UP_SECONDS, LOOK_SECONDS, MARK_FILE, Disk, Trouble
from container.delivery.opening import file_system
from container.delivery.reserve import Reserve
from container.delivery.row import Acceptance
from container.delivery.schema import FILE, PAGE_BYTES
from container.delivery.sqlite import open_store
from container.delivery.store import Accepted, StoreFullError, StoreRefusedError, StoreUnavailableError
from container.delivery.writer import Writer
from tests.delivery.harness import NOW, run

MOUNTS = """
/dev/vda / ext4 rw 0 0
proc /proc proc rw 0 0
server:/export /srv nfs4 rw 0 0
//nas/data /srv/with\\040space cifs rw 0 0
tmpfs /srv/local tmpfs rw 0 0
"""


class Connection:
    """A connection over a disk that can be told what to say."""

    def __init__(self) -> None:
        self.said: tuple[int, str] | None = None
        self.at = "commit"
        self.tried: list[str] = []
        self.in_transaction = False

    def execute(self, statement: str, values: Sequence[object] = ()) -> Connection:
        self.tried.append(statement)
        if self.said is not None and statement == self.at:
            self.in_transaction = False
            problem = sqlite3.OperationalError("disk I/O error")
            problem.sqlite_errorcode, problem.sqlite_errorname = self.said
            raise problem
        self.in_transaction = statement == "begin immediate"
        return self

    def fetchone(self) -> tuple[int, ...]:
        return (0, 0, 0)

    fetchall = fetchone

    def close(self) -> None:
        """Nothing is open."""


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Place:
    """A writer over such a connection."""

    def __init__(self, folder: Path) -> None:
        self.clock, self.connection = Clock(), Connection()
        self.disk = Disk(folder, Reserve(folder), self.clock)
        given = cast("sqlite3.Connection", self.connection)
        self.writer = Writer(given, self._accept, lambda: None, self.disk)

    async def hit(self) -> Accepted:
        return await self.writer.accept(Acceptance(0), size=1)

    async def until(self, works: bool) -> None:
        """Returns when the writer has looked at the disk, and found it so."""
        async with asyncio.timeout(30):
            while (self.disk.trouble is None) is not works:  # noqa: ASYNC110 - it looks by itself
                await asyncio.sleep(0.01)

    def _accept(self, _connection: sqlite3.Connection, together: Sequence[Acceptance]) -> list[Accepted]:
        return [Accepted() for _ in together]


ERRORS = {
    "write": (sqlite3.SQLITE_IOERR_WRITE, "SQLITE_IOERR_WRITE"),
    "sync": (sqlite3.SQLITE_IOERR_FSYNC, "SQLITE_IOERR_FSYNC"),
    "read-only": (sqlite3.SQLITE_READONLY, "SQLITE_READONLY"),
    "gone": (sqlite3.SQLITE_CANTOPEN, "SQLITE_CANTOPEN"),
}


@pytest.mark.parametrize("kind", ERRORS)
@pytest.mark.parametrize("at", ["begin immediate", "commit"])
def test_a_commit_that_fails_acknowledges_none_of_its_hits(
    kind: str, at: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        place = Place(tmp_path)
        place.connection.said, place.connection.at = ERRORS[kind], at
        results = await asyncio.gather(*(place.hit() for _ in range(20)), return_exceptions=True)
        assert {type(result) for result in results} == {StoreUnavailableError}
        # None of them was tried for a second time.
        assert place.connection.tried.count("begin immediate") == 1
        with pytest.raises(StoreUnavailableError, match=ERRORS[kind][1]):
            await place.hit()
        assert place.connection.tried.count("begin immediate") == 1
        before = place.disk.given_up
        place.clock.now += GIVEN_UP_SECONDS
        assert (before, place.disk.given_up) == (False, True)
        await place.writer.close()

    run(scenario())
    assert "store.broken" in caplog.text


def test_a_disk_that_works_again_takes_hits_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        place = Place(tmp_path)
        place.connection.said = ERRORS["write"]
        with pytest.raises(StoreUnavailableError):
            await place.hit()
        place.connection.said = None
        place.clock.now += LOOK_SECONDS
        await place.until(works=True)
        assert await place.hit() == Accepted()
        place.clock.now += GIVEN_UP_SECONDS
        assert not place.disk.given_up
        await place.writer.close()

    run(scenario())
    assert "store.mended" in caplog.text


def test_a_disk_that_fails_is_not_taken_for_one_that_works_by_what_was_delivered(tmp_path: Path) -> None:
    async def scenario() -> None:
        place = Place(tmp_path)
        place.connection.said = ERRORS["sync"]
        with pytest.raises(StoreUnavailableError):
            await place.writer.run(lambda connection: 1)
        with pytest.raises(StoreUnavailableError):
            await place.hit()
        place.connection.said = None
        assert await place.writer.run(lambda connection: 1) == 1
        with pytest.raises(StoreUnavailableError):
            await place.hit()
        await place.writer.close()

    run(scenario())


def test_a_file_that_is_found_damaged_is_not_tried_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        place = Place(tmp_path)
        place.connection.said = (sqlite3.SQLITE_CORRUPT, "SQLITE_CORRUPT")
        with pytest.raises(StoreUnavailableError, match="damaged"):
            await place.hit()
        place.connection.said = ERRORS["write"]
        with pytest.raises(StoreUnavailableError):
            await place.writer.run(lambda connection: 1)
        place.connection.said = None
        place.clock.now += 2 * LOOK_SECONDS
        await place.writer.run(lambda connection: 1)
        assert place.disk.trouble is not None
        assert place.disk.trouble.kind == "damaged"
        await place.writer.close()

    run(scenario())


def test_a_quota_that_is_used_up_is_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quota = OSError(errno.EDQUOT, "Disk quota exceeded")
    monkeypatch.setattr("container.delivery.disk.refused_by", lambda folder: quota)

    async def scenario() -> None:
        place = Place(tmp_path)
        place.connection.said = ERRORS["write"]
        with pytest.raises(StoreFullError):
            await place.hit()
        await place.writer.close()

    run(scenario())


def test_somebody_who_holds_the_file_for_a_moment_is_no_trouble_with_the_disk(tmp_path: Path) -> None:
    async def scenario() -> None:
        place = Place(tmp_path)
        place.connection.said, place.connection.at = (sqlite3.SQLITE_BUSY, "SQLITE_BUSY"), "begin immediate"
        results = await asyncio.gather(*(place.hit() for _ in range(20)), return_exceptions=True)
        assert {type(result) for result in results} == {StoreUnavailableError}
        assert place.connection.tried.count("begin immediate") == 1
        place.connection.said = None
        assert await place.hit() == Accepted()
        await place.writer.close()

    run(scenario())


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/var/lib/tag-container", "ext4"),
        ("/srv", "nfs4"),
        ("/srv/data", "nfs4"),
        ("/srv/with space/data", "cifs"),
        ("/srv/local/data", "tmpfs"),
        ("/srvother", "ext4"),
    ],
)
def test_the_file_system_of_a_folder_is_that_of_the_closest_mount(folder: str, kind: str) -> None:
    assert file_system(Path(folder), MOUNTS) == kind


def test_without_a_table_of_mounts_nothing_is_known() -> None:
    assert file_system(Path("/srv"), "") == ""


@pytest.mark.parametrize("kind", sorted(opening.NETWORK))
def test_a_folder_on_a_network_file_system_is_refused_with_what_to_do(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/vda / ext4 rw 0 0\nserver:/x {tmp_path} {kind} rw 0 0\n", encoding="utf-8")
    monkeypatch.setattr(opening, "MOUNTS", mounts)
    with pytest.raises(StoreRefusedError, match=r"network file system .* disk of this machine with --data"):
        open_store(tmp_path / "data", now=NOW)
    assert not (tmp_path / "data" / "deliveries.db").exists()


def test_where_no_mounts_are_listed_a_folder_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "MOUNTS", tmp_path / "none")
    run(open_store(tmp_path / "data", now=NOW).close())


def test_a_start_on_a_disk_that_refuses_says_what_to_do(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    (tmp_path / "deliveries.db").mkdir()
    with pytest.raises(StoreRefusedError, match="choose another folder with --data"):
        open_store(tmp_path, now=NOW)


class Damaged:
    """A connection to a file that turns out to be damaged when its free pages are given back."""

    def execute(self, query: str) -> Damaged:
        if "incremental_vacuum" in query:
            problem = sqlite3.DatabaseError("malformed")
            problem.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise problem
        return self

    def fetchone(self) -> tuple[int, ...]:
        return (1, 0, 0)


def test_damage_that_is_found_while_room_is_made_stays(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(bytes(PAGE_BYTES))
    reserve = Reserve(tmp_path)
    assert reserve.make()
    disk = Disk(tmp_path, reserve, trouble=Trouble("full", "no space", 0.0))
    disk.look(cast("sqlite3.Connection", Damaged()))
    assert disk.trouble is not None
    assert disk.trouble.kind == "damaged"
    assert (tmp_path / MARK_FILE).exists()
