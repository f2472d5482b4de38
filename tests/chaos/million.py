"""A store in which very many rows wait: how soon its server is ready, how soon it sends, and what memory it takes.

    python -m tests.chaos.million [--rows 1000000] [--folder DIR]

The rows are written through the store's own `accept`, not by hits.
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
MOST_MORE_MB = 50.0
LANE = "pixel"
ROW_BYTES = 4096
"""More than a row takes."""

_WATCHED_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Started:
    """Of an empty store and of a full one: seconds until hits are taken, and memory (PSS) in MB.

    `sent`: seconds from then until the vendor got the first request. `delivered`: rows while it was watched.
    """

    rows: int
    file_mb: float
    empty_ready: float
    ready: float
    sent: float
    empty_memory: float
    memory: float
    memory_after: float
    delivered: int


async def measure(rows: int, folder: Path, watched: float = _WATCHED_SECONDS) -> Started:
    """Fills a store, and starts servers over an empty one and over it."""
    calm, busy = folder / "empty", folder / "full"
    for each in (calm, busy):
        each.mkdir()
    async with vendors(folder, **{LANE: []}) as sink:
        text = container({LANE: sink.ports[LANE]})
        await asyncio.to_thread(_fill, text, busy, rows)
        async with server(calm, text) as target:
            empty_ready = await _ready(target)
            await asyncio.sleep(1.0)
            empty_memory = memory_mb(target.pid)
        async with server(busy, text, _room_for(rows)) as target:
            ready = await _ready(target)
            at = time.time() * 1000
            memory = memory_mb(target.pid)
            began = time.monotonic()
            while not (lines := lines_of(sink.ledger)):
                assert time.monotonic() - began < PATIENCE_SECONDS, f"nothing was sent:\n{target.tail()}"
                await asyncio.sleep(0.05)
            await asyncio.sleep(watched)
            memory_after = memory_mb(target.pid)
            left = rows_left(target.store)
            file_mb = sum(each.stat().st_size for each in target.store.iterdir()) / 1e6
            target.terminate()
            assert await target.ended() == 0, target.tail()
    return Started(
        rows=rows,
        file_mb=file_mb,
        empty_ready=empty_ready,
        ready=ready,
        sent=max(lines[0].at - at, 0.0) / 1000,
        empty_memory=empty_memory,
        memory=memory,
        memory_after=memory_after,
        delivered=rows - left,
    )


def _fill(text: str, folder: Path, rows: int) -> None:
    made = rows_of(compiled(text, folder), rows)
    (folder / "container.yaml").unlink()
    asyncio.run(fill(folder / STORE, made, 0))


def _room_for(rows: int) -> tuple[str, ...]:
    """So much that neither the store nor the one lane is near its end."""
    return ("--store-rows", str(4 * rows), "--store-bytes", str(4 * rows * ROW_BYTES))


async def _ready(target: Server) -> float:
    target.start()
    return await target.ready()


def report(found: Started) -> str:
    """A table of it in Markdown."""
    rows: list[Sequence[Cell]] = [
        ("rows that wait", found.rows),
        ("data folder, MB", found.file_mb),
        ("start until hits are taken, s: empty store", found.empty_ready),
        ("start until hits are taken, s", found.ready),
        ("from then until the first request, s", found.sent),
        ("memory (PSS), MB: empty store", found.empty_memory),
        ("memory (PSS), MB: started", found.memory),
        ("memory (PSS), MB: while it delivers", found.memory_after),
        ("rows delivered meanwhile", found.delivered),
    ]
    return table(("very many rows", "measured"), rows)


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    chosen = parser.parse_args()
    with kept(chosen) as folder:
        found = uvloop.run(measure(chosen.rows, folder))
    print(report(found))
    faults = []
    if found.ready > READY_WITHIN_SECONDS:
        faults.append(f"it was ready after {found.ready:.1f} s")
    if found.sent > SENT_WITHIN_SECONDS:
        faults.append(f"the first request came after {found.sent:.1f} s")
    if max(found.memory, found.memory_after) > found.empty_memory + MOST_MORE_MB:
        faults.append("it takes more memory than an empty one")
    if faults:
        sys.exit("\n".join(faults))


if __name__ == "__main__":
    main()
