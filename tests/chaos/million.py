"""A store in which very many rows wait: how soon its server is ready, how soon it sends, and what memory it takes.

    python -m tests.chaos.million [--rows 1000000] [--folder DIR]

The same is measured with an empty store and with one in which a few wait. The rows are written through the store's own
`accept`, not by hits.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import uvloop

from benchmarks.delivery import fill, rows_of
from benchmarks.example import compiled
from benchmarks.figures import Cell, table
from benchmarks.machine import memory_mb
from tests.chaos.command import kept, options
from tests.chaos.ledger import lines_of
from tests.chaos.left import rows_left
from tests.chaos.scene import PATIENCE_SECONDS, STORE, Server, container, server, vendors

READY_WITHIN_SECONDS, SENT_WITHIN_SECONDS = 5.0, 2.0
MOST_MORE_MB = 20.0
"""Delivering with very many rows may take so much more than delivering with a few."""

MOST_BUSY_MB = 50.0
"""Delivering with very many rows may take so much more than an empty store."""

FEW = 10_000
LANE = "pixel"
ROW_BYTES = 4096
"""More than a row takes."""

_WATCHED_SECONDS, _FEW_SECONDS = 10.0, 3.0
_LOOK_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Course:
    """A server over a store in which so many rows wait. Memory is PSS in MB.

    `ready`: seconds from its start until hits are taken. `sent`: from then until the vendor got the first request.
    `started`: memory then; `busy`: the most while it was watched. `delivered`: rows meanwhile. `again`: seconds until
    hits are taken, once it was killed in the midst of that and started again.
    """

    rows: int
    file_mb: float
    ready: float
    sent: float
    started: float
    busy: float
    delivered: int
    again: float


@dataclass(frozen=True, slots=True)
class Compared:
    """The same with nothing, with a few rows and with very many."""

    empty: Course
    few: Course
    many: Course


async def measure(rows: int, folder: Path, *, few: int = FEW, watched: float = _WATCHED_SECONDS) -> Compared:
    """Fills stores, and starts servers over them."""
    seconds = min(watched, _FEW_SECONDS)
    return Compared(
        empty=await _course(folder / "empty", 0, seconds),
        few=await _course(folder / "few", few, seconds),
        many=await _course(folder / "many", rows, watched),
    )


async def _course(folder: Path, rows: int, watched: float) -> Course:
    await asyncio.to_thread(folder.mkdir)
    async with vendors(folder, **{LANE: []}) as sink:
        text = container({LANE: sink.ports[LANE]})
        await asyncio.to_thread(_fill, text, folder, rows)
        async with server(folder, text, _room_for(max(rows, FEW))) as target:
            target.start()
            ready = await target.ready()
            at, started = time.time() * 1000, memory_mb(target.pid)
            sent = await _first(sink.ledger, target) if rows else at
            busy = await _most_memory(target, watched)
            left = rows_left(target.store)
            file_mb = sum(each.stat().st_size for each in target.store.iterdir()) / 1e6
            target.kill()
            target.start()
            again = await target.ready()
            target.terminate()
            assert await target.ended() == 0, target.tail()
    return Course(
        rows=rows,
        file_mb=file_mb,
        ready=ready,
        sent=max(sent - at, 0.0) / 1000,
        started=started,
        busy=busy,
        delivered=rows - left,
        again=again,
    )


async def _first(ledger: Path, target: Server) -> float:
    """When the vendor got the first request, in Unix milliseconds."""
    began = time.monotonic()
    while not (lines := lines_of(ledger)):
        assert time.monotonic() - began < PATIENCE_SECONDS, f"nothing was sent:\n{target.tail()}"
        await asyncio.sleep(0.05)
    return lines[0].at


async def _most_memory(target: Server, seconds: float) -> float:
    most, began = memory_mb(target.pid), time.monotonic()
    while time.monotonic() - began < seconds:
        await asyncio.sleep(_LOOK_SECONDS)
        most = max(most, memory_mb(target.pid))
    return most


def _fill(text: str, folder: Path, rows: int) -> None:
    made = rows_of(compiled(text, folder), rows)
    (folder / "container.yaml").unlink()
    asyncio.run(fill(folder / STORE, made, 0))


def _room_for(rows: int) -> tuple[str, ...]:
    """So much that neither the store nor the one lane is near its end."""
    return ("--store-rows", str(4 * rows), "--store-bytes", str(4 * rows * ROW_BYTES))


def faults(found: Compared) -> list[str]:
    """What of it is not as it should be."""
    many = found.many
    stated = {
        f"it was ready after {many.ready:.1f} s": many.ready > READY_WITHIN_SECONDS,
        f"killed, it was ready again after {many.again:.1f} s": many.again > READY_WITHIN_SECONDS,
        f"the first request came after {many.sent:.1f} s": many.sent > SENT_WITHIN_SECONDS,
    }
    return [stating for stating, holds in stated.items() if holds] + faults_of_memory(found)


def faults_of_memory(found: Compared) -> list[str]:
    """Of these nothing depends on how fast the machine is."""
    most = max(found.many.started, found.many.busy)
    more, more_than_empty = most - found.few.busy, most - found.empty.started
    stated = {
        f"it takes {more:.0f} MB more than with a few rows": more > MOST_MORE_MB,
        f"it takes {more_than_empty:.0f} MB more than an empty one": more_than_empty > MOST_BUSY_MB,
        "it delivered nothing": not found.many.delivered,
    }
    return [stating for stating, holds in stated.items() if holds]


def report(found: Compared) -> str:
    """A table of it in Markdown."""
    courses = (found.empty, found.few, found.many)
    rows: list[Sequence[Cell]] = [
        ("data folder, MB", *(each.file_mb for each in courses)),
        ("start until hits are taken, s", *(each.ready for each in courses)),
        ("from then until the first request, s", *(each.sent if each.rows else "" for each in courses)),
        ("killed meanwhile: start until hits are taken, s", *(each.again for each in courses)),
        ("memory (PSS), MB: started", *(each.started for each in courses)),
        ("memory (PSS), MB: the most while it delivers", *(each.busy for each in courses)),
        ("rows delivered while it was watched", *(each.delivered for each in courses)),
    ]
    return table(("rows that wait", *(f"{each.rows:,}" for each in courses)), rows)


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    chosen = parser.parse_args()
    with kept(chosen) as folder:
        found = uvloop.run(measure(chosen.rows, folder))
    print(report(found))
    if wrong := faults(found):
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
