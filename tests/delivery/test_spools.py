"""Which spools of a folder hold hits; nobody forgets a person meanwhile, since what is in them comes later."""

from __future__ import annotations

from pathlib import Path

import pytest

from container.delivery.forget import forget
from container.delivery.person import person
from container.delivery.progress import Progress
from container.delivery.schema import FILE
from container.delivery.selection import Selection
from container.delivery.spools import holding
from container.delivery.sqlite import SqliteStore, open_store
from container.delivery.store import StoreUnavailableError
from tests.delivery.harness import NOW, accepted, must_claim, planned, run


async def opened(folder: Path, name: str, *numbers: int) -> SqliteStore:
    store = open_store(folder / name, now=NOW)
    for number in numbers:
        await store.accept(accepted(planned(number)))
    return store


def test_they_are_found_while_a_process_works_with_them_and_when_none_does(tmp_path: Path) -> None:
    async def whole() -> None:
        for left in (await opened(tmp_path, "1", 1), await opened(tmp_path, "2")):
            await left.close()
        working, idle, dead = (
            await opened(tmp_path, "3", 2),
            await opened(tmp_path, "4"),
            await opened(tmp_path, "5", 3),
        )
        claimed = await must_claim(dead)
        await dead.bury(claimed, claimed.rows, "refused", note="", now=NOW)
        assert [each.name for each in holding(tmp_path)] == ["1", "3", "5"]
        await working.drop(Selection("waiting"))
        assert [each.name for each in holding(tmp_path)] == ["1", "5"]
        for store in (working, idle, dead):
            await store.close()

    run(whole())


def test_one_that_cannot_be_read_counts_as_one_that_holds_something(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / FILE).write_bytes(b"no file of ours" * 100)
    (tmp_path / "2").mkdir()
    (tmp_path / "note").write_text("no folder", encoding="ascii")
    assert holding(tmp_path) == [tmp_path / "1"]
    assert holding(tmp_path / "absent") == []
    assert holding(tmp_path / "note") == [tmp_path / "note"]


@pytest.mark.parametrize("dry_run", [False, True])
def test_nobody_forgets_a_person_while_one_holds_hits(tmp_path: Path, dry_run: bool) -> None:
    async def whole() -> None:
        store = await opened(tmp_path, "database", 1)
        other = await opened(tmp_path / "spool", "2", 2)
        somebody, progress = person(email="ada@shop.example"), Progress()
        with pytest.raises(StoreUnavailableError, match=r"wait in the spool .*spool/2.* do this again"):
            await forget(store, somebody, progress, tags={}, spools=tmp_path / "spool", dry_run=dry_run)
        assert progress.changed == {}
        await other.drop(Selection("waiting"))
        await forget(store, somebody, progress, tags={}, spools=tmp_path / "spool", dry_run=dry_run)
        assert progress.changed["waiting"] == 0
        await other.close()
        await store.close()

    run(whole())
