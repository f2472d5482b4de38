"""Reloading: a file is built completely beside the container in force, which then changes at once or not at all."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from watchfiles import awatch

from container.cli.build import Built, tell
from container.config.load import Loaded
from container.delivery.store import StoreError
from container.delivery.told import quoted
from container.web.current import Current, Refusal
from container.web.metrics import Metrics

QUIET_MS, LOOK_EVERY_MS = 200, 1000

logger = logging.getLogger("container.cli")


@dataclass(frozen=True, slots=True)
class Reloader:
    """`build` reads the file anew; `played` gives what the pages say of it; `after` is called once it is in force."""

    build: Callable[[], Built]
    current: Current
    metrics: Metrics
    played: Callable[[Built], str]
    after: Callable[[], Awaitable[object]]
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def reload(self) -> bool:
        """Whether what the file says now is in force. Problems are logged with line and column. One at a time."""
        async with self._turn:
            return await self._reload()

    async def _reload(self) -> bool:
        kept = self.current.container.version
        try:
            built = await asyncio.to_thread(self.build)
        except OSError as problem:
            self.metrics.reload_refused()
            reason = problem.strerror or "it cannot be read"
            self._refused(problem.filename, [reason])
            logger.error("config.refused reason=%s kept=%s", quoted(reason), kept)  # noqa: TRY400  # the reason says it all
            return False
        if built.container is None:
            self.metrics.reload_refused()
            errors, every = said_of(built.loaded, only="error"), len(built.loaded.problems)
            logger.error("config.refused problems=%d errors=%d kept=%s", every, len(errors), kept)
            tell_problems(built.loaded)
            self._refused(built.loaded.filename, errors)
            return False
        self.current.container, self.current.live = built.container, built.live
        self.current.refusal = None
        self.metrics.reloaded(built.container.version)
        logger.info("config.reloaded version=%s was=%s", built.container.version, kept)
        tell_problems(built.loaded)
        self.current.notice = self.played(built)
        tell(built)
        await resume(self.after)
        return True

    def _refused(self, filename: str, said: Sequence[str]) -> None:
        """The pages show it until a reload succeeds; `said`: what is wrong, never empty."""
        before = self.current.refusal
        times = 1 if before is None else before.times + 1
        self.current.refusal = Refusal(int(time.time() * 1000), filename, said[0], problems=len(said), times=times)

    async def whenever(self, wanted: asyncio.Event) -> None:
        """Reloads each time it is wanted, until it is cancelled."""
        while True:
            await wanted.wait()
            wanted.clear()
            await self.reload()


def tell_problems(found: Loaded) -> None:
    """Each problem as a line of the log."""
    for problem, said in zip(found.problems, said_of(found), strict=True):
        level = logging.ERROR if problem.level == "error" else logging.WARNING
        logger.log(level, "config.problem %s", quoted(said))


def said_of(found: Loaded, *, only: str = "") -> list[str]:
    """Each problem in one line, without the line of the file, and with what to do. `only`: of this level."""
    return [
        f"{found.filename}:{each.line}:{each.column}: {each.level}[{each.code}] {each.sentence}"
        + (f" (hint: {each.hint})" if each.hint else "")
        for each in found.problems
        if only in ("", each.level)
    ]


async def resume(probes: Callable[[], Awaitable[object]]) -> None:
    """Has lanes that hold still tried at once. A store that refuses is told of, and deliveries go on as they were."""
    try:
        await probes()
    except StoreError as problem:
        logger.warning("config.probe_failed reason=%s", quoted(str(problem)))


async def watch(path: Path, known: bytes, wanted: asyncio.Event) -> None:
    """Asks for a reload whenever the file's digest is no longer the known one, until it is cancelled.

    Looks at the folder, because editors and mounted volumes replace a file rather than change it, and once a second
    besides, because some file systems report nothing. Waits until a file that is being written has come to rest.
    """
    async for _ in awatch(
        path.parent, recursive=False, step=QUIET_MS, yield_on_timeout=True, rust_timeout=LOOK_EVERY_MS
    ):
        found = digest(path)
        if found != known:
            known = found
            wanted.set()


def digest(path: Path) -> bytes:
    """A digest of the file's content, empty when it cannot be read."""
    try:
        return sha256(path.read_bytes()).digest()
    except OSError:
        return b""
