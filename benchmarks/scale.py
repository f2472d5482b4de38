"""What one, two and four processes take and deliver over one PostgreSQL, beside one process with its file.

    python -m benchmarks.scale [--short] [--rounds N] [--seconds S] [--processes 1,2,4] [--only accept]

Everything shares the machine's cores: processes, database, vendor and load. So what counts is the work for one second
of CPU, the database's included; what was done in a second of the clock is shown beside it, with how busy the machine
was with other things.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import os
import secrets
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from platform import python_version
from typing import Any

import psycopg

from benchmarks import delivery, servers
from benchmarks.closed_loop import CONNECTIONS, load
from benchmarks.cluster import Cluster, cluster
from benchmarks.example import ROOT, SECRETS, compiled, example
from benchmarks.figures import Cell, median, table
from benchmarks.hits import purchases
from benchmarks.in_process import NOWHERE
from benchmarks.machine import processor, processor_seconds, spent_seconds
from benchmarks.servers import Server
from container.delivery.postgres import open_postgres
from container.delivery.row import Acceptance, Row
from container.delivery.schema import FILE
from container.delivery.sqlite import open_store
from container.delivery.store import Store

DATABASE = "tags"
PROCESSES = (1, 2, 4)
ROWS: Mapping[str, int] = {"batched": 30_000, "alone": 3_000}
SHORT_ROWS: Mapping[str, int] = {"batched": 5_000, "alone": 500}
STARTED_SECONDS, STARTED_SECONDS_EACH = 6.0, 4.0
"""How long processes take to start at most, until what waits is due: the first, and each."""

BUSY = 0.15
"""A machine of which more than this was taken by others is marked."""

LOOK_SECONDS = 0.2
DATA = "data"
CALLED: Mapping[str, str] = {"sqlite": "SQLite", "postgres": "PostgreSQL"}
WORKS: Mapping[str, str] = {
    "accept": "hits taken",
    "batched": "delivered, 500 a request",
    "alone": "delivered, one a request",
}
KEY = base64.b64encode(secrets.token_bytes(32)).decode()


@dataclass(frozen=True, slots=True)
class Measured:
    """Hits or events of a run. `database`: CPU seconds of PostgreSQL within `cpu`. `others`: share of the machine that
    was taken by what is not ours. `written`: bytes of PostgreSQL's log.
    """

    count: int
    seconds: float
    cpu: float
    database: float
    others: float
    written: float

    @property
    def per_cpu(self) -> float:
        """For one second of CPU, the database's included."""
        return self.count / max(self.cpu, 0.01)

    @property
    def per_second(self) -> float:
        return self.count / self.seconds


@dataclass(frozen=True, slots=True)
class Place:
    """Where rows are kept: a PostgreSQL, or in a file without one."""

    folder: Path
    database: Cluster | None

    @property
    def environment(self) -> Mapping[str, str]:
        """What processes need to know of it, and the secrets."""
        if self.database is None:
            return SECRETS
        return {**SECRETS, "TAG_CONTAINER_STORE": self.database.url(DATABASE), "TAG_CONTAINER_KEY": KEY}

    def processor_seconds(self) -> float:
        return self.database.processor_seconds() if self.database else 0.0

    def written(self) -> float:
        """Bytes that PostgreSQL has written to its log."""
        return float(self.database.asked("select pg_current_wal_lsn()-'0/0'")) if self.database else 0.0


def accept(place: Place, processes: int, seconds: float) -> Measured:
    """Hits as fast as processes that only take them answer, 64 connections in all."""
    with ExitStack() as stack:
        text = example(NOWHERE)
        more = [] if place.database is None else ["--no-deliver"]
        started = [stack.enter_context(process(place, text, "serve", more)) for _ in range(processes)]
        with ThreadPoolExecutor(processes) as pool:
            watch = Watch(place, started)
            one = partial(load, connections=CONNECTIONS // processes)
            loads = [pool.submit(one, each.port, purchases(), seconds, each.folder) for each in started]
            answered = sum(each.result().answered for each in loads)
            found = watch.measured(answered)
    assert rows_in(place) >= answered, "a hit was answered and not written"
    return found


def drain(place: Place, kind: str, many: int, processes: int) -> Measured:
    """Has so many rows delivered that are due at one moment, with nothing else to do."""
    with servers.sink(set(os.sched_getaffinity(0)), place.folder) as vendor, ExitStack() as stack:
        text = delivery.text_of(kind, f"http://127.0.0.1:{vendor.port}")
        rows = delivery.rows_of(compiled(text, place.folder), many)
        began = time.time()
        waiting = STARTED_SECONDS + STARTED_SECONDS_EACH * processes + many / delivery.FILLED_A_SECOND
        due = round((began + waiting) * 1000)
        asyncio.run(fill(place, rows, due))
        command = "serve" if place.database is None else "deliver"
        started = [stack.enter_context(process(place, text, command)) for _ in range(processes)]
        assert time.time() * 1000 < due, "they started too slowly"
        assert rows_in(place) == many, "rows were delivered before they were due"
        time.sleep(max(due / 1000 - time.time(), 0))
        watch = Watch(place, started)
        deadline = time.monotonic() + delivery.DRAINED_WITHIN_SECONDS
        while left := rows_in(place):
            assert time.monotonic() < deadline, f"{left} rows are left"
            time.sleep(LOOK_SECONDS)
        found = watch.measured(many)
        assert delivery.arrived(vendor) == many, "something was delivered twice"
    return found


class Watch:
    """Measures from when it is made."""

    def __init__(self, place: Place, started: Sequence[Server]) -> None:
        self._place, self._started = place, started
        self._began, self._before = time.monotonic(), self._now()

    def measured(self, count: int) -> Measured:
        """Until now."""
        seconds = time.monotonic() - self._began
        own, database, others, log = (after - before for before, after in zip(self._before, self._now(), strict=True))
        shared = max(others / seconds / (os.cpu_count() or 1), 0.0)
        return Measured(count, seconds, own + database, database, shared, log)

    def _now(self) -> tuple[float, float, float, float]:
        """CPU seconds of the processes, of the database, and of what this program has not started; bytes of its log."""
        own = sum(each.processor_seconds() for each in self._started)
        others = spent_seconds() - processor_seconds(os.getpid())
        return own, self._place.processor_seconds(), others, self._place.written()


@contextmanager
def process(place: Place, text: str, command: str, more: Sequence[str] = ()) -> Iterator[Server]:
    """A `serve` or `deliver` that answers."""
    with tempfile.TemporaryDirectory(dir=place.folder) as made:
        folder = Path(made)
        port, admin_port = servers.free_port(), servers.free_port()
        (folder / "container.yaml").write_text(text, encoding="utf-8")
        stated = [sys.executable, "-m", "container", command, "--config", str(folder / "container.yaml")]
        stated += ["--admin-port", str(admin_port), *more]
        if command == "serve":
            data = folder if place.database else place.folder / DATA
            stated += ["--port", str(port), "--data", str(data), "--trusted-proxy", servers.LOOPBACK]
            stated += ["--rate-limit", "0"]
        if text_delivers(text):
            stated += ["--allow-egress", servers.LOOPBACK]
        where = (port, "/healthy") if command == "serve" else (admin_port, "/metrics")
        everywhere = set(os.sched_getaffinity(0))
        with servers.running(stated, where[0], folder, everywhere, place.environment, path=where[1]) as server:
            yield server


def text_delivers(text: str) -> bool:
    """Whether its vendor is there."""
    return NOWHERE not in text


@contextmanager
def place_of(engine: str, parent: Path) -> Iterator[Place]:
    """A new file, or a new PostgreSQL with our tables in it."""
    with tempfile.TemporaryDirectory(dir=parent) as made:
        folder = Path(made)
        if engine == "sqlite":
            yield Place(folder, None)
            return
        with cluster() as database:
            database.asked(f"create database {DATABASE}")
            command = [sys.executable, "-m", "container", "migrate", "--store", database.url(DATABASE)]
            subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
            yield Place(folder, database)


async def fill(place: Place, rows: Iterator[Row], due: int) -> None:
    """Has the rows wait until then (Unix milliseconds)."""
    now = time.time_ns() // 1_000_000
    if place.database is None:
        store: Store = open_store(place.folder / DATA, now=now, limits=delivery.NO_LIMITS)
    else:
        store = await open_postgres(place.database.url(DATABASE), key=KEY, limits=delivery.NO_LIMITS)
    while waiting := [row._replace(due=due, first=now, expire=None) for row in islice(rows, delivery.TOGETHER)]:
        await store.accept(Acceptance(now, waiting))
    await store.close()


def rows_in(place: Place) -> int:
    """Deliveries that wait or are under way: as their lanes count them, since looking at all of them takes CPU."""
    if place.database is not None:
        with psycopg.connect(place.database.url(DATABASE)) as asking:
            return _number(asking.execute("select coalesce(sum(rows), 0) from counts").fetchone())
    with closing(sqlite3.connect(f"{(place.folder / DATA / FILE).as_uri()}?mode=ro", uri=True)) as connection:
        return _number(connection.execute("select coalesce(sum(rows), 0) from lanes").fetchone())


def _number(row: tuple[Any, ...] | None) -> int:
    assert row is not None
    return int(row[0])


def report(what: str, found: Mapping[tuple[str, int], Sequence[Measured]]) -> str:
    """Medians of the rounds as a table in Markdown, with what SQLite does for comparison."""
    yardstick = median([each.per_cpu for each in found["sqlite", 1]]) if ("sqlite", 1) in found else 0.0
    headings = (
        what,
        "per CPU-s",
        "against SQLite",
        "of the CPU: database",
        "log bytes each",
        "a second",
        "machine taken by others",
    )
    rows: list[Sequence[Cell]] = []
    for (engine, processes), rounds in found.items():
        per_cpu = median([each.per_cpu for each in rounds])
        others = median([each.others for each in rounds])
        rows.append(
            (
                f"{CALLED[engine]}, {processes} {'process' if processes == 1 else 'processes'}",
                per_cpu,
                per_cpu / yardstick if yardstick else "-",
                f"{median([each.database / each.cpu for each in rounds]):.0%}",
                median([each.written / each.count for each in rounds]) if engine == "postgres" else "-",
                median([each.per_second for each in rounds]),
                f"{others:.0%}{' (busy)' if others > BUSY else ''}",
            )
        )
    return table(headings, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--short", action="store_true", help="one round of little: for a look, not for figures")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0, help="how long hits are sent")
    parser.add_argument("--processes", default=",".join(map(str, PROCESSES)), help="numbers separated by commas")
    parser.add_argument("--only", choices=sorted(WORKS), action="append", default=[], help="repeatable")
    chosen = parser.parse_args()
    rounds, rows, seconds = (1, SHORT_ROWS, 2.0) if chosen.short else (chosen.rounds, ROWS, chosen.seconds)
    contenders = [("sqlite", 1), *(("postgres", int(each)) for each in chosen.processes.split(",") if each)]
    works = [work for work in WORKS if work in chosen.only or not chosen.only]
    print(f"{rounds} rounds, medians. {processor()}, {os.cpu_count()} cores, Python {python_version()}.\n")
    with tempfile.TemporaryDirectory() as made:
        for work in works:
            found: dict[tuple[str, int], list[Measured]] = {contender: [] for contender in contenders}
            for number in range(rounds):
                for engine, processes in contenders:
                    print(f"round {number + 1} of {rounds}: {work}, {engine}, {processes}", file=sys.stderr)
                    with place_of(engine, Path(made)) as place:
                        found[engine, processes].append(measure(work, place, processes, seconds, rows))
            print(f"{report(WORKS[work], found)}\n", flush=True)


def measure(work: str, place: Place, processes: int, seconds: float, rows: Mapping[str, int]) -> Measured:
    """One of `WORKS`."""
    if work == "accept":
        return accept(place, processes, seconds)
    return drain(place, work, rows[work], processes)


if __name__ == "__main__":
    main()
