"""Several processes over one database: those that take hits, those that deliver, and PostgreSQL itself."""

from __future__ import annotations

import asyncio
import base64
import os
import random
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.cluster import Cluster
from benchmarks.machine import family
from container.delivery.postgres_tables import SCHEMA_VERSION
from tests.chaos.arrivals import keep_arrivals
from tests.chaos.left import rows_in_database, rows_left, spools_of
from tests.chaos.scene import PATIENCE_SECONDS, ROOT, Server
from tests.delivery.postgres import migrate_now

DATABASE = "tags"
AWAY = "the database cannot be used"
"""What a process says that ends since there was no database when it started."""

_CUT = "select pg_terminate_backend(pid) from pg_stat_activity where datname='tags'"


@dataclass(slots=True)
class Fleet:
    """`serves` take hits and deliver nothing, `delivers` deliver. `key`: what `TAG_CONTAINER_KEY` holds.

    `workers`: processes of each. `turned_away`: starts while the database was away, which end and are repeated.
    """

    serves: Sequence[Server]
    delivers: Sequence[Server]
    database: Cluster
    key: str
    workers: int = 1
    turned_away: int = 0
    _by_hand: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def members(self) -> Sequence[Server]:
        return [*self.serves, *self.delivers]

    @property
    def url(self) -> str:
        return self.database.url(DATABASE)

    async def ready(self) -> None:
        """Returns when all take hits, or deliver."""
        began = time.monotonic()
        while not all([await asyncio.to_thread(member.answers) for member in self.members]):
            assert time.monotonic() - began < PATIENCE_SECONDS, f"not all came back:\n{self.tails()}"
            await asyncio.sleep(0.1)

    async def replace(self, member: Server) -> float:
        """Kills it, as by `kill -9`, and starts it again; when, in Unix milliseconds.

        Of several processes the first is killed. The others have to stop by themselves then.
        """
        async with self._by_hand:
            began, others = time.monotonic(), family(member.pid)[1:]
            at = await asyncio.to_thread(member.kill)
            while any(_lives(each) for each in others):
                assert time.monotonic() - began < PATIENCE_SECONDS, f"the others go on:\n{member.tail()}"
                await asyncio.sleep(0.05)
            member.start()
        return at

    async def one_of(self, member: Server, chance: random.Random) -> int:
        """The one process of it, or one of several that the first process has started."""
        began = time.monotonic()
        while self.workers > 1 and not member.announced:
            # Until it runs, whoever of it ends takes all with it.
            assert time.monotonic() - began < PATIENCE_SECONDS, f"it never runs:\n{member.tail()}"
            await asyncio.sleep(0.05)
        return member.pid if self.workers == 1 else chance.choice(family(member.pid)[1:])

    async def killed(self, member: Server, chance: random.Random) -> float:
        """Kills one of its several processes, which is started again by itself; when, in Unix milliseconds."""
        process = await self.one_of(member, chance)
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
        return time.time() * 1000

    async def paused(self, member: Server, seconds: float, chance: random.Random) -> float:
        """Stands still for so long, as on a machine that is moved; from when, in Unix milliseconds."""
        process = await self.one_of(member, chance)
        os.kill(process, signal.SIGSTOP)
        at = time.time() * 1000
        await asyncio.sleep(seconds)
        os.kill(process, signal.SIGCONT)
        return at

    async def supervise(self) -> None:
        """Starts again what was turned away by a database that is not there, as whoever runs it would."""
        while True:
            await asyncio.sleep(0.2)
            async with self._by_hand:
                for member in self.members:
                    if member.process is not None and member.process.poll() is not None:
                        assert self._was_turned_away(member), f"it ended by itself:\n{member.tail()}"
                        self.turned_away += 1
                        member.start()

    def _was_turned_away(self, member: Server) -> bool:
        said = member.tail().splitlines()
        return not member.announced and any(AWAY in line for line in said[-1 if self.workers == 1 else 0 :])

    def _rows(self) -> int:
        """In the database, and in the spools on their way to it."""
        spooled = sum(rows_left(spool) for member in self.serves for spool in spools_of(member.store))
        return spooled + rows_in_database(self.url)

    async def drained(self, within: float) -> float:
        """Returns when no row is left; the seconds that it took."""
        began = time.monotonic()
        while rows := await asyncio.to_thread(self._rows):
            assert time.monotonic() - began < within, f"{rows} rows are left after {within:.0f} s:\n{self.tails()}"
            await asyncio.sleep(0.2)
        return time.monotonic() - began

    async def ended(self) -> None:
        """Asks all to stop. Raises `AssertionError` when one does not end well."""
        async with self._by_hand:
            for member in self.members:
                member.terminate()
            for member in self.members:
                code = await member.ended()
                assert code == 0, f"it ended with {code}:\n{member.tail()}"
                member.process = None

    def migrate(self) -> None:
        """Brings the tables up to date, with the command."""
        command = [sys.executable, "-m", "container", "migrate", "--store", self.url]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def version(self) -> int:
        """Of the tables."""
        return int(self.database.asked("select value from meta where name='schema_version'", DATABASE))

    def cut(self) -> float:
        """Ends every connection to the database; when, in Unix milliseconds."""
        self.database.asked(_CUT)
        return time.time() * 1000

    def tails(self) -> str:
        """The last of what each said."""
        return "\n".join(f"-- {member.folder.name}\n{member.tail()}" for member in self.members)


@asynccontextmanager
async def fleet(
    folder: Path,
    text: str,
    database: Cluster,
    *,
    serves: int,
    delivers: int,
    workers: int = 1,
    spool: bool = False,
    environment: Mapping[str, str] | None = None,
) -> AsyncIterator[Fleet]:
    """One that is started, over tables one version back, so that they can be migrated meanwhile.

    `workers`: processes of each member. `spool`: those that take hits have one, and the order of arrival is kept.
    Whatever of it runs at the end is killed.
    """
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    database.asked(f"create database {DATABASE}")
    own = {"TAG_CONTAINER_KEY": key, "TAG_CONTAINER_STORE": database.url(DATABASE), **(environment or {})}
    migrate_now(database.url(DATABASE), SCHEMA_VERSION - 1)
    if spool:
        keep_arrivals(database.url(DATABASE))
    several = ("--workers", str(workers))

    def member(name: str) -> Server:
        there = folder / name
        there.mkdir()
        (there / "container.yaml").write_text(text, encoding="utf-8")
        if name.startswith("deliver"):
            return Server(there, several, own, command="deliver")
        return Server(there, ("--no-deliver", *several, *(("--spool",) if spool else ())), own)

    found = Fleet(
        [member(f"serve-{number}") for number in range(serves)],
        [member(f"deliver-{number}") for number in range(delivers)],
        database,
        key,
        workers,
    )
    try:
        for each in found.members:
            each.start()
        supervising = asyncio.create_task(found.supervise())
        try:
            yield found
        finally:
            supervising.cancel()
            await asyncio.wait([supervising])
        assert supervising.cancelled(), supervising.exception()
    finally:
        for each in found.members:
            if each.process is not None and each.process.poll() is None:
                each.kill()


def _lives(process: int) -> bool:
    """Whether it has not ended yet. Nobody may have taken note of its end."""
    try:
        return Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
