"""How many events a server delivers for one second of CPU, while hits keep coming into the same file.

    python -m benchmarks.delivery [--short] [--rounds N] [--only batched] [--only alone] [--profile]

Rows wait on disk before the server starts, due at one moment. The server has one core; the vendor, which takes
everything, and the hits have the others. What taking the hits costs is measured beforehand, while nothing is due, and
taken off. The gross figure is without that.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import os
import pstats
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from benchmarks import open_loop, servers
from benchmarks.example import SECRETS, compiled, example
from benchmarks.figures import Cell, median, table
from benchmarks.hits import purchases
from benchmarks.in_process import hits_of, marked
from benchmarks.machine import cores, loop_seconds
from benchmarks.servers import Server
from container.delivery.content import joined
from container.delivery.frame import MOST_ITEMS
from container.delivery.row import LINGER_MS, Acceptance, Row, acceptance
from container.delivery.sqlite import open_store
from container.delivery.store import Limits
from container.engine.container import Container
from container.engine.run import run

GOALS: Mapping[str, int] = {"batched": 60_000, "alone": 3_500}
"""Events for one second of CPU that a server should deliver."""

ROWS: Mapping[str, int] = {"batched": 100_000, "alone": 15_000}
SHORT_ROWS: Mapping[str, int] = {"batched": 10_000, "alone": 1_500}
HITS_A_SECOND = 50
"""So many keep coming."""

STRETCH_SECONDS = 1.0
STARTED_SECONDS, FILLED_A_SECOND = 10.0, 8000
"""How long filling the store and starting the server take at most; what is left of it is the calm."""

LEAST_CALM_SECONDS, CALM_ENDS_SECONDS = 2.0, 0.5
MOST_SHOWN = 40
NO_LIMITS = Limits(most_rows=1 << 40, most_bytes=1 << 50, lane_share=1.0)
DRAINED_WITHIN_SECONDS = 600.0
TOGETHER = 250
"""Rows that are accepted at once while the store is filled."""

HOOK = """
version: 1
container: {{name: Hooks, id: HOOK-1}}
consent: {{default: granted}}
clients: {{GA4: {{type: ga4}}}}
triggers: {{Purchase: {{events: purchase}}}}
tags:
  Hook:
    type: http_request
    triggers: [Purchase]
    consent: not_needed
    url: "{vendor}/orders"
    headers: {{Authorization: "Bearer ${{secret:TIKTOK_TOKEN}}"}}
    json:
      event_id: "{{{{ event.event_id }}}}"
      order: "{{{{ event.transaction_id }}}}"
      value: "{{{{ event.value }}}}"
      items: "{{{{ event.items }}}}"
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """Where the server and the load run. `before`: what runs the server."""

    core: set[int]
    load_cores: set[int]
    folder: Path
    before: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Drained:
    """What was delivered, and what that took. `calm_share`: of a core, that the hits take with their deliveries."""

    events: int
    seconds: float
    cpu: float
    calm_share: float
    memory_mb: float
    loop_cpu: float

    @property
    def loop_us(self) -> float:
        """Microseconds of the event loop's thread for one event, with the hits."""
        return self.loop_cpu / self.events * 1e6

    @property
    def others_us(self) -> float:
        """Microseconds of the threads that write and read the store, with the hits."""
        return (self.cpu - self.loop_cpu) / self.events * 1e6

    @property
    def gross(self) -> float:
        """Events for one second of all CPU."""
        return self.events / self.cpu

    @property
    def net(self) -> float:
        """Events for one second of the CPU that the hits do not take."""
        return self.events / max(self.cpu - self.calm_share * self.seconds, 0.01)


def text_of(kind: str, vendor: str) -> str:
    """A container whose one tag batches, or does not."""
    return example(vendor) if kind == "batched" else HOOK.format(vendor=vendor)


def rows_of(container: Container, many: int) -> Iterator[Row]:
    """Different rows as the container makes them, and then the same under other ids."""
    made = [
        row for hit in hits_of(marked(purchases())) for row in acceptance(run(container, hit), now=hit.received).rows
    ]
    return (made[number % len(made)]._replace(id=f"{number:032x}") for number in range(many))


async def fill(folder: Path, rows: Iterator[Row], due: int) -> None:
    """Has the rows wait in a store of this folder until then (Unix milliseconds)."""
    now = time.time_ns() // 1_000_000
    store = open_store(folder, now=now, limits=NO_LIMITS)
    while waiting := [row._replace(due=due, first=now, expire=None) for row in islice(rows, TOGETHER)]:
        await store.accept(Acceptance(now, waiting))
    await store.close()


def drain(kind: str, many: int, plan: Plan) -> Drained:
    """Has so many rows delivered, and measures that."""
    with tempfile.TemporaryDirectory(dir=plan.folder) as made, servers.sink(plan.load_cores, plan.folder) as vendor:
        folder, port = Path(made), servers.free_port()
        text = text_of(kind, f"http://127.0.0.1:{vendor.port}")
        rows = rows_of(compiled(text, folder), many)
        due = time.time_ns() // 1_000_000 + round((STARTED_SECONDS + many / FILLED_A_SECOND) * 1000)
        # What can be batched goes along with a hit's row that is due, so much before its own time.
        asyncio.run(fill(folder, rows, due + (LINGER_MS if kind == "batched" else 0)))
        file = str(folder / "container.yaml")
        command = [sys.executable, *plan.before, "-m", "container", "serve", "--config", file, "--data", str(folder)]
        command += ["--port", str(port), "--admin-port", str(servers.free_port()), "--rate-limit", "0"]
        command += ["--trusted-proxy", servers.LOOPBACK, "--allow-egress", servers.LOOPBACK]
        with servers.running(command, port, folder, plan.core, SECRETS) as server:
            return measured(server, vendor, many, due / 1000)


def measured(server: Server, vendor: Server, many: int, due: float) -> Drained:
    """The calm before the rows are due, and then until the last one is delivered."""
    hits: list[int] = []
    ended = threading.Event()
    visiting = threading.Thread(target=visit, args=(server.port, hits, ended))
    visiting.start()
    try:
        calm = due - time.time() - CALM_ENDS_SECONDS
        assert calm > LEAST_CALM_SECONDS, f"the store was filled too slowly: {calm:.1f} s are left"
        before, began = server.processor_seconds(), time.monotonic()
        time.sleep(calm)
        calm_share = (server.processor_seconds() - before) / (time.monotonic() - began)
        assert server.rows_now() >= many, "rows were delivered before they were due"
        time.sleep(max(due - time.time(), 0))
        before, began, first, taken = server.processor_seconds(), time.monotonic(), arrived(vendor), sum(hits)
        in_loop = loop_seconds(server.pid)
        deadline = began + DRAINED_WITHIN_SECONDS
        while server.rows_now() > 2 * HITS_A_SECOND:
            assert time.monotonic() < deadline, f"{server.rows_now()} rows are left"
            time.sleep(0.05)
        seconds, cpu = time.monotonic() - began, server.processor_seconds() - before
        in_loop = loop_seconds(server.pid) - in_loop
        events, own = arrived(vendor) - first, sum(hits) - taken
        memory = server.memory_mb()
    finally:
        ended.set()
        visiting.join()
    assert server.dead() == 0, "there are dead letters"
    return Drained(events - own, seconds, cpu, calm_share, memory, in_loop)


def visit(port: int, hits: list[int], ended: threading.Event) -> None:
    """Hits at the rate, until the end. `hits`: how many were sent, stretch by stretch."""
    seed = 1
    while not ended.is_set():
        hits.append(open_loop.serve(port, purchases(), HITS_A_SECOND, STRETCH_SECONDS, seed=seed).sent)
        seed += 1


def arrived(vendor: Server) -> int:
    """Events that the vendor got."""
    return int(servers.asked(vendor.port, "/count"))


def row_costs(many: int, folder: Path) -> list[Sequence[Cell]]:
    """Microseconds of CPU for a row of what the writer's thread does, in this process and without a vendor."""
    with tempfile.TemporaryDirectory(dir=folder) as made:
        rows = rows_of(compiled(text_of("batched", "http://127.0.0.1:9"), Path(made)), many)
        return asyncio.run(_row_costs(Path(made), rows, many))


async def _row_costs(folder: Path, rows: Iterator[Row], many: int) -> list[Sequence[Cell]]:
    costs: dict[str, float] = {}

    def note(what: str, began: float) -> None:
        costs[what] = costs.get(what, 0.0) + time.process_time() - began

    began = time.process_time()
    await fill(folder, rows, 0)
    note("accept", began)
    now = time.time_ns() // 1_000_000
    store = open_store(folder, now=now)
    [lane] = await store.waiting()
    while True:
        began = time.process_time()
        claimed = await store.claim(lane.number, now=now, most_items=MOST_ITEMS, ahead=0)
        note("claim", began)
        if claimed is None:
            break
        began = time.process_time()
        joined(row.item.filled(lambda name: name.encode()) for row in claimed.rows)
        note("splice", began)
        began = time.process_time()
        await store.settle(claimed, claimed.rows)
        note("settle", began)
    await store.close()
    return [(what, cost / many * 1e6) for what, cost in costs.items()]


def report(found: Mapping[str, Sequence[Drained]]) -> str:
    """Medians of the rounds as a table in Markdown."""
    headings = (
        "drained",
        "rows",
        "events per CPU-s",
        "goal",
        "with the hits",
        "events/s",
        "loop us",
        "threads us",
        "PSS MB",
    )
    rows: list[Sequence[Cell]] = [
        (
            _CALLED[kind],
            rounds[0].events,
            median([each.net for each in rounds]),
            GOALS[kind],
            median([each.gross for each in rounds]),
            median([each.events / each.seconds for each in rounds]),
            median([each.loop_us for each in rounds]),
            median([each.others_us for each in rounds]),
            median([each.memory_mb for each in rounds]),
        )
        for kind, rounds in found.items()
    ]
    return table(headings, rows)


_CALLED = {"batched": "500 a request", "alone": "one a request"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--short", action="store_true", help="one round of few rows: for a look, not for figures")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=sorted(GOALS), action="append", default=[], help="repeatable")
    parser.add_argument("--profile", action="store_true", help="print what takes the loop's time as well")
    chosen = parser.parse_args()
    core, load_cores = cores()
    os.sched_setaffinity(0, load_cores)
    many, rounds = (SHORT_ROWS, 1) if chosen.short else (ROWS, chosen.rounds)
    kinds = [kind for kind in GOALS if kind in chosen.only or not chosen.only]
    found: dict[str, list[Drained]] = {kind: [] for kind in kinds}
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        plan = Plan(core, load_cores, folder)
        for number in range(rounds):
            for kind in kinds:
                print(f"round {number + 1} of {rounds}: {kind}", file=sys.stderr)
                found[kind].append(drain(kind, many[kind], plan))
        print(f"### Deliveries while {HITS_A_SECOND} hits/s keep coming\n\n{report(found)}\n")
        costs = table(("the store, by itself", "CPU us a row"), row_costs(many["batched"], folder))
        print(f"### What a batched row costs\n\n{costs}\n")
        for kind in kinds if chosen.profile else ():
            print(profile(kind, many[kind], plan))


def profile(kind: str, many: int, plan: Plan) -> str:
    """The functions that take the most time of their own in the loop's thread while rows are delivered."""
    kept = plan.folder / "profile"
    drain(kind, many, replace(plan, before=("-m", "cProfile", "-o", str(kept))))
    said = io.StringIO()
    pstats.Stats(str(kept), stream=said).sort_stats("tottime").print_stats(MOST_SHOWN)
    return f"{kind}:\n{said.getvalue()}"


if __name__ == "__main__":
    main()
