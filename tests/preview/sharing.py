"""Processes that share the sessions of preview on one database: each its own sessions, recorder and connections."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from container.delivery.postgres_connecting import Database
from container.delivery.postgres_patience import named
from container.delivery.postgres_previews import MOST_BYTES, PostgresPreviews
from container.delivery.seal import shared_keyring
from container.delivery.store import StoreUnavailableError
from container.preview.bench import RefusedError
from container.preview.drafts import Draft, Live, drafted
from container.preview.outbox import Unshared
from container.preview.recorder import Recorder
from container.preview.sessions import Session, Sessions
from container.preview.shared import Shared, share
from tests.delivery.postgres import KEY, execute
from tests.preview.lives import TEXT, live
from tests.preview.parts import Stage, Vendor, stage
from tests.web.parts import NOW

EVERY = 0.02
PATIENT = 60.0
FILE = live()
DRAFT = TEXT.replace("L-1", "L-2")


@dataclass
class Time:
    """What all processes of a test go by. `now`: Unix seconds."""

    now: float = float(NOW)


@dataclass
class Process:
    """`away`: why it cannot ask the database, empty while it can. `file`: the one in force, `None` for none."""

    stage: Stage
    database: Database
    table: PostgresPreviews
    time: Time
    away: str = ""
    file: Live | None = FILE
    others: list[Process] = field(default_factory=list)
    counted: Counter[Unshared] = field(default_factory=Counter)
    shared: Shared = field(init=False)

    @property
    def sessions(self) -> Sessions:
        return self.stage.sessions

    @property
    def recorder(self) -> Recorder:
        return self.stage.recorder

    @property
    def vendor(self) -> Vendor:
        return self.stage.vendor

    def asked(self) -> PostgresPreviews:
        if self.away:
            raise StoreUnavailableError(self.away)
        return self.table

    def in_force(self) -> Live:
        if self.file is None:
            raise RefusedError("there is none")
        return self.file

    async def start(self) -> Session:
        """A session that all of the test know: they look so often that one look takes longer than what is between."""
        session = self.sessions.start(self.time.now)
        await self.shared.started(session)
        await until(lambda: all(each.knows(session) for each in self.others))
        return session

    def find(self, session: Session) -> Session:
        """The same session as this process has it."""
        found = self.sessions.of(session.id, self.time.now)
        assert found is not None
        return found

    def knows(self, session: Session) -> bool:
        return session.id in {each.id for each in self.sessions.all(self.time.now)}


@asynccontextmanager
async def process(
    url: str,
    *,
    time: Time | None = None,
    key: str = KEY,
    every: float = EVERY,
    sure: float = PATIENT,
    monotonic: Callable[[], float] = time.monotonic,
    most_bytes: int = MOST_BYTES,
    away: str = "",
    file: Live | None = FILE,
) -> AsyncIterator[Process]:
    database = Database(named(url, "tests"))
    await database.open()
    async with stage() as here:
        found = time or Time()
        here.recorder.clock = lambda: found.now
        table = PostgresPreviews(database, shared_keyring(key), most_bytes=most_bytes)
        one = Process(here, database, table, found, away=away, file=file)
        one.shared = await share(
            here.sessions,
            one.asked,
            one.in_force,
            clock=lambda: found.now,
            counted=lambda what: one.counted.update([what]),
            every=every,
            sure=sure,
            monotonic=monotonic,
        )
        try:
            yield one
        finally:
            await one.shared.close()
            await database.close()


@asynccontextmanager
async def processes(url: str, number: int = 2, **more: Any) -> AsyncIterator[list[Process]]:
    """So many, which go by the same time."""
    now = Time()
    async with AsyncExitStack() as opened:
        found = [await opened.enter_async_context(process(url, time=now, **more)) for _ in range(number)]
        for each in found:
            each.others = found
        yield found


async def until(holds: Callable[[], object]) -> None:
    """Returns when it is so; looks do not take long, but a machine may be busy."""
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110 - what is waited for happens in the database
            await asyncio.sleep(0.005)


def left(url: str) -> list[int]:
    tables = ("preview_session", "preview_code", "preview_record")
    return [execute(url, f"select count(*) from {table}")[0][0] for table in tables]  # noqa: S608 - constants


Scenario = Callable[[Process, Process], Awaitable[None]]


def play(url: str, scenario: Scenario, **more: Any) -> None:
    """Runs a scenario on two processes."""

    async def whole() -> None:
        async with processes(url, **more) as (one, other):
            await scenario(one, other)

    asyncio.run(whole())


def a_draft() -> Draft:
    found = drafted(DRAFT, FILE)
    assert isinstance(found, Draft)
    return found
