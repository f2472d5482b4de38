"""What a hit is told, and what `/ready` says, while the store fills up."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from container.delivery.store import Limits
from container.web.health import fill_reason, not_ready
from tests.web.parts import Site, run, site

TEN = Limits(most_rows=10, lane_share=1.0)


def test_a_full_store_is_503_and_no_trouble_of_the_disk(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(here: Site) -> None:
        assert [(await here.ask()).status for _ in range(10)] == [204] * 10
        answer = await here.ask()
        assert (answer.status, answer.header("retry-after")) == (503, "5")
        assert here.metric("hits_unavailable_total", reason="full") == 1
        assert here.ingest.health.reasons() == []
        assert (await here.ask(target="/collect?name=quiet")).status == 204

    async def whole() -> None:
        async with site(tmp_path, store_limits=TEN) as here:
            await scenario(here)

    run(whole())
    told = [record.getMessage().split(' "')[0] for record in caplog.records if record.levelno >= logging.WARNING]
    assert told == ["store.filling percent=80", "store.filling percent=90", "store.filled"]


def test_what_matters_more_comes_in_longer(tmp_path: Path) -> None:
    async def whole() -> None:
        async with site(tmp_path, store_limits=TEN) as here:
            for _ in range(9):
                await here.ask()
            assert (await here.ask(target="/collect?name=page_view")).status == 503
            assert (await here.ask(target="/collect?name=purchase")).status == 204

    run(whole())


def test_a_hit_for_a_full_lane_is_taken_and_its_letter_told_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def whole() -> None:
        async with site(tmp_path, store_limits=Limits(most_rows=10)) as here:
            assert [(await here.ask()).status for _ in range(8)] == [204] * 8
            [report] = await here.store.lanes()
            assert (report.waiting, report.dead) == (5, 3)
            lane = str(report.lane)
            assert here.ingest.counters.dead["Hook", lane, "lane_full"] == 3
            assert here.metric("hits_accepted_total") == 8

    run(whole())
    [record] = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert record.levelname == "ERROR"
    assert record.getMessage().startswith("delivery.buried")
    assert "reason=lane_full" in record.getMessage()


@pytest.mark.parametrize(
    ("fill", "said"),
    [
        (0.8, "The store is 80 % full, and test events are refused."),
        (0.9, "The store is 90 % full, and test events and GA4's automatic events are refused."),
        (0.9999, "The store is 99 % full, and test events and GA4's automatic events are refused."),
        (1.0, "The store is full, and hits are refused."),
    ],
)
def test_how_full_the_store_is_says_what_it_refuses(fill: float, said: str) -> None:
    assert fill_reason(fill) == said


def test_a_store_that_fills_up_wants_no_traffic(tmp_path: Path) -> None:
    async def whole() -> None:
        async with site(tmp_path, store_limits=TEN) as here:
            for _ in range(7):
                await here.ask()
            assert await not_ready(here.ingest.health, here.store) == []
            await here.ask()
            assert await not_ready(here.ingest.health, here.store) == [fill_reason(0.8)]

    run(whole())
