"""Three times as many hits as the server takes: how soon the rest is refused, and what those wait that are taken.

    python -m benchmarks.overload [--short] [--seconds N] [--times N] [--connections N]

The server has one core, the load another. First the knee is found, as many hits as are answered with 64 connections;
then hits come at random moments from many connections: calmly, three times as fast as the knee, and calmly again.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import uvloop

from benchmarks import closed_loop, open_loop, servers
from benchmarks.example import example
from benchmarks.figures import Cell, percentile, table
from benchmarks.hits import page_views, purchases
from benchmarks.ingest import NOWHERE
from benchmarks.machine import cores, resident_mb
from benchmarks.wire import requests

CONNECTIONS = 900
"""Fewer than a server takes; more than hits that may wait in it."""

CALM = 0.4
"""The part of the knee at which hits come before and afterwards."""

CALM_SECONDS, SECONDS, SHORT_SECONDS = 10.0, 60.0, 10.0
TIMES = 3.0
VIEWS_OF_TEN = 7
"""Of ten hits so many are page views, which are refused first."""

SLOWER = 2.0
"""It is normal again once no hit takes so many times longer than before."""

GOALS = {"refused": 20.0, "taken": 500.0, "memory": 100.0, "normal": 5.0}

MOST_LATE_MS = 50.0
"""With a generator that is later than that the figures are the machine's, not the server's."""

_NAP_SECONDS = 0.002
_SENT_TOGETHER = 4
_LOOKED_EVERY_SECONDS = 0.25


@dataclass(slots=True)
class Sent:
    """A hit. `due`: seconds from the start. `took`: from then to its answer; `status`: 0 while there is none.

    `waited`: the part of it that no connection was free, or the generator was late; `late`: the latter alone.
    """

    due: float
    is_view: bool
    took: float = 0.0
    waited: float = 0.0
    late: float = 0.0
    status: int = 0
    again: bool = False
    """Whether the answer said when to come again."""


class Caller(asyncio.Protocol):
    """One connection with at most one hit under way."""

    def __init__(self, crowd: Flood) -> None:
        self._crowd = crowd
        self._transport: asyncio.Transport | None = None
        self._read = b""
        self._sent: Sent | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def send(self, sent: Sent, content: bytes) -> None:
        assert self._transport is not None
        self._sent, sent.waited = sent, time.perf_counter() - self._crowd.began - sent.due
        self._transport.write(content)

    def data_received(self, data: bytes) -> None:
        self._read += data
        head, ends, body = self._read.partition(b"\r\n\r\n")
        if not ends or len(body) < _stated_length(head) or self._sent is None:
            return
        sent, self._sent, self._read = self._sent, None, b""
        sent.took = time.perf_counter() - self._crowd.began - sent.due
        sent.status, sent.again = int(head[9:12]), b"retry-after: " in head
        self._crowd.answered(self)

    def close(self) -> None:
        assert self._transport is not None
        self._transport.abort()


def _stated_length(head: bytes) -> int:
    _, found, rest = head.partition(b"content-length: ")
    return int(rest.partition(b"\r\n")[0]) if found else 0


@dataclass
class Flood:
    """Hits that come when they are due, whatever became of those before them."""

    idle: deque[Caller] = field(default_factory=deque)
    waiting: deque[tuple[Sent, bytes]] = field(default_factory=deque)
    began: float = 0.0
    open: int = 0
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def answered(self, caller: Caller) -> None:
        self.open -= 1
        if self.waiting:
            caller.send(*self.waiting.popleft())
        else:
            self.idle.append(caller)
            if not self.open:
                self.over.set()

    async def send(self, port: int, connections: int, hits: Sequence[tuple[Sent, bytes]]) -> None:
        """Sends them all, and returns when each has its answer or none comes any more."""
        loop = asyncio.get_running_loop()
        for _ in range(connections):
            _, caller = await loop.create_connection(lambda: Caller(self), "127.0.0.1", port)
            self.idle.append(caller)
        callers = list(self.idle)
        self.began = time.perf_counter()
        for number, (sent, content) in enumerate(hits):
            due = self.began + sent.due
            while (left := due - time.perf_counter()) > 0:  # noqa: ASYNC110  # nobody can tell us: it is the clock
                await asyncio.sleep(left - _NAP_SECONDS if left > 2 * _NAP_SECONDS else 0)
            self.open += 1
            sent.late = time.perf_counter() - due
            if self.idle:
                self.idle.popleft().send(sent, content)
            else:
                self.waiting.append((sent, content))
            # What has been answered meanwhile is read soon, however many hits are due.
            if number % _SENT_TOGETHER == 0:
                await asyncio.sleep(0)
        self.over.clear()
        if self.open:
            # What has no answer by then is told of.
            with suppress(TimeoutError):
                await asyncio.wait_for(self.over.wait(), open_loop.GRACE_SECONDS)
        for caller in callers:
            caller.close()


@dataclass(frozen=True, slots=True)
class Plan:
    """Hits a second while it is calm and while too many come, and for how many seconds each."""

    calm: float
    flood: float
    calm_seconds: float
    flood_seconds: float

    @property
    def ends(self) -> float:
        """When the flood is over, in seconds from the start."""
        return self.calm_seconds + self.flood_seconds

    def moments(self) -> Iterator[float]:
        """When hits are due."""
        yield from open_loop.schedule(self.calm, self.calm_seconds, 1)
        yield from (self.calm_seconds + each for each in open_loop.schedule(self.flood, self.flood_seconds, 2))
        yield from (self.ends + each for each in open_loop.schedule(self.calm, self.calm_seconds, 3))


@dataclass(frozen=True, slots=True)
class Found:
    """What became of the hits. Memory in MB: before, the most there was, and at the end."""

    plan: Plan
    hits: Sequence[Sent]
    before: float
    peak: float
    after: float

    @property
    def calm(self) -> Sequence[float]:
        """Milliseconds of the hits before the flood, from when they were offered; the first second warms up."""
        begins = min(1.0, self.plan.calm_seconds / 2)
        return [_offered_ms(sent) for sent in self.hits if begins <= sent.due < self.plan.calm_seconds and sent.status]

    @property
    def flood(self) -> Sequence[Sent]:
        """The hits of which too many came."""
        return [sent for sent in self.hits if self.plan.calm_seconds <= sent.due < self.plan.ends]

    @property
    def taken(self) -> Sequence[float]:
        """Milliseconds from when a hit was due."""
        return [sent.took * 1000 for sent in self.flood if sent.status == 204]

    @property
    def taken_since_offered(self) -> Sequence[float]:
        """The same without what the generator was late: that is not the server, nor for want of a connection."""
        return [_offered_ms(sent) for sent in self.flood if sent.status == 204]

    @property
    def taken_once_written(self) -> Sequence[float]:
        """The same without what the generator was late, or had no connection."""
        return [(sent.took - sent.waited) * 1000 for sent in self.flood if sent.status == 204]

    @property
    def refused(self) -> Sequence[float]:
        """Milliseconds from when a hit was written: whoever is late before that is not the server."""
        return [(sent.took - sent.waited) * 1000 for sent in self.flood if sent.status == 503]

    @property
    def normal_after(self) -> float:
        """Seconds after the flood until no hit is refused, and none takes much longer than before it."""
        most = SLOWER * percentile(self.calm, 0.99)
        later = [sent for sent in self.hits if sent.due >= self.plan.ends]
        slow = sorted(sent.due - self.plan.ends for sent in later if sent.status != 204 or _offered_ms(sent) > most)
        after = 0.0
        for moment in slow:
            # One that is slow after a second without any is the machine's.
            if moment - after > 1.0:
                break
            after = moment
        return after

    def taken_of(self, *, views: bool) -> float:
        """The part of the page views, or of the sales, that was taken in the flood."""
        found = [sent.status == 204 for sent in self.flood if sent.is_view is views]
        return sum(found) / max(1, len(found))

    @property
    def late(self) -> float:
        """How late the generator was, 99th percentile in milliseconds: how little the figures say of the server."""
        return percentile([sent.late * 1000 for sent in self.flood], 0.99)

    @property
    def unanswered(self) -> int:
        return sum(not sent.status for sent in self.hits)

    @property
    def without_retry_after(self) -> int:
        return sum(sent.status == 503 and not sent.again for sent in self.hits)


def _offered_ms(sent: Sent) -> float:
    """Milliseconds from when the generator came to a hit."""
    return (sent.took - sent.late) * 1000


def flooded(server: servers.Server, plan: Plan, *, connections: int = CONNECTIONS) -> Found:
    """Sends all that is planned to a server that is warm."""
    views, sales = requests(page_views()), requests(purchases())
    hits = []
    for number, due in enumerate(plan.moments()):
        is_view = number % 10 < VIEWS_OF_TEN
        hits.append((Sent(due, is_view), next(views if is_view else sales)))
    memory: list[float] = []

    async def work() -> None:
        flood = Flood()
        watching = asyncio.create_task(watch())
        await flood.send(server.port, connections, hits)
        watching.cancel()

    async def watch() -> None:
        while True:
            memory.append(resident_mb(server.pid))
            await asyncio.sleep(_LOOKED_EVERY_SECONDS)

    gc.collect()
    gc.disable()
    try:
        uvloop.run(work())
    finally:
        gc.enable()
    first = max(1, int(plan.calm_seconds / _LOOKED_EVERY_SECONDS))
    return Found(plan, [sent for sent, _ in hits], max(memory[:first]), max(memory), resident_mb(server.pid))


def knee(server: servers.Server, seconds: float, folder: Path) -> float:
    """Hits a second that are answered with 64 connections, of the same mix."""
    mixed = [*page_views(50 * VIEWS_OF_TEN), *purchases(50 * (10 - VIEWS_OF_TEN))]
    load = closed_loop.load(server.port, mixed, seconds, folder)
    return load.answered / load.seconds


def report(found: Found, most: float) -> str:
    """Everything as a table in Markdown."""
    plan, flood = found.plan, found.flood
    refused, taken = found.refused or [0.0], found.taken_since_offered or [0.0]
    rows: list[Sequence[Cell]] = [
        ("knee, hits/s", most, ""),
        ("hits/s in the flood", plan.flood, ""),
        ("hits in the flood", len(flood), ""),
        ("taken", len(found.taken), ""),
        ("taken a second", len(found.taken) / plan.flood_seconds, ""),
        ("of page views, %", 100 * found.taken_of(views=True), ""),
        ("of sales, %", 100 * found.taken_of(views=False), ""),
        ("without an answer", found.unanswered, 0),
        ("503 without Retry-After", found.without_retry_after, 0),
        ("refused, p50 ms", percentile(refused, 0.5), ""),
        ("refused, p99 ms", percentile(refused, 0.99), GOALS["refused"]),
        ("refused, longest ms", max(refused), ""),
        ("taken, p50 ms", percentile(taken, 0.5), ""),
        ("taken, p99 ms", percentile(taken, 0.99), GOALS["taken"]),
        ("taken, longest ms", max(taken), ""),
        ("taken, from when it was written, p99 ms", percentile(found.taken_once_written or [0.0], 0.99), ""),
        ("taken, from when it was due, p99 ms", percentile(found.taken or [0.0], 0.99), ""),
        ("before it, p50 ms", percentile(found.calm, 0.5), ""),
        ("before it, p99 ms", percentile(found.calm, 0.99), ""),
        ("memory before, RSS MB", found.before, ""),
        ("most memory, RSS MB", found.peak, found.before + GOALS["memory"]),
        ("memory after, RSS MB", found.after, ""),
        ("normal after, s", found.normal_after, GOALS["normal"]),
        ("generator late, p99 ms", found.late, MOST_LATE_MS),
        ("no connection free, p99 ms", percentile([(s.waited - s.late) * 1000 for s in flood], 0.99), ""),
    ]
    return table(("what", "found", "goal"), rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--short", action="store_true", help="ten seconds instead of a minute")
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--times", type=float, default=TIMES, help="so many times the knee")
    parser.add_argument("--connections", type=int, default=CONNECTIONS)
    chosen = parser.parse_args()
    seconds = SHORT_SECONDS if chosen.short else chosen.seconds
    core, load_cores = cores()
    os.sched_setaffinity(0, load_cores)
    with tempfile.TemporaryDirectory() as made, servers.product(example(NOWHERE), core, Path(made)) as server:
        knee(server, 2.0, Path(made))
        most = knee(server, 3.0, Path(made))
        plan = Plan(CALM * most, chosen.times * most, CALM_SECONDS if seconds > SHORT_SECONDS else 5.0, seconds)
        found = flooded(server, plan, connections=chosen.connections)
        taken = sum(sent.status == 204 for sent in found.hits)
        rows = server.rows()
        assert rows >= taken, f"{taken} hits were taken, {rows} rows are on disk"
    print(f"### {chosen.times:g} times the knee for {seconds:g} s\n\n{report(found, most)}\n")
    if found.late > MOST_LATE_MS:
        print(f"The generator was up to {found.late:.0f} ms late: others use this machine, and these are no figures.\n")


if __name__ == "__main__":
    main()
