"""Whatever stands in a field stays text: a page has the same elements with each payload as with plain words."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from container.api import Request
from container.delivery.row import Acceptance, acceptance, row_of
from container.delivery.store import Answer, LaneState
from container.effects import Reply
from container.engine.outcome import Failure, Outcome, Planned
from container.event import Hit
from container.web.current import Refusal
from container.web.jobs import Job
from tests.web.markup import Skeleton, payloads
from tests.web.parts import run
from tests.web.queue_parts import THEN, Desk, desk

PAYLOADS = list(payloads())
PLAIN = "plain"
"""A value with nothing in it that a page could take for more than text."""

Pages = Mapping[str, list[Skeleton]]
"""By kind of page, one for each value that stood in its fields."""


def test_there_are_three_hundred_payloads_each_another() -> None:
    assert len(set(PAYLOADS)) == 300


def made(number: int, value: str) -> Planned:
    """A delivery with the value in every field that a tag, a container file or a hit can fill."""
    headers = {"X-Value": value, "Content-Type": "application/json"}
    address = f"https://hook.example/in/{value}?{value}={value}"
    body = {value: value, "event": value, "list": [value]}
    request = Request("POST", address, headers=headers, json=body, account=value, test_code=value)
    return Planned(f"{number:032x}", value, f"{number} {value}", 1, request, value, THEN)


def failed(number: int, value: str) -> Acceptance:
    """A letter of a tag that raised, on a hit that is full of the value."""
    hit = Hit(number.to_bytes(16, "big"), THEN, "POST", f"/{value}", value, {value: value}, value.encode(), ip=value)
    failure = Failure(tag=value, type=f"{number} {value}", event_name=value, event_index=0, reason=value)
    return acceptance(Outcome(hit, value, Reply(), failures=[failure]), now=THEN)


async def fill(here: Desk, values: Sequence[str]) -> None:
    """For each value a lane of which the vendor said it, with a letter; and another letter that holds a hit."""
    store = here.here.store
    await store.accept(Acceptance(THEN, [row_of(made(each, value), now=THEN) for each, value in enumerate(values, 1)]))
    lanes = [store.claim(number, now=THEN, most_items=1, ahead=0) for number in range(1, len(values) + 1)]
    for claimed, value in zip(await asyncio.gather(*lanes), values, strict=True):
        assert claimed is not None
        # A verdict is a word of ours, and never breaks the line.
        answer = Answer(THEN, 400, " ".join(value.split()), value)
        held = LaneState("credential", THEN, 1)
        bury = store.bury(claimed, claimed.rows, "refused", note=value, now=THEN, tried=answer)
        await asyncio.gather(bury, store.mark(claimed.lane, held, answer))
    letters = [failed(number, value).letters[0] for number, value in enumerate(values, start=1000)]
    await store.accept(Acceptance(THEN, letters=letters))


async def looked(here: Desk, number: int) -> Pages:
    """All pages about the values."""
    lanes = [await here.page(f"/lanes/{each}") for each in range(1, number + 1)]
    rows = [await here.page(f"/rows/dead/{each}") for each in range(1, 2 * number + 1)]
    whole = [
        (await here.post(f"/rows/dead/{each}/whole", {"id": _id_on(page)})).text for each, page in enumerate(rows, 1)
    ]
    confirm = [
        (await here.post(f"/lanes/{each}/act", {"act": "drop-all", "up_to": "9999", "reason": "refused"})).text
        for each in range(1, number + 1)
    ]
    return {
        "lane": [Skeleton(page) for page in lanes],
        "request": [Skeleton(page) for page in rows[:number]],
        "hit": [Skeleton(page) for page in rows[number:]],
        "whole request": [Skeleton(page) for page in whole[:number]],
        "whole hit": [Skeleton(page) for page in whole[number:]],
        "confirm": [Skeleton(page) for page in confirm],
    }


def _id_on(page: str) -> str:
    found = re.search(r'name="id" value="([0-9a-f]{32})"', page)
    assert found is not None
    return found[1]


def pages(folder: Path, values: Sequence[str]) -> Pages:
    async def work() -> Pages:
        async with desk(folder) as here:
            await fill(here, values)
            return await looked(here, len(values))

    return run(work())


@pytest.mark.slow
@pytest.mark.parametrize("start", range(0, 300, 60))
def test_three_hundred_payloads_in_every_field_of_a_row_stay_text(tmp_path: Path, start: int) -> None:
    values = PAYLOADS[start : start + 60]
    plain, hostile = pages(tmp_path / "plain", [PLAIN]), pages(tmp_path / "hostile", values)
    for kind, found in hostile.items():
        [expected] = plain[kind]
        for value, page in zip(values, found, strict=True):
            assert page.parts == expected.parts, (kind, value)
            assert value in page.text or kind == "confirm", (kind, value)


@pytest.mark.slow
def test_three_hundred_payloads_in_the_overview_stay_text(tmp_path: Path) -> None:
    async def overview(folder: Path, values: Sequence[str]) -> list[Skeleton]:
        async with desk(folder) as here:
            await fill(here, values)
            return [Skeleton(await here.page(f"/?page={page}")) for page in (1, 2, 3, 4, 5, 6)]

    plain = run(overview(tmp_path / "plain", [f"{PLAIN} {number}" for number in range(300)]))
    hostile = run(overview(tmp_path / "hostile", PAYLOADS))
    assert [page.parts for page in hostile] == [page.parts for page in plain]
    said = "".join(page.text for page in hostile)
    assert [value for value in PAYLOADS if value not in said] == []


def test_three_hundred_payloads_in_what_is_told_of_container_and_jobs_stay_text(tmp_path: Path) -> None:
    async def told(here: Desk, value: str) -> list[Skeleton]:
        current = here.admin.current
        current.container = replace(current.container, name=value, id=value)
        current.notice = value
        current.refusal = Refusal(THEN, value, value)
        here.admin.health.store_failed(value)
        job = here.admin.jobs.get(1)
        assert job is not None
        job.problem, job.progress.changed, job.progress.kept = value, {value: 1}, {value: 2}
        return [Skeleton((await here.get(path)).text) for path in ("/", "/jobs/1", "/lanes/9")]

    async def work() -> None:
        async with desk(tmp_path) as here:
            done: Job = here.admin.jobs.begin("replay", _done)
            await here.admin.jobs.finished(done)
            expected = [page.parts for page in await told(here, PLAIN)]
            for value in PAYLOADS:
                found = await told(here, value)
                assert [page.parts for page in found] == expected, value
                assert all(value in page.text for page in found), value

    run(work())


async def _done(_progress: object) -> None:
    """Nothing to do."""


@pytest.mark.slow
def test_payloads_in_an_address_stay_text(tmp_path: Path) -> None:
    async def work() -> None:
        async with desk(tmp_path) as here:
            await fill(here, [PLAIN])
            for path in ("/?page={}", "/lanes/1?place={}", "/lanes/1?reason={}", "/lanes/1?before={}"):
                expected = Skeleton(await here.page(path.format(PLAIN))).parts
                for value in PAYLOADS:
                    answer = await here.caller.get(path.partition("?")[0], params={path.split("?")[1][:-3]: value})
                    assert Skeleton(answer.text).parts == expected, (path, value)

    run(work())
