"""From the tag over the worker to the sandbox: what each class of Meta's answers does to the events."""

from __future__ import annotations

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
from container.event import Hit
from container.sandbox.app import sandbox_app
from tags.meta_conversions_api import meta_conversions_api
from tests.delivery.harness import NOW, Clock, accepted, dead_letters, planned, run
from tests.tags.meta_conversions_api.anything import effects_of, request_in

TYPE, GOOD, BAD = "meta_conversions_api", "purchase", "Bad"
EVENTS = ("1", "2", "3")
DATA = {
    "page_location": "https://shop.example/",
    "user_agent": "A",
    "ip_override": "81.2.69.142",
    "value": 5,
    "currency": "EUR",
    "user_data": {"email": "jane@example.com"},
}
ENDPOINT = "https://sandbox.example/meta"
SECRETS = {"META_TOKEN": "t0k3n-of-the-pixel"}

HELD: list[tuple[dict[str, Any], str]] = [
    *(({"error": code}, "credential") for code in (190, 102, 10, 200, 3, 104, 368, 2500)),
    ({"error": 190, "subcode": 460}, "credential"),
    ({"error": 100, "subcode": 33}, "credential"),
    ({"error": 100, "message": "Invalid appsecret_proof provided in the API argument"}, "credential"),
    *(({"error": code}, "address") for code in (2635, 803, 12)),
    *(({"status": status}, "credential") for status in (401, 403)),
    *(({"status": status}, "address") for status in (301, 404, 405, 410)),
]
WAITING: list[dict[str, Any]] = [
    *({"error": code} for code in (1, 2, 4, 17, 32, 341, 613, 80004, 99)),
    {"error": 100, "transient": True},
    *({"status": status} for status in (408, 425, 429, 500, 502, 503, 504)),
    *({"html": True}, {"empty": True}, {"close": True}, {"events_received": 0}, {"events_received": 2}),
]
REFUSED: list[dict[str, Any]] = [
    *({"error": 100}, {"error": 100, "subcode": 2804010}),
    *({"status": 400}, {"status": 413}),
]


@dataclass
class Line:
    """The whole way: tag, store, worker, sandbox."""

    store: SqliteStore
    worker: Worker
    clock: Clock
    caller: httpx.AsyncClient

    async def take(self, *ids: str, name: str = GOOD, **data: Any) -> None:
        for event_id in ids:
            hit = Hit(bytes(16), self.clock.now)
            request = request_in(effects_of(name, {**DATA, "event_id": event_id, **data}, hit, endpoint=ENDPOINT))
            assert request is not None
            row = planned(int(event_id), request)._replace(type=TYPE)
            await self.store.accept(accepted(row, now=self.clock.now))

    async def fault(self, **written: Any) -> None:
        answer = await self.caller.post("/faults", json=written)
        assert answer.status_code == 200, answer.text

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

    async def turn(self) -> int:
        due = await self.worker.turn()
        await self.worker.settled()
        return due

    async def lane(self) -> LaneReport:
        [lane] = await self.store.lanes()
        return lane

    async def dead(self) -> dict[str, str]:
        return {str(int(letter.id, 16)): str(letter.reason) for letter in await dead_letters(self.store)}

    async def received(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.caller.get("/received")).json()["received"]
        return found

    async def sent(self, *verdicts: str) -> list[list[str]]:
        """The event ids of each request that the sandbox judged so."""
        requests = await self.received()
        return [[event["event_id"] for event in each["events"]] for each in requests if each["verdict"] in verdicts]


def delivering(folder: Path, scenario: Callable[[Line], Awaitable[None]]) -> None:
    """Plays the scenario, and closes everything."""

    async def play() -> None:
        clock = Clock()
        store = open_store(folder, now=clock.now)
        app = sandbox_app(clock=lambda: clock.now / 1000)
        transport = Transport(httpx.ASGITransport(app=app), SECRETS.get)
        mark = component_of(meta_conversions_api)
        assert mark is not None
        surroundings = Surroundings(clock=clock, random=lambda: 1.0, sleep=clock.sleep)
        worker = Worker(store, transport, judges_of([mark]), surroundings=surroundings)
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


def test_what_meta_takes_is_delivered_in_one_request_without_a_remark(tmp_path: Path) -> None:
    async def scenario(line: Line) -> None:
        await line.take(*EVENTS)
        await line.turns()
        [received] = await line.received()
        assert [event["event_id"] for event in received["events"]] == list(EVENTS)
        assert (received["verdict"], received["reasons"], received["remarks"]) == ("accepted", [], [])
        assert await line.dead() == {}

    delivering(tmp_path, scenario)


@pytest.mark.parametrize(("fault", "mode"), HELD, ids=named([fault for fault, _ in HELD]))
def test_an_answer_about_account_or_address_holds_the_lane_and_keeps_every_event(
    tmp_path: Path, fault: dict[str, Any], mode: str
) -> None:
    async def scenario(line: Line) -> None:
        await line.take(*EVENTS)
        await line.fault(**fault)
        await line.turn()
        lane = await line.lane()
        assert (lane.state.mode, lane.waiting, lane.dead) == (mode, 3, 0)
        assert lane.state.not_before == NOW + PROBE_MS
        await line.turns()
        assert await line.sent("accepted") == [list(EVENTS)]
        assert (await line.lane()).state.mode == "open"
        assert await line.dead() == {}

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


@pytest.mark.parametrize("fault", REFUSED, ids=named(REFUSED))
def test_of_a_batch_with_a_bad_event_all_others_are_delivered(tmp_path: Path, fault: dict[str, Any]) -> None:
    async def scenario(line: Line) -> None:
        await line.take("1", "2")
        await line.take("3", name=BAD)
        await line.take("4")
        await line.fault(**fault, event=BAD, times="always")
        await line.turns()
        assert await line.dead() == {"3": "refused"}
        assert sorted(event_id for batch in await line.sent("accepted") for event_id in batch) == ["1", "2", "4"]

    delivering(tmp_path, scenario)


def test_an_event_that_the_stand_in_refuses_by_itself_is_found_in_its_batch(tmp_path: Path) -> None:
    async def scenario(line: Line) -> None:
        await line.take("1", "2")
        # What waits for a week and a day is too old, which only the vendor's clock knows here.
        await line.take("3", name="Late", event_time=(NOW - 6 * 24 * 3_600_000) // 1000)
        await line.fault(error=190, times=1)
        await line.turn()
        line.clock.now += 2 * 24 * 3_600_000
        await line.turns()
        assert await line.dead() == {"3": "too_old"}
        assert sorted(event_id for batch in await line.sent("accepted") for event_id in batch) == ["1", "2"]
        assert await line.sent("refused") == []

    delivering(tmp_path, scenario)


def test_a_batch_of_which_events_are_missing_for_long_is_split(tmp_path: Path) -> None:
    async def scenario(line: Line) -> None:
        await line.take("1", "2")
        await line.take("3", name=BAD)
        await line.take("4")
        await line.fault(events_received=0, event=BAD, times="always")
        for number in range(5, 60):
            await line.take(str(number))
            line.clock.now = max(line.clock.now + 60_000, await line.turn())
            delivered = {event_id for batch in await line.sent("accepted") for event_id in batch}
            if {"1", "2", "4"} <= delivered:
                break
        assert {"1", "2", "4"} <= delivered
        assert "3" not in delivered
        assert await line.dead() == {}

    delivering(tmp_path, scenario)


def test_the_token_reaches_meta_in_the_body_and_nobody_else(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(line: Line) -> None:
        await line.take("1")
        await line.fault(error=100, message="token t0k3n-of-the-pixel of jane@example.com")
        await line.turns()
        assert await line.dead() == {"1": "refused"}
        [received] = await line.received()
        assert received["body"]["access_token"].startswith("(18 characters")
        assert "jane" not in str(received["body"])

    delivering(tmp_path, scenario)
    assert "code 100: a parameter is wrong" in caplog.text
    assert "t0k3n" not in caplog.text
    assert "jane" not in caplog.text
