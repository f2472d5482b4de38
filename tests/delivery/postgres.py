"""A PostgreSQL of the tests' own, from Debian's packages: one per process of tests, a new database for each test."""

from __future__ import annotations

import asyncio
import atexit
import os
import signal
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, NoReturn

import psycopg
import pytest

from benchmarks import cluster as made
from benchmarks.machine import family
from container.delivery.postgres import open_postgres
from container.delivery.postgres_patience import connect
from container.delivery.postgres_tables import SCHEMA_VERSION, migrate
from container.delivery.store import Limits
from tests.delivery.harness import run

KEY = "c2hhcmVkIGtleSBvZiAzMiBieXRlcywgZm9yIHRlc3Q="
TEMPLATE = "migrated_{version}"
_NUMBERS = count(1)
_SMALL: Mapping[str, str] = {"shared_buffers": "32MB", "max_connections": "100"}


@dataclass
class Cluster:
    """A server, and the databases of tests in it."""

    server: made.Cluster
    versions: set[int] = field(default_factory=set)

    @property
    def data(self) -> Path:
        """The files of the server."""
        return self.server.data

    def url(self, database: str) -> str:
        return self.server.url(database)

    def start(self) -> None:
        """Returns when it answers."""
        self.server.start()

    def kill(self) -> None:
        """As a crash would end it: nothing is written any more, and its children go as well."""
        self.server.kill()

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """It says nothing, closes nothing, and goes on afterwards as if nothing had been."""
        assert self.server.process is not None
        postmaster = self.server.process.pid
        # The first one before the others, so that it starts no more of them.
        os.kill(postmaster, signal.SIGSTOP)
        members = family(postmaster)
        try:
            for each in members:
                os.kill(each, signal.SIGSTOP)
            yield
        finally:
            for each in members:
                # One that had ended already is buried as soon as the first one goes on.
                with suppress(ProcessLookupError):
                    os.kill(each, signal.SIGCONT)

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


@contextmanager
def cluster(*, safe: bool = False) -> Iterator[Cluster]:
    """A server of one's own, for tests that kill it. Skips the test where PostgreSQL is not installed.

    `safe`: it writes to the disk before it answers, which tests seldom need.
    """
    with ExitStack() as opened:
        try:
            server = opened.enter_context(made.cluster({**_SMALL, **(made.DURABLE if safe else made.QUICK)}))
        except made.MissingError as problem:
            missing(problem)
        yield Cluster(server)


def missing(problem: made.MissingError) -> NoReturn:
    """In continuous integration it has to be there."""
    advice = f"{problem}: apt-get install postgresql"
    if os.environ.get("CI") or os.environ.get("TAG_CONTAINER_CI"):
        pytest.fail(advice, pytrace=False)
    pytest.skip(advice)


def by(role: str, url: str) -> str:
    """The same database, as another role."""
    return url.replace(f"//{made.OWNER}@", f"//{role}@")


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
