"""What a hit costs in this process, without sockets: microseconds of CPU, step by step.

python -m benchmarks.in_process [--short] [--profile]
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import gc
import tempfile
import time
from collections.abc import Callable, MutableMapping, Sequence
from itertools import count
from pathlib import Path
from types import CodeType
from typing import Any

from benchmarks.example import compiled, example
from benchmarks.figures import Cell, median, slope, table
from benchmarks.hits import SHAPES, Shape
from container.delivery.row import Acceptance, acceptance
from container.delivery.sqlite import open_store
from container.delivery.store import Accepted
from container.engine.container import Container
from container.engine.run import run
from container.event import Hit
from container.web.addresses import Proxies, network
from container.web.app import Application, public_app
from container.web.current import Current
from container.web.front import Front
from container.web.health import Health
from container.web.ingest import Ingest
from container.web.metrics import new_metrics
from container.web.reply import header_lines

NOWHERE = "http://127.0.0.1:9"
"""Where tags would send. Nothing is sent here."""

ROUNDS, SHORT_ROUNDS = 7, 3
FIRING = (1, 2, 4, 8)
MOST_SHOWN = 40
TOGETHER = 64
"""Hits that wait for one commit, as with 64 connections."""

_numbers = count(1)


def marked(shapes: Sequence[Shape]) -> list[Shape]:
    """Each with an event id that no hit of this process had."""
    return [shape.marked(next(_numbers)) for shape in shapes]


def scope_of(shape: Shape) -> dict[str, Any]:
    """The request as uvicorn hands it on."""
    path, _, query = shape.target.partition("?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "server": ("127.0.0.1", 8080),
        "client": ("127.0.0.1", 54321),
        "scheme": "http",
        "method": shape.method,
        "root_path": "",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in shape.headers.items()],
        "state": {},
    }


def call(app: Application, scope: dict[str, Any], body: bytes) -> int:
    """One request through the application, which never has to wait here; the status of its answer."""
    statuses: list[int] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        if "status" in message:
            statuses.append(message["status"])

    coroutine: Any = app(scope, receive, send)
    try:
        coroutine.send(None)
    except StopIteration:
        return statuses[0]
    raise RuntimeError("the application waited for something")


def application(container: Container) -> Application:
    """The public listener's, with a store that has everything on disk at once."""

    async def accept(_: Acceptance) -> Accepted:
        return Accepted(1)

    proxies = Proxies((network("127.0.0.0/8"),))
    ingest = Ingest(Current(container), accept, new_metrics(), Health(), front=Front(proxies))
    return public_app(ingest)


def hits_of(shapes: Sequence[Shape]) -> list[Hit]:
    """The hits that ingest makes of these requests."""
    now = int(time.time() * 1000)
    found = []
    for shape in shapes:
        path, _, query = shape.target.partition("?")
        headers = {name.lower(): value for name, value in shape.headers.items()}
        identity = next(_numbers).to_bytes(16)
        address = shape.headers["X-Forwarded-For"]
        found.append(Hit(identity, now, shape.method, path, query, headers, shape.body.encode(), address))
    return found


def each(work: Callable[[Any], object], prepared: Callable[[], Sequence[Any]], rounds: int) -> float:
    """Microseconds of CPU a piece: the median of some rounds, after one that warms up. Every round has new pieces."""
    costs = []
    for number in range(rounds + 1):
        pieces = prepared()
        gc.collect()
        began = time.process_time_ns()
        for piece in pieces:
            work(piece)
        spent = time.process_time_ns() - began
        if number:
            costs.append(spent / len(pieces) / 1000)
    return median(costs)


def steps(container: Container, shapes: Sequence[Shape], folder: Path, rounds: int) -> dict[str, float]:
    """The cost of each step of a hit, and of the whole."""
    app = application(container)

    def hits() -> list[Hit]:
        return hits_of(marked(shapes))

    def requests() -> list[tuple[dict[str, Any], bytes]]:
        return [(scope_of(shape), shape.body.encode()) for shape in marked(shapes)]

    host = shapes[0].headers["Host"]
    outcomes = [run(container, hit) for hit in hits()]
    rows = sum(len(acceptance(outcome, now=outcome.hit.received).rows) for outcome in outcomes)
    expected = sum(shape.events for shape in shapes)
    if rows != expected:
        raise AssertionError(f"{expected} rows were expected, {rows} came")
    statuses = {call(app, *request) for request in requests()}
    if not statuses <= set(range(200, 300)):
        raise AssertionError(f"not every hit was taken: {sorted(statuses)}")
    return {
        "whole, before storage": each(lambda request: call(app, *request), requests, rounds),
        "run": each(lambda hit: run(container, hit), hits, rounds),
        "acceptance": each(
            lambda outcome: acceptance(outcome, now=outcome.hit.received),
            lambda: [run(container, hit) for hit in hits()],
            rounds,
        ),
        "finished": each(lambda outcome: outcome.finished(frozenset()), lambda: outcomes, rounds),
        "header lines": each(lambda outcome: header_lines(outcome.reply, host), lambda: outcomes, rounds),
        "store": asyncio.run(stored(container, hits, folder, rounds)),
    }


async def stored(container: Container, hits: Callable[[], list[Hit]], folder: Path, rounds: int) -> float:
    """Microseconds of CPU that the store takes for a hit, both threads, 64 hits a commit."""
    with tempfile.TemporaryDirectory(dir=folder) as data:
        store = open_store(Path(data), now=int(time.time() * 1000))
        costs = []
        try:
            for number in range(rounds + 1):
                taken = [run(container, hit) for hit in hits()]
                wanted = [acceptance(outcome, now=outcome.hit.received) for outcome in taken]
                began = time.process_time_ns()
                for start in range(0, len(wanted), TOGETHER):
                    await asyncio.gather(*(store.accept(one) for one in wanted[start : start + TOGETHER]))
                spent = time.process_time_ns() - began
                if number:
                    costs.append(spent / len(wanted) / 1000)
        finally:
            await store.close()
    return median(costs)


def profile(app: Application, shapes: Sequence[Shape], repeated: int) -> str:
    """The functions that take the most time of their own, hits of one shape."""
    calls = [(scope_of(shape), shape.body.encode()) for _ in range(repeated) for shape in marked(shapes)]
    profiler = cProfile.Profile()
    profiler.enable()
    for request in calls:
        call(app, *request)
    profiler.disable()
    return heaviest(profiler, len(calls), "hit")


def heaviest(profiler: cProfile.Profile, count: int, what: str) -> str:
    """The functions with the most time of their own, and how often each was called for one of so many."""
    own = sorted(profiler.getstats(), key=lambda one: -one.inlinetime)[:MOST_SHOWN]
    rows = [(_named(one.code), one.inlinetime / count * 1e6, one.callcount / count) for one in own]
    return table(("function", f"own us a {what}", f"calls a {what}"), rows)


def _named(code: CodeType | str) -> str:
    if isinstance(code, str):
        return code
    return f"{'/'.join(Path(code.co_filename).parts[-2:])}:{code.co_firstlineno} {code.co_name}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--short", action="store_true", help="fewer rounds")
    parser.add_argument("--profile", action="store_true", help="print what takes the time instead")
    parser.add_argument("--shape", choices=sorted(SHAPES), help="this kind of hit only")
    chosen = parser.parse_args()
    rounds = SHORT_ROUNDS if chosen.short else ROUNDS
    kinds = [chosen.shape] if chosen.shape else list(SHAPES)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        container = compiled(example(NOWHERE), folder)
        if chosen.profile:
            for kind in kinds:
                print(f"### {kind}\n\n{profile(application(container), SHAPES[kind](), 4)}\n")
            return
        found = {kind: steps(container, SHAPES[kind](), folder, rounds) for kind in kinds}
        names = list(next(iter(found.values())))
        rows: list[Sequence[Cell]] = [(step, *(found[kind][step] for kind in kinds)) for step in names]
        print(f"### In process: microseconds of CPU per hit, medians of {rounds}\n\n{table(('step', *kinds), rows)}\n")
        if not chosen.shape:
            print(tags_cost(folder, rounds))


def tags_cost(folder: Path, rounds: int) -> str:
    """What each further firing tag and 500 silent ones cost, before storage."""
    shapes = SHAPES["purchase"]()

    def cost(container: Container) -> float:
        app = application(container)
        return each(
            lambda request: call(app, *request),
            lambda: [(scope_of(shape), shape.body.encode()) for shape in marked(shapes)],
            rounds,
        )

    by_number = [(number, cost(compiled(example(NOWHERE, firing=number), folder))) for number in FIRING]
    silent = cost(compiled(example(NOWHERE, silent=500), folder))
    rows: list[Sequence[str | float]] = [(f"{number} firing", spent) for number, spent in by_number]
    rows += [("1 firing, 500 silent", silent), ("each further firing tag", slope(by_number))]
    return f"### Tags: microseconds of CPU per purchase, before storage\n\n{table(('tags', 'us'), rows)}\n"


if __name__ == "__main__":
    main()
