"""What the forms of the queue's pages do, and that nothing else does it."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from html import unescape
from pathlib import Path
from typing import TypeVar

import httpx
import pytest

from container.delivery.progress import Progress
from container.delivery.store import LaneReport, LaneState
from container.web.access import FORM_SECONDS, form_token
from tests import canaries
from tests.web.markup import Skeleton
from tests.web.parts import NOW, run
from tests.web.queue_parts import THEN, TOKEN, Desk, desk, planned

T = TypeVar("T")
FORMS = ["/lanes/1/pause", "/lanes/1/resume", "/lanes/1/act", "/rows/dead/1/whole"]


def at(folder: Path, work: Callable[[Desk], Awaitable[T]]) -> T:
    async def opened() -> T:
        async with desk(folder) as here:
            return await work(here)

    return run(opened())


def rows_on(page: str) -> list[str]:
    """What the boxes of a lane's page stand for."""
    return re.findall(r'name="row" value="([^"]+)"', page)


def fields_of(page: str) -> dict[str, str | Sequence[str]]:
    """The hidden fields of a page's last form, as a browser would send them."""
    form = page[page.rindex("<form") :]
    found: dict[str, str | Sequence[str]] = {}
    for name, value in re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form):
        found[name] = [*found.get(name, []), unescape(value)] if name == "row" else unescape(value)
    return found


async def never_done(progress: Progress) -> None:
    progress.total, progress.done = 5000, 1234
    await asyncio.Event().wait()


def test_a_lane_is_paused_and_resumed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def work(here: Desk) -> tuple[httpx.Response, bool, httpx.Response, bool]:
        await here.wait(planned())
        paused = await here.post("/lanes/1/pause", {"back": "lanes"})
        while_paused = (await here.lane()).paused
        return paused, while_paused, await here.post("/lanes/1/resume"), (await here.lane()).paused

    with caplog.at_level(logging.INFO, "container.web"):
        paused, while_paused, resumed, afterwards = at(tmp_path, work)
    assert (while_paused, afterwards) == (True, False)
    assert (paused.status_code, str(paused.url.join(paused.headers["location"]).path)) == (303, "/")
    assert (resumed.status_code, str(resumed.url.join(resumed.headers["location"]).path)) == (303, "/lanes/1")
    assert [record.getMessage() for record in caplog.records] == [
        "queue.paused lane=1 by=page",
        "queue.resumed lane=1 by=page",
    ]


def test_a_lane_that_fails_is_tried_at_once_when_asked(tmp_path: Path) -> None:
    async def work(here: Desk) -> tuple[str, httpx.Response, LaneReport]:
        await here.wait(planned())
        await here.here.store.mark(1, LaneState("open", THEN + 10**12, 3))
        return await here.page("/lanes/1"), await here.post("/lanes/1/resume"), await here.lane()

    page, answer, lane = at(tmp_path, work)
    assert ">Try now</button>" in page
    assert answer.status_code == 303
    assert lane.state.failures == 3
    assert lane.state.not_before < THEN + 10**12


def test_a_selection_is_replayed_and_the_result_is_told(tmp_path: Path) -> None:
    async def work(here: Desk) -> tuple[str, int, int]:
        await here.bury(*(planned(number) for number in range(1, 6)))
        rows = rows_on(await here.page("/lanes/1"))
        told = await here.followed(
            await here.post("/lanes/1/act", {"place": "dead", "act": "replay", "row": rows[1:3]})
        )
        lane = await here.lane()
        return told, lane.waiting, lane.dead

    told, waiting, dead = at(tmp_path, work)
    assert (waiting, dead) == (2, 3)
    text = Skeleton(told).text
    assert "Replay, job 1 done" in text
    assert "2 of 2 rows" in text
    assert "2 waiting again" in text
    assert 'href="../lanes/1?place=dead">Back to lane 1' in told


def test_a_replay_of_the_lane_leaves_what_died_since_the_page_was_shown(tmp_path: Path) -> None:
    async def work(here: Desk) -> tuple[int, int]:
        await here.bury(*(planned(number) for number in range(1, 4)))
        fields = fields_of(await here.page("/lanes/1"))
        await here.bury(planned(9))
        await here.followed(await here.post("/lanes/1/act", {**fields, "act": "replay-all"}))
        lane = await here.lane()
        return lane.waiting, lane.dead

    assert at(tmp_path, work) == (3, 1)


def test_a_replay_of_a_reason_leaves_the_others(tmp_path: Path) -> None:
    async def work(here: Desk) -> tuple[int, dict[str, int]]:
        await here.bury(planned(1), planned(2))
        await here.bury(planned(3), reason="gave_up")
        fields = fields_of(await here.page("/lanes/1?reason=refused"))
        await here.followed(await here.post("/lanes/1/act", {**fields, "act": "replay-all"}))
        return (await here.lane()).waiting, dict(await here.here.store.reasons(1))

    assert at(tmp_path, work) == (2, {"gave_up": 1})


def test_what_a_replay_leaves_is_told_with_its_reason(tmp_path: Path) -> None:
    async def work(here: Desk) -> str:
        await here.here.ask(target="/collect?name=raise_in_tag")
        [row] = rows_on(await here.page("/lanes/1"))
        return await here.followed(await here.post("/lanes/1/act", {"place": "dead", "act": "replay", "row": row}))

    assert "1 stays as it is: the tag failed again" in Skeleton(at(tmp_path, work)).text


def test_dropping_asks_once_more_and_says_how_many(tmp_path: Path) -> None:
    async def work(here: Desk) -> tuple[str, int, str, int]:
        await here.bury(*(planned(number) for number in range(1, 6)))
        rows = rows_on(await here.page("/lanes/1"))
        asked = await here.post("/lanes/1/act", {"place": "dead", "act": "drop", "row": rows[:2]})
        before = (await here.lane()).dead
        told = await here.followed(await here.post("/lanes/1/act", fields_of(asked.text)))
        return asked.text, before, told, (await here.lane()).dead

    asked, before, told, after = at(tmp_path, work)
    assert "Drop 2 dead letters?" in asked
    assert "<br>Tag: Hook</p>" in asked
    assert "deleted for ever" in asked
    assert (before, after) == (5, 3)
    assert "2 dropped" in Skeleton(told).text


@pytest.mark.parametrize("place", ["dead", "waiting"])
def test_a_whole_place_of_a_lane_is_dropped(tmp_path: Path, place: str) -> None:
    async def work(here: Desk) -> tuple[str, int, int]:
        await here.bury(*(planned(number) for number in range(1, 4)))
        await here.wait(planned(7))
        fields = fields_of(await here.page(f"/lanes/1?place={place}"))
        asked = await here.post("/lanes/1/act", {**fields, "act": "drop-all"})
        await here.followed(await here.post("/lanes/1/act", fields_of(asked.text)))
        lane = await here.lane()
        return asked.text, lane.waiting, lane.dead

    asked, waiting, dead = at(tmp_path, work)
    assert (waiting, dead) == ((1, 0) if place == "dead" else (0, 3))
    assert ("Drop 3 dead letters?" if place == "dead" else "Drop 1 delivery that waits?") in asked


def test_who_names_a_row_that_is_gone_means_no_other(tmp_path: Path) -> None:
    async def work(here: Desk) -> tuple[int, int, list[int], list[int]]:
        await here.bury(planned(1))
        page = await here.page("/lanes/1")
        before = await here.dead()
        fields = {"place": "dead", "act": "drop", "row": rows_on(page), "confirmed": "yes"}
        await here.followed(await here.post("/lanes/1/act", fields))
        await here.bury(planned(2))
        asked = await here.post("/lanes/1/act", {**fields, "confirmed": ""})
        shown = await here.post(f"/rows/dead/{before[0]}/whole", {"id": f"{1:032x}"})
        return asked.status_code, shown.status_code, before, await here.dead()

    asked, shown, before, after = at(tmp_path, work)
    assert after == [before[0] + 1]
    assert (asked, shown) == (400, 404)


def test_to_show_a_row_whole_is_logged_and_shows_the_person(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def work(here: Desk) -> tuple[httpx.Response, str]:
        await here.bury(planned())
        [number] = await here.dead()
        page = f"/rows/dead/{number}"
        return await here.post(f"{page}/whole", fields_of(await here.page(page))), await here.page(page)

    with caplog.at_level(logging.INFO, "container.web"):
        whole, masked = at(tmp_path, work)
    assert canaries.EMAIL in Skeleton(whole.text).text
    assert "Mask it again" in whole.text
    assert whole.headers["cache-control"] == "no-store"
    assert canaries.EMAIL not in masked
    assert [record.getMessage() for record in caplog.records] == ["queue.shown number=1 place=dead by=page"]


def test_a_hit_is_shown_whole_on_demand(tmp_path: Path) -> None:
    async def work(here: Desk) -> tuple[str, str]:
        await here.here.ask(target=f"/collect?name=raise_in_tag&{canaries.QUERY}")
        [number] = await here.dead()
        masked = await here.page(f"/rows/dead/{number}")
        whole = await here.post(f"/rows/dead/{number}/whole", fields_of(masked))
        return masked, whole.text

    masked, whole = at(tmp_path, work)
    assert canaries.COOKIE in Skeleton(whole).text
    assert canaries.COOKIE not in masked


def test_nothing_is_shown_whole_by_an_address(tmp_path: Path) -> None:
    async def work(here: Desk) -> tuple[int, str]:
        await here.bury(planned())
        return (await here.get("/rows/dead/1/whole")).status_code, await here.page("/rows/dead/1?whole=1")

    status, page = at(tmp_path, work)
    assert status == 405
    assert canaries.EMAIL not in page


def test_one_job_runs_at_a_time(tmp_path: Path) -> None:
    async def work(here: Desk) -> tuple[httpx.Response, str, str]:
        await here.bury(planned())
        job = here.admin.jobs.begin("replay", never_done)
        await asyncio.sleep(0)
        row = rows_on(await here.page("/lanes/1"))
        refused = await here.post("/lanes/1/act", {"place": "dead", "act": "replay", "row": row})
        return refused, await here.page(f"/jobs/{job.number}"), await here.page("/")

    refused, running, overview = at(tmp_path, work)
    assert refused.status_code == 409
    assert 'href="../../jobs/1"' in refused.text
    assert '<progress max="5000" value="1234"' in running
    assert 'data-job="../api/queue/jobs/1"' in running
    assert '<noscript><meta http-equiv="refresh" content="1"></noscript>' in running
    assert "1,234 of 5,000 rows" in overview


def test_a_job_that_fails_says_why(tmp_path: Path) -> None:
    async def work(here: Desk) -> str:
        await here.bury(planned())
        row = rows_on(await here.page("/lanes/1"))
        answer = await here.post("/lanes/1/act", {"place": "dead", "act": "replay", "row": row})
        await here.here.store.close()
        return await here.followed(answer)

    page = at(tmp_path, work)
    assert "failed</b>" in page
    assert "The store is closed." in page


@pytest.mark.parametrize(
    "fields",
    [
        {"act": "replay"},
        {"act": "drop", "row": ["x", "1", ".", "0.ab", f"{'9' * 30}.ab"]},
        {"act": "replay-all"},
        {"act": "drop-all", "up_to": "-1", "confirmed": "yes"},
        {"act": "explode", "row": "1.00000000000000000000000000000001"},
        {"act": "", "row": "1.00000000000000000000000000000001"},
        {"act": "replay-some", "up_to": "9"},
        {"row": "1.00000000000000000000000000000001"},
    ],
)
def test_a_form_that_names_nothing_does_nothing(tmp_path: Path, fields: dict[str, str | Sequence[str]]) -> None:
    async def work(here: Desk) -> tuple[int, int]:
        await here.bury(planned())
        answer = await here.post("/lanes/1/act", {"place": "dead", **fields})
        assert "<h2>Nothing was done</h2>" in answer.text
        return answer.status_code, (await here.lane()).dead

    assert at(tmp_path, work) == (400, 1)


def test_rows_of_another_lane_are_not_touched(tmp_path: Path) -> None:
    async def work(here: Desk) -> int:
        await here.bury(planned())
        await here.here.ask(target="/collect?name=raise_in_tag")
        row = rows_on(await here.page("/lanes/1"))
        fields = {"place": "dead", "act": "drop", "row": row, "confirmed": "yes"}
        await here.followed(await here.post("/lanes/2/act", fields))
        return sum(lane.dead for lane in await here.here.store.lanes())

    assert at(tmp_path, work) == 2


@pytest.mark.parametrize("path", FORMS)
def test_nothing_is_done_by_get(tmp_path: Path, path: str) -> None:
    async def work(here: Desk) -> int:
        await here.bury(planned())
        return (await here.get(path)).status_code

    assert at(tmp_path, work) == 405


@pytest.mark.parametrize("path", FORMS)
@pytest.mark.parametrize(
    ("status", "headers", "token"),
    [
        (401, {"authorization": "Bearer wrong"}, form_token(TOKEN, NOW)),
        (403, {}, ""),
        (403, {}, "0" * 64),
        (403, {}, form_token("another-token-of-some-length", NOW)),
        (403, {}, form_token(TOKEN, NOW - 3 * FORM_SECONDS)),
        (403, {"sec-fetch-site": "cross-site"}, form_token(TOKEN, NOW)),
        (403, {"sec-fetch-site": "same-site"}, form_token(TOKEN, NOW)),
        (400, {"content-type": "text/plain"}, form_token(TOKEN, NOW)),
    ],
)
def test_no_form_from_elsewhere_does_anything(
    tmp_path: Path, path: str, status: int, headers: dict[str, str], token: str
) -> None:
    async def work(here: Desk) -> tuple[int, bool, int, str]:
        await here.bury(planned())
        row = rows_on(await here.page("/lanes/1"))
        fields = {"token": token, "act": "drop", "confirmed": "yes", "row": row, "id": f"{1:032x}"}
        answer = await here.caller.post(path, data=fields, headers=headers)
        lane = await here.lane()
        return answer.status_code, lane.paused, lane.dead, answer.text

    found, paused, dead, said = at(tmp_path, work)
    assert (found, paused, dead) == (status, False, 1)
    assert canaries.EMAIL not in said


@pytest.mark.parametrize("path", ["/lanes/7/pause", "/lanes/x/resume", "/lanes/7/act", "/rows/dead/7/whole"])
def test_a_form_about_what_is_not_there_says_so(tmp_path: Path, path: str) -> None:
    async def work(here: Desk) -> tuple[int, str]:
        answer = await here.post(path, {"id": "x"})
        return answer.status_code, answer.text

    status, page = at(tmp_path, work)
    assert status == 404
    assert "There is no such" in page
