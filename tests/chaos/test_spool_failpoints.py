"""A process is killed at each step into its spool and out of it: what was acknowledged is in the database, once."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from container.delivery.postgres import open_postgres
from container.delivery.schema import FILE
from container.delivery.spool import open_spool
from container.delivery.spooled import spooled
from container.delivery.sqlite import open_store
from container.delivery.store import Limits
from tests.chaos.failpoints import INTO_SPOOL, OUT_OF_SPOOL, arm
from tests.chaos.launcher import EXIT_CODE
from tests.chaos.scene import ROOT
from tests.delivery.engines import emptied
from tests.delivery.harness import NOW, run
from tests.delivery.postgres import KEY, execute
from tests.delivery.spool_process import hit

NOBODY = "postgresql://nobody@127.0.0.1:9/none"
"""A database that is away."""

HITS = 40
"""So many come to each process, and as many lie in the spool when one begins that forwards them."""

MOST_PASSINGS = 20
"""A step of a hit is passed at most so often before the kill."""

PATIENCE_SECONDS = 120.0

PASSINGS = {"spool_begin": 1, "spool_read": 2}
"""Those after the first find at their start that hits wait; and before a process forwards it looks whether any do."""


@dataclass
class Lives:
    """Processes with one spool. `acknowledged`: the numbers of the hits that they have taken."""

    folder: Path
    url: str
    lives: subprocess.Popen[str]
    acknowledged: list[int] = field(default_factory=list)
    _last: int = 0

    def killed(self, name: str, nth: int, *, url: str) -> None:
        """A process takes hits until its step of that name kills it."""
        assert self.lives.stdin is not None
        assert self.lives.stdout is not None
        numbers = self._next()
        self.lives.stdin.write(f"{url} {self.folder} {numbers[0]} {numbers[-1]} {name}:{nth}\n")
        self.lives.stdin.flush()
        for line in self.lives.stdout:
            if line.startswith("ended"):
                assert line == f"ended {EXIT_CODE}\n", name
                return
            if line.strip().isdigit():
                self.acknowledged.append(int(line))
        raise AssertionError(f"{name}: it does not end")

    def fill(self) -> None:
        """One takes hits while the database is away, and ends in order."""

        async def work() -> None:
            spool = open_store(self.folder / "1", now=NOW, key=KEY)
            numbers = self._next()
            await asyncio.gather(*(spool.accept(spooled(hit(number), tried=False)) for number in numbers))
            self.acknowledged += numbers
            await spool.close()

        run(work())

    def empty(self) -> None:
        """The last one forwards what is left, and ends in order."""

        async def work() -> None:
            database = await open_postgres(self.url, key=KEY)
            store = await open_spool(database, self.folder, now=NOW, key=KEY, limits=Limits())
            while store.holds:  # noqa: ASYNC110 - nobody else waits for it
                await asyncio.sleep(0.01)
            assert store.forwarded.left == 0
            await store.close()

        run(work())

    def check(self) -> None:
        """Nothing is lost, twice there, out of order, or left behind."""
        stored = [int(name, 16) for (name,) in execute(self.url, "select id from delivery order by number")]
        assert set(self.acknowledged) - set(stored) == set()
        assert len(stored) == len(set(stored))
        assert stored == sorted(stored)
        assert execute(self.url, "select count(*) from dead") == [(0,)]
        assert [each.name for each in self.folder.iterdir()] == ["1"]
        assert self.held() == 0

    def held(self) -> int:
        """How many rows and letters the spool holds."""
        query = "select (select count(*) from delivery) + (select count(*) from dead)"
        with closing(sqlite3.connect(self.folder / "1" / FILE)) as spool:
            return int(spool.execute(query).fetchone()[0])

    def _next(self) -> range:
        first, self._last = self._last + 1, self._last + HITS
        return range(first, self._last + 1)


@contextmanager
def lives(folder: Path, url: str) -> Iterator[Lives]:
    """They are ended if they take too long."""
    command = [sys.executable, "-m", "tests.chaos.spool_lives"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        alarm = threading.Timer(PATIENCE_SECONDS, process.kill)
        alarm.start()
        try:
            yield Lives(folder, url, process)
        finally:
            alarm.cancel()
            process.kill()


def test_kills_at_each_step_into_the_spool_and_out_of_it_lose_nothing_and_store_nothing_twice(tmp_path: Path) -> None:
    chance = random.Random(20_261_129)
    with lives(tmp_path, emptied()) as found:
        for name in INTO_SPOOL:
            found.killed(name, PASSINGS.get(name, chance.randint(2, MOST_PASSINGS)), url=NOBODY)
        for name in OUT_OF_SPOOL:
            found.killed(name, PASSINGS.get(name, 1), url=found.url)
            found.fill()
        found.empty()
        found.check()
        assert len(found.acknowledged) > HITS * len(OUT_OF_SPOOL)


@pytest.mark.parametrize("name", ["database_committed", "spool_forget", "spool_in_drop"])
def test_what_the_database_has_when_the_process_is_killed_is_still_in_the_spool_and_is_not_stored_again(
    tmp_path: Path, name: str
) -> None:
    with lives(tmp_path, emptied()) as found:
        found.fill()
        found.killed(name, 1, url=found.url)
        assert execute(found.url, "select count(*) from delivery") >= [(HITS,)]
        assert found.held() >= HITS
        found.empty()
        found.check()


def test_what_was_deleted_from_the_spool_is_in_the_database(tmp_path: Path) -> None:
    with lives(tmp_path, emptied()) as found:
        found.fill()
        found.killed("spool_dropped", 1, url=found.url)
        [(stored,)] = execute(found.url, "select count(*) from delivery")
        assert stored >= HITS
        assert len(found.acknowledged) <= stored + found.held()
        found.empty()
        found.check()


def test_a_step_that_there_is_not_is_no_failpoint() -> None:
    with pytest.raises(KeyError):
        arm("spool_nowhere", lambda first=lambda: None: None)
