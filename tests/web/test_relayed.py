"""A destination's cookies reach the visitor whose hit it got, in time, and nothing of a hit's promises changes."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from container.api import Event, Request, SetCookie, Settings, tag
from container.component import component_of
from container.config.registry import Registry
from container.delivery import awaited as waiting_for
from container.delivery.awaited import Became
from container.delivery.judging import judges_of
from container.delivery.sqlite import open_store
from container.delivery.store import Limits
from container.delivery.worker import Surroundings, Worker
from container.web.current import Current
from container.web.health import Health
from container.web.ingest import Ingest
from container.web.metrics import new_metrics
from tests.containers_of import container_of
from tests.delivery.harness import dead_letters
from tests.delivery.raw_sink import Sink, sink, transport
from tests.web.parts import Answer, Site, collect
from triggers.event import event as event_trigger

FPID = "FPID=2.a%2Bb; Max-Age=60; Domain=relay.example; Path=/; Secure; HttpOnly; SameSite=Lax"
OURS = "FPID=2.a%2Bb; Path=/; Domain=shop.example; Max-Age=60; Secure; HttpOnly; SameSite=Lax"
PATIENCE_SECONDS = 20.0


class Relay(Settings):
    to: tuple[str, ...]
    seconds: float | None = 5.0
    cookie: str = ""


@tag("relay", consent=(), in_flight=4)
def relay(settings: Relay, event: Event) -> list[Request | SetCookie]:
    """Sends the event's name to each address, and waits for their cookies."""
    own = [SetCookie(settings.cookie, "own")] if settings.cookie else []
    sent = [Request("POST", to, json={"name": event.name}, reply_cookies=settings.seconds) for to in settings.to]
    return [*own, *sent]


REGISTRY = Registry.of([collect, relay, event_trigger])


def file(to: Sequence[str], more: str = "") -> str:
    listed = ", ".join(f'"{address}"' for address in to)
    return f"""
version: 1
container: {{name: Test, id: T-1}}
clients: {{Test: {{type: collect}}}}
triggers: {{Every: {{}}}}
tags: {{Relay: {{type: relay, triggers: [Every], to: [{listed}]{more}}}}}
"""


def setting(*cookies: str, status: int = 200) -> bytes:
    lines = "".join(f"Set-Cookie: {cookie}\r\n" for cookie in cookies)
    return f"HTTP/1.1 {status} Said\r\nContent-Length: 0\r\n{lines}\r\n".encode()


def answering(*answers: bytes) -> Callable[[asyncio.StreamWriter], Any]:
    """One after the other, the last for ever."""
    left = list(answers)

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(left.pop(0) if len(left) > 1 else left[0])

    return answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage(Site):
    """A site whose deliveries leave. `worker`: what sends them."""

    worker: Worker

    async def left(self) -> int:
        """Deliveries that wait or are under way."""
        return sum(each.waiting + each.claimed for each in await self.store.lanes())

    async def delivered(self) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await self.left():  # noqa: ASYNC110  # the store tells nobody
                await asyncio.sleep(0.01)

    def became(self, result: Became) -> float:
        return self.metric("reply_cookies_total", result=result)


@asynccontextmanager
async def relaying(
    folder: Path, text: str, *, waits: bool = True, limits: Limits | None = None
) -> AsyncIterator[Stage]:
    store = open_store(folder, now=int(time.time() * 1000), limits=limits or Limits())
    component = component_of(relay)
    assert component is not None
    async with transport() as sender:
        # A retry comes a moment later.
        around = Surroundings(random=lambda: 0.01)
        worker = Worker(store, sender, judges_of([component]), surroundings=around)
        ingest = Ingest(
            Current(container_of(text, REGISTRY)),
            store.accept,
            new_metrics(),
            Health(),
            awaited=worker.awaited if waits else None,
        )
        running = asyncio.create_task(worker.run())
        try:
            yield Stage(ingest, store, worker=worker)
        finally:
            await worker.stop(0)
            await running
            await store.close()


@asynccontextmanager
async def relayed(
    folder: Path,
    answer: Callable[[asyncio.StreamWriter], Any],
    more: str = "",
    paths: Sequence[str] = ("/",),
    **how: Any,
) -> AsyncIterator[tuple[Stage, Sink]]:
    async with (
        sink(answer) as vendor,
        relaying(folder, file([f"http://127.0.0.1:{vendor.port}{path}" for path in paths], more), **how) as here,
    ):
        yield here, vendor


def play(work: Any) -> None:
    async def limited() -> None:
        async with asyncio.timeout(60):
            await work()

    asyncio.run(limited())


def cookies(answer: Answer) -> list[str]:
    return answer.all("set-cookie")


def test_what_the_destination_sets_is_set_for_the_visitor_under_our_domain(tmp_path: Path) -> None:
    async def work() -> None:
        async with relayed(tmp_path, answering(setting(FPID, "Other=1; Path=/in"))) as (here, vendor):
            answer = await here.ask()
            assert answer.status == 204
            assert cookies(answer) == [OURS, "Other=1; Path=/in; Domain=shop.example; SameSite=Lax"]
            assert here.became("passed") == 1
            assert len(vendor.requests) == 1
            await here.delivered()

    play(work)


def test_the_cookie_of_a_preview_is_set_by_nobody_else(tmp_path: Path) -> None:
    async def work() -> None:
        answers = answering(setting("tc_preview=theirs; Path=/; Max-Age=60", "tc_preview=; Max-Age=0", FPID))
        async with relayed(tmp_path, answers) as (here, _):
            assert cookies(await here.ask()) == [OURS]
            assert here.became("passed") == 1

    play(work)


def test_without_being_asked_nothing_is_passed_on_and_nothing_waits(tmp_path: Path) -> None:
    async def work() -> None:
        async with relayed(tmp_path, answering(setting(FPID)), ", seconds: null") as (here, _):
            assert cookies(await here.ask()) == []
            await here.delivered()
            assert [here.became(each) for each in ("passed", "none", "too_late")] == [0, 0, 0]

    play(work)


def test_an_answer_without_cookies_ends_the_wait(tmp_path: Path) -> None:
    async def work() -> None:
        async with relayed(tmp_path, answering(setting())) as (here, _):
            begun = time.monotonic()
            assert cookies(await here.ask()) == []
            assert time.monotonic() - begun < 4
            assert here.became("none") == 1

    play(work)


def test_what_comes_too_late_is_left_out_and_the_delivery_goes_on(tmp_path: Path) -> None:
    async def work() -> None:
        free = asyncio.Event()

        async def answer(writer: asyncio.StreamWriter) -> None:
            await free.wait()
            writer.write(setting(FPID))

        async with relayed(tmp_path, answer, ", seconds: 0.05") as (here, vendor):
            answered = await here.ask()
            assert (answered.status, cookies(answered), here.became("too_late")) == (204, [], 1)
            free.set()
            await here.delivered()
            assert len(vendor.requests) == 1

    play(work)


def test_the_cookies_of_a_refusal_are_not_passed_on(tmp_path: Path) -> None:
    async def work() -> None:
        async with relayed(tmp_path, answering(setting(FPID, status=400))) as (here, _):
            answer = await here.ask()
            assert (answer.status, cookies(answer), here.became("failed")) == (204, [], 1)
            await here.delivered()
            assert [each.reason for each in await dead_letters(here.store)] == ["refused"]

    play(work)


def test_while_the_destination_is_down_hits_are_answered_and_delivered_later(tmp_path: Path) -> None:
    async def work() -> None:
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            port = closed.getsockname()[1]
        async with relaying(tmp_path, file([f"http://127.0.0.1:{port}/"])) as here:
            begun = time.monotonic()
            answers = [await here.ask() for _ in range(3)]
            assert time.monotonic() - begun < 4
            assert [(each.status, cookies(each)) for each in answers] == [(204, [])] * 3
            assert here.became("failed") == 3
            assert await here.left() == 3
            found = Sink(answering(setting(FPID)))
            server = await asyncio.start_server(found.serve, "127.0.0.1", port)
            await here.delivered()
            assert len(found.requests) == 3
            server.close()
            for task in found.tasks:
                task.cancel()
            await asyncio.gather(*found.tasks)

    play(work)


def test_a_lane_that_holds_still_is_not_waited_for(tmp_path: Path) -> None:
    async def work() -> None:
        async with relayed(tmp_path, answering(setting(status=401))) as (here, vendor):
            begun = time.monotonic()
            for _ in range(3):
                assert (await here.ask()).status == 204
            assert time.monotonic() - begun < 4
            assert here.became("failed") == 3
            assert len(vendor.requests) == 1
            assert await here.left() == 3

    play(work)


def test_hits_do_not_wait_for_a_lane_that_an_operator_has_paused(tmp_path: Path) -> None:
    async def work() -> None:
        async with relayed(tmp_path, answering(setting(FPID))) as (here, _):
            assert cookies(await here.ask()) == [OURS]
            [lane] = await here.store.lanes()
            await here.store.pause(lane.number, paused=True)
            begun = time.monotonic()
            for _ in range(2):
                assert cookies(await here.ask()) == []
            assert time.monotonic() - begun < 4
            assert here.became("failed") == 2

    play(work)


def test_of_two_requests_the_first_in_firing_order_sets_a_cookie_of_both(tmp_path: Path) -> None:
    async def work() -> None:
        async def answer(writer: asyncio.StreamWriter) -> None:
            path = vendor.requests[-1].split(b" ", 2)[1].decode()
            if path == "/first":
                await asyncio.sleep(0.05)
            writer.write(setting(f"A={path}", f"B{path[1:]}=1"))

        async with relayed(tmp_path, answer, paths=("/first", "/second")) as (here, vendor):
            found = [line.partition(";")[0] for line in cookies(await here.ask())]
            assert found == ["A=/first", "Bfirst=1", "Bsecond=1"]
            assert here.became("passed") == 2

    play(work)


def test_a_cookie_of_our_own_tag_goes_first(tmp_path: Path) -> None:
    async def work() -> None:
        async with relayed(tmp_path, answering(setting(FPID, "Other=1")), ", cookie: FPID") as (here, _):
            found = [line.partition(";")[0] for line in cookies(await here.ask())]
            assert found == ["FPID=own", "Other=1"]

    play(work)


def test_of_one_name_twice_in_one_answer_the_last_counts(tmp_path: Path) -> None:
    async def work() -> None:
        async with relayed(tmp_path, answering(setting("A=1", "A=2", "A=; Max-Age=0"))) as (here, _):
            assert cookies(await here.ask()) == ["A=2; Path=/; Domain=shop.example; SameSite=Lax"]

    play(work)


def test_what_is_held_back_by_a_guard_is_not_waited_for(tmp_path: Path) -> None:
    async def work() -> None:
        more = ', once_per: {key: "{{ event.name }}", within: 7d}'
        async with relayed(tmp_path, answering(setting(FPID)), more) as (here, vendor):
            first, second = await here.ask(), await here.ask()
            assert (cookies(first), cookies(second), len(vendor.requests)) == ([OURS], [], 1)
            assert here.became("passed") == 1
            assert len(here.ingest.awaited or ()) == 0

    play(work)


def test_what_its_lane_has_no_room_for_is_not_waited_for(tmp_path: Path) -> None:
    async def work() -> None:
        limits = Limits(most_bytes=100)
        async with relayed(tmp_path, answering(setting(FPID)), limits=limits) as (here, vendor):
            answer = await here.ask()
            assert (answer.status, cookies(answer), vendor.requests) == (204, [], [])
            assert [each.reason for each in await dead_letters(here.store)] == ["lane_full"]
            assert len(here.ingest.awaited or ()) == 0

    play(work)


def test_a_hit_that_is_not_stored_leaves_nobody_waiting(tmp_path: Path) -> None:
    async def work() -> None:
        async with relayed(tmp_path, answering(setting(FPID))) as (here, vendor):
            await here.store.close()
            assert (await here.ask()).status == 503
            assert len(here.ingest.awaited or ()) == 0
            assert vendor.requests == []

    play(work)


def test_where_others_deliver_nothing_is_waited_for(tmp_path: Path) -> None:
    async def work() -> None:
        async with relayed(tmp_path, answering(setting(FPID)), waits=False) as (here, _):
            assert cookies(await here.ask()) == []
            assert here.became("elsewhere") == 1
            await here.delivered()

    play(work)


def test_only_so_many_hits_wait_and_the_others_are_answered_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting_for, "MOST_WAITING", 20)

    async def work() -> None:
        async def answer(_: asyncio.StreamWriter) -> None:
            await asyncio.Event().wait()

        async with relayed(tmp_path, answer) as (here, _):
            waiting = {asyncio.create_task(here.ask()) for _ in range(30)}
            while len(waiting) > 20:
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                assert {each.result().status for each in done} == {204}
            assert (len(waiting), here.became("crowded")) == (20, 10)
            here.worker.hurry()
            assert {each.status for each in await asyncio.gather(*waiting)} == {204}
            assert here.became("failed") == 20
            assert await here.left() == 30

    play(work)


@pytest.mark.parametrize("count", [1, 4])
def test_a_slow_destination_costs_one_hit_at_a_time_its_time(tmp_path: Path, count: int) -> None:
    async def work() -> None:
        async def answer(_: asyncio.StreamWriter) -> None:
            await asyncio.Event().wait()

        async with relayed(tmp_path, answer, ", seconds: 0.1") as (here, _):
            for _ in range(3):
                await here.ask()
            await asyncio.gather(*[here.ask() for _ in range(count)])
            assert here.became("too_late") == 4
            assert here.became("crowded") == count - 1

    play(work)
