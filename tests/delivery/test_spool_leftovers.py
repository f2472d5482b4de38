"""A spool that no process has and that cannot be opened holds up nobody, is told of once, and goes on once mended."""

from __future__ import annotations

import asyncio
import base64
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from container.delivery.leftovers import LOOK_SECONDS
from container.delivery.reserve import RESERVE_FILE
from container.delivery.schema import FILE, LOCK_FILE
from container.delivery.selection import Selection
from container.delivery.spool import SpoolStore, open_spool
from container.delivery.sqlite import SqliteStore, open_store
from container.delivery.store import Limits, StoreRefusedError, StoreUnavailableError
from tests.delivery.harness import NOW, accepted, planned, run
from tests.delivery.test_spool import Switched, until
from tests.disks import occupied, small_disk

KEYS = [base64.b64encode(bytes([number]) * 32).decode() for number in range(2)]
LOOKS = 4
"""So often it is found as it was before anybody believes that it is told of once."""

WAITING = Selection("waiting")
Mend = Callable[[], object]


@dataclass
class Process:
    """One with a spool. `looks`: those for what others left; how long it had rested before each."""

    store: SpoolStore
    database: Switched
    looks: list[float] = field(default_factory=list)

    async def looked(self, times: int = LOOKS) -> None:
        before = len(self.looks)
        await until(lambda: len(self.looks) >= before + times)

    async def there(self) -> list[int]:
        return sorted(int(row.id, 16) for row in await self.database.rows(WAITING, most=1000))

    async def has(self, *numbers: int) -> None:
        """Returns when the database has these."""
        while await self.there() != sorted(numbers):  # noqa: ASYNC110 - nobody says when a row is there
            await asyncio.sleep(0.005)

    @property
    def unusable(self) -> int:
        return self.store.figures().spool.unusable


@asynccontextmanager
async def process(folder: Path, *, key: str = KEYS[0], database: SqliteStore | None = None) -> Any:
    """One that works in the folder. `database`: another one's, which is closed with this one."""
    used = database or open_store(folder / "database", now=NOW)

    async def opening() -> SqliteStore:
        return used

    switched, looks, rested = Switched(opening, used), list[float](), list[float]()

    async def sleep(seconds: float) -> None:
        rested.append(seconds)
        await asyncio.sleep(0.001)

    async with AsyncExitStack() as opened:
        opened.push_async_callback(switched.close)
        store = await open_spool(switched, folder / "spool", now=NOW, key=key, limits=Limits(), sleep=sleep)
        opened.push_async_callback(store.close)
        with pytest.MonkeyPatch.context() as patched:
            leftovers = store._leftovers
            look = leftovers._look

            async def looked() -> None:
                before = sum(each for each in rested if each == LOOK_SECONDS)
                rested.clear()
                await look()
                looks.append(before)

            patched.setattr(leftovers, "_look", looked)
            yield Process(store, switched, looks)


async def leave(folder: Path, name: str, *numbers: int, key: str = KEYS[0]) -> None:
    """What a process that is no more took while the database was away."""
    spool = open_store(folder / "spool" / name, now=NOW, key=key)
    for number in numbers:
        await spool.accept(accepted(planned(number)))
    await spool.close()


def held(folder: Path, name: str) -> int:
    """How many deliveries a spool holds."""
    with closing(sqlite3.connect(folder / "spool" / name / FILE)) as connection:
        return int(connection.execute("select count(*) from delivery").fetchone()[0])


def no_right(spool: Path) -> Mend:
    """As where another user made it, also for a user who has every right."""
    (spool / LOCK_FILE).unlink()
    (spool / LOCK_FILE).mkdir()
    return (spool / LOCK_FILE).rmdir


def no_place(spool: Path) -> Mend:
    """Nobody can even look."""
    aside = spool.with_name("aside")
    spool.rename(aside)
    spool.symlink_to(spool)
    # Else it would be one of the spools.
    aside = aside.rename(spool.parent.parent / "aside")

    def mend() -> None:
        spool.unlink()
        aside.rename(spool)

    return mend


def too_new(spool: Path) -> Mend:
    """A later version of the program wrote it."""

    def stated(version: str) -> str:
        with closing(sqlite3.connect(spool / FILE)) as connection, connection:
            query = "select value from meta where name='schema_version'"
            [(before,)] = connection.execute(query).fetchall()
            connection.execute("update meta set value=? where name='schema_version'", (version,))
            return str(before)

    before = stated("99")
    return lambda: stated(before)


def damaged_key(spool: Path) -> Mend:
    """Its own key file is none."""
    (spool / "key").write_text("none", encoding="ascii")
    return (spool / "key").unlink


WAYS = {"no right": no_right, "no place": no_place, "too new": too_new, "damaged key": damaged_key}


@pytest.fixture(params=[*WAYS.values()], ids=[*WAYS])
def spoil(request: pytest.FixtureRequest) -> Callable[[Path], Mend]:
    found: Callable[[Path], Mend] = request.param
    return found


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [line for each in caplog.records if (line := each.getMessage()).startswith("spool.unusable")]


def test_it_holds_up_no_other_is_told_of_once_and_forwarded_once_it_is_mended(
    tmp_path: Path, spoil: Callable[[Path], Mend], caplog: pytest.LogCaptureFixture
) -> None:
    async def whole() -> None:
        for name, number in (("1", 1), ("2", 2), ("3", 3)):
            await leave(tmp_path, name, number)
        mend = spoil(tmp_path / "spool" / "2")
        async with process(tmp_path) as serving:
            await serving.has(1, 3)
            await serving.looked()
            assert serving.unusable == 1
            [line] = told(caplog)
            assert 'spool/2"' in line
            assert "Its hits stay there" in line
            [notice] = serving.store.notices
            assert 'spool/2"' in notice
            assert serving.store.trouble == ""
            assert (await serving.store.accept(accepted(planned(4)))).stored == 1
            with pytest.raises(StoreUnavailableError, match="mend it"):
                await serving.store.search("waiting", lambda _: True, after=0)
            mend()
            assert held(tmp_path, "2") == 1
            await serving.has(1, 2, 3, 4)
            await serving.looked(1)
            assert (serving.unusable, serving.store.notices, len(told(caplog))) == (0, [], 1)
            assert serving.store.figures().spool.stored == 3

    run(whole())


def test_one_that_a_process_would_have_taken_keeps_it_from_no_hits(
    tmp_path: Path, spoil: Callable[[Path], Mend], caplog: pytest.LogCaptureFixture
) -> None:
    async def whole() -> None:
        await leave(tmp_path, "1", 1)
        mend = spoil(tmp_path / "spool" / "1")
        async with process(tmp_path) as serving:
            assert (serving.unusable, len(told(caplog))) == (1, 1)
            serving.database.away = True
            await serving.store.accept(accepted(planned(2)))
            serving.database.away = False
            await serving.has(2)
            await serving.looked()
            assert len(told(caplog)) == 1
            mend()
            await serving.has(1, 2)

    run(whole())


def test_the_key_that_it_needs_is_named_and_once_that_is_back_its_hits_go_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def whole() -> None:
        await leave(tmp_path, "1", 1, key=KEYS[0])
        await leave(tmp_path, "2", 2, key=KEYS[1])
        async with process(tmp_path, key=KEYS[1]) as serving:
            await serving.has(2)
            await serving.looked()
            [line] = told(caplog)
            assert "TAG_CONTAINER_KEY" in line
            assert held(tmp_path, "1") == 1
        async with process(tmp_path, key=",".join(reversed(KEYS))) as serving:
            await serving.has(1, 2)
            assert serving.unusable == 0

    run(whole())


def test_a_disk_without_room_has_its_hits_go_on_once_it_has_some(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "spool").mkdir()

    async def whole(disk: Path) -> None:
        await leave(tmp_path, "1", 1)
        await leave(tmp_path, "2", 2)
        await leave(tmp_path, "3", 3)
        (disk / RESERVE_FILE).unlink()
        other = occupied(disk)
        async with process(tmp_path) as serving:
            await until(lambda: serving.unusable == 1)
            await serving.looked()
            assert {1, 3} <= {*await serving.there()}
            [line] = told(caplog)
            assert "no space is left" in line
            other.unlink()
            await until(lambda: serving.unusable == 0)
            await serving.has(1, 2, 3)
            assert held(tmp_path, "2") == 0

    with small_disk(tmp_path / "spool" / "2") as disk:
        run(whole(disk))


def test_of_a_damaged_one_goes_on_what_can_be_read_and_the_file_is_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def whole() -> None:
        await leave(tmp_path, "1", 1)
        await leave(tmp_path, "2", 2)
        await leave(tmp_path, "3", 3)
        file = tmp_path / "spool" / "2" / FILE
        content = bytearray(file.read_bytes())
        content[:16] = b"no file of ours "
        file.write_bytes(content)
        async with process(tmp_path) as serving:
            await serving.has(1, 2, 3)
            await serving.looked(1)
            assert told(caplog) == []
        [kept] = (tmp_path / "spool" / "2").glob(f"{FILE}.corrupt-*")
        assert kept.read_bytes() == bytes(content)

    run(whole())


def test_of_several_processes_one_looks_after_them_and_the_next_when_that_has_ended(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def whole() -> None:
        await leave(tmp_path, "1", 1)
        no_right(tmp_path / "spool" / "1")
        async with process(tmp_path) as first:
            database = await first.database._opening()
            async with process(tmp_path, database=database) as second:
                await first.looked()
                assert (first.unusable, second.unusable, second.looks) == (1, 0, [])
                assert len(told(caplog)) == 1
                first.store._beside.cancel()
                first.store._leftovers.close()
                await second.looked(1)
                assert second.unusable == 1

    run(whole())


def test_one_row_that_the_database_never_takes_holds_up_no_other_spool(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def whole() -> None:
        for name, number in (("1", 1), ("2", 2), ("3", 3)):
            await leave(tmp_path, name, number)
        async with process(tmp_path) as serving:
            serving.database.refuses = frozenset({f"{2:032x}"})
            await serving.has(1, 3)
            await serving.looked(2)
            [line] = told(caplog)
            assert "it refuses this one" in line
            serving.database.refuses = frozenset()
            await serving.has(1, 2, 3)

    run(whole())


@pytest.mark.parametrize("how", ["away", "full"])
def test_while_the_database_takes_nothing_no_spool_is_to_blame(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    async def whole() -> None:
        await leave(tmp_path, "1")
        await leave(tmp_path, "2", 2)
        async with process(tmp_path) as serving:
            setattr(serving.database, how, True)
            await asyncio.sleep(0.2)
            assert (serving.unusable, told(caplog)) == (0, [])
            setattr(serving.database, how, False)
            await serving.has(2)

    run(whole())


def test_what_is_damaged_in_it_is_counted_and_told_of_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def whole() -> None:
        await leave(tmp_path, "2", 2, 3)
        await leave(tmp_path, "1")
        with closing(sqlite3.connect(tmp_path / "spool" / "2" / FILE)) as connection, connection:
            connection.execute("update delivery set crc=crc+1 where number=1")
        async with process(tmp_path) as serving:
            await serving.has(3)
            await serving.looked()
            figures = serving.store.figures().spool
            assert (figures.stored, figures.left, figures.unusable) == (1, 1, 0)
            assert any("cannot be forwarded: 1" in notice for notice in serving.store.notices)
            assert sum("spool.unreadable" in each.getMessage() for each in caplog.records) == 1
            assert held(tmp_path, "2") == 1

    run(whole())


def test_hits_that_only_the_log_of_a_killed_process_has_are_found(tmp_path: Path) -> None:
    async def whole() -> None:
        await leave(tmp_path, "1")
        await leave(tmp_path, "2")
        left = tmp_path / "spool" / "2"
        async with process(tmp_path) as serving:
            await serving.looked(2)
            # Another process takes it, and is killed: the file is as it was, and beside it is a log.
            shutil.copytree(left, tmp_path / "copy")
            spool = open_store(tmp_path / "copy", now=NOW, key=KEYS[0])
            await spool.accept(accepted(planned(5)))
            shutil.copy(tmp_path / "copy" / f"{FILE}-wal", left)
            await spool.close()
            await serving.has(5)

    run(whole())


def test_it_is_looked_for_at_least_every_half_a_minute(tmp_path: Path) -> None:
    async def whole() -> None:
        await leave(tmp_path, "1")
        async with process(tmp_path) as serving:
            await serving.looked(2)
            await leave(tmp_path, "2", 7)
            before = len(serving.looks)
            await serving.has(7)
            assert len(serving.looks) <= before + 2
            assert set(serving.looks[1:]) == {LOOK_SECONDS}
            assert LOOK_SECONDS <= 30

    run(whole())


def test_what_it_holds_is_told_of_while_the_database_takes_nothing(tmp_path: Path) -> None:
    async def whole() -> None:
        await leave(tmp_path, "1")
        await leave(tmp_path, "2", 2)
        async with process(tmp_path) as serving:
            serving.database.away = True
            await until(lambda: serving.store.figures().spool.leftover == 1)
            assert any('spool/2", which no process has: they are forwarded' in each for each in serving.store.notices)
            assert serving.unusable == 0
            serving.database.away = False
            await serving.has(2)
            await until(lambda: serving.store.figures().spool.leftover == 0)
            assert not any("which no process has" in each for each in serving.store.notices)

    run(whole())


def test_one_that_was_taken_away_is_no_trouble_any_more(tmp_path: Path) -> None:
    async def whole() -> None:
        await leave(tmp_path, "1")
        await leave(tmp_path, "2", 2)
        no_right(tmp_path / "spool" / "2")
        async with process(tmp_path) as serving:
            await until(lambda: serving.unusable == 1)
            (tmp_path / "spool" / "2").rename(tmp_path / "taken-away")
            await until(lambda: serving.unusable == 0)
            assert serving.store.notices == []

    run(whole())


def test_a_mistake_of_ours_about_one_holds_up_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def whole() -> None:
        for name, number in (("1", 1), ("2", 2), ("3", 3)):
            await leave(tmp_path, name, number)
        with ExitStack() as broken:
            patched = broken.enter_context(pytest.MonkeyPatch.context())

            def opened(folder: Path, **given: Any) -> SqliteStore:
                assert folder.name != "2"
                return open_store(folder, **given)

            patched.setattr("container.delivery.leftovers.open_store", opened)
            async with process(tmp_path) as serving:
                await serving.has(1, 3)
                await serving.looked()
                [line] = told(caplog)
                assert 'reason="AssertionError"' in line
                patched.undo()
                await serving.has(1, 2, 3)

    run(whole())


@pytest.fixture
def no_folder(tmp_path: Path) -> Path:
    """Where no spool can be made."""
    (tmp_path / "spool").write_text("a file", encoding="ascii")
    return tmp_path


def test_where_no_new_one_can_be_made_the_start_is_refused(no_folder: Path) -> None:
    async def whole() -> None:
        with pytest.raises(StoreRefusedError, match="cannot be used"):
            async with process(no_folder):
                pass

    run(whole())


def test_a_key_that_is_none_refuses_the_start_whatever_is_left(tmp_path: Path) -> None:
    async def whole() -> None:
        await leave(tmp_path, "1", 1)
        with pytest.raises(StoreRefusedError, match="TAG_CONTAINER_KEY"):
            async with process(tmp_path, key="none"):
                pass

    run(whole())
