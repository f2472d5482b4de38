"""One vendor is down for minutes while hits keep coming: nothing is lost, and the other vendor does not notice.

    python -m tests.chaos.outage [--seconds 300] [--rate 500] [--calm 60] [--seed N] [--folder DIR]

Before, the vendor takes everything (the calm); then nobody answers at its port, and in the second half it answers 503;
then it is back. Hits keep coming until what had piled up is delivered.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import uvloop

from benchmarks.figures import Cell, percentile, table
from tests.chaos import client
from tests.chaos.checker import Known, taken_often, violations
from tests.chaos.command import kept, options_of_load
from tests.chaos.ledger import Following, Line, lines_of
from tests.chaos.left import left_in
from tests.chaos.scene import LANES, VISITORS, Server, Vendors, container, names_of, server, vendors

DOWN = ("reset@connect", "status:503")
"""What becomes of requests in the two halves of an outage."""

DOWN_LANE, HEALTHY_LANE = "pixel", "other"
DRAINED_WITHIN_SECONDS = 1800.0
LEAST_DRAINED_A_SECOND = 2000.0
MOST_TIMES_NORMAL = 2.0
_LINGER_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Outage:
    """How long, in seconds, and what the vendor does meanwhile."""

    calm: float
    seconds: float
    rate: float
    seed: int
    verdicts: Sequence[str] = DOWN


@dataclass(slots=True)
class Endured:
    """Milliseconds from an answer to a visitor to the healthy vendor, and what became of the other's rows."""

    calm: list[float] = field(default_factory=list)
    during: list[float] = field(default_factory=list)
    behind: int = 0
    noticed_seconds: float = 0.0
    drain_seconds: float = 0.0
    drained: int = 0
    known: Known | None = None

    @property
    def drained_a_second(self) -> float:
        """Rows of the vendor that was down, from its first answer on until it had caught up."""
        return self.drained / self.drain_seconds if self.drain_seconds else 0.0


async def endure(wanted: Outage, folder: Path) -> Endured:
    """The whole of it."""
    lanes = (DOWN_LANE, HEALTHY_LANE)
    async with vendors(folder, **{lane: [] for lane in lanes}) as sink, server(folder, container(sink.ports)) as target:
        target.start()
        await target.ready()
        visitors = client.Client(
            target.port, wanted.rate, client.purchase(), random.Random(wanted.seed), ledger=folder / VISITORS
        )
        visiting = asyncio.create_task(visitors.run())
        await asyncio.sleep(wanted.calm)
        down = time.time() * 1000
        for verdict in wanted.verdicts:
            await sink.replan(**{DOWN_LANE: [["*", verdict, None]]})
            await asyncio.sleep(wanted.seconds / len(wanted.verdicts))
        up = time.time() * 1000
        await sink.replan(**{DOWN_LANE: []})
        await _caught_up(target, sink, visitors, up)
        visitors.stop()
        await visiting
        await target.drained(DRAINED_WITHIN_SECONDS)
        target.terminate()
        assert await target.ended() == 0, target.tail()
    known = Known(
        acknowledged=visitors.acknowledged,
        sent=visitors.known,
        lines=lines_of(sink.ledger),
        left=left_in(target.store, names_of(sink.ports)),
        lanes={lane: LANES[lane] for lane in lanes},
    )
    return _measured(known, visitors, down=down, up=up)


async def _caught_up(target: Server, sink: Vendors, visitors: client.Client, up: float) -> None:
    """Returns when all that was answered before the vendor was back is delivered."""
    wanted = {each.id for each in visitors.sent if each.acknowledged and each.at < up}
    following, began = Following(sink.ledger), time.monotonic()
    while wanted:
        lines = await asyncio.to_thread(following.read)
        wanted.difference_update(name for line in lines if line.lane == DOWN_LANE for name, _ in line.accepted())
        assert time.monotonic() - began < DRAINED_WITHIN_SECONDS, f"it never caught up:\n{target.tail()}"
        await asyncio.sleep(1.0)


def _measured(known: Known, visitors: client.Client, *, down: float, up: float) -> Endured:
    answered = {each.id: each.at for each in visitors.sent if each.acknowledged}
    came = first_taken(known.lines, HEALTHY_LANE)
    found = Endured(known=known)
    for name, at in answered.items():
        if name in came:
            (found.calm if at < down - _LINGER_SECONDS * 1000 else found.during).append(came[name] - at)
    late = {name: at for name, at in first_taken(known.lines, DOWN_LANE).items() if at >= up}
    behind = [late[name] for name, at in answered.items() if at < up and name in late]
    if behind:
        began, ended = min(behind), max(behind)
        found.behind = len(behind)
        found.noticed_seconds = (began - up) / 1000
        found.drain_seconds = max(ended - began, 1.0) / 1000
        found.drained = sum(began <= at <= ended for at in late.values())
    return found


def first_taken(lines: Sequence[Line], lane: str) -> dict[str, float]:
    """When each event of a lane was taken first."""
    found: dict[str, float] = {}
    for line in lines:
        if line.lane == lane:
            for name, _ in line.accepted():
                found[name] = min(line.at, found.get(name, line.at))
    return found


def report(wanted: Outage, endured: Endured) -> str:
    """A table of it in Markdown."""
    known = endured.known
    assert known is not None
    rows: list[Sequence[Cell]] = [
        ("hits a second", wanted.rate),
        ("down for, s", wanted.seconds),
        ("hits answered with 2xx", len(known.acknowledged)),
        ("hits not answered, or refused", len(set(known.sent) - set(known.acknowledged))),
        ("violations of the invariants", len(violations(known))),
        ("duplicates", sum(count - 1 for count in taken_often(known).values())),
        ("other vendor, answer to arrival, p99 ms: normal", percentile(endured.calm, 0.99)),
        ("other vendor, answer to arrival, p99 ms: meanwhile", percentile(endured.during, 0.99)),
        ("rows that had piled up", endured.behind),
        ("back until the first of them is taken, s", endured.noticed_seconds),
        ("rows a second until it had caught up", endured.drained_a_second),
    ]
    return table(("one vendor down", "measured"), rows)


def main() -> None:
    parser = options_of_load(__doc__)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--calm", type=float, default=60.0)
    chosen = parser.parse_args()
    wanted = Outage(chosen.calm, chosen.seconds, chosen.rate, chosen.seed)
    with kept(chosen) as folder:
        endured = uvloop.run(endure(wanted, folder))
    print(report(wanted, endured))
    assert endured.known is not None
    found = violations(endured.known)
    normal, meanwhile = percentile(endured.calm, 0.99), percentile(endured.during, 0.99)
    if meanwhile > MOST_TIMES_NORMAL * normal:
        found.append(f"the other vendor waited {meanwhile:.0f} ms instead of {normal:.0f}")
    if endured.drained_a_second < LEAST_DRAINED_A_SECOND:
        found.append(f"only {endured.drained_a_second:.0f} rows a second were delivered afterwards")
    if found:
        sys.exit("\n".join(found))


if __name__ == "__main__":
    main()
