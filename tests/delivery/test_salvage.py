"""A damaged file is found, moved aside and salvaged: no fewer deliveries than SQLite itself could still have read."""

from __future__ import annotations

import logging
import random
import shutil
import sqlite3
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from container.delivery import salvage as salvaging
from container.delivery.check import Checking, damage
from container.delivery.disk import MARK_FILE
from container.delivery.lane import Lane
from container.delivery.pages import FRAME_HEADER_BYTES, LOG_HEADER_BYTES, Image, read_log
from container.delivery.records import records_in
from container.delivery.row import Letter
from container.delivery.salvage import kept_aside, put_in_place, salvage
from container.delivery.schema import FILE, PAGE_BYTES
from container.delivery.selection import Selection
from container.delivery.sqlite import SqliteStore, open_store
from container.delivery.store import StoreRefusedError, StoreUnavailableError
from container.engine.outcome import Guard
from tests.delivery.harness import (
    HIT,
    HOURS,
    NOW,
    accepted,
    bench,
    claim_first,
    dead_letters,
    ids,
    item_request,
    items,
    planned,
    run,
)
from tests.delivery.test_store_upgrade import earlier

ROWS, LETTERS, GUARDS = 240, 12, 180
FRAME_BYTES = FRAME_HEADER_BYTES + PAGE_BYTES
STAMP = "20270115T080000Z"
ASIDE = f"{FILE}.corrupt-{STAMP}"
LOG = f"{FILE}-wal"

Damage = Callable[[Path], None]


async def fill(store: SqliteStore) -> None:
    """Rows of many sizes, some of which spill over to pages of their own, letters, and guards."""
    sizes = random.Random(1)
    lane = Lane("tiktok_events_api", "https://vendor.example/v1/events", "C1", ("TIKTOK_TOKEN",))
    for start in range(1, ROWS + 1, 40):
        rows = [
            planned(number, item_request(number, pad="x" * sizes.choice((10, 1000, 2000, 18_000))))
            for number in range(start, start + 40)
        ]
        guards = [
            Guard(number.to_bytes(32, "big"), "once_per", NOW + HOURS, (f"{number:032x}",))
            for number in range(start, start + 30)
        ]
        letters = [Letter(f"letter {start} {each}", lane, "tag_failed", "", NOW, HIT.body) for each in range(2)]
        await store.accept(accepted(*rows, guards=guards)._replace(letters=letters))


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder that was closed as it should be."""
    folder = tmp_path_factory.mktemp("stopped")

    async def scenario() -> None:
        store = open_store(folder, now=NOW)
        await fill(store)
        await store.close()

    run(scenario())
    return folder


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder as a crash leaves it: nearly everything is in the log."""
    folder = tmp_path_factory.mktemp("killed")

    async def scenario() -> None:
        running = folder / "running"
        store = open_store(running, now=NOW)
        await fill(store)
        (folder / "left").mkdir()
        for name in (FILE, LOG, "key"):
            shutil.copyfile(running / name, folder / "left" / name)
        await store.close()

    run(scenario())
    return folder / "left"


def copied(folder: Path, to: Path) -> Path:
    to.mkdir()
    for name in (FILE, LOG, "key"):
        if (folder / name).exists():
            shutil.copyfile(folder / name, to / name)
    return to


def overwrite(path: Path, at: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)


def pages_of(folder: Path, table: str, *, leaf: bool) -> list[int]:
    """The pages of a table's tree that hold rows, or that lead to those."""
    with closing(sqlite3.connect(folder / FILE)) as connection:
        [root] = connection.execute("select rootpage from sqlite_schema where name=?", (table,)).fetchone()
    with Image(folder / FILE) as image:
        inner = image.page(root)
        assert inner[0] == 0x05
        cells = [int.from_bytes(inner[at : at + 2], "big") for at in range(12, 12 + 2 * inner[4] + 512 * inner[3], 2)]
        leaves = [int.from_bytes(inner[cell : cell + 4], "big") for cell in cells]
    return leaves if leaf else [root]


def zeroed_header(folder: Path) -> None:
    overwrite(folder / FILE, 0, bytes(100))


def zeroed_first_page(folder: Path) -> None:
    overwrite(folder / FILE, 0, bytes(PAGE_BYTES))


def truncated(folder: Path) -> None:
    path = folder / FILE
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size * 6 // 10 + 100)


def random_bytes_in_the_rows(folder: Path) -> None:
    leaves = pages_of(folder, "delivery", leaf=True)
    for number in leaves[5 : len(leaves) : 10]:
        overwrite(folder / FILE, (number - 1) * PAGE_BYTES, random.Random(number).randbytes(PAGE_BYTES))


def random_bytes_in_the_tree(folder: Path) -> None:
    for number in pages_of(folder, "delivery", leaf=False):
        overwrite(folder / FILE, (number - 1) * PAGE_BYTES, random.Random(2).randbytes(PAGE_BYTES))


def random_bytes_in_the_map(folder: Path) -> None:
    overwrite(folder / FILE, PAGE_BYTES, random.Random(3).randbytes(PAGE_BYTES))


def zeroed_rows(folder: Path) -> None:
    for number in pages_of(folder, "delivery", leaf=True)[3:9]:
        overwrite(folder / FILE, (number - 1) * PAGE_BYTES, bytes(PAGE_BYTES))


def readable(folder: Path, tmp_path: Path) -> set[str]:
    """The deliveries that SQLite still reads whole, one by one, of a copy."""
    copy = copied(folder, tmp_path / "readable")
    found = set()
    with closing(sqlite3.connect(copy / FILE)) as connection:
        for number in range(1, ROWS + 1):
            try:
                row = connection.execute("select id, crc, body from delivery where number=?", (number,)).fetchone()
            except sqlite3.DatabaseError:
                continue
            if row is not None and zlib.crc32(row[2]) == row[1]:
                found.add(row[0])
    return found


async def delivered(store: SqliteStore) -> set[str]:
    """The deliveries that can be claimed, each of which can be opened."""
    found: set[str] = set()
    while claimed := await claim_first(store, NOW):
        found |= {f"{number:032x}" for number in ids(claimed)}
        await store.settle(claimed, claimed.rows)
    return found


def delivered_from(folder: Path) -> set[str]:
    """What can be delivered once the folder was opened."""

    async def scenario() -> set[str]:
        store = open_store(folder, now=NOW)
        found = await delivered(store)
        await store.close()
        return found

    return run(scenario())


def spoil_a_body(folder: Path) -> None:
    """Damages one delivery where no page is harmed by it."""
    data = (folder / FILE).read_bytes()
    with closing(sqlite3.connect(folder / FILE)) as connection:
        [body] = connection.execute("select body from delivery where number=7").fetchone()
    overwrite(folder / FILE, data.index(body[:200]) + 100, b"damage")


def test_every_record_is_found_without_sqlite(killed: Path, tmp_path: Path) -> None:
    copy = copied(killed, tmp_path / "copy")
    with Image(copy / FILE) as image:
        found = {
            record.values[1]: record.values[19]
            for number, trusted in image.in_use()
            if trusted
            for record in records_in(image.page(number), image.page).records
            if record.number and len(record.values) == 22
        }
    with closing(sqlite3.connect(copy / FILE)) as connection:
        assert found == dict(connection.execute("select id, body from delivery").fetchall())
    assert len(found) == ROWS


DAMAGES: dict[str, tuple[Damage, int]] = {
    "zeroed header": (zeroed_header, ROWS),
    "zeroed first page": (zeroed_first_page, ROWS),
    "truncated": (truncated, ROWS // 3),
    "random bytes in the rows": (random_bytes_in_the_rows, ROWS // 2),
    "random bytes in the tree": (random_bytes_in_the_tree, ROWS),
    "random bytes in the map of pages": (random_bytes_in_the_map, ROWS),
    "zeroed rows": (zeroed_rows, ROWS // 2),
}
"""How a file may be damaged, and how many of its deliveries have to be salvaged at the least."""


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damaged_file_is_moved_aside_and_no_readable_delivery_is_lost(
    kind: str, stopped: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spoil, least = DAMAGES[kind]
    folder = copied(stopped, tmp_path / "data")
    spoil(folder)
    before = (folder / FILE).read_bytes()
    wanted = readable(folder, tmp_path)

    async def scenario() -> set[str]:
        store = open_store(folder, now=NOW)
        [notice] = store.notices
        assert f'"{ASIDE}"' in notice
        assert "waiting" in notice
        assert (await store.accept(accepted(planned(ROWS + 1)))).stored == 1
        found = await delivered(store)
        dead = [letter.reason for letter in await dead_letters(store, most=ROWS)]
        assert set(dead) <= {"tag_failed", "damaged"}
        [lane, *_] = await store.lanes()
        assert lane.dead == len(dead)
        await store.close()
        return found

    found = run(scenario())
    assert found >= wanted
    assert len(found) > least
    assert (folder / ASIDE).read_bytes() == before
    assert (folder / ASIDE).stat().st_mode & 0o777 == 0o600
    said = [record.getMessage().split()[0] for record in caplog.records if record.levelno == logging.ERROR]
    assert said == ["store.damaged", "store.salvaged"]


@pytest.mark.parametrize("seed", range(8))
def test_no_damage_at_random_stops_a_start_or_loses_what_is_readable(
    seed: int, stopped: Path, killed: Path, tmp_path: Path
) -> None:
    chance = random.Random(seed)
    folder = copied(chance.choice((stopped, killed)), tmp_path / "data")
    for path in (folder / FILE, folder / LOG):
        for _ in range(chance.randint(1, 5) if path.exists() else 0):
            spoiled = chance.randbytes(chance.choice((1, 8, 100, 3000, 10_000)))
            overwrite(path, chance.randrange(chance.choice((100, path.stat().st_size - len(spoiled)))), spoiled)
    wanted = readable(folder, tmp_path)

    assert delivered_from(folder) >= wanted


def test_letters_lanes_guards_and_what_the_file_says_of_itself_are_salvaged(stopped: Path, tmp_path: Path) -> None:
    folder = copied(stopped, tmp_path / "data")
    tables = ("meta", "lanes", "dead", "guards", "delivery")

    def held() -> dict[str, list[object]]:
        with closing(sqlite3.connect(folder / FILE)) as connection:
            queries = {table: f"select * from {table} order by 1" for table in tables}  # noqa: S608 - constants
            return {table: connection.execute(query).fetchall() for table, query in queries.items()}

    before = held()
    assert (len(before["dead"]), len(before["guards"])) == (LETTERS, GUARDS)
    found = salvage(folder, "by hand", now=NOW)
    assert held() == before
    assert (found.waiting, found.dead, found.damaged, found.unreadable, found.pages) == (ROWS, LETTERS, 0, 0, 0)
    assert damage(folder) == ""


def test_a_delivery_whose_body_is_damaged_is_a_dead_letter_and_the_others_go_on(stopped: Path, tmp_path: Path) -> None:
    folder = copied(stopped, tmp_path / "data")
    spoil_a_body(folder)

    async def scenario() -> None:
        store = open_store(folder, now=NOW)
        assert store.notices == []
        assert len(await delivered(store)) == ROWS - 1
        assert [letter.reason for letter in await dead_letters(store, most=1)] == ["damaged"]
        await store.close()

    run(scenario())


def test_of_a_delivery_that_is_salvaged_in_part_a_dead_letter_is_left(stopped: Path, tmp_path: Path) -> None:
    folder = copied(stopped, tmp_path / "data")
    spoil_a_body(folder)
    found = salvage(folder, "by hand", now=NOW)
    assert (found.waiting, found.damaged) == (ROWS - 1, 1)


def test_a_log_that_is_cut_off_keeps_what_was_committed_before(killed: Path, tmp_path: Path) -> None:
    folder = copied(killed, tmp_path / "data")
    with (folder / LOG).open("r+b") as file:
        file.truncate((folder / LOG).stat().st_size * 6 // 10)
    wanted = readable(folder, tmp_path)
    assert len(wanted) > ROWS // 3

    assert delivered_from(folder) >= wanted


@pytest.mark.parametrize("place", ["header", "frame"])
def test_what_was_committed_behind_damage_in_the_log_is_found(place: str, killed: Path, tmp_path: Path) -> None:
    folder = copied(killed, tmp_path / "data")
    frames = (folder / LOG).stat().st_size // FRAME_BYTES
    at = 20 if place == "header" else LOG_HEADER_BYTES + frames // 3 * FRAME_BYTES + 5000
    overwrite(folder / LOG, at, b"damage")
    wanted = readable(folder, tmp_path)
    assert len(wanted) < ROWS - 100

    found = delivered_from(folder)
    assert found >= wanted
    # All but what was in that one page, which SQLite would have been silent about.
    assert len(found) > ROWS - 20
    assert (folder / f"{ASIDE}-wal").exists()


def test_half_a_last_commit_is_no_damage(killed: Path, tmp_path: Path) -> None:
    folder = copied(killed, tmp_path / "data")
    size = (folder / LOG).stat().st_size
    overwrite(folder / LOG, size - FRAME_BYTES + 500, b"damage")
    assert not read_log(folder / LOG).damaged
    assert damage(folder) == ""


def test_a_log_without_its_file_is_salvaged(killed: Path, tmp_path: Path) -> None:
    folder = copied(killed, tmp_path / "data")
    (folder / FILE).unlink()

    assert len(delivered_from(folder)) == ROWS


def test_no_delivered_row_comes_back(tmp_path: Path) -> None:
    async def scenario() -> None:
        store = open_store(tmp_path, now=NOW)
        await fill(store)
        assert len(await delivered(store)) == ROWS
        await store.accept(accepted(planned(ROWS + 1)))
        await store.close()
        assert salvage(tmp_path, "by hand", now=NOW).waiting == 1

    run(scenario())


@pytest.mark.parametrize("steps", range(4))
def test_a_crash_while_files_are_moved_loses_nothing(
    steps: int, killed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copied(killed, tmp_path / "data")
    made = folder / f"{salvaging.DONE_FOLDER}{STAMP}"
    monkeypatch.setattr(salvaging, "put_in_place", lambda folder: None)
    salvage(folder, "by hand", now=NOW)
    # As far as it may have come.
    for name in (FILE, LOG)[:steps]:
        (folder / name).rename(folder / f"{ASIDE}{name.removeprefix(FILE)}")
    if steps == 3:
        (made / FILE).rename(folder / FILE)
    put_in_place(folder)

    assert len(delivered_from(folder)) == ROWS
    assert kept_aside(folder) == [ASIDE]
    assert not made.exists()


def test_files_that_are_damaged_within_one_second_are_all_kept(stopped: Path, tmp_path: Path) -> None:
    folder = copied(stopped, tmp_path / "data")
    names = [salvage(folder, "by hand", now=NOW + passed).aside for passed in (0, 1, 2)]
    assert names == [ASIDE, f"{FILE}.corrupt-20270115T080000-2Z", f"{FILE}.corrupt-20270115T080000-3Z"]
    assert kept_aside(folder) == sorted(names)
    # The first is what was damaged, the others what was salvaged of it.
    assert (folder / ASIDE).read_bytes() == (stopped / FILE).read_bytes()
    assert len(delivered_from(folder)) == ROWS


def test_a_file_of_a_newer_version_that_is_damaged_is_refused_and_left_alone(stopped: Path, tmp_path: Path) -> None:
    folder = copied(stopped, tmp_path / "data")
    with closing(sqlite3.connect(folder / FILE)) as connection:
        connection.execute("update meta set value='99' where name='schema_version'")
        connection.commit()
    random_bytes_in_the_tree(folder)
    before = (folder / FILE).read_bytes()
    with pytest.raises(StoreRefusedError, match="version 99"):
        open_store(folder, now=NOW)
    assert (folder / FILE).read_bytes() == before
    assert not kept_aside(folder)


def test_rows_whose_lane_is_unreadable_are_kept(stopped: Path, tmp_path: Path) -> None:
    folder = copied(stopped, tmp_path / "data")
    with closing(sqlite3.connect(folder / FILE)) as connection:
        connection.execute("delete from lanes")
        connection.commit()
    assert salvage(folder, "by hand", now=NOW).waiting == ROWS

    async def scenario() -> None:
        store = open_store(folder, now=NOW)
        [lane] = await store.lanes()
        assert (lane.lane.type, lane.waiting) == ("unknown", ROWS)
        assert len(await delivered(store)) == ROWS
        await store.close()

    run(scenario())


def test_a_check_that_takes_too_long_for_the_start_goes_on_beside_the_work(stopped: Path, tmp_path: Path) -> None:
    folder = copied(stopped, tmp_path / "data")
    random_bytes_in_the_rows(folder)
    assert damage(folder, within=0) is None or damage(folder)
    said: list[str] = []
    checking = Checking(folder, said.append)
    checking._thread.join(60)
    checking.stop()
    assert len(said) == 1


def test_a_check_can_be_ended_at_any_time(stopped: Path, tmp_path: Path) -> None:
    folder = copied(stopped, tmp_path / "data")
    said: list[str] = []
    Checking(folder, said.append).stop()
    assert said == []


def test_damage_that_is_found_while_it_runs_is_said_and_mended_by_the_next_start(
    stopped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder = copied(stopped, tmp_path / "data")
    random_bytes_in_the_rows(folder)
    monkeypatch.setattr("container.delivery.opening.damage", lambda folder: None)

    async def scenario() -> list[str]:
        store = open_store(folder, now=NOW)
        checking = store._folder.checking
        assert checking is not None
        checking._thread.join(60)
        said = [*store.notices]
        await store.close()
        return said

    [notice] = run(scenario())
    assert "Restart" in notice
    assert "store.damaged" in caplog.text
    monkeypatch.undo()

    async def next_start() -> None:
        store = open_store(folder, now=NOW)
        assert kept_aside(folder) == [ASIDE]
        assert not (folder / MARK_FILE).exists()
        await store.close()

    run(next_start())


def test_damage_that_stops_the_work_refuses_hits_until_a_start_mends_it(
    stopped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copied(stopped, tmp_path / "data")
    monkeypatch.setattr("container.delivery.opening.damage", lambda folder: "")

    async def scenario() -> None:
        store = open_store(folder, now=NOW)
        random_bytes_in_the_tree(folder)
        with pytest.raises(StoreUnavailableError, match="damaged"):
            await delivered(store)
        with pytest.raises(StoreUnavailableError, match="damaged"):
            await store.accept(accepted(planned(ROWS + 1)))
        assert "damaged" in store.trouble
        await store.close()

    run(scenario())
    monkeypatch.undo()

    async def next_start() -> None:
        store = open_store(folder, now=NOW)
        assert len(await delivered(store)) == ROWS
        await store.close()

    run(next_start())


def test_numbers_that_were_given_do_not_come_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        store = open_store(tmp_path, now=NOW)
        await store.accept(accepted(planned(1), planned(2), planned(3)))
        await store.drop(Selection("waiting"))
        await store.close()
        (tmp_path / MARK_FILE).write_text("x")
        store = open_store(tmp_path, now=NOW)
        await store.accept(accepted(planned(4)))
        [row] = await store.rows(Selection("waiting"), most=9)
        assert row.number == 4
        await store.close()

    run(scenario())


def replaced(folder: Path, old: bytes, new: bytes) -> None:
    """Puts other bytes of the same length in the first place where these are."""
    path = folder / FILE
    data = path.read_bytes()
    assert len(old) == len(new)
    overwrite(path, data.index(old), new)


async def holding(folder: Path, *numbers: int) -> None:
    store = open_store(folder, now=NOW)
    await store.accept(accepted(*(planned(number) for number in numbers)))
    await store.close()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"give_up    integer", b"give_uq    integer"),
        (b"part       integer", b"pbrt       integer"),
        (b"name text primary key", b"nbme text primary key"),
        (b"rows=rows+1", b"rows=rowr+1"),
        (b"expire     integer", b"expire     intefer"),
        (b"schema_version2", b"schema_versionr"),
    ],
)
def test_a_name_that_is_spoiled_is_found_and_salvaged_by_the_start(tmp_path: Path, old: bytes, new: bytes) -> None:
    async def scenario() -> None:
        await holding(tmp_path, 1, 2)
        replaced(tmp_path, old, new)
        store = open_store(tmp_path, now=NOW)
        assert kept_aside(tmp_path) == [ASIDE]
        assert (await store.accept(accepted(planned(3)))).stored == 1
        claimed = await claim_first(store, now=NOW + HOURS)
        assert claimed is not None
        assert ids(claimed) == [1, 2, 3]
        await store.close()

    run(scenario())


@pytest.mark.parametrize("spoiled", ["replace(key, '[', '{')", "'[5, [], {}, 1, null]'", "cast(x'5b22ff225d' as text)"])
def test_a_lane_whose_name_is_spoiled_stops_neither_itself_nor_others(tmp_path: Path, spoiled: str) -> None:
    async def scenario() -> None:
        await holding(tmp_path, 1)
        with closing(sqlite3.connect(tmp_path / FILE)) as connection:
            connection.execute(f"update lanes set key={spoiled}, mode='opfn'")  # noqa: S608 - a constant
            connection.commit()
        store = open_store(tmp_path, now=NOW)
        await store.accept(accepted(planned(2)))
        found = {lane.number: (lane.lane, lane.state.mode) for lane in await store.waiting()}
        assert found[1] == (Lane("unknown", "lane 1"), "open")
        assert found[2][0].type == "tiktok_events_api"
        assert (await store.lanes())[0].lane == Lane("unknown", "lane 1")
        types = [row.account.type for row in await store.rows(Selection("waiting"), most=9)]
        assert types == [found[2][0].type, "unknown"]
        claimed = await store.claim(1, now=NOW + HOURS, most_items=9, ahead=0)
        assert claimed is not None
        assert ids(claimed) == [1]
        await store.bury(claimed, claimed.rows, "refused", note="", now=NOW)
        tended = await store.tend(now=NOW, begun=True)
        assert tended.dropped == ()
        await store.close()
        (tmp_path / MARK_FILE).write_text("x")
        store = open_store(tmp_path, now=NOW)
        with closing(sqlite3.connect(tmp_path / FILE)) as connection:
            assert connection.execute("select key from lanes where number=1").fetchall() == [
                (Lane("unknown", "lane 1").key,)
            ]
        assert await store.replay(Selection("dead"), now=NOW) == 1
        await store.close()

    run(scenario())


def test_the_worker_sends_what_a_lane_with_a_spoiled_name_holds(tmp_path: Path) -> None:
    async def scenario() -> None:
        await holding(tmp_path, 1)
        with closing(sqlite3.connect(tmp_path / FILE)) as connection:
            connection.execute("update lanes set key=replace(key, '[', '{')")
            connection.commit()
        found = bench(tmp_path)
        await found.store.accept(accepted(planned(2)))
        await found.until_idle()
        assert sorted(number for request in found.vendor.requests for number in items(request)) == [1, 2]
        await found.close()

    run(scenario())


def test_a_mark_of_a_file_that_was_moved_away_is_forgotten(tmp_path: Path) -> None:
    async def scenario() -> None:
        await holding(tmp_path, 1)
        (tmp_path / MARK_FILE).write_text("x")
        (tmp_path / FILE).rename(tmp_path / "moved")
        store = open_store(tmp_path, now=NOW)
        assert not (tmp_path / MARK_FILE).exists()
        assert (store.notices, await store.count(Selection("waiting"))) == ([], 0)
        await store.close()

    run(scenario())


def test_letters_of_version_1_have_their_size_when_they_are_salvaged(tmp_path: Path) -> None:
    async def scenario() -> None:
        (earlier(tmp_path) / MARK_FILE).write_text("x")
        store = open_store(tmp_path, now=NOW)
        with closing(sqlite3.connect(tmp_path / FILE)) as connection:
            assert connection.execute("select sum(size=length(body)), count(*) from dead").fetchall() == [(2, 2)]
        await store.close()

    run(scenario())


def test_damage_that_somebody_who_looks_at_rows_finds_is_marked(tmp_path: Path) -> None:
    def stumbles(connection: sqlite3.Connection) -> None:
        problem = sqlite3.DatabaseError("malformed")
        problem.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise problem

    async def scenario() -> None:
        store = open_store(tmp_path, now=NOW)
        with pytest.raises(StoreUnavailableError):
            await store._queue._reading.run(stumbles)
        assert (tmp_path / MARK_FILE).exists()
        assert store.figures().counters.errors["read"] == 1
        await store.close()

    run(scenario())
