"""How several processes appear as one: each says how it stands, and the one that operators look at adds it up.

Each second, and at its end once more, a process writes it on a board that the leader made. Whoever is started in the
place of another goes on from what that one had counted, so no figure falls, whichever of them dies.
"""

from __future__ import annotations

import asyncio
import logging
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from time import monotonic

import orjson

from container.cli.board import Place
from container.cli.engine import Engine
from container.cli.post import Post
from container.delivery.outcomes import Outcomes, RequestOutcome
from container.delivery.told import quoted
from container.web.metrics import delivery_metrics
from container.web.summed import Figures, added, bounded, counted, figures_of, packed, unpacked

EVERY_SECONDS = 1.0
RECENT_SECONDS = 5.0
"""Who has said nothing for so long stands still, or is gone."""

MOST_OUTCOMES_TOLD = 1000
MOST_BEFORE = 1000
"""So many series are gone on from. What a process counts itself has its own bound, and both are in its place."""

QUICKEST = 1
"""The level of compression: a report is made each second, and read at once."""


logger = logging.getLogger("container.cli")


@dataclass(frozen=True, slots=True)
class Report:
    """How a process stands, with all that those before it in its place had counted.

    `at`: when it was written, in monotonic seconds of the machine. `reasons`: why no traffic should come; `notices`:
    what somebody should look after. `outcomes`: of the latest requests, the newest last.
    """

    at: float
    figures: Figures
    reasons: Sequence[str] = ()
    notices: Sequence[str] = ()
    outcomes: Sequence[RequestOutcome] = ()


NOTHING = Report(float("-inf"), {})
"""Of a process that never said how it stands."""


@dataclass(slots=True)
class Reports:
    """What the others say. `places`: where they do. `clock`: monotonic, in seconds.

    `before`: what those had counted that were in this process's own place.
    """

    places: Sequence[Place]
    before: Figures = field(default_factory=dict)
    clock: Callable[[], float] = monotonic
    _read: dict[int, tuple[bytes, Report]] = field(default_factory=dict)

    def metrics(self) -> Sequence[Figures]:
        """The figures of each, of one that is gone only what it had counted."""
        told = [each.figures if self._is_recent(each) else counted(each.figures) for each in self._told()]
        return [self.before, *told]

    def reasons(self) -> Sequence[str]:
        """Why no traffic should come: what holds for every worker that there is."""
        recent = self._recent()
        if not recent:
            return ["No worker runs: they are starting, or end again and again, see the log."]
        return recent[0].reasons if all(report.reasons for report in recent) else ()

    def notices(self) -> Sequence[str]:
        """What somebody should look after, each sentence once."""
        return list(dict.fromkeys(sentence for report in self._recent() for sentence in report.notices))

    def latest(self, most: int) -> Mapping[int, list[RequestOutcome]]:
        """`Latest`: the requests of all of them."""
        return self._outcomes().latest(most)

    def of_lane(self, lane: int, most: int) -> list[RequestOutcome]:
        return self._outcomes().of_lane(lane, most)

    def _outcomes(self) -> Outcomes:
        found = Outcomes()
        found.extend(sorted((each for report in self._told() for each in report.outcomes), key=lambda each: each.at))
        return found

    def _recent(self) -> list[Report]:
        return [report for report in self._told() if self._is_recent(report)]

    def _is_recent(self, report: Report) -> bool:
        return self.clock() - report.at < RECENT_SECONDS

    def _told(self) -> list[Report]:
        """The latest of each. What is as it was is not read again."""
        found = []
        for number, place in enumerate(self.places):
            content = place.read()
            if number not in self._read or self._read[number][0] != content:
                self._read[number] = content, received(content)
            found.append(self._read[number][1])
        return found


@dataclass(slots=True)
class Telling:
    """Writes a report into its place. What fails is told once, and tried again: silence would mean that it is gone."""

    place: Place
    report: Callable[[], Report]
    _trouble: str = ""

    def __call__(self) -> None:
        problem: Exception | None = None
        try:
            trouble = "" if _tell(self.place, self.report()) else "it is too long for its place"
        except Exception as caught:  # noqa: BLE001 - a mistake of ours, and the process itself works
            problem, trouble = caught, type(caught).__name__
        if trouble and trouble != self._trouble:
            logger.error("serve.not_told reason=%s", quoted(trouble), exc_info=problem)
        self._trouble = trouble


def stand_among(post: Post, engine: Engine, opened: AsyncExitStack) -> Reports | None:
    """Begins to tell the others; what they say, for the process where operators look."""
    last = received(post.place.read())
    before = bounded(counted(last.figures), MOST_BEFORE)
    engine.worker.outcomes.extend(last.outcomes)

    tell = Telling(post.place, lambda: _report(engine, before))
    telling = asyncio.create_task(_again_and_again(tell))
    opened.callback(tell)
    opened.callback(telling.cancel)
    if post.admin is None:
        return None
    reports = Reports(post.others, before)
    engine.health.others = reports
    return reports


def sent(report: Report) -> bytes:
    """As it is written down."""
    outcomes = [[*each] for each in report.outcomes]
    told = [report.at, packed(report.figures), list(report.reasons), list(report.notices), outcomes]
    return zlib.compress(orjson.dumps(told), QUICKEST)


def received(content: bytes) -> Report:
    """What `sent` made; of an empty place nothing."""
    if not content:
        return NOTHING
    at, figures, reasons, notices, outcomes = orjson.loads(zlib.decompress(content))
    return Report(at, unpacked(figures), reasons, notices, [RequestOutcome(*each) for each in outcomes])


async def _again_and_again(tell: Callable[[], None]) -> None:
    while True:
        tell()
        await asyncio.sleep(EVERY_SECONDS)


def _report(engine: Engine, before: Figures) -> Report:
    health = engine.health
    overload = health.overload()
    return Report(
        monotonic(),
        added([before, figures_of(engine.metrics.registry, delivery_metrics(engine.worker.counters))]),
        health.reasons(),
        [*([overload] if overload else ()), *health.notices(), *health.noticed.sentences()],
        engine.worker.outcomes.last(MOST_OUTCOMES_TOLD),
    )


def _tell(place: Place, report: Report) -> bool:
    return place.write(sent(report)) or place.write(sent(replace(report, outcomes=())))
