"""What only SQLite has: the file, its lock, its key, damage, and what a crash leaves."""

from __future__ import annotations

import base64
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from container.delivery.row import Acceptance, Letter
from container.delivery.schema import FILE
from container.delivery.seal import Keyring, KeyringError, keyring
from container.delivery.sqlite import SqliteStore, open_store
from container.delivery.statements import LANE_KEPT_MS
from container.delivery.store import (
    Answer,
    LaneState,
    StoreRefusedError,
)
from tests.delivery.harness import (
    HIT,
    NOW,
    accepted,
    claim_first,
    dead_letters,
    ids,
    item_request,
    must_claim,
    planned,
    run,
)


def key() -> str:
    return base64.b64encode(os.urandom(32)).decode()


async def closed(store: SqliteStore, *acceptances: Acceptance) -> None:
    for acceptance in acceptances:
        await store.accept(acceptance)
    await store.close()


def _bytes(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


def change(folder: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(folder / FILE)) as connection:
        connection.execute(statement, values)
        connection.commit()


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    async def scenario() -> None:
        store = open_store(tmp_path, now=NOW)
        with pytest.raises(StoreRefusedError, match="another process"):
            open_store(tmp_path, now=NOW)
        await store.close()
        await open_store(tmp_path, now=NOW).close()

    run(scenario())


def test_every_file_is_its_owners_only(tmp_path: Path) -> None:
    async def scenario() -> None:
        folder = tmp_path / "data"
        store = open_store(folder, now=NOW)
        await store.accept(accepted(planned(1)))
        modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
        assert modes.keys() >= {FILE, f"{FILE}-wal", "key", "deliveries.lock"}
        assert set(modes.values()) == {0o600}
        assert folder.stat().st_mode & 0o777 == 0o700
        await store.close()

    before = os.umask(0)
    try:
        run(scenario())
    finally:
        os.umask(before)


def test_a_file_that_others_may_read_is_closed_to_them_at_the_start(tmp_path: Path) -> None:
    run(closed(open_store(tmp_path, now=NOW), accepted(planned(1))))
    (tmp_path / FILE).chmod(0o666)
    (tmp_path / "deliveries.lock").chmod(0o666)
    run(closed(open_store(tmp_path, now=NOW)))
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


@pytest.mark.skipif(os.geteuid() != 0, reason="a file of somebody else needs root to be made")
def test_a_folder_of_somebody_else_is_refused_with_what_to_do(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    folder = tmp_path / "data"
    run(closed(open_store(folder, now=NOW)))

    def as_somebody_else() -> str:
        os.seteuid(65534)
        try:
            with pytest.raises(StoreRefusedError) as refused:
                open_store(folder, now=NOW)
        finally:
            os.seteuid(0)
        return str(refused.value)

    assert "Permission denied" in as_somebody_else()
    assert "Let the user of this process read and write there" in as_somebody_else()


def test_nothing_of_a_body_is_readable_in_the_files(tmp_path: Path) -> None:
    async def scenario() -> None:
        store = open_store(tmp_path, now=NOW)
        await store.accept(accepted(planned(1, item_request(1, email="ada@example.com"))))
        files = _bytes(tmp_path)
        await store.close()
        assert b"ada@example.com" not in files
        assert b"tiktok_events_api" in files

    run(scenario())


def test_a_newer_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    run(closed(open_store(tmp_path, now=NOW)))
    change(tmp_path, "update meta set value='99' where name='schema_version'")
    with pytest.raises(StoreRefusedError, match="version 99"):
        open_store(tmp_path, now=NOW)


def test_a_file_that_is_no_database_is_moved_aside(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"no database " * 10_000)
    run(closed(open_store(tmp_path, now=NOW), accepted(planned(1))))
    [aside] = tmp_path.glob(f"{FILE}.corrupt-*")
    assert aside.read_bytes() == b"no database " * 10_000


def test_a_damaged_row_is_buried_and_the_others_go_on(tmp_path: Path) -> None:
    async def scenario() -> None:
        await closed(open_store(tmp_path, now=NOW), accepted(*map(planned, range(1, 4))))
        change(tmp_path, "update delivery set body=zeroblob(50) where number=2")
        store = open_store(tmp_path, now=NOW)
        claimed = await must_claim(store)
        assert (ids(claimed), claimed.buried) == ([1, 3], {"damaged": 1})
        [letter] = await dead_letters(store)
        assert (letter.reason, letter.tag) == ("damaged", "")
        await store.close()

    run(scenario())


def test_a_body_under_another_rows_id_is_damaged(tmp_path: Path) -> None:
    async def scenario() -> None:
        await closed(open_store(tmp_path, now=NOW), accepted(planned(1)))
        change(tmp_path, "update delivery set id='other'")
        store = open_store(tmp_path, now=NOW)
        claimed = await must_claim(store)
        assert (claimed.rows, claimed.buried) == ((), {"damaged": 1})
        await store.close()

    run(scenario())


def test_the_key_of_the_environment_is_used_and_can_be_changed(tmp_path: Path) -> None:
    async def scenario() -> None:
        old, new = key(), key()
        await closed(open_store(tmp_path, now=NOW, key=old), accepted(planned(1)))
        assert not (tmp_path / "key").exists()
        store = open_store(tmp_path, now=NOW, key=f"{new}, {old}")
        await store.accept(accepted(planned(2)))
        assert ids(await claim_first(store)) == [1, 2]
        await store.close()

    run(scenario())


def test_a_start_without_the_key_is_refused(tmp_path: Path) -> None:
    run(closed(open_store(tmp_path, now=NOW, key=key()), accepted(planned(1))))
    with pytest.raises(StoreRefusedError, match="sealed with the key"):
        open_store(tmp_path, now=NOW)
    assert not (tmp_path / "key").exists()


def test_a_key_that_only_dead_letters_need_is_told_of_at_each_start_until_it_is_back_or_they_are_gone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    old, new = key(), key()

    def started(stated: str) -> list[str]:
        caplog.clear()
        run(closed(open_store(tmp_path, now=NOW, key=stated)))
        return [line.getMessage().split(' "They')[0] for line in caplog.records if "key_missing" in line.getMessage()]

    async def dies() -> None:
        store = open_store(tmp_path, now=NOW, key=old)
        await store.accept(accepted(planned(1), planned(2)))
        claimed = await must_claim(store)
        await store.bury(claimed, claimed.rows, "refused", note="no", now=NOW)
        await store.close()

    run(dies())
    kid = Keyring([base64.b64decode(old)]).kid
    assert started(old) == []
    assert started(new) == started(new) == [f'store.key_missing key="{kid}" letters=2']
    assert started(f"{new},{old}") == []
    assert started(new) == [f'store.key_missing key="{kid}" letters=2']
    change(tmp_path, "delete from dead")
    assert started(new) == []
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        assert connection.execute("select count(*) from meta where name like 'former%'").fetchone() == (0,)


def test_a_row_whose_key_is_gone_is_buried_whole(tmp_path: Path) -> None:
    async def scenario() -> None:
        await closed(open_store(tmp_path, now=NOW), accepted(planned(1)))
        change(tmp_path, "update delivery set kid='gone'")
        store = open_store(tmp_path, now=NOW)
        assert (await must_claim(store)).buried == {"unknown_key": 1}
        await store.close()
        with closing(sqlite3.connect(tmp_path / FILE)) as connection:
            assert connection.execute("select length(body) > 100 from dead").fetchone() == (1,)

    run(scenario())


@pytest.mark.parametrize("stated", ["short", "!" * 44, base64.b64encode(b"x" * 31).decode()])
def test_a_key_that_is_none_says_how_to_make_one(tmp_path: Path, stated: str) -> None:
    with pytest.raises(StoreRefusedError, match="openssl rand"):
        open_store(tmp_path, now=NOW, key=stated)
    (tmp_path / "key").write_text(stated)
    with pytest.raises(KeyringError, match="key"):
        keyring(tmp_path)


def test_no_two_seals_are_alike_and_all_open() -> None:
    keys = Keyring([bytes(32)])
    sealed = [keys.seal("id", b"body") for _ in range(100)]
    assert len(set(sealed)) == 100
    assert {Keyring([b"x" * 32, bytes(32)]).open(keys.kid, "id", found) for found in sealed} == {b"body"}


def test_what_was_claimed_in_a_crash_waits_again_and_dies_at_the_third(tmp_path: Path) -> None:
    async def crash() -> tuple[int, int, list[list[int]]]:
        store = open_store(tmp_path, now=NOW)
        if not await store.lanes():
            await store.accept(accepted(planned(1), planned(2), planned(3)))
        found = []
        while claimed := await claim_first(store, most_items=2):
            found.append(ids(claimed))
        recovered, poisoned = store.recovered, store.poisoned
        await store.close()
        return recovered, poisoned, found

    assert run(crash()) == (0, 0, [[1, 2], [3]])
    assert run(crash()) == (3, 0, [[1], [2], [3]])
    assert run(crash()) == (3, 0, [[1], [2], [3]])
    assert run(crash()) == (0, 3, [])


def test_lanes_without_anything_in_them_are_forgotten_at_the_start(tmp_path: Path) -> None:
    async def scenario() -> None:
        store = open_store(tmp_path, now=NOW)
        for number in range(1, 5):
            await store.accept(accepted(planned(number, item_request(account=str(number)))))
        done = await must_claim(store)
        await store.settle(done, done.rows)
        held = await must_claim(store)
        await store.settle(held, held.rows)
        await store.mark(held.lane, LaneState("credential", NOW, 1), Answer(NOW, 401, "credential"))
        dead = await must_claim(store)
        await store.bury(dead, dead.rows, "refused", note="", now=NOW)
        await store.close()
        store = open_store(tmp_path, now=NOW)
        assert [lane.lane.account for lane in await store.lanes()] == ["2", "3", "4"]
        await store.close()

    run(scenario())


def test_a_hit_is_in_the_letter_only_sealed(tmp_path: Path) -> None:
    async def scenario() -> None:
        store = open_store(tmp_path, now=NOW)
        letter = Letter("l", accepted(planned(1)).rows[0].lane, "tag_failed", "", NOW, HIT.body)
        await store.accept(Acceptance(NOW, letters=[letter]))
        await store.close()
        assert HIT.body not in (tmp_path / FILE).read_bytes()

    run(scenario())


def test_a_lane_keeps_its_number_and_its_last_answer_over_restarts(tmp_path: Path) -> None:
    async def used(account: str, now: int) -> dict[str, int]:
        store = open_store(tmp_path, now=now)
        await store.accept(accepted(planned(1, item_request(account=account))))
        done = await must_claim(store)
        await store.settle(done, done.rows)
        await store.mark(done.lane, LaneState(), Answer(now, 200, "delivered"))
        found = {lane.lane.account: lane.number for lane in await store.lanes()}
        await store.close()
        return found

    later = NOW + LANE_KEPT_MS
    assert run(used("A", NOW)) == {"A": 1}
    assert run(used("B", later - 1)) == {"A": 1, "B": 2}
    assert run(used("C", later)) == {"B": 2, "C": 3}
    # Also when all are forgotten no number is given twice.
    assert run(used("D", later + LANE_KEPT_MS)) == {"C": 3, "D": 4}
