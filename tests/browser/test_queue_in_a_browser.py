"""An operator looks after dead letters by clicking, with a real browser on a real server, and sees how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from container.delivery.row import GIVE_UP_MS, Acceptance, row_of
from container.delivery.sqlite import open_store
from tests import canaries
from tests.browser.tabs import CHROMIUM, WIDE, Tab, chromium
from tests.cli.processes import serving
from tests.delivery.harness import NOW, item_request, planned

ENVIRONMENT = {"SERVED_TOKEN": "token", "TAG_CONTAINER_ADMIN_TOKEN": canaries.ADMIN_TOKEN}
LETTERS = 2000
_AT_ONCE = 500

pytestmark = [
    pytest.mark.chromium,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]


async def fill(folder: Path) -> None:
    """Dead letters of one lane, as an outage of two days leaves them behind."""
    store = open_store(folder, now=NOW)
    for first in range(1, LETTERS + 1, _AT_ONCE):
        # Their component is not there, so that what is replayed waits.
        made = (planned(n, item_request(n), type="gone") for n in range(first, first + _AT_ONCE))
        await store.accept(
            Acceptance(NOW, [row_of(each, now=NOW, linger=0, give_up_after=GIVE_UP_MS) for each in made])
        )
        claimed = await store.claim(1, now=NOW, most_items=_AT_ONCE, ahead=0)
        assert claimed is not None
        await store.bury(claimed, claimed.rows, "gave_up", note="no answer in time", now=NOW)
    await store.close()


@asynccontextmanager
async def lane_page(folder: Path, *, scripts: bool = True) -> AsyncIterator[Tab]:
    """A browser that shows the lane's dead letters, opened with the token as a password."""
    await fill(folder / "data")
    with serving(folder, environment=ENVIRONMENT) as served:
        async with chromium(scripts=scripts) as tab:
            await tab.size(WIDE)
            await tab.open(served.admin.replace("://", f"://operator:{canaries.ADMIN_TOKEN}@"))
            await tab.click("a.bad")
            await tab.until("location.pathname === '/lanes/1' && document.readyState === 'complete'")
            yield tab


async def ended(tab: Tab) -> str:
    """What a job's page says once it has ended."""
    await tab.until("location.pathname.startsWith('/jobs/') && document.querySelector('ul.result') !== null")
    return str(await tab.value("document.querySelector('main').innerText"))


def test_a_letter_is_replayed_by_clicking_and_its_progress_ends(tmp_path: Path) -> None:
    async def work() -> None:
        async with lane_page(tmp_path) as tab:
            assert await tab.value("document.querySelector('button[value=replay]').disabled")
            await tab.click("tbody input[name=row]")
            assert await tab.value("document.querySelector('button[value=replay]').textContent") == "Replay 1"
            await tab.click("button[value=replay]")
            said = await ended(tab)
            assert "1 waiting again" in said
            assert "1 of 1 rows" in said
            await tab.click("main p:last-of-type a")
            await tab.until("location.pathname === '/lanes/1' && document.readyState === 'complete'")
            assert f"Dead letters {LETTERS - 1:,}" in await tab.value("document.querySelector('nav.tabs').innerText")
            assert tab.said == []

    asyncio.run(work())


def test_a_lane_is_replayed_with_a_progress_bar_that_moves_to_its_end(tmp_path: Path) -> None:
    async def work() -> None:
        async with lane_page(tmp_path) as tab:
            await tab.click("button[value=replay-all]")
            said = await ended(tab)
            assert f"{LETTERS:,} waiting again" in said
            assert await tab.value("(bar => bar.value === bar.max)(document.querySelector('progress'))")
            assert tab.said == []

    asyncio.run(work())


def test_all_that_are_shown_are_selected_at_once_and_dropped_after_a_question(tmp_path: Path) -> None:
    async def work() -> None:
        async with lane_page(tmp_path) as tab:
            await tab.click(".pick-all input")
            assert await tab.value("document.querySelector('button[value=drop]').textContent") == "Drop 50…"
            await tab.click("button[value=drop]")
            await tab.until("document.querySelector('h2')?.textContent === 'Drop 50 dead letters?'")
            await tab.click("button.solid")
            assert "50 dropped" in await ended(tab)
            assert tab.said == []

    asyncio.run(work())


def test_everything_works_without_scripts(tmp_path: Path) -> None:
    async def work() -> None:
        async with lane_page(tmp_path, scripts=False) as tab:
            await tab.click("tbody input[name=row]")
            await tab.click("button[value=replay]")
            assert "1 waiting again" in await ended(tab)
            assert tab.said == []

    asyncio.run(work())
