"""What the log says of a store that fills up."""

from __future__ import annotations

from pathlib import Path

import pytest

from container.delivery.filling import Filling
from container.delivery.selection import Selection
from container.delivery.sqlite import SqliteStore, open_store
from container.delivery.store import Limits, StoreFilledError
from tests.delivery.harness import NOW, accepted, planned, play_in, run

WIDE = Limits(most_rows=10, lane_share=1.0)


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    found = [record.getMessage().split(' "')[0] for record in caplog.records if "store." in record.getMessage()]
    caplog.clear()
    return found


def test_each_mark_is_told_of_once_and_again_only_when_it_was_over(caplog: pytest.LogCaptureFixture) -> None:
    filling = Filling()
    for fill in (0.5, 0.79, 0.8, 0.85, 0.79, 0.81, 0.92, 0.85, 0.91, 1.0, 0.99, 1.0):
        filling.look(fill)
    assert told(caplog) == ["store.filling percent=80", "store.filling percent=92", "store.filled"]
    for fill in (0.76, 0.74, 0.1, 0.8):
        filling.look(fill)
    assert told(caplog) == ["store.has_room percent=74", "store.filling percent=80"]


def test_a_store_tells_when_hits_and_deliveries_change_it_and_at_a_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def fill_and_drain(store: SqliteStore) -> None:
        await store.accept(accepted(*map(planned, range(1, 9))))
        assert told(caplog) == ["store.filling percent=80"]
        await store.accept(accepted(planned(9), planned(10)))
        assert told(caplog) == ["store.filled"]
        with pytest.raises(StoreFilledError):
            await store.accept(accepted(planned(11)))
        assert told(caplog) == []

    async def drain(store: SqliteStore) -> None:
        assert told(caplog) == ["store.filled"]
        await store.drop(Selection("waiting"))
        assert told(caplog) == ["store.has_room percent=0"]

    play_in(tmp_path, WIDE, fill_and_drain)
    run(open_store(tmp_path, now=NOW, limits=WIDE, recover=False).close())
    assert told(caplog) == []
    play_in(tmp_path, WIDE, drain)
