"""A PostgreSQL of the tests' own, from Debian's packages: one per process of tests, a new database for each test."""

from __future__ import annotations

import asyncio
import atexit
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest

from container.delivery.postgres import open_postgres
from container.delivery.postgres_connecting import connect
from container.delivery.postgres_tables import SCHEMA_VERSION, migrate
from container.delivery.store import Limits
from tests.delivery.harness import run

KEY = "c2hhcmVkIGtleSBvZiAzMiBieXRlcywgZm9yIHRlc3Q="
USER = "tests"
TEMPLATE = "migrated_{version}"
_NUMBERS = count(1)
_QUICK = ("-c", "fsync=off", "-c", "full_page_writes=off")
_SETTINGS = ("-c", "listen_addresses=127.0.0.1", "-c", "shared_buffers=32MB", "-c", "max_connections=100")


@dataclass
class Cluster:
    """A server in a temporary folder. `safe`: it writes to the disk before it answers, which tests seldom need."""

    folder: Path
    programs: Path
    port: int
    safe: bool = False
    process: subprocess.Popen[bytes] | None = None
    versions: set[int] = field(default_factory=set)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def url(self, database: str) -> str:
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"

    def make(self) -> None:
        """The files, once."""
        self._run("initdb", "-D", str(self.data), "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")

    def start(self) -> None:
        """Returns when it answers."""
        quick = () if self.safe else _QUICK
        command = [*_as_other(), str(self.programs / "postgres"), "-D", str(self.data), "-p", str(self.port)]
        command += ["-k", str(self.folder), *_SETTINGS, *quick]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd="/")
        until = time.monotonic() + 60
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > until:
                raise RuntimeError((self.folder / "log").read_text())
            time.sleep(0.05)

    def kill(self) -> None:
        """As a crash would end it: nothing is written any more, and its children go as well."""
        if self.process is not None:
            # Immediate shutdown: no checkpoint, no goodbye; the next start recovers from the log.
            os.kill(self._postmaster(), 3)
            self.process.wait()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            os.kill(self._postmaster(), 2)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def database(self, version: int = SCHEMA_VERSION) -> str:
        """The address of a new database with tables of this version, 0 for none."""
        name = f"test_{next(_NUMBERS)}"
        template = self._template(version) if version else "template0"
        self.execute(f'create database {name} template "{template}"')
        return self.url(name)

    def drop(self, url: str) -> None:
        self.execute(f"drop database {url.rpartition('/')[2]} with (force)")

    def execute(self, query: str) -> None:
        execute(self.url("postgres"), query)

    def _template(self, version: int) -> str:
        name = TEMPLATE.format(version=version)
        if version not in self.versions:
            self.execute(f'create database "{name}" template template0')
            migrate_now(self.url(name), version)
            self.versions.add(version)
        return name

    def _answers(self) -> bool:
        try:
            self.execute("select 1")
        except psycopg.OperationalError:
            return False
        return True

    def _postmaster(self) -> int:
        return int((self.data / "postmaster.pid").read_text().split()[0])

    def _run(self, program: str, *arguments: str) -> None:
        command = [*_as_other(), str(self.programs / program), *arguments]
        found = subprocess.run(command, capture_output=True, check=False, cwd="/")
        if found.returncode:
            raise RuntimeError(found.stderr.decode())


@contextmanager
def cluster(*, safe: bool = False) -> Iterator[Cluster]:
    """A server of one's own, for tests that kill it. Skips the test where PostgreSQL is not installed."""
    programs = found_programs()
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    made = Cluster(folder, programs, _free_port(), safe=safe)
    try:
        if _as_other():
            account = pwd.getpwnam("nobody")
            os.chown(folder, account.pw_uid, account.pw_gid)
        made.make()
        made.start()
        yield made
    finally:
        made.stop()
        shutil.rmtree(folder, ignore_errors=True)


def found_programs() -> Path:
    """Where `initdb` and `postgres` are. In continuous integration they have to be there."""
    places = [*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    in_path = shutil.which("initdb")
    places += [Path(in_path).resolve().parent] if in_path else []
    for place in places:
        if (place / "initdb").exists() and (place / "postgres").exists():
            return place
    if os.environ.get("CI") or os.environ.get("TAG_CONTAINER_CI"):
        pytest.fail("PostgreSQL is not installed: apt-get install postgresql", pytrace=False)
    pytest.skip("PostgreSQL is not installed: apt-get install postgresql")


def execute(url: str, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
    """What a statement finds, from outside of any store."""
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(query, values or None)
        return cursor.fetchall() if cursor.description else []


def migrate_now(url: str, version: int = SCHEMA_VERSION) -> list[str]:
    """As the command does it; also within a test whose loop is running."""

    async def work() -> list[str]:
        async with await connect(url) as connection:
            return await migrate(connection, wanted=version)

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work()).result()


def play(url: str, scenario: Callable[..., Awaitable[None]], *, stores: int = 1, limits: Limits | None = None) -> None:
    """Runs a scenario on so many stores of one database."""

    async def whole() -> None:
        opened = [await open_postgres(url, key=KEY, limits=limits or Limits()) for _ in range(stores)]
        try:
            await scenario(*opened)
        finally:
            for store in opened:
                await store.close()

    run(whole())


@cache
def running() -> Cluster:
    """The server that the tests of this process share; it ends with the process."""
    opened = ExitStack()
    atexit.register(opened.close)
    return opened.enter_context(cluster())


def _as_other() -> tuple[str, ...]:
    """PostgreSQL does not run as root."""
    return () if os.getuid() else ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--")


def _free_port() -> int:
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
