"""How several processes appear as one: each tells how it stands, and the one that operators look at adds it up.

Each second a worker sends one datagram, at its end the last one. One that is lost is made up for by the next.
"""

from __future__ import annotations

import asyncio
import os
import socket
import zlib
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from time import monotonic

import orjson

from container.cli.engine import Engine
from container.cli.post import Post
from container.web.metrics import delivery_metrics
from container.web.summed import Figures, added, counted, figures_of, packed, unpacked

EVERY_SECONDS = 1.0
RECENT_SECONDS = 5.0
"""Who has said nothing for so long stands still, or is gone."""

LARGEST_REPORT = 1 << 20
QUICKEST = 1
"""The level of compression: a report has to fit into a datagram, and is read at once."""


@dataclass(frozen=True, slots=True)
class Report:
    """How a process stands. `reasons`: why no traffic should come; `notices`: what somebody should look after."""

    name: str
    process: int
    figures: Figures
    reasons: Sequence[str]
    notices: Sequence[str]


@dataclass(slots=True)
class Reports:
    """What the others have told. `clock`: monotonic, in seconds."""

    clock: Callable[[], float] = monotonic
    _latest: dict[str, tuple[float, Report]] = field(default_factory=dict)
    _gone: Figures = field(default_factory=dict)

    def heard(self, report: Report) -> None:
        """The latest of this process. What the one before it in its place had counted goes on to count."""
        before = self._latest.get(report.name)
        if before is not None and before[1].process != report.process:
            self._gone = added([self._gone, counted(before[1].figures)])
        self._latest[report.name] = self.clock(), report

    def metrics(self) -> Sequence[Figures]:
        """The figures of each process, and of those that are gone."""
        recent = self._recent()
        lost = [counted(report.figures) for _, report in self._latest.values() if report not in recent]
        return [self._gone, *lost, *(report.figures for report in recent)]

    def reasons(self) -> Sequence[str]:
        """Why no traffic should come: what holds for every worker that there is."""
        recent = self._recent()
        if not recent:
            return ["No worker runs: they are starting, or end again and again, see the log."]
        return recent[0].reasons if all(report.reasons for report in recent) else ()

    def notices(self) -> Sequence[str]:
        """What somebody should look after, each sentence once."""
        return list(dict.fromkeys(sentence for report in self._recent() for sentence in report.notices))

    def _recent(self) -> list[Report]:
        now = self.clock()
        return [report for heard, report in self._latest.values() if now - heard < RECENT_SECONDS]


def stand_among(post: Post, engine: Engine, opened: AsyncExitStack) -> Reports | None:
    """Begins to tell the others, or where operators look, to hear them: then it returns what they say."""
    post.reports.setblocking(False)
    if post.admin is None:
        telling = asyncio.create_task(_tell_again_and_again(post, engine))
        opened.callback(_tell, post, engine)
        opened.callback(telling.cancel)
        return None
    reports = Reports()
    engine.health.others = reports
    loop = asyncio.get_running_loop()
    loop.add_reader(post.reports, _hear, post.reports, reports)
    opened.callback(loop.remove_reader, post.reports)
    return reports


def sent(report: Report) -> bytes:
    """As a datagram."""
    told = [report.name, report.process, packed(report.figures), list(report.reasons), list(report.notices)]
    return zlib.compress(orjson.dumps(told), QUICKEST)


def received(datagram: bytes) -> Report:
    """What `sent` made."""
    name, process, figures, reasons, notices = orjson.loads(zlib.decompress(datagram))
    return Report(name, process, unpacked(figures), reasons, notices)


async def _tell_again_and_again(post: Post, engine: Engine) -> None:
    while True:
        _tell(post, engine)
        await asyncio.sleep(EVERY_SECONDS)


def _tell(post: Post, engine: Engine) -> None:
    health = engine.health
    overload = health.overload()
    report = Report(
        post.name,
        os.getpid(),
        figures_of(engine.metrics.registry, delivery_metrics(engine.worker.counters)),
        health.reasons(),
        [*([overload] if overload else ()), *health.notices(), *health.noticed.sentences()],
    )
    # Nobody may be there to hear it, or not in time: the next one says the same and more.
    with suppress(OSError):
        post.reports.send(sent(report))


def _hear(bound: socket.socket, reports: Reports) -> None:
    with suppress(BlockingIOError):
        while datagram := bound.recv(LARGEST_REPORT):
            reports.heard(received(datagram))
