"""The pages of the queue: how lanes stand, which rows wait or are dead, and everything of one row."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar, get_args

import pytest

from container.api import Request
from container.delivery.lane import Lane
from container.delivery.outcomes import Outcomes, RequestOutcome
from container.delivery.row import Reason
from container.delivery.store import LaneReport, LaneState, Limits, Mode
from container.web.health import HOLDS
from container.web.queue_pages import LANES_ON_A_PAGE, ROWS_ON_A_PAGE, number_of, pretty
from container.web.queue_words import FULL, MODES, REASONS, age, size_of, standing, tone_of
from tests import canaries
from tests.web.markup import Skeleton
from tests.web.parts import run
from tests.web.queue_parts import THEN, Desk, desk, planned

T = TypeVar("T")


def at(folder: Path, work: Callable[[Desk], Awaitable[T]]) -> T:
    async def opened() -> T:
        async with desk(folder) as here:
            return await work(here)

    return run(opened())


def report(**more: object) -> LaneReport:
    found: dict[str, object] = {
        "number": 1,
        "lane": Lane("hook"),
        "state": LaneState(),
        "paused": False,
        "waiting": 0,
        "claimed": 0,
        "dead": 0,
        "oldest": None,
        "answer": None,
    }
    return LaneReport(**{**found, **more})  # type: ignore[arg-type]  # one dictionary of all kinds


def test_each_reason_and_each_mode_says_what_an_operator_does() -> None:
    assert REASONS.keys() == set(get_args(Reason))
    assert MODES.keys() == set(get_args(Mode))
    sentences = [*MODES.values(), *(each for advice in REASONS.values() for each in (advice.why, advice.do))]
    assert all(re.fullmatch(r"[A-Z][^.]*(?:\.[a-z][^.]*)*\.", each) for each in sentences), sentences
    assert len(set(sentences)) == len(sentences)


@pytest.mark.parametrize("mode", HOLDS)
def test_a_lane_that_holds_still_says_why_and_what_to_do(mode: Mode) -> None:
    found = standing(report(state=LaneState(mode, THEN + 240_000, 1)), now=THEN)
    assert (found.tone, found.why, found.do) == ("bad", f"{HOLDS[mode]}; next try in 4 min", MODES[mode])
    assert found.word == ("refusing" if mode == "refusing" else "holds still")


def test_a_lane_stands_as_the_gravest_that_is_true_of_it() -> None:
    held, failing = LaneState("credential", THEN, 2), LaneState("open", THEN + 40_000, 3)
    words = [
        standing(report(paused=True, state=held), now=THEN, share=1).word,
        standing(report(state=failing), now=THEN, share=1).word,
        standing(report(), now=THEN, share=FULL).word,
        standing(report(), now=THEN, share=0.98).word,
    ]
    assert words == ["paused, full", "failing, full", "full", "open"]
    both = standing(report(state=held), now=THEN, share=1)
    assert (both.word, both.tone) == ("holds still, full", "bad")
    assert both.why == "the vendor refuses its key; next try now; its share of the store is used up"
    assert both.do.startswith(MODES["credential"])
    assert "lane_full" in both.do
    assert standing(report(state=failing), now=THEN).why == "3 in a row; next try in 40 s"
    assert standing(report(state=failing), now=THEN + 60_000).why == "3 in a row; next try now"
    assert standing(report(state=failing, claimed=1), now=THEN).why == "3 in a row; being tried"


def test_figures_are_written_for_people() -> None:
    assert [age(each) for each in (-5, 999, 59_999, 60_000, 3_600_000, 86_400_000 * 40)] == [
        *("0 s", "0 s", "59 s", "1 min", "1 h", "40 d")
    ]
    assert [size_of(each) for each in (0, 999, 1000, 1_250_000, 2 << 30)] == [
        "0 B",
        "999 B",
        "1.0 kB",
        "1.2 MB",
        "2.1 GB",
    ]
    assert [tone_of(each) for each in ("delivered", "retry", "bisected", "refused", "credential")] == [
        *("good", "odd", "odd", "bad", "bad")
    ]


@pytest.mark.parametrize("stated", ["", "0", "-1", "1.0", " 1", "٣", "1e3", "9" * 19, "9" * 5000, "x"])
def test_what_is_no_number_of_a_row_is_none(stated: str) -> None:
    assert number_of(stated) is None


def test_json_is_shown_in_lines_and_other_text_as_it_is() -> None:
    assert pretty('{"b":[1,"é"]}') == '{\n  "b": [\n    1,\n    "é"\n  ]\n}'
    assert pretty("a=1&b=2") == "a=1&b=2"
    assert pretty("") == ""


def test_the_overview_shows_the_lanes_that_need_somebody_first(tmp_path: Path) -> None:
    async def work(here: Desk) -> str:
        for number, account in enumerate(("open", "dead", "held", "paused"), start=1):
            await here.wait(planned(number, Request("POST", "https://hook.example/in", json={}, account=account)))
        numbers = {each.lane.account: each.number for each in await here.here.store.lanes()}
        held = await here.here.store.claim(numbers["dead"], now=THEN, most_items=1, ahead=0)
        assert held is not None
        await here.here.store.bury(held, held.rows, "refused", note="no", now=THEN)
        await here.here.store.mark(numbers["held"], LaneState("credential", THEN + 400_000, 1))
        await here.here.store.pause(numbers["paused"], paused=True)
        return await here.page("/")

    page = at(tmp_path, work)
    assert re.findall(r"<b>(open|dead|held|paused)</b>", page) == ["held", "paused", "dead", "open"]
    assert "3 need somebody" in page
    assert "% full" not in page
    assert "the vendor refuses its key; next try in 5 min" in page
    assert page.count(">Resume<") == 1
    assert page.count(">Pause<") == 3


def test_the_overview_says_that_the_store_is_full_and_hits_are_refused(tmp_path: Path) -> None:
    async def work() -> str:
        async with desk(tmp_path, limits=Limits(most_rows=2, lane_share=1)) as here:
            for number in (1, 2):
                await here.wait(planned(number))
            return await here.page("/")

    assert "The store is full, and hits are refused." in run(work())


def test_many_lanes_are_shown_in_pages(tmp_path: Path) -> None:
    async def work(here: Desk) -> tuple[str, str, str]:
        await here.wait(
            *(
                planned(number, Request("POST", "https://hook.example/in", json={}, account=f"A-{number}"))
                for number in range(1, LANES_ON_A_PAGE + 3)
            )
        )
        return await here.page("/"), await here.page("/?page=2"), await here.page("/?page=99999")

    first, second, beyond = at(tmp_path, work)
    assert first.count('<a href="lanes/') == 2 * LANES_ON_A_PAGE
    assert f"Page 1 of 2, {LANES_ON_A_PAGE + 2} lanes" in first
    assert re.findall(r"<b>(A-\d+)</b>", second) == [f"A-{LANES_ON_A_PAGE + 1}", f"A-{LANES_ON_A_PAGE + 2}"]
    assert "Page 2 of 2" in beyond


def test_the_latest_requests_are_shown_by_lane(tmp_path: Path) -> None:
    async def work(here: Desk) -> tuple[str, str]:
        await here.wait(planned())
        outcomes = here.admin.outcomes
        assert isinstance(outcomes, Outcomes)
        outcomes.add(RequestOutcome(THEN, 1, 500, 200, "delivered"))
        outcomes.add(RequestOutcome(THEN + 1000, 1, 1, 0, "retry"))
        outcomes.add(RequestOutcome(THEN, 2, 7, 418, "refused"))
        return await here.page("/"), await here.page("/lanes/1")

    overview, lane = at(tmp_path, work)
    assert 'aria-label="The latest 2 requests, the newest first: retry, delivered"' in overview
    assert "no answer</td>" in lane
    assert "418" not in overview + lane


def test_a_lane_shows_its_dead_letters_by_page_and_by_reason(tmp_path: Path) -> None:
    async def work(here: Desk) -> tuple[str, str, str, str]:
        await here.bury(*(planned(number) for number in range(1, ROWS_ON_A_PAGE + 3)))
        await here.bury(planned(900), reason="gave_up", note="no answer in time")
        older = re.search(r"before=\d+", await here.page("/lanes/1"))
        assert older is not None
        return (
            await here.page("/lanes/1"),
            await here.page(f"/lanes/1?place=dead&{older[0]}"),
            await here.page("/lanes/1?reason=gave_up"),
            await here.page("/lanes/1?reason=too_old"),
        )

    first, second, gave_up, none = at(tmp_path, work)
    assert first.count('name="row"') == ROWS_ON_A_PAGE
    assert second.count('name="row"') == 3
    assert "To the newest" in second
    assert re.search(r'name="up_to" value="(\d+)"', first)[1] == re.search(r'name="up_to" value="(\d+)"', second)[1]  # type: ignore[index]
    assert (f"refused {ROWS_ON_A_PAGE + 2}" in first, "gave_up 1" in first) == (True, True)
    assert gave_up.count('name="row"') == 1
    assert REASONS["gave_up"].do in gave_up
    assert "No dead letters of this reason." in none
    assert canaries.EMAIL not in first


def test_a_lane_shows_what_waits_and_what_is_being_sent(tmp_path: Path) -> None:
    async def work(here: Desk) -> str:
        await here.wait(planned(1), planned(2))
        await here.here.store.claim(1, now=THEN, most_items=1, ahead=0)
        return await here.page("/lanes/1?place=waiting")

    page = at(tmp_path, work)
    assert (">in flight<" in page, ">waits<" in page) == (True, True)
    assert "Waiting 2" in page
    assert "replay" not in page


def test_a_letter_shows_everything_but_a_persons_values(tmp_path: Path) -> None:
    async def work(here: Desk) -> str:
        await here.bury(planned())
        [number] = await here.dead()
        return await here.page(f"/rows/dead/{number}")

    page = at(tmp_path, work)
    text = Skeleton(page).text
    assert (REASONS["refused"].why in text, REASONS["refused"].do in text) == (True, True)
    assert "POST https://hook.example/" in text
    assert '"event": "purchase"' in text
    assert '"value": 1' in text
    assert "application/json" in text
    assert "Invalid parameter" in text
    assert re.search(r"400</td><td[^>]*>refused</td>", page)
    assert not canaries.EVERYTHING.within(page)
    assert "Show whole" in text


def test_a_letter_of_a_tag_that_raised_shows_its_hit(tmp_path: Path) -> None:
    async def work(here: Desk) -> str:
        await here.here.ask(target=f"/collect?name=raise_in_tag&{canaries.QUERY}")
        [number] = await here.dead()
        return await here.page(f"/rows/dead/{number}")

    page = at(tmp_path, work)
    assert "A replay runs this hit through the container that is in force." in page
    assert "GET /collect?name=" in Skeleton(page).text
    assert not canaries.EVERYTHING.within(page)


@pytest.mark.parametrize(
    "path",
    [
        *("/lanes/7", "/lanes/x", "/lanes/0", f"/lanes/{'9' * 40}", "/rows/dead/7", "/rows/waiting/7", "/rows/other/1"),
        *("/rows/dead/x", f"/rows/dead/{'9' * 40}", "/jobs/1", "/jobs/x"),
    ],
)
def test_what_is_not_there_is_said_in_a_sentence(tmp_path: Path, path: str) -> None:
    page = at(tmp_path, lambda here: here.page(path, status=404))
    assert "There is no such" in page


@pytest.mark.parametrize("path", ["/lanes/1", "/rows/dead/1"])
def test_a_store_that_does_not_answer_is_said_in_a_sentence(tmp_path: Path, path: str) -> None:
    async def work(here: Desk) -> str:
        await here.here.store.close()
        return await here.page(path, status=503)

    assert "The store does not answer" in at(tmp_path, work)


@pytest.mark.parametrize("path", ["/", "/lanes/1", "/rows/dead/1", "/jobs/1"])
def test_no_page_opens_without_the_token(tmp_path: Path, path: str) -> None:
    async def work(here: Desk) -> int:
        return (await here.caller.get(path, headers={"authorization": "Bearer wrong"})).status_code

    assert at(tmp_path, work) == 401
