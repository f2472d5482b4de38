"""A disk that is full: hits are refused, deliveries go on, and with room again hits are taken, all in one run."""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from container.delivery.reserve import LEAST_BYTES, MOST_BYTES, RESERVE_FILE, Reserve, refused_by
from container.delivery.row import Acceptance, Letter
from container.delivery.schema import FILE
from container.delivery.sqlite import open_store
from container.delivery.store import StoreFullError, StoreRefusedError
from tests.delivery.harness import HIT, NOW, Bench, accepted, bench, dead_letters, item_request, items, planned, run
from tests.disks import DISK_BYTES, occupied, remounted, small_disk

PATIENCE_SECONDS = 30.0


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk") as found:
        yield found


async def filled(found: Bench, *, first: int = 1, together: int = 20) -> list[int]:
    """Hits until one is refused for want of room; those that were acknowledged."""
    acknowledged: list[int] = []
    for start in range(first, first + 20_000, together):
        numbers = range(start, start + together)
        hits = [accepted(planned(number, item_request(number, pad="x" * 2000))) for number in numbers]
        results = await asyncio.gather(*map(found.store.accept, hits), return_exceptions=True)
        acknowledged += [number for number, result in zip(numbers, results, strict=True) if not _is_full(result)]
        if any(map(_is_full, results)):
            return acknowledged
    raise AssertionError("it never was full")


def _is_full(result: object) -> bool:
    if isinstance(result, BaseException) and not isinstance(result, StoreFullError):
        raise result
    return isinstance(result, StoreFullError)


async def is_refused(found: Bench, number: int) -> bool:
    """Whether a hit is refused for want of room."""
    try:
        await found.store.accept(accepted(planned(number)))
    except StoreFullError:
        return True
    return False


async def taken_again(found: Bench, number: int) -> None:
    """Returns when a hit is taken, which has to be soon."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await is_refused(found, number):  # noqa: ASYNC110 - nobody says when the disk has room
            await asyncio.sleep(0.05)


def delivered(found: Bench) -> list[int]:
    return sorted(number for request in found.vendor.requests for number in items(request))


def test_a_disk_that_hits_fill_refuses_more_delivers_on_and_recovers_without_a_restart(
    disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        found = bench(disk / "data")
        acknowledged = await filled(found)
        assert len(acknowledged) > 1000
        assert found.store.trouble == "no space is left for deliveries"
        assert not found.store.given_up
        for _ in range(5):
            # At once, and without another try at the disk.
            assert await is_refused(found, 10**6)
        await found.until_idle()
        assert delivered(found) == acknowledged
        await taken_again(found, 10**6 + 1)
        assert found.store.trouble == ""
        assert (disk / "data" / RESERVE_FILE).stat().st_blocks * 512 >= LEAST_BYTES
        # All of the room is there again, not only some.
        again = await filled(found, first=2 * 10**6)
        assert len(again) > len(acknowledged) // 2
        await found.until_idle()
        assert delivered(found) == [*acknowledged, 10**6 + 1, *again]

    run(scenario())
    said = [record.getMessage().split()[0] for record in caplog.records if record.name == "container.delivery"]
    assert said.count("store.full") >= 2
    assert said.count("store.mended") >= 1


def test_a_disk_that_somebody_else_fills_gives_the_reserve_to_the_deliveries(
    disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    async def scenario() -> None:
        found = bench(disk / "data")
        for number in range(1, 301):
            await found.store.accept(accepted(planned(number, item_request(number, pad="x" * 2000))))
        other = occupied(disk)
        assert await filled(found, first=10**6, together=1) == []
        await found.until_idle()
        assert delivered(found) == [*range(1, 301)]
        other.unlink()
        await taken_again(found, 10**6)
        assert (disk / "data" / RESERVE_FILE).exists()
        await found.until_idle()
        assert delivered(found) == [*range(1, 301), 10**6]

    run(scenario())


def test_letters_are_refused_as_well(disk: Path) -> None:
    async def scenario() -> None:
        found = bench(disk / "data")
        acknowledged = await filled(found)
        lane = accepted(planned(1)).rows[0].lane
        letter = Letter("l", lane, "tag_failed", "", NOW, HIT.body)
        with pytest.raises(StoreFullError):
            await found.store.accept(Acceptance(NOW, letters=[letter]))
        await found.until_idle()
        assert delivered(found) == acknowledged
        assert await dead_letters(found.store) == []

    run(scenario())


def test_a_start_on_a_full_disk_delivers_with_the_reserve(disk: Path) -> None:
    async def first() -> list[int]:
        found = bench(disk / "data")
        return await filled(found)

    async def second(acknowledged: list[int]) -> None:
        found = bench(disk / "data")
        with pytest.raises(StoreFullError):
            await found.store.accept(accepted(planned(10**6)))
        await found.until_idle()
        assert delivered(found) == acknowledged

    acknowledged = run(first())
    occupied(disk)
    run(second(acknowledged))


def test_what_was_acknowledged_on_a_full_disk_is_there_after_a_kill(disk: Path, tmp_path: Path) -> None:
    async def first() -> list[int]:
        found = bench(disk / "data")
        acknowledged = await filled(found)
        left = tmp_path / "left"
        left.mkdir()
        for name in ("deliveries.db", "deliveries.db-wal", "key"):
            (left / name).write_bytes((disk / "data" / name).read_bytes())
        return acknowledged

    async def second(acknowledged: list[int]) -> None:
        found = bench(tmp_path / "left")
        await found.until_idle()
        assert delivered(found) == acknowledged

    run(second(run(first())))


def test_the_reserve_is_a_sixteenth_of_a_small_disk_and_64_mb_of_a_large_one(disk: Path, tmp_path: Path) -> None:
    assert LEAST_BYTES <= Reserve(disk).size <= DISK_BYTES // 16
    (tmp_path / "large").mkdir()
    large = Reserve(tmp_path / "large")
    assert large.size <= MOST_BYTES
    assert large.make()
    assert large.held
    found = (tmp_path / "large" / RESERVE_FILE).stat()
    assert found.st_blocks * 512 >= large.size
    assert found.st_mode & 0o777 == 0o600
    assert large.release()
    assert not large.release()


def test_a_reserve_that_is_nothing_but_a_hole_is_filled(tmp_path: Path) -> None:
    with (tmp_path / RESERVE_FILE).open("wb") as file:
        file.truncate(MOST_BYTES)
    reserve = Reserve(tmp_path)
    assert not reserve.held
    assert reserve.make()
    assert (tmp_path / RESERVE_FILE).stat().st_blocks * 512 >= reserve.size


def test_a_reserve_that_does_not_fit_leaves_nothing_behind(disk: Path) -> None:
    reserve = Reserve(disk)
    occupied(disk)
    assert not reserve.make()
    assert not (disk / RESERVE_FILE).exists()
    problem = refused_by(disk)
    assert problem is not None
    assert problem.errno == errno.ENOSPC


def test_a_damaged_file_for_whose_salvage_there_is_no_room_stays_as_it_is(disk: Path) -> None:
    run(filled_and_closed(disk / "data"))
    path = disk / "data" / FILE
    with path.open("r+b") as file:
        file.write(bytes(100))
    before = path.read_bytes()
    with pytest.raises(StoreRefusedError, match=r"no space is left .* nothing was lost"):
        open_store(disk / "data", now=NOW)
    assert path.read_bytes() == before
    assert not [*(disk / "data").glob("salvag*")]


async def filled_and_closed(folder: Path) -> None:
    found = bench(folder)
    await filled(found)
    await found.close()


def test_a_folder_that_may_only_be_read_is_refused_and_left_alone(disk: Path) -> None:
    run(bench_closed(disk / "data"))
    before = {path.name: path.read_bytes() for path in (disk / "data").iterdir()}
    remounted(disk, "ro")
    with pytest.raises(StoreRefusedError, match=r"Read-only file system.*choose another folder with --data"):
        open_store(disk / "data", now=NOW)
    assert {path.name: path.read_bytes() for path in (disk / "data").iterdir()} == before


async def bench_closed(folder: Path) -> None:
    await bench(folder).close()
