"""Whether 100,000 hits with the mark of a preview make the process grow: its memory after 10,000 and after all of them.

python -m benchmarks.preview_memory [--hits N] [--sessions N]

A whole `serve` on a core of its own takes them as fast as it can, in turn for each session: purchases, page views and
batches of three events, each another one, all run dry. Records are rings of 8 MB for each session, which are full after
some hundred hits.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import chain
from pathlib import Path

import httpx
import uvloop

from benchmarks.example import SECRETS, example
from benchmarks.figures import Cell, table
from benchmarks.hits import SHAPES, Shape
from benchmarks.in_process import NOWHERE
from benchmarks.machine import cores, memory_mb, resident_mb
from benchmarks.servers import LOOPBACK, Server, free_port, running
from benchmarks.wire import HEAD_ENDS, TAKEN, requests

HITS, TOGETHER = 100_000, 8
PAUSE_SECONDS, MOST_REFUSED = 0.05, 0.05
LOOKS = (0.1, 0.25, 0.5, 0.75, 1.0)
"""After which parts of the hits the memory is looked at."""

MOST_GROWN_MB = 8.0
"""Between the first look and the last: what an allocator may keep of pages that it has half given back."""

TOKEN = "the-token-of-the-benchmark"  # noqa: S105  # of a server that ends with the benchmark


@contextmanager
def server(parent: Path) -> Iterator[tuple[Server, int]]:
    """`serve` with the example container, and the port of its admin listener."""
    with tempfile.TemporaryDirectory(dir=parent) as made:
        folder, port, admin = Path(made), free_port(), free_port()
        file = folder / "container.yaml"
        file.write_text(example(NOWHERE), encoding="utf-8")
        command = [sys.executable, "-m", "container", "serve", "--config", str(file), "--data", str(folder)]
        command += ["--port", str(port), "--admin-port", str(admin), "--trusted-proxy", LOOPBACK]
        with running(command, port, folder, cores()[0], {**SECRETS, "TAG_CONTAINER_ADMIN_TOKEN": TOKEN}) as found:
            yield found, admin


def mark_of_another(admin: int) -> str:
    """The mark of a session that is started by this."""
    address, headers = f"http://127.0.0.1:{admin}/preview/sessions", {"authorization": f"Bearer {TOKEN}"}
    with httpx.Client(trust_env=False, timeout=30) as caller:
        return str(caller.post(address, headers=headers).raise_for_status().json()["header"]["value"])


def carrying(mark: str, shapes: Sequence[Shape]) -> Sequence[Shape]:
    return [replace(each, headers={**each.headers, "X-Gtm-Server-Preview": mark}) for each in shapes]


async def send(port: int, contents: Iterator[bytes], number: int) -> int:
    """Has so many taken, as fast as they are answered. How many were refused meanwhile, as a busy machine does."""
    left, refused = number, 0

    async def keep_sending() -> None:
        nonlocal left, refused
        while left > 0:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                while left > 0:
                    left -= 1
                    writer.write(next(contents))
                    if not (await reader.readuntil(HEAD_ENDS)).startswith(TAKEN):
                        left, refused = left + 1, refused + 1
                        break
            writer.close()
            await asyncio.sleep(PAUSE_SECONDS)

    await asyncio.gather(*(keep_sending() for _ in range(TOGETHER)))
    return refused


def measured(parent: Path, hits: int, sessions: int) -> Sequence[Sequence[Cell]]:
    """A row for each look: hits so far, PSS and RSS in MB, and hits per second since the look before."""
    with server(parent) as (found, admin):
        rows: list[Sequence[Cell]] = [("before a session", memory_mb(found.pid), resident_mb(found.pid), "")]
        kinds = [shapes() for shapes in SHAPES.values()]
        marks = [mark_of_another(admin) for _ in range(sessions)]
        each = [carrying(mark, list(chain.from_iterable(zip(*kinds, strict=True)))) for mark in marks]
        contents, sent = requests(list(chain.from_iterable(zip(*each, strict=True)))), 0
        for part in LOOKS:
            number, began = round(hits * part) - sent, time.monotonic()
            refused = uvloop.run(send(found.port, contents, number))
            if refused > number * MOST_REFUSED:
                raise AssertionError(f"{refused} of {number} hits were refused")
            sent, took = sent + number, time.monotonic() - began
            rows.append((f"{sent:,} hits", memory_mb(found.pid), resident_mb(found.pid), f"{number / took:,.0f}"))
            print(f"{sent:,} of {hits:,} hits", file=sys.stderr, flush=True)
        if rows_waiting := found.rows_now():
            raise AssertionError(f"{rows_waiting} rows were stored: these hits did not belong to the preview")
        return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--hits", type=int, default=HITS)
    parser.add_argument("--sessions", type=int, default=1)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        rows = measured(Path(made), chosen.hits, chosen.sessions)
    print(f"### {chosen.hits:,} hits with a mark, {chosen.sessions} session(s)\n")
    print(f"{table(('', 'PSS MB', 'RSS MB', 'hits/s'), rows)}\n")
    grown = float(rows[-1][1]) - float(rows[1][1])
    print(f"Grown from the first look to the last: {grown:.1f} MB.")
    if grown > MOST_GROWN_MB:
        raise SystemExit(f"That is more than {MOST_GROWN_MB:.0f} MB.")


if __name__ == "__main__":
    main()
