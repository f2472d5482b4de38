"""Several processes over one database: those that take hits, those that deliver, and PostgreSQL itself."""

from __future__ import annotations

import asyncio
import base64
import secrets
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.cluster import Cluster
from container.delivery.postgres_tables import SCHEMA_VERSION
from tests.chaos.left import rows_in_database
from tests.chaos.scene import ROOT, Server
from tests.delivery.postgres import migrate_now

DATABASE = "tags"
_CUT = "select pg_terminate_backend(pid) from pg_stat_activity where datname='tags'"


@dataclass(slots=True)
class Fleet:
    """`serves` take hits and deliver nothing, `delivers` deliver. `key`: what `TAG_CONTAINER_KEY` holds."""

    serves: Sequence[Server]
    delivers: Sequence[Server]
    database: Cluster
    key: str

    @property
    def members(self) -> Sequence[Server]:
        return [*self.serves, *self.delivers]

    @property
    def url(self) -> str:
        return self.database.url(DATABASE)

    async def ready(self) -> None:
        """Returns when all take hits, or deliver."""
        await asyncio.gather(*(member.ready() for member in self.members))

    async def drained(self, within: float) -> float:
        """Returns when no row is left; the seconds that it took."""
        began = time.monotonic()
        while rows := await asyncio.to_thread(rows_in_database, self.url):
            assert time.monotonic() - began < within, f"{rows} rows are left after {within:.0f} s:\n{self.tails()}"
            await asyncio.sleep(0.2)
        return time.monotonic() - began

    async def ended(self) -> None:
        """Asks all to stop. Raises `AssertionError` when one does not end well."""
        for member in self.members:
            member.terminate()
        for member in self.members:
            code = await member.ended()
            assert code == 0, f"it ended with {code}:\n{member.tail()}"

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
    environment: Mapping[str, str] | None = None,
) -> AsyncIterator[Fleet]:
    """One that is started, over tables one version back, so that they can be migrated meanwhile.

    Whatever of it runs at the end is killed.
    """
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    database.asked(f"create database {DATABASE}")
    own = {"TAG_CONTAINER_KEY": key, "TAG_CONTAINER_STORE": database.url(DATABASE), **(environment or {})}
    migrate_now(database.url(DATABASE), SCHEMA_VERSION - 1)

    def member(name: str) -> Server:
        there = folder / name
        there.mkdir()
        (there / "container.yaml").write_text(text, encoding="utf-8")
        if name.startswith("deliver"):
            return Server(there, (), own, command="deliver")
        return Server(there, ("--no-deliver",), own)

    found = Fleet(
        [member(f"serve-{number}") for number in range(serves)],
        [member(f"deliver-{number}") for number in range(delivers)],
        database,
        key,
    )
    try:
        for each in found.members:
            each.start()
        yield found
    finally:
        for each in found.members:
            if each.process is not None and each.process.poll() is None:
                each.kill()
