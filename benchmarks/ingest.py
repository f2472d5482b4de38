"""What a server does for one core: durable hits per second of CPU, latencies, memory, and the same of two yardsticks.

    python -m benchmarks.ingest [--short] [--rounds N] [--seconds N] [--only NAME]…

The server has one core, the load another. Contenders alternate; what is printed are medians over the rounds.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from benchmarks import closed_loop, flushes, open_loop, servers
from benchmarks.example import example
from benchmarks.figures import Cell, median, slope, table
from benchmarks.hits import Shape, batches, page_views, purchases
from benchmarks.machine import cores, flush_ms, processor
from benchmarks.servers import Server

NOWHERE = "http://127.0.0.1:9"
"""Where the vendor is while nothing is delivered: an address that the server refuses to send to."""

FIRING = (1, 2, 4, 8)
SILENT = 500
RATES = (1000, 5000)
WARM_UP_SECONDS = 2.0
HOLDS_WITHIN_SECONDS = 10.0
DRAINED_WITHIN_SECONDS = 120.0
FLUSH_CHECKED_HITS = 64


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how often; where the server and the load run."""

    rounds: int
    seconds: float
    core: set[int]
    load_cores: set[int]
    folder: Path


@dataclass
class Found:
    """Every figure, by contender and what it says, one for each round."""

    figures: dict[tuple[str, str], list[float]] = field(default_factory=lambda: defaultdict(list))

    def note(self, name: str, **values: float) -> None:
        for what, value in values.items():
            self.figures[name, what].append(value)

    def median(self, name: str, what: str) -> float | None:
        values = self.figures.get((name, what))
        return median(values) if values else None

    def cell(self, name: str, what: str) -> Cell:
        found = self.median(name, what)
        return "-" if found is None else found

    def ratio(self, name: str, other: str, what: str) -> Cell:
        """The median of the rounds' own ratios: what the machine did meanwhile happened to both."""
        pairs = zip(self.figures.get((name, what), ()), self.figures.get((other, what), ()), strict=False)
        ratios = [one / two for one, two in pairs]
        return f"{median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})" if ratios else "-"


def saturated(
    server: Server, shapes: Sequence[Shape], seconds: float, folder: Path, *, durable: bool
) -> dict[str, float]:
    """Load as fast as it answers: hits per second of CPU, and what became of the rows."""
    before = server.rows() if durable else 0
    began = server.processor_seconds()
    load = closed_loop.load(server.port, shapes, seconds, folder)
    spent = server.processor_seconds() - began
    found = {
        "hits_per_cpu": load.answered / spent,
        "cpu_us": spent / load.answered * 1e6,
        "hits_per_second": load.answered / load.seconds,
        "p50": load.p50,
        "p99": load.p99,
    }
    if durable:
        found["rows_per_hit"] = rows_per_hit(server, shapes, before, load.answered)
    return found


def rows_per_hit(server: Server, shapes: Sequence[Shape], before: int, answered: int) -> float:
    """Rows on disk for each hit that was answered. At most what 64 connections had under way may be there besides."""
    rows, events = server.rows() - before, shapes[0].events
    most = (answered + closed_loop.CONNECTIONS) * events
    assert answered * events <= rows <= most, f"{answered} hits of {events} were answered, {rows} rows are on disk"
    return rows / answered


def wait_until(reached: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, f"after {seconds:.0f} s still not: {what}"
        time.sleep(0.1)


def measure_ours(plan: Plan, found: Found) -> None:
    """The example container. Its lane holds still, so that every row stays and nothing is delivered meanwhile."""
    name = "tag-container"
    with servers.product(example(NOWHERE), plan.core, plan.folder) as server:
        closed_loop.load(server.port, purchases(), WARM_UP_SECONDS, plan.folder)
        wait_until(server.lane_holds_still, HOLDS_WITHIN_SECONDS, "deliveries are held")
        run = partial(saturated, server, seconds=plan.seconds, folder=plan.folder, durable=True)
        note_all(found, name, run)
        found.note(name, **{f"view_{what}": value for what, value in run(page_views()).items()})
        for rate in RATES:
            before = server.rows()
            served = open_loop.serve(server.port, purchases(), rate, plan.seconds)
            rows_per_hit(server, purchases(1), before, served.sent - served.missing)
            found.note(
                f"{name} at {rate}", p50=served.p50, p99=served.p99, late=served.late_p99, missing=float(served.missing)
            )
        found.note(name, memory=server.memory_mb())
        assert server.dead() == 0, "there are dead letters"


def note_all(found: Found, name: str, run: Callable[[Sequence[Shape]], dict[str, float]]) -> None:
    found.note(name, **run(purchases()))
    found.note(name, **{f"post_{what}": value for what, value in run(batches()).items()})


def measure_other(
    name: str, start: Callable[[], AbstractContextManager[Server]], plan: Plan, found: Found, *, durable: bool
) -> None:
    """A yardstick, with the same hits in the same order."""
    with start() as server:
        closed_loop.load(server.port, purchases(), WARM_UP_SECONDS, plan.folder)
        note_all(found, name, partial(saturated, server, seconds=plan.seconds, folder=plan.folder, durable=durable))
        found.note(name, memory=server.memory_mb())


def measure_tags(plan: Plan, found: Found) -> None:
    """Containers with more tags: some that fire, and many that do not."""
    variants = [(f"{number} firing", number, example(NOWHERE, firing=number)) for number in FIRING]
    variants.append((f"{SILENT} silent", 1, example(NOWHERE, silent=SILENT)))
    for name, rows, text in variants:
        shapes = [Shape(one.method, one.target, one.headers, one.body, rows) for one in purchases()]
        with servers.product(text, plan.core, plan.folder) as server:
            closed_loop.load(server.port, shapes, WARM_UP_SECONDS, plan.folder)
            found.note(name, **saturated(server, shapes, plan.seconds, plan.folder, durable=True))


def measure_delivering(plan: Plan, found: Found) -> None:
    """The same with a vendor that takes everything: until the last row is delivered, all CPU counted."""
    with (
        servers.sink(plan.load_cores, plan.folder) as vendor,
        servers.product(example(f"http://127.0.0.1:{vendor.port}"), plan.core, plan.folder, delivering=True) as server,
    ):

        def drained() -> bool:
            return server.rows_now() == 0

        def arrived() -> int:
            return int(servers.asked(vendor.port, "/count"))

        closed_loop.load(server.port, purchases(), WARM_UP_SECONDS, plan.folder)
        wait_until(drained, DRAINED_WITHIN_SECONDS, "everything is delivered")
        before, began = arrived(), server.processor_seconds()
        load = closed_loop.load(server.port, purchases(), plan.seconds, plan.folder)
        wait_until(drained, DRAINED_WITHIN_SECONDS, "everything is delivered")
        spent, events = server.processor_seconds() - began, arrived() - before
        assert load.answered <= events <= load.answered + closed_loop.CONNECTIONS, (
            f"{load.answered}: {events} delivered"
        )
        assert server.dead() == 0, "there are dead letters"
        found.note("delivering", hits_per_cpu=load.answered / spent, cpu_us=spent / load.answered * 1e6, p99=load.p99)


def check_flushes(plan: Plan) -> list[Sequence[Cell]]:
    """Flushes of the log for each commit, of hits that come one after the other and so share none."""
    if flushes.STRACE is None:
        print("Flushes are not checked: strace is not installed.\n")
        return []
    contenders: dict[str, Callable[..., AbstractContextManager[Server]]] = {
        "tag-container": partial(servers.product, example(NOWHERE))
    }
    if not servers.why_no_stand_in():
        contenders["Fastify stand-in"] = servers.stand_in
    rows: list[Sequence[Cell]] = []
    for name, start in contenders.items():
        report = plan.folder / "flushes.txt"
        report.unlink(missing_ok=True)
        with start(plan.core, plan.folder, before=flushes.traced(report)) as server:
            open_loop.one_by_one(server.port, purchases(FLUSH_CHECKED_HITS))
            commits = flushes.commits(server.folder / f"{servers.DATABASE}-wal")
            flushed = flushes.flushed(report)
        # The log's own header is one flush more.
        assert FLUSH_CHECKED_HITS <= commits <= flushed <= commits + 2, f"{name}: {flushed} flushes, {commits} commits"
        rows.append((name, FLUSH_CHECKED_HITS, commits, flushed))
    return rows


def compare(plan: Plan, only: Sequence[str]) -> Found:
    """All rounds, the contenders in turn."""
    found = Found()
    missing = servers.why_no_stand_in()
    if missing:
        print(f"The stand-in is left out: {missing}.\n")
    parts: dict[str, Callable[[], None]] = {
        "ours": partial(measure_ours, plan, found),
        "bare": lambda: measure_other(
            "bare 204", lambda: servers.bare(plan.core, plan.folder), plan, found, durable=False
        ),
        "stand-in": lambda: measure_other(
            "Fastify stand-in", lambda: servers.stand_in(plan.core, plan.folder), plan, found, durable=True
        ),
        "tags": partial(measure_tags, plan, found),
        "delivering": partial(measure_delivering, plan, found),
    }
    if missing:
        del parts["stand-in"]
    for number in range(plan.rounds):
        for name, part in parts.items():
            if name in only or not only:
                print(f"round {number + 1} of {plan.rounds}: {name}", file=sys.stderr)
                part()
                found.note("disk", flush=flush_ms(plan.folder)[0])
    return found


def report(found: Found, plan: Plan) -> str:
    """Everything as tables in Markdown, ready for docs/performance.md."""
    contenders = ("tag-container", "bare 204", "Fastify stand-in")
    figures = ("hits_per_cpu", "post_hits_per_cpu", "view_hits_per_cpu", "hits_per_second", "p50", "p99", "memory")
    headings = (
        "server",
        "GET per CPU-s",
        "POST per CPU-s",
        "page views per CPU-s",
        "GET/s",
        "p50 ms",
        "p99 ms",
        "PSS MB",
    )
    main = table(headings, [(name, *(found.cell(name, what) for what in figures)) for name in contenders])
    ratios = table(
        ("tag-container against", "GET", "POST"),
        [
            (name, *(found.ratio("tag-container", name, what) for what in ("hits_per_cpu", "post_hits_per_cpu")))
            for name in contenders[1:]
        ],
    )
    checks = table(
        ("server", "rows per GET", "rows per POST"),
        [(name, found.cell(name, "rows_per_hit"), found.cell(name, "post_rows_per_hit")) for name in contenders[::2]],
    )
    flush = found.median("disk", "flush") or 0.0
    rates = table(
        ("open loop", "p50 ms", "p99 ms", "goal ms", "unanswered", "generator late, p99 ms"),
        [_rate_row(found, rate, 3 * flush + 10) for rate in RATES],
    )
    load = "wrk" if closed_loop.WRK else "our own generator"
    made = f"{plan.rounds} rounds of {plan.seconds:g} s, medians. {processor()}, Python {platform.python_version()}"
    parts = [
        f"{made}; a flush of 8 kB takes {flush:.2f} ms. Load: {load}.",
        f"### Servers\n\n{main}\n\nRatios, median of the rounds (lowest-highest):\n\n{ratios}",
        f"### Rows on disk\n\n{checks}",
        f"### Latency at a steady rate\n\n{rates}",
        f"### Tags and deliveries\n\n{tags_table(found)}",
    ]
    return "\n\n".join(parts)


def _rate_row(found: Found, rate: int, goal: float) -> Sequence[Cell]:
    name = f"tag-container at {rate}"
    served = (found.cell(name, what) for what in ("p50", "p99"))
    return (f"{rate:,} hits/s", *served, goal, found.cell(name, "missing"), found.cell(name, "late"))


def tags_table(found: Found) -> str:
    names = [*(f"{number} firing" for number in FIRING), f"{SILENT} silent", "delivering"]
    rows: list[Sequence[Cell]] = [
        (
            name,
            found.cell(name, "hits_per_cpu"),
            found.cell(name, "cpu_us"),
            found.ratio(name, "1 firing", "hits_per_cpu"),
        )
        for name in names
    ]
    points = [(number, found.median(f"{number} firing", "cpu_us")) for number in FIRING]
    known = [(float(number), cost) for number, cost in points if cost is not None]
    rows.append(("each further firing tag", "", slope(known) if len(known) > 1 else "-", ""))
    return table(("container", "GET per CPU-s", "CPU us a hit", "against one firing tag"), rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--short", action="store_true", help="one round of two seconds: for a look, not for figures")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0)
    parts = ("ours", "bare", "stand-in", "tags", "delivering", "flushes")
    parser.add_argument("--only", action="append", choices=parts, default=[], help="repeatable")
    chosen = parser.parse_args()
    core, load_cores = cores()
    if core == load_cores:
        print("There is one core only: server and load share it.\n")
    # What this process starts for the load has its cores too.
    os.sched_setaffinity(0, load_cores)
    rounds, seconds = (1, 2.0) if chosen.short else (chosen.rounds, chosen.seconds)
    with tempfile.TemporaryDirectory() as made:
        plan = Plan(rounds, seconds, core, load_cores, Path(made))
        wanted = not chosen.only or "flushes" in chosen.only
        checked = check_flushes(plan) if wanted else []
        if checked:
            headings = ("server", "hits, one by one", "commits", "flushes of the log")
            print(f"### Flushes\n\n{table(headings, checked)}\n")
        if chosen.only != ["flushes"]:
            print(report(compare(plan, chosen.only), plan))


if __name__ == "__main__":
    main()
