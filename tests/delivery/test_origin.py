"""What a letter remembers of its row: where that is missing or broken, it is neither in the way nor believed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from container.delivery import exporting, rerun
from container.delivery.disk import MARK_FILE
from container.delivery.progress import Progress
from container.delivery.selection import Selection
from container.delivery.sqlite import open_store
from container.delivery.store import Store
from tests.delivery.engines import Engine
from tests.delivery.harness import HOURS, LATER, NOW, accepted, must_claim, planned, run

DEAD = Selection("dead")


async def buried(store: Store, *numbers: int) -> None:
    await store.accept(accepted(*(planned(number) for number in numbers)))
    claimed = await must_claim(store)
    await store.bury(claimed, claimed.rows, "refused", note="", now=NOW)


async def exported(store: Store) -> Mapping[str, Any]:
    [line] = await store.export(DEAD, after=0)
    return line.line


async def remembering(engine: Engine, store: Store, origin: str) -> None:
    """All letters remember this of their rows."""
    await engine.alter(store, "update dead set origin=?", origin)


def test_a_letter_of_an_older_version_that_was_too_old_stays_dead(engine: Engine) -> None:
    async def scenario() -> None:
        store = await engine.open()
        await store.accept(accepted(planned(1)._replace(max_age_hours=1)))
        [lane] = await store.waiting()
        claimed = await store.claim(lane.number, now=NOW + 2 * HOURS, most_items=9, ahead=0)
        assert claimed is not None
        assert claimed.buried == {"too_old": 1}
        await remembering(engine, store, "")
        assert await store.replay(DEAD, now=LATER) == 0
        progress = Progress()
        await rerun.replay(store, DEAD, progress, container=None, clock=lambda: LATER)
        assert (progress.changed, progress.kept) == ({}, {rerun.TOO_OLD: 1})
        await store.close()

    run(scenario())


BROKEN_ORIGINS = (
    '{"batch": "00", "pa',
    '{"expire": null}',
    "[1, 2]",
    '{"batch": "0", "part": 0, "size": 1, "most_items": 1, "most_bytes": 1, "expire": 1, "give_up": 1, "priority": 0}',
    '{"batch": "", "part": "", "size": 1, "most_items": 1, "most_bytes": 1, "expire": 1, "give_up": 1, "priority": 0}',
    '{"batch": "", "part": 0, "size": 1, "most_items": 1, "most_bytes": 1, "expire": "x", "give_up": 1, "priority": 0}',
)


@pytest.mark.parametrize("origin", BROKEN_ORIGINS)
def test_a_letter_whose_origin_is_broken_is_shown_and_replayed_from_its_body(engine: Engine, origin: str) -> None:
    async def scenario() -> None:
        store = await engine.open()
        await buried(store, 1, 2)
        await remembering(engine, store, origin)
        [_, letter] = await store.rows(DEAD, most=9)
        assert await store.row("dead", letter.number) is not None
        progress = Progress()
        await rerun.replay(store, Selection("dead", up_to=letter.number), progress, container=None, clock=lambda: NOW)
        # A number that can be read still says how old it may get.
        stays = '"expire": 1' in origin
        assert (progress.changed, progress.kept) == (
            ({}, {rerun.TOO_OLD: 1}) if stays else ({rerun.WAITING_AGAIN: 1}, {})
        )
        await store.close()

    run(scenario())


@pytest.mark.parametrize("origin", BROKEN_ORIGINS)
def test_a_broken_origin_is_neither_exported_nor_imported(engine: Engine, origin: str) -> None:
    async def scenario() -> None:
        store = await engine.open()
        await buried(store, 1)
        await remembering(engine, store, origin)
        line = await exported(store)
        assert line["row"]["origin"] == ""
        row = {**line["row"], "origin": origin, "id": "f" * 32}
        changed = {**line, "row": row, "checksum": exporting.checksum("dead", line["lane"], row, line["body"])}
        assert (await store.import_rows([changed], now=NOW)).damaged == 1
        await store.close()

    run(scenario())


@pytest.mark.parametrize("origin", BROKEN_ORIGINS)
def test_a_broken_origin_is_not_salvaged(tmp_path: Path, origin: str) -> None:
    async def scenario() -> None:
        store = open_store(tmp_path, now=NOW)
        await buried(store, 1)
        await store._writer.run(lambda connection: connection.execute("update dead set origin=?", (origin,)))
        await store.close()
        (tmp_path / MARK_FILE).write_text("x")
        store = open_store(tmp_path, now=NOW)
        [found] = await store._reading.run(lambda connection: connection.execute("select origin from dead").fetchall())
        assert found == ("",)
        await store.close()

    run(scenario())
