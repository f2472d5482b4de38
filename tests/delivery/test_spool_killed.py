"""Processes with a spool are killed, and PostgreSQL is: what was acknowledged is in the database once, in order."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from container.delivery.schema import FILE
from tests.delivery.postgres import cluster, execute

NUMBERS_OF_A_LIFE = 100_000
LIVES = 6


def process(url: str, folder: Path, first: int, last: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.delivery.spool_process", url, str(folder), str(first), str(last)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def life(url: str, folder: Path, first: int, *, hits: int, meanwhile: Callable[[], None]) -> list[int]:
    """What a process says that it has taken, before it is killed in the midst of its work.

    `meanwhile`: what happens after so many hits; then as many come once more.
    """
    with process(url, folder, first, first + NUMBERS_OF_A_LIFE) as alive:
        assert alive.stdout is not None
        assert alive.stdout.readline() == "ready\n"
        said = [alive.stdout.readline() for _ in range(hits)]
        meanwhile()
        said += [alive.stdout.readline() for _ in range(hits)]
        alive.kill()
        # It may be cut off within a line.
        said += [line for line in alive.stdout if line.endswith("\n")]
    return [int(line) for line in said]


def test_nothing_that_was_acknowledged_is_lost_or_stored_twice_or_out_of_order(tmp_path: Path) -> None:
    seeded = random.Random(20_261_129)
    with cluster(safe=True) as server:
        url = server.database()
        acknowledged: list[int] = []
        # While it works it is killed; one process starts without a database; one only with what others left.
        happenings = (lambda: None, server.kill, server.start)
        for number in range(1, LIVES + 1):
            hits, meanwhile = seeded.randint(20, 400), happenings[(number - 1) % 3]
            acknowledged += life(url, tmp_path, number * NUMBERS_OF_A_LIFE, hits=hits, meanwhile=meanwhile)
        with process(url, tmp_path, 1, 0) as last:
            assert last.wait(60) == 0
        stored = [int(row_id, 16) for (row_id,) in execute(url, "select id from delivery order by number")]
    with closing(sqlite3.connect(tmp_path / "1" / FILE)) as spool:
        [(spooled,)] = spool.execute("select seq from sqlite_sequence where name='delivery'")
        assert spool.execute("select count(*) from delivery").fetchone() == (0,)
    assert spooled >= 2 * 2 * 20
    assert set(acknowledged) <= set(stored)
    assert len(stored) == len(set(stored))
    assert stored == sorted(stored)
