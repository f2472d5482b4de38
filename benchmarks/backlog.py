"""A spool that is full, and a process that forwards it: what is measured begins when it is told to go.

python -m benchmarks.backlog URL FOLDER
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from benchmarks.delivery import NO_LIMITS
from benchmarks.example import ROOT
from container.delivery.forwarding import Forwarding
from container.delivery.postgres import open_postgres
from container.delivery.row import Acceptance, Row
from container.delivery.spool import open_spool_folder
from container.delivery.spooled import spooled
from container.engine.outcome import Guard

KEY = "TAG_CONTAINER_KEY"
TOGETHER = 250
"""Hits that are taken at once while the spool is filled."""

GUARDED_MS = 48 * 3600 * 1000
READY, DONE = "ready", "done"


@dataclass(frozen=True, slots=True)
class Forwarder:
    """A process that has opened everything, and waits."""

    process: subprocess.Popen[str]

    @property
    def pid(self) -> int:
        return self.process.pid

    def go(self) -> None:
        """Returns when the spool is empty."""
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        self.wait_for(DONE)

    def wait_for(self, word: str) -> None:
        assert self.process.stdout is not None
        said = self.process.stdout.readline().strip()
        assert said == word, f"the forwarding process said {said!r}"


@contextmanager
def forward(url: str, key: str, folder: Path, rows: Iterator[Row]) -> Iterator[Forwarder]:
    """A process with these rows in its spool, each of a hit of its own, until the block ends."""
    asyncio.run(fill(folder, key, rows))
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.backlog", url, str(folder)],
        cwd=ROOT,
        env={**os.environ, KEY: key},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        found = Forwarder(process)
        found.wait_for(READY)
        yield found
    finally:
        process.communicate()


async def fill(folder: Path, key: str, rows: Iterator[Row]) -> None:
    """Has a spool hold the rows, each with the guard that its event has."""
    now = time.time_ns() // 1_000_000
    _, spool, _ = open_spool_folder(folder, now=now, key=key, limits=NO_LIMITS)
    while hits := [_hit(row, now) for row in islice(rows, TOGETHER)]:
        await asyncio.gather(*map(spool.accept, hits))
    await spool.close()


def _hit(row: Row, now: int) -> Acceptance:
    guard = Guard(hashlib.sha256(row.id.encode()).digest(), "duplicate", now + GUARDED_MS, (row.id,))
    return spooled(Acceptance(now, [row._replace(first=now, due=now, expire=None)], (), (guard,)), tried=False)


async def main(url: str, folder: Path) -> None:
    key = os.environ[KEY]
    own, spool, _ = open_spool_folder(folder, now=time.time_ns() // 1_000_000, key=key, limits=NO_LIMITS)
    database = await open_postgres(url, key=key, limits=NO_LIMITS)
    forwarding = Forwarding(own, spool, database)
    print(READY, flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    while await forwarding.step():
        pass
    print(DONE, flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    await forwarding.close()
    await spool.close()
    await database.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
