"""A file that an earlier version wrote is read, and loses nothing on the way."""

from __future__ import annotations

import gzip
import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from container.delivery.schema import FILE
from container.delivery.seal import KEY_FILE
from container.delivery.selection import Selection
from container.delivery.sqlite import open_store
from container.delivery.store import StoreRefusedError
from container.delivery.tables import SCHEMA_VERSION
from tests.delivery.harness import NOW, accepted, dead_letters, ids, must_claim, planned, run

FIXTURES = Path(__file__).parent / "fixtures"
LATER = NOW + 60_000


def earlier(folder: Path) -> Path:
    """A data folder as version 1 of the tables left it: 1 postponed, 2 refused, 3, 4, 6 and 7 waiting, 5 claimed."""
    (folder / FILE).write_bytes(gzip.decompress((FIXTURES / "version_1" / "deliveries.db.gz").read_bytes()))
    shutil.copy(FIXTURES / "version_1" / "key", folder / KEY_FILE)
    return folder


def rows(folder: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(folder / FILE)) as connection:
        return connection.execute(query).fetchall()


def test_every_row_of_version_1_is_delivered_or_a_letter_as_before(tmp_path: Path) -> None:
    async def scenario() -> None:
        store = open_store(earlier(tmp_path), now=NOW)
        found = set()
        while await store.waiting():
            claimed = await must_claim(store, LATER)
            found |= set(ids(claimed))
            assert await store.settle(claimed, claimed.rows) == len(claimed.rows)
        assert found == {1, 3, 4, 5, 6, 7}
        letters = {(letter.reason, letter.tag, letter.holds) for letter in await dead_letters(store)}
        assert letters == {("refused", "TikTok - events", "request"), ("tag_failed", "Broken", "hit")}
        await store.close()

    run(scenario())


def test_the_lanes_of_version_1_are_counted(tmp_path: Path) -> None:
    run(open_store(earlier(tmp_path), now=NOW).close())
    query = (
        "select rows-(select count(*) from delivery where lane=lanes.number), "
        "bytes-(select coalesce(sum(length(body)), 0) from delivery where lane=lanes.number), "
        "dead-(select count(*) from dead where lane=lanes.number), "
        "dead_bytes-(select coalesce(sum(length(body)), 0) from dead where lane=lanes.number) from lanes"
    )
    assert set(rows(tmp_path, query)) == {(0, 0, 0, 0)}
    assert rows(tmp_path, "select sum(rows), sum(dead) from lanes") == [(6, 2)]


def test_no_number_of_version_1_comes_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        store = open_store(earlier(tmp_path), now=NOW)
        [(newest,)] = rows(tmp_path, "select max(number) from delivery")
        await store.drop(Selection("waiting"))
        await store.accept(accepted(planned(9)))
        assert rows(tmp_path, "select number from delivery") == [(int(str(newest)) + 1,)]
        await store.close()

    run(scenario())


def test_the_guards_of_version_1_hold(tmp_path: Path) -> None:
    async def scenario() -> None:
        store = open_store(earlier(tmp_path), now=NOW)
        [(key, until)] = rows(tmp_path, "select key, until from guards")
        assert (key, until) == (b"k" * 16, NOW + 172_800_000)
        await store.close()

    run(scenario())


def test_a_migrated_file_has_the_tables_of_a_new_one(tmp_path: Path) -> None:
    def shape(folder: Path) -> dict[str, set[tuple[object, ...]]]:
        names = [str(name) for (name,) in rows(folder, "select name from sqlite_schema where type='table'")]
        query = "select name, type, \"notnull\", dflt_value, pk from pragma_table_info('{}')"
        columns = {name: set(rows(folder, query.format(name))) for name in names}
        others = rows(folder, "select name, sql from sqlite_schema where type!='table' and sql is not null")
        return {**columns, "others": set(others)}

    new, old = tmp_path / "new", tmp_path / "old"
    old.mkdir()
    run(open_store(new, now=NOW).close())
    run(open_store(earlier(old), now=NOW).close())
    assert shape(new) == shape(old)
    assert rows(old, "select value from meta where name='schema_version'") == [(str(SCHEMA_VERSION),)]


def test_what_is_buried_says_all_that_it_needs_to_wait_again(tmp_path: Path) -> None:
    columns = "part, size, most_items, most_bytes, expire, give_up, priority"

    async def scenario() -> None:
        store = open_store(tmp_path, now=NOW)
        await store.accept(accepted(planned(1), now=NOW))
        before = rows(tmp_path, f"select lower(hex(batch)), {columns} from delivery")  # noqa: S608 - a constant
        claimed = await must_claim(store)
        await store.bury(claimed, claimed.rows, "refused", note="", now=NOW)
        [(origin,)] = rows(tmp_path, "select origin from dead")
        found = json.loads(str(origin))
        assert [tuple(found[name] for name in ("batch", *columns.split(", ")))] == before
        await store.close()

    run(scenario())


def test_a_letter_of_version_1_has_no_origin(tmp_path: Path) -> None:
    run(open_store(earlier(tmp_path), now=NOW).close())
    assert rows(tmp_path, "select distinct origin, history from dead") == [("", "")]


def test_a_file_of_a_newer_version_stays_as_it_is(tmp_path: Path) -> None:
    run(open_store(tmp_path, now=NOW).close())
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        connection.execute("update meta set value='3' where name='schema_version'")
        connection.commit()
    with pytest.raises(StoreRefusedError, match="version 3 of the tables"):
        open_store(tmp_path, now=NOW)
    assert rows(tmp_path, "select value from meta where name='schema_version'") == [("3",)]


def test_a_migration_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    folder = earlier(tmp_path)
    with closing(sqlite3.connect(folder / FILE)) as connection:
        # After some of the tables were changed a name is taken that is needed.
        connection.execute("create table delivery_1(number)")
        connection.commit()
    before = rows(folder, "select * from lanes"), rows(folder, "select number, id, crc from delivery")
    with pytest.raises(StoreRefusedError):
        open_store(folder, now=NOW)
    assert (rows(folder, "select * from lanes"), rows(folder, "select number, id, crc from delivery")) == before
    assert rows(folder, "select value from meta where name='schema_version'") == [("1",)]
    assert rows(folder, "select name from sqlite_schema where type='trigger'") == []
