"""From the tag over the worker to the sandbox: what each class of TikTok's answers does to the events."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from container.component import component_of
from container.delivery.judging import judges_of
from container.delivery.policy import PROBE_MS
from container.delivery.sqlite import SqliteStore, open_store
from container.delivery.store import LaneReport
from container.delivery.transport import Transport
from container.delivery.worker import Surroundings, Worker
from container.effects import Request
from container.event import Event, Hit
from container.sandbox.app import sandbox_app
from container.testing import resolved
from tags.tiktok_events_api import tiktok_events_api
from tags.tiktok_events_api.codes import ADDRESS, CREDENTIAL, TEMPORARY, UNCLEAR
from tags.tiktok_events_api.settings import TikTokEventsApi
from tests.delivery.harness import NOW, SECRETS, Clock, accepted, dead_letters, planned, run

GOOD, BAD = "purchase", "Bad"
EVENTS = ("1", "2", "3")

HELD: list[dict[str, Any]] = [
    *({"code": code} for code in (*CREDENTIAL, *ADDRESS)),
    {"code": 40100, "message": "Access token is invalid"},
    {"redirect": "https://elsewhere.example/"},
    *({"status": status} for status in (301, 308, 401, 403, 404, 405, 410, 501)),
    {"status": 400, "body": {"code": 40001, "message": "No permission"}},
]
ADDRESS_STATUSES = (301, 308, 404, 405, 410, 501)
WAITING: list[dict[str, Any]] = [
    *({"code": code} for code in (*TEMPORARY, *UNCLEAR, 50000, 51010, 52001, 60001, 49999, 30000)),
    *({"status": status} for status in (402, 408, 425, 429, 500, 502, 503, 504)),
    *({"html": True}, {"empty": True}, {"close": True}),
]


@dataclass
class Line:
    """The whole way: tag, store, worker, sandbox."""

    store: SqliteStore
    worker: Worker
    clock: Clock
    caller: httpx.AsyncClient

    async def take(self, *ids: str, name: str = GOOD) -> None:
        requests = (planned(int(event_id), request_of(name, event_id)) for event_id in ids)
        await self.store.accept(accepted(*requests, now=self.clock.now))

    async def fault(self, **written: Any) -> None:
        answer = await self.caller.post("/faults", json=written)
        assert answer.status_code == 200, answer.text

    async def turn(self) -> int:
        due = await self.worker.turn()
        await self.worker.settled()
        return due

    async def turns(
        self, most: int = 200, *, until: Callable[[LaneReport], bool] = lambda lane: not lane.waiting
    ) -> None:
        """Turns, with the time passing between them."""
        for _ in range(most):
            due = await self.turn()
            if until(await self.lane()):
                return
            self.clock.now = max(self.clock.now, due)
        raise AssertionError("it never ended")

    async def lane(self) -> LaneReport:
        [lane] = await self.store.lanes()
        return lane

    async def dead(self) -> dict[str, str]:
        return {str(int(letter.id, 16)): str(letter.reason) for letter in await dead_letters(self.store)}

    async def sent(self, *verdicts: str) -> list[list[str]]:
        """The event ids of each request that the sandbox judged so."""
        received = (await self.caller.get("/received")).json()["received"]
        return [[event["event_id"] for event in each["events"]] for each in received if each["verdict"] in verdicts]


def request_of(name: str, event_id: str) -> Request:
    """What the tag makes of an event of the name."""
    data = {"event_id": event_id, "page_location": "https://shop.example/"}
    event = Event(name, data, Hit(bytes(16), NOW, ip="198.51.100.7", headers={"user-agent": "A"}))
    stated = {"pixel_id": "CTESTPIXEL0123456789", "access_token": "${secret:TIKTOK_TOKEN}"}
    settings = resolved(TikTokEventsApi, stated, event)
    assert isinstance(settings, TikTokEventsApi)
    effects = tiktok_events_api(settings, event)
    assert isinstance(effects, list)
    assert isinstance(effects[0], Request)
    return effects[0]


def delivering(folder: Path, scenario: Callable[[Line], Awaitable[None]]) -> None:
    """Plays the scenario, and closes everything."""

    async def play() -> None:
        clock = Clock()
        store = open_store(folder, now=clock.now)
        app = sandbox_app(clock=lambda: clock.now / 1000)
        transport = Transport(httpx.ASGITransport(app=app), SECRETS.get)
        mark = component_of(tiktok_events_api)
        assert mark is not None
        around = Surroundings(clock=clock, random=lambda: 1.0, sleep=clock.sleep)
        worker = Worker(store, transport, judges_of([mark]), surroundings=around)
        try:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://sandbox") as caller:
                await scenario(Line(store, worker, clock, caller))
        finally:
            await worker.stop(0)
            await transport.close()
            await store.close()

    run(play())


def named(faults: Sequence[dict[str, Any]]) -> list[str]:
    return ["-".join(str(value) for value in fault.values())[:40] for fault in faults]


def test_what_tiktok_takes_is_delivered_in_one_request(tmp_path: Path) -> None:
    async def scenario(line: Line) -> None:
        await line.take(*EVENTS)
        await line.turns()
        assert await line.sent("accepted") == [list(EVENTS)]
        assert await line.dead() == {}

    delivering(tmp_path, scenario)


@pytest.mark.parametrize("fault", HELD, ids=named(HELD))
def test_an_answer_about_account_or_address_holds_the_lane_and_keeps_every_event(
    tmp_path: Path, fault: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(line: Line) -> None:
        await line.take(*EVENTS)
        await line.fault(**fault)
        await line.turn()
        lane = await line.lane()
        about_address = fault.get("code") in ADDRESS or fault.get("status") in ADDRESS_STATUSES or "redirect" in fault
        mode = "address" if about_address else "credential"
        assert (lane.state.mode, lane.waiting, lane.dead) == (mode, 3, 0)
        assert lane.state.not_before == NOW + PROBE_MS
        await line.turns()
        assert await line.sent("accepted") == [list(EVENTS)]
        assert (await line.lane()).state.mode == "open"
        assert await line.dead() == {}

    delivering(tmp_path, scenario)
    told = [record for record in caplog.records if "delivery.lane_held" in record.getMessage()]
    assert [record.levelno for record in told] == [logging.ERROR]


def test_a_wrong_address_costs_no_event_however_long_it_lasts(tmp_path: Path) -> None:
    async def scenario(line: Line) -> None:
        await line.take(*EVENTS)
        await line.fault(status=404, times="always")
        for _ in range(80):
            await line.turn()
            line.clock.now += 3_600_000
        assert ((await line.lane()).waiting, await line.dead()) == (3, {})
        await line.caller.delete("/faults")
        await line.turns()
        assert await line.sent("accepted") == [list(EVENTS)]

    delivering(tmp_path, scenario)


@pytest.mark.parametrize("fault", WAITING, ids=named(WAITING))
def test_a_temporary_or_unclear_answer_is_tried_again(tmp_path: Path, fault: dict[str, Any]) -> None:
    async def scenario(line: Line) -> None:
        await line.take(*EVENTS)
        await line.fault(**fault)
        await line.turn()
        lane = await line.lane()
        assert (lane.state.mode, lane.waiting, lane.dead) == ("open", 3, 0)
        await line.turns()
        assert await line.sent("accepted") == [list(EVENTS)]
        assert await line.dead() == {}

    delivering(tmp_path, scenario)


def test_a_duplicate_is_delivered(tmp_path: Path) -> None:
    async def scenario(line: Line) -> None:
        await line.take(*EVENTS)
        await line.fault(code=40050)
        await line.turns()
        assert await line.sent("accepted", "faulted") == [list(EVENTS)]
        assert await line.dead() == {}

    delivering(tmp_path, scenario)


def test_of_a_batch_taken_in_part_exactly_the_named_events_are_buried(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(line: Line) -> None:
        await line.take(*EVENTS)
        await line.fault(partial=[0, 2])
        await line.turns()
        assert await line.sent("accepted", "faulted") == [list(EVENTS)]
        assert await line.dead() == {"1": "refused", "3": "refused"}
        assert line.worker.counters.value("delivered", "tiktok_events_api") == 1
        assert line.worker.counters.value("buried", "tiktok_events_api", "refused") == 2

    delivering(tmp_path, scenario)
    assert "taken in part, 2 of 3 events failed" in caplog.text


def test_a_batch_taken_in_part_without_names_is_told_and_not_sent_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(line: Line) -> None:
        await line.take(*EVENTS)
        await line.fault(partial=[9])
        await line.turns()
        assert await line.sent("accepted", "faulted") == [list(EVENTS)]
        assert await line.dead() == {}

    delivering(tmp_path, scenario)
    assert "delivery.remarked" in caplog.text
    assert "nobody can say which" in caplog.text


def test_a_single_event_that_is_not_taken_is_buried(tmp_path: Path) -> None:
    async def scenario(line: Line) -> None:
        await line.take("1")
        await line.fault(partial=True)
        await line.turns()
        assert await line.dead() == {"1": "refused"}

    delivering(tmp_path, scenario)


@pytest.mark.parametrize("code", [40000, 40002, 40062, 49999])
def test_a_named_offender_is_buried_and_the_others_go_on(tmp_path: Path, code: int) -> None:
    async def scenario(line: Line) -> None:
        await line.take(*EVENTS)
        await line.fault(code=code, message="Batch.1.user.email: no")
        await line.turns()
        assert await line.dead() == {"2": "refused"}
        assert await line.sent("accepted") == [["1", "3"]]

    delivering(tmp_path, scenario)


@pytest.mark.parametrize("fault", [{"code": 40000}, {"code": 40061}, {"status": 413}, {"status": 422}])
def test_an_offender_that_nobody_names_is_searched(tmp_path: Path, fault: dict[str, Any]) -> None:
    async def scenario(line: Line) -> None:
        await line.take("1", "2")
        await line.take("3", name=BAD)
        await line.take("4")
        await line.fault(**fault, event=BAD, times=3 if fault == {"code": 40061} else "always")
        await line.turns()
        found = await line.dead()
        assert found == ({} if fault == {"code": 40061} else {"3": "refused"})
        delivered = sorted(event_id for batch in await line.sent("accepted") for event_id in batch)
        assert delivered == sorted({"1", "2", "3", "4"} - found.keys())

    delivering(tmp_path, scenario)


@pytest.mark.parametrize("code", [*UNCLEAR, 49999])
def test_an_unclear_answer_to_one_event_does_not_hold_up_the_others_for_long(tmp_path: Path, code: int) -> None:
    async def scenario(line: Line) -> None:
        await line.take("1", "2")
        await line.take("3", name=BAD)
        await line.take("4")
        await line.fault(code=code, event=BAD, times="always")
        for number in range(5, 60):
            await line.take(str(number))
            line.clock.now = max(line.clock.now + 60_000, await line.turn())
            delivered = {event_id for batch in await line.sent("accepted") for event_id in batch}
            if {"1", "2", "4"} <= delivered:
                break
        assert line.clock.now < NOW + 3_600_000
        assert {"1", "2", "4"} <= delivered
        assert "3" not in delivered
        assert await line.dead() == {}

    delivering(tmp_path, scenario)


def test_the_log_of_a_loss_names_tag_and_reason(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(line: Line) -> None:
        await line.take("1")
        await line.fault(code=40002, message="Batch.0.user.email: jane@example.com")
        await line.turns()

    delivering(tmp_path, scenario)
    [told] = [record.getMessage() for record in caplog.records if "delivery.buried" in record.getMessage()]
    assert 'tag="TikTok - events"' in told
    assert "code 40002: a parameter is wrong" in told
    assert "Batch.0.user.email" in told
    assert "jane" not in caplog.text


def test_what_the_tag_makes_is_taken_without_a_remark(tmp_path: Path) -> None:
    async def scenario(line: Line) -> None:
        await line.take("1")
        await line.turns()
        [received] = (await line.caller.get("/received")).json()["received"]
        assert (received["verdict"], received["reasons"], received["remarks"]) == ("accepted", [], [])

    delivering(tmp_path, scenario)
