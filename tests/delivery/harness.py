"""What the delivery tests are made of: planned requests, a clock, stores, and a worker over a vendor of one's own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Generic

import httpx
import orjson
from typing_extensions import TypeVar

from container.delivery.judging import Judge
from container.delivery.pace import USUAL, Pace
from container.delivery.row import Acceptance, acceptance
from container.delivery.selection import RowReport, Selection
from container.delivery.sqlite import SqliteStore, open_store
from container.delivery.store import Claimed, LaneReport, Limits, Store
from container.delivery.transport import Transport
from container.delivery.worker import Surroundings, Worker
from container.effects import Batch, Reply, Request, by_status
from container.engine.outcome import Failure, Guard, Outcome, Planned
from container.event import Hit
from container.secret import Secret, SecretText
from tests import canaries

T = TypeVar("T")
S = TypeVar("S", bound=Store, default=SqliteStore)

NOW = 1_800_000_000_000
LATER, HOURS = NOW + 100_000, 3_600_000
LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
HIT = Hit(
    id=bytes(range(16)),
    received=NOW,
    method="POST",
    path="/g/collect",
    query=f"v=2&{canaries.QUERY}",
    headers=canaries.HEADERS,
    body=f"en=purchase&{canaries.QUERY}".encode(),
    ip=canaries.IP,
)
TOKEN = Secret("TIKTOK_TOKEN")
SECRETS = {"TIKTOK_TOKEN": "t0k3n-of-the-account", "OTHER": 'quo"te&='}
USER = {"email": canaries.EMAIL, "phone": canaries.PHONE, "ip": canaries.IP, "user_agent": canaries.USER_AGENT}

_BENCHES: list[Bench[Any]] = []

StoreFactory = Callable[[Path], Awaitable[Store]]
Scenario = Callable[[Callable[[Store], Awaitable[None]]], None]


def run(work: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine in a loop of its own, fails rather than hangs, and closes every bench it leaves behind."""

    async def limited() -> T:
        try:
            async with asyncio.timeout(60):
                return await work
        finally:
            while _BENCHES:
                await _BENCHES.pop().close()

    return asyncio.run(limited())


def play_in(folder: Path, limits: Limits, scenario: Callable[[SqliteStore], Awaitable[None]]) -> None:
    """Runs a scenario on a store with these limits, and closes it."""

    async def whole() -> None:
        store = open_store(folder, now=NOW, limits=limits)
        try:
            await scenario(store)
        finally:
            await store.close()

    run(whole())


def item_request(number: int = 1, *, account: str = "C1", test_code: str = "", **more: Any) -> Request:
    """A request that can be batched."""
    return Request(
        "POST",
        "https://vendor.example/v1/events",
        headers={"Access-Token": SecretText((TOKEN,))},
        json={"source": account, "data": []},
        item={"event": "Purchase", "event_id": str(number), "user": USER, **more},
        batch=Batch("data", 1000),
        account=account,
        test_code=test_code,
    )


def single_request(number: int = 1) -> Request:
    """A request that goes alone."""
    return Request("POST", f"https://hook.example/orders/{number}", json={"order": number})


def planned(number: int = 1, request: Request | None = None, **more: Any) -> Planned:
    found = Planned(
        id=f"{number:032x}",
        tag="TikTok - events",
        type="tiktok_events_api",
        format=1,
        request=request or item_request(number),
        event_name="purchase",
        event_time=NOW,
    )
    return found._replace(**more)


def outcome(*requests: Planned, guards: Sequence[Guard] = (), failures: Sequence[Failure] = ()) -> Outcome:
    return Outcome(HIT, "GA4", Reply(), requests, guards, failures)


def accepted(*requests: Planned, now: int = NOW, guards: Sequence[Guard] = (), linger: int = 0) -> Acceptance:
    return acceptance(outcome(*requests, guards=guards), now=now, linger=linger)


async def claim_first(store: Store, now: int = NOW, most_items: int = 500, ahead: int = 0) -> Claimed | None:
    """A claim of the lane that is due first."""
    waiting = await store.waiting()
    if not waiting:
        return None
    return await store.claim(waiting[0].number, now=now, most_items=most_items, ahead=ahead)


async def must_claim(store: Store, now: int = NOW, most_items: int = 500, ahead: int = 0) -> Claimed:
    claimed = await claim_first(store, now, most_items, ahead)
    assert claimed is not None
    return claimed


async def dead_letters(
    store: Store, *, most: int = 50, before: int | None = None, lane: int | None = None
) -> Sequence[RowReport]:
    """The latest, of one lane or of all."""
    return await store.rows(Selection("dead", lane=lane), most=most, before=before)


def ids(claimed: Claimed | None) -> list[int]:
    """The numbers of the planned requests under a claim."""
    return [] if claimed is None else [int(row.id, 16) for row in claimed.rows]


@dataclass
class Clock:
    """Time that passes when it is told to; sleeping passes it."""

    now: int = NOW

    def __call__(self) -> int:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += round(seconds * 1000)
        await asyncio.sleep(0)


@dataclass
class Vendor:
    """Answers with what `reply` makes of a request, and keeps what it got."""

    reply: Callable[[httpx.Request], httpx.Response] = lambda request: httpx.Response(200)
    requests: list[httpx.Request] = field(default_factory=list)
    clock: Callable[[], int] = lambda: 0
    times: list[int] = field(default_factory=list)

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        self.times.append(self.clock())
        return self.reply(request)


@dataclass
class Bench(Generic[S]):
    """A worker over a store and a vendor."""

    store: S
    worker: Worker
    vendor: Vendor
    clock: Clock
    transport: Transport

    async def turn(self) -> int:
        """One look at all lanes, until everything that was started has come back; when to look again."""
        due = await self.worker.turn()
        await self.worker.settled()
        return self.clock.now if self.worker._awake.is_set() else due

    async def until_idle(self) -> None:
        """Turns, with the time passing between them, until nothing waits."""
        for _ in range(10_000):
            due = await self.turn()
            waiting = await self.store.waiting()
            if not waiting:
                return
            if due > self.clock.now:
                # A store that several processes have is looked at more often than there is anything to do.
                due = max(due, min(max(lane.due, lane.state.not_before) for lane in waiting))
            self.clock.now = max(self.clock.now, due)
        raise AssertionError("it never ended")

    async def close(self) -> None:
        await self.worker.stop(0)
        await self.transport.close()
        await self.store.close()


def bench(
    folder: Path,
    reply: Callable[[httpx.Request], httpx.Response] | None = None,
    *,
    judge: Judge | None = by_status,
    reveal: Callable[[str], str | None] = SECRETS.get,
    random: Callable[[], float] = lambda: 1.0,
    pace: Pace = USUAL,
) -> Bench:
    """Over a file. `judge` `None`: the component is not there."""
    store = open_store(folder, now=NOW)
    return bench_over(store, reply, judge=judge, reveal=reveal, random=random, pace=pace)


def bench_over(
    store: S,
    reply: Callable[[httpx.Request], httpx.Response] | None = None,
    *,
    judge: Judge | None = by_status,
    reveal: Callable[[str], str | None] = SECRETS.get,
    random: Callable[[], float] = lambda: 1.0,
    pace: Pace = USUAL,
) -> Bench[S]:
    """The same over any store."""
    clock = Clock()
    vendor = Vendor(reply, clock=clock) if reply else Vendor(clock=clock)
    transport = Transport(httpx.MockTransport(vendor), reveal)
    around = Surroundings(clock=clock, random=random, sleep=clock.sleep)
    worker = Worker(store, transport, lambda *_: judge, paces=lambda _: pace, surroundings=around)
    found = Bench(store, worker, vendor, clock, transport)
    _BENCHES.append(found)
    return found


def items(request: httpx.Request) -> list[int]:
    return [int(item["event_id"]) for item in orjson.loads(request.content)["data"]]


def answers(*statuses: int, then: int = 200) -> Callable[[httpx.Request], httpx.Response]:
    """One status after the other, and then always the same."""
    left = iter(statuses)
    return lambda request: httpx.Response(next(left, then))


async def only_lane(found: Bench[Any]) -> LaneReport:
    lanes: Sequence[LaneReport] = await found.store.lanes()
    [lane] = lanes
    return lane
