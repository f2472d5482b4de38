"""Whatever goes wrong at a vendor, no tag loses an event for it. A new tag is found by itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from container.component import Component
from container.delivery.judging import judges_of
from container.delivery.pace import paces_of
from container.delivery.policy import PROBE_MS
from tests.delivery.harness import HOURS, NOW, Bench, accepted, bench, dead_letters, planned, run
from tests.tags.faults import FAULTS, TAGS, VENDORS, Answer, Vendor, file_of, names, told

MARKS = ("mark-one-0001", "mark-two-0002", "mark-three-0003")
BAD = "mark-bad-0666"

WAITING = [case for fault in ("too_many_requests", "server_error", "unreadable_answer") for case in told(fault)]
HELD, PARTIAL, REFUSED = told("revoked_credential"), told("partial_failure"), told("refused_batch")


@dataclass
class Desk:
    """Where a vendor answers: as it does when all is well, or as something is wrong with it."""

    vendor: Vendor
    wrong: Callable[[str], Answer | None] = lambda sent: None
    silent: bool = False
    sent: list[tuple[str, int]] = field(default_factory=list)
    """What came in as text, address included, and with which status it was answered; -1 for not at all."""

    def __call__(self, request: httpx.Request) -> httpx.Response:
        text = f"{request.url}\n{request.content.decode()}"
        if self.silent:
            self.sent.append((text, -1))
            raise httpx.ReadTimeout("nothing came", request=request)
        answer = self.wrong(text)
        self.sent.append((text, 0 if answer is None else -1))
        return (answer or self.vendor.taken).response()

    def times(self, mark: str, *, taken: bool) -> int:
        """How often an event came in, with those that were `taken` or with the others."""
        return sum(mark in text for text, status in self.sent if (status == 0) == taken)


@dataclass
class Line:
    """The whole way from a tag to its vendor."""

    vendor: Vendor
    desk: Desk
    bench: Bench[Any]
    rows: dict[str, str] = field(default_factory=dict)
    """The event's mark by the row's id."""

    async def take(self, *marks: str) -> None:
        """Events come in, each in a hit of its own."""
        tag, wanted = self.vendor.tag, []
        for mark in marks:
            requests = self.vendor.requests(mark, received=self.bench.clock.now)
            assert requests, f"{tag.type} sends nothing for the event of its faults.yaml"
            for request in requests:
                number = len(self.rows) + 1
                self.rows[f"{number:032x}"] = mark
                wanted.append(planned(number, request, tag=tag.type, type=tag.type, format=tag.format))
        await self.bench.store.accept(accepted(*wanted, now=self.bench.clock.now))

    async def lanes(self) -> Sequence[Any]:
        found: Sequence[Any] = await self.bench.store.lanes()
        return found

    async def waiting(self) -> int:
        return sum(lane.waiting for lane in await self.lanes())

    async def dead(self) -> dict[str, str]:
        return {self.rows[letter.id]: str(letter.reason) for letter in await dead_letters(self.bench.store)}

    def delivered(self) -> float:
        return self.bench.worker.counters.value("delivered", self.vendor.tag.type)

    async def all_goes_through(self, *marks: str) -> None:
        """The vendor is well again: every event is delivered, and taken once."""
        self.desk.silent, self.desk.wrong = False, lambda sent: None
        await self.bench.until_idle()
        assert await self.dead() == {}
        assert self.delivered() == len(self.rows)
        assert [self.desk.times(mark, taken=True) for mark in marks] == [1] * len(marks)


def playing(folder: Path, vendor: Vendor, scenario: Callable[[Line], Awaitable[None]]) -> None:
    async def play() -> None:
        tag, desk = vendor.tag, Desk(vendor)
        judge = judges_of([tag])(tag.type, tag.format)
        pace = paces_of([tag])(tag.type)
        found = bench(folder, desk, judge=judge, reveal=lambda name: f"value-of-{name}", pace=pace)
        await scenario(Line(vendor, desk, found))

    run(play())


@pytest.mark.parametrize("tag", TAGS, ids=lambda tag: tag.type)
def test_a_tag_says_what_its_vendor_answers_to_each_fault(tag: Component) -> None:
    file = file_of(tag)
    assert file.is_file(), f"{tag.type} has no {'/'.join(file.parts[-4:])}: tests/tags/faults.py says what stands in it"
    [vendor] = [vendor for vendor in VENDORS if vendor.tag.type == tag.type]
    assert vendor.faults.keys() | vendor.never.keys() == FAULTS.keys()
    assert not vendor.faults.keys() & vendor.never.keys()
    assert all(vendor.faults.values())
    assert all(vendor.never.values())


def test_no_folder_has_faults_of_a_tag_that_is_not_there() -> None:
    found = {path.parts[-3] for path in file_of(TAGS[0]).parents[2].glob("*/delivery/faults.yaml")}
    assert found == {vendor.tag.type for vendor in VENDORS}


@pytest.mark.parametrize("vendor", VENDORS, ids=lambda vendor: vendor.tag.type)
def test_what_a_vendor_takes_is_delivered_once(tmp_path: Path, vendor: Vendor) -> None:
    async def scenario(line: Line) -> None:
        await line.take(*MARKS)
        await line.all_goes_through(*MARKS)
        assert [line.desk.times(mark, taken=False) for mark in MARKS] == [0, 0, 0]

    playing(tmp_path, vendor, scenario)


@pytest.mark.parametrize("vendor", VENDORS, ids=lambda vendor: vendor.tag.type)
def test_without_an_answer_events_go_again_byte_for_byte(tmp_path: Path, vendor: Vendor) -> None:
    async def scenario(line: Line) -> None:
        await line.take(MARKS[0])
        line.desk.silent = True
        for _ in range(3):
            line.bench.clock.now = max(line.bench.clock.now, await line.bench.turn())
        assert (await line.waiting(), await line.dead()) == (len(line.rows), {})
        await line.all_goes_through(MARKS[0])
        assert len(line.desk.sent) > len(line.rows)
        assert len({text for text, _ in line.desk.sent}) == len(line.rows)

    playing(tmp_path, vendor, scenario)


@pytest.mark.parametrize(("vendor", "answer"), WAITING, ids=names(WAITING))
def test_an_answer_of_a_vendor_that_is_not_well_costs_no_event(tmp_path: Path, vendor: Vendor, answer: Answer) -> None:
    async def scenario(line: Line) -> None:
        await line.take(*MARKS)
        line.desk.wrong = lambda sent: answer
        await line.bench.turn()
        assert (await line.waiting(), await line.dead(), line.delivered()) == (len(line.rows), {}, 0)
        assert [lane.state.mode for lane in await line.lanes()] == ["open"]
        await line.all_goes_through(*MARKS)

    playing(tmp_path, vendor, scenario)


@pytest.mark.parametrize(("vendor", "answer"), HELD, ids=names(HELD))
def test_a_refused_key_holds_the_lane_and_keeps_every_event(tmp_path: Path, vendor: Vendor, answer: Answer) -> None:
    async def scenario(line: Line) -> None:
        await line.take(*MARKS)
        line.desk.wrong = lambda sent: answer
        await line.bench.turn()
        [lane] = await line.lanes()
        assert (lane.state.mode, lane.waiting, lane.dead) == ("credential", len(line.rows), 0)
        assert lane.state.not_before == NOW + PROBE_MS
        line.bench.clock.now += 47 * HOURS
        await line.bench.turn()
        assert (await line.waiting(), await line.dead()) == (len(line.rows), {})

    async def back(line: Line) -> None:
        await line.take(*MARKS)
        line.desk.wrong = lambda sent: answer
        await line.bench.turn()
        await line.all_goes_through(*MARKS)
        assert [lane.state.mode for lane in await line.lanes()] == ["open"]

    playing(tmp_path / "kept", vendor, scenario)
    playing(tmp_path / "back", vendor, back)


@pytest.mark.parametrize(("vendor", "answer"), PARTIAL, ids=names(PARTIAL))
def test_of_a_batch_taken_in_part_the_named_events_are_dead_and_no_others(
    tmp_path: Path, vendor: Vendor, answer: Answer
) -> None:
    async def scenario(line: Line) -> None:
        await line.take(*MARKS)
        line.desk.wrong = lambda sent: answer
        await line.bench.turn()
        assert len(line.desk.sent) == 1
        line.desk.wrong = lambda sent: None
        await line.bench.until_idle()
        refused = {MARKS[place]: "refused" for place in answer.refused}
        assert refused
        assert await line.dead() == refused
        assert line.delivered() == len(MARKS) - len(refused)
        # What the vendor took is not sent again.
        assert len(line.desk.sent) == 1

    playing(tmp_path, vendor, scenario)


@pytest.mark.parametrize(("vendor", "answer"), REFUSED, ids=names(REFUSED))
def test_of_a_batch_refused_for_one_event_that_one_is_dead_and_no_other(
    tmp_path: Path, vendor: Vendor, answer: Answer
) -> None:
    async def scenario(line: Line) -> None:
        await line.take(*MARKS[:2], BAD, MARKS[2])
        line.desk.wrong = lambda sent: answer if BAD in sent else None
        await line.bench.until_idle()
        assert await line.dead() == {BAD: "refused"}
        assert [line.desk.times(mark, taken=True) for mark in MARKS] == [1, 1, 1]
        assert line.delivered() == sum(mark != BAD for mark in line.rows.values())

    playing(tmp_path, vendor, scenario)
