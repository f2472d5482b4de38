"""What one, two and four processes take and deliver over one PostgreSQL, beside one process with its file.

    python -m benchmarks.scale [--short] [--rounds N] [--seconds S] [--processes 1,2,4] [--only accept]

Everything shares the machine's cores: processes, database, vendor and load. So what counts is the work for one second
of CPU, the database's included; what was done in a second of the clock is shown beside it, with what filled the cores,
and whether more processes did more until they were full. One round takes about five minutes.
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
from collections.abc import Callable, Iterator, Mapping, Sequence
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
from benchmarks.backlog import forward
from benchmarks.closed_loop import CONNECTIONS, load
from benchmarks.cluster import Cluster, cluster
from benchmarks.example import ROOT, SECRETS, compiled, example
from benchmarks.hits import purchases
from benchmarks.in_process import NOWHERE
from benchmarks.machine import processor, processor_seconds, spent_seconds
from benchmarks.scaled import Measured, report, risen
from benchmarks.servers import Server
from container.delivery.postgres import open_postgres
from container.delivery.row import Acceptance, Row
from container.delivery.schema import FILE
from container.delivery.sqlite import open_store
from container.delivery.store import Store

DATABASE = "tags"
PROCESSES = (1, 2, 4)
ROWS: Mapping[str, int] = {"batched": 60_000, "alone": 6_000, "forward": 20_000}
SHORT_ROWS: Mapping[str, int] = {"batched": 5_000, "alone": 500, "forward": 2_000}
STARTED_SECONDS, STARTED_SECONDS_EACH = 6.0, 4.0
"""How long processes take to start at most, until what waits is due: the first, and each."""

LOOK_SECONDS = 0.2
DATA, SPOOL = "data", "spool"
WORKS: Mapping[str, str] = {
    "accept": "hits taken",
    "batched": "delivered, 500 a request",
    "alone": "delivered, one a request",
    "forward": "forwarded from a spool",
}
KEY = base64.b64encode(secrets.token_bytes(32)).decode()


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
            watch = Watch(place, [each.pid for each in started])
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
        with counting(place) as left:
            watch = Watch(place, [each.pid for each in started])
            deadline = time.monotonic() + delivery.DRAINED_WITHIN_SECONDS
            while left():
                assert time.monotonic() < deadline, f"{left()} rows are left"
                time.sleep(LOOK_SECONDS)
            found = watch.measured(many)
        assert delivery.arrived(vendor) == many, "something was delivered twice"
    return found


def spool(place: Place, many: int) -> Measured:
    """What waits in the spool of one process goes on to the database, with nothing else to do."""
    assert place.database is not None
    text = delivery.text_of("batched", NOWHERE)
    rows = delivery.rows_of(compiled(text, place.folder), many)
    with forward(place.database.url(DATABASE), KEY, place.folder / SPOOL, rows) as process:
        watch = Watch(place, [process.pid])
        process.go()
        found = watch.measured(many)
    assert rows_in(place) == many, "not all of the spool was forwarded"
    return found


class Watch:
    """Measures from when it is made. `measured_ones`: the processes whose CPU counts, beside the database's."""

    def __init__(self, place: Place, measured_ones: Sequence[int]) -> None:
        self._place, self._measured_ones = place, measured_ones
        self._began, self._before = time.monotonic(), self._now()

    def measured(self, count: int) -> Measured:
        """Until now."""
        seconds = time.monotonic() - self._began
        passed = (after - before for before, after in zip(self._before, self._now(), strict=True))
        own, database, ours, machine, log = passed
        return Measured(
            count=count,
            seconds=seconds,
            cpu=own + database,
            database=database,
            beside=max(ours - own - database, 0.0),
            others=max(machine - ours, 0.0),
            cores=os.cpu_count() or 1,
            written=log,
        )

    def _now(self) -> tuple[float, float, float, float, float]:
        """CPU seconds of the processes, the database, all that this program started, the machine; bytes of the log."""
        own = sum(map(processor_seconds, self._measured_ones))
        database = self._place.processor_seconds()
        return own, database, processor_seconds(os.getpid()), spent_seconds(), self._place.written()


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
    """Deliveries that wait or are under way."""
    with counting(place) as found:
        return found()


@contextmanager
def counting(place: Place) -> Iterator[Callable[[], int]]:
    """How many deliveries wait or are under way, as their lanes count them: looking at all of them takes CPU."""
    if place.database is not None:
        with psycopg.connect(place.database.url(DATABASE), autocommit=True) as asking:
            yield lambda: _number(asking.execute("select coalesce(sum(rows), 0) from counts").fetchone())
        return
    with closing(sqlite3.connect(f"{(place.folder / DATA / FILE).as_uri()}?mode=ro", uri=True)) as connection:
        yield lambda: _number(connection.execute("select coalesce(sum(rows), 0) from lanes").fetchone())


def _number(row: tuple[Any, ...] | None) -> int:
    assert row is not None
    return int(row[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--short", action="store_true", help="one round of little: for a look, not for figures")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=5.0, help="how long hits are sent")
    parser.add_argument("--processes", default=",".join(map(str, PROCESSES)), help="numbers separated by commas")
    parser.add_argument("--only", choices=sorted(WORKS), action="append", default=[], help="repeatable")
    chosen = parser.parse_args()
    rounds, rows, seconds = (1, SHORT_ROWS, 2.0) if chosen.short else (chosen.rounds, ROWS, chosen.seconds)
    every = [("sqlite", 1), *(("postgres", int(each)) for each in chosen.processes.split(",") if each)]
    began = time.monotonic()
    print(f"Rounds: {rounds}, medians. {processor()}, {os.cpu_count()} cores, Python {python_version()}.\n")
    with tempfile.TemporaryDirectory() as made:
        for work in [work for work in WORKS if work in chosen.only or not chosen.only]:
            contenders = [("postgres", 1)] if work == "forward" else every
            found: dict[tuple[str, int], list[Measured]] = {contender: [] for contender in contenders}
            for number in range(rounds):
                for engine, processes in contenders:
                    print(f"round {number + 1} of {rounds}: {work}, {engine}, {processes}", file=sys.stderr)
                    with place_of(engine, Path(made)) as place:
                        found[engine, processes].append(measure(work, place, processes, seconds, rows))
            print(f"{report(WORKS[work], found)}\n", flush=True)
            print("".join(f"{line}\n" for line in risen(found)), flush=True)
    print(f"Took {time.monotonic() - began:.0f} s.")


def measure(work: str, place: Place, processes: int, seconds: float, rows: Mapping[str, int]) -> Measured:
    """One of `WORKS`."""
    if work == "accept":
        return accept(place, processes, seconds)
    if work == "forward":
        return spool(place, rows[work])
    return drain(place, work, rows[work], processes)


if __name__ == "__main__":
    main()
