"""Load at a rate that does not wait for the server: hits come at random moments, as from many visitors (Poisson).

A hit's latency counts from the moment it was due, also while it waits for a free connection.
"""

from __future__ import annotations

import asyncio
import gc
import random
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import uvloop

from benchmarks.figures import percentile
from benchmarks.hits import Shape
from benchmarks.wire import Answers, Connection, connected, requests

CONNECTIONS = 64
GRACE_SECONDS = 20.0
"""So long answers are waited for after the last hit was due."""

_NAP_SECONDS = 0.002
"""Shorter waits are spent awake: the loop's timers count whole milliseconds."""


@dataclass(frozen=True, slots=True)
class Served:
    """Milliseconds. `late`: of the generator itself, which is in the latencies. `missing`: hits without an answer."""

    sent: int
    missing: int
    p50: float
    p99: float
    longest: float
    late_p99: float


def schedule(rate: float, seconds: float, seed: int) -> list[float]:
    """When hits are due, in seconds from the start: as many a second as the rate says on average, at random."""
    chance = random.Random(seed)
    due, moments = chance.expovariate(rate), []
    while due < seconds:
        moments.append(due)
        due += chance.expovariate(rate)
    return moments


def serve(port: int, shapes: Sequence[Shape], rate: float, seconds: float, *, seed: int = 1) -> Served:
    """Sends hits at this rate. Raises `AssertionError` when one of them is refused."""
    return uvloop.run(sent_at(port, shapes, schedule(rate, seconds, seed)))


async def sent_at(port: int, shapes: Sequence[Shape], moments: Sequence[float]) -> Served:
    """Sends a hit at each of the moments."""
    answers = Answers([])
    waiting: deque[tuple[bytes, float]] = deque()
    idle: list[Connection] = []
    all_answered = asyncio.Event()

    def free(connection: Connection) -> None:
        if len(answers.latencies) + answers.refused == len(moments):
            all_answered.set()
        if waiting:
            connection.send(*waiting.popleft())
        else:
            idle.append(connection)

    connections = await connected(port, CONNECTIONS, answers, free)
    idle += connections
    contents = requests(shapes)
    prepared = [next(contents) for _ in moments]
    late = []
    gc.collect()
    gc.disable()
    try:
        began = time.perf_counter()
        for content, moment in zip(prepared, moments, strict=True):
            due = began + moment
            while (left := due - time.perf_counter()) > 0:  # noqa: ASYNC110  # nobody can tell us: it is the clock
                await asyncio.sleep(left - _NAP_SECONDS if left > 2 * _NAP_SECONDS else 0)
            late.append(time.perf_counter() - due)
            if idle:
                idle.pop().send(content, due)
            else:
                waiting.append((content, due))
            # What has been answered meanwhile is read at once, however many hits are due.
            await asyncio.sleep(0)
        await asyncio.wait_for(all_answered.wait(), GRACE_SECONDS)
    except TimeoutError:
        # What is missing is told of.
        pass
    finally:
        gc.enable()
    refused = answers.refused
    for connection in connections:
        connection.close()
    if refused:
        raise AssertionError(f"{refused} of {len(moments)} hits were refused")
    return _served(answers.latencies, late, len(moments))


def _served(latencies: Sequence[float], late: Sequence[float], sent: int) -> Served:
    shown = [each * 1000 for each in latencies]
    return Served(
        sent,
        sent - len(shown),
        percentile(shown, 0.5),
        percentile(shown, 0.99),
        max(shown),
        percentile(late, 0.99) * 1000,
    )


def one_by_one(port: int, shapes: Sequence[Shape]) -> list[float]:
    """Sends each hit once the one before it was answered; their latencies in milliseconds."""
    return uvloop.run(_one_by_one(port, shapes))


async def _one_by_one(port: int, shapes: Sequence[Shape]) -> list[float]:
    answers, answered = Answers([]), asyncio.Event()
    contents = requests(shapes)
    (connection,) = await connected(port, 1, answers, lambda _: answered.set())
    for _ in shapes:
        answered.clear()
        connection.send(next(contents), time.perf_counter())
        await asyncio.wait_for(answered.wait(), GRACE_SECONDS)
    connection.close()
    assert not answers.refused, f"{answers.refused} hits were refused"
    return [each * 1000 for each in answers.latencies]
